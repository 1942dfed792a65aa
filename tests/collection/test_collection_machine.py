"""The rehearsal LRS and a simple model side by side: whatever happens, each statement is stored exactly once.

The promise: what becomes visible within the overlap is stored by the next reading, what comes within the sweep by the
next sweep, and the cursor is never beyond the server's own clock. A careless cursor does not survive the same machine.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete
from sqlmodel import col, select

from connector.collection import cursor, rereading, stage
from connector.collection.reading import SoFar
from connector.collection.rereading import Stretch
from connector.records import Counts
from connector.sandbox.lrs.lrs import Lrs
from connector.sandbox.server import Sandbox
from connector.store import circuit
from connector.store.tables import Event, Source, StatementRow, Voided, Wish
from tests.collection.rehearsed import CRASHES, CrashError, CrashingStore, Straight, noting
from tests.collection.settings import config_for, source_for
from tests.lrs.samples import moodle, raw

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OVERLAP = 120.0
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
START = date(2025, 10, 1)
QUIRKS = ("ignore-until", "until-exclusive", "since-inclusive", "ignore-ascending", "no-consistent-through")


class StopError(Exception):
    """Somebody ends the process between two pages."""


@dataclass(frozen=True)
class Posted:
    """What the model remembers: `prompt` statements need no sweep to be found."""

    statement_id: str
    stored: datetime
    prompt: bool


class Machine(RuleBasedStateMachine):
    """One LRS with its vices, one connector, and the list of what was posted."""

    store: ClassVar[CrashingStore]
    sandbox: ClassVar[Sandbox]
    over_http: ClassVar[bool] = False
    date_may_differ: ClassVar[bool] = True
    met: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        self.clock = self.ends.enter_context(time_machine.travel(NOON, tick=False))
        _empty(self.sandbox)
        self.posted: list[Posted] = []
        self.sent: list[dict[str, Any]] = []
        self.windows: list[tuple[datetime, datetime]] = []
        self.start: datetime | None = None
        self.number = 0
        self.date_ahead = timedelta()  # of Date alone: the clock that writes `stored` is right
        self.steady = True  # no clock has gone back: lateness is all that can hide a statement
        self.left = 3 * DAY  # of time that may pass: a sweep must reach back to the beginning
        _wipe(self.store)

    def teardown(self) -> None:
        self.ends.close()

    @initialize(
        dated=st.booleans(),
        history=st.lists(st.integers(0, 200), max_size=12),
        quirk=st.sampled_from([None, *QUIRKS]),
        date_ahead=st.sampled_from([0, 0, 6 * 3600, 30 * 86400]),
    )
    def begin(self, *, dated: bool, history: list[int], quirk: str | None, date_ahead: int) -> None:
        """Statements of the months before, some of them on one day, before the first reading."""
        if not self.over_http:
            self.date_ahead = date_ahead * SECOND * self.date_may_differ
            self.ends.enter_context(_straightly(self.sandbox, self.date_ahead))
        self.source = source_for(
            self.sandbox.lrs_url, start_from=START.isoformat() if dated else "everything", page=3, every="60s"
        )
        self.config = config_for(self.source)
        if dated:
            self.start = datetime.combine(START, time.min, ZoneInfo("America/Chicago"))
        for days in history:
            self._plant(NOON - days * DAY - self.number * SECOND)
        if quirk:
            self.sandbox.switch(quirk, times=None)

    def _plant(self, stored: datetime) -> None:
        statement = self._next() | {"stored": stored.isoformat().replace("+00:00", "Z")}
        self.sandbox.lrs.plant(raw(statement), stored)
        self.posted.append(Posted(str(statement["id"]), stored, prompt=True))

    def _next(self) -> dict[str, Any]:
        self.number += 1
        whole = moodle(self.number)
        return {name: whole[name] for name in ("id", "actor", "verb", "object", "timestamp")}

    def _post(self, late: float, count: int, *, tied: bool = False) -> None:
        if late:
            self.sandbox.switch("late-rows", seconds=late)
        if tied:
            self.sandbox.switch("equal-stored")
        self._send([self._next() for _ in range(count)], late)

    def _send(self, statements: list[dict[str, Any]], late: float) -> None:
        before = self.sandbox.lrs.now()
        self.sandbox.post(statements)
        self.sent += statements
        known = {one.statement_id for one in self.posted}
        for one in statements:
            row = self.sandbox.lrs.one(one["id"], voided=None) or self.sandbox.lrs._by_id[one["id"]]
            slow = late + max((before - row.stored).total_seconds(), 0)
            if one["id"] not in known:
                self.posted.append(Posted(one["id"], row.stored, prompt=self.steady and slow < OVERLAP))

    @rule(late=st.sampled_from([0, 0, 1, 60, 119]), count=st.integers(1, 6), tied=st.booleans())
    def post(self, *, late: float, count: int, tied: bool) -> None:
        self._post(late, count, tied=tied)

    @rule(late=st.sampled_from([121, 3600, 86400]))
    def post_far_too_late(self, late: float) -> None:
        self._post(late, 1)

    @precondition(lambda self: self.sent)
    @rule(new_id=st.booleans(), which=st.integers(0, 99))
    def post_again(self, *, new_id: bool, which: int) -> None:
        """The LRS knows an id that comes again; under a new id it is another statement."""
        again = self.sent[which % len(self.sent)]
        self._send([again | {"id": self._next()["id"]}] if new_id else [again], late=0)

    @rule(seconds=st.sampled_from([0.001, 1, 60, 119, 121, 3600, 40 * 3600]))
    def pass_time(self, seconds: float) -> None:
        passes = min(timedelta(seconds=seconds), self.left)
        self.left -= passes
        self.clock.shift(passes)

    @rule(seconds=st.sampled_from([90, -60, 7200, -7200, 30 * 3600, -30 * 3600]))
    def jump(self, seconds: float) -> None:
        """The server's clock, its Date too; within two days of the truth, which the sweep covers."""
        skew = (self.sandbox.lrs.now() - datetime.now(UTC)).total_seconds()
        if abs(skew + seconds) <= 2 * 86400:
            if seconds < 0:  # what nobody saw yet is hidden until the clock is there again
                self.steady, stored = False, self._stored()
                self.posted = [replace(one, prompt=one.statement_id in stored) for one in self.posted]
            self.sandbox.switch("clock-jump", seconds=seconds)
            self._post(0, 1)

    @rule(
        fault=st.sampled_from(["expired-more", "descending", "consistent-lag", "empty-pages", "error-500"]),
        times=st.integers(1, 5),
    )
    def disturb(self, fault: str, times: int) -> None:
        if fault == "error-500":
            if self.over_http:
                self.sandbox.switch(fault, times=1, side="lrs")
        else:
            self.sandbox.switch(fault, times=times)

    @rule(first=st.integers(0, 200), length=st.none() | st.integers(1, 100))
    def backfill(self, first: int, length: int | None) -> None:
        since = (NOON - first * DAY).replace(hour=0)
        until = min(since + length * DAY, NOON) if length else None
        with self.store.writing() as session:
            stretch = Stretch("campus", since, until, "backfill")
            rereading.wish(session, stretch, by="tester", now=datetime.now(UTC))
        self.windows.append((since, until or datetime.max.replace(tzinfo=UTC)))

    @rule(point=st.sampled_from(CRASHES))
    def crash(self, point: str) -> None:
        """The process will die there, in this turn or in the first one that comes that far."""
        self.store.crash_at = point
        self.collect(None, [])

    @rule(stop=st.none() | st.integers(1, 4), between=st.lists(st.sampled_from([0, 0, 119]), max_size=3))
    def collect(self, stop: int | None, between: list[float]) -> None:
        """One turn; while its pages come others are posted, and it may be ended on the way."""
        pages = 0

        def page_saved(_so_far: SoFar) -> None:
            nonlocal pages
            pages += 1
            if between:
                self._post(between.pop(), 1)
                self.clock.shift(SECOND)
            if pages == stop:
                self.met["stopped"] += 1
                raise StopError

        with suppress(CrashError, StopError):
            if not self._turn(page_saved)["failed"]:
                self._check_the_cursor()

    def _turn(self, progress: Callable[[SoFar], None] | None = None) -> Counts:
        circuit.try_now(self.store)
        counts = stage.collect(self.store, self.config, self.source, progress)
        self.met["failed"] += counts["failed"]
        return counts

    def _check_the_cursor(self) -> None:
        with self.store.reading() as session:
            row = session.get_one(Source, "campus")
        here = self.start if self.start and row.high_water == self.start.astimezone(UTC) else None
        if row.high_water and not here:
            # where a clock that was ahead is set right under a Date that is still ahead, nothing tells
            slack = cursor.AHEAD if self.steady else cursor.AHEAD + self.date_ahead
            assert row.high_water <= self.sandbox.lrs.now() + slack, "the cursor is beyond the server's clock"

    def settle(self) -> None:
        """Everything becomes visible, what was on its way ends, and nothing that was promised is missing."""
        quirks = [one for one in self.sandbox.switches.shown()["on"] if one["fault"] in QUIRKS]
        self.sandbox.switches.clear()
        self.store.crash_at = None
        for one in quirks:
            self.sandbox.switch(one["fault"], times=None)
        self.clock.shift(OVERLAP)
        for _ in range(2):
            assert not self._turn()["failed"]
        prompt = {one.statement_id for one in self.posted if one.prompt and self._is_wanted(one)}
        assert prompt - self._stored() == set(), "what came within the overlap was not found without a sweep"
        self.clock.shift(DAY + 3600 * SECOND)
        for _ in range(3):
            assert not self._turn()["failed"]
            self._check_the_cursor()
            self.clock.shift(SECOND)
        self._check_the_end()

    def _check_the_end(self) -> None:
        now = self.sandbox.lrs.now()
        wanted = {one.statement_id for one in self.posted if self._is_wanted(one)}
        seen = {row.statement_id for row in self.sandbox.lrs._rows if row.visible_at <= now}
        stored = self._stored()
        assert (wanted & seen) - stored == set(), "lost"
        assert stored - wanted == set(), "kept, though it was before the start and no backfill asked for it"
        with self.store.reading() as session:
            assert session.exec(select(Wish).where(col(Wish.done_at).is_(None))).all() == []
            self.met.update(row.args["why"] for row in session.exec(select(Wish)))

    def _is_wanted(self, one: Posted) -> bool:
        within = any(since <= one.stored <= until for since, until in self.windows)
        return self.start is None or one.stored >= self.start or within

    def _stored(self) -> set[str]:
        with self.store.reading() as session:
            found = list(session.exec(select(StatementRow.statement_id)))
        assert len(found) == len(set(found)), "stored twice"
        return set(found)


