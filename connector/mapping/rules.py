"""The form of a mapping file: what a rule may say, and which words it may use. Knows no statement."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    StrictInt,
    Tag,
    model_validator,
)

from connector.findings import did_you_mean
from connector.mapping.conditions import Condition, fault, some
from connector.mapping.functions import FUNCTIONS
from connector.mapping.paths import Path, read_path
from connector.pars import vocabulary
from connector.records import Frozen, RemsAnswers

REMS_TYPES = get_args(RemsAnswers.model_fields["type"].annotation)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value <= 0 or value % Decimal("0.25"):
        raise fault("mapping.amount", "must be a number of credits in steps of 0.25, above 0")
    return Decimal(value).quantize(Decimal("0.01"))


def _function(name: str) -> str:
    if name not in FUNCTIONS:
        hint = did_you_mean(name[:80], FUNCTIONS) or f"functions: {', '.join(FUNCTIONS)}"
        raise fault("mapping.unknown_function", "no such function", hint)
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


def _zone(name: str) -> str:
    if name not in _zones():
        hint = did_you_mean(name[:80], _zones()) or "write it as America/Chicago"
        raise fault("mapping.unknown_zone", "no such time zone", hint)
    return name


def _digits(code: str, what: str, count: int) -> BeforeValidator:
    """Ids are texts of digits; without quotes and leading zeros YAML makes them numbers, which is as good."""

    def check(value: Any) -> str:
        text = str(value) if isinstance(value, int) else value
        if not isinstance(text, str) or len(text) != count or not (text.isascii() and text.isdigit()):
            raise fault(code, f"{what} has {count} digits", "put it in quotes, with its leading zeros")
        return text

    return BeforeValidator(check)


def _board(code: str) -> str:
    if code not in vocabulary.BOARDS:
        hint = did_you_mean(code[:80].upper(), vocabulary.BOARDS) or f"boards: {', '.join(vocabulary.BOARDS)}"
        raise fault("mapping.unknown_board", "no such board", hint)
    return code


def _rems_type(value: Any) -> Any:
    slugs = {name.lower().replace(" ", "-"): name for name in REMS_TYPES}
    if value not in (*slugs, *REMS_TYPES):
        hint = did_you_mean(str(value)[:80], slugs) or f"types: {', '.join(slugs)}"
        raise fault("mapping.unknown_rems_answer", "no such REMS", hint)
    return slugs.get(value, value)


class Computed(Frozen):
    """An amount that the statement says, such as a learner's claim: never above `most`."""

    path: Path
    function: Annotated[str, AfterValidator(_function)] | None = None
    most: Annotated[Decimal, BeforeValidator(_amount)]


class Read(Frozen):
    """A value that stands in the statement."""

    path: Path


def _is_block(value: Any) -> str:
    return "a path" if isinstance(value, dict | Frozen) else "a value"


