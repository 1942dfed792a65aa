"""The functions that turn a value of a statement into an amount: one more is a function and a line in FUNCTIONS.

Each takes what the path found and the rule's `most`, and returns credits in quarter steps; ValueError when the value
is not of its kind. What is above `most` is cut off afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,18})?")
_PART = r"(?:([0-9]{1,9}(?:\.[0-9]{1,18})?)%s)?"
_DURATION = re.compile(
    "P(?:0+Y)?(?:0+M)?" + _PART % "W" + _PART % "D" + "(?:T(?=[0-9])" + _PART % "H" + _PART % "M" + _PART % "S" + ")?"
)
_SECONDS: Final = (Decimal(604_800), Decimal(86_400), Decimal(3_600), Decimal(60), Decimal(1))


def number(value: Any) -> Decimal | None:
    """A finite number, also when a system sent it as text; None for anything else.

    >>> number("0.85"), number(0.1), number(True), number(float("nan"))
    (Decimal('0.85'), Decimal('0.1'), None, None)
    """
    if isinstance(value, str):
        return Decimal(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return exact if exact.is_finite() and abs(exact) < Decimal(10) ** 18 else None


def plain(exact: Decimal) -> str:
    """One text for one number, every digit of it kept.

    >>> plain(Decimal("0.80")), plain(Decimal("1E+2")), plain(Decimal("-0.0"))
    ('0.8', '100', '0')
    """
    text = f"{exact:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def quarter_hours(value: Any, _most: Decimal) -> Decimal:
    """Hours, rounded down to a quarter of an hour.

    >>> six = Decimal(6)
    >>> quarter_hours(1.3, six), quarter_hours("0.74", six), quarter_hours(2, six)
    (Decimal('1.25'), Decimal('0.50'), Decimal('2.00'))
    """
    hours = number(value)
    if hours is None or hours < 0:
        raise ValueError("not a number of hours")
    return _whole_quarters(hours * 4)


def duration_quarter_hours(value: Any, _most: Decimal) -> Decimal:
    """An ISO 8601 duration such as `result.duration`, rounded down to a quarter of an hour; no months, no years
    but `P0Y0M`, which some systems write in front.

    >>> duration_quarter_hours("PT1H29M59.9S", Decimal(6)), duration_quarter_hours("PT1.5H", Decimal(6))
    (Decimal('1.25'), Decimal('1.50'))
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not any(match.groups()):
        raise ValueError("not a duration in weeks, days, hours, minutes and seconds")
    seconds = sum(Decimal(part or 0) * each for part, each in zip(match.groups(), _SECONDS, strict=True))
    return _whole_quarters(Decimal(seconds) / 900)


def share_of_most(value: Any, most: Decimal) -> Decimal:
    """A score up to 1, such as `result.score.scaled`: that share of `most`, rounded down to a quarter. xAPI lets a
    scaled score fall to -1, which earns nothing.

    >>> share_of_most(0.85, Decimal(4)), share_of_most("1", Decimal(4)), share_of_most(-0.2, Decimal(4))
    (Decimal('3.25'), Decimal('4.00'), Decimal('0.00'))
    """
    share = number(value)
    if share is None or not -1 <= share <= 1:
        raise ValueError("not a score between -1 and 1")
    return _whole_quarters(max(share, Decimal(0)) * most * 4)


def percent_of_most(value: Any, most: Decimal) -> Decimal:
    """A score between 0 and 100: that share of `most`, rounded down to a quarter.

    >>> percent_of_most(85, Decimal(4))
    Decimal('3.25')
    """
    percent = number(value)
    if percent is None or not 0 <= percent <= 100:
        raise ValueError("not a score between 0 and 100")
    return _whole_quarters(percent * most / 25)


def _whole_quarters(quarters: Decimal) -> Decimal:
    return quarters.to_integral_value(rounding=ROUND_FLOOR) * Decimal("0.25")


FUNCTIONS: Final[dict[str, Callable[[Any, Decimal], Decimal]]] = {
    "duration_quarter_hours": duration_quarter_hours,
    "percent_of_most": percent_of_most,
    "quarter_hours": quarter_hours,
    "share_of_most": share_of_most,
}