@contextmanager
def _straightly(sandbox: Sandbox, date_ahead: timedelta) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "open_client", lambda _source: Straight(sandbox, date_ahead))
        yield


def _empty(sandbox: Sandbox) -> None:
    """An LRS without a statement, whose clock is right, behind the same address."""
    sandbox.switches.clear()
    user, password = sandbox.credentials.lrs_user, sandbox.credentials.lrs_password
    sandbox.lrs = Lrs(sandbox.clock, sandbox.switches, user=user, password=password, page_limit=4)
    sandbox._lrs_app.lrs = sandbox.lrs


def _wipe(store: CrashingStore) -> None:
    with store.writing() as session:
        for table in (Voided, Event, Wish, StatementRow, Source):
            session.execute(delete(table))


class Settling(Machine):
    """Each example ends with a settling."""

    def teardown(self) -> None:
        try:
            if hasattr(self, "source"):
                self.settle()
        finally:
            super().teardown()


@contextmanager
def opened(kind: type[Machine]) -> Iterator[None]:
    """A rehearsal and a store of its own, both emptied before each example."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(load=False) as kind.sandbox:
        kind.store = CrashingStore(f"sqlite:///{folder}/machine.db")
        kind.store.upgrade()
        with noting(kind.store):
            yield
        kind.store.dispose()


def run(kind: type[Machine], *, examples: int) -> None:
    with opened(kind):
        run_state_machine_as_test(
            kind,
            settings=settings(
                max_examples=examples,
                stateful_step_count=14,
                deadline=None,
                derandomize=True,
                database=None,
                report_multiple_bugs=False,
                phases=[Phase.generate],  # a failure is printed as it was met: shrinking takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_whatever_happens_each_statement_is_stored_once() -> None:
    class Straightly(Settling):
        met: ClassVar[Counter[str]] = Counter()

    run(Straightly, examples=12)
    assert Straightly.store.hits
    assert all(Straightly.met[what] for what in ("stopped", "sweep", "backfill")), Straightly.met


def test_it_may_die_at_every_point() -> None:
    """The machine's own moves in an order that comes by each of its crash points."""

    class Dying(Machine):
        met: ClassVar[Counter[str]] = Counter()

    with opened(Dying):
        for point in CRASHES:
            machine = Dying()
            machine.begin(history=[150, 90, 90, 30], dated=True, quirk=None, date_ahead=0)
            machine.collect(None, [])
            machine.backfill(170, 60)
            machine.post(late=0, count=5, tied=True)
            machine.crash(point)
            machine.settle()
            machine.teardown()
    assert Dying.store.hits == Counter(CRASHES), "each was met once"


@pytest.mark.proof
def test_over_http_too() -> None:
    class OverHttp(Settling):
        over_http = True

    run(OverHttp, examples=2)


CARELESS: dict[str, dict[str, Any]] = {
    "naive: since the newest stored": {
        "since": lambda high_water, _look_back: high_water,
        "advance": lambda high_water, chain: chain.newest or high_water,
    },
    "a slice's end as if everything were visible": {
        "reach": lambda _high_water, chain, _end: chain.server_date,
    },
    "no clock of the server asked": {
        "advance": lambda high_water, chain: max(filter(None, [high_water, chain.newest]), default=None),
    },
}


@pytest.mark.parametrize("name", CARELESS)
def test_a_careless_cursor_does_not_survive_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Settling):
        date_may_differ = False  # the plain machine finds it soonest
        met: ClassVar[Counter[str]] = Counter()

    for what, careless in CARELESS[name].items():
        monkeypatch.setattr(cursor, what, careless)
    with pytest.raises(AssertionError):
        run(Careless, examples=60)
