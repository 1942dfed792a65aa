"""Conditions that cannot hold together, whatever the statement. Says so only where it is sure; knows no rule."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from connector.mapping.language.conditions import CONDITIONS, Condition
from connector.mapping.language.paths import Nothing
from connector.yamlfile import Loc

Line = tuple[Loc, Condition]
"""A condition and where it stands."""

Key = tuple[str | int, ...]
Asked = MutableMapping[Key, list[Line]]
"""By path, all that is asked of its value."""

MOST_PAIRS = 200_000
"""A group with more lines than these, times the conditions around it, is not looked into: that would take minutes."""


class Clash(NamedTuple):
    """Where it stands that cannot hold, and the line that rules it out; none for a group of which no line can hold."""

    loc: Loc
    other: Loc | None = None


def clash(lines: Iterable[Line], outer: Asked | None = None) -> Clash | None:
    """The first contradiction of these lines with one another or with those of `outer`; None when there may be none."""
    outer = {} if outer is None else outer
    single: list[Line] = []
    groups: list[Line] = []
    for line in lines:
        _sort(line, single, groups)
    asked: Asked = ChainMap({}, outer)
    for line in single:
        key = key_of(line[1])
        asked[key] = [*asked.get(key, ()), line]
    own = dict.fromkeys(key_of(condition) for _, condition in single)
    found = (_of_one_value(asked[key]) or _of_absence(key, asked) for key in own)
    return next(filter(None, found), None) or next(filter(None, (_of_group(group, asked) for group in groups)), None)


def _sort(line: Line, single: list[Line], groups: list[Line]) -> None:
    """What stands under `all` is asked as if it stood without it."""
    loc, condition = line
    if condition.any_:
        groups.append(line)
    elif condition.all_:
        for at, part in enumerate(condition.all_):
            _sort(((*loc, "all", at), part), single, groups)
    else:
        single.append(line)


def key_of(condition: Condition) -> Key:
    """The path: two spellings of a plain chain of keys are one."""
    return condition.query.steps or (condition.query.text, "", "")


def _of_group(group: Line, asked: Asked) -> Clash | None:
    loc, condition = group
    if len(condition.parts) * sum(map(len, asked.values())) > MOST_PAIRS:
        return None
    none_holds = all(clash([((*loc, "any", at), part)], asked) for at, part in enumerate(condition.parts))
    return Clash((*loc, "any")) if none_holds else None


def _of_one_value(lines: Sequence[Line]) -> Clash | None:
    fewest = min(range(len(lines)), key=lambda at: _count(lines[at][1]))
    values = only_values(lines[fewest][1])
    if values is not None:
        return _none_left(fewest, values, lines)
    return _of_beginnings(lines) or _of_bounds(lines)


def _count(condition: Condition) -> float:
    """Of values with which it holds."""
    if condition.test in ("is", "one_of"):
        return len(condition.wanted)
    return 1 if _is_absent(condition) else math.inf


def only_values(condition: Condition) -> list[Any] | None:
    """All values with which it holds, where they can be counted."""
    if condition.test in ("is", "one_of"):
        return [word[1] if isinstance(word, tuple) else word for word in condition.wanted]
    return [Nothing.MISSING] if condition.test == "exists" and not condition.exists else None


def _none_left(first: int, values: list[Any], lines: Sequence[Line]) -> Clash | None:
    for at, (_, condition) in enumerate(lines):
        values = [value for value in values if CONDITIONS[condition.test](condition, value)]
        if not values:
            return Clash(lines[max(first, at)][0], lines[min(first, at)][0])
    return None


def _of_beginnings(lines: Sequence[Line]) -> Clash | None:
    known = [(loc, condition.beginning) for loc, condition in lines if condition.beginning]
    loc, longest = max(known, default=((), ""), key=lambda one: len(one[1]))
    return next((Clash(loc, other) for other, text in known if not longest.startswith(text)), None)


def _of_bounds(lines: Sequence[Line]) -> Clash | None:
    least = max(_bounds(lines, "at_least"), default=None, key=lambda one: one[1])
    most = min(_bounds(lines, "at_most"), default=None, key=lambda one: one[1])
    return Clash(most[0], least[0]) if least and most and least[1] > most[1] else None


def _bounds(lines: Sequence[Line], test: str) -> Iterator[tuple[Loc, Decimal]]:
    return ((loc, condition.expected) for loc, condition in lines if condition.test == test)


def _of_absence(key: Key, asked: Asked) -> Clash | None:
    """What is not there has nothing in it: `result` does not exist, and `result.success` is true."""
    above = (line for size in range(1, len(key)) for line in asked.get(key[:size], ()) if _is_absent(line[1]))
    needed = next((line for line in asked[key] if needs_a_value(line[1])), None)
    if needed and (absent := next(above, None)):
        return Clash(needed[0], absent[0])
    absent = next((line for line in asked[key] if _is_absent(line[1])), None)
    if absent:
        below = (line for other in asked if len(other) > len(key) and other[: len(key)] == key for line in asked[other])
        needed = next((line for line in below if needs_a_value(line[1])), None)
    return Clash(absent[0], needed[0]) if absent and needed else None


def _is_absent(condition: Condition) -> bool:
    return condition.test == "exists" and not condition.exists


def needs_a_value(condition: Condition) -> bool:
    return condition.test != "is_not" and not _is_absent(condition)
