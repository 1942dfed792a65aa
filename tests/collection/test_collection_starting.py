"""starting: from when on statements count, at first use and after a move; no wrong clock lets the past in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from sqlmodel import col, select

from connector.collection import stage
from connector.store import circuit
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.collection.conftest import Configure
from tests.lrs.loopback import FakeLrs, Said, in_turn, page
from tests.lrs.samples import moodle, raw

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"
MIDNIGHT = datetime(2026, 3, 1, 6, tzinfo=UTC)  # in Chicago
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def source_row(store: Store) -> Source:
    with store.reading() as session:
        return session.get_one(Source, "campus")


def kept(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow.statement_id).order_by(col(StatementRow.id))))


def dated(at: datetime, *statements: bytes) -> Said:
    return page(statements, date=format_datetime(at, usegmt=True))


def since_of(lrs: FakeLrs, number: int) -> str:
    return lrs.asked[number].path.partition("since=")[2].replace("%3A", ":")[:16]


@pytest.mark.parametrize(("skew", "start"), [(0, NOON), (4, NOON), (-4, NOON - 4 * MINUTE)])
def test_start_now_is_the_earlier_of_two_nows(store: Store, configure: Configure, skew: int, start: datetime) -> None:
    there = NOON + skew * MINUTE
    new = raw(moodle(2) | {"stored": "2026-03-01T12:00:00.001Z"})
    with (
        FakeLrs(in_turn(dated(there), dated(there, raw(moodle(1)), new))) as lrs,
        time_machine.travel(NOON, tick=False),
    ):
        counts = stage.collect(store, *configure(lrs.endpoint, start_from="now"))
    assert (counts["stored"], counts["early"]) == (1, 1)
    assert source_row(store).start_from == start
    assert since_of(lrs, 1) == (start - 2 * MINUTE - timedelta(milliseconds=1)).isoformat()[:16]


@pytest.mark.parametrize("skew", [6 * MINUTE, -6 * MINUTE, 30 * DAY, -200 * DAY])
def test_start_now_needs_two_clocks_that_agree(store: Store, configure: Configure, skew: timedelta) -> None:
    answers = in_turn(dated(NOON + skew), dated(NOON), dated(NOON, raw(moodle(1))))
    with FakeLrs(answers) as lrs, time_machine.travel(NOON, tick=False):
        config, source = configure(lrs.endpoint, start_from="now")
        assert stage.collect(store, config, source)["failed"] == 1
        row = source_row(store)
        assert (row.code, row.start_from, row.high_water) == ("lrs.clock_differs", None, None)
        circuit.try_now(store)
        assert stage.collect(store, config, source)["early"] == 1
    assert source_row(store).start_from == NOON


def test_one_answer_with_an_old_date_lets_no_past_in(store: Store, configure: Configure) -> None:
    old = raw(moodle(1) | {"stored": "2026-01-10T10:00:00.000Z"})
    answers = in_turn(dated(NOON), dated(NOON), dated(NOON - 200 * DAY), dated(NOON, old))
    with FakeLrs(answers) as lrs, time_machine.travel(NOON, tick=False):
        for _ in range(3):
            stage.collect(store, *configure(lrs.endpoint, start_from="now"))
    assert (source_row(store).start_from, kept(store)) == (NOON, [])


def test_start_now_without_a_date_needs_an_operator(store: Store, configure: Configure) -> None:
    with FakeLrs(in_turn(page(date=None))) as lrs:
        stage.collect(store, *configure(lrs.endpoint, start_from="now"))
    assert source_row(store).code == "lrs.no_date"


def test_start_from_a_date_counts_in_the_providers_zone(store: Store, configure: Configure) -> None:
    with FakeLrs(in_turn(page())) as lrs:
        config, source = configure(lrs.endpoint, start_from="2026-03-01")
        stage.collect(store, config, source)
        stage.collect(store, config, source)
    assert source_row(store).start_from == MIDNIGHT
    assert len(lrs.asked) == 2


def test_another_endpoint_begins_again(store: Store, configure: Configure) -> None:
    answers = in_turn(page([raw(moodle(1))]))
    with FakeLrs(answers) as lrs, FakeLrs(answers) as moved:
        stage.collect(store, *configure(lrs.endpoint))
        counts = stage.collect(store, *configure(moved.endpoint))
    assert counts["known"] == 1
    assert "since" not in moved.asked[0].path


@pytest.mark.parametrize("first", ["now", "2026-03-01", "everything"])
def test_now_says_nothing_of_another_endpoint(store: Store, configure: Configure, first: str) -> None:
    """Statements that were copied there have a new `stored`, and would all count."""
    copied = raw(moodle(1) | {"stored": "2026-03-01T12:00:01.000Z"})
    with (
        FakeLrs(in_turn(dated(NOON, raw(moodle(2))))) as lrs,
        FakeLrs(in_turn(dated(NOON, copied))) as moved,
        time_machine.travel(NOON, tick=False),
    ):
        stage.collect(store, *configure(lrs.endpoint, start_from=first))
        before = source_row(store).high_water
        config, source = configure(moved.endpoint, start_from="now")
        assert stage.collect(store, config, source)["failed"] == 1
        row = source_row(store)
        assert (row.code, row.high_water, moved.asked) == ("lrs.endpoint_changed", before, [])
        circuit.try_now(store)
        assert stage.collect(store, *configure(lrs.endpoint, start_from="now"))["failed"] == 0, "the old one is known"


@pytest.mark.parametrize(
    ("said", "start", "since"),
    [
        ("2026-03-01", NOON, "2026-03-01T11:57"),
        ("2026-02-01", datetime(2026, 2, 1, 6, tzinfo=UTC), "2026-02-01T05:57"),
        ("everything", None, ""),
    ],
    ids=["the old start's day: its very moment", "another day", "everything"],
)
def test_another_endpoint_begins_where_the_file_says(
    store: Store, configure: Configure, said: str, start: datetime | None, since: str
) -> None:
    with (
        FakeLrs(in_turn(dated(NOON))) as lrs,
        FakeLrs(in_turn(dated(NOON, raw(moodle(1))))) as moved,
        time_machine.travel(NOON, tick=False),
    ):
        stage.collect(store, *configure(lrs.endpoint, start_from="now"))
        assert stage.collect(store, *configure(moved.endpoint, start_from=said))["failed"] == 0
        stage.collect(store, *configure(moved.endpoint, start_from="now"))
    assert source_row(store).start_from == start
    assert since_of(moved, 0) == since
    assert len(moved.asked) == 2, "said once, it is known from then on"


def test_an_endpoint_that_never_answered_was_none(store: Store, configure: Configure) -> None:
    with (
        FakeLrs(in_turn(Said(b"", 404))) as wrong,
        FakeLrs(in_turn(dated(NOON))) as lrs,
        time_machine.travel(NOON, tick=False),
    ):
        stage.collect(store, *configure(wrong.endpoint, start_from="now"))
        circuit.try_now(store)
        assert stage.collect(store, *configure(lrs.endpoint, start_from="now"))["failed"] == 0
    assert source_row(store).start_from == NOON


@pytest.mark.parametrize("older", [True, False])
def test_another_cursor_field_reads_again_from_the_start(store: Store, configure: Configure, *, older: bool) -> None:
    """Also where a first version wrote what it knew the source by."""
    with FakeLrs(in_turn(dated(NOON), dated(NOON, raw(moodle(1))))) as lrs, time_machine.travel(NOON, tick=False):
        stage.collect(store, *configure(lrs.endpoint, start_from="now"))
        with store.writing() as session:
            row = session.get_one(Source, "campus")
            row.high_water = NOON + 4 * MINUTE
            if older:
                row.fingerprint = hashlib.sha256(f"{lrs.endpoint} stored".encode()).hexdigest()
        stage.collect(store, *configure(lrs.endpoint, start_from="now"))
        stage.collect(store, *configure(lrs.endpoint, start_from="now", cursor_field="timestamp"))
        stage.collect(store, *configure(lrs.endpoint, start_from="now", cursor_field="timestamp"))
    row = source_row(store)
    assert (row.start_from, row.code) == (NOON, "")
    assert [since_of(lrs, number) for number in (2, 3)] == ["2026-03-01T12:01", "2026-02-15T11:59"]
