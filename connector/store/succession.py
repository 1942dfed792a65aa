"""A credit that replaces another, and the one it replaces: who waits for whom (docs/discussions/corrections.md)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from connector.store import attention
from connector.store.states import State
from connector.store.tables import Credit

PREDECESSOR = "credit.predecessor"
REPLACEMENT_HELD = "credit.replacement_held"


def is_gone(old: Credit) -> bool:
    """Has PARS said that it does not hold it (any more)? A refused withdrawal that a person closed is no such word."""
    return old.state == State.WITHDRAWN or (old.state == State.CLOSED and old.at_pars == "no")


def predecessor_of(session: Session, credit: Credit) -> Credit | None:
    return session.get_one(Credit, credit.supersedes) if credit.supersedes is not None else None


def successor_of(session: Session, old: Credit) -> Credit | None:
    """The credit that is wanted in its place: the newest, and one that is closed only where there is no other."""
    rows = select(Credit).where(Credit.supersedes == old.id, Credit.wanted == "present")
    found = session.exec(rows.order_by(col(Credit.id).desc())).all()
    return next((row for row in found if row.state != State.CLOSED), found[0] if found else None)


def let_go(session: Session, old: Credit, *, now: datetime, by: str) -> None:
    """The old one stays after all: what was to replace it stands beside it, and waits for nothing."""
    attention.clear(session, old, REPLACEMENT_HELD, now=now, by=by)
    for row in session.exec(select(Credit).where(Credit.supersedes == old.id, Credit.wanted == "present")).all():
        row.supersedes = None
        if row.state == State.HELD:
            row.next_at = None
        session.add(row)
