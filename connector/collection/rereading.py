"""Reads a stretch of the past again, slice by slice: sweeps by schedule, backfills by a person's wish. Moves no cursor.

A rereading is a row of `wish`; how far it has come is saved in the row with the last page of every slice. One that
fails waits and lets the source be read on: the past is never more urgent than the present.
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
from connector.store import circuit, leases
from connector.store.tables import Source, Wish

KIND = "reread"
_SCRAP = timedelta(minutes=1)  # not worth a slice of its own
SCHEDULE = "schedule"
FIRST_PAUSE, MOST_PAUSE = timedelta(minutes=1), timedelta(hours=6)

Why = Literal["sweep", "backfill"]


@dataclass(frozen=True)
class Stretch:
    """From `since`, None being the beginning, up to `until`, None being where the cursor stands when it is begun.

    `reached` is how far it has been read.
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

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Stretch:
        times = {name: moments.parse(args[name]) if args.get(name) else None for name in _TIMES}
        return cls(**{**args, **times})

    def args(self) -> dict[str, Any]:
        times = {name: moments.render(at) if (at := getattr(self, name)) else None for name in _TIMES}
        return {**self.__dict__, **times}

    @property
    def way(self) -> float | None:
        if self.since is None or self.until is None or self.since >= self.until:
            return None
        return ((self.reached or self.since) - self.since) / (self.until - self.since)


_TIMES = ("since", "until", "reached", "next_at")


def wish(session: Session, stretch: Stretch, *, by: str, now: datetime) -> None:
    """Ask for a stretch to be read again by whoever reads the source."""
    session.add(Wish(kind=KIND, args=stretch.args(), by=by, at=now))


def plan_sweep(
    session: Session, row: Source, source: SourceConfig, *, now: datetime, every: Mapping[str, timedelta]
) -> None:
    """Wish for a sweep when one is due, unless the last one is still at work."""
    if row.next_sweep_at is not None:
        if row.next_sweep_at > now or any(one.args["why"] == "sweep" for one in _open(session, source.name)):
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
        before = reading.counts["read"]
        try:
            _one_slice(reading, wished, length)
        except ConnectorError as error:
            if error.code.startswith(OURS):
                raise
            _put_off(reading, wished, error)
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
        due = [one for one in _open(session, reading.source.name) if (Stretch.of(one.args).next_at or now) <= now]
    if not due:
        return None
    with reading.store.writing() as session:
        row = session.get_one(Source, reading.source.name)
        leases.lease(row, OWNER, now=now, length=lease_length(reading.source))
    return due[0]


def _one_slice(reading: Reading, wished: Wish, length: timedelta) -> None:
    """One slice of it; all the rest in one chain where the server does not look at `until`."""
    stretch = Stretch.of(wished.args)
    last = stretch.until or reading.row().high_water or datetime.now(UTC)
    turn = _Turn(reading, wished.id, replace(stretch, until=last), last)
    begin = stretch.reached or stretch.since
    end = begin + length if begin else cursor.XAPI_BEGINS
    if end + _SCRAP >= last or not turn.follow(end, strict=True):
        turn.follow(last, strict=False)


@dataclass(frozen=True)
class _Turn:
    """One slice of a stretch whose end, `last`, is known."""

    reading: Reading
    wish_id: int
    stretch: Stretch
    last: datetime

    def follow(self, end: datetime, *, strict: bool) -> bool:
        """False when it was left: `strict` leaves at a statement behind the end."""
        source, before = self.reading.source, Counts(self.reading.counts)

        def leave(_page: Page, reads: Sequence[Read]) -> bool:
            return strict and not heeds(source, end, reads)

        def finish(session: Session, row: Source, _chain: Chain, now: datetime) -> None:
            _note(session.get_one(Wish, self.wish_id), self._after(end, self.reading.counts - before), now)
            if self._is_backfill and row.start_from and self.stretch.since and self.last >= row.start_from:
                row.start_from = min(row.start_from, self.stretch.since)

        since = cursor.since(self.stretch.reached or self.stretch.since, timedelta())
        errand = Errand(Query(since, source.page, end + _MILLISECOND), finish, self._keeps, leave, self.stretch.way)
        return self.reading.follow(errand) is not None

    @property
    def _is_backfill(self) -> bool:
        return self.stretch.why == "backfill"

    def _keeps(self, statement: Statement, row: Source) -> bool:
        if is_after_start(statement, row):
            return True
        return self._is_backfill and lies_in(self.reading.source, self.stretch.since, self.last, statement)

    def _after(self, end: datetime, done: Counts) -> Stretch:
        sums = {name: getattr(self.stretch, name) + done[name] for name in ("read", "stored")}
        return replace(self.stretch, reached=end, failures=0, next_at=None, **sums)


_MILLISECOND = timedelta(milliseconds=1)


def lies_in(source: SourceConfig, since: datetime | None, until: datetime, statement: Statement) -> bool:
    """Within the window by this source's own field; a statement without that time counts as within."""
    at = moment(source, statement)
    return at is None or ((since is None or since <= at) and at <= until)


def _note(row: Wish, stretch: Stretch, now: datetime) -> None:
    row.args = stretch.args()
    if stretch.reached and stretch.until and stretch.reached >= stretch.until:
        row.done_at, row.result = now, f"{stretch.read} read, {stretch.stored} new"


def _put_off(reading: Reading, wished: Wish, error: ConnectorError) -> None:
    """The source itself was read a moment ago: it is this stretch that does not work, and it waits alone."""
    now = datetime.now(UTC)
    with reading.store.writing() as session:
        row = session.get_one(Wish, wished.id)
        stretch = Stretch.of(row.args)
        failures = stretch.failures + 1
        pause = circuit.back_off(failures, FIRST_PAUSE, MOST_PAUSE)
        row.args = replace(stretch, failures=failures, next_at=now + pause).args()
    if failures == 1:
        log.warning(
            "source.reread_waits",
            source=reading.source.name,
            reason=wished.args["why"],
            code=error.code,
            error=error.message,
            hint=error.hint,
        )
