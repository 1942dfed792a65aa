"""Collection against the rehearsal LRS over HTTP, with each of its faults switched on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlmodel import col, select

from connector.collection import stage
from connector.config import Config, SourceConfig
from connector.records import Counts
from connector.sandbox.server import Sandbox
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.collection.conftest import Configure
from tests.lrs.samples import moodle


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 3, 2), load=False, page_limit=4) as rehearsal:
        yield rehearsal


@pytest.fixture
def setting(sandbox: Sandbox, configure: Configure) -> tuple[Config, SourceConfig]:
    return configure(sandbox.lrs_url, timeout="1s", page=10)


def post(sandbox: Sandbox, first: int, count: int) -> list[str]:
    sent = [moodle(number) for number in range(first, first + count)]
    return sandbox.post([{name: one[name] for name in one if name not in ("stored", "authority")} for one in sent])


def collect(store: Store, setting: tuple[Config, SourceConfig]) -> Counts:
    """As the daemon would at the next probe."""
    with store.writing() as session:
        if row := session.get(Source, "campus"):
            row.next_at = None
    return stage.collect(store, *setting)


def stored_ids(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow.statement_id).order_by(col(StatementRow.id))))


@pytest.mark.parametrize("operation", ["read", "more"])
@pytest.mark.parametrize(
    "fault",
    [
        "cut-before-reply",
        "cut-in-reply",
        "error-500",
        "proxy-502",
        "time-out",
        "too-many",
        "wrong-password",
        "forbidden",
        "html-200",
        "empty-200",
        "truncated",
    ],
)
def test_an_outage_costs_time_and_nothing_else(
    store: Store, sandbox: Sandbox, setting: tuple[Config, SourceConfig], fault: str, operation: str
) -> None:
    sent = post(sandbox, 1, 10)
    sandbox.switch(fault, operation=operation, side="lrs")
    assert collect(store, setting)["failed"] == 1
    assert collect(store, setting)["failed"] == 0
    assert stored_ids(store) == sent


@pytest.mark.parametrize(
    ("fault", "settings", "fails"),
    [
        ("expired-more", {}, 0),
        ("expired-more", {"times": 4}, 1),
        ("absolute-more", {"times": None}, 0),
        ("foreign-more", {}, 1),
        ("looping-more", {"times": 20}, 1),
        ("empty-pages", {"times": 2}, 0),
        ("empty-pages", {"times": 9}, 1),
        ("descending", {"times": None}, 0),
        ("consistent-lag", {"times": None, "seconds": 3600}, 0),
        ("consistent-lag", {"times": 1}, 0),
    ],
)
def test_odd_pages_lose_and_double_nothing(
    store: Store, sandbox: Sandbox, setting: tuple[Config, SourceConfig], fault: str, settings: Any, fails: int
) -> None:
    sent = post(sandbox, 1, 10)
    sandbox.switch(fault, **settings)
    assert collect(store, setting)["failed"] == fails
    if fails:
        sandbox.switches.clear()
    sandbox.clock.advance(400)
    sent += post(sandbox, 11, 5)
    collect(store, setting)
    assert sorted(stored_ids(store)) == sorted(sent)


def test_rows_that_become_visible_late_are_found(
    store: Store, sandbox: Sandbox, setting: tuple[Config, SourceConfig]
) -> None:
    sandbox.switch("late-rows", seconds=100)
    late = post(sandbox, 1, 3)
    sandbox.clock.advance(1)
    early = post(sandbox, 4, 3)
    collect(store, setting)
    assert stored_ids(store) == early
    sandbox.clock.advance(100)
    assert collect(store, setting)["stored"] == 3
    assert stored_ids(store) == early + late


def test_ties_and_a_clock_that_jumps_lose_nothing(
    store: Store, sandbox: Sandbox, setting: tuple[Config, SourceConfig]
) -> None:
    sandbox.switch("equal-stored")
    sent = post(sandbox, 1, 10)
    collect(store, setting)
    for number, seconds in ((11, 3600), (21, -90)):
        sandbox.switch("clock-jump", seconds=seconds)
        sent += post(sandbox, number, 3)
        collect(store, setting)
    assert stored_ids(store) == sent


def test_what_is_stored_after_a_clock_was_ahead_for_a_while_is_found(
    store: Store, sandbox: Sandbox, setting: tuple[Config, SourceConfig]
) -> None:
    month = 30 * 86400
    sandbox.switch("clock-jump", seconds=month)
    sent = post(sandbox, 1, 2)
    collect(store, setting)
    sandbox.switch("clock-jump", seconds=-month)
    sent += post(sandbox, 11, 2)
    sandbox.clock.advance(3600)
    for _ in range(2):
        collect(store, setting)
    assert sorted(stored_ids(store)) == sorted(sent)
    sent += post(sandbox, 21, 2)
    assert collect(store, setting)["stored"] == 2


def test_the_rehearsals_own_statements_are_all_read(store: Store, configure: Configure) -> None:
    """Every shape that real systems send, and two that only a lax LRS would hold, each exactly once."""
    with Sandbox(today=date(2026, 3, 2), page_limit=7) as rehearsal:
        rehearsal.lrs.plant(b'{"id":"\\ud800"}')
        rehearsal.lrs.plant(b'"not an object"')
        setting = configure(rehearsal.lrs_url)
        counts = stage.collect(store, *setting)
        again = stage.collect(store, *setting)
    assert counts["stored"] == counts["read"] > 20
    assert counts["problems"] >= 2
    assert (again["stored"], again["failed"]) == (0, 0)
