"""A model of an LRS that is honest about its vices: late, tied and re-ordered rows, live pages, clocks that lag.

The same rows are read by the connector's cursor and by the naive one, so that a test can show that it would notice.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from connector.lrs import moments
from connector.lrs.client import Page, Query
from tests.lrs.samples import moodle, raw

MS = timedelta(milliseconds=1)
START = datetime(2026, 3, 1, 12, 0, 0, 1000, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    stored: datetime
    visible: datetime
    timestamp: datetime
    number: int

    @property
    def statement_id(self) -> str:
        return str(uuid.UUID(int=self.number, version=4))

    @property
    def raw(self) -> bytes:
        times = {"stored": self.stored, "timestamp": self.timestamp}
        return raw(moodle(self.number) | {name: moments.render(value) for name, value in times.items()})


@dataclass
class ModelLrs:
    """`field_` is what since compares; `page_size` caps pages; `lag` (ms) is how far Consistent-Through lies back."""

    field_: str = "stored"
    page_size: int = 3
    inclusive: bool = False
    ascending: bool = True
    lag: int | None = None
    now: datetime = START
    ahead: timedelta = timedelta()  # how wrong the server's own clock is
    rows: list[Row] = field(default_factory=list)
    _tokens: dict[str, tuple[Query, tuple[datetime, int] | None]] = field(default_factory=dict)

    def post(self, *, late: int = 0, old: int = 0, tied: bool = False) -> None:
        """`late`: ms from stored to visible. `old`: ms from timestamp to stored."""
        stored = self.rows[-1].stored if tied and self.rows else self.clock
        timestamp = stored - old * MS
        visible = max(self.now, stored - self.ahead + late * MS)
        self.rows.append(Row(stored, visible, timestamp, len(self.rows) + 1))

    @property
    def clock(self) -> datetime:
        return self.now + self.ahead

    def page(self, query: Query) -> Page:
        return self._answer(query, None)

    def follow(self, more: str) -> Page:
        return self._answer(*self._tokens[more])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _key(self, row: Row) -> tuple[datetime, int]:
        return (getattr(row, self.field_), row.number)

    def _answer(self, query: Query, after: tuple[datetime, int] | None) -> Page:
        wanted = (row for row in self.rows if row.visible <= self.now and self._is_since(row, query.since))
        ordered = sorted(wanted, key=self._key, reverse=not self.ascending)
        if after:
            ordered = [row for row in ordered if (self._key(row) > after) == self.ascending and self._key(row) != after]
        size = min(self.page_size, query.limit)
        shown, rest = ordered[:size], ordered[size:]
        more = f"/more/{len(self._tokens)}" if rest else ""
        if more:
            self._tokens[more] = (query, self._key(shown[-1]))
        consistent = None if self.lag is None else self.clock - self.lag * MS
        return Page(tuple(row.raw for row in shown), more, consistent, self.clock.replace(microsecond=0))

    def _is_since(self, row: Row, since: datetime | None) -> bool:
        if since is None:
            return True
        value = getattr(row, self.field_)
        return value >= since if self.inclusive else value > since
