"""Reads one source to its present: at once where little is new, in slices of time where much is. Moves its cursor.

The cursor is saved with the last page of every slice, so that a first run can be stopped and goes on where it was. A
slice in which nothing is moves the turn on and not the cursor: it may lie in the future of the clock that will write
`stored` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from connector.collection import cursor, quiet, rereading
from connector.collection.cursor import Chain
from connector.collection.reading import Errand, Reading, heeds, is_after_start, moment
from connector.logs import log
from connector.lrs.client import Page, Query
from connector.lrs.statement import Read
from connector.store import circuit, leases
from connector.store.tables import Source, StatementRow

SWEEP_EVERY = {"stored": timedelta(days=1), "timestamp": timedelta(days=7)}


def to_the_present(reading: Reading) -> None:
    """Read everything that is new. Raises what the client raises; what was saved until then stays."""
    poll = _Poll(reading)
    if not poll.live(may_leave=True):
        poll.catch_up()
        poll.live(may_leave=False)


@dataclass
class _Poll:
    """One turn's way to the present; `oldest` and `there` are what the first page of a chain that was left told.

    `listened` is when this source was read last, by our own clock, until this turn has read something.
    """

    reading: Reading
    oldest: datetime | None = None
    there: datetime | None = None
    stored_before: int = field(init=False)
    listened: datetime | None = field(init=False)

    def __post_init__(self) -> None:
        self.stored_before = self.reading.counts["stored"]
        self.listened = self.reading.row().last_success_at

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
        row, length, overlap = self.reading.row(), cursor.SHORTEST, self.reading.source.overlap
        origin, reached, look_back = self._origin(row), row.high_water, self._look_back()
        while self.there:
            end = cursor.until(reached, self.there, length, overlap) if reached else self.oldest
            if end is None or (reached and end <= reached):
                return
            before = self.reading.counts["read"]
            since = cursor.since(reached, look_back)
            chain = self._slice(since, end, _way(origin, reached, self.there))
            if chain is None or not cursor.vouches(chain, end, overlap):
                return
            origin, self.there = origin or self._origin(self.reading.row()), chain.server_date
            reached, look_back = end, overlap
            length = cursor.stride(length, self.reading.counts["read"] - before, self.reading.source.page)

    def _slice(self, since: datetime | None, end: datetime, way: float | None) -> Chain | None:
        def leave(_page: Page, reads: Sequence[Read]) -> bool:
            return not heeds(self.reading.source, end, reads)

        def finish(session: Session, row: Source, chain: Chain, now: datetime) -> None:
            before, row.high_water = row.high_water, cursor.reach(row.high_water, chain, end)
            self._succeeded(session, row, before, now)

        query = Query(since, self.reading.source.page, end)
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
            _set_back(row, now)
        self._make_up_for_a_gap(session, row, now)

    def _make_up_for_a_gap(self, session: Session, row: Source, now: datetime) -> None:
        """Wish for a sweep from where a gap began that the scheduled one may not reach.

        The server's clock may have been ahead before it and set right in it: what was stored since then lies before the
        cursor, which went with that clock.
        """
        source, every = self.reading.source, SWEEP_EVERY[self.reading.source.cursor_field]
        listened, self.listened = self.listened, None
        if listened is None or row.high_water is None or now - listened <= every:
            return
        since = cursor.since(min(listened, row.high_water), max(self._look_back(), source.sweep))
        wish = rereading.Stretch(source.name, since, None, "sweep")
        rereading.wish(session, wish, by=rereading.SCHEDULE, now=now)
        row.next_sweep_at = now + every

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


def _set_back(row: Source, now: datetime) -> None:
    """Say that the server's clock had been ahead; a sweep looks for what was stored since it is right."""
    row.next_sweep_at = now
    log.warning(
        "source.clock",
        source=row.id,
        error="the LRS's clock had been ahead: reading goes on from its present time",
        hint="look at the time synchronisation of the LRS's host",
        who="operator",
    )
