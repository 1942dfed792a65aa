"""Statements of our own into the store, so that they take the path of every other. Knows not who wrote them, or why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connector.collection import save
from connector.lrs.statement import read
from connector.records import Counts
from connector.store.session import Store
from connector.store.tables import Source


def keep(store: Store, source: str, raws: Sequence[bytes]) -> Counts:
    """Write all of them down under a source's name, or none; what is known already is counted and stays as it is."""
    reads, now = [read(raw, source) for raw in raws], datetime.now(UTC)
    with store.writing() as session:
        if session.get(Source, source) is None:
            session.add(Source(id=source, fingerprint=""))
            session.flush()
        return Counts(save.page(session, source, reads, now=now))
