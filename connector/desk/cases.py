"""Credits that wait for a person: which they are, and in plain words what stops each. Shows no personal value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, or_, select

from connector.records import Actor, Frozen, Problem
from connector.store.matches import MAY_BE_NEW
from connector.store.reasons import ROOM_FIRST, SUMMED, WITHDRAWAL_FIRST
from connector.store.releases import NOT_RELEASED, SEND_AFTER
from connector.store.states import State
from connector.store.succession import PREDECESSOR
from connector.store.tables import ActivityRow, Award, Credit

IDENTITY, INVALID = "learner.", "pars.invalid_data"
_SAID_NO = (State.UNMATCHED, State.REFUSED, State.REJECTED)
_IDENTITY = ("given_name", "family_name", "birth_day")
_OVER = (State.WITHDRAWN, State.CLOSED)
_NO_CASE = ("", NOT_RELEASED, SEND_AFTER, MAY_BE_NEW, PREDECESSOR, WITHDRAWAL_FIRST, ROOM_FIRST)
"""Why credits are held by the hundred, and nobody need look at one of them: a release is one decision for all of an
activity, the rest solves itself with time. Left out by the database already."""


class Case(Frozen):
    """One credit that waits for a person; the learner by number, because a list ends up in a mail."""

    credit: int
    learner: int
    provider: str
    activity: str
    title: str
    completed_on: date
    certification: str
    state: str
    since: datetime
    problems: tuple[Problem, ...]
    board: str = ""
    claim_date: date | None = None  # the activity's, for a board's credit
    sent_at: datetime | None = None  # first
    sent_under: str = ""  # the identifier's domain
    sent_fields: tuple[str, ...] = ()
    pars_status: str = ""
    pars_reason: str = ""
    pars_words: str = ""

    @property
    def first(self) -> Problem:
        """What stands in lists and notices."""
        return next((one for one in self.problems if one.holds), self.problems[0])


def open_cases(session: Session) -> list[Case]:
    """All of them, the oldest first."""
    return [case(session, credit, award) for credit, award in waiting(session)]


def waiting(session: Session) -> Sequence[tuple[Credit, Award]]:
    """Every credit that waits for a person: PARS or a board said no, a gate holds it and a person can mend that, or
    something has to be decided about what was sent."""
    reason = col(Credit.reason)
    held = (col(Credit.state) == State.HELD) & reason.not_in(_NO_CASE)
    mend = or_(col(Credit.state).in_(_SAID_NO), held) & (col(Credit.wanted) == "present")
    carried = (col(Credit.state) == State.CLOSED) & (reason == SUMMED)  # and undone: the sum that carries it says so
    decide = (col(Credit.attention) != "") & or_(col(Credit.state).not_in(_OVER), carried)
    decide |= (col(Credit.state) == State.WITHDRAWAL_REFUSED) | _stuck()
    query = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id)).where(or_(mend, decide))
    found = session.exec(query.order_by(col(Credit.state_since), col(Credit.id))).all()
    return [one for one in found if one[0].state != State.HELD or one[0].attention or _is_for_a_person(one[0])]


def _is_for_a_person(credit: Credit) -> bool:
    """Held by something that does not solve itself; of what is judged anew, what held it before."""
    stopping = [one for one in stored_problems(credit) if one.code == credit.reason or one.holds]
    first = next((one for one in stopping if one.code == credit.reason), next(iter(stopping), None))
    return first is not None and (first.who != Actor.NOBODY or credit.reason == PREDECESSOR)


def of_learner(credit: Credit) -> tuple[Problem, ...]:
    """What a gate had against a value of the learner, of a credit that PARS refused for a value: it warned before."""
    if (credit.state, credit.reason) != (State.REFUSED, INVALID):
        return ()
    return tuple(one for one in stored_problems(credit) if one.code.startswith(IDENTITY))


def _stuck() -> ColumnElement[bool]:
    """It is to replace one that PARS refused to delete."""
    old = aliased(Credit)
    kept = old.state == State.WITHDRAWAL_REFUSED
    refused = select(old.id).where(
        old.id == Credit.supersedes, or_(kept, (old.state == State.CLOSED) & (old.at_pars != "no"))
    )
    return (col(Credit.state) == State.HELD) & (col(Credit.wanted) == "present") & refused.exists()


def case(session: Session, credit: Credit, award: Award) -> Case:
    """One of them."""
    activity = session.get(ActivityRow, (award.provider_id, award.activity_id))
    return Case(
        credit=credit.id,
        learner=award.learner_id,
        provider=award.provider_id,
        activity=award.activity_id,
        title=activity.title if activity else "",
        completed_on=award.completed_on,
        certification=credit.certification,
        state=credit.state,
        since=credit.state_since,
        problems=problems(credit),
        board=credit.board,
        claim_date=activity.credit_claim_date if activity and credit.board else None,
        sent_at=credit.first_sent_at,
        sent_under=credit.identifier_domain if credit.first_sent_at else "",
        sent_fields=tuple(name for name in _IDENTITY if name in (credit.sent_as or {})),
        pars_status=credit.pars_status,
        pars_reason=credit.pars_reason,
        pars_words=credit.pars_words,
    )


def problems(credit: Credit) -> tuple[Problem, ...]:
    """What stops this credit, the first thing first."""
    if not credit.attention or (credit.state in _OVER and credit.reason != SUMMED):
        return _own(credit)
    hint = "look at its story; once it is decided, `pars-connector unmatched close` takes it off the list"
    called = Problem(code=credit.attention, message="a person must look at it", hint=hint)
    return (called, *_own(credit))


def _own(credit: Credit) -> tuple[Problem, ...]:
    if credit.state == State.UNMATCHED:
        message = (
            "PARS found no such learner" if credit.reason == "pars.no_match" else "PARS found several such learners"
        )
        hint = "compare names, birth day and number with the learner's own words, and correct what differs"
        return (Problem(code=credit.reason, field="identity", message=message, hint=hint),)
    if credit.state == State.WITHDRAWAL_REFUSED:
        message, hint = "PARS refused to delete it", "ask ACCME to delete it; what is to replace it waits for that"
        return (Problem(code=credit.reason, message=message, hint=hint, who=Actor.OPERATOR),)
    if credit.state in (State.REFUSED, State.REJECTED):
        hint = "put right what PARS names, then `unmatched retry`; or leave it with `unmatched close`"
        no = Problem(code=credit.reason, message="PARS or the board said no", hint=hint)
        return (no, *of_learner(credit))
    return stored_problems(credit)


def stored_problems(credit: Credit) -> tuple[Problem, ...]:
    """What the gates said; of a credit that is over only what ended it, for nobody acts on the rest any more."""
    found = (Problem.model_validate(row) for row in credit.problems)
    return tuple(one for one in found if credit.state not in _OVER or one.code == credit.reason)
