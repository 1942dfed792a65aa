"""Corrections on their way (promise P9): a delete leaves only when what replaces it has passed every gate, and an add
that does not follow within a day is told. Knows no rule: who replaces whom stands in the rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select

from connector.config import Config
from connector.logs import log
from connector.records import Actor, Problem
from connector.store import attention, releases
from connector.store.moves import note
from connector.store.people import newest_consent, no_consent
from connector.store.reasons import MAXIMUM, NOT_ELIGIBLE, ROOM_FIRST, SAME_AWARD, VOIDED, WITHDRAWAL_FIRST
from connector.store.states import PARKED, State
from connector.store.succession import PREDECESSOR, REPLACEMENT_HELD, heirs_of
from connector.store.tables import Award, Credit, Event, LearnerRow
from connector.submission import prevalidation

LATE = "credit.correction_late"
LATE_AFTER = timedelta(days=1)
_THERE = (State.PENDING, State.CONFIRMED)
_TOLD = (State.CLOSED, State.REFUSED, State.REJECTED, State.UNMATCHED, State.WITHDRAWAL_REFUSED)
_NOT_IN = (State.HELD, State.READY, State.SENDING, State.IN_DOUBT, State.REFUSED, State.UNMATCHED)


@dataclass(frozen=True)
class Obstacle:
    """Why a delete does not leave yet; `code` is empty where nobody need look: time or the next turn brings it."""

    successor: int
    code: str = ""


def obstacle(session: Session, config: Config, old: Credit, now: datetime) -> Obstacle | None:
    """What keeps its replacements from leaving, as of now; None when the old one may go, or goes alone."""
    heirs = [new for new in heirs_of(session, old) if not _comes_to_nothing(old, new)]
    found = [kept for new in heirs if (kept := _kept_by(session, config, new, now))]
    return next((one for one in found if one.code), found[0] if found else None)


def _comes_to_nothing(old: Credit, new: Credit) -> bool:
    """Earlier credits have used up the maximum; or nobody would earn it today, and what the old one said was voided."""
    voided = new.reason == NOT_ELIGIBLE and old.why_absent == VOIDED
    return new.state == State.CLOSED and (new.reason == MAXIMUM or voided)


def _kept_by(session: Session, config: Config, new: Credit, now: datetime) -> Obstacle | None:
    waits = {PREDECESSOR}
    while new.state == State.CLOSED and new.summed_into is not None:  # where a board takes one a date, this carries it
        new = session.get_one(Credit, new.summed_into)
        waits |= {WITHDRAWAL_FIRST, ROOM_FIRST}  # for the old one, as like as not
    if new.state in _THERE or (new.state == State.CLOSED and new.reason == SAME_AWARD):
        return None  # PARS holds it; or another award's credit goes on in its place
    if new.state not in (State.HELD, State.READY):
        told = new.state in _TOLD or new.reason == PARKED
        return Obstacle(new.id, (new.reason or REPLACEMENT_HELD) if told else "")
    if _is_unearned(session, new):
        return Obstacle(new.id)
    if problems := [*_stored(config, new, waits), *_last(session, config, new, now)]:
        return Obstacle(new.id, next((one.code for one in problems if one.who is not Actor.NOBODY), ""))
    if prevalidation.is_unasked(session, config, new):
        return Obstacle(new.id)  # a delete must not leave for one whom PARS then does not know
    judged = new.reason in waits and new.next_at is not None and new.next_at > now
    return None if judged or new.state == State.READY else Obstacle(new.id)


def _is_unearned(session: Session, new: Credit) -> bool:
    """It, or one that it carries, was undone: a person has been called to that one, and looks first."""
    mine = select(Award.learner_id).where(Award.id == new.award_id).scalar_subquery()
    rows = select(Credit.id).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == mine)
    rows = rows.where(or_(Credit.id == new.id, Credit.summed_into == new.id))
    return session.exec(rows.where(col(Credit.attention).in_(attention.UNEARNED)).limit(1)).first() is not None


def _stored(config: Config, new: Credit, waits: Collection[str]) -> list[Problem]:
    """What the gates said when they judged it last; the learners room may have spoken since."""
    problems = [Problem.model_validate(row) for row in (*new.gate, *new.problems)]
    return [one for one in problems if one.code not in waits and (one.holds or config.validation.strict)]


def _last(session: Session, config: Config, new: Credit, now: datetime) -> list[Problem]:
    """What may have come since they judged it: in the configuration, about the learner's permission, from PARS."""
    award = session.get_one(Award, new.award_id)
    problems = releases.problems(session, config.provider(new.provider_id), award, now)
    consent = newest_consent(session, session.get_one(LearnerRow, award.learner_id))
    if new.kind != "rems" and consent is not None and not consent.given:
        problems.append(no_consent(withdrawn=True))
    doubt = prevalidation.doubt(session, config, award, new)
    return [*problems, doubt] if doubt and doubt.holds else problems


def call_person(session: Session, old: Credit, found: Obstacle, now: datetime) -> None:
    if found.code:
        hint = f"credit {found.successor}, which is to replace it, waits: {found.code}; the old one stays until then"
        attention.call(session, old, REPLACEMENT_HELD, now=now, hint=hint, by="submission")


def sets_out(session: Session, old: Credit, now: datetime) -> None:
    attention.clear(session, old, REPLACEMENT_HELD, now=now, by="submission")


def watch(session: Session, provider_id: str, now: datetime) -> None:
    """Say once a day which learners lost a credit that was to be replaced and was not, and keep it on the desk."""
    old = aliased(Credit)
    rows = select(Credit).join(old, col(old.id) == col(Credit.supersedes)).where(col(Credit.supersedes).is_not(None))
    rows = rows.where(Credit.provider_id == provider_id, Credit.wanted == "present", Credit.at_pars != "yes")
    rows = rows.where(col(Credit.state).in_(_NOT_IN), old.state == State.WITHDRAWN)
    late = session.exec(rows.where(col(old.state_since) <= now - LATE_AFTER)).all()
    for credit in late:
        _say(session, credit, now)
    told = select(Credit).where(col(Credit.supersedes).is_not(None), Credit.attention == LATE)
    for credit in session.exec(told.where(Credit.provider_id == provider_id)).all():
        if credit not in late:
            attention.clear(session, credit, LATE, now=now, by="submission")


def _say(session: Session, credit: Credit, now: datetime) -> None:
    if attention.is_left(session, credit, LATE):
        return
    hint = f"credit {credit.supersedes} was withdrawn, and this one, which replaces it, is not at PARS yet"
    attention.call(session, credit, LATE, now=now, hint=hint, by="submission")
    said = select(Event.id).where(Event.subject == "credit", Event.subject_id == str(credit.id))
    said = said.where(Event.what == "correction late", col(Event.at) > now - LATE_AFTER)
    if session.exec(said.limit(1)).first() is not None:
        return
    note(session, credit, "correction late", now=now, code=credit.reason, by="submission")
    log.warning(
        "correction.late", credit=credit.id, provider=credit.provider_id, code=credit.reason, hint=hint,
        who=str(Actor.COORDINATOR), command=f"pars-connector explain {credit.id}",
    )  # fmt: skip
