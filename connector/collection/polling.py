"""Reads one source to its present: at once where little is new, in slices of time where much is. Moves its cursor.

The cursor is saved with the last page of every slice, so that a first run can be stopped and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from connector.collection import cursor, quiet, rereading
from connector.collection.cursor import Chain
from connector.collection.reading import Errand, Reading, heeds, is_after_start, moment
from connector.errors import NeedsOperator
from connector.logs import log
from connector.lrs.client import Page, Query
from connector.lrs.statement import Read
from connector.store import circuit, leases
from connector.store.tables import Source, StatementRow

SWEEP_EVERY = {"stored": timedelta(days=1), "timestamp": timedelta(days=7)}


def to_the_present(reading: Reading, zone: ZoneInfo) -> None:
    """Read everything that is new. Raises what the client raises; what was saved until then stays."""
    _begin(reading, zone)
    poll = _Poll(reading)
    if not poll.live(may_leave=True):
        poll.catch_up()
        poll.live(may_leave=False)


def _begin(reading: Reading, zone: ZoneInfo) -> None:
    """Write the starting point at first use."""
    row, said = reading.row(), reading.source.start_from
    if row.high_water or row.start_from or said == "everything":
        return
    start = _start(reading, said, zone)
    with reading.store.writing() as session:
        row = session.get_one(Source, reading.source.name)
        row.start_from = row.high_water = start


def _start(reading: Reading, said: date | Literal["now"], zone: ZoneInfo) -> datetime:
    """The moment from which statements count: midnight of a date, or now by the server's own clock."""
    if said != "now":
        return datetime.combine(said, time.min, zone).astimezone(UTC)
    server_date = reading.lrs.page(Query(since=None, limit=1)).server_date
    if server_date is None:
        raise NeedsOperator(
            "lrs.no_date",
            "the LRS's answers have no Date, so that nobody knows what `now` is there",
            "set the source's `start_from` to a date",
        )
    return server_date


@dataclass
class _Poll:
    """One turn's way to the present; `oldest` and `there` are what the first page of a chain that was left told."""

    reading: Reading
    oldest: datetime | None = None
    there: datetime | None = None
    stored_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.stored_before = self.reading.counts["stored"]

    def live(self, *, may_leave: bool) -> bool:
        """The chain without an end in time. False: it was left at its first page, as too much time lies behind it."""
        began = self.reading.row()
        pages = 0

        def leave(page: Page, reads: Sequence[Read]) -> bool:
            nonlocal pages
            pages += 1
            if not may_leave or pages > 1 or not page.more:
                return False
            told = (at for one in reads if (at := moment(self.reading.source, one.statement)))
            self.oldest, self.there = cursor.first_end(told), page.server_date
            return cursor.is_far(began.high_water or self.oldest, page.server_date)

        query = Query(cursor.since(began.high_water, self._look_back()), self.reading.source.page)
        return self.reading.follow(Errand(query, self._finish, is_after_start, leave)) is not None

    def catch_up(self) -> None:
        """Slices until little is left, or until the server turns out not to cut time, or not to vouch for it."""
        row, length = self.reading.row(), cursor.SHORTEST
        origin = self._origin(row)
        while self.there:
            reached = row.high_water
            overlap = self.reading.source.overlap
            end = cursor.until(reached, self.there, length, overlap) if reached else self.oldest
            if end is None or (reached and end <= reached):
                return
            before = self.reading.counts["read"]
            chain = self._slice(row, end, _way(origin, reached, self.there))
            row = self.reading.row()
            if chain is None or row.high_water != end:
                return
            origin, self.there = origin or self._origin(row), chain.server_date
            length = cursor.stride(length, self.reading.counts["read"] - before, self.reading.source.page)

    def _slice(self, row: Source, end: datetime, way: float | None) -> Chain | None:
        overlap = self.reading.source.overlap

        def leave(_page: Page, reads: Sequence[Read]) -> bool:
            return not heeds(self.reading.source, end, reads)

        def finish(session: Session, row: Source, chain: Chain, now: datetime) -> None:
            before, row.high_water = row.high_water, cursor.reach(row.high_water, chain, end, overlap)
            self._succeeded(session, row, before, now)

        query = Query(cursor.since(row.high_water, self._look_back()), self.reading.source.page, end)
        return self.reading.follow(Errand(query, finish, is_after_start, leave, way))

    def _look_back(self) -> timedelta:
        source = self.reading.source
        return source.look_back if source.cursor_field == "timestamp" else source.overlap

    def _finish(self, session: Session, row: Source, chain: Chain, now: datetime) -> None:
        before, row.high_water = row.high_water, self._reached(row, chain)
        row.consistent_through = chain.consistent_through
        self._succeeded(session, row, before, now)
        rereading.plan_sweep(session, row, self.reading.source, now=now, every=SWEEP_EVERY)
        leases.free(row)

    def _succeeded(self, session: Session, row: Source, before: datetime | None, now: datetime) -> None:
        stored = self.reading.counts["stored"]
        quiet.heard(row, now, stored - self.stored_before, usual=quiet.usual(self.reading.source))
        self.stored_before = stored
        circuit.recover(session, row, now=now)
        if before and row.high_water and row.high_water < before:
            _set_back(row, row.high_water, now)

    def _reached(self, row: Source, chain: Chain) -> datetime | None:
        """The cursor after this chain; a start that the file names may lie ahead of every clock."""
        reached = cursor.advance(row.high_water, chain)
        if reached and row.start_from and isinstance(self.reading.source.start_from, date):
            return max(reached, row.start_from)
        return reached

    def _origin(self, row: Source) -> datetime | None:
        """Where the way to the present began: the start, or the first statement that was met."""
        if row.start_from:
            return row.start_from
        first = select(StatementRow.stored).where(StatementRow.source_id == row.id).order_by(col(StatementRow.id))
        with self.reading.store.reading() as session:
            return session.exec(first.limit(1)).first()


def _way(origin: datetime | None, reached: datetime | None, there: datetime) -> float | None:
    if origin is None or reached is None or not origin < there:
        return None
    return min(max((reached - origin) / (there - origin), 0.0), 1.0)


def _set_back(row: Source, reached: datetime, now: datetime) -> None:
    """Say that the server's clock had been ahead; a sweep looks for what was stored since it is right."""
    row.next_sweep_at = now
    if row.start_from and row.start_from > reached:  # a `now` of the wrong clock
        row.start_from = reached
    log.warning(
        "source.clock",
        source=row.id,
        error="the LRS's clock had been ahead: reading goes on from its present time",
        hint="look at the time synchronisation of the LRS's host",
        who="operator",
    )
