"""Credits that a person must look at though their state does not say so: sent and undone since, reported twice."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from connector.logs import log
from connector.records import Actor
from connector.store.moves import note
from connector.store.tables import Credit

UNEARNED = ("statement.undone", "evidence.missing")
"""Nothing earns these credits any more, though nobody voided anything: what PARS may hold stays until a person has
looked, and what it does not hold must not be sent."""


def call(session: Session, credit: Credit, code: str, *, now: datetime, hint: str, by: str) -> bool:
    """Put the credit on the desk with this code, and say so once; False when it lies there already."""
    if credit.attention == code:
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
    """Its reason is gone, or a person has decided."""
    if credit.attention != code:
        return
    credit.attention = ""
    session.add(credit)
    note(session, credit, "needs nobody any more", now=now, code=code, by=by)
