"""The tables. Dumb rows: SQLModel does not validate them, the values in records.py are the strict ones.

An `id` is None until its row is flushed; it is typed as what it is ever after. `next_at` is the moment a row is due
again (None: now); `lease_owner` and `lease_until` say who works on it.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from connector.store.columns import Exact, UtcDateTime
from connector.store.states import LIVE, State

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING

_LIVE = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"


def _json() -> Any:
    return Field(default=None, sa_type=JSON)


def _when(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, index=index)


def _bytes() -> Any:
    return Field(default=None, sa_type=LargeBinary, repr=False)


class Provider(SQLModel, table=True):
    """An accredited provider; environment and host are written at first use and never change."""

    id: str = Field(primary_key=True)  # ACCME's 7 digits, as text
    environment: str
    host: str
    first_used_at: datetime | None = _when()


class Channel(SQLModel, table=True):
    """A provider's way to PARS, with its circuit."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    kind: str  # xml-service, json-service, ...
    circuit: str = "closed"  # closed: sending; open: stopped, probed at next_at
    failures: int = 0
    code: str = ""  # why it is open; while it is closed: on trial after that
    opened_at: datetime | None = _when()
    next_at: datetime | None = _when()
    last_word_at: datetime | None = _when()

    __table_args__ = (UniqueConstraint("provider_id", "kind"),)


class Source(SQLModel, table=True):
    """One LRS query with its cursor; only the server's own clock moves `high_water` back (decision 12)."""

    id: str = Field(primary_key=True)  # the name in config.yaml
    fingerprint: str  # endpoint and filters: a changed one starts a new cursor
    start_from: datetime | None = _when()
    high_water: datetime | None = _when()
    consistent_through: datetime | None = _when()
    circuit: str = "closed"
    code: str = ""
    failures: int = 0
    next_at: datetime | None = _when()
    next_sweep_at: datetime | None = _when()
    last_success_at: datetime | None = _when()
    last_news_at: datetime | None = _when()  # when it last had a statement that was new
    longest_quiet_s: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # between two such moments
    quiet_said_at: datetime | None = _when()  # the alarm was given, and nothing has come since
    lease_owner: str = ""
    lease_until: datetime | None = _when()


class StatementRow(SQLModel, table=True):
    """One statement as received; its key is remembered for ever, `raw` only as long as retention says."""

    __tablename__ = "statement"

    id: int = Field(default=None, primary_key=True)
    source_id: str = Field(foreign_key="source.id")
    statement_id: str  # lower case; `raw:<sha256>` when the statement has no readable id
    stored: datetime | None = _when()
    timestamp: datetime | None = _when()
    actor_key: str = Field(default="", index=True)
    members: list[str] | None = _json()  # the actor keys of a group that is fanned out
    verb: str = ""
    object_id: str = ""
    registration: str = ""
    content_key: str = Field(default="", index=True)
    duplicate_of: int | None = Field(default=None, foreign_key="statement.id")
    voids: str = ""  # the statement id this one voids
    problem: dict[str, Any] | None = _json()  # why it cannot be read at all
    received_at: datetime | None = _when()
    mapped_with: int | None = Field(default=None, foreign_key="mapping_version.id", index=True)
    raw: bytes | None = _bytes()

    __table_args__ = (UniqueConstraint("source_id", "statement_id"),)


class Voided(SQLModel, table=True):
    """A statement id that was voided, also when the statement has not been seen yet."""

    source_id: str = Field(primary_key=True, foreign_key="source.id")
    statement_id: str = Field(primary_key=True)
    by_statement: int = Field(foreign_key="statement.id")
    at: datetime | None = _when()


class EvidenceRow(SQLModel, table=True):
    """Exactly one outcome per statement, learner and rule (promise P1)."""

    __tablename__ = "evidence"

    id: int = Field(default=None, primary_key=True)
    statement_pk: int = Field(foreign_key="statement.id", index=True)
    actor_key: str = Field(default="", index=True)
    rule: str
    rule_hash: str
    outcome: str  # completion | ignored | problem
    reason: str = ""
    problem: dict[str, Any] | None = _json()
    completion: dict[str, Any] | None = _json()  # records.Completion
    award_id: int | None = Field(default=None, foreign_key="award.id", index=True)
    standing: bool = True  # False once voided
    next_at: datetime | None = _when()  # its date is open: when Moodle is asked again

    __table_args__ = (
        UniqueConstraint("statement_pk", "rule", "actor_key"),
        Index(
            "ix_evidence_open",
            "id",
            sqlite_where=text("outcome = 'completion' AND award_id IS NULL"),
            postgresql_where=text("outcome = 'completion' AND award_id IS NULL"),
        ),
        Index(
            "ix_evidence_voided", "award_id", sqlite_where=text("NOT standing"), postgresql_where=text("NOT standing")
        ),
    )


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
    found: bool = False  # some source knows this person
    fetched_at: datetime | None = _when()


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
    """A correction by a person; it holds until the source's own value changes."""

    __tablename__ = "learner_fix"

    id: int = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    field: str
    value: str = Field(repr=False)
    replaced_hash: str
    by: str
    at: datetime | None = _when()


