"""A stretch of a source's past, read from the LRS page by page. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from connector.collection import cursor, reader
from connector.collection.reading import heeds, read_all
from connector.collection.rereading import lies_in
from connector.config import SourceConfig
from connector.endpoints import open_client
from connector.lrs.client import Query
from connector.lrs.statement import Read
from connector.records import Frozen

_MILLISECOND = timedelta(milliseconds=1)

Tell = Callable[[str, float, int], None]
"""Told the source's name, how much of the way lies behind (0 to 1) and the statements read."""


class Window(Frozen):
    """The time a backfill reads of one source; `until` is where its cursor stands when nobody names an end.

    From `known_from` on all was read: between the two only what voids is kept.
    """

    source: SourceConfig
    since: datetime
    until: datetime
    known_from: datetime | None = None

    @property
    def last(self) -> datetime:
        return max(self.until, self.known_from or self.until)


def pages(window: Window) -> Iterator[tuple[float, list[Read]]]:
    """The window's statements slice by slice, all at once where the server does not look at `until`."""
    source, reached, length = window.source, window.since, cursor.SHORTEST
    with open_client(source) as lrs:
        while reached < window.last:
            end, count = min(reached + length, window.last), 0
            query = Query(cursor.since(reached, timedelta()), source.page, end + _MILLISECOND)
            for page in reader.chain(lrs, query):
                reads = read_all(source, page)
                count += len(reads)
                end = end if heeds(source, end, reads) else window.last
                way = (end - window.since) / (window.last - window.since)
                yield way, [one for one in reads if one.voids or _is_in(window, one)]
            reached, length = end, cursor.stride(length, count, source.page)


def _is_in(window: Window, one: Read) -> bool:
    return not one.is_report and lies_in(window.source, window.since, window.until, one.statement)
