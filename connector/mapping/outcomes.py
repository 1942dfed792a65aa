"""What the rules make of one stored statement, as columns of `evidence`. Knows no version and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlmodel import Session, col, select

from connector.lrs.statement import typed
from connector.mapping.evaluate import Outcome, evaluate
from connector.mapping.loader import Ruleset
from connector.records import Actor, Completion, Evidence, Ignored, Problem
from connector.store.tables import Source, StatementRow, Voided
from connector.store.views import as_statement

Columns = dict[str, Any]


def outcomes_of(row: StatementRow, rules: Ruleset, *, standing: bool, noting: bool = True) -> list[Columns]:
    """An outcome for each rule that could care and each learner whom the statement is said of; `noting`: with tincan's
    doubts, which take as long as all the rest.

    Whatever `evaluate` raises passes: the caller knows whether the statement has an outcome already.
    """
    if row.voids:
        return []
    problem = _unread(row, standing=standing)
    if problem and not row.members:
        return problem
    judged = evaluate(rules, as_statement(row), orjson.loads(row.raw or b"null"))
    kept = [_columns(row, one.rule, one.rule_hash, one.outcome, standing=standing) for one in judged]
    doubt = _doubt(row) if noting and any(one["outcome"] == "completion" for one in kept) else None
    kept = [one | {"problem": doubt} if one["outcome"] == "completion" else one for one in kept]
    return problem + [one | {"actor_key": key} for one in kept for key in row.members or [row.actor_key]]


def stumbled(row: StatementRow, *, standing: bool) -> Columns:
    """The one outcome of a statement that the rules stumble over."""
    message = "the mapping stumbled over this statement"
    problem = Problem(code="connector.unexpected", message=message, who=Actor.OPERATOR)
    return _columns(row, "", "", problem, standing=standing)


def voided_among(session: Session, rows: Sequence[StatementRow]) -> set[int]:
    """Which of these statements were voided: an id means one statement, whoever told it."""
    ids = select(Voided.statement_id).where(
        col(Voided.source_id).in_(select(Source.id)),  # the index begins with the source
        col(Voided.statement_id).in_([row.statement_id for row in rows]),
    )
    gone = set(session.exec(ids))
    return {row.id for row in rows if row.statement_id in gone}


def _unread(row: StatementRow, *, standing: bool) -> list[Columns]:
    """What could not be read: the whole statement, or those members of its group who cannot be told."""
    if row.problem is None:
        return []
    return [_columns(row, "", "", Problem.model_validate(row.problem), standing=standing)]


def _doubt(row: StatementRow) -> Columns | None:
    """tincan reads again what will be reported; it notes, it stops nothing."""
    doubt = typed(row.raw or b"")
    return doubt.model_dump(mode="json") if isinstance(doubt, Problem) else None


def _columns(row: StatementRow, rule: str, rule_hash: str, outcome: Outcome, *, standing: bool) -> Columns:
    columns: Columns = {"statement_pk": row.id, "actor_key": row.actor_key, "rule": rule, "rule_hash": rule_hash}
    columns |= {"standing": standing, "reason": "", "completion": None, "problem": None, "next_at": None}
    match outcome:
        case Completion():
            columns["next_at"] = datetime.now(UTC) if outcome.completed_on is None else None
            return columns | {"outcome": "completion", "completion": outcome.model_dump(mode="json")}
        case Evidence():
            columns["next_at"] = datetime.now(UTC)  # the learners room looks whose completion waits for it
            return columns | {"outcome": "evidence", "completion": outcome.model_dump(mode="json")}
        case Ignored():
            return columns | {"outcome": "ignored", "reason": outcome.reason}
        case Problem():
            return columns | {"outcome": "problem", "reason": outcome.code, "problem": outcome.model_dump(mode="json")}
