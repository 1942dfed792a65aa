"""The gate that rests on PARS's own answer about the learner, as the submission turn keeps it. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session, and_, col, or_, select
from sqlmodel.sql.expression import Select

from connector.config import Config
from connector.records import Identifier, Learner, LicenceNumber, Problem
from connector.store import matches
from connector.store.moves import allowed, move
from connector.store.people import as_learner
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerMatch, LearnerRow
from connector.store.unmatched import arose, solved, told_as

NOT_FOUND = "learner.not_found"


def answer(
    session: Session, config: Config, award: Award, learner: Learner, identifier: Identifier | None
) -> LearnerMatch | None:
    """None while he was not asked about as he is known now: that is done before his credit leaves."""
    if identifier is None or matches.mode(config, award.provider_id) == "off":
        return None
    return matches.kept(session, award.learner_id, award.provider_id, learner, identifier)


def check(said: LearnerMatch | None, config: Config) -> list[Problem]:
    found = matches.doubt(said, config)
    return [found] if found else []


def call_up(store: Store) -> None:
    """What PARS has answered since, whoever asked it, is acted on with this turn: a yes frees what waited for it, and
    what PARS itself had refused; and the day has come on which somebody is told of a no."""
    with store.reading() as session:
        found = [credit.id for credit, row in session.exec(_answered()) if _is_about(session, credit, row)]
    if not found:
        return
    with store.writing() as session:
        rows = select(Credit).where(col(Credit.id).in_(found)).order_by(col(Credit.id))
        for credit in session.exec(rows.with_for_update(skip_locked=True)):
            if credit.state == State.UNMATCHED and allowed(credit, State.HELD):
                move(session, credit, State.HELD, now=datetime.now(UTC), code=matches.MATCH_YES, by="validation")
            elif credit.state == State.HELD:
                credit.next_at = None
                session.add(credit)


def _answered() -> Select[Credit, LearnerMatch]:
    yes = LearnerMatch.found == matches.YES
    due = and_(col(Credit.reason) == matches.MAY_BE_NEW, col(LearnerMatch.told_at).is_not(None))
    held = and_(
        col(Credit.state) == State.HELD,
        col(Credit.reason).in_(matches.DOUBTS),
        col(Credit.next_at).is_not(None),
        or_(yes, due),
    )
    refused = and_(
        col(Credit.state) == State.UNMATCHED,
        col(Credit.reason) == "pars.no_match",
        col(Credit.at_pars) == "no",
        yes,
        col(LearnerMatch.asked_at) > col(Credit.state_since),  # an older yes is what PARS contradicted
    )
    mine = and_(
        col(LearnerMatch.learner_id) == col(Award.learner_id),
        col(LearnerMatch.provider_id) == col(Credit.provider_id),
        col(LearnerMatch.domain) == col(Credit.identifier_domain),
    )
    rows = select(Credit, LearnerMatch).join(Award, col(Award.id) == col(Credit.award_id)).join(LearnerMatch, mine)
    return rows.where(Credit.wanted == "present", or_(held, refused))


def _is_about(session: Session, credit: Credit, row: LearnerMatch) -> bool:
    """Is it an answer about the learner as he is known now, under the number that his credit leaves under?"""
    learner = as_learner(session, session.get_one(LearnerRow, row.learner_id))
    number = LicenceNumber(credit.identifier_value)
    return row.identity == matches.identity_of(learner, Identifier(domain=row.domain, value=number))


def tell(
    session: Session,
    award: Award,
    credit: Credit,
    problems: Sequence[Problem],
    said: LearnerMatch | None,
    now: datetime,
) -> None:
    """A failed match is said when it arises and when it is solved."""
    failed = next((one for one in problems if one.holds and one.code in (NOT_FOUND, *matches.TOLD)), None)
    if failed is not None and (failed.code != NOT_FOUND or failed is problems[0]):
        arose(session, credit, award, failed, now=now)
    elif failed is None and _is_solved(session, credit, said):
        solved(session, credit, award, now=now)


def _is_solved(session: Session, credit: Credit, said: LearnerMatch | None) -> bool:
    """What PARS said, only PARS takes back: a no to our question by a yes, a no to the credit by taking it."""
    code = "" if credit.attempts else told_as(session, credit)
    if code not in matches.TOLD:
        return bool(code)
    return said is not None and said.found == matches.YES
