"""The form of a test case: statements, and what the rules must make of them. Runs nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, PlainValidator, Tag, model_validator

from connector.mapping.language.conditions import fault, some
from connector.mapping.language.offers import Name, Version, is_block, quarters, rems_type
from connector.records import Frozen


class ExpectedRems(Frozen):
    """The REMS record that must come out; answers that are not named here may be any."""

    type: Annotated[str, BeforeValidator(rems_type)]
    profession: str | None = None
    practice_area: str | None = None
    state: str | None = None
    dea_registration: str | None = None
    surgical_procedures: bool | None = None
    time_in_practice: str | None = None


class Expected(Frozen):
    """What a test expects of its rule."""

    credits: dict[str, Annotated[Decimal, BeforeValidator(quarters)]] | None = None
    date: str | None = None
    rems: ExpectedRems | None = None
    problem: str | None = None

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
