"""What a provider who begins is careful about: the first records of an activity, and the days before a send. Pure."""

from __future__ import annotations

from datetime import datetime

from connector.records import Actor, Problem

SEND_AFTER = "credit.send_after"


def wait_until(leaves_at: datetime, now: datetime) -> list[Problem]:
    """Regrades and voids come in the first days; nobody has to do anything but wait."""
    if leaves_at <= now:
        return []
    message = f"it leaves after {leaves_at:%Y-%m-%d %H:%M} UTC (send_after)"
    return [Problem(code=SEND_AFTER, field="completed_on", message=message, who=Actor.NOBODY)]
