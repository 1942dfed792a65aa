"""stage and save: pages become rows once, the cursor moves last, and a source that fails says so once."""

from __future__ import annotations

import gc
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import structlog
import time_machine
from sqlmodel import col, select

from connector.collection import save, stage
from connector.collection.reading import SoFar
from connector.errors import RetryLater
from connector.lrs import moments
from connector.records import Counts
from connector.store.session import Store
from connector.store.tables import Event, Source, StatementRow, Voided, Wish
from tests.collection.conftest import Configure
from tests.collection.settings import PASSWORD_IN, config_for, source_for
from tests.lrs.loopback import FakeLrs, Said, in_turn, page
from tests.lrs.samples import moodle, raw, voiding

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"
STORED = datetime(2026, 3, 1, 9, 31, 0, 500_000, tzinfo=UTC)


def rows(store: Store) -> list[StatementRow]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow).order_by(col(StatementRow.id))))


def source_row(store: Store, name: str = "campus") -> Source:
    with store.reading() as session:
        return session.get_one(Source, name)


def events(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        return [(event.what, event.code) for event in session.exec(select(Event).order_by(col(Event.id)))]


def wishes(store: Store) -> list[Wish]:
    with store.reading() as session:
        return list(session.exec(select(Wish).order_by(col(Wish.id))))


def queries(lrs: FakeLrs) -> list[str]:
    return [asked.path.partition("?")[2] for asked in lrs.asked]


def test_a_page_becomes_rows_and_the_cursor_moves(store: Store, configure: Configure) -> None:
    with FakeLrs(in_turn(page([raw(moodle(1)), raw(moodle(2))], date=DATE))) as lrs:
        config, source = configure(lrs.endpoint)
        counts = stage.collect(store, config, source)
        again = stage.run(store, config)
    assert (counts["read"], counts["stored"], counts["known"]) == (2, 2, 0)
    assert (again["stored"], again["known"]) == (0, 2)
    one, two = rows(store)
    assert one.raw == raw(moodle(1))
    assert (one.statement_id, one.actor_key) == (moodle(1)["id"], "account:https://moodle.example.org|1")
    assert (one.stored, one.mapped_with, one.duplicate_of, one.problem) == (STORED, None, None, None)
    row = source_row(store)
    assert (row.high_water, row.start_from, row.lease_owner) == (STORED, None, "")
    assert row.last_success_at is not None
    first, second = queries(lrs)
    assert "since" not in first
    assert "since=2026-03-01T09%3A29%3A00.499Z" in second
    assert two.content_key != one.content_key


def test_one_bad_statement_never_stops_a_page(store: Store, configure: Configure) -> None:
    bad = [
        b'"text"',
        b'{"a":"\\ud800"}',
        b'{"a":NaN}',
        b'{"a":1e400}',
        b'{"a":"\\u0000"}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":"' + b"x" * 1_000_000 + b'"}',
        raw(moodle(7) | {"actor": None}),
        raw(moodle(8) | {"timestamp": "2026-03-01T09:30:00"}),
        raw(moodle(9) | {"id": "nine"}),
    ]
    with FakeLrs(in_turn(page([raw(moodle(1)), *bad, raw(moodle(2))]))) as lrs:
        config, source = configure(lrs.endpoint)
        counts = stage.collect(store, config, source)
        again = stage.collect(store, config, source)
    assert (counts["stored"], counts["problems"]) == (12, 10)
    assert (again["stored"], again["known"]) == (0, 12)
    kept = rows(store)
    assert [row.raw for row in kept[1:-1]] == bad
    assert [row.statement_id.startswith("raw:") for row in kept] == [False, *[True] * 7, False, False, True, False]
    assert all(row.problem and row.problem["who"] == "administrator" for row in kept[1:-1])


def test_a_resend_is_linked_to_the_oldest_from_any_source(store: Store) -> None:
    """One page holds a fact twice, the next page once more, another source once more."""
    ids = [moodle(number)["id"] for number in (1, 2, 3, 4)]
    again = [raw(moodle(1) | {"id": name}) for name in ids]
    other_fact = raw(moodle(1) | {"id": moodle(5)["id"], "timestamp": "2026-03-01T09:30:01Z"})
    first = FakeLrs(in_turn(page([*again[:2], other_fact], more="/xapi/statements?2", date=DATE), page([again[2]])))
    with first as lrs, FakeLrs(in_turn(page([again[3]]))) as forwarded:
        config = config_for(source_for(lrs.endpoint), source_for(forwarded.endpoint, name="copy"))
        counts = sum((stage.collect(store, config, source) for source in config.polled), Counts())
    assert (counts["stored"], counts["linked"]) == (5, 3)
    kept = {row.statement_id: row for row in rows(store)}
    assert [kept[name].duplicate_of for name in ids] == [None, *[kept[ids[0]].id] * 3]
    assert kept[moodle(5)["id"]].duplicate_of is None


def test_the_same_id_twice_on_a_page_is_one_row(store: Store, configure: Configure) -> None:
    with FakeLrs(in_turn(page([raw(moodle(1)), raw(moodle(1))]))) as lrs:
        counts = stage.collect(store, *configure(lrs.endpoint))
    assert (counts["read"], counts["stored"], counts["known"]) == (2, 1, 1)


def test_voided_ids_are_remembered_before_and_after_their_statement(store: Store, configure: Configure) -> None:
    early, late = moodle(1)["id"], moodle(2)["id"]
    pages = in_turn(
        page([raw(voiding(early.upper(), 11)), raw(moodle(1)), raw(moodle(2))], more="/xapi/statements?2", date=DATE),
        page([raw(voiding(late, 12)), raw(voiding(late, 13)), raw(voiding(early, 14))]),
    )
    with FakeLrs(pages) as lrs:
        counts = stage.collect(store, *configure(lrs.endpoint))
    assert counts["voids"] == 2
    with store.reading() as session:
        voided = {row.statement_id: row for row in session.exec(select(Voided))}
    by_id = {row.statement_id: row.id for row in rows(store)}
    assert {name: row.by_statement for name, row in voided.items()} == {
        early: by_id[moodle(11)["id"]],
        late: by_id[moodle(12)["id"]],
    }
    assert voided[early].at == STORED


def test_a_void_by_a_group_or_at_no_time_is_remembered(store: Store, configure: Configure) -> None:
    one, other = moodle(1)["id"], moodle(2)["id"]
    staff = {"actor": {"objectType": "Group", "mbox": "mailto:staff@example.org"}}
    voids = [voiding(one, 11) | staff, voiding(other, 12) | {"stored": "yesterday", "timestamp": None}]
    with FakeLrs(in_turn(page([raw(void) for void in voids]))) as lrs:
        assert stage.collect(store, *configure(lrs.endpoint))["voids"] == 2
    with store.reading() as session:
        assert set(session.exec(select(Voided.statement_id))) == {one, other}
    assert [row.voids for row in rows(store)] == [one, other]


def test_a_timestamp_source_looks_back_further(store: Store, configure: Configure) -> None:
    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs:
        config, source = configure(lrs.endpoint, product="ralph")
        stage.collect(store, config, source)
        stage.collect(store, config, source)
    assert source.cursor_field == "timestamp"
    assert "since=2026-02-15T09%3A31%3A00.499Z" in queries(lrs)[1]


@pytest.mark.parametrize(
    ("field", "days", "since"), [("stored", 1, "2026-02-22T09"), ("timestamp", 7, "2025-01-25T09")]
)
def test_a_sweep_reads_further_back_now_and_then(
    store: Store, configure: Configure, field: str, days: int, since: str
) -> None:
    """The server has all in one slice: it does not look at `until`, and is asked once without."""
    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs:
        config, source = configure(lrs.endpoint, cursor_field=field)
        with time_machine.travel(NOON, tick=False) as clock:
            for _ in range(4):
                stage.collect(store, config, source)
                clock.shift(timedelta(days=days) / 2)
    asked = [path.partition("since=")[2][:13] for path in queries(lrs)]
    live = asked[1]
    assert asked == ["", live, live, since, since, live]
    (wish,) = wishes(store)
    assert (wish.by, wish.args["why"], wish.result) == ("schedule", "sweep", "1 read, 0 new")


def jumped(days: int, *statements: bytes) -> Said:
    """A page of a server whose Date and Consistent-Through lie days after noon."""
    there = NOON + timedelta(days=days)
    return page(statements, date=format_datetime(there, usegmt=True), consistent_through=moments.render(there))


def test_a_clock_that_had_been_ahead_is_followed_back_and_said_once(store: Store, configure: Configure) -> None:
    answers = in_turn(jumped(0), jumped(30), jumped(0), jumped(0), jumped(0))
    with structlog.testing.capture_logs() as lines, FakeLrs(answers) as lrs:
        reached = []
        for _ in range(5):
            stage.collect(store, *configure(lrs.endpoint))
            reached.append(source_row(store).high_water)
    assert reached == [NOON, NOON + timedelta(days=30), NOON, NOON, NOON]
    assert [line["event"] for line in lines] == ["source.clock"]
    sinces = [path.partition("since=")[2][:13] for path in queries(lrs)]
    swept = ["2026-02-22T11", "2026-02-23T11", "2026-02-25T11"]
    assert sinces[2:] == ["2026-03-31T11", *swept, "2026-03-01T11", "2026-03-01T11"], "one sweep, then as usual"


def test_a_start_in_the_future_is_no_wrong_clock(store: Store, configure: Configure) -> None:
    with structlog.testing.capture_logs() as lines, FakeLrs(in_turn(jumped(0, raw(moodle(1))))) as lrs:
        stage.collect(store, *configure(lrs.endpoint, start_from="2026-06-01"))
    row = source_row(store)
    assert row.high_water == row.start_from == datetime(2026, 6, 1, 5, tzinfo=UTC)
    assert (lines, rows(store)) == ([], [])


OVERLONG = "a" * 9000


def test_keys_of_any_length_stop_no_source(any_store: Store, configure: Configure) -> None:
    """An index of PostgreSQL takes no more than 2,704 bytes."""
    odd = [
        voiding(OVERLONG, 1),
        moodle(2, context={"registration": OVERLONG}),
        moodle(3, object={"id": f"https://x.org/{OVERLONG}"}),
        moodle(4, id=OVERLONG),
        moodle(5, actor={"account": {"homePage": OVERLONG, "name": "5"}}),
        moodle(6, actor={"account": {"homePage": "\N{GRINNING FACE}" * 480, "name": "6"}}),
        moodle(7, verb={"id": OVERLONG}),
    ]
    with FakeLrs(in_turn(page([raw(one) for one in odd]))) as lrs:
        counts = stage.collect(any_store, *configure(lrs.endpoint))
    assert (counts["failed"], counts["stored"], counts["voids"]) == (0, 7, 0)


def failing(said: Said) -> FakeLrs:
    return FakeLrs(in_turn(said))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Said(b"<html>Learner 1</html>"), "lrs.not_statements"),
        (Said(b"", 401), "lrs.login"),
        (Said(b"", 500), "lrs.failing"),
        (page([raw(moodle(1))], more="http://lrs.example.org/xapi/statements?2"), "lrs.more_elsewhere"),
        (page([raw(moodle(1))], more="/xapi/statements?again"), "lrs.endless"),
    ],
)
def test_a_source_that_fails_stops_and_says_so_once(store: Store, configure: Configure, said: Said, code: str) -> None:
    with (
        structlog.testing.capture_logs() as lines,
        time_machine.travel(NOON, tick=False) as clock,
        failing(said) as lrs,
    ):
        config, source = configure(lrs.endpoint)
        for _ in range(3):
            assert stage.collect(store, config, source)["failed"] == 1
            asked = len(lrs.asked)
            assert stage.collect(store, config, source) == {}, "the circuit is open"
            assert len(lrs.asked) == asked
            clock.shift(stage.MOST_PAUSE)
        row = source_row(store)
        assert (row.circuit, row.code, row.failures, row.high_water) == ("open", code, 3, None)
        lrs.respond = in_turn(page([raw(moodle(1))]))
        stage.collect(store, config, source)
    assert source_row(store).circuit == "closed"
    assert events(store) == [("stopped", code), ("recovered", "")]
    assert [line["event"] for line in lines] == ["source.stopped", "source.recovered"]
    assert "Learner" not in str(lines)


