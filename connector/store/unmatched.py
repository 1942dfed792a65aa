"""A failed learner match, said once when it arises and once when it is solved (docs/howto/failed-matches.md)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from connector.logs import log
from connector.records import Problem
from connector.store.moves import note
from connector.store.states import State
from connector.store.tables import Award, Credit, Event, EvidenceRow, StatementRow


def arose(session: Session, credit: Credit, award: Award, problem: Problem, *, now: datetime) -> None:
    """One WARNING line for each failed match, however often it is asked about afterwards."""
    if credit.unmatched_since is not None:
        return
    credit.unmatched_since = now
    session.add(credit)
    note(session, credit, "learner.unmatched", now=now, code=problem.code)
    log.warning(
        "learner.unmatched",
        **_where(session, credit, award),
        reason=problem.code,
        field=problem.field,
        who=str(problem.who),
        command=f"pars-connector unmatched show {credit.id}",
    )


def told_as(session: Session, credit: Credit) -> str:
    """The code under which its failed match was said last; empty where none is in question."""
    if credit.unmatched_since is None:
        return ""
    said = select(Event.code).where(Event.subject == "credit", Event.subject_id == str(credit.id))
    said = said.where(Event.what == "learner.unmatched").order_by(col(Event.id).desc())
    return session.exec(said.limit(1)).first() or ""


def solved(session: Session, credit: Credit, award: Award, *, now: datetime) -> None:
    """One INFO line when the match is no longer in question."""
    if credit.unmatched_since is None:
        return
    credit.unmatched_since = None
    session.add(credit)
    note(session, credit, "learner.matched", now=now)
    log.info("learner.matched", **_where(session, credit, award))


def left(session: Session, credit: Credit) -> None:
    """Nobody asks any more who he is, though nobody has found out: the credit is closed."""
    credit.unmatched_since = None
    session.add(credit)


def follow_match(session: Session, credit: Credit, award: Award, code: str, *, now: datetime) -> None:
    """After an answer of PARS's: say a failed match, or that it is solved."""
    if credit.state == State.UNMATCHED:
        message = "PARS found no such learner" if code == "pars.no_match" else "PARS found several such learners"
        arose(session, credit, award, Problem(code=code, field="identity", message=message), now=now)
    elif credit.state in (State.PENDING, State.CONFIRMED):
        solved(session, credit, award, now=now)


def _where(session: Session, credit: Credit, award: Award) -> dict[str, object]:
    source = (
        select(StatementRow.source_id)
        .join(EvidenceRow, EvidenceRow.statement_pk == StatementRow.id)  # type: ignore[arg-type]
        .where(EvidenceRow.award_id == award.id)
    )
    return {
        "record": credit.record_id,
        "credit": credit.id,
        "activity": award.activity_id,
        "provider": award.provider_id,
        "source": session.exec(source).first() or "",
    }
