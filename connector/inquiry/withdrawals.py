"""What a withdrawal would take, before anybody says yes: which credits, and what becomes of each. Writes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any, Literal

from sqlmodel import Session, col, or_, select

from connector.inquiry.listing import find_learner, is_number
from connector.records import Frozen
from connector.store.moves import may_be_at_pars
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit

Fate = Literal["deleted at PARS", "deleted by a later file", "asked about first", "closed unsent"]


class Going(Frozen):
    """One credit that would go; the learner by number, because a list ends up in a mail."""

    credit: int
    learner: int
    provider: str
    activity: str
    certification: str
    state: str
    rems: bool
    late: bool  # one of the two known reporting windows has closed: perhaps it could not be reported again
    fate: Fate

    def plain(self) -> dict[str, Any]:
        """For --json."""
        return self.model_dump(mode="json")


def find(store: Store, target: str, provider: str | None, now: datetime) -> list[Going] | None:
    """By a credit's number or id, `record:4`, `learner:4` (or an actor key behind `learner:`), `activity:203512345`;
    None where there is no such thing."""
    with store.reading() as session:
        where = _where(session, target)
        if where is None:
            return None
        rows = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id)).where(where)
        rows = rows.where(Credit.wanted == "present", col(Credit.state) != State.WITHDRAWN)
        rows = rows.where(or_(col(Credit.state) != State.CLOSED, col(Credit.summed_into).is_not(None)))
        if provider is not None:
            rows = rows.where(Credit.provider_id == provider)
        return [_going(credit, award, now) for credit, award in session.exec(rows.order_by(col(Credit.id)))]


def _where(session: Session, target: str) -> Any:
    kind, _, name = target.partition(":")
    match kind:
        case "record" if is_number(name):
            return Credit.record_id == int(name)
        case "learner":
            learner = find_learner(session, name)
            return None if learner is None else Award.learner_id == learner.id
        case "activity":
            return Award.activity_id == name
        case "ccid":
            return Credit.credit_id == target
    return Credit.id == int(target) if is_number(target) else None


def _going(credit: Credit, award: Award, now: datetime) -> Going:
    return Going(
        credit=credit.id,
        learner=award.learner_id,
        provider=credit.provider_id,
        activity=award.activity_id,
        certification=credit.certification,
        state=credit.state,
        rems=credit.kind == "rems",
        late=now.date() > date(award.completed_on.year + 1, 3, 31),
        fate=_fate(credit),
    )


def _fate(credit: Credit) -> Fate:
    if not may_be_at_pars(credit):
        return "closed unsent"
    if credit.state == State.EXPORTED:
        return "deleted by a later file"
    return "asked about first" if credit.state in (State.SENDING, State.IN_DOUBT) else "deleted at PARS"


def counted(found: list[Going]) -> Counter[tuple[str, str, str]]:
    """By activity, state and fate."""
    return Counter((one.activity, one.state, one.fate) for one in found)
