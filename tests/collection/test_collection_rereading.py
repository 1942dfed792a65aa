"""rereading: beside the present, never in its way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
import time_machine
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.collection import rereading, stage
from connector.collection.rereading import Stretch
from connector.errors import RetryLater
from connector.inquiry import check
from connector.lrs.client import Page, Query
from connector.store.session import Store
from connector.store.tables import Source, StatementRow, Voided, Wish
from tests.collection.conftest import Configure
from tests.lrs.loopback import Asked, FakeLrs, Said, page
from tests.lrs.samples import moodle, raw, voiding

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"
OLD = moodle(1) | {"stored": "2026-01-10T10:00:00.000Z"}


def wished(store: Store, *, since: int, until: int | None = None) -> None:
    ends = NOON - timedelta(days=until) if until is not None else None
    with store.writing() as session:
        stretch = Stretch("campus", NOON - timedelta(days=since), ends, "backfill")
        rereading.wish(session, stretch, by="tester", now=NOON)


def the_wish(store: Store) -> Wish:
    with store.reading() as session:
        return session.exec(select(Wish).order_by(col(Wish.id))).one()


def serving(past: Callable[[Asked], Said]) -> Callable[[Asked], Said]:
    """The present is empty; what has an `until` is the past."""
    return lambda asked: past(asked) if "until=" in asked.path else page(date=DATE)


def test_a_stretch_that_cannot_be_read_waits_and_the_source_does_not(store: Store, configure: Configure) -> None:
    with time_machine.travel(NOON, tick=False) as clock, FakeLrs(serving(lambda _: Said(b"", 500))) as lrs:
        config, source = configure(lrs.endpoint, start_from="2026-02-28")
        wished(store, since=60)
        with capture_logs() as lines:
            for _ in range(3):
                assert stage.collect(store, config, source)["failed"] == 0
                asked = len(lrs.asked)
                stage.collect(store, config, source)
                assert len(lrs.asked) == asked + 1, "it waits, and only the present is asked for"
                clock.shift(rereading.MOST_PAUSE)
        lrs.respond = serving(lambda _: page([raw(OLD)], date=DATE))
        stage.collect(store, config, source)
    assert [line["event"] for line in lines] == ["source.reread_waits"]
    assert lines[0]["code"] == "lrs.failing"
    with store.reading() as session:
        row = session.get_one(Source, "campus")
        assert session.exec(select(StatementRow)).one().stored == datetime(2026, 1, 10, 10, tzinfo=UTC)
    assert (row.circuit, row.start_from) == ("closed", NOON - timedelta(days=60))
    assert the_wish(store).done_at is not None
    assert the_wish(store).args["failures"] == 0


def test_one_turn_has_its_time_and_the_next_goes_on_where_it_was(store: Store, configure: Configure) -> None:
    with time_machine.travel(NOON, tick=False), FakeLrs(serving(lambda _: page(date=DATE))) as lrs:
        config, source = configure(lrs.endpoint, start_from="2026-02-05")
        wished(store, since=40, until=30)
        reached = []
        while the_wish(store).done_at is None:
            stage.collect(store, config, source, patience=timedelta())
            reached.append(the_wish(store).args["reached"])
    assert len(reached) == 16, "a day each turn, and on to the start for what voids"
    assert reached == sorted(set(reached))
    with store.reading() as session:
        row = session.get_one(Source, "campus")
    assert row.start_from == datetime(2026, 2, 5, 6, tzinfo=UTC), "a window that ends before it moves no start"
    assert row.lease_owner == ""


def test_a_window_keeps_nothing_before_it_where_until_is_not_looked_at(store: Store, configure: Configure) -> None:
    days = {1: "2025-12-01", 2: "2026-01-10", 3: "2026-02-10", 4: "2026-02-28"}
    every = [raw(moodle(number) | {"stored": f"{day}T10:00:00.000Z"}) for number, day in days.items()]
    with time_machine.travel(NOON, tick=False), FakeLrs(serving(lambda _: page(every, date=DATE))) as lrs:
        config, source = configure(lrs.endpoint, start_from="2026-02-28")
        wished(store, since=60, until=30)
        stage.collect(store, config, source)
    with store.reading() as session:
        kept = session.exec(select(StatementRow.statement_id).order_by(col(StatementRow.id))).all()
    assert kept == [moodle(2)["id"], moodle(4)["id"]]
    assert len(lrs.asked) == 3, "the present, the slice that was left, and all of the rest at once"


class Held:
    """An LRS that holds rows by the moment they were stored, and stumbles over bad ones."""

    def __init__(self, rows: dict[datetime, bytes]) -> None:
        self.rows = rows
        self.bad: list[datetime] = []

    def page(self, query: Query) -> Page:
        if any(self._is_in(query, at) for at in self.bad):
            raise RetryLater("lrs.failing", "500")
        found = [row for at, row in self.rows.items() if self._is_in(query, at)]
        now = datetime.now(UTC)
        return Page(tuple(found), "", consistent_through=now, server_date=now)

    def _is_in(self, query: Query, at: datetime) -> bool:
        return (query.since is None or at > query.since) and at <= (query.until or datetime.now(UTC))

    def follow(self, more: str) -> Page:
        raise AssertionError(more)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def stored(statement: dict[str, Any], at: datetime) -> bytes:
    return raw(statement | {"stored": at.isoformat(), "timestamp": at.isoformat()})


def the_gaps(store: Store) -> list[rereading.Span]:
    with store.reading() as session:
        return rereading.gaps(session, "campus")


def test_a_day_that_cannot_be_read_ends_no_sweep_but_itself(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = NOON + timedelta(days=2)
    lrs = Held({NOON: stored(moodle(1), NOON)})
    monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
    config, source = configure("http://127.0.0.1/xapi")
    with time_machine.travel(NOON, tick=False) as clock, capture_logs() as lines:
        for half_day in range(48):
            clock.shift(timedelta(hours=12))
            stage.collect(store, config, source)
            lrs.bad = [NOON - timedelta(hours=1)]
            if half_day == 8:
                lrs.rows[late] = stored(moodle(2), late)
                assert the_gaps(store) == [], "it is tried for a while"
        with store.reading() as session:
            assert len(session.exec(select(StatementRow)).all()) == 2, "late, and found"
            results = [one.result for one in session.exec(select(Wish)) if one.args["missed"]]
        assert len(results) > 1, "the day is tried again by every sweep that comes by"
        assert all("not read: 2026-02-28 " in result for result in results)
        assert the_gaps(store) == [], "the last sweep has left it behind"
    events = [line["event"] for line in lines]
    assert events.count("source.reread_gap") == len(results)
    assert set(events) == {"source.reread_waits", "source.reread_gap"}


def test_a_backfill_says_its_gap_until_another_has_read_it(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two days that fail, side by side, are one gap."""
    lrs = Held({})
    lrs.bad = [NOON - timedelta(days=8, hours=hours) for hours in (6, 30)]
    monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
    monkeypatch.setattr(rereading, "ATTEMPTS", {"backfill": 2})
    config, source = configure("http://127.0.0.1/xapi", start_from="2026-02-28")
    with time_machine.travel(NOON, tick=False) as clock:
        wished(store, since=12)
        for _ in range(4):
            stage.collect(store, config, source)
            clock.shift(rereading.FIRST_PAUSE)
        assert the_gaps(store) == [(NOON - timedelta(days=10), NOON - timedelta(days=8))]
        assert the_wish(store).result == "0 read, 0 new; not read: 2026-02-19 12:00 to 2026-02-21 12:00 UTC"
        assert rereading.NOT_READ in [one.code for one in check.lrs(config, store)]
        lrs.bad = []
        wished(store, since=12)
        stage.collect(store, config, source)
        assert the_gaps(store) == []


