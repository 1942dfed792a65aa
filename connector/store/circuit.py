"""Stops a source or a channel on an outage and starts it again: said once when it stops, once when it recovers.

A row's `code` outlives its stop while it is *on trial*: closed again because PARS answers, not yet proven by what made
it stop. A channel whose saves fail while its reads work would otherwise stop and recover, line by line, for ever.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update
from sqlmodel import Session, col

from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.http import LONGEST_RETRY_AFTER
from connector.logs import log
from connector.store.session import Store
from connector.store.tables import Channel, Event, EvidenceRow, Source

LONGEST_PAUSE = timedelta(seconds=LONGEST_RETRY_AFTER)


def is_due(at: datetime | None, now: datetime, longest: timedelta = LONGEST_PAUSE) -> bool:
    """True when that moment has come, and when no pause of ours can have set it: our own clock was ahead then."""
    return at is None or not now < at <= now + longest


def is_closed(row: Channel | Source, now: datetime) -> bool:
    """True when work may flow, or when it is time for the probe."""
    return row.circuit == "closed" or is_due(row.next_at, now)


def stop(
    session: Session, row: Channel | Source, error: ConnectorError, *, now: datetime, first: timedelta, most: timedelta
) -> None:
    """Open the circuit after a failure; nothing is parked, the rows stay where they are."""
    is_news = row.code != error.code
    if isinstance(row, Channel) and not row.code:
        row.opened_at = now
    row.failures += 1
    row.circuit, row.code = "open", error.code
    row.next_at = now + _pause(error, row.failures, first, most)
    session.add(row)
    if is_news:
        _say(session, row, "stopped", error.code, now)
        log.warning(
            f"{_subject(row)}.stopped",
            **_name(row),
            code=error.code,
            error=error.message,
            hint=error.hint,
            who="operator" if isinstance(error, NeedsOperator) else "",
        )


def try_again(session: Session, row: Channel) -> None:
    """Let work flow on trial: the same failure again is no news, a success is the recovery."""
    row.circuit, row.next_at = "closed", None
    session.add(row)


def try_now(store: Store) -> None:
    """Somebody asks by hand: whatever is stopped is tried now and not at its next turn, open dates included."""
    with store.writing() as session:
        for table in (Source, Channel):
            session.execute(update(table).where(col(table.circuit) == "open").values(next_at=None))
        open_dates = update(EvidenceRow).where(text("outcome = 'completion' AND award_id IS NULL"))
        session.execute(open_dates.where(col(EvidenceRow.next_at).is_not(None)).values(next_at=datetime.now(UTC)))


def recover(session: Session, row: Channel | Source, *, now: datetime) -> None:
    """Close the circuit after a success; says so once."""
    if row.circuit == "closed" and not row.failures:
        return
    said = bool(row.code)
    row.circuit, row.code, row.failures, row.next_at = "closed", "", 0, None
    session.add(row)
    if said:
        _say(session, row, "recovered", "", now)
        log.info(f"{_subject(row)}.recovered", **_name(row))


def back_off(attempt: int, first: timedelta, most: timedelta) -> timedelta:
    """Doubling from `first` to `most`, with half of it left to chance so that a herd spreads out."""
    full: timedelta = min(most, first * 2 ** min(attempt - 1, 20))
    return full / 2 + full / 2 * random.random()


def _pause(error: ConnectorError, failures: int, first: timedelta, most: timedelta) -> timedelta:
    """Not less than Retry-After asks for, a day at most; and a `Retry-After: 0` is no reason to knock without pause."""
    asked_for = error.wait if isinstance(error, RetryLater) and error.wait is not None else 0
    return min(max(timedelta(seconds=asked_for), back_off(failures, first, most)), LONGEST_PAUSE)


def _subject(row: Channel | Source) -> str:
    return "channel" if isinstance(row, Channel) else "source"


def _name(row: Channel | Source) -> dict[str, str]:
    if isinstance(row, Channel):
        return {"provider": row.provider_id, "channel": row.kind}
    return {"source": row.id}


def _say(session: Session, row: Channel | Source, what: str, code: str, now: datetime) -> None:
    session.add(Event(at=now, subject=_subject(row), subject_id=str(row.id), what=what, code=code, by="pipeline"))