def test_retry_after_is_honoured(store: Store, configure: Configure) -> None:
    with failing(Said(b"", 429, {"Retry-After": "1234"})) as lrs, time_machine.travel(NOON, tick=False):
        stage.collect(store, *configure(lrs.endpoint))
    assert source_row(store).next_at == NOON + timedelta(seconds=1234)


def test_a_missing_password_stops_the_source(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD_IN)
    with failing(page()) as lrs:
        assert stage.collect(store, *configure(lrs.endpoint))["failed"] == 1
    assert (source_row(store).code, lrs.asked) == ("config.secret_missing", [])


def test_a_failing_source_does_not_keep_the_others_from_being_read(store: Store) -> None:
    with failing(Said(b"", 500)) as bad, FakeLrs(in_turn(page([raw(moodle(1))]))) as good:
        counts = stage.run(store, config_for(source_for(bad.endpoint, name="bad"), source_for(good.endpoint)))
    assert (counts["failed"], counts["stored"]) == (1, 1)


def test_the_unexpected_in_one_source_comes_out_after_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collect = stage.collect

    def odd(store: Store, config: Any, source: Any) -> Any:
        if source.name == "odd":
            raise ZeroDivisionError
        return collect(store, config, source)

    monkeypatch.setattr(stage, "collect", odd)
    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs:
        config = config_for(source_for(lrs.endpoint, name="odd"), source_for(lrs.endpoint))
        with pytest.raises(ZeroDivisionError):
            stage.run(store, config)
    assert len(rows(store)) == 1


