"""A person withdraws credits: they are wanted no more, and what earns them brings none of them back."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, col, select

from connector.learners import series
from connector.learners.award import Opening
from connector.store import attention
from connector.store.moves import unwant
from connector.store.reasons import WITHDRAWN_BY_PERSON
from connector.store.tables import Award, Credit


def withdraw(session: Session, opening: Opening, numbers: Collection[int], by: str) -> bool:
    """Exactly these, as far as they are still wanted; False where none is."""
    rows = select(Credit).where(col(Credit.id).in_(numbers), Credit.wanted == "present").order_by(col(Credit.id))
    credits_ = session.exec(rows.with_for_update()).all()
    for credit in credits_:
        if credit.attention:
            attention.clear(session, credit, credit.attention, now=opening.now, by=by)
        unwant(session, credit, WITHDRAWN_BY_PERSON, now=opening.now, by=by)
    session.flush()
    awards = select(Award.learner_id).where(col(Award.id).in_([credit.award_id for credit in credits_]))
    series.settle(session, opening, sorted(set(session.exec(awards))))
    return bool(credits_)