def _one_of(words: tuple[str, ...]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in words:
            hint = did_you_mean(word[:80], words) or f"one of: {', '.join(words)}"
            raise fault("mapping.unknown_rems_answer", "no such answer", hint)
        return word

    return AfterValidator(check)


_AREAS = (*vocabulary.REMS_PRACTICE_AREAS, *vocabulary.REMS_PRACTICE_AREA_ALIASES)
_STATES = (*vocabulary.STATES, *vocabulary.STATES.values(), *vocabulary.TERRITORIES, *vocabulary.TERRITORIES.values())
_Read = Annotated[Read, Tag("a path")]
_Which = Discriminator(_is_block)

Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Amount = Annotated[
    Annotated[Decimal, BeforeValidator(_amount), Tag("a value")] | Annotated[Computed, Tag("a path")], _Which
]
Profession = Annotated[Annotated[str, _one_of(vocabulary.REMS_PROFESSIONS), Tag("a value")] | _Read, _Which]
PracticeArea = Annotated[Annotated[str, _one_of(_AREAS), Tag("a value")] | _Read, _Which]
State = Annotated[Annotated[str, _one_of(_STATES), Tag("a value")] | _Read, _Which]
Dea = Annotated[Annotated[str, _one_of(vocabulary.REMS_DEA_REGISTRATIONS), Tag("a value")] | _Read, _Which]
YearsSince = Annotated[Annotated[str, _one_of(vocabulary.REMS_TIMES_IN_PRACTICE), Tag("a value")] | _Read, _Which]
Flag = Annotated[Annotated[bool, Tag("a value")] | _Read, _Which]


class CmeCredit(Frozen):
    """AMA PRA Category 1."""

    type: Literal["cme"]
    amount: Amount

    @property
    def certifications(self) -> list[str]:
        return [vocabulary.CME_CERTIFICATION]


class MocCredit(Frozen):
    """Credit of a certifying board; `of_which` says how much of it counts for each of the board's credit types."""

    type: Literal["moc"]
    board: Annotated[str, AfterValidator(_board)]
    amount: Amount
    of_which: dict[Name, Amount] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _within(self) -> MocCredit:
        most = _most(self.amount)
        for credit_type, part in self.of_which.items():
            if _most(part) > most:
                raise fault("mapping.of_which", f"is more than the amount of {most}", at=("of_which", credit_type))
        return self

    @property
    def parts(self) -> list[tuple[str, Amount]]:
        """Each credit type by the board's own name of it, with its amount; without any, the whole amount."""
        return [(self._canonical(name), part) for name, part in self.of_which.items()] or [("", self.amount)]

    @property
    def certifications(self) -> list[str]:
        return [self.certification(credit_type) for credit_type, _ in self.parts]

    def certification(self, credit_type: str) -> str:
        return f"{self.board}/{credit_type}" if credit_type else self.board

    def _canonical(self, name: str) -> str:
        known = vocabulary.credit_type(self.board, name)
        return known.name if known else name


def _most(amount: Amount) -> Decimal:
    return amount.most if isinstance(amount, Computed) else amount


Credit = Annotated[CmeCredit | MocCredit, Field(discriminator="type")]


class CompletedOn(Frozen):
    """Where the completion's time stands, and whose calendar gives its date: else the source's or the provider's.

    `from: moodle` leaves it open: the statement's time is when Moodle's cron noticed, Moodle itself knows better.
    """

    path: Path = Field(default_factory=lambda: read_path("timestamp"))
    from_: Literal["moodle"] | None = Field(None, alias="from")
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_place(self) -> CompletedOn:
        if self.from_ and "path" in self.model_fields_set:
            raise fault(
                "mapping.completed_on", "takes `path` or `from`, not both: Moodle is asked for the time", at=("path",)
            )
        return self

    @property
    def is_open(self) -> bool:
        """The statement does not say it: somebody is asked before the award is made."""
        return self.from_ is not None


class Rems(Frozen):
    """The answers of a REMS participant; what is left out here comes from the learner directory."""

    type: Annotated[str, BeforeValidator(_rems_type)]
    profession: Profession | None = None
    practice_area: PracticeArea | None = None
    state: State | None = None
    dea_registration: Dea | None = None
    surgical_procedures: Flag | None = None
    time_in_practice: YearsSince | None = None


class Expected(Frozen):
    """What a test expects of its rule."""

    credits: dict[str, Annotated[Decimal, BeforeValidator(_amount)]] | None = None
    date: str | None = None
    problem: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set or (self.problem and len(self.model_fields_set) > 1):
            raise fault("mapping.test", "expects `credits`, `date` or both, or a `problem`, or is `ignored`")
        return self


def _statement(value: Any) -> str | dict[str, Any]:
    if isinstance(value, dict) or (isinstance(value, str) and value):
        return value
    raise fault("mapping.test", "must be the path of a JSON file, or a statement")


class RuleTest(Frozen):
    """A statement and what the rule must make of it."""

    name: Name
    statement: Annotated[Any, PlainValidator(_statement)]
    expect: Annotated[Annotated[Literal["ignored"], Tag("a value")] | Annotated[Expected, Tag("a path")], _Which]


class Rule(Frozen):
    """Which statements count, and what a learner earns by one."""

    name: Name
    provider: Annotated[str, _digits("mapping.provider_id", "a provider's ACCME id", 7)] | None = None
    when: Annotated[tuple[Condition, ...], AfterValidator(some)]
    activity: Annotated[str, _digits("mapping.activity_id", "an ACCME activity id", 9)]
    completed_on: CompletedOn = CompletedOn()
    per: Literal["activity", "date", "session", "registration"] = "activity"
    credits: tuple[Credit, ...] = ()
    rems: Rems | None = None
    priority: StrictInt = 0
    tests: tuple[RuleTest, ...] = ()

    @model_validator(mode="after")
    def _earns(self) -> Rule:
        names = [name for credit in self.credits for name in credit.certifications]
        if not names and not self.rems:
            raise fault("mapping.no_credits", "earns nothing: it has neither `credits` nor `rems`")
        if len(names) > len(set(names)):
            raise fault("mapping.duplicate_credit", "offers one certification twice", at=("credits",))
        return self

    @property
    def hash(self) -> str:
        """The same for every spelling of the same rule, whatever its file, place, comments and tests."""
        form = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"tests"})
        return hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()[:16]


class MappingFile(Frozen):
    """One file of the mapping folder."""

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], AfterValidator(some)]
