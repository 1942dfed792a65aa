"""The lines that a story is made of, and its small words. Knows no table."""

from __future__ import annotations

from datetime import datetime

from connector.records import Frozen


class Line(Frozen):
    """One line of a story: `depth` is its indent, `at` the moment in UTC, empty for what has none."""

    depth: int
    at: str = ""
    text: str


def moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ") if at else ""


def because(code: str) -> str:
    return f" ({code})" if code else ""
