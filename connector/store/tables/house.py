"""The tables of the house itself: providers, channels, activities, rules, wishes, events, runs."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from connector.store.columns import Exact, when


class Provider(SQLModel, table=True):
    """An accredited provider; environment and host are written at first use and never change."""

    id: str = Field(primary_key=True)  # ACCME's 7 digits, as text
    environment: str
    host: str
    first_used_at: datetime | None = when()


class Channel(SQLModel, table=True):
    """A provider's way to PARS, with its circuit."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    kind: str  # xml-service, json-service, ...
    circuit: str = "closed"  # closed: sending; open: stopped, probed at next_at
    failures: int = 0
    code: str = ""  # why it is open; while it is closed: on trial after that
    opened_at: datetime | None = when()
    next_at: datetime | None = when()
    last_word_at: datetime | None = when()

    __table_args__ = (UniqueConstraint("provider_id", "kind"),)


class MappingVersion(SQLModel, table=True):
    """The rules as they were active; statements name the version that mapped them."""

    __tablename__ = "mapping_version"

    id: int = Field(default=None, primary_key=True)
    hash: str = Field(unique=True)
    files: dict[str, str] = Field(sa_type=JSON)
    activated_at: datetime | None = when()
    active: bool = False


class Wish(SQLModel, table=True):
    """What a command or page asks the daemon to do."""

    id: int = Field(default=None, primary_key=True)
    kind: str
    args: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    by: str
    at: datetime | None = when()
    done_at: datetime | None = when()
    result: str = ""

    __table_args__ = (
        Index("ix_wish_open", "kind", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    )


class Event(SQLModel, table=True):
    """Append-only: every move of a credit and every stop of a channel or source. Codes and ids, no personal value."""

    id: int = Field(default=None, primary_key=True)
    at: datetime | None = when(index=True)
    subject: str  # credit | channel | source | mapping | award
    subject_id: str = Field(index=True)
    what: str
    from_state: str = ""
    to_state: str = ""
    code: str = ""
    by: str = ""


class Run(SQLModel, table=True):
    """One run of one stage that did something or failed; an unknown exception leaves its type here, never its text."""

    id: int = Field(default=None, primary_key=True)
    stage: str
    owner: str
    started_at: datetime | None = when()
    ended_at: datetime | None = when()
    counts: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    error: str = ""


class Release(SQLModel, table=True):
    """A person has looked at an activity's first records (`release: manual`)."""

    provider_id: str = Field(primary_key=True, foreign_key="provider.id")
    activity_id: str = Field(primary_key=True)
    by: str
    at: datetime | None = when()


class ActivityRow(SQLModel, table=True):
    """What we know of an activity: the provider's sheet first, PARS's own answer later."""

    __tablename__ = "activity"

    provider_id: str = Field(primary_key=True, foreign_key="provider.id")
    activity_id: str = Field(primary_key=True)
    title: str
    format: str = ""
    start: date | None = None
    end: date | None = None
    credits: Decimal | None = Field(default=None, sa_type=Exact)
    boards: list[str] = Field(default_factory=list, sa_type=JSON)
    credit_claim_date: date | None = None
    rems_type: str = ""
    rems_rpc_id: str = ""
    loaded_at: datetime | None = when()