class ConsentRow(SQLModel, table=True):
    """When and where a learner gave or withdrew the permission to report; the newest row counts."""

    __tablename__ = "consent"

    id: int = Field(default=None, primary_key=True)
    learner_id: int = Field(foreign_key="learner.id", index=True)
    given: bool
    at: date | None = None
    origin: str
    seen_at: datetime | None = _when()


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
    loaded_at: datetime | None = _when()


class Award(SQLModel, table=True):
    """What one learner can earn once; `anchor` is the actor key that opened it and never changes."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    activity_id: str
    learner_id: int = Field(foreign_key="learner.id", index=True)
    per: str = ""
    anchor: str
    rule: str
    rule_hash: str
    completed_on: date
    stored: datetime | None = _when()  # of the statement that opened it
    rems: dict[str, Any] | None = _json()  # records.RemsAnswers
    opened_at: datetime | None = _when()

    __table_args__ = (Index("ix_award_earned", "learner_id", "provider_id", "activity_id", "per"),)


class Record(SQLModel, table=True):
    """The credits of one award that go out together; it has no state of its own."""

    id: int = Field(default=None, primary_key=True)
    provider_id: str = Field(foreign_key="provider.id")
    award_id: int = Field(foreign_key="award.id", index=True)
    kind: str  # identified | rems
    local_id: str = ""  # REMS: the HMAC that stands for the learner
    wait_until: datetime | None = _when()


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
    board_total: Decimal | None = Field(default=None, sa_type=Exact)
    credit_id: str = Field(unique=True)
    state: str = State.HELD
    state_since: datetime | None = _when()
    wanted: str = "present"  # present | absent: what PARS should hold
    why_absent: str = ""  # our code: statement.voided, ...
    at_pars: str = "no"  # yes | no | unknown
    reason: str = ""  # our code for the state
    gate: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)  # the learners room's problems
    problems: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)  # all of them, as last judged
    unmatched_since: datetime | None = _when()  # an unsolved failed match, said once in the log
    pars_status: str = ""
    pars_reason: str = ""
    pars_words: str = Field(default="", repr=False)
    identifier_domain: str = ""
    identifier_value: str = Field(default="", repr=False)
    sent_as: dict[str, str] | None = Field(default=None, sa_type=JSON, repr=False)  # the identity it left under
    channel_id: int | None = Field(default=None, foreign_key="channel.id")
    attempts: int = 0
    negatives: int = 0  # answers "not there" in a row
    first_negative_at: datetime | None = _when()
    asked: int = 0
    asked_at: datetime | None = _when()  # PARS's last answer to "do you hold it?"
    supersedes: int | None = Field(default=None, foreign_key="credit.id")
    next_at: datetime | None = _when()
    first_sent_at: datetime | None = _when()
    lease_owner: str = ""  # process and submission
    lease_until: datetime | None = _when()
    created_at: datetime | None = _when()

    __table_args__ = (
        Index("ix_credit_due", "state", "next_at"),
        Index("ix_credit_identifier", "identifier_value", "identifier_domain"),
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
    payload: bytes | None = _bytes()
    payload_hash: str
    content_type: str
    created_at: datetime | None = _when()
    answered_at: datetime | None = _when()
    duration_ms: int | None = None
    http_status: int | None = None
    reply: bytes | None = _bytes()
    code: str = ""


class SubmissionCredit(SQLModel, table=True):
    """What one submission meant for one credit, and what PARS answered about it."""

    __tablename__ = "submission_credit"

    submission_id: int = Field(primary_key=True, foreign_key="submission.id")
    credit_pk: int = Field(primary_key=True, foreign_key="credit.id", index=True)
    verdict: str = ""
    code: str = ""


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
    imported_at: datetime | None = _when()

    __table_args__ = (Index("ix_reported_activity", "provider_id", "activity_id"),)


class ReportedSign(SQLModel, table=True):
    """What finds a row of a baseline by the person it names (`pars.identity.signs`)."""

    __tablename__ = "reported_sign"

    sign: str = Field(primary_key=True, repr=False)
    reported_id: int = Field(primary_key=True, foreign_key="reported.id", index=True)


class Release(SQLModel, table=True):
    """A person has looked at an activity's first records (`release: manual`)."""

    provider_id: str = Field(primary_key=True, foreign_key="provider.id")
    activity_id: str = Field(primary_key=True)
    by: str
    at: datetime | None = _when()


class MappingVersion(SQLModel, table=True):
    """The rules as they were active; statements name the version that mapped them."""

    __tablename__ = "mapping_version"

    id: int = Field(default=None, primary_key=True)
    hash: str = Field(unique=True)
    files: dict[str, str] = Field(sa_type=JSON)
    activated_at: datetime | None = _when()
    active: bool = False


class Wish(SQLModel, table=True):
    """What a command or page asks the daemon to do."""

    id: int = Field(default=None, primary_key=True)
    kind: str
    args: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    by: str
    at: datetime | None = _when()
    done_at: datetime | None = _when()
    result: str = ""


class Event(SQLModel, table=True):
    """Append-only: every move of a credit and every stop of a channel or source. Codes and ids, no personal value."""

    id: int = Field(default=None, primary_key=True)
    at: datetime | None = _when(index=True)
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
    started_at: datetime | None = _when()
    ended_at: datetime | None = _when()
    counts: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    error: str = ""
