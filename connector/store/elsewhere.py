"""A completion that PARS holds under an id that is none of ours: somebody reported it in another way."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from connector.logs import log
from connector.pars.lookup import Seen
from connector.records import Held, Verdict
from connector.store.moves import UNKNOWN_STATUS, move
from connector.store.states import State
from connector.store.tables import Award, Credit

CODE = "pars.reported_elsewhere"


def is_reported(session: Session, seen: Seen) -> bool:
    """Only a credit that PARS holds counts, and only where its copy names the certification: the learner may have
    another credit of the same activity and day.
    """
    ids = {held.outcome.credit_id for held in seen.others if _counts(held)}
    known = set(session.exec(select(Credit.credit_id).where(col(Credit.credit_id).in_(ids))).all())
    return bool(ids - known)


def _counts(held: Held) -> bool:
    taken = held.outcome.verdict in (Verdict.TAKEN, Verdict.ACCEPTED) and held.outcome.code != UNKNOWN_STATUS
    return taken and bool(held.certification) and bool(held.outcome.credit_id)


def close(session: Session, credit: Credit, award: Award, *, now: datetime, by: str) -> None:
    """Ours is never sent; a coordinator is told, for the other report may be wrong."""
    credit.at_pars = "no"
    move(session, credit, State.CLOSED, now=now, code=CODE, by=by)
    log.warning(
        "credit.reported_elsewhere",
        credit=credit.id,
        provider=award.provider_id,
        activity=award.activity_id,
        who="coordinator",
    )
