"""What is no longer wanted: unsent credits close, those at PARS are withdrawn, never in bulk without a person, and
what is to be replaced not before its replacement could leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from connector.config import Config
from connector.logs import log
from connector.records import Counts
from connector.store.moves import allowed, move
from connector.store.reasons import WITHDRAWN_BY_PERSON
from connector.store.session import Store
from connector.store.states import State
from connector.store.succession import PREDECESSOR, REPLACEMENT_HELD
from connector.store.tables import Credit, Event
from connector.submission import successors

ONE_RUN = timedelta(hours=1)
"""Withdrawals this close together count as one run: voids arrive one by one, and turns are seconds apart."""
SAID_AGAIN = timedelta(days=1)
CHUNK = 200

_UNSENT = (State.HELD, State.READY, State.REFUSED)
_ANSWERED = (State.EXPORTED, State.PENDING, State.CONFIRMED, State.REJECTED, State.UNMATCHED)
_COUNTED = (State.EXPORTED, State.PENDING, State.CONFIRMED)
_GOING = (State.WITHDRAWING, State.WITHDRAWAL_IN_DOUBT, State.WITHDRAWAL_REFUSED, State.WITHDRAWN)


def carry_out(store: Store, config: Config, provider_id: str, counts: Counts) -> None:
    """Let every credit follow its `wanted: absent` as far as its state allows (promise P9).

    With `send: off` nothing sets out for a withdrawal either: until something has left, a void can be taken back.
    """
    now, may_leave = datetime.now(UTC), config.provider(provider_id).send == "on"
    with store.writing() as session:
        _close(session, provider_id, now, counts)
        going = _going(session, provider_id) if may_leave else []
    leaving = _look(store, config, provider_id, going, now)
    for numbers in _chunks(leaving):
        with store.writing() as session:
            _set_out(session, config, numbers, now)
    with store.writing() as session:
        successors.watch(session, provider_id, now)


def _absent(provider_id: str) -> SelectOfScalar[Credit]:
    return select(Credit).where(Credit.provider_id == provider_id, Credit.wanted == "absent").order_by(col(Credit.id))


def _close(session: Session, provider_id: str, now: datetime, counts: Counts) -> None:
    refused = and_(col(Credit.state).in_(_ANSWERED), Credit.at_pars == "no")
    rows = _absent(provider_id).where(or_(col(Credit.state).in_(_UNSENT), refused))
    for credit in session.exec(rows.with_for_update()).all():
        if allowed(credit, State.CLOSED):
            move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by="submission")
            counts["closed"] += 1


def _going(session: Session, provider_id: str) -> list[int]:
    """What PARS may hold. A person who was told that a gate holds its replacement is told once: until that gate opens
    nobody asks again."""
    new = aliased(Credit)
    held = select(new.id).where(new.supersedes == Credit.id, new.wanted == "present", new.state == State.HELD)
    known = and_(Credit.attention == REPLACEMENT_HELD, held.where(new.reason != PREDECESSOR).exists())
    rows = _absent(provider_id).where(col(Credit.state).in_(_ANSWERED), ~known)
    found = [credit for credit in session.exec(rows) if allowed(credit, State.WITHDRAWING)]
    return [credit.id for credit in sorted(found, key=lambda one: one.why_absent != WITHDRAWN_BY_PERSON)]


def _look(store: Store, config: Config, provider_id: str, going: Sequence[int], now: datetime) -> list[int]:
    """Those that nothing is to replace, or whose replacement has passed every gate; a person hears of the others.

    Where they are more than may leave at once, only those that a person has confirmed: nobody asks about the rest
    then. The store's lock is held for a chunk at a time.
    """
    leaving: list[int] = []
    confirmed: list[int] = []
    room = _room(store, config, provider_id, now) if going else 0
    count = 0
    for numbers in _chunks(going):
        with store.writing() as session:
            for credit in _locked(session, numbers):
                found = successors.obstacle(session, config, credit, now)
                if found is not None:
                    successors.call_person(session, credit, found, now)
                    continue
                leaving.append(credit.id)
                if credit.why_absent == WITHDRAWN_BY_PERSON:
                    confirmed.append(credit.id)
                    continue
                count += credit.state in _COUNTED
                if count > max(room, 0):
                    _say_once(session, provider_id, len(going), now)
                    return confirmed
    return leaving


def _locked(session: Session, numbers: Sequence[int]) -> Sequence[Credit]:
    rows = select(Credit).where(col(Credit.id).in_(numbers), Credit.wanted == "absent")
    return session.exec(rows.where(col(Credit.state).in_(_ANSWERED)).order_by(col(Credit.id)).with_for_update()).all()


def _set_out(session: Session, config: Config, numbers: Sequence[int], now: datetime) -> None:
    for credit in _locked(session, numbers):
        if allowed(credit, State.WITHDRAWING) and successors.obstacle(session, config, credit, now) is None:
            successors.sets_out(session, credit, now)
            move(session, credit, State.WITHDRAWING, now=now, code=credit.why_absent, by="submission")


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))


def _room(store: Store, config: Config, provider_id: str, now: datetime) -> int:
    """How many may still leave within one run: ten in all, or one per cent of what PARS holds of this provider if that
    is more. Those that a person has counted and confirmed are none of them."""
    mine = select(func.count()).select_from(Credit).where(Credit.provider_id == provider_id)
    with store.reading() as session:
        held = session.exec(mine.where(col(Credit.state).in_(_COUNTED))).one()
        going = mine.where(col(Credit.state).in_(_GOING), Credit.why_absent != WITHDRAWN_BY_PERSON)
        gone = session.exec(going.where(col(Credit.state_since) > now - ONE_RUN)).one()
    return max(config.pars.most_withdrawals, held // 100) - gone


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