def test_what_was_voided_after_a_backfills_window_is_voided(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An LRS that still returns what was voided (Ralph): the void lies between the window and the start."""
    old, between, void = (NOON - timedelta(days=days) for days in (60, 25, 20))
    target = moodle(1)
    lrs = Held(
        {
            old: stored(target, old),
            between: stored(moodle(3), between),
            void: stored(voiding(target["id"], 2), void),
        }
    )
    monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
    config, source = configure("http://127.0.0.1/xapi", start_from="2026-02-28")
    with time_machine.travel(NOON, tick=False):
        wished(store, since=90, until=30)
        stage.collect(store, config, source)
    with store.reading() as session:
        kept = session.exec(select(StatementRow.verb).order_by(col(StatementRow.id))).all()
        assert session.exec(select(Voided.statement_id)).all() == [target["id"]]
    assert [verb.rpartition("/")[2] for verb in kept] == ["completed", "voided"], "and nothing else from between"
    assert the_wish(store).done_at == NOON


def test_a_pause_that_our_own_clock_never_made_is_over(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host was a year ahead when a slice failed and the next sweep was planned."""
    lrs = Held({})
    monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
    config, source = configure("http://127.0.0.1/xapi", start_from="2026-02-28")
    with time_machine.travel(NOON, tick=False):
        stage.collect(store, config, source)
        wished(store, since=60)
        with store.writing() as session:
            session.get_one(Source, "campus").next_sweep_at = NOON + timedelta(days=365)
            wish = session.exec(select(Wish)).one()
            wish.args = wish.args | {"next_at": "2027-03-01T12:00:00.000Z", "failures": 1}
        stage.collect(store, config, source)
    with store.reading() as session:
        assert [one.done_at for one in session.exec(select(Wish))] == [NOON, NOON]
