"""Stage 2: each stored statement becomes, once, one outcome per rule that could care; voided ones stop standing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from connector.config import Config
from connector.errors import MappingError
from connector.logs import log
from connector.lrs.statement import typed
from connector.mapping import rule_files
from connector.mapping.evaluate import evaluate
from connector.mapping.loader import Defaults, Ruleset
from connector.metrics import MAPPING_VALID
from connector.records import Actor, Completion, Counts, Evidence, Ignored, Problem
from connector.store import poison
from connector.store.session import Store
from connector.store.tables import Event, EvidenceRow, MappingVersion, Source, StatementRow, Voided
from connector.store.views import as_statement

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
        moodle=any(source.moodle for source in config.sources),
        sessions=all(source.registration == "session" or source.moodle for source in config.sources),
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
        return _still_active(store, row, defaults, found, found.error)
    if found.is_news():
        _say_mended(store)
    if row is not None and row.hash == found.rules.hash:
        return row.id, found.rules
    with store.writing() as session:
        return _activate(session, found.rules), found.rules


def _still_active(
    store: Store, row: MappingVersion | None, defaults: Defaults, found: rule_files.Loaded, error: MappingError
) -> tuple[int, Ruleset]:
    if row is None:
        raise error.with_traceback(None)  # kept from turn to turn: its trace must not grow
    if found.is_news():
        first = error.findings[0] if error.findings else error
        hint = "the rules that were active keep running"
        log.warning("mapping.refused", code=error.code, where=first.where, error=first.message, hint=hint)
        with store.writing() as session:
            _note(session, row, "refused")
    return row.id, rule_files.stored(row.hash, row.files, defaults)


def _say_mended(store: Store) -> None:
    """The last word about the files was a refusal, and they are good again."""
    last = select(Event).where(Event.subject == "mapping").order_by(col(Event.id).desc()).limit(1)
    with store.writing() as session:
        said = session.exec(last).first()
        if said is not None and said.what == "refused":
            _note(session, None, "mended")
            log.info("mapping.mended")


def _note(session: Session, row: MappingVersion | None, what: str) -> None:
    version = str(row.id) if row else ""
    session.add(Event(at=datetime.now(UTC), subject="mapping", subject_id=version, what=what, by="mapping"))


def _activate(session: Session, rules: Ruleset) -> int:
    row = session.exec(select(MappingVersion).where(MappingVersion.hash == rules.hash)).first()
    row = row or MappingVersion(hash=rules.hash, files=dict(rules.files))
    for other in session.exec(select(MappingVersion).where(col(MappingVersion.active).is_(True))):
        other.active = False
    now = datetime.now(UTC)
    row.active, row.activated_at = True, now
    session.add(row)
    session.flush()
    _note(session, row, "activated")
    log.info("mapping.activated", version=rules.hash[:12], rules=len(rules.rules))
    return row.id


def _batch(store: Store, version_id: int, rules: Ruleset, counts: Counts) -> bool:
    """One transaction for many statements: their outcomes go in together, then what they void falls."""
    unmapped = select(StatementRow).where(col(StatementRow.mapped_with).is_(None)).order_by(col(StatementRow.id))
    with store.writing() as session:
        rows = session.exec(unmapped.limit(BATCH).with_for_update(skip_locked=True)).all()
        waiting = _waiting(session, [row.voids for row in rows if row.voids])
        rows = [row for row in rows if row.voids not in waiting]
        if not rows:
            return False
        fallen = _voided(session, rows)
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


def _voided(session: Session, rows: Sequence[StatementRow]) -> set[int]:
    """Which of these statements were voided before they were mapped: an id means one statement, whoever told it."""
    ids = select(Voided.statement_id).where(
        col(Voided.source_id).in_(select(Source.id)),  # the index begins with the source
        col(Voided.statement_id).in_([row.statement_id for row in rows]),
    )
    gone = set(session.exec(ids))
    return {row.id for row in rows if row.statement_id in gone}


def _outcomes(session: Session, row: StatementRow, rules: Ruleset, *, standing: bool) -> list[dict[str, Any]]:
    """The outcomes of one statement as columns of `evidence`; one that makes us stumble still has its one outcome."""
    if row.voids:
        return []
    problem = _problem_of(row, standing=standing)
    if problem and not row.members:
        return problem
    try:
        judged = evaluate(rules, as_statement(row), orjson.loads(row.raw or b"null"))
    except Exception as error:
        poison.note(session, "mapping", error, datetime.now(UTC))
        message = "the mapping stumbled over this statement"
        stumbled = Problem(code="connector.unexpected", message=message, who=Actor.OPERATOR)
        return [_kept(row, "", "", stumbled, standing=standing)]
    kept = [_kept(row, one.rule, one.rule_hash, one.outcome, standing=standing) for one in judged]
    return problem + [one | {"actor_key": key} for one in kept for key in row.members or [row.actor_key]]


def _problem_of(row: StatementRow, *, standing: bool) -> list[dict[str, Any]]:
    """What could not be read: the whole statement, or those members of its group who cannot be told."""
    if row.problem is None:
        return []
    return [_kept(row, "", "", Problem.model_validate(row.problem), standing=standing)]


def _kept(
    row: StatementRow, rule: str, rule_hash: str, outcome: Completion | Evidence | Ignored | Problem, *, standing: bool
) -> dict[str, Any]:
    columns: dict[str, Any] = {"statement_pk": row.id, "actor_key": row.actor_key, "rule": rule, "rule_hash": rule_hash}
    columns |= {"standing": standing, "reason": "", "completion": None, "problem": None, "next_at": None}
    match outcome:
        case Completion():
            doubt = typed(row.raw or b"")  # tincan reads again what will be reported; it notes, it stops nothing
            columns["problem"] = doubt.model_dump(mode="json") if isinstance(doubt, Problem) else None
            columns["next_at"] = datetime.now(UTC) if outcome.completed_on is None else None
            return columns | {"outcome": "completion", "completion": outcome.model_dump(mode="json")}
        case Evidence():
            columns["next_at"] = datetime.now(UTC)  # the learners room looks whose completion waits for it
            return columns | {"outcome": "evidence", "completion": outcome.model_dump(mode="json")}
        case Ignored():
            return columns | {"outcome": "ignored", "reason": outcome.reason}
        case Problem():
            return columns | {"outcome": "problem", "reason": outcome.code, "problem": outcome.model_dump(mode="json")}


def _void(session: Session, row: StatementRow) -> int:
    """The target's outcomes stop standing; the learners room asks what that means for its awards."""
    target = select(StatementRow.id).where(
        col(StatementRow.source_id).in_(select(Source.id)), StatementRow.statement_id == row.voids
    )
    outcomes = select(EvidenceRow).where(col(EvidenceRow.statement_pk).in_(target), col(EvidenceRow.standing))
    fallen = session.exec(outcomes).all()
    for outcome in fallen:
        outcome.standing = False
        session.add(outcome)
    return len(fallen)
