"""The tables of what was earned and sent: awards, records, credits, submissions."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from connector.store.columns import Exact, bytes_, exact, json_, when
from connector.store.states import LIVE, State

_LIVE = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"


class Award(SQLModel, table=True):
    """What one learner can earn once; `anchor` is the actor key that opened it and never changes."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    activity_id: str
    learner_id: int = Field(foreign_key="learner.id", index=True)
    per: str = ""
    anchor: str
    actor_name: str = Field(default="", repr=False, sa_column_kwargs={"server_default": text("''")})  # in its statement
    guest: str = Field(default="", sa_column_kwargs={"server_default": text("''")})  # that name plainly is another's
    rule: str
    rule_hash: str
    completed_on: date
    stored: datetime | None = when()  # of the statement that opened it
    rems: dict[str, Any] | None = json_()  # records.RemsAnswers
    opened_at: datetime | None = when()

    __table_args__ = (Index("ix_award_earned", "learner_id", "provider_id", "activity_id", "per"),)


class Record(SQLModel, table=True):
    """The credits of one award that go out together; it has no state of its own."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    award_id: int = Field(foreign_key="award.id", index=True)
    kind: str  # identified | rems
    local_id: str = ""  # REMS: the HMAC that stands for the learner
    wait_until: datetime | None = when()


class Credit(SQLModel, table=True):
    """The unit of state: one certification of one award. Only `states.move` changes `state`."""

    id: int = Field(default=None, primary_key=True)
    award_id: int = Field(foreign_key="award.id", index=True)
    record_id: int = Field(foreign_key="record.id", index=True)
    provider_id: str = Field(foreign_key="provider.id")
    kind: str  # cme | moc | rems
    certification: str
    board: str = ""
    credit_type: str = ""
    amount: Decimal = Field(sa_type=Exact)
    board_total: Decimal | None = exact()
    offered: Decimal | None = exact()  # what its completion earns, before maximum and sums; None: the amount
    offered_total: Decimal | None = exact()
    summed_into: int | None = None  # the credit that carries this one's, where a board takes one a date
    credit_id: str = Field(unique=True)
    state: str = State.HELD
    state_since: datetime | None = when()
    wanted: str = "present"  # present | absent: what PARS should hold
    why_absent: str = ""  # our code: statement.voided, ...
    attention: str = Field(default="", sa_column_kwargs={"server_default": text("''")})  # our code: a person must look
    at_pars: str = "no"  # yes | no | unknown
    reason: str = ""  # our code for the state
    gate: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)  # the learners room's problems
    problems: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)  # all of them, as last judged
    unmatched_since: datetime | None = when()  # an unsolved failed match, said once in the log
    pars_status: str = ""
    pars_reason: str = ""
    pars_words: str = Field(default="", repr=False)
    identifier_domain: str = ""
    identifier_value: str = Field(default="", repr=False)
    sent_as: dict[str, str] | None = Field(default=None, sa_type=JSON, repr=False)  # the identity it left under
    reported_on: date | None = None  # the completion date that it left with
    channel_id: int | None = Field(default=None, foreign_key="channel.id")
    attempts: int = 0
    negatives: int = 0  # answers "not there" in a row
    first_negative_at: datetime | None = when()
    asked: int = 0
    asked_at: datetime | None = when()  # PARS's last answer to "do you hold it?"
    supersedes: int | None = Field(default=None, foreign_key="credit.id")
    next_at: datetime | None = when()
    first_sent_at: datetime | None = when()
    lease_owner: str = ""  # process and submission
    lease_until: datetime | None = when()
    created_at: datetime | None = when()

    __table_args__ = (
        Index("ix_credit_due", "state", "next_at"),
        Index("ix_credit_identifier", "identifier_value", "identifier_domain"),
        Index(
            "ix_credit_successor",
            "supersedes",
            sqlite_where=text("supersedes IS NOT NULL"),
            postgresql_where=text("supersedes IS NOT NULL"),
        ),
        Index(
            "uq_credit_live",
            "award_id",
            "certification",
            unique=True,
            sqlite_where=text(_LIVE),
            postgresql_where=text(_LIVE),
        ),
    )


class Submission(SQLModel, table=True):
    """One request that changes something at PARS, written before it is sent. The payload holds no credentials."""

    id: int = Field(default=None, primary_key=True)
    channel_id: int = Field(foreign_key="channel.id")
    action: str  # add | delete
    payload: bytes | None = bytes_()
    payload_hash: str
    content_type: str
    created_at: datetime | None = when()
    answered_at: datetime | None = when()
    duration_ms: int | None = None
    http_status: int | None = None
    reply: bytes | None = bytes_()
    code: str = ""


class SubmissionCredit(SQLModel, table=True):
    """What one submission meant for one credit, and what PARS answered about it."""

    __tablename__ = "submission_credit"

    submission_id: int = Field(primary_key=True, foreign_key="submission.id")
    credit_pk: int = Field(primary_key=True, foreign_key="credit.id", index=True)
    verdict: str = ""
    code: str = ""
