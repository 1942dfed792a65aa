"""Regular expressions of rules, refused when some text could make them run for minutes: Python cannot stop one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

LONGEST_PATTERN = 500
LONGEST_TEXT = 500
MOST_WAYS = (LONGEST_TEXT + 1) ** 3  # what three open repeats can make of 500 characters: below a second
_REPEATS = (names.MAX_REPEAT, names.MIN_REPEAT)


def read_pattern(text: str) -> re.Pattern[str]:
    """The pattern, or ValueError with a sentence."""
    if not text or len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has 1 to {LONGEST_PATTERN} characters")
    try:
        pattern, tree = re.compile(text), parser.parse(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error.msg} at character {(error.pos or 0) + 1}") from None
    except (OverflowError, RecursionError):
        raise ValueError("not a regular expression") from None
    if _nests(tree) or _ways(tree) > MOST_WAYS:
        raise ValueError("some text would keep this pattern busy for minutes: repeat no group that repeats or chooses")
    return pattern


def matches(pattern: re.Pattern[str], value: Any) -> bool:
    """True when the whole text matches; a longer text than any id ever seen does not."""
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and pattern.fullmatch(value) is not None


def literal_start(pattern: re.Pattern[str]) -> str:
    """The text with which everything starts that matches; empty where that is not certain.

    >>> [literal_start(re.compile(text)) for text in ("https://x/[0-9]+", "a|b", "ab?", "(?i)a")]
    ['https://x/', '', 'a', '']
    """
    if pattern.flags & re.IGNORECASE:
        return ""
    start = ""
    for operator, argument in parser.parse(pattern.pattern):
        if operator is not names.LITERAL:
            break
        start += chr(argument)
    return start


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (operator, argument) of a parsed pattern, at any depth."""
    if isinstance(tree, tuple) and tree and isinstance(tree[0], type(names.LITERAL)):
        yield tree[0], tree[1]
        tree = tree[1]
    if isinstance(tree, parser.SubPattern | list | tuple):
        for part in tree:
            yield from _nodes(part)


def _ways(tree: Any) -> int:
    """In how many ways the repeats and choices of the pattern can share out a text, at most."""
    ways = 1
    for operator, argument in _nodes(tree):
        if operator in _REPEATS:
            least, most = (min(int(count), LONGEST_TEXT) for count in argument[:2])
            ways *= most - least + 1
        elif operator is names.BRANCH:
            ways *= len(argument[1])
    return ways


def _nests(tree: Any) -> bool:
    """Is there a repeat around a repeat, a choice or a back reference? Such patterns can take exponential time."""
    bodies = [argument[2] for operator, argument in _nodes(tree) if operator in _REPEATS and argument[1] > 1]
    inside = {operator for body in bodies for operator, _ in _nodes(body)}
    return bool(inside & {*_REPEATS, names.BRANCH, names.GROUPREF})
