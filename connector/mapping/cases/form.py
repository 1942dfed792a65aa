"""The form of a test case: statements, and what the rules must make of them. Runs nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, PlainValidator, Tag, model_validator

from connector.findings import did_you_mean
from connector.mapping.language.conditions import fault, some
from connector.mapping.language.offers import Name, Version, is_block, quarters, rems_type
from connector.pars import vocabulary
from connector.records import Frozen

OPEN: Final = "open"
"""What a test expects for `date` where Moodle is asked for it."""
PROBLEMS: Final = tuple(
    f"mapping.{name}"
    for name in (
        "bad_amount", "bad_answer", "bad_time", "conflict", "naive_time", "no_amount", "no_per", "no_time", "no_zone",
    )
)  # fmt: skip
"""The problems that a rule may end in for a statement."""


class ExpectedRems(Frozen):
    """The REMS record that must come out; answers that are not named here may be any."""

    type: Annotated[str, BeforeValidator(rems_type)]
    profession: str | None = None
    practice_area: str | None = None
    state: str | None = None
    dea_registration: str | None = None
    surgical_procedures: bool | None = None
    time_in_practice: str | None = None


def _credit(name: str) -> str:
    """As a completion calls it; the boards' lists of types are not published, so that any type may be right."""
    board, slash, kind = name.partition("/")
    if name in vocabulary.CERTIFICATIONS:
        return name
    if board not in vocabulary.BOARDS:
        close = did_you_mean(name[:80].lower(), vocabulary.CERTIFICATIONS)
        close = close or did_you_mean(board[:80].upper(), vocabulary.BOARDS)
        hint = close or f"boards: {', '.join(vocabulary.BOARDS)}"
        raise fault("mapping.test", "is no credit: `cme` (or JA-PARS's), or a board with or without a type", hint)
    if slash and not kind:
        raise fault("mapping.test", "names no credit type behind the `/`")
    known = vocabulary.credit_type(board, kind) if kind else None
    if known and known.name != kind:
        raise fault("mapping.test", "is no credit by the board's own name", f'did you mean "{board}/{known.name}"?')
    return name


def _date(text: str) -> str:
    try:
        is_written_so = text == OPEN or date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_written_so = False
    if not is_written_so:
        hint = did_you_mean(text[:80], [OPEN]) or f"`{OPEN}` where Moodle is asked for it"
        raise fault("mapping.test", "is no date as 2026-05-31", hint)
    return text


def _problem(code: str) -> str:
    if code not in PROBLEMS:
        raise fault("mapping.test", "is no problem that a rule ends in", _meant(code))
    return code


def _meant(code: str) -> str:
    own = code[:80].removeprefix("mapping.")
    close = did_you_mean(own, [one.removeprefix("mapping.") for one in PROBLEMS])
    return close.replace('"', '"mapping.', 1) or ", ".join(PROBLEMS)


class Expected(Frozen):
    """What a test expects of its rule."""

    credits: dict[Annotated[str, AfterValidator(_credit)], Annotated[Decimal, BeforeValidator(quarters)]] | None = None
    date: Annotated[str, AfterValidator(_date)] | None = None
    rems: ExpectedRems | None = None
    problem: Annotated[str, AfterValidator(_problem)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set or (self.problem and len(self.model_fields_set) > 1):
            message = "expects `credits`, `date`, `rems` or several of them, or a `problem` alone, or is one word"
            raise fault("mapping.test", message, "words: ignored, waiting, evidence, undoes")
        return self


Word = Literal["ignored", "waiting", "evidence", "undoes"]


def _statement(value: Any) -> str | dict[str, Any]:
    if isinstance(value, dict) or (isinstance(value, str) and value):
        return value
    raise fault("mapping.test", "must be the path of a JSON file, or a statement")


Source = Annotated[Any, PlainValidator(_statement)]
"""The path of a JSON file, or the statement itself."""


class RuleTest(Frozen):
    """A statement, or a completion with the other statements that it needs, and what the rule must make of it."""

    name: Name
    statement: Source | None = None
    statements: Annotated[tuple[Source, ...], AfterValidator(some)] = ()
    expect: Annotated[Annotated[Word, Tag("a value")] | Annotated[Expected, Tag("a path")], Discriminator(is_block)]

    @model_validator(mode="after")
    def _one_list(self) -> RuleTest:
        if (self.statement is None) == (not self.statements):
            message = "takes either `statement` or `statements`" if self.statements else "has no `statement`"
            raise fault("mapping.test", message, "`statements` is a list: the completion first, then what it needs")
        return self

    @property
    def sources(self) -> tuple[str | dict[str, Any], ...]:
        """The statements in the order of the case, the completion first."""
        return self.statements or (self.statement,)


class FolderTest(RuleTest):
    """A case in a file of its own: about one rule, or about what the whole folder makes of the statement."""

    rule: Name | None = None


class CaseFile(Frozen):
    """One `*.test.yaml` of the mapping folder."""

    version: Version
    tests: Annotated[tuple[FolderTest, ...], AfterValidator(some)]
