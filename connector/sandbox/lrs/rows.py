"""Statements as they are held, and one read over a sorted list of them. Pure; knows no clock, no switch and no HTTP."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from connector.sandbox.lrs.checks import Wrong, instant
from connector.sandbox.lrs.filters import Filter

Moment = Literal["stored", "timestamp"]


@dataclass(frozen=True, order=True, slots=True)
class Row:
    """One stored statement; rows sort by `stored`, then by arrival. Small: a million of them fit a test's memory."""

    stored: datetime
    number: int
    raw: bytes = field(compare=False, repr=False)
    statement_id: str = field(default="", compare=False)
    visible_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)
    essence: bytes = field(default=b"", compare=False, repr=False)

    @property
    def statement(self) -> dict[str, Any] | None:
        """Read from the bytes each time; None where they hold none."""
        return read_object(self.raw)

    def key(self, by: Moment) -> tuple[datetime, int]:
        """The row's place in an order; a planted statement without a usable timestamp stands at its `stored`."""
        if by == "timestamp":
            try:
                return instant((self.statement or {}).get("timestamp")), self.number
            except Wrong:
                pass
        return self.stored, self.number


@dataclass(frozen=True)
class Query:
    """One read: filter, window, order and page length; `after` is where a `more` goes on.

    The fields after it are what products do otherwise: see `lrs_quirks`.
    """

    filter: Filter = field(default_factory=Filter)
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    limit: int = 0
    attachments: bool = False
    after: Row | None = None
    since_inclusive: bool = False
    until_exclusive: bool = False
    window: Moment = "stored"
    order: Moment = "stored"
    turned: bool = False
    shows_voided: bool = False
    eager: bool = False
    frozen: bool = False
    rest: tuple[Row, ...] | None = None

    def holds(self, row: Row) -> bool:
        """Whether the row lies in the window."""
        at, _ = row.key(self.window)
        early = self.since is not None and (at < self.since or (at == self.since and not self.since_inclusive))
        late = self.until is not None and (at > self.until or (at == self.until and self.until_exclusive))
        return not early and not late


@dataclass(frozen=True)
class Page:
    rows: tuple[Row, ...]
    more: Query | None


def walk(rows: Sequence[Row], query: Query) -> Iterator[Row]:
    """The window's rows in the asked order, from behind `after` on. `rows` are sorted by `stored`: no page costs more
    than its own length, unless order or window go by timestamp."""
    ordered = rows if query.order == "stored" else sorted(rows, key=lambda row: row.key(query.order))
    low, high = _bounds(ordered, query) if query.window == query.order else (0, len(ordered))
    if query.after:
        place = query.after.key(query.order)
        if query.ascending:
            low = max(low, bisect.bisect_right(ordered, place, key=lambda row: row.key(query.order)))
        else:
            high = min(high, bisect.bisect_left(ordered, place, key=lambda row: row.key(query.order)))
    steps = range(low, high) if query.ascending else range(high - 1, low - 1, -1)
    found = (ordered[at] for at in steps)
    return found if query.window == query.order else filter(query.holds, found)


def _bounds(ordered: Sequence[Row], query: Query) -> tuple[int, int]:
    def at(row: Row) -> datetime:
        return row.key(query.order)[0]

    first = bisect.bisect_left if query.since_inclusive else bisect.bisect_right
    last = bisect.bisect_left if query.until_exclusive else bisect.bisect_right
    return (
        first(ordered, query.since, key=at) if query.since else 0,
        last(ordered, query.until, key=at) if query.until else len(ordered),
    )


def read_object(raw: bytes) -> dict[str, Any] | None:
    """The JSON object in these bytes, if they hold one: they may be planted, and anything."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_page(rows: Iterable[Row], more: str | None) -> bytes:
    """The bytes of a result: each statement exactly as it is held. A `more` of None is left out."""
    end = b"" if more is None else b',"more":' + orjson.dumps(more)
    return b'{"statements":[' + b",".join(row.raw for row in rows) + b"]" + end + b"}"
