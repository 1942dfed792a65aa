"""Credits that a person must look at though their state does not say so: sent and undone since, reported twice."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, or_, select

from connector.logs import log
from connector.records import Actor
from connector.store.moves import note
from connector.store.reasons import MISSING, UNDONE
from connector.store.tables import Credit, Event

UNEARNED = (UNDONE, MISSING)
"""Nothing earns these credits any more, though nobody voided anything: what PARS may hold stays until a person has
looked, and what it does not hold must not be sent."""

_LEFT = "left as it is"
_NEWS = ("no longer wanted", "wanted again")


def call(session: Session, credit: Credit, code: str, *, now: datetime, hint: str, by: str) -> bool:
    """Put the credit on the desk with this code, and say so once; False when it lies there already, or a person has
    looked and left it."""
    if credit.attention == code or is_left(session, credit, code):
        return False
    credit.attention = code
    session.add(credit)
    note(session, credit, "needs a person", now=now, code=code, by=by)
    log.warning(
        "credit.attention", credit=credit.id, provider=credit.provider_id, code=code, hint=hint,
        who=str(Actor.COORDINATOR),
    )  # fmt: skip
    return True


def clear(session: Session, credit: Credit, code: str, *, now: datetime, by: str) -> None:
    """Its reason is gone."""
    if credit.attention != code:
        return
    credit.attention = ""
    session.add(credit)
    note(session, credit, "needs nobody any more", now=now, code=code, by=by)


def leave(session: Session, credit: Credit, *, now: datetime, by: str) -> None:
    """A person has looked, and lets it be what it is."""
    note(session, credit, _LEFT, now=now, code=credit.attention, by=by)
    credit.attention = ""
    session.add(credit)


def is_left(session: Session, credit: Credit, code: str) -> bool:
    """Has a person left it for this reason, and nothing about it has changed since?"""
    told = select(Event.what).where(Event.subject == "credit", Event.subject_id == str(credit.id))
    told = told.where(or_(Event.code == code, col(Event.what).in_(_NEWS)))
    return session.exec(told.order_by(col(Event.id).desc()).limit(1)).first() == _LEFT


def forget(session: Session, credit: Credit, code: str, *, now: datetime, by: str) -> None:
    """Its reason is gone: on the desk or not, should it come back a person is called again."""
    if is_left(session, credit, code):
        note(session, credit, "needs nobody any more", now=now, code=code, by=by)
    clear(session, credit, code, now=now, by=by)
