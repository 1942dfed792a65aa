"""Which deadline a credit threatens: leap days, changes of the clock, and the far side of the date line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.desk.deadlines import Kind, deadlines, outlook

CHICAGO, HONOLULU, GUAM = (ZoneInfo(name) for name in ("America/Chicago", "Pacific/Honolulu", "Pacific/Guam"))


@pytest.mark.parametrize(
    ("completed", "last"),
    [
        ("2028-01-30", "2028-02-29"),  # a leap year
        ("2027-01-30", "2027-03-01"),
        ("2028-02-29", "2028-03-30"),
        ("2026-12-15", "2027-01-14"),
        ("2026-02-20", "2026-03-22"),  # over the change of the clock
    ],
)
def test_thirty_days_end_with_the_providers_day(completed: str, last: str) -> None:
    day = date.fromisoformat(completed)
    one = next(one for one in deadlines(day, CHICAGO) if one.kind is Kind.THIRTY_DAYS)
    assert one.day == date.fromisoformat(last)
    local = one.at.astimezone(CHICAGO)
    assert (local.date() - one.day, local.hour, local.minute) == (timedelta(days=1), 0, 0)
    assert not one.has_passed(one.at - timedelta(seconds=1))
    assert one.has_passed(one.at)


def test_a_day_ends_where_the_provider_is() -> None:
    now = datetime(2026, 4, 10, 9, 30, tzinfo=UTC)  # 9 April in Honolulu, 10 April in Guam
    completed = date(2026, 3, 10)
    assert outlook(completed, HONOLULU, now).next == deadlines(completed, HONOLULU)[0]
    assert outlook(completed, GUAM, now).next.kind is Kind.YEAR_END


@pytest.mark.parametrize("zone", [CHICAGO, HONOLULU, GUAM])
def test_the_reporting_year_ends_in_chicago_for_everybody(zone: ZoneInfo) -> None:
    year = deadlines(date(2026, 12, 31), zone)[-1]
    assert (year.kind, year.day) == (Kind.YEAR_END, date(2027, 3, 31))
    assert year.at == datetime(2027, 4, 1, 5, tzinfo=UTC), "summer time: 11:59 pm is the last minute"
    assert not year.has_passed(datetime(2027, 4, 1, 4, 59, 59, tzinfo=UTC))


def test_a_leap_day_and_its_year() -> None:
    assert [one.day for one in deadlines(date(2028, 2, 29), CHICAGO)] == [date(2028, 3, 30), date(2029, 3, 31)]


def test_the_nearest_that_can_be_met_and_those_that_cannot() -> None:
    completed, claim = date(2026, 3, 10), date(2026, 6, 30)

    def seen(moment: str) -> tuple[Kind | None, list[Kind], str]:
        found = outlook(completed, CHICAGO, datetime.fromisoformat(moment), claim)
        return found.next and found.next.kind, [one.kind for one in found.passed], found.brief()

    thirty, claimed, year = Kind.THIRTY_DAYS, Kind.CLAIM_DATE, Kind.YEAR_END
    assert seen("2026-03-12T00:00:00Z") == (thirty, [], "2026-04-09")
    assert seen("2026-04-10T05:00:00Z") == (claimed, [thirty], "2026-06-30")
    assert seen("2026-07-01T05:00:00Z") == (year, [thirty, claimed], "2027-03-31")
    assert seen("2027-04-01T05:00:00Z") == (None, [thirty, claimed, year], "passed 2027-03-31")


def test_a_claim_date_may_come_before_the_thirty_days() -> None:
    found = outlook(date(2026, 3, 10), CHICAGO, datetime(2026, 3, 12, tzinfo=UTC), date(2026, 3, 15))
    assert found.next.kind is Kind.CLAIM_DATE
