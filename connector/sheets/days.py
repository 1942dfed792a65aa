"""Days as people and spreadsheets write them. Guesses nothing: two-digit years and names of months are no days."""

from __future__ import annotations

import re
from datetime import date

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d.*)?")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: \d.*)?")
_MONTH_DAY = re.compile(r"(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}))?")
LEAP = 2000


def day(text: str) -> date | None:
    """A whole date: `2026-03-05`, or `3/5/2026` with the month in front, a time of day behind it left out.

    >>> day("2026-03-05 00:00:00"), day("3/5/2026"), day("3/5/26")
    (datetime.date(2026, 3, 5), datetime.date(2026, 3, 5), None)
    """
    if iso := _ISO.fullmatch(text):
        year, month, number = iso.groups()
    elif american := _AMERICAN.fullmatch(text):
        month, number, year = american.groups()
    else:
        return None
    return _date(int(year), int(month), int(number))


def month_day(text: str) -> tuple[str, int] | None:
    """A birth day as `MM-DD`, and the year that stands beside it, 0 for none.

    >>> month_day("9/10"), month_day("1980-02-29"), month_day("13/13")
    (('09-10', 0), ('02-29', 1980), None)
    """
    if match := _MONTH_DAY.fullmatch(text):
        found = _date(int(match[3] or LEAP), int(match[1]), int(match[2]))
        return (f"{found:%m-%d}", int(match[3] or 0)) if found else None
    whole = day(text)
    return (f"{whole:%m-%d}", whole.year) if whole else None


def _date(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None