def test_a_page_that_was_saved_before_an_outage_stays_and_the_cursor_too(store: Store, configure: Configure) -> None:
    more = "/xapi/statements?2"
    with FakeLrs(in_turn(page([raw(moodle(1))], more=more, date=DATE), Said(b"", 500))) as lrs:
        config, source = configure(lrs.endpoint)
        counts = stage.collect(store, config, source)
    assert (counts["stored"], counts["failed"]) == (1, 1)
    assert source_row(store).high_water is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_progress_may_end_the_reading_between_pages(store: Store, configure: Configure) -> None:
    def stop(so_far: SoFar) -> None:
        assert so_far.counts["stored"] == 1
        raise KeyboardInterrupt

    with FakeLrs(in_turn(page([raw(moodle(1))], more="/xapi/statements?2", date=DATE), page([raw(moodle(2))]))) as lrs:
        config, source = configure(lrs.endpoint)
        with pytest.raises(KeyboardInterrupt):
            stage.collect(store, config, source, stop)
        assert (len(rows(store)), source_row(store).high_water) == (1, None)
        lrs.respond = in_turn(page([raw(moodle(1)), raw(moodle(2))]))
        stage.collect(store, config, source)
    assert (len(rows(store)), source_row(store).high_water) == (2, STORED)
    _forget_the_page_that_nobody_read()


