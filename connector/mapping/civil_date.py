"""From the text of a time to the civil date in a named zone. What cannot be read for certain is a Problem, no guess."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from connector.mapping.language.paths import Nothing
from connector.records import Actor, Problem

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-5][0-9])?)?"
)


def civil_date(value: Any, zone: str, field: str) -> date | Problem:
    """The date that a calendar on the wall showed in `zone` at the time `value`.

    >>> civil_date("2027-01-01T05:59:59Z", "America/Chicago", "timestamp")
    datetime.date(2026, 12, 31)
    """
    if value is None or isinstance(value, Nothing):
        return _problem("mapping.no_time", field, "the statement has no time here")
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return _problem("mapping.bad_time", field, "this is not a date with a time of day")
    if not match["zone"]:
        return _problem("mapping.naive_time", field, "the time names no zone, so its date is not certain")
    try:
        return _moment(match).astimezone(ZoneInfo(zone)).date()
    except (ValueError, OverflowError):  # 30 February, 24:00:00, a leap second, the year 0 or 10000
        return _problem("mapping.bad_time", field, "there is no such date or time of day")


def _moment(match: re.Match[str]) -> datetime:
    """The fraction of a second is left out: it never changes the date."""
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    ahead = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    offset = timezone(-ahead if match["sign"] == "-" else ahead)
    return datetime(year, month, day, hour, minute, second, tzinfo=offset)


def _problem(code: str, field: str, message: str) -> Problem:
    hint = "mend the system that sends the statement, or name another path in `completed_on`"
    return Problem(code=code, field=field, message=message, hint=hint, who=Actor.ADMINISTRATOR)
