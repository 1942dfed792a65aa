"""Reads a stretch of the past again, slice by slice: sweeps by schedule, backfills by a person's wish. Moves no cursor.

A rereading is a row of `wish`; how far it has come is saved in the row with the last page of every slice. One that
fails waits and lets the source be read on: the past is never more urgent than the present. What cannot be read for
long is stepped over, and said.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session, col, select

from connector.collection import cursor
from connector.collection.cursor import Chain
from connector.collection.reading import OURS, OWNER, Errand, Reading, heeds, is_after_start, lease_length, moment
from connector.config import SourceConfig
from connector.errors import ConnectorError
from connector.logs import log
from connector.lrs import moments
from connector.lrs.client import Page, Query
from connector.lrs.statement import Read
from connector.records import Counts, Statement
from connector.store import circuit, leases, wishes
from connector.store.tables import Source, Wish

KIND = "reread"
_SCRAP = timedelta(minutes=1)  # not worth a slice of its own
SCHEDULE = "schedule"
FIRST_PAUSE, MOST_PAUSE = timedelta(minutes=1), timedelta(hours=6)

Why = Literal["sweep", "backfill"]
Span = tuple[datetime, datetime]

NOT_READ = "lrs.not_read"
HINT = "look in the LRS's log why it cannot serve that time; the next sweep tries again, a backfill must be given again"
ATTEMPTS: Mapping[Why, int] = {"sweep": 8, "backfill": 12}
"""At a slice that fails, before it is stepped over: some two hours, and a day. A sweep comes again by itself."""


@dataclass(frozen=True)
class Stretch:
    """From `since`, None being the beginning, up to `until`, None being where the cursor stands when it is begun.

    `reached` is how far it has been read, and `missed` what the LRS could not serve of it.
    """

    source: str
    since: datetime | None
    until: datetime | None
    why: Why
    reached: datetime | None = None
    read: int = 0
    stored: int = 0
    failures: int = 0
    next_at: datetime | None = None
    missed: tuple[Span, ...] = ()

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Stretch:
        times = {name: moments.parse(args[name]) if args.get(name) else None for name in _TIMES}
        missed = tuple((moments.parse(begin), moments.parse(end)) for begin, end in args.get("missed", ()))
        return cls(**{**args, **times, "missed": missed})

    def args(self) -> dict[str, Any]:
        times = {name: moments.render(at) if (at := getattr(self, name)) else None for name in _TIMES}
        missed = [[moments.render(begin), moments.render(end)] for begin, end in self.missed]
        return {**self.__dict__, **times, "missed": missed}

    def asks_the_same(self, other: Stretch) -> bool:
        """One that has stepped over something does not: it will not go back for that."""
        return not self.missed and (self.since, self.until, self.why) == (other.since, other.until, other.why)

    def has_read(self, gap: Span) -> bool:
        begin, end = gap
        is_within = (self.since is None or self.since <= begin) and self.reached is not None and end <= self.reached
        return is_within and not any(first < end and begin < last for first, last in self.missed)

    @property
    def begin(self) -> datetime | None:
        """Where its next slice begins."""
        return self.reached or self.since


_TIMES = ("since", "until", "reached", "next_at")


def wish(session: Session, stretch: Stretch, *, by: str, now: datetime) -> bool:
    """Ask for a stretch to be read again by whoever reads the source; False where that is asked for already."""
    if any(Stretch.of(one.args).asks_the_same(stretch) for one in _open(session, stretch.source)):
        return False
    wishes.wish(session, KIND, stretch.args(), by=by, now=now)
    return True


def plan_sweep(
    session: Session, row: Source, source: SourceConfig, *, now: datetime, every: Mapping[str, timedelta]
) -> None:
    """Wish for a sweep when one is due, unless the last one is still at work."""
    if row.next_sweep_at is not None:
        is_due = circuit.is_due(row.next_sweep_at, now, every[source.cursor_field])
        if not is_due or any(one.args["why"] == "sweep" for one in _open(session, source.name)):
            return
        if row.high_water is not None:
            usual = source.look_back if source.cursor_field == "timestamp" else source.overlap
            since = cursor.since(row.high_water, max(usual, source.sweep))
            wish(session, Stretch(source.name, since, row.high_water, "sweep"), by=SCHEDULE, now=now)
    row.next_sweep_at = now + every[source.cursor_field]


def carry_on(reading: Reading, patience: timedelta | None) -> bool:
    """Work on this source's wishes, the oldest first, until none is left or the patience is at its end.

    True when there was something to do: the source is leased then.
    """
    worked = False
    ends = time.monotonic() + patience.total_seconds() if patience is not None else None
    length = cursor.SHORTEST
    while wished := _next(reading):
        worked = True
        before, turn = reading.counts["read"], _turn(reading, wished)
        try:
            _one_slice(turn, cursor.SHORTEST if turn.stretch.failures else length)
        except ConnectorError as error:
            if error.code.startswith(OURS):
                raise
            turn.put_off(error)
        length = cursor.stride(length, reading.counts["read"] - before, reading.source.page)
        if ends is not None and time.monotonic() >= ends:
            break
    return worked


def _open(session: Session, source: str) -> list[Wish]:
    rows = select(Wish).where(Wish.kind == KIND, col(Wish.done_at).is_(None)).order_by(col(Wish.id))
    return [row for row in session.exec(rows) if row.args["source"] == source]


def _next(reading: Reading) -> Wish | None:
    """The oldest wish that does not wait, with the source leased for it."""
    now = datetime.now(UTC)
    with reading.store.reading() as session:
        wishes = _open(session, reading.source.name)
        due = [one for one in wishes if circuit.is_due(Stretch.of(one.args).next_at, now, MOST_PAUSE)]
    if not due:
        return None
    with reading.store.writing() as session:
        row = session.get_one(Source, reading.source.name)
        leases.lease(row, OWNER, now=now, length=lease_length(reading.source))
    return due[0]


def _one_slice(turn: _Turn, length: timedelta) -> None:
    """One slice of it; all the rest in one chain where the server does not look at `until`."""
    end = turn.end(length)
    if end == turn.last or not turn.follow(end, strict=True):
        turn.follow(turn.last, strict=False)


def _turn(reading: Reading, wished: Wish) -> _Turn:
    """A backfill reads on to the moment from which all was read: what it keeps may have been voided until then."""
    stretch, row = Stretch.of(wished.args), reading.row()
    until = stretch.until or row.high_water or datetime.now(UTC)
    known_from = row.start_from if stretch.why == "backfill" and row.start_from else until
    return _Turn(reading, wished.id, replace(stretch, until=until), until, max(until, known_from))


@dataclass(frozen=True)
class _Turn:
    """One slice of a stretch whose end, `until`, is known; `last` is how far it is read."""

    reading: Reading
    wish_id: int
    stretch: Stretch
    until: datetime
    last: datetime

    def end(self, length: timedelta) -> datetime:
        begin = self.stretch.begin
        end = begin + length if begin else cursor.XAPI_BEGINS
        return self.last if end + _SCRAP >= self.last else end

    def follow(self, end: datetime, *, strict: bool) -> bool:
        """False when it was left: `strict` leaves at a statement behind the end."""
        source, before = self.reading.source, Counts(self.reading.counts)

        def leave(_page: Page, reads: Sequence[Read]) -> bool:
            return strict and not heeds(source, end, reads)

        def finish(session: Session, row: Source, _chain: Chain, now: datetime) -> None:
            _note(session.get_one(Wish, self.wish_id), self._after(end, self.reading.counts - before), self.last, now)
            if self._is_backfill and row.start_from and self.stretch.since and self.until >= row.start_from:
                row.start_from = min(row.start_from, self.stretch.since)

        since = cursor.since(self.stretch.begin, timedelta())
        errand = Errand(Query(since, source.page, end + _MILLISECOND), finish, self._keeps, leave, self._way)
        return self.reading.follow(errand) is not None

    def put_off(self, error: ConnectorError) -> None:
        """The source itself was read a moment ago: it is this slice that does not work, and it waits alone."""
        now, failures = datetime.now(UTC), self.stretch.failures + 1
        is_news = failures == 1 and not self.stretch.missed
        with self.reading.store.writing() as session:
            row = session.get_one(Wish, self.wish_id)
            if failures >= ATTEMPTS[self.stretch.why]:
                _note(row, self._stepped_over(), self.last, now)
                return
            pause = circuit.back_off(failures, FIRST_PAUSE, MOST_PAUSE)
            row.args = replace(self.stretch, failures=failures, next_at=now + pause).args()
        if is_news:
            log.warning(
                "source.reread_waits",
                source=self.stretch.source,
                reason=self.stretch.why,
                code=error.code,
                error=error.message,
                hint=error.hint,
            )

    @property
    def _is_backfill(self) -> bool:
        return self.stretch.why == "backfill"

    @property
    def _way(self) -> float | None:
        since, begin = self.stretch.since, self.stretch.begin
        return (begin - since) / (self.last - since) if since and begin and since < self.last else None

    def _keeps(self, statement: Statement, row: Source) -> bool:
        if is_after_start(statement, row):
            return True
        return self._is_backfill and lies_in(self.reading.source, self.stretch.since, self.until, statement)

    def _after(self, end: datetime, done: Counts) -> Stretch:
        sums = {name: getattr(self.stretch, name) + done[name] for name in ("read", "stored")}
        return replace(self.stretch, reached=end, failures=0, next_at=None, **sums)

    def _stepped_over(self) -> Stretch:
        """Behind the slice that fails, which is a gap of its own or makes the last one longer."""
        end = self.end(cursor.SHORTEST)
        gap, before = (self.stretch.begin or end, end), self.stretch.missed
        if before and before[-1][1] == gap[0]:
            gap, before = (before[-1][0], end), before[:-1]
        return replace(self._after(end, Counts()), missed=(*before, gap))


_MILLISECOND = timedelta(milliseconds=1)


def lies_in(source: SourceConfig, since: datetime | None, until: datetime, statement: Statement) -> bool:
    """Within the window by this source's own field; a statement without that time counts as within."""
    at = moment(source, statement)
    return at is None or ((since is None or since <= at) and at <= until)


