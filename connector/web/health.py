"""The answers of /livez, /readyz and /metrics, read from the store at the moment they are asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from sqlmodel import Session, col, func, select

from connector import metrics
from connector.collection import quiet
from connector.errors import ConnectorError
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Channel, Credit, Source

Row = TypeVar("Row", Source, Channel)
_OF_ROWS = (
    metrics.CREDITS, metrics.OLDEST, metrics.WAITING, metrics.SOURCE_UP, metrics.SOURCE_LAG, metrics.CHANNEL_UP,
    metrics.SOURCE_SILENCE, metrics.SOURCE_QUIET,
)  # fmt: skip


def inode(store: Store) -> tuple[int, int] | None:
    """Which file the store is: one that was deleted or replaced under us is written to, and lost."""
    try:
        stat = store.path.stat() if store.path else None
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if stat else None


def readiness(store: Store) -> list[str]:
    """Why the connector is not doing its work now, as codes; empty when it is."""
    if store.path and not store.path.is_file():
        return ["store.gone"]
    try:
        with store.reading() as session:
            stopped = [f"source {row.id}: {row.code}" for row in _open(session, Source)]
            stopped += [f"channel {row.provider_id} {row.kind}: {row.code}" for row in _open(session, Channel)]
    except ConnectorError as error:
        return [error.code]
    return stopped


def _open(session: Session, table: type[Row]) -> list[Row]:
    """Stopped, or on trial: a code outlives the stop until what made it stop has worked again."""
    return list(session.exec(select(table).where(table.code != "")).all())


def exposition(store: Store) -> bytes:
    """The metrics page, with the gauges brought up to date; without a store none of them shows an old number."""
    now = datetime.now(UTC)
    for gauge in _OF_ROWS:
        gauge.clear()
    try:
        with store.reading() as session:
            _credits(session, now)
            _waiting(session)
            _circuits(session, now)
    except ConnectorError:
        metrics.STORE_UP.set(0)
    else:
        metrics.STORE_UP.set(1)
    return metrics.exposition()


def _credits(session: Session, now: datetime) -> None:
    grouped = select(Credit.state, func.count(), func.min(col(Credit.state_since))).group_by(Credit.state)
    found = {state: (count, oldest) for state, count, oldest in session.exec(grouped)}
    for state in State:
        count, oldest = found.get(state, (0, None))
        metrics.CREDITS.labels(state=state).set(count)
        metrics.OLDEST.labels(state=state).set((now - oldest).total_seconds() if oldest else 0)


def _waiting(session: Session) -> None:
    held = select(Credit.reason, func.count()).where(Credit.state == State.HELD).group_by(Credit.reason)
    for reason, count in session.exec(held):
        metrics.WAITING.labels(reason=reason).set(count)


def _circuits(session: Session, now: datetime) -> None:
    for source in session.exec(select(Source)):
        metrics.SOURCE_UP.labels(source=source.id).set(source.circuit == "closed")
        if source.high_water is not None:
            metrics.SOURCE_LAG.labels(source=source.id).set((now - source.high_water).total_seconds())
        metrics.SOURCE_SILENCE.labels(source=source.id).set(quiet.silence(source, now).total_seconds())
        metrics.SOURCE_QUIET.labels(source=source.id).set(source.quiet_said_at is not None)
    for channel in session.exec(select(Channel)):
        metrics.CHANNEL_UP.labels(channel=f"{channel.provider_id} {channel.kind}").set(channel.circuit == "closed")
