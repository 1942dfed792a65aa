"""The last gate of a credit that replaces another: it waits until PARS holds the other no more."""

from __future__ import annotations

from sqlmodel import Session, col, select

from connector.records import Actor, Problem
from connector.store.session import Store
from connector.store.states import State
from connector.store.succession import PREDECESSOR, waits_for
from connector.store.tables import Credit

_STUCK = (State.WITHDRAWAL_REFUSED, State.CLOSED)


def check(session: Session, credit: Credit) -> list[Problem]:
    """Asked last of all gates: the reason `credit.predecessor` says that this credit has passed every other one."""
    before = waits_for(session, credit)
    if not before:
        return []
    old = next((one for one in before if one.state in _STUCK), before[0])
    if old.state in _STUCK:
        message = f"credit {old.id}, which it replaces, could not be withdrawn"
        hint = "ask ACCME to delete the old one; until PARS says that it is gone, a second would double it"
        return [Problem(code=PREDECESSOR, message=message, hint=hint, who=Actor.OPERATOR)]
    message = f"it waits until credit {old.id}, which it replaces, is withdrawn"
    return [Problem(code=PREDECESSOR, message=message, who=Actor.NOBODY)]


def call_up(store: Store) -> None:
    """What waited for a credit that is gone by now is judged with this turn."""
    waiting = select(Credit).where(col(Credit.supersedes).is_not(None), Credit.state == State.HELD)
    waiting = waiting.where(Credit.reason == PREDECESSOR, col(Credit.next_at).is_not(None))
    with store.reading() as session:
        free = [row.id for row in session.exec(waiting) if not check(session, row)]
    if free:
        with store.writing() as session:
            rows = waiting.where(col(Credit.id).in_(free)).with_for_update(skip_locked=True)
            for row in session.exec(rows):
                row.next_at = None
                session.add(row)
