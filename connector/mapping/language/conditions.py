"""The named conditions of `when`: what each asks of a value, and how it says so. Knows no rule and no credit."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    model_validator,
)
from pydantic_core import PydanticCustomError

from connector.findings import did_you_mean
from connector.mapping.language.functions import number, plain
from connector.mapping.language.paths import Nothing, Path, Query, shown
from connector.mapping.language.patterns import literal_start, matches, read_pattern
from connector.mapping.language.short_names import ACTIVITY_TYPES, VERBS
from connector.records import Frozen

VERB_ID: Final = ("verb", "id")
OBJECT_ID: Final = ("object", "id")
_NO_NAMES: Final[dict[str, frozenset[str]]] = {}


def fault(code: str, message: str, hint: str = "", at: tuple[str, ...] = ()) -> PydanticCustomError:
    """An error whose finding has this code and hint, at the value of the key `at`."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint, "at": at})


def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list with something in it; pydantic's own check also complains about lists whose items are wrong."""
    if not values:
        raise fault("mapping.empty", "must not be empty")
    return values


def _scalar(value: Any) -> str | bool | int | Decimal:
    if isinstance(value, Decimal):
        return Decimal(plain(value))
    if isinstance(value, str | bool | int):
        return value
    raise fault("mapping.condition", "must be one text, number, true or false")


def _spelled(value: Any) -> Any:
    """One spelling of one value, for hashes and keys: 1 is 1.0, and neither is "1" or true."""
    if value is None or isinstance(value, str | bool):
        return value
    return {"number": plain(Decimal(value))}


def _sorted(values: tuple[Any, ...]) -> list[Any]:
    """The order of `one_of` says nothing."""
    return [json.loads(text) for text in sorted({json.dumps(_spelled(value)) for value in values})]


def _number(value: Any) -> Decimal:
    exact = None if isinstance(value, str) else number(value)
    if exact is None:
        raise fault("mapping.condition", "must be a number")
    return Decimal(plain(exact))


def _pattern(value: Any) -> Any:
    if not isinstance(value, str):
        raise fault("mapping.pattern", "must be a text; put it in quotes")
    try:
        return read_pattern(value)
    except ValueError as error:
        raise fault("mapping.pattern", str(error)) from None