def gaps(session: Session, source: str) -> list[Span]:
    """What the last sweep could not read, and what no backfill has read since another could not."""
    found: list[tuple[Why, Span]] = []
    for row in session.exec(select(Wish).where(Wish.kind == KIND).order_by(col(Wish.id))):
        stretch = Stretch.of(row.args)
        if stretch.source == source:
            is_sweep, is_done = stretch.why == "sweep", row.done_at is not None
            found = [
                (why, gap)
                for why, gap in found
                if not (why == "sweep" and is_sweep and is_done) and (is_sweep or not stretch.has_read(gap))
            ]
            found += [(stretch.why, gap) for gap in stretch.missed]
    return sorted({gap for _, gap in found})


def _note(row: Wish, stretch: Stretch, last: datetime, now: datetime) -> None:
    row.args = stretch.args()
    if not stretch.reached or stretch.reached < last:
        return
    row.done_at, row.result = now, f"{stretch.read} read, {stretch.stored} new"
    if stretch.missed:
        missed = in_words(stretch.missed)
        row.result += f"; not read: {missed}"
        log.warning(
            "source.reread_gap",
            source=stretch.source,
            reason=stretch.why,
            code=NOT_READ,
            error=f"not read: {missed}",
            hint=HINT,
            who="operator",
        )


def in_words(spans: Sequence[Span]) -> str:
    return ", ".join(f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC" for begin, end in spans)
