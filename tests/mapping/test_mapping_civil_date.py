"""Civil dates: what a calendar on the wall showed, on every night when that is hard to say; never a guess."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import mapping_samples as make
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.mapping.civil_date import civil_date
from connector.records import Actor, Problem


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2027-01-01T05:59:59Z", "America/Chicago", date(2026, 12, 31)),
        ("2027-01-01T06:00:00Z", "America/Chicago", date(2027, 1, 1)),
        ("2026-03-08T05:30:00Z", "America/Chicago", date(2026, 3, 7)),  # the night without 2 o'clock
        ("2026-03-09T04:30:00Z", "America/Chicago", date(2026, 3, 8)),
        ("2026-11-01T05:30:00Z", "America/Chicago", date(2026, 11, 1)),  # the night with two 1 o'clocks
        ("2026-11-02T05:30:00Z", "America/Chicago", date(2026, 11, 1)),
        ("2028-02-29T23:59:59.999999999999+00:00", "UTC", date(2028, 2, 29)),
        ("2028-03-01T00:30:00+0800", "UTC", date(2028, 2, 29)),
        ("2026-03-10T00:30:00+08", "Asia/Singapore", date(2026, 3, 10)),
        ("2026-03-10t23:30:00,5-05:00", "UTC", date(2026, 3, 11)),
        ("2026-03-10 10:00Z", "UTC", date(2026, 3, 10)),
        ("2026-03-10T10:00:00-00:00", "UTC", date(2026, 3, 10)),
        ("2011-12-30T12:00:00Z", "Pacific/Apia", date(2011, 12, 31)),  # Samoa had no 30 December
        ("2026-12-31T18:14:59z", "Asia/Kathmandu", date(2026, 12, 31)),  # a quarter of an hour off, and a small z
        ("2026-12-31T18:15:00z", "Asia/Kathmandu", date(2027, 1, 1)),
        ("2027-01-01T05:44:59.999+05:45", "UTC", date(2026, 12, 31)),
        ("2026-12-31T23:59:59.9999999-10:00", "Pacific/Kiritimati", date(2027, 1, 1)),
        ("2027-01-01T00:00:00-10:00", "Pacific/Kiritimati", date(2027, 1, 2)),
        ("2028-02-29T05:59:59.5Z", "America/Chicago", date(2028, 2, 28)),
        ("2028-03-01T05:59:59Z", "America/Chicago", date(2028, 2, 29)),
        ("2027-03-01T05:59:59Z", "America/Chicago", date(2027, 2, 28)),
        ("2026-11-01T00:30:00-04:00", "America/New_York", date(2026, 11, 1)),
        ("2026-10-25T00:59:59+01:00", "Europe/London", date(2026, 10, 25)),
        ("2026-11-01T04:59:59Z", "America/Havana", date(2026, 11, 1)),  # here the doubled hour follows midnight
        ("2026-11-01T03:59:59Z", "America/Havana", date(2026, 10, 31)),
    ],
)
def test_civil_dates(value: str, zone: str, expected: date) -> None:
    assert civil_date(value, zone, "timestamp") == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "mapping.no_time"),
        ("2026-03-10T10:00:00", "mapping.naive_time"),
        ("2026-03-10", "mapping.bad_time"),
        ("10.3.2026 10:00", "mapping.bad_time"),
        ("", "mapping.bad_time"),
        (1773136800, "mapping.bad_time"),
        (True, "mapping.bad_time"),
        (["2026-03-10T10:00:00Z"], "mapping.bad_time"),
        ("2026-02-29T10:00:00Z", "mapping.bad_time"),
        ("2026-13-01T10:00:00Z", "mapping.bad_time"),
        ("2026-03-10T24:00:00Z", "mapping.bad_time"),
        ("2026-12-31T23:59:60Z", "mapping.bad_time"),
        ("2026-03-10T10:00:00+24:00", "mapping.bad_time"),
        ("2026-03-10T10:00:00+05:60", "mapping.bad_time"),
        ("0000-03-10T10:00:00Z", "mapping.bad_time"),
        ("0001-01-01T00:00:00+14:00", "mapping.bad_time"),
        ("9999-12-31T23:59:59-12:00", "mapping.bad_time"),
        ("2026-03-10T10:00:00Z\n", "mapping.bad_time"),
        ("٢٠٢٦-03-10T10:00:00Z", "mapping.bad_time"),
        ("x" * 1_000_000, "mapping.bad_time"),
    ],
)
def test_no_date_is_guessed(value: Any, code: str) -> None:
    stopped = civil_date(value, "UTC", "timestamp")
    assert isinstance(stopped, Problem)
    assert (stopped.code, stopped.field, stopped.who) == (code, "timestamp", Actor.ADMINISTRATOR)
    assert str(value)[:30] not in stopped.message or not value


@settings(derandomize=True, deadline=None, database=None)
@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1)),
    st.integers(-12 * 60, 14 * 60),
    st.sampled_from(sorted(available_timezones())),
    st.text("0123456789", min_size=1, max_size=12),
)
def test_civil_dates_are_those_of_zoneinfo(moment: datetime, ahead: int, zone: str, fraction: str) -> None:
    local = moment.replace(microsecond=0, tzinfo=UTC).astimezone(timezone(timedelta(minutes=ahead)))
    written = local.strftime("%Y-%m-%dT%H:%M:%S.") + fraction + local.strftime("%z")
    assert civil_date(written, zone, "t") == local.astimezone(ZoneInfo(zone)).date()


# Nights on which a date is easily wrong: New Year, leap days, and when clocks are changed somewhere.
NIGHTS = [
    *(date(year, 12, 31) for year in (1999, 2025, 2026, 2027, 2028)),
    *(date(year, 1, 1) for year in (2000, 2026, 2027, 2028, 2029)),
    *(date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1), date(2027, 2, 28), date(2000, 2, 29)),
    *(date(2026, 3, 8), date(2026, 11, 1), date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 10, 4)),
]
ZONES = [
    "America/Chicago", "America/New_York", "America/Havana", "America/St_Johns", "America/Phoenix", "Europe/London",
    "Europe/Berlin", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
    "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Honolulu", "UTC",
]  # fmt: skip


@settings(derandomize=True, deadline=None, database=None)
@given(
    st.sampled_from(NIGHTS),
    st.integers(0, 24 * 60 * 60 - 1),
    st.sampled_from(ZONES),
    st.sampled_from([0, 1]),
    st.integers(-12 * 4, 14 * 4),
)
def test_a_clock_on_the_wall_is_read_back_from_any_offset(
    night: date, second: int, zone: str, fold: int, ahead: int
) -> None:
    """The wall's clock says it first: doubled hours are told twice, and hours that did not exist not at all."""
    wall = datetime.combine(night, datetime.min.time(), ZoneInfo(zone)).replace(
        hour=second // 3600, minute=second // 60 % 60, second=second % 60, fold=fold
    )
    moment = wall.astimezone(UTC)
    assume(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall.replace(tzinfo=None))
    sent = moment.astimezone(timezone(timedelta(minutes=15 * ahead))).isoformat()
    assert civil_date(sent, zone, "timestamp") == night
    assert civil_date(moment.strftime("%Y-%m-%dt%H:%M:%S.999999999z"), zone, "timestamp") == night


def test_stored_is_used_only_where_the_rule_says_so() -> None:
    document = make.statement(timestamp=None, stored="2026-03-11T00:00:00Z")
    assert make.problem(make.rules(make.rule()), document).code == "mapping.no_time"
    falls_back = make.rules(make.rule(more='completed_on: {path: "timestamp || stored", zone: America/Chicago}'))
    assert make.completion(falls_back, document).completed_on == date(2026, 3, 10)
