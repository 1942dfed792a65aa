"""quiet: three times its own longest silence, and only time in which somebody listened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from structlog.testing import capture_logs

from connector.collection import quiet
from connector.config import InletConfig
from connector.store.session import Store
from connector.store.tables import Source
from connector.web import health
from tests.collection.settings import PASSWORD_IN, config_for, source_for

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def heard(hours: list[tuple[int, int]], *, every: int = 1) -> Source:
    """A source listened to each hour until the last one; `(hour, new)` are those with news."""
    row, news = Source(id="campus", fingerprint=""), dict(hours)
    for hour in range(0, hours[-1][0] + 1, every):
        quiet.heard(row, NOON + hour * HOUR, news.get(hour, 0))
    return row


def test_the_longest_silence_between_two_news_is_remembered() -> None:
    row = heard([(0, 3), (10, 1), (40, 2), (50, 1), (55, 0)])
    assert row.longest_quiet_s == 30 * 3600
    assert quiet.silence(row, NOON + 55 * HOUR) == 5 * HOUR


@pytest.mark.parametrize(
    ("news", "days", "alarm"),
    [
        ([(0, 1), (1, 1)], 2, False),
        ([(0, 1), (1, 1)], 4, True),
        ([(0, 1), (60, 1)], 7, False),
        ([(0, 1), (60, 1)], 11, True),
        ([(0, 0)], 4, True),
    ],
    ids=["a busy one over two days", "a busy one over four", "used to weekends", "far longer", "it never spoke"],
)
def test_it_alarms_after_three_times_its_own_silence_and_three_days_at_least(
    news: list[tuple[int, int]], days: int, *, alarm: bool
) -> None:
    row = heard([*news, (days * 24, 0)])
    assert quiet.is_quiet(row, NOON + days * DAY) == alarm


def test_a_fault_it_told_of_does_not_make_it_deaf() -> None:
    row = heard([(0, 1), (1, 1), (30 * 24, 1)])
    assert quiet.alarms_after(row) == 9 * DAY
    assert not quiet.is_quiet(row, NOON + 30 * DAY)


def test_a_clock_of_ours_that_was_ahead_does_not_make_it_deaf() -> None:
    row = heard([(0, 1), (1, 1)])
    quiet.heard(row, NOON + 365 * DAY, 1)
    for hour in range(100):
        quiet.heard(row, NOON + hour * HOUR, 0)
    assert quiet.is_quiet(row, NOON + 99 * HOUR)


def test_an_outage_is_in_no_silence() -> None:
    row = heard([(0, 1), (5, 0)])
    quiet.heard(row, NOON + 205 * HOUR, 0)
    assert not quiet.is_quiet(row, NOON + 205 * HOUR)
    assert quiet.silence(row, NOON + 205 * HOUR) == 5 * HOUR
    quiet.heard(row, NOON + 206 * HOUR, 1)
    assert row.longest_quiet_s == 6 * 3600
    assert quiet.silence(row, NOON + 400 * HOUR) == timedelta(), "stopped: nobody listens"


def test_a_source_with_long_turns_has_no_gap_between_them() -> None:
    row = Source(id="campus", fingerprint="")
    usual = quiet.usual(source_for("http://127.0.0.1/xapi", every="1d"))
    for day in range(5):
        quiet.heard(row, NOON + day * DAY, int(day == 0), usual=usual)
    assert quiet.is_quiet(row, NOON + 4 * DAY)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def test_it_is_said_once_and_once_that_it_talks_again(store: Store, clock: time_machine.Traveller) -> None:
    """An inlet too, which nobody polls, and which may never have spoken."""
    login: Any = {"user": "moodle", "password": {"env": PASSWORD_IN}}
    inlet = InletConfig.model_validate({"name": "inlet", "inlet": login})
    config = config_for(source_for("http://127.0.0.1/xapi")).model_copy(
        update={"sources": (source_for("http://127.0.0.1/xapi"), inlet)}
    )
    with store.writing() as session:
        session.add(Source(id="campus", fingerprint="", last_news_at=NOON, last_success_at=NOON))
    with capture_logs() as lines:
        for _ in range(80):
            quiet.watch(store, config)
            clock.shift(HOUR)
            with store.writing() as session:
                quiet.heard(session.get_one(Source, "campus"), datetime.now(UTC), 0)
        quiet.watch(store, config)
        assert [(line["event"], line["source"]) for line in lines] == [
            ("source.quiet", "campus"),
            ("source.quiet", "inlet"),
        ]
        assert b'pars_source_quiet{source="inlet"} 1.0' in health.exposition(store)
        with store.writing() as session:
            quiet.heard(session.get_one(Source, "inlet"), datetime.now(UTC), 1)
    assert [(line["event"], line["source"]) for line in lines[2:]] == [("source.talks_again", "inlet")]
    page = health.exposition(store)
    assert b'pars_source_quiet{source="inlet"} 0.0' in page
    assert b'pars_source_quiet{source="campus"} 1.0' in page
    assert b'pars_source_quiet_seconds{source="campus"} 288000.0' in page
