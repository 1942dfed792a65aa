"""Puts what a sender posted on disk before it is acknowledged. Knows no HTTP and no bytes of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from connector import metrics
from connector.collection import quiet, save
from connector.collection.inlet import received
from connector.lrs.statement import Read
from connector.store.session import Store
from connector.store.tables import Source, StatementRow, Voided

FINGERPRINT = "inlet"


@dataclass(frozen=True, slots=True)
class Found:
    """One statement as it is kept."""

    raw: bytes
    stored: datetime | None


def open_sources(store: Store, names: Sequence[str]) -> None:
    """A row for each inlet; one that was polled before loses its cursor and whatever had stopped it."""
    with store.writing() as session:
        for name in names:
            row = session.get(Source, name) or Source(id=name, fingerprint="")
            if row.fingerprint != FINGERPRINT:
                row.fingerprint, row.circuit, row.code, row.failures = FINGERPRINT, "closed", "", 0
                row.high_water = row.consistent_through = row.next_at = row.next_sweep_at = None
            session.add(row)


def keep(store: Store, source: str, reads: Sequence[Read], *, now: datetime, within: float) -> int:
    """Write one batch down; returns how many were left out because their id stands for another statement.

    StoreUnavailable when the store does not take it in `within` seconds; nothing of the batch is kept then.
    """
    with store.writing(within=within) as session:
        row = session.get_one(Source, source, with_for_update=True)  # of two equal batches at once, one waits
        agreed = _agreed(session, source, reads)
        counts = save.page(session, source, agreed, now=now)
        quiet.heard(row, now, counts["stored"])
    metrics.STATEMENTS_READ.labels(source=source).inc(counts["stored"])
    return len(reads) - len(agreed)


def _agreed(session: Session, source: str, reads: Sequence[Read]) -> list[Read]:
    """Without those that say something else than the statement which has their id: a statement never changes."""
    ids = {one.statement.id for one in reads}
    known = select(StatementRow.statement_id, StatementRow.raw).where(
        StatementRow.source_id == source, col(StatementRow.statement_id).in_(ids)
    )
    first: dict[str, bytes | None] = dict(session.exec(known).all())
    agreed: list[Read] = []
    for one in reads:
        raw = one.statement.raw
        if not received.differ(first.setdefault(one.statement.id, raw), raw):
            agreed.append(one)
    return agreed


def find(store: Store, source: str, statement_id: str) -> Found | None:
    """A statement of this source that was not voided and whose bytes are still kept."""
    with store.reading() as session:
        if session.get(Voided, (source, statement_id)) is not None:
            return None
        query = select(StatementRow).where(StatementRow.source_id == source, StatementRow.statement_id == statement_id)
        row = session.exec(query).first()
        return Found(row.raw, row.stored) if row is not None and row.raw is not None else None
