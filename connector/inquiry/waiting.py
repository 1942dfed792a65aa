"""Why a completion has no award yet: an open date, other statements that it needs, or only its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from connector.inquiry.lrs_report import span
from connector.inquiry.story import Line, moment
from connector.records import Completion, Evidence, Need
from connector.store.reasons import STUMBLED
from connector.store.tables import EvidenceRow, LearnerKey, StatementRow


def told(session: Session, row: EvidenceRow, depth: int) -> Iterator[Line]:
    """What a standing completion without an award waits for, and what happens next."""
    completion = Completion.model_validate(row.completion)
    if completion.completed_on is None:
        text = "next: its date is open, and Moodle is asked when it was completed"
        yield Line(depth=depth, at=moment(row.next_at), text=text)
    elif row.reason == STUMBLED:
        text = "next: the connector stumbled over what the learner sources say of this actor, and tries again"
        yield Line(depth=depth, at=moment(row.next_at), text=text)
    elif not row.reason:
        yield Line(depth=depth, text="next: it waits for the learner sources, and then joins an award")
    else:
        yield from _needs(session, row, completion, depth)


def _needs(session: Session, row: EvidenceRow, completion: Completion, depth: int) -> Iterator[Line]:
    told_at = _time(session.get_one(StatementRow, row.statement_pk))
    met = _meeting(session, row.actor_key)
    for place, need in enumerate(completion.needs, start=1):
        yield Line(depth=depth, text=f"also requires, {place}: {_state(need, told_at, met)}")
    if row.next_at:
        text = "next: it waits for the missing statement of the same learner, until this moment; then it expires"
    else:
        text = (
            "next: nothing; it expired. A missing statement that is still told with a time in its window opens it again"
        )
    yield Line(depth=depth, at=moment(row.next_at), text=text)


def _state(need: Need, told_at: datetime | None, met: Sequence[tuple[Evidence, StatementRow]]) -> str:
    window = f"within {span(need.within)} of it"
    for evidence, statement in met:
        if need.key in evidence.meets and _is_within(need.within, told_at, _time(statement)):
            return f"met by statement {statement.statement_id}, {window}"
    outside = next((statement for evidence, statement in met if need.key in evidence.meets), None)
    if outside is not None:
        return f"not met {window}; statement {outside.statement_id} lies outside, at {moment(_time(outside))}"
    return f"not met: no such statement {window}"


def counts_for(row: EvidenceRow, depth: int) -> Iterator[Line]:
    """What a statement that is only evidence is good for."""
    evidence = Evidence.model_validate(row.completion)
    if evidence.meets:
        text = f"it meets what completions of rule {row.rule} also require, of the same learner"
        yield Line(depth=depth, text=text)
    if evidence.undoes:
        text = f"it undoes earlier completions by rule {row.rule} of the same learner and object"
        yield Line(depth=depth, text=text)


def _meeting(session: Session, actor_key: str) -> list[tuple[Evidence, StatementRow]]:
    """The standing evidence of this learner, under any of his keys."""
    mine = select(LearnerKey.learner_id).where(LearnerKey.actor_key == actor_key)
    keys = {*session.exec(select(LearnerKey.actor_key).where(col(LearnerKey.learner_id).in_(mine))), actor_key}
    rows = select(EvidenceRow, StatementRow).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(EvidenceRow.outcome == "evidence", col(EvidenceRow.standing).is_(True))
    found = session.exec(rows.where(col(EvidenceRow.actor_key).in_(keys)).order_by(col(StatementRow.id)))
    return [(Evidence.model_validate(row.completion), statement) for row, statement in found]


def _time(row: StatementRow) -> datetime | None:
    return row.timestamp or row.stored or row.received_at


def _is_within(window: timedelta, one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= window
