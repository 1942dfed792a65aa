"""Lists of credits as people ask for them: by learner, activity, state and date. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from connector.desk import cases
from connector.records import Actor, Frozen, Problem
from connector.store.people import lives_as
from connector.store.session import Store
from connector.store.tables import Award, Credit, LearnerKey, LearnerRow


class Row(Frozen):
    """One credit in a list; the learner by his number, because a name in a list ends up in a mail."""

    credit: int
    credit_id: str
    provider: str
    activity: str
    learner: int
    completed_on: date
    certification: str
    amount: str
    state: str
    reason: str
    attention: str = ""  # why a person must look, though the state does not say so
    pars_status: str
    since: str
    problems: tuple[Problem, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For --json."""
        return self.model_dump(mode="json")


class Filter(Frozen):
    """What to list; None means all."""

    learner: str | None = None  # a learner's number or an actor key
    activity: str | None = None
    state: str | None = None
    begin: date | None = None
    end: date | None = None


def records(store: Store, wanted: Filter) -> list[Row]:
    """Credits by completion date; PARS's words beside our state."""
    query = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    with store.reading() as session:
        if wanted.learner:
            learner = find_learner(session, wanted.learner)
            query = query.where(col(Award.learner_id) == (learner.id if learner else None))
        for column, value in ((Award.activity_id, wanted.activity), (Credit.state, wanted.state)):
            query = query.where(col(column) == value) if value else query
        query = query.where(col(Award.completed_on) >= wanted.begin) if wanted.begin else query
        query = query.where(col(Award.completed_on) <= wanted.end) if wanted.end else query
        found = session.exec(query.order_by(col(Award.completed_on), col(Credit.id))).all()
    return [_row(credit, award) for credit, award in found]


def unmatched(store: Store) -> list[Row]:
    """Every case of the desk, the oldest first."""
    with store.reading() as session:
        return [_row(credit, award) for credit, award in cases.waiting(session)]


def who_acts(problems: Sequence[Problem]) -> str:
    """The people named, in a fixed order; nobody only where there is no other."""
    named = {problem.who for problem in problems if problem.holds}
    named = named - {Actor.NOBODY} or named
    return ", ".join(who for who in Actor if who in named)


def counted(number: int, one: str, more: str) -> str:
    """`1 course`, `2 courses`."""
    return f"{number} {one if number == 1 else more}"


def is_number(text: str) -> bool:
    """A row's number, as far as a database counts."""
    return text.isascii() and text.isdigit() and len(text) < 19


def find_learner(session: Session, text: str) -> LearnerRow | None:
    """By number or actor key; whoever was merged into another is that other."""
    link = session.get(LearnerKey, text)
    number = link.learner_id if link else int(text) if is_number(text) else None
    return lives_as(session, number) if number is not None else None


def one(session: Session, credit: Credit) -> Row:
    """This credit as the lists show it."""
    return _row(credit, session.get_one(Award, credit.award_id))


def _row(credit: Credit, award: Award) -> Row:
    return Row(
        credit=credit.id or 0,
        credit_id=credit.credit_id,
        provider=credit.provider_id,
        activity=award.activity_id,
        learner=award.learner_id,
        completed_on=award.completed_on,
        certification=credit.certification,
        amount=str(credit.amount),
        state=credit.state,
        reason=credit.reason,
        attention=credit.attention,
        pars_status=credit.pars_status,
        since=credit.state_since.isoformat(timespec="seconds") if credit.state_since else "",
        problems=cases.problems(credit),
    )
