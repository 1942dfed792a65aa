"""The one clock of a rehearsal: the real time, or a fixed one, and moved by hand. Knows nothing of what it times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

CENTRAL = ZoneInfo("America/Chicago")


class Clock:
    """Follows the real time, or stands still at `start` until it is advanced."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self._shift = timedelta(0)

    def now(self) -> datetime:
        return (self._start or datetime.now(UTC)) + self._shift

    def today(self) -> date:
        """The civil date in PARS's own zone (ACCME documents assume Central time)."""
        return self.now().astimezone(CENTRAL).date()

    def advance(self, seconds: float) -> None:
        self._shift += timedelta(seconds=seconds)
