"""The values that flow from room to room: frozen, strict, silent about people. Knows no format, table or protocol."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

ActorKey = NewType("ActorKey", str)
"""A normalised inverse functional identifier: `mbox:..`, `mbox_sha1sum:..`, `openid:..`, `account:<home>|<name>`."""


class PersonName(SecretStr):
    """A given or family name; shows itself only through `get_secret_value()`."""


class LicenceNumber(SecretStr):
    """An NPI, a state licence number or a board's diplomate id, always as text."""


_BIRTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class BirthDay(SecretStr):
    """Month and day as `MM-DD`; the year is never kept (design promise P6)."""

    @property
    def is_valid(self) -> bool:
        text = self.get_secret_value()
        if not _BIRTH_DAY.fullmatch(text):
            return False
        month, day = (int(part) for part in text.split("-"))
        return day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


class Frozen(BaseModel):
    """The one parent: immutable, no unknown field, and no input value in a validation error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def quarter_steps(amount: Decimal) -> Decimal:
    """`amount` if it is a positive multiple of 0.25 (PARS takes no other), else ValueError."""
    if amount < 0 or amount % Decimal("0.25"):
        raise ValueError("credits go in steps of 0.25")
    return amount.quantize(Decimal("0.01"))


Credits = Annotated[Decimal, AfterValidator(quarter_steps)]


class Actor(StrEnum):
    """Who must act on a Problem."""

    LEARNER = "learner"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    NOBODY = "nobody"  # it solves itself with time


class Problem(Frozen):
    """What stops one credit or statement: a value, collected, never raised. No personal value in `message`."""

    code: str
    field: str = ""
    message: str
    hint: str = ""
    who: Actor = Actor.COORDINATOR
    holds: bool = True  # False: a warning that rests on an inferred fact


class Statement(Frozen):
    """One statement as collection kept it. `raw` is the exact slice of the page, never re-serialised."""

    id: str
    source: str
    stored: AwareDatetime | None
    timestamp: AwareDatetime | None
    actor_key: ActorKey | None
    verb: str
    object_id: str
    registration: str = ""
    raw: bytes = Field(repr=False)


class CreditOffer(Frozen):
    """One credit that a completion earns. `certification` is unique within an award:
    `AMA PRA Category 1`, `ABIM/Medical Knowledge`, `ABTS` (board without published types), `REMS/Opioid Analgesic`."""

    kind: Literal["cme", "moc", "rems"]
    certification: str
    board: str = ""
    credit_type: str = ""
    amount: Credits
    board_total: Credits | None = None


class RemsAnswers(Frozen):
    """What a REMS record says of its participant; nothing here names a person."""

    type: Literal["Opioid Analgesic", "Mycophenolate"]
    profession: str
    practice_area: str = ""
    state: str = ""
    dea_registration: str = ""
    surgical_procedures: bool | None = None
    time_in_practice: str = ""


class Need(Frozen):
    """Another statement of the same learner that a completion waits for, before or after it: `key` is what it meets."""

    key: str
    within: timedelta


class Evidence(Frozen):
    """A statement that completes nothing itself: it meets needs of completions, or undoes one of its own object."""

    rule: str
    rule_hash: str
    provider: str
    meets: tuple[str, ...] = ()
    undoes: str = ""


class Completion(Frozen):
    """What one rule makes of one statement alone."""

    rule: str
    rule_hash: str
    provider: str
    activity_id: str
    completed_on: date | None  # None: open, Moodle is asked before the award is made
    zone: str
    per: str = ""  # what makes two awards of one learner and activity different: a date, a session, a registration
    per_date: bool = False  # while it is open: the date belongs into `per` too
    by_moodle: bool = False  # it was open, and Moodle gave the date
    credits: tuple[CreditOffer, ...]
    rems: RemsAnswers | None = None
    needs: tuple[Need, ...] = ()
    undone_by: str = ""  # the key of the evidence that undoes it

    @property
    def day(self) -> date:
        """The completion date. Raises ValueError while it is open: nothing is made of such a completion."""
        if self.completed_on is None:
            raise ValueError("the completion date is still open")
        return self.completed_on

    def dated(self, day: date) -> Completion:
        """The same, open no more."""
        per = day.isoformat() if self.per_date else self.per
        return self.model_copy(update={"completed_on": day, "per": per, "per_date": False, "by_moodle": True})


class Ignored(Frozen):
    """A rule looked at the statement and said no; `reason` names the first condition that failed."""

    rule: str
    rule_hash: str
    reason: str


class Consent(Frozen):
    """The learner's permission to report: ACCME asks for it before anything is sent."""

    given: bool
    at: date | None = None
    origin: str = ""


