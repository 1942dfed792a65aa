"""The deadlines that a waiting credit threatens, and which of them is next. Pure; knows no row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from connector.records import Frozen

BOARD_ANSWERS: Final = timedelta(hours=24)
REPORT_WITHIN: Final = 30
"""Days after the completion: boards ask for their credits by then, and ACCME encourages it for CME (confirmed)."""
CENTRAL: Final = ZoneInfo("America/Chicago")
_YEAR_ENDS: Final = (3, 31, 23, 59)  # of the next year, as ACCME says it: 11:59 pm Central


class Kind(StrEnum):
    """Whose deadline it is."""

    THIRTY_DAYS = "thirty_days"
    CLAIM_DATE = "claim_date"
    BOARD_YEAR = "board_year"
    YEAR_END = "year_end"
    BOARD_ANSWER = "board_answer"


WORDS: Final = {
    Kind.THIRTY_DAYS: f"{REPORT_WITHIN} days from the completion",
    Kind.CLAIM_DATE: "the activity's claim date",
    Kind.BOARD_YEAR: "the end of the board's year",
    Kind.YEAR_END: "the end of the reporting year",
    Kind.BOARD_ANSWER: "the board's answer, due a day after the credit left",
}


class Deadline(Frozen):
    """`at` is the first moment that is too late, `day` the last day on which it is not."""

    kind: Kind
    day: date
    at: datetime

    def has_passed(self, now: datetime) -> bool:
        return now >= self.at

    @property
    def words(self) -> str:
        return WORDS[self.kind]


class Outlook(Frozen):
    """What is threatened: the nearest deadline that can still be met, and those that cannot."""

    next: Deadline | None = None
    passed: tuple[Deadline, ...] = ()

    def brief(self) -> str:
        """For a column: the next day, or the last one with the word that it has passed."""
        if self.next is not None:
            return self.next.day.isoformat()
        return f"passed {self.passed[-1].day.isoformat()}" if self.passed else ""


def deadlines(
    completed_on: date, zone: tzinfo, claim_date: date | None = None, *, board: bool = False
) -> list[Deadline]:
    """All of one credit, the nearest first; days end in the provider's zone, the reporting year in Chicago.

    `board`: it goes to a certifying board, whose year ends with the calendar's (confirmed).
    """
    found = [_by_day(Kind.THIRTY_DAYS, completed_on + timedelta(days=REPORT_WITHIN), zone)]
    if claim_date is not None:
        found.append(_by_day(Kind.CLAIM_DATE, claim_date, zone))
    if board:
        found.append(_by_day(Kind.BOARD_YEAR, date(completed_on.year, 12, 31), zone))
    month, day, hour, minute = _YEAR_ENDS
    closes = datetime(completed_on.year + 1, month, day, hour, minute, tzinfo=CENTRAL) + timedelta(minutes=1)
    found.append(Deadline(kind=Kind.YEAR_END, day=date(completed_on.year + 1, month, day), at=closes))
    return sorted(found, key=lambda one: one.at)


def outlook(
    completed_on: date, zone: tzinfo, now: datetime, claim_date: date | None = None, *, board: bool = False
) -> Outlook:
    """Which deadline is next, seen from now."""
    return seen(deadlines(completed_on, zone, claim_date, board=board), now)


def answer_due(left_at: datetime, zone: tzinfo) -> Deadline:
    """A board's answer comes within a day (confirmed)."""
    at = left_at + BOARD_ANSWERS
    return Deadline(kind=Kind.BOARD_ANSWER, day=at.astimezone(zone).date(), at=at)


def seen(found: Sequence[Deadline], now: datetime) -> Outlook:
    """What of these is ahead, and what has passed; both as they are ordered."""
    ahead = [one for one in found if not one.has_passed(now)]
    return Outlook(next=ahead[0] if ahead else None, passed=tuple(one for one in found if one.has_passed(now)))


def _by_day(kind: Kind, day: date, zone: tzinfo) -> Deadline:
    return Deadline(kind=kind, day=day, at=datetime.combine(day + timedelta(days=1), time(), tzinfo=zone))
