"""A credit that replaces others, and those it replaces: who waits for whom (docs/discussions/corrections.md).

They stand in a line: each names the one before it. Whoever waits, waits for every one in the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, col, select

from connector.store import attention
from connector.store.moves import move
from connector.store.states import State
from connector.store.tables import Credit

PREDECESSOR = "credit.predecessor"
REPLACEMENT_HELD = "credit.replacement_held"


def is_gone(old: Credit) -> bool:
    """Has PARS said that it does not hold it (any more)? A refused withdrawal that a person closed is no such word."""
    return old.state == State.WITHDRAWN or (old.state == State.CLOSED and old.at_pars == "no")


def line_before(session: Session, credit: Credit) -> Iterator[Credit]:
    """The nearest first."""
    seen = {credit.id}
    while credit.supersedes is not None and credit.supersedes not in seen:
        credit = session.get_one(Credit, credit.supersedes)
        seen.add(credit.id)
        yield credit


def waits_for(session: Session, credit: Credit) -> list[Credit]:
    """Those before it that PARS holds, or may hold: until they are gone it must not leave."""
    return [old for old in line_before(session, credit) if not is_gone(old)]


def heirs_of(session: Session, old: Credit) -> list[Credit]:
    """The credits that are wanted in its place; those that are closed only where there are no others."""
    found: list[Credit] = []
    line, seen = {old.id}, {old.id}
    while line:
        rows = session.exec(select(Credit).where(col(Credit.supersedes).in_(line)).order_by(col(Credit.id))).all()
        fresh = [row for row in rows if row.id not in seen]
        found += [row for row in fresh if row.wanted == "present"]
        line = {row.id for row in fresh if row.wanted != "present"}
        seen |= {row.id for row in fresh}
    return [row for row in found if row.state != State.CLOSED] or found


def follow_up(session: Session, new: Credit, old: Credit, *, now: datetime, by: str) -> None:
    """The new one waits for the old one's withdrawal, and the old one's delete for the new one's gates.

    Whom the new one waits for already stays in the line; ready to leave, it is held again.
    """
    if old.id == new.id or any(one.id == old.id for one in line_before(session, new)):
        return
    last = next(reversed(waits_for(session, new)), new)
    last.supersedes = old.id
    if new.state == State.READY:
        move(session, new, State.HELD, now=now, code=PREDECESSOR, by=by)
    if new.state == State.HELD:
        new.next_at = None
    session.add_all([last, new])
    session.flush()


def let_go(session: Session, old: Credit, *, now: datetime, by: str) -> None:
    """The old one stays after all: what was to replace it stands beside it, and waits for it no more."""
    attention.clear(session, old, REPLACEMENT_HELD, now=now, by=by)
    heirs = heirs_of(session, old)
    for row in session.exec(select(Credit).where(Credit.supersedes == old.id)).all():
        if row in heirs or heirs_of(session, row):
            row.supersedes = None
            session.add(row)
    for row in heirs:
        if row.state == State.HELD:
            row.next_at = None
            session.add(row)
