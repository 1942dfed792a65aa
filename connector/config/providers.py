"""`providers` of config.yaml: who reports to PARS, and by which channel."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connector.config.values import Duration, Secret, Zone, web_address
from connector.records import Frozen


class ParsLogin(Frozen):
    """What ACCME issues to a provider for its web services."""

    provider_id: str
    user: str
    password: Secret


ChannelKind = Literal["xml-service", "json-service"]


class ProviderConfig(Frozen):
    """One accredited provider and its way to PARS."""

    id: Annotated[str, Field(pattern=r"^\d{7}$")]
    name: Annotated[str, Field(min_length=1)]
    zone: Zone
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$")]
    environment: Literal["rehearsal", "test", "production"]
    channel: ChannelKind = "xml-service"
    base_url: Annotated[str, AfterValidator(lambda value: value and web_address(value))] = (
        ""  # in place of the wire table's, for ACCME's test host and for rehearsals
    )
    credentials: ParsLogin
    identifier_order: tuple[Literal["NPI", "state"], ...] = ("NPI", "state")
    activities: Path | None = None
    send: Literal["on", "off"] = "on"
    release: Literal["automatic", "manual"] = "automatic"
    send_after: Duration = timedelta(0)
