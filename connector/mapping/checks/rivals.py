"""Which rules are worth comparing with which: those that ask one place for values that can be the same. Judges none."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connector.mapping.checks.never import Key, key_of
from connector.mapping.language.conditions import Condition

MOST_PATHS: Final = 16
"""Rules ask a few paths in common; one that a single rule asks tells it from nobody."""

_LAST = "\U0010ffff"


@dataclass
class Values:
    """What a rule takes of one path: these values, and every text that starts so."""

    exact: set[Any] = field(default_factory=set)
    starts: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.exact) + len(self.starts)


Narrowed = dict[Key, Values]
"""By path, all that a rule takes; what is not in it is open."""


def narrowed(when: Iterable[Condition]) -> Narrowed:
    """Of several conditions on one path the narrowest counts."""
    found: Narrowed = {}
    for condition in when:
        for key, values in _of_one(condition).items():
            if key not in found or len(values) < len(found[key]):
                found[key] = values
    return found


def _of_one(condition: Condition) -> Narrowed:
    if condition.all_:
        return narrowed(condition.all_)
    if condition.any_:
        return _of_any(condition.any_)
    if condition.test in ("is", "one_of"):
        return {key_of(condition): Values(exact=set(condition.wanted))}
    return {key_of(condition): Values(starts={condition.beginning})} if condition.beginning else {}


def _of_any(parts: Sequence[Condition]) -> Narrowed:
    """Only what every line narrows."""
    found = _of_one(parts[0])
    for part in parts[1:]:
        more = _of_one(part)
        found = {key: values for key, values in found.items() if key in more}
        for key, values in found.items():
            values.exact |= more[key].exact
            values.starts |= more[key].starts
    return found


class _Path:
    """The rules by what they take of one path; each list of places is in order."""

    def __init__(self, key: Key, rules: Sequence[Narrowed]) -> None:
        self.open = [place for place, one in enumerate(rules) if key not in one]
        self._exact: dict[Any, list[int]] = {}
        self._starts: dict[str, list[int]] = {}
        for place, one in enumerate(rules):
            for value in one[key].exact if key in one else ():
                self._exact.setdefault(value, []).append(place)
            for start in one[key].starts if key in one else ():
                self._starts.setdefault(start, []).append(place)
        self._lengths = sorted({len(start) for start in self._starts})
        self._texts = sorted({text for text in (*self._exact, *self._starts) if isinstance(text, str)})

    def meeting(self, values: Values) -> Iterator[list[int]]:
        """The places of the rules that take something of these values too."""
        for value in values.exact:
            yield self._exact.get(value, [])
            yield from self._around(value, len(value)) if isinstance(value, str) else ()
        for start in values.starts:
            yield from self._around(start, len(start) - 1)
            for at in range(bisect_left(self._texts, start), bisect_left(self._texts, start + _LAST)):
                yield self._exact.get(self._texts[at], [])
                yield self._starts.get(self._texts[at], [])

    def _around(self, text: str, longest: int) -> Iterator[list[int]]:
        """The places of what the text starts with."""
        for length in self._lengths:
            if length > longest:
                return
            yield self._starts.get(text[:length], [])


class Rivals:
    """Rules among which each finds those before it that it may meet."""

    def __init__(self, rules: Sequence[Narrowed]) -> None:
        self._rules = rules
        asked = Counter(key for one in rules for key in one)
        self._paths: Mapping[Key, _Path] = {key: _Path(key, rules) for key, _ in asked.most_common(MOST_PATHS)}

    def of(self, place: int) -> tuple[Iterator[int], Sequence[int]]:
        """The places of those that share a value of the path that tells most, and of those that leave it open; the
        first are looked for only when they are asked for."""
        rule = self._rules[place]
        paths = [(path, rule[key]) for key, path in self._paths.items() if key in rule]
        if not paths:
            return iter(()), range(place)
        path, values = min(paths, key=lambda one: _count(one[0], one[1], place))
        return _near(path, values, place), path.open[: bisect_left(path.open, place)]


def _count(path: _Path, values: Values, place: int) -> int:
    near = sum(bisect_left(places, place) for places in path.meeting(values))
    return near + bisect_left(path.open, place)


def _near(path: _Path, values: Values, place: int) -> Iterator[int]:
    yield from sorted({one for places in path.meeting(values) for one in places[: bisect_left(places, place)]})
