"""Promise P1 on a live database: what came in equals what came of it, and no credit is anywhere it may not be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from connector.records import Frozen
from connector.store.session import Store
from connector.store.states import LIVE, MOVES, State
from connector.store.tables import Award, Credit, Event, EvidenceRow, StatementRow


class Sum(Frozen):
    """One line of the proof: `wrong` counts the rows that break it."""

    what: str
    count: int
    wrong: int = 0


def prove(store: Store) -> list[Sum]:
    """Every sum; the ledger is whole when none is wrong."""
    unmapped = select(StatementRow.id).where(col(StatementRow.mapped_with).is_(None))
    with store.reading() as session:
        return [
            Sum(what="statements stored", count=_count(session, select(StatementRow.id))),
            Sum(what="statements not mapped yet", count=_count(session, unmapped)),
            *_outcomes(session),
            _completions(session),
            _awards(session),
            *_states(session),
            _doubled(session),
            _sending(session),
            _moves(session),
        ]


def _count(session: Session, query: Select[*tuple[Any, ...]]) -> int:
    return session.exec(select(func.count()).select_from(query.subquery())).one()


def _outcomes(session: Session) -> list[Sum]:
    grouped = select(EvidenceRow.outcome, func.count()).group_by(EvidenceRow.outcome)
    return [Sum(what=f"outcomes: {outcome}", count=count) for outcome, count in session.exec(grouped)]


def _completions(session: Session) -> Sum:
    """A standing completion has an award, or waits for the learners room's next turn."""
    waiting = select(EvidenceRow.id).where(EvidenceRow.outcome == "completion", col(EvidenceRow.award_id).is_(None))
    return Sum(what="completions waiting for an award", count=_count(session, waiting.where(col(EvidenceRow.standing))))


def _awards(session: Session) -> Sum:
    empty = select(Award.id).where(col(Award.id).not_in(select(Credit.award_id)))
    return Sum(what="awards", count=_count(session, select(Award.id)), wrong=_count(session, empty))


def _states(session: Session) -> list[Sum]:
    grouped = select(Credit.state, func.count()).group_by(Credit.state)
    known = {state.value for state in State}
    return [
        Sum(what=f"credits: {state}", count=count, wrong=0 if state in known else count)
        for state, count in session.exec(grouped)
    ]


def _doubled(session: Session) -> Sum:
    """At most one live credit per award and certification (promise P2)."""
    live = select(Credit.award_id, Credit.certification).where(col(Credit.state).in_(LIVE))
    doubled = live.group_by(col(Credit.award_id), col(Credit.certification)).having(func.count() > 1)
    return Sum(what="live credits", count=_count(session, live), wrong=_count(session, doubled))


def _sending(session: Session) -> Sum:
    sending = select(Credit.id).where(Credit.state == State.SENDING)
    return Sum(
        what="credits being sent",
        count=_count(session, sending),
        wrong=_count(session, sending.where(Credit.lease_owner == "")),
    )


def _moves(session: Session) -> Sum:
    """No state moved illegally: every move in the events is one of the set."""
    moved = select(Event.from_state, Event.to_state, func.count()).where(
        Event.subject == "credit", Event.what == "moved"
    )
    legal = {(str(source), str(target)) for source, target in MOVES}
    rows = session.exec(moved.group_by(Event.from_state, Event.to_state)).all()
    wrong = sum(count for source, target, count in rows if (source, target) not in legal)
    return Sum(what="moves", count=sum(count for _, _, count in rows), wrong=wrong)
