"""Statements of our own into the store, so that they take the path of every other. Knows not who wrote them, or why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connector.collection import save
from connector.lrs.statement import read
from connector.records import Counts
from connector.store.session import Store
from connector.store.tables import Source

BATCH = 500


def keep(store: Store, source: str, raws: Sequence[bytes]) -> Counts:
    """Write them down under a source's name; what is known already is counted and stays as it is."""
    counts = Counts()
    for start in range(0, len(raws), BATCH):
        now = datetime.now(UTC)
        with store.writing() as session:
            if session.get(Source, source) is None:
                session.add(Source(id=source, fingerprint=""))
                session.flush()
            counts.update(
                save.page(session, source, [read(raw, source) for raw in raws[start : start + BATCH]], now=now)
            )
    return counts
