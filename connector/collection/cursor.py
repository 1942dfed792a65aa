"""Where the next reading begins: arithmetic on the server's times alone. Knows no clock, no connection and no table.

`since = newest stored` loses what becomes visible late; here a reading always looks back over an overlap, and the
memory of ids makes that cost nothing but bytes (design section 7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

AHEAD = timedelta(minutes=5)
"""How far before the server's own Date a `stored` may lie and still be believed."""

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Chain:
    """What one chain of pages said about time: the first answer's two clocks, and the newest `stored` of all pages."""

    consistent_through: datetime | None
    server_date: datetime | None
    newest: datetime | None = None

    def saw(self, stored: datetime | None) -> Chain:
        """The chain after one more statement. One far ahead of the server's clock is kept but tells no time."""
        if stored is None or self.is_behind(stored):
            return self
        return self if self.newest and stored <= self.newest else replace(self, newest=stored)

    def is_behind(self, moment: datetime) -> bool:
        """True when the server's own Date lies so far before that moment that the moment cannot have been yet."""
        return self.server_date is not None and moment - self.server_date > AHEAD


def since(high_water: datetime | None, look_back: timedelta) -> datetime | None:
    """The `since` of the next reading; None reads everything. A millisecond early, as LRSs cut to milliseconds."""
    if high_water is None:
        return None
    look_back = min(look_back, max(high_water - _FIRST, timedelta()))
    earliest = high_water - look_back - _MILLISECOND
    return earliest.replace(microsecond=earliest.microsecond // 1000 * 1000)


def advance(high_water: datetime | None, chain: Chain) -> datetime | None:
    """The cursor after a chain that was followed to its end; it goes back only behind the server's own clock.

    Without any clock of the server nothing is known and it stays. With nothing newer than the cursor, only a
    Consistent-Through can move it on.
    """
    clocks = [clock for clock in (chain.consistent_through, chain.server_date) if clock]
    if high_water and chain.is_behind(high_water):
        return min(clocks)  # decision 12: that clock was ahead when the cursor followed it
    fresh = chain.newest if chain.newest and (high_water is None or chain.newest > high_water) else None
    if not clocks or (fresh is None and chain.consistent_through is None):
        return high_water
    reached = min([*clocks, fresh] if fresh else clocks)
    return max(high_water, reached) if high_water else reached
