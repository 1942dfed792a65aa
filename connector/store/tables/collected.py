"""The tables of what collection read, and of what mapping made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from connector.store.columns import bytes_, json_, when

# A question that is to use one of these indexes repeats its text: SQLite must be able to prove that the question fits.
_NO_AWARD = "outcome = 'completion' AND award_id IS NULL"
OPEN = f"{_NO_AWARD} AND reason <> 'evidence.missing' AND reason <> 'evidence.expired'"
WAITING = f"{_NO_AWARD} AND reason IN ('evidence.missing', 'evidence.expired')"


class Source(SQLModel, table=True):
    """One LRS query with its cursor; only the server's own clock moves `high_water` back (decision 12)."""

    id: str = Field(primary_key=True)  # the name in config.yaml
    fingerprint: str  # endpoint and filters: a changed one starts a new cursor
    start_from: datetime | None = when()
    high_water: datetime | None = when()
    consistent_through: datetime | None = when()
    circuit: str = "closed"
    code: str = ""
    failures: int = 0
    next_at: datetime | None = when()
    next_sweep_at: datetime | None = when()
    last_success_at: datetime | None = when()
    last_news_at: datetime | None = when()  # when it last had a statement that was new
    longest_quiet_s: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # between two such moments
    quiet_said_at: datetime | None = when()  # the alarm was given, and nothing has come since
    lease_owner: str = ""
    lease_until: datetime | None = when()


class StatementRow(SQLModel, table=True):
    """One statement as received; its key is remembered for ever, `raw` only as long as retention says."""

    __tablename__ = "statement"

    id: int = Field(default=None, primary_key=True)
    source_id: str = Field(foreign_key="source.id")
    statement_id: str  # lower case; `raw:<sha256>` when the statement has no readable id
    stored: datetime | None = when()
    timestamp: datetime | None = when()
    actor_key: str = Field(default="", index=True)
    members: list[str] | None = json_()  # the actor keys of a group that is fanned out
    verb: str = ""
    object_id: str = ""
    registration: str = ""
    content_key: str = Field(default="", index=True)
    duplicate_of: int | None = Field(default=None, foreign_key="statement.id")
    voids: str = ""  # the statement id this one voids
    problem: dict[str, Any] | None = json_()  # why it cannot be read at all
    received_at: datetime | None = when()
    mapped_with: int | None = Field(default=None, foreign_key="mapping_version.id", index=True)
    raw: bytes | None = bytes_()

    __table_args__ = (UniqueConstraint("source_id", "statement_id"),)


class Voided(SQLModel, table=True):
    """A statement id that was voided, also when the statement has not been seen yet."""

    source_id: str = Field(primary_key=True, foreign_key="source.id")
    statement_id: str = Field(primary_key=True)
    by_statement: int = Field(foreign_key="statement.id")
    at: datetime | None = when()


class EvidenceRow(SQLModel, table=True):
    """Exactly one outcome per statement, learner and rule (promise P1)."""

    __tablename__ = "evidence"

    id: int = Field(default=None, primary_key=True)
    statement_pk: int = Field(foreign_key="statement.id", index=True)
    actor_key: str = Field(default="", index=True)
    rule: str
    rule_hash: str
    outcome: str  # completion | evidence | ignored | problem
    reason: str = ""  # of a completion without award: `evidence.missing`, `evidence.expired`
    problem: dict[str, Any] | None = json_()
    completion: dict[str, Any] | None = json_()  # records.Completion, or records.Evidence
    award_id: int | None = Field(default=None, foreign_key="award.id", index=True)
    left_award: int | None = None  # the award that a plan took it from, until that award was followed
    standing: bool = True  # False once voided
    next_at: datetime | None = when()  # its date or its evidence is open: when it is looked at again

    __table_args__ = (
        UniqueConstraint("statement_pk", "rule", "actor_key"),
        Index("ix_evidence_open", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index("ix_evidence_waiting", "reason", "actor_key", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
        Index(
            "ix_evidence_due",
            "outcome",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
        Index(
            "ix_evidence_left",
            "left_award",
            sqlite_where=text("left_award IS NOT NULL"),
            postgresql_where=text("left_award IS NOT NULL"),
        ),
        Index(
            "ix_evidence_voided", "award_id", sqlite_where=text("NOT standing"), postgresql_where=text("NOT standing")
        ),
    )
