"""What is no longer wanted: unsent credits close, those at PARS are withdrawn, never in bulk without a person, and
what is to be replaced not before its replacement could leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, func, select

from connector.config import Config
from connector.logs import log
from connector.records import Counts
from connector.store.moves import allowed, move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit, Event
from connector.submission import successors

ONE_RUN = timedelta(hours=1)
"""Withdrawals this close together count as one run: voids arrive one by one, and turns are seconds apart."""
SAID_AGAIN = timedelta(days=1)

_UNSENT = (State.HELD, State.READY, State.REFUSED)
_ANSWERED = (State.PENDING, State.CONFIRMED, State.REJECTED, State.UNMATCHED)
_COUNTED = (State.PENDING, State.CONFIRMED)
_GOING = (State.WITHDRAWING, State.WITHDRAWAL_IN_DOUBT, State.WITHDRAWAL_REFUSED, State.WITHDRAWN)


def carry_out(store: Store, config: Config, provider_id: str, counts: Counts) -> None:
    """Let every credit follow its `wanted: absent` as far as its state allows (promise P9).

    With `send: off` nothing sets out for a withdrawal either: until something has left, a void can be taken back.
    """
    now, may_leave = datetime.now(UTC), config.provider(provider_id).send == "on"
    with store.writing() as session:
        absent = select(Credit).where(Credit.provider_id == provider_id, Credit.wanted == "absent")
        rows = session.exec(absent.where(col(Credit.state).in_((*_UNSENT, *_ANSWERED))).with_for_update()).all()
        answered = [credit for credit in rows if credit.state in _ANSWERED]
        going = [credit for credit in answered if allowed(credit, State.WITHDRAWING)]
        for credit in rows:
            if credit not in going and allowed(credit, State.CLOSED):
                move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by="submission")
                counts["closed"] += 1
        leaving = _unhindered(session, config, going, now) if may_leave else []
        if leaving and not _is_bulk(session, config, provider_id, leaving, now):
            for credit in leaving:
                successors.sets_out(session, credit, now)
                move(session, credit, State.WITHDRAWING, now=now, code=credit.why_absent, by="submission")
        successors.watch(session, provider_id, now)


def _unhindered(session: Session, config: Config, going: Sequence[Credit], now: datetime) -> list[Credit]:
    """Those that nothing is to replace, or whose replacement has passed every gate; a person hears of the others."""
    leaving = []
    for credit in going:
        found = successors.obstacle(session, config, credit, now)
        if found is None:
            leaving.append(credit)
        else:
            successors.call_person(session, credit, found, now)
    return leaving


def _is_bulk(session: Session, config: Config, provider_id: str, going: Sequence[Credit], now: datetime) -> bool:
    """More than ten, or than one per cent of what PARS holds of this provider if that is more, within one run."""
    count = sum(credit.state in _COUNTED for credit in going)
    if not count:
        return False
    mine = select(func.count()).select_from(Credit).where(Credit.provider_id == provider_id)
    held = session.exec(mine.where(col(Credit.state).in_(_COUNTED))).one()
    count += session.exec(mine.where(col(Credit.state).in_(_GOING), col(Credit.state_since) > now - ONE_RUN)).one()
    if count <= max(config.pars.most_withdrawals, held // 100):
        return False
    _say_once(session, provider_id, count, now)
    return True


def _say_once(session: Session, provider_id: str, count: int, now: datetime) -> None:
    """More withdrawals at once than any ordinary day brings: nothing leaves until a person has looked."""
    said = select(Event.id).where(Event.subject == "provider", Event.subject_id == provider_id)
    said = said.where(Event.what == "bulk withdrawal stopped", col(Event.at) > now - SAID_AGAIN)
    if session.exec(said.limit(1)).first() is not None:
        return
    session.add(
        Event(at=now, subject="provider", subject_id=provider_id, what="bulk withdrawal stopped", code=str(count))
    )
    log.warning(
        "withdrawals.stopped",
        provider=provider_id,
        count=count,
        code="pars.bulk_withdrawal",
        who="operator",
        hint="raise pars.most_withdrawals for one run if they are right",
    )
