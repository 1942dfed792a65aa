"""Where the reading of a source begins: at its first use, and when it is asked elsewhere or otherwise. Knows no page.

The moment from which statements count is the one place where our own clock has a say: a `now` by one wrong clock would
let the whole past count, or nothing of the present (decision 12).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from connector.collection.reading import Reading
from connector.config import SourceConfig
from connector.errors import NeedsOperator
from connector.lrs.client import Query
from connector.store.tables import Source

CursorField = Literal["stored", "timestamp"]
APART = timedelta(minutes=5)
"""How far two clocks may differ and both be believed."""


def fingerprint(source: SourceConfig) -> str:
    """Tells whether the source is asked elsewhere (the digest), or otherwise (the field after it)."""
    return _fingerprint(source, source.cursor_field)


def begin(reading: Reading, zone: ZoneInfo) -> None:
    """Write the starting point at first use, and again when the source has been moved.

    Raises NeedsOperator where nobody but the operator knows it.
    """
    source, row = reading.source, reading.row()
    if row.fingerprint != fingerprint(source):
        _begin_again(reading, row, zone)
        row = reading.row()
    if row.high_water or row.start_from or source.start_from == "everything":
        return
    start = _start(reading, source.start_from, zone)
    with reading.store.writing() as session:
        row = session.get_one(Source, source.name)
        row.start_from = row.high_water = start


def _begin_again(reading: Reading, row: Source, zone: ZoneInfo) -> None:
    """Another cursor field keeps the start; another endpoint takes the one that the file names."""
    source = reading.source
    field = _field_before(row.fingerprint, source)
    if field is None:
        start = cursor = _start_elsewhere(source, row, zone)
    else:
        start, cursor = row.start_from, row.high_water if field == source.cursor_field else row.start_from
    with reading.store.writing() as session:
        row = session.get_one(Source, source.name)
        if field != source.cursor_field:
            row.consistent_through = row.next_sweep_at = None
        row.fingerprint, row.start_from, row.high_water = fingerprint(source), start, cursor


def _field_before(said: str, source: SourceConfig) -> str | None:
    """The cursor field with which this endpoint was read before; None: it was another endpoint.

    A first version digested both together.
    """
    for field in get_args(CursorField):
        if said in (_fingerprint(source, field), _digest(f"{source.endpoint} {field}")):
            return str(field)
    return None


def _start_elsewhere(source: SourceConfig, row: Source, zone: ZoneInfo) -> datetime | None:
    """The old start where the file names its day, which is how a person says that it is the same LRS."""
    if source.start_from != "now":
        same = row.start_from and row.start_from.astimezone(zone).date() == source.start_from
        return row.start_from if same else None
    if row.high_water is None:
        return None
    was = row.start_from.astimezone(zone).date().isoformat() if row.start_from else "everything"
    raise NeedsOperator(
        "lrs.endpoint_changed",
        "the source has another `endpoint` than before, and `start_from: now` does not say what counts there",
        f"the same LRS under a new address: set `start_from` to {was}; another LRS: give the source a new name",
    )


def _start(reading: Reading, said: date | Literal["now"], zone: ZoneInfo) -> datetime:
    """The moment from which statements count: midnight of a date, or the earlier of the server's now and ours."""
    if said != "now":
        return datetime.combine(said, time.min, zone).astimezone(UTC)
    there, here = reading.lrs.page(Query(since=None, limit=1)).server_date, datetime.now(UTC)
    if there is None:
        raise NeedsOperator(
            "lrs.no_date",
            "the LRS's answers have no Date, so that nobody knows what `now` is there",
            "set the source's `start_from` to a date",
        )
    if abs(there - here) > APART:
        raise NeedsOperator(
            "lrs.clock_differs",
            f"the LRS's clock says {there:%Y-%m-%d %H:%M} UTC and this host's {here:%Y-%m-%d %H:%M}: one is wrong",
            "set the wrong clock right, or set the source's `start_from` to a date",
        )
    return min(there, here)


def _fingerprint(source: SourceConfig, field: str) -> str:
    return f"{_digest(source.endpoint)} {field}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
