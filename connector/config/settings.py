"""The other sections of config.yaml: patience, store, schedule, web, log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connector.config.values import Duration, is_loopback
from connector.records import Frozen


class ParsConfig(Frozen):
    """Patience with PARS."""

    settle: Duration = timedelta(minutes=15)
    ask_first_after: Duration = timedelta(hours=1)
    ask_every: Duration = timedelta(minutes=30)
    retry_first: Duration = timedelta(seconds=30)
    retry_most: Duration = timedelta(hours=1)
    timeout: Duration = timedelta(seconds=60)
    ca_bundle: Path | None = None
    probe: Duration = timedelta(minutes=5)
    most_withdrawals: Annotated[int, Field(ge=0)] = 10


class RecordConfig(Frozen):
    """CME and MOC of one completion leave together, REMS at another time."""

    wait: Duration = timedelta(days=7)
    rems_delay: Duration = timedelta(hours=6)


class ValidationConfig(Frozen):
    """How strictly the gates judge."""

    strict: bool = False
    recheck: Duration = timedelta(hours=1)


class StoreConfig(Frozen):
    """The database: SQLite by default, PostgreSQL for more than one machine."""

    url: str = "sqlite:///data/pars-connector.db"
    rems_key: Path = Path("data/rems.key")


class ScheduleConfig(Frozen):
    """How often the daemon takes a turn; sources have their own `every`."""

    digest: Duration = timedelta(seconds=5)  # mapping, learners, validation
    submission: Duration = timedelta(seconds=5)
    reconciliation: Duration = timedelta(seconds=30)
    desk: Duration = timedelta(seconds=30)


class Tls(Frozen):
    """The connector's own certificate."""

    certificate: Path
    key: Path


class WebConfig(Frozen):
    """Health, metrics and the inlet, on loopback."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8417
    tls: Tls | None = None
    behind_proxy: bool = False

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


class LogConfig(Frozen):
    """How the log is written."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
