"""Cuts an LRS's answer into the bytes of its statements. Knows nothing of xAPI but the name of one member.

A parser refuses a whole page for one lone surrogate; here a page is cut by brackets and strings alone, so that each
statement can be tried by itself and be kept exactly as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_MEMBERS = 100
"""Beside the statements: a StatementResult has one."""
LEVELS = 64
"""Nesting that a statement may have. Real ones have about ten; much deeper ones would exhaust later readers."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_SCALAR = rb'[^\s"\[\]{},:]++'
_SPACE = re.compile(rb"[ \t\r\n]*+")
# One bracket with all that stands before it: a walk costs a step for each bracket, and none for a string.
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+([\[\]{}])", re.DOTALL)


def _nested(levels: int) -> bytes:
    """A pattern for one bracketed value of at most `levels` levels; possessive, so that it never backtracks."""
    pattern = rb"(?!)"
    for _ in range(levels):
        pattern = rb'[\[{](?:[^"\[\]{}]++|' + _STRING + rb"|" + pattern + rb")*+[\]}]"
    return pattern


# One match of a pattern takes a sixth of the time of a walk over the tokens; 16 levels cover what is ever sent.
_SHALLOW = re.compile(_nested(16) + rb"|" + _STRING + rb"|" + _SCALAR, re.DOTALL)


class UnreadablePageError(ValueError):
    """Not a JSON object with an array of statements; says where, never what stood there."""


class TooManyError(ValueError):
    """More statements than were to be cut: each slice costs more memory than the three bytes of an empty one."""


def split(page: bytes, *, most: int | None = None) -> tuple[list[bytes], dict[bytes, bytes]]:
    """The statements of a StatementResult as slices of the page, and its other members, unparsed.

    TooManyError for more than `most` statements.
    """
    statements: list[bytes] | None = None
    others: dict[bytes, bytes] = {}
    at = _open(page, _skip(page, 0), b"{", b"}")
    while page[at : at + 1] != b"}":
        key_end = _end(page, at)
        key = page[at:key_end]
        value = _skip(page, _expect(page, _skip(page, key_end), b":"))
        if key == b'"statements"':
            statements, end = elements(page, value, most=most)
            if most is not None and len(statements) > most:
                raise TooManyError
        else:
            end = _end(page, value)
            others[key] = page[value:end]
            if len(others) > MOST_MEMBERS:
                raise UnreadablePageError(f"byte {end}: more than {MOST_MEMBERS} members")
        at = _separated(page, end, b"}")
    if statements is None or _skip(page, at + 1) != len(page):
        raise UnreadablePageError("no array of statements, or more than one document")
    return statements, others


def elements(document: bytes, start: int = 0, *, most: int | None = None) -> tuple[list[bytes], int]:
    """The elements of the array that begins at `start`, and the place after it; no more than `most` and one are cut."""
    found: list[bytes] = []
    at = _open(document, start, b"[", b"]")
    while document[at : at + 1] != b"]" and (most is None or len(found) <= most):
        end = _end(document, at)
        found.append(document[at:end])
        at = _separated(document, end, b"]")
    return found, at + 1


def members(document: bytes) -> list[tuple[bytes, bytes]]:
    """The members of one object in their order, each name and value as they stand there."""
    found: list[tuple[bytes, bytes]] = []
    at = _open(document, _skip(document, 0), b"{", b"}")
    while document[at : at + 1] != b"}":
        key_end = _end(document, at)
        value = _skip(document, _expect(document, _skip(document, key_end), b":"))
        end = _end(document, value)
        found.append((document[at:key_end], document[value:end]))
        at = _separated(document, end, b"}")
    return found


def too_deep(value: bytes) -> bool:
    """True when the value nests deeper than LEVELS; costs next to nothing for a value with few brackets."""
    if value.count(b"{") + value.count(b"[") <= LEVELS:
        return False
    return any(depth > LEVELS for _, depth in _brackets(value))


def _brackets(document: bytes, at: int = 0) -> Iterator[tuple[int, int]]:
    """The place after each bracket and the depth there; a string that was cut off is the end."""
    depth = 0
    while match := _BRACKET.match(document, at):
        depth += 1 if match[1] in b"[{" else -1
        at = match.end()
        yield at, depth


def _skip(document: bytes, at: int) -> int:
    match = _SPACE.match(document, at)
    return match.end() if match else at


def _expect(document: bytes, at: int, sign: bytes) -> int:
    if document[at : at + 1] != sign:
        raise UnreadablePageError(f"byte {at}: expected {sign.decode()}")
    return at + 1


def _open(document: bytes, at: int, opening: bytes, closing: bytes) -> int:
    """The place of the first element, or of the closing bracket of an empty value."""
    first = _skip(document, _expect(document, at, opening))
    if document[first : first + 1] in (b",", b""):
        raise UnreadablePageError(f"byte {first}: expected a value or {closing.decode()}")
    return first


def _separated(document: bytes, end: int, closing: bytes) -> int:
    """The place of the next element, or of the closing bracket after the last one."""
    at = _skip(document, end)
    if document[at : at + 1] == closing:
        return at
    following = _skip(document, _expect(document, at, b","))
    if document[following : following + 1] == closing:
        raise UnreadablePageError(f"byte {following}: expected a value")
    return following


def _end(document: bytes, start: int) -> int:
    """The place after the value that begins at `start`, whatever its depth."""
    match = _SHALLOW.match(document, start)
    if match:
        return match.end()
    for end, depth in _brackets(document, _expect_bracket(document, start)):
        if depth == 0:
            return end
    raise UnreadablePageError(f"byte {start}: a value without an end")


def _expect_bracket(document: bytes, start: int) -> int:
    if document[start : start + 1] not in (b"[", b"{"):
        raise UnreadablePageError(f"byte {start}: expected a value")
    return start
