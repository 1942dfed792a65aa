"""PARS is asked whether it would know a learner: before the first credit leaves, and daily while a number is new.

Knows no gate of ours: what is kept here, validation reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select

from connector import channels
from connector.config import Config
from connector.errors import NeedsOperator, RetryLater
from connector.metrics import MATCHES_ASKED
from connector.pars.exchange import MatchAnswer, Unclear
from connector.pars.lookup import match
from connector.records import Identifier, LicenceNumber, Outcome, Problem
from connector.store import matches, poison
from connector.store.matches import Asked
from connector.store.moves import move
from connector.store.people import as_learner, may_be_named, permitted
from connector.store.session import Store, StoreUnavailable
from connector.store.signs import people
from connector.store.states import State
from connector.store.succession import PREDECESSOR
from connector.store.tables import Award, Credit, LearnerMatch, LearnerRow
from connector.store.unmatched import arose
from connector.submission.web_service import Desk

QUESTIONS: Final = 30
"""In one turn: whatever is ready by then waits for none of the others."""
_BY = "submission"
_TAKEN = (State.PENDING, State.CONFIRMED)


def ask_beforehand(desk: Desk, award: Award, leaving: Iterable[Credit]) -> None:
    """Ask about the learner of these credits, once for each identifier they leave under, and keep the answers.

    Raises what a read raises.
    """
    now = datetime.now(UTC)
    with desk.store.reading() as session:
        asked = {one.identity: one for credit in leaving if (one := _about(session, award, credit))}
        due = [one for one in asked.values() if matches.is_open(matches.answer_about(session, one), now)]
    for one in due:
        _write(desk, one, _ask(desk, one))


def doubt(session: Session, config: Config, award: Award, credit: Credit) -> Problem | None:
    """What PARS said beforehand about the learner under whose number this credit leaves."""
    if matches.mode(config, award.provider_id) == "off":
        return None
    return matches.doubt(matches.answer_about(session, _about(session, award, credit)), config)


def is_unasked(session: Session, config: Config, credit: Credit) -> bool:
    """Is a no still to be feared, of a credit that waits for nothing but its predecessor's leaving?"""
    if credit.reason != PREDECESSOR or not matches.may_hold(config, credit.provider_id):
        return False
    asked = _about(session, session.get_one(Award, credit.award_id), credit)
    return asked is not None and matches.answer_about(session, asked) is None


def holds(session: Session, desk: Desk, award: Award, leaving: Sequence[Credit], now: datetime) -> bool:
    """The last look at what PARS said beforehand: True when it holds one of these, and so their record for this turn.
    What only warns stands beside its credit, which leaves."""
    doubts = [doubt(session, desk.config, award, credit) for credit in leaving]
    held = any(problem is not None and problem.holds for problem in doubts)
    for credit, problem in zip(leaving, doubts, strict=True):
        if held and problem is not None:
            move(session, credit, State.HELD, now=now, code=problem.code, by=_BY)
            if problem.code in matches.TOLD:
                arose(session, credit, award, problem, now=now)
        _stand_beside(session, credit, problem)
    return held


def heed(session: Session, desk: Desk, award: Award, credit: Credit, outcome: Outcome) -> None:
    """A save says more than a match: what PARS took, it knows; and its no counts where the question drew no answer."""
    row = _row_of(session, award, credit)
    if row is None or row.found == matches.YES:
        return
    asked = _about(session, award, credit)
    if asked is None or asked.identity != row.identity:
        return
    now, new_id = datetime.now(UTC), desk.config.learners.new_id
    if credit.state in _TAKEN:
        matches.keep(session, asked, MatchAnswer(found="yes"), new_id, now)
    elif credit.state == State.UNMATCHED and outcome.code == "pars.no_match" and row.found == matches.UNCLEAR:
        matches.keep(session, asked, MatchAnswer(found="no", code=outcome.code), new_id, now)


def due(session: Session, config: Config, provider_id: str, now: datetime) -> list[tuple[int, str]]:
    """Learner and domain of the next few whose number may have become known to PARS, and for whom a credit waits; and
    of those whose credit is to replace another. Nobody is asked about who may not be named."""
    if matches.mode(config, provider_id) == "off":
        return []
    rows = select(LearnerMatch.learner_id, LearnerMatch.domain).where(LearnerMatch.provider_id == provider_id)
    rows = rows.where(LearnerMatch.found == matches.NO, col(LearnerMatch.next_at) <= now, _somebody_waits())
    rows = rows.where(may_be_named(col(LearnerMatch.learner_id)))
    found = session.exec(rows.order_by(col(LearnerMatch.next_at)).limit(QUESTIONS)).all()
    return [*_heirs(session, config, provider_id), *found][:QUESTIONS]


def _heirs(session: Session, config: Config, provider_id: str) -> list[tuple[int, str]]:
    """Of those that wait for their predecessors the ones about whom PARS was not asked as they are known now."""
    if not matches.may_hold(config, provider_id):
        return []
    rows = select(Award.learner_id, Credit.identifier_domain, LearnerMatch.identity)
    rows = rows.join(Credit, col(Credit.award_id) == col(Award.id)).outerjoin(LearnerMatch, _is_its())
    rows = rows.where(Credit.provider_id == provider_id, Credit.state == State.HELD, Credit.reason == PREDECESSOR)
    rows = rows.where(Credit.wanted == "present", Credit.kind != "rems", may_be_named(col(Award.learner_id)))
    found = session.exec(rows.order_by(col(Credit.id))).all()
    known = people(session, {learner for learner, _, _ in found})
    return [
        (learner, domain)
        for learner, domain, identity in found
        if domain in known[learner].ids and identity != matches.identity_of_person(known[learner], domain)
    ]


