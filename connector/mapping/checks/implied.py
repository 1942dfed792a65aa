"""Conditions that hold wherever others do. Says so only where it is sure; knows no rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from connector.mapping.checks.never import Key, key_of, needs_a_value, only_values
from connector.mapping.language.conditions import CONDITIONS, Condition

Certain = Mapping[Key, Sequence[Condition]]
"""By path, the lines of which each holds."""


def certain(when: Iterable[Condition]) -> Certain:
    """What holds where all of these do; what stands under `all` holds too, of an `any` nobody knows which line."""
    found: dict[Key, list[Condition]] = {}
    left = [*when]
    while left:
        condition = left.pop()
        if condition.all_:
            left += condition.all_
        elif not condition.any_:
            found.setdefault(key_of(condition), []).append(condition)
    return found


def implied(condition: Condition, lines: Certain) -> bool:
    """Does the condition hold for every statement that fulfils these lines?"""
    if condition.any_:
        return any(implied(part, lines) for part in condition.any_)
    if condition.all_:
        return all(implied(part, lines) for part in condition.all_)
    return any(_follows(condition, line) for line in lines.get(key_of(condition), ()))


def _follows(condition: Condition, line: Condition) -> bool:
    values = only_values(line)
    if values is not None:
        return all(CONDITIONS[condition.test](condition, value) for value in values)
    follows = _FROM.get(condition.test)
    return condition == line or (follows is not None and follows(condition, line))


def _is_elsewhere(condition: Condition, line: Condition) -> bool:
    """Do all texts of the line start in another way than the one that must not be?"""
    texts = [text for text in condition.wanted if isinstance(text, str)]
    return bool(line.beginning) and not any(text.startswith(line.beginning) for text in texts)


_FROM: Final[dict[str, Callable[[Condition, Condition], bool]]] = {
    "is_not": _is_elsewhere,
    "starts_with": lambda condition, line: line.beginning.startswith(condition.expected),
    "at_least": lambda condition, line: line.test == "at_least" and line.expected >= condition.expected,
    "at_most": lambda condition, line: line.test == "at_most" and line.expected <= condition.expected,
    "exists": lambda condition, line: condition.expected and needs_a_value(line),
}
"""Why a test holds where a line of the same path does whose values cannot be counted."""
