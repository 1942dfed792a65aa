"""One person under two learner numbers: what PARS holds of the one is not reported again for the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlmodel import Session, col, select

from connector.records import Identifier, Problem
from connector.store import fixes
from connector.store.states import LIVE, State
from connector.store.tables import Award, Credit, LearnerRow

Thing = tuple[str, ...]
Reported = dict[Thing, set[int]]
"""Who has a live or ready credit, by identifier and what it is for."""


def thing(award: Award, credit: Credit, identifier: Identifier | None) -> Thing | None:
    """What PARS must hear once; a REMS credit names nobody."""
    if identifier is None:
        return None
    return _thing(award, credit.certification, identifier.domain, identifier.value.get_secret_value())


def reported(session: Session, credits_: Collection[Credit]) -> Reported:
    """Asked once a batch: credits are looked up by what identifies these learners."""
    rows = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    rows = rows.where(col(Credit.identifier_value).in_(sorted(_values(session, credits_))))
    found: Reported = {}
    for credit, award in session.exec(rows.where(col(Credit.state).in_([*LIVE, State.READY]))):
        one = _thing(award, credit.certification, credit.identifier_domain, credit.identifier_value)
        found.setdefault(one, set()).add(award.learner_id)
    return found


def remember(one: Thing | None, learner_id: int, reported: Reported) -> None:
    if one is not None:
        reported.setdefault(one, set()).add(learner_id)


def check(one: Thing | None, learner_id: int, reported: Reported) -> list[Problem]:
    if one is None or not reported.get(one, set()) - {learner_id}:
        return []
    message = "another learner has this very credit under the same number"
    hint = "one person in two rows: put both rows' keys into one; or two people: correct the number"
    return [Problem(code="credit.same_person", field="identity", message=message, hint=hint)]


def _thing(award: Award, certification: str, domain: str, value: str) -> Thing:
    return award.provider_id, award.activity_id, award.per, certification, domain, value


def _values(session: Session, credits_: Iterable[Credit]) -> set[str]:
    """Every number that the learners of these credits may be reported under."""
    awards = [credit.award_id for credit in credits_]
    learners = select(Award.learner_id).where(col(Award.id).in_(awards))
    ids = session.exec(select(LearnerRow.ids).where(col(LearnerRow.id).in_(learners))).all()
    fixed = fixes.standing(session, session.exec(learners.distinct()).all())
    return {value for one in [*ids, *map(fixes.fixed_ids, fixed.values())] for value in one.values()}
