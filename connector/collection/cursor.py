"""Where the next reading begins and ends: arithmetic on the server's times. Knows no clock, no connection and no table.

`since = newest stored` loses what becomes visible late; here a reading always looks back over an overlap, and the
memory of ids makes that cost nothing but bytes (design section 7). What lies far behind is read in slices of time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

AHEAD = timedelta(minutes=5)
"""How far before the server's own Date a `stored` may lie and still be believed."""

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=64)
"""Lengths of a slice: they double while slices are nearly empty, and fall back when one is full."""
FULL = 10
"""Pages that make a slice a full one."""
XAPI_BEGINS = datetime(2011, 1, 1, tzinfo=UTC)
"""No statement is older; a device whose clock says so is read in the first slice, whatever it says."""

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
    return _cut(high_water - look_back - _MILLISECOND)


def first_end(moments: Iterable[datetime]) -> datetime:
    """Where the first slice of all ends: at the oldest statement of the first page, which may be any but the oldest."""
    return _cut(max(min(moments, default=XAPI_BEGINS), XAPI_BEGINS))


def is_far(reached: datetime | None, server_date: datetime | None) -> bool:
    """True when so much time lies between the two that it is read in slices."""
    return reached is not None and server_date is not None and server_date - reached > SHORTEST


def until(reached: datetime, server_date: datetime | None, length: timedelta, overlap: timedelta) -> datetime | None:
    """The end of the next slice; None when the rest is short, or the server's clock unknown: read to the present.

    An overlap before the server's Date at the latest: what was stored until then can be seen by now.
    """
    if server_date is None or server_date - overlap - reached < SHORTEST:
        return None
    return _cut(min(reached + length, server_date - overlap))


def stride(length: timedelta, count: int, page: int) -> timedelta:
    """The next slice's length after one that held `count` statements."""
    if count < page:
        return min(length * 2, LONGEST)
    return SHORTEST if count > FULL * page else length


def vouches(chain: Chain, end: datetime, overlap: timedelta) -> bool:
    """True when the server's clocks say that whatever was stored until the slice's end could be seen in it."""
    if chain.server_date is None or end > chain.server_date - overlap:
        return False
    return chain.consistent_through is None or end <= chain.consistent_through


def reach(high_water: datetime | None, chain: Chain, end: datetime) -> datetime | None:
    """The cursor after a whole slice: as after any chain, but not beyond the slice's end.

    So it stays at the newest `stored` that was seen, and an empty slice does not move it: Date may be ahead of the
    clock that writes `stored`. Only a Consistent-Through says that nothing will come there any more.
    """
    reached = advance(high_water, chain)
    if reached is None or (high_water and reached <= high_water):
        return reached
    return max(high_water, min(reached, end)) if high_water else min(reached, end)


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


def _cut(moment: datetime) -> datetime:
    """To milliseconds, as LRSs do."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
