"""The form of a test case: a statement, and what the rules must make of it. Runs nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, PlainValidator, Tag, model_validator

from connector.mapping.conditions import fault
from connector.mapping.offers import Name, is_block, quarters
from connector.records import Frozen


class Expected(Frozen):
    """What a test expects of its rule."""

    credits: dict[str, Annotated[Decimal, BeforeValidator(quarters)]] | None = None
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
    expect: Annotated[
        Annotated[Literal["ignored"], Tag("a value")] | Annotated[Expected, Tag("a path")], Discriminator(is_block)
    ]
