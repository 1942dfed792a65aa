"""Points in time as LRSs write them. Never reads a clock and never guesses a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?(?:([Zz])|([+-])(\d\d)(?::?([0-5]\d))?)",
    re.ASCII,
)


def parse(text: str) -> datetime:
    """An aware UTC datetime, cut to microseconds; ValueError for a time without zone, for 24:00 and for a 60th second.

    >>> parse("2026-03-01T09:30:00.123456789+0100")
    datetime.datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=datetime.timezone.utc)
    """
    match = _ISO.fullmatch(text)
    if not match:
        raise ValueError("not an ISO 8601 time with its zone")
    year, month, day, hour, minute = (int(part) for part in match.group(1, 2, 3, 4, 5))
    second, fraction = int(match[6] or 0), int((match[7] or "")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, fraction, tzinfo=_zone(match))
        return moment if match[8] else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time that no calendar has") from None


def _zone(match: re.Match[str]) -> timezone:
    if match[8]:
        return UTC
    offset = timedelta(hours=int(match[10]), minutes=int(match[11] or 0))
    return timezone(-offset if match[9] == "-" else offset)


def render(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`: one LRS compares it as text, so always Z and three digits.

    >>> render(datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=UTC))
    '2026-03-01T08:30:00.123Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
