"""Stage 2: each stored statement becomes, once, one outcome per rule that could care; voided ones stop standing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from connector.config import Config
from connector.mapping.loader import Ruleset
from connector.mapping.outcomes import Columns, outcomes_of, stumbled, voided_among
from connector.mapping.versions import apply, plan
from connector.mapping.versions.active import SETTLED, read_again
from connector.mapping.versions.active import in_force as active
from connector.records import Counts
from connector.store import poison
from connector.store.session import Store
from connector.store.tables import EvidenceRow, Source, StatementRow

__all__ = ["active", "count_waiting", "read_again", "run"]

count_waiting = plan.count_waiting
BATCH = 500


def run(store: Store, config: Config) -> Counts:
    """Map every statement that no version has mapped yet; then what a person wants to be mapped again."""
    counts = Counts()
    version_id, rules = active(store, config, settled=SETTLED)
    while not store.stopping.is_set() and _batch(store, version_id, rules, counts):
        pass
    apply.carry_out(store, config, rules, counts)
    return counts


def _batch(store: Store, version_id: int, rules: Ruleset, counts: Counts) -> bool:
    """One transaction for many statements: their outcomes go in together, then what they void falls."""
    unmapped = select(StatementRow).where(col(StatementRow.mapped_with).is_(None)).order_by(col(StatementRow.id))
    with store.writing() as session:
        rows = session.exec(unmapped.limit(BATCH).with_for_update(skip_locked=True)).all()
        waiting = _waiting(session, [row.voids for row in rows if row.voids])
        rows = [row for row in rows if row.voids not in waiting]
        if not rows:
            return False
        fallen = voided_among(session, rows)
        judged = {row.id: _outcomes(session, row, rules, standing=row.id not in fallen) for row in rows}
        counts["no_rule"] += sum(not judged[row.id] and not row.voids for row in rows)
        kept = [outcome for outcomes in judged.values() for outcome in outcomes]
        if kept:
            session.execute(insert(EvidenceRow), kept)
        counts.update("voided" if not outcome["standing"] else outcome["outcome"] for outcome in kept)
        for row in rows:
            counts["voiding"] += _void(session, row) if row.voids else 0
        mapped = update(StatementRow).where(col(StatementRow.id).in_([row.id for row in rows]))
        session.execute(mapped.values(mapped_with=version_id), execution_options={"synchronize_session": False})
    return True


def _waiting(session: Session, voids: Sequence[str]) -> set[str]:
    """What another process maps right now: it may have looked before the void came, so the void waits a turn."""
    if not voids:
        return set()
    targets = select(StatementRow.id, StatementRow.statement_id).where(
        col(StatementRow.source_id).in_(select(Source.id)), col(StatementRow.statement_id).in_(voids)
    )
    free = {pk for pk, _ in session.exec(targets.with_for_update(skip_locked=True, of=StatementRow))}
    return {statement_id for pk, statement_id in session.exec(targets) if pk not in free}


def _outcomes(session: Session, row: StatementRow, rules: Ruleset, *, standing: bool) -> list[Columns]:
    """The outcomes of one statement; one that makes us stumble still has its one outcome."""
    try:
        return outcomes_of(row, rules, standing=standing)
    except Exception as error:
        poison.note(session, "mapping", error, datetime.now(UTC))
        return [stumbled(row, standing=standing)]


def _void(session: Session, row: StatementRow) -> int:
    """The target's outcomes stop standing; the learners room asks what that means for its awards."""
    target = select(StatementRow.id).where(
        col(StatementRow.source_id).in_(select(Source.id)), StatementRow.statement_id == row.voids
    )
    outcomes = select(EvidenceRow).where(col(EvidenceRow.statement_pk).in_(target), col(EvidenceRow.standing))
    fallen = session.exec(outcomes).all()
    for outcome in fallen:
        outcome.standing = False
        if outcome.outcome == "evidence":
            outcome.next_at = datetime.now(UTC)  # the learners room looks who rested on it, or was undone by it
        session.add(outcome)
    return len(fallen)