def _forget_the_page_that_nobody_read() -> None:
    """Its request may outlive its client, and leave a socket for the garbage collector: here, and in no later test."""
    for thread in threading.enumerate():
        if thread.name.startswith("lrs-page"):
            thread.join(timeout=10)
    gc.collect()


def test_a_reading_that_was_ended_gives_its_lease_back(store: Store, configure: Configure) -> None:
    def stop(_so_far: SoFar) -> None:
        raise KeyboardInterrupt

    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs, pytest.raises(KeyboardInterrupt):
        stage.collect(store, *configure(lrs.endpoint), stop)
    assert source_row(store).lease_owner == ""


def test_no_transaction_is_open_during_a_network_call(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def during_call(_asked: object) -> Said:
        with store.writing() as session:  # would wait 30 s for the lock if one were open
            session.add(Event(at=NOON, subject="test", subject_id="1", what="wrote"))
        return page([raw(moodle(1))], date=DATE)

    monkeypatch.setattr("connector.store.session.BUSY_SECONDS", 1)
    with FakeLrs(during_call) as lrs, time_machine.travel(NOON, tick=False):
        assert stage.collect(store, *configure(lrs.endpoint, start_from="now"))["failed"] == 0
    assert len(events(store)) == 2


def test_a_lease_of_another_process_is_respected_where_several_run(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs, time_machine.travel(NOON, tick=False) as clock:
        config, source = configure(lrs.endpoint)
        stage.collect(store, config, source)
        monkeypatch.setattr(store, "is_sqlite", False)
        with store.writing() as session:
            row = session.get_one(Source, "campus")
            row.lease_owner, row.lease_until = "elsewhere", NOON + timedelta(seconds=30)
        assert stage.collect(store, config, source) == {}
        clock.shift(30)
        assert stage.collect(store, config, source)["known"] == 1


def test_a_store_that_fails_is_not_blamed_on_the_source(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise RetryLater("store.unavailable", "the store does not answer")

    monkeypatch.setattr(save, "page", unavailable)
    with FakeLrs(in_turn(page([raw(moodle(1))]))) as lrs, pytest.raises(RetryLater):
        stage.collect(store, *configure(lrs.endpoint))
    assert source_row(store).circuit == "closed"
