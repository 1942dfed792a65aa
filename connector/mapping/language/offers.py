"""What a rule offers: credits, their amounts, the answers of a REMS participant. Knows no condition."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    Tag,
    field_serializer,
    model_validator,
)

from connector.findings import did_you_mean
from connector.mapping.language.conditions import fault
from connector.mapping.language.functions import FUNCTIONS
from connector.mapping.language.paths import Path
from connector.pars import vocabulary
from connector.records import Frozen, RemsAnswers

REMS_TYPES = get_args(RemsAnswers.model_fields["type"].annotation)


def quarters(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value <= 0 or value % Decimal("0.25"):
        raise fault("mapping.amount", "must be a number of credits in steps of 0.25, above 0")
    return Decimal(value).quantize(Decimal("0.01"))


def _function(name: str) -> str:
    if name not in FUNCTIONS:
        hint = did_you_mean(name[:80], FUNCTIONS) or f"functions: {', '.join(FUNCTIONS)}"
        raise fault("mapping.unknown_function", "no such function", hint)
    return name


def _board(code: str) -> str:
    if code not in vocabulary.BOARDS:
        hint = did_you_mean(code[:80].upper(), vocabulary.BOARDS) or f"boards: {', '.join(vocabulary.BOARDS)}"
        raise fault("mapping.unknown_board", "no such board", hint)
    return code


def rems_type(value: Any) -> Any:
    slugs = {name.lower().replace(" ", "-"): name for name in REMS_TYPES}
    if value not in (*slugs, *REMS_TYPES):
        hint = did_you_mean(str(value)[:80], slugs) or f"types: {', '.join(slugs)}"
        raise fault("mapping.unknown_rems_answer", "no such REMS", hint)
    return slugs.get(value, value)


def _version(value: Any) -> Any:
    if isinstance(value, bool):  # which Python takes for 1
        raise fault("config.invalid", "must be 1")
    return value


class Computed(Frozen):
    """An amount that the statement says, such as a learner's claim or a score: never above `most`."""

    path: Path
    function: Annotated[str, AfterValidator(_function)] | None = None
    most: Annotated[Decimal, BeforeValidator(quarters)]


class Read(Frozen):
    """A value that stands in the statement."""

    path: Path


def is_block(value: Any) -> str:
    return "a path" if isinstance(value, dict | Frozen) else "a value"


def _one_of(words: tuple[str, ...]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in words:
            hint = did_you_mean(word[:80], words) or f"one of: {', '.join(words)}"
            raise fault("mapping.unknown_rems_answer", "no such answer", hint)
        return word

    return AfterValidator(check)


PRACTICE_AREAS = (*vocabulary.REMS_PRACTICE_AREAS, *vocabulary.REMS_PRACTICE_AREA_ALIASES)
STATES = (*vocabulary.STATES, *vocabulary.STATES.values(), *vocabulary.TERRITORIES, *vocabulary.TERRITORIES.values())
_Read = Annotated[Read, Tag("a path")]
_Which = Discriminator(is_block)

Version = Annotated[Literal[1], BeforeValidator(_version)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Amount = Annotated[
    Annotated[Decimal, BeforeValidator(quarters), Tag("a value")] | Annotated[Computed, Tag("a path")], _Which
]
Profession = Annotated[Annotated[str, _one_of(vocabulary.REMS_PROFESSIONS), Tag("a value")] | _Read, _Which]
PracticeArea = Annotated[Annotated[str, _one_of(PRACTICE_AREAS), Tag("a value")] | _Read, _Which]
State = Annotated[Annotated[str, _one_of(STATES), Tag("a value")] | _Read, _Which]
Dea = Annotated[Annotated[str, _one_of(vocabulary.REMS_DEA_REGISTRATIONS), Tag("a value")] | _Read, _Which]
YearsSince = Annotated[Annotated[str, _one_of(vocabulary.REMS_TIMES_IN_PRACTICE), Tag("a value")] | _Read, _Which]
Flag = Annotated[Annotated[StrictBool, Tag("a value")] | _Read, _Which]


class CmeCredit(Frozen):
    """AMA PRA Category 1, or another credit that JA-PARS takes: no board stands behind any of them."""

    type: Literal[
        "cme", "ipce", "nursing", "pharmacy", "aapa", "psychology", "optometry", "social-work", "dentistry",
        "dietetics", "athletic-training",
    ]  # fmt: skip
    amount: Amount

    @property
    def certification(self) -> str:
        return vocabulary.CERTIFICATIONS[self.type]

    @property
    def certifications(self) -> list[str]:
        return [self.certification]


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

    @field_serializer("of_which", mode="wrap")
    def _spelled(self, of_which: dict[str, Amount], write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """By the board's own names: another spelling changes no hash."""
        return {self._canonical(name): part for name, part in write(of_which).items()}

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


class Rems(Frozen):
    """The answers of a REMS participant; what is left out here comes from the learner directory."""

    type: Annotated[str, BeforeValidator(rems_type)]
    profession: Profession | None = None
    practice_area: PracticeArea | None = None
    state: State | None = None
    dea_registration: Dea | None = None
    surgical_procedures: Flag | None = None
    time_in_practice: YearsSince | None = None
