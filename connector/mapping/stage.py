"""Stage 2: each stored statement becomes, once, one outcome per rule that could care; voided ones stop standing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlmodel import Session, col, select

from connector.config import Config
from connector.errors import MappingError
from connector.logs import log
from connector.mapping import rule_files
from connector.mapping.evaluate import Judged, evaluate
from connector.mapping.loader import Defaults, Ruleset
from connector.metrics import MAPPING_VALID
from connector.records import Actor, ActorKey, Completion, Counts, Ignored, Problem, Statement
from connector.store import poison
from connector.store.session import Store
from connector.store.tables import Event, EvidenceRow, MappingVersion, StatementRow, Voided

BATCH = 500
SETTLED = timedelta(seconds=2)


def run(store: Store, config: Config) -> Counts:
    """Map every statement that no version has mapped yet."""
    counts = Counts()
    version_id, rules = active(store, config, settled=SETTLED)
    while not store.stopping.is_set() and _batch(store, version_id, rules, counts):
        pass
    return counts


def defaults_of(config: Config) -> Defaults:
    """What rules may leave to config.yaml."""
    return Defaults(
        providers={provider.id: provider.zone for provider in config.providers},
        sources={source.name: source.zone for source in config.sources if source.zone},
    )


def active(store: Store, config: Config, *, settled: timedelta = timedelta(0)) -> tuple[int, Ruleset]:
    """The rules in force: the files on disk if they are good, else those that were active (promise P7).

    So are files touched less than `settled` ago, which somebody may still be writing. Without old rules MappingError
    is raised.
    """
    defaults = defaults_of(config)
    with store.reading() as session:
        row = session.exec(select(MappingVersion).where(col(MappingVersion.active).is_(True))).first()
    files = rule_files.on_disk(config.mappings)
    if row is not None and files.is_younger_than(settled, datetime.now(UTC)):
        return row.id, rule_files.stored(row.hash, row.files, defaults)
    found = rule_files.loaded(files, defaults)
    MAPPING_VALID.set(found.error is None)
    if found.error is not None:
        return _still_active(row, defaults, found, found.error)
    if row is not None and row.hash == found.rules.hash:
        return row.id, found.rules
    with store.writing() as session:
        return _activate(session, found.rules), found.rules


def _still_active(
    row: MappingVersion | None, defaults: Defaults, found: rule_files.Loaded, error: MappingError
) -> tuple[int, Ruleset]:
    if row is None:
        raise error
    if found.is_news():
        where = error.findings[0].where if error.findings else error.where
        log.warning("mapping.refused", code=error.code, where=where, hint="the rules that were active keep running")
    return row.id, rule_files.stored(row.hash, row.files, defaults)


def _activate(session: Session, rules: Ruleset) -> int:
    row = session.exec(select(MappingVersion).where(MappingVersion.hash == rules.hash)).first()
    row = row or MappingVersion(hash=rules.hash, files=dict(rules.files))
    for other in session.exec(select(MappingVersion).where(col(MappingVersion.active).is_(True))):
        other.active = False
    now = datetime.now(UTC)
    row.active, row.activated_at = True, now
    session.add(row)
    session.flush()
    session.add(Event(at=now, subject="mapping", subject_id=str(row.id), what="activated", by="mapping"))
    log.info("mapping.activated", version=rules.hash[:12], rules=len(rules.rules))
    return row.id


def _batch(store: Store, version_id: int, rules: Ruleset, counts: Counts) -> bool:
    now = datetime.now(UTC)
    with store.writing() as session:
        unmapped = select(StatementRow).where(col(StatementRow.mapped_with).is_(None)).order_by(col(StatementRow.id))
        rows = session.exec(unmapped.limit(BATCH).with_for_update(skip_locked=True)).all()
        for row in rows:
            _map_safely(session, row, rules, counts, now)
            row.mapped_with = version_id
            session.add(row)
    return bool(rows)


def _map_safely(session: Session, row: StatementRow, rules: Ruleset, counts: Counts, now: datetime) -> None:
    """A statement that makes us stumble still has its one outcome: a problem for whoever keeps the connector."""
    with poison.contained(session, "mapping", None, now=now):
        _map(session, row, rules, counts)
        return
    message = "the mapping stumbled over this statement"
    _keep(session, row, Problem(code="connector.unexpected", message=message, who=Actor.OPERATOR), counts)


def _map(session: Session, row: StatementRow, rules: Ruleset, counts: Counts) -> None:
    if row.voids:
        counts["voiding"] += _void(session, row)
        return
    if row.problem is not None:
        _keep(session, row, Problem.model_validate(row.problem), counts)
        return
    voided = session.get(Voided, (row.source_id, row.statement_id)) is not None
    for judged in evaluate(rules, _statement(row), orjson.loads(row.raw or b"null")):
        _keep_judged(session, row, judged, counts, standing=not voided)


def _statement(row: StatementRow) -> Statement:
    return Statement(
        id=row.statement_id,
        source=row.source_id,
        stored=row.stored,
        timestamp=row.timestamp,
        actor_key=ActorKey(row.actor_key) if row.actor_key else None,
        verb=row.verb,
        object_id=row.object_id,
        registration=row.registration,
        raw=row.raw or b"",
    )


def _void(session: Session, row: StatementRow) -> int:
    """The target's outcomes stop standing; the learners room asks what that means for its awards."""
    target = select(StatementRow.id).where(
        StatementRow.source_id == row.source_id, StatementRow.statement_id == row.voids
    )
    fallen = 0
    for outcome in session.exec(select(EvidenceRow).where(col(EvidenceRow.statement_pk).in_(target))):
        outcome.standing = False
        session.add(outcome)
        fallen += 1
    return fallen


def _keep_judged(session: Session, row: StatementRow, judged: Judged, counts: Counts, *, standing: bool) -> None:
    values: dict[str, Any] = {"statement_pk": row.id, "actor_key": row.actor_key, "standing": standing}
    values |= {"rule": judged.rule, "rule_hash": judged.rule_hash}
    match judged.outcome:
        case Completion() as completion:
            kept = EvidenceRow(**values, outcome="completion", completion=completion.model_dump(mode="json"))
        case Ignored() as ignored:
            kept = EvidenceRow(**values, outcome="ignored", reason=ignored.reason)
        case Problem() as problem:
            kept = EvidenceRow(
                **values, outcome="problem", reason=problem.code, problem=problem.model_dump(mode="json")
            )
    session.add(kept)
    counts["voided" if not standing else kept.outcome] += 1


def _keep(session: Session, row: StatementRow, problem: Problem, counts: Counts) -> None:
    """A statement nobody can read has one outcome, under no rule."""
    dumped = problem.model_dump(mode="json")
    session.add(
        EvidenceRow(
            statement_pk=row.id,
            actor_key=row.actor_key,
            rule="",
            rule_hash="",
            outcome="problem",
            reason=problem.code,
            problem=dumped,
        )
    )
    counts["problem"] += 1
