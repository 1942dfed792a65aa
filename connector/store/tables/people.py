"""The tables of learners: who they are, under which keys, and what was reported of them elsewhere."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from connector.store.columns import json_, when


class LearnerRow(SQLModel, table=True):
    """A person, as sources and fixes made him; values are personal and leave this table only masked."""

    __tablename__ = "learner"

    id: int = Field(default=None, primary_key=True)
    given_name: str | None = Field(default=None, repr=False)
    family_name: str | None = Field(default=None, repr=False)
    birth_day: str | None = Field(default=None, repr=False)
    ids: dict[str, str] = Field(default_factory=dict, sa_type=JSON, repr=False)
    profession: str = ""
    rems: dict[str, str] = Field(default_factory=dict, sa_type=JSON, repr=False)
    origins: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    merged_into: int | None = Field(default=None, foreign_key="learner.id")
    disputes: list[dict[str, Any]] | None = json_()  # records.Dispute: what the sources do not agree on
    ids_since: dict[str, str] | None = json_()  # domain -> when the id that stands there now was first seen
    found: bool = False  # some source knows this person
    fetched_at: datetime | None = when()

    __table_args__ = (
        Index(
            "ix_learner_anew",
            "id",
            sqlite_where=text("fetched_at IS NULL"),
            postgresql_where=text("fetched_at IS NULL"),
        ),
    )


class LearnerKey(SQLModel, table=True):
    """One actor key of one learner, and who said so."""

    __tablename__ = "learner_key"

    actor_key: str = Field(primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    origin: str


class LearnerSign(SQLModel, table=True):
    """What finds a learner by the person of a sheet (`pars.identity.signs`)."""

    __tablename__ = "learner_sign"

    sign: str = Field(primary_key=True, repr=False)
    learner_id: int = Field(primary_key=True, foreign_key="learner.id", index=True)


class LearnerFix(SQLModel, table=True):
    """A correction by a person; it holds until the source's own value changes, and is kept after that."""

    __tablename__ = "learner_fix"

    id: int = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    field: str  # given_name, family_name, birth_day, profession, ids.NPI, ids.CA, ...; actor_name: this name is his too
    value: str = Field(repr=False)
    replaced_hash: str
    by: str
    at: datetime | None = when()
    ended_at: datetime | None = when()


class ConsentRow(SQLModel, table=True):
    """When and where a learner gave or withdrew the permission to report; the newest row counts."""

    __tablename__ = "consent"

    id: int = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    given: bool
    at: date | None = None
    origin: str
    seen_at: datetime | None = when()


class Reported(SQLModel, table=True):
    """A row of a sheet that PARS already has: what it reports is never sent again (`baseline import`)."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    activity_id: str
    completed_on: date
    kind: str  # cme | moc
    board: str = ""
    ids: dict[str, str] = Field(default_factory=dict, sa_type=JSON, repr=False)  # domain -> value
    given_name: str = Field(default="", repr=False)
    family_name: str = Field(default="", repr=False)
    birth_day: str = Field(default="", repr=False)
    origin: str  # file and line
    digest: str = Field(unique=True)  # the same row of another file is the same report
    imported_at: datetime | None = when()

    __table_args__ = (Index("ix_reported_activity", "provider_id", "activity_id"),)


class ReportedSign(SQLModel, table=True):
    """What finds a row of a baseline by the person it names (`pars.identity.signs`)."""

    __tablename__ = "reported_sign"

    sign: str = Field(primary_key=True, repr=False)
    reported_id: int = Field(primary_key=True, foreign_key="reported.id", index=True)