Scalar = Annotated[Any, PlainValidator(_scalar), PlainSerializer(_spelled)]
Scalars = Annotated[tuple[Scalar, ...], AfterValidator(some), PlainSerializer(_sorted)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Pattern = Annotated[Any, PlainValidator(_pattern), PlainSerializer(lambda pattern: pattern.pattern, return_type=str)]


class Seen(Frozen):
    """What one condition saw: its words, its answer, and the value as far as it may be shown."""

    condition: str
    holds: bool
    value: str
    parts: tuple[Seen, ...] = ()


class Condition(Frozen):
    """One line of `when`: a path with one test, or a group of lines under `any` or `all`."""

    path: Path | None = None
    is_: Scalar | None = Field(None, alias="is")
    is_not: Scalar | None = None
    one_of: Scalars | None = None
    starts_with: Annotated[str, Field(min_length=1)] | None = None
    matches: Pattern | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    exists: StrictBool | None = None
    any_: Annotated[tuple[Condition, ...], AfterValidator(some)] | None = Field(None, alias="any")
    all_: Annotated[tuple[Condition, ...], AfterValidator(some)] | None = Field(None, alias="all")

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        if len(self.model_fields_set - {"path"}) != 1:
            raise fault("mapping.condition", f"takes exactly one of {', '.join(NAMES)}", "one line for each test")
        if self.expected is None:
            raise fault("mapping.condition", f"`{self.test}` is empty", "for an absent value: `exists: false`")
        if self.test not in _GROUPS and self.path is None:
            raise fault("mapping.condition", f"`{self.test}` needs a `path`")
        if self.test in _GROUPS and self.path is not None:
            raise fault("mapping.condition", f"`{self.test}` takes no `path`: each line below it has its own")
        self._check_names()
        return self

    def _check_names(self) -> None:
        """A word that stands where an IRI is expected is one of the short names."""
        if not self._names:
            return
        for word in self._words:
            if isinstance(word, str) and ":" not in word and word not in self._names:
                hint = did_you_mean(word[:80], self._names) or f"short names: {', '.join(self._names)}; or a full IRI"
                raise fault("mapping.unknown_name", f'"{word[:80]}" is no short name', hint, at=(self.test,))

    @cached_property
    def _field(self) -> str:
        (name,) = self.model_fields_set - {"path"}
        return name

    @property
    def test(self) -> str:
        """The key of the test as the file writes it."""
        return self._field.removesuffix("_")

    @property
    def query(self) -> Query:
        assert self.path is not None  # noqa: S101 - checked when the rule was read
        return self.path

    @property
    def expected(self) -> Any:
        return getattr(self, self._field)

    @property
    def parts(self) -> tuple[Condition, ...]:
        return self.any_ or self.all_ or ()

    @property
    def _names(self) -> dict[str, frozenset[str]]:
        """The short names that this condition's path understands."""
        steps = self.path.steps if self.path and self.test in _WORDS else ()
        if steps == VERB_ID:
            return VERBS
        return ACTIVITY_TYPES if steps[-2:] == ("definition", "type") else _NO_NAMES

    @property
    def _words(self) -> tuple[Any, ...]:
        return self.expected if self.test == "one_of" else (self.expected,)

    @cached_property
    def wanted(self) -> frozenset[Any]:
        """The values meant by `is`, `is_not` and `one_of`: short names stand for all of their IRIs."""
        plain = {_comparable(word) for word in self._words if word not in self._names}
        return frozenset(plain | {iri for word in self._words for iri in self._names.get(word, ())})

    @cached_property
    def beginning(self) -> str:
        """How every text starts with which `starts_with` or `matches` holds; empty where nothing is certain."""
        if self.test == "matches":
            return literal_start(self.expected)
        return self.starts_with or ""

    def holds(self, document: Any) -> bool:
        if self.any_:
            return any(part.holds(document) for part in self.any_)
        if self.all_:
            return all(part.holds(document) for part in self.all_)
        value = self.query.of(document)
        return value is not Nothing.UNREADABLE and CONDITIONS[self.test](self, value)

    def look(self, document: Any, *, strict: bool = False) -> Seen:
        """The same answer as `holds`, with what was seen; `strict` leaves out texts that may be about a person."""
        value = "" if self.parts else shown(self.query.of(document), self.query, strict=strict)
        parts = tuple(part.look(document, strict=strict) for part in self.parts)
        return Seen(condition=str(self), holds=self.holds(document), value=value, parts=parts)

    def asks(self, key: str) -> bool:
        """Does the path of this line, or of one below it, name this key?"""
        return any(part.asks(key) for part in self.parts) if self.parts else key in self.query.keys

    def pins(self, steps: tuple[str, str]) -> frozenset[str] | None:
        """The only texts that `steps` may have where this condition holds; None when it does not say."""
        if self.any_ or self.all_:
            pinned = [part.pins(steps) for part in self.parts]
            known = [texts for texts in pinned if texts is not None]
            if self.any_:
                return frozenset[str]().union(*known) if len(known) == len(pinned) else None
            return frozenset.intersection(*known) if known else None
        if self.query.steps != steps or self.test not in ("is", "one_of"):
            return None
        return self.wanted if all(isinstance(text, str) for text in self.wanted) else None

    def __str__(self) -> str:
        if self.parts:
            return f"{self.test} of {len(self.parts)}"
        expected = self.expected.pattern if self.test == "matches" else self.expected
        if self.test == "one_of":
            expected = ", ".join(map(str, self._words[:3])) + (", …" if len(self._words) > 3 else "")
        if self.test == "exists":
            return f"`{self.query.text}` {'exists' if self.exists else 'does not exist'}"
        words = str(expected).lower() if isinstance(expected, bool) else str(expected)[:200]
        return f"`{self.query.text}` {self.test.replace('_', ' ')} {words}"


def _comparable(value: Any) -> Any:
    """A value that equals only values of its JSON type: true is not 1, and 1 is 1.0 but not "1"."""
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, int | float | Decimal):
        return ("number", number(value))
    return value if isinstance(value, str) else ("other",)


def _within(value: Any, least: Decimal | None, most: Decimal | None) -> bool:
    exact = number(value)
    return exact is not None and (least is None or exact >= least) and (most is None or exact <= most)


CONDITIONS: Final[dict[str, Callable[[Condition, Any], bool]]] = {
    "is": lambda condition, value: _comparable(value) in condition.wanted,
    "is_not": lambda condition, value: _comparable(value) not in condition.wanted,
    "one_of": lambda condition, value: _comparable(value) in condition.wanted,
    "starts_with": lambda condition, value: isinstance(value, str) and value.startswith(condition.expected),
    "matches": lambda condition, value: matches(condition.expected, value),
    "at_least": lambda condition, value: _within(value, condition.at_least, None),
    "at_most": lambda condition, value: _within(value, None, condition.at_most),
    "exists": lambda condition, value: (value is not Nothing.MISSING) == condition.exists,
}
"""The tests of a value, by the name that a rule writes; `any` and `all` group them."""

_GROUPS: Final = ("any", "all")
NAMES: Final = (*CONDITIONS, *_GROUPS)
_WORDS: Final = ("is", "is_not", "one_of")


def pinned(when: tuple[Condition, ...]) -> tuple[frozenset[str | None], frozenset[str | None]]:
    """The only verbs and the only objects that can fulfil these conditions; {None} where they take any."""
    return _pinned(when, VERB_ID), _pinned(when, OBJECT_ID)


def _pinned(when: tuple[Condition, ...], steps: tuple[str, str]) -> frozenset[str | None]:
    texts = [pins for pins in (condition.pins(steps) for condition in when) if pins is not None]
    return frozenset(frozenset.intersection(*texts)) if texts else frozenset({None})
