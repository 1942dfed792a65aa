"""rereading: beside the present, never in its way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import time_machine
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.collection import rereading, stage
from connector.collection.rereading import Stretch
from connector.store.session import Store
from connector.store.tables import Source, StatementRow, Wish
from tests.collection.conftest import Configure
from tests.lrs.loopback import Asked, FakeLrs, Said, page
from tests.lrs.samples import moodle, raw

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
        config, source = configure(lrs.endpoint, start_from="2026-02-28")
        wished(store, since=60, until=30)
        reached = []
        while the_wish(store).done_at is None:
            stage.collect(store, config, source, patience=timedelta())
            reached.append(the_wish(store).args["reached"])
    assert len(reached) == 30, "a day each turn"
    assert reached == sorted(set(reached))
    with store.reading() as session:
        row = session.get_one(Source, "campus")
    assert row.start_from == datetime(2026, 2, 28, 6, tzinfo=UTC), "a window that ends before it moves no start"
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