class Learner(Frozen):
    """A person as sources and people's fixes know him or her. Every value masked; `origins` names each one's source."""

    given_name: PersonName | None = None
    family_name: PersonName | None = None
    birth_day: BirthDay | None = None
    ids: dict[str, LicenceNumber] = Field(default_factory=dict)  # domain (NPI, CA, ABIM) -> value
    profession: str = ""
    consent: Consent | None = None
    rems: dict[str, str] = Field(default_factory=dict)  # practice_area, state, ... for REMS records
    origins: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def known_as(
        cls,
        given_name: str | None,
        family_name: str | None,
        birth_day: str | None,
        ids: Mapping[str, str],
        **more: Any,
    ) -> Learner:
        """From plain texts as tables keep them: what is empty or missing is unknown."""
        return cls(
            given_name=PersonName(given_name) if given_name else None,
            family_name=PersonName(family_name) if family_name else None,
            birth_day=BirthDay(birth_day) if birth_day else None,
            ids={domain: LicenceNumber(value) for domain, value in ids.items()},
            **more,
        )


class Dispute(Frozen):
    """Two sources say different things about who one learner is; the values stay with the sources."""

    field: str
    origins: tuple[str, str]


class Found(Frozen):
    """What a learner source answers for one actor key: the learner and every key the source knows for him."""

    learner: Learner
    keys: tuple[ActorKey, ...]
    disputes: tuple[Dispute, ...] = ()


class Identifier(Frozen):
    """The one identifier a credit is sent under; `domain` is NPI, a two-letter state or a board's code."""

    domain: str
    value: LicenceNumber


class RecordCredit(Frozen):
    """One credit inside a LearnerRecord."""

    credit_id: str
    kind: Literal["cme", "moc", "rems"]
    certification: str
    board: str = ""
    credit_type: str = ""
    amount: Credits
    board_total: Credits | None = None
    identifier: Identifier | None = None


class RemsParticipant(Frozen):
    """The de-identified half of a REMS record; `local_id` is an HMAC and cannot be joined to a learner."""

    local_id: str
    domain: str
    answers: RemsAnswers


class LearnerRecord(Frozen):
    """What goes out together: one award, one learner, its credits. Knows no format."""

    provider_id: str
    provider_name: str
    activity_id: str
    activity_title: str
    completed_on: date
    action: Literal["add", "delete"]
    learner: Learner | None
    participant: RemsParticipant | None = None
    credits: tuple[RecordCredit, ...]


class Payload(Frozen):
    """Bytes to send, without credentials: the carrier adds those on the wire."""

    body: bytes = Field(repr=False)
    content_type: str


class Reply(Frozen):
    """What came back, unread."""

    status: int
    content_type: str
    body: bytes = Field(repr=False)
    retry_after: float | None = None


class Verdict(StrEnum):
    """What PARS said about one credit."""

    TAKEN = "taken"  # PARS holds it, no final word
    ACCEPTED = "accepted"  # PARS's final yes
    REJECTED = "rejected"  # the later no
    REFUSED = "refused"  # the immediate no
    EXISTS = "exists"  # "already exists": ask, never refuse
    DELETED = "deleted"
    NOT_THERE = "not_there"
    UNREADABLE = "unreadable"  # missing from the reply, or the reply cannot be read


class Outcome(Frozen):
    """PARS's answer about one credit, never guessed. `words` and `reason` are PARS's own."""

    credit_id: str
    verdict: Verdict
    code: str = ""  # ours: pars.no_match, pars.invalid_data, ...
    status: str = ""
    reason: str = ""
    words: str = Field(default="", repr=False)

    @property
    def is_identity(self) -> bool:
        """True when the no is about who the learner is: the credit is *unmatched*, not refused."""
        return self.code in ("pars.no_match", "pars.several_matches")


class Held(Frozen):
    """What a status read returned for one credit: PARS's copy, to compare with ours."""

    outcome: Outcome
    activity_id: str = ""
    certification: str = ""
    completed_on: str = ""
    amount: Decimal | None = None


Counts = Counter[str]
"""What one stage run did, by words such as `read`, `stored`, `confirmed`."""
