"""The tables of the desk: what PARS says of learners, near misses, who was told, what was written back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from connector.store.columns import json_, when


class LearnerMatch(SQLModel, table=True):
    """PARS's answer to GetLearnerMatch about one learner under one identifier, as he was known when it was asked."""

    __tablename__ = "learner_match"

    learner_id: int = Field(primary_key=True, foreign_key="learner.id")
    provider_id: str = Field(primary_key=True, foreign_key="provider.id")
    domain: str = Field(primary_key=True)
    identity: str  # hash of names, birth day and id: another one, and the answer holds no more
    found: str  # exchange.MatchAnswer: yes | no | several | unknown; unclear: asked, and no readable answer
    code: str = ""
    words: str = Field(default="", repr=False)
    asked: int = 0
    asked_at: datetime | None = when()
    next_at: datetime | None = when(index=True)  # asked again: the id may be too new for PARS
    told_at: datetime | None = when()  # the WARNING line stands in the log


class Suggestion(SQLModel, table=True):
    """A near miss: another value under which PARS may know this learner; a person applies it, nobody else."""

    id: int = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id")
    provider_id: str = Field(foreign_key="provider.id")
    domain: str  # of the identifier that PARS was asked under
    identity: str  # of the learner for whom it was made (LearnerMatch.identity)
    rank: int
    cause: str  # our code: near.birth_day_swapped, ...
    corrected: dict[str, str] = Field(sa_type=JSON, repr=False)  # field -> value, as LearnerFix has them
    answer: str = ""  # "" not asked; else as LearnerMatch.found; only a yes makes it sure
    asked_at: datetime | None = when()  # without an answer: when PARS refused to be asked

    __table_args__ = (
        Index("ix_suggestion_case", "learner_id", "provider_id", "domain", "identity"),
        Index(
            "ix_suggestion_untried",
            "provider_id",
            "rank",
            "id",
            sqlite_where=text("answer = ''"),
            postgresql_where=text("answer = ''"),
        ),
    )


class Notice(SQLModel, table=True):
    """What somebody is or was told; written before it is sent. Its subject is a number or a day, never a name."""

    id: int = Field(default=None, primary_key=True)
    kind: str  # digest:to:SALT:HASH of the address | learner | learners, the day's plan
    subject: str  # the day of a digest, the number of a learner
    fingerprint: str  # of what it says: an unchanged case is not told again
    told: dict[str, Any] | None = json_()  # what it says, in numbers and codes; of a digest only the newest keeps it
    made_at: datetime | None = when()
    sent_at: datetime | None = when()
    attempts: int = 0
    next_at: datetime | None = when()
    code: str = ""

    __table_args__ = (UniqueConstraint("kind", "subject", "fingerprint"),)


class WrittenBack(SQLModel, table=True):
    """A statement of ours about one credit that goes to the LRS; written before it is posted."""

    __tablename__ = "written_back"

    event_id: int = Field(primary_key=True, foreign_key="event.id")  # the move that it tells
    credit_pk: int = Field(foreign_key="credit.id", index=True)
    source_id: str  # empty: it is told to nobody, `code` says why
    statement_id: str = Field(index=True)
    posted_at: datetime | None = when()
    attempts: int = 0
    next_at: datetime | None = when()
    code: str = ""

    __table_args__ = (
        Index(
            "ix_written_back_open",
            "source_id",
            "event_id",
            sqlite_where=text("posted_at IS NULL"),
            postgresql_where=text("posted_at IS NULL"),
        ),
    )