def ask_daily(desk: Desk, questions: Iterable[tuple[int, str]]) -> bool:
    """One after the other, one in flight; False when the channel stopped."""
    for learner_id, domain in questions:
        with channels.in_line(desk.store, desk.channel_id) as flows:
            if not (flows and _ask_safely(desk, learner_id, domain)):
                return False
    return True


def _ask_safely(desk: Desk, learner_id: int, domain: str) -> bool:
    try:
        _ask_again(desk, learner_id, domain)
    except StoreUnavailable:
        raise
    except (RetryLater, NeedsOperator) as error:
        channels.stop(desk.store, desk.config, desk.channel_id, error)
        return False
    except Exception as error:
        _set_aside(desk.store, (learner_id, desk.provider_id, domain), error)
    return True


def _ask_again(desk: Desk, learner_id: int, domain: str) -> None:
    now = datetime.now(UTC)
    with desk.store.reading() as session:
        asked = _as_known(session, learner_id, desk.provider_id, domain)
        known = matches.answer_about(session, asked)
        is_named = bool(permitted(session, [learner_id]))
    if asked is None or not is_named or not matches.is_open(known, now):
        return  # another daemon was quicker, or the permission is gone
    _write(desk, asked, _ask(desk, asked))


def _write(desk: Desk, asked: Asked, answer: MatchAnswer | None) -> None:
    """The answer, for validation to act on; nothing where he became somebody else meanwhile."""
    with desk.store.writing() as session:
        known = _as_known(session, asked.learner_id, asked.provider_id, asked.identifier.domain)
        if known is not None and known.identity == asked.identity:
            matches.keep(session, asked, answer, desk.config.learners.new_id, datetime.now(UTC))


def _somebody_waits() -> ColumnElement[bool]:
    """A credit is held for this answer; or PARS said no to it at once, and never held it."""
    held = and_(col(Credit.state) == State.HELD, col(Credit.reason).in_(matches.DOUBTS))
    refused = and_(col(Credit.state) == State.UNMATCHED, Credit.reason == "pars.no_match", Credit.at_pars == "no")
    rows = select(Credit.id).join(Award, col(Award.id) == col(Credit.award_id)).where(_is_its())
    return rows.where(Credit.wanted == "present", or_(held, refused)).correlate(LearnerMatch).exists()


def _is_its() -> ColumnElement[bool]:
    """This answer was given about the learner of this award, under the identifier of its credit."""
    return and_(
        col(LearnerMatch.learner_id) == col(Award.learner_id),
        col(LearnerMatch.provider_id) == col(Credit.provider_id),
        col(LearnerMatch.domain) == col(Credit.identifier_domain),
    )


def _ask(desk: Desk, asked: Asked) -> MatchAnswer | None:
    """No transaction is open meanwhile. None: the answer says nothing about this learner."""
    try:
        answer = match(desk.client, asked.learner, asked.identifier)
    except Unclear:
        answer = None
    desk.counts["asked"] += 1
    MATCHES_ASKED.labels(answer=answer.found if answer else matches.UNCLEAR).inc()
    return answer


def _about(session: Session, award: Award, credit: Credit) -> Asked | None:
    """None where there is nobody, or no number, to ask about."""
    if credit.kind == "rems" or not credit.identifier_domain:
        return None
    identifier = Identifier(domain=credit.identifier_domain, value=LicenceNumber(credit.identifier_value))
    learner = as_learner(session, session.get_one(LearnerRow, award.learner_id))
    return Asked(learner_id=award.learner_id, provider_id=award.provider_id, learner=learner, identifier=identifier)


def _as_known(session: Session, learner_id: int, provider_id: str, domain: str) -> Asked | None:
    learner = as_learner(session, session.get_one(LearnerRow, learner_id))
    number = learner.ids.get(domain)
    if number is None:
        return None
    identifier = Identifier(domain=domain, value=number)
    return Asked(learner_id=learner_id, provider_id=provider_id, learner=learner, identifier=identifier)


def _row_of(session: Session, award: Award, credit: Credit) -> LearnerMatch | None:
    return session.get(LearnerMatch, (award.learner_id, award.provider_id, credit.identifier_domain))


def _stand_beside(session: Session, credit: Credit, problem: Problem | None) -> None:
    others = [row for row in credit.problems if row["code"] not in matches.DOUBTS]
    credit.problems = [*others, *([problem.model_dump(mode="json")] if problem else [])]
    session.add(credit)


def _set_aside(store: Store, key: tuple[int, str, str], error: Exception) -> None:
    """A learner about whom no question can be made waits an hour; the others are asked about."""
    now = datetime.now(UTC)
    with store.writing() as session:
        poison.note(session, "submission", error, now)
        row = session.get(LearnerMatch, key, with_for_update=True)
        if row is not None:
            row.next_at = now + poison.PAUSE
            session.add(row)
