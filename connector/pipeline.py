"""The stages in their order, and the one runner around each: counts, failures, the log line of what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from connector.collection import stage as collection
from connector.config import Config
from connector.errors import ConnectorError
from connector.learners import stage as learners
from connector.logs import log
from connector.mapping import stage as mapping
from connector.metrics import STAGE_ERRORS
from connector.reconciliation import stage as reconciliation
from connector.records import Counts
from connector.store.poison import describe
from connector.store.session import Store
from connector.store.tables import Run
from connector.submission import stage as submission
from connector.validation import stage as validation

Stage = Callable[[Store, Config], Counts]

STAGES: dict[str, Stage] = {
    "collection": collection.run,
    "mapping": mapping.run,
    "learners": learners.run,
    "validation": validation.run,
    "submission": submission.run,
    "reconciliation": reconciliation.run,
}
"""A record's path, top to bottom."""

QUIET = frozenset({"read", "known", "early", "asked", "refreshed"})
"""Counts of looking, not of doing: a run with nothing else leaves no line."""

_failing: dict[str, str] = {}  # stage -> code last said, so that a lasting failure is said once


def run(store: Store, config: Config, names: Iterable[str] = STAGES) -> dict[str, Counts]:
    """Some or all stages once, in the order of the path."""
    return {name: run_stage(store, config, name) for name in STAGES if name in set(names)}


def check_rules(store: Store, config: Config) -> None:
    """Refuse to start without any usable rule: with older ones in the store, a bad file only leaves a log line."""
    mapping.active(store, config)


def run_stage(store: Store, config: Config, name: str, stage: Stage | None = None) -> Counts:
    """One stage; nothing it raises passes, so that the others go on. A failure is counted as `failed`."""
    started = datetime.now(UTC)
    counts, error = Counts(), ""
    try:
        counts += (stage or STAGES[name])(store, config)
        _recovered(name)
    except ConnectorError as problem:
        error, counts["failed"] = problem.code, 1
        _fails(name, problem.code, problem.message, problem.hint)
    except Exception as unknown:
        error, counts["failed"] = describe(unknown), 1
        STAGE_ERRORS.labels(stage=name).inc()
        _fails(name, "connector.unexpected", error, "please report this; no value of a record stands in it")
    if set(+counts) - QUIET or error:
        _write_down(store, name, started, counts, error)
    return +counts


def _write_down(store: Store, name: str, started: datetime, counts: Counts, error: str) -> None:
    ended = datetime.now(UTC)
    duration = int((ended - started).total_seconds() * 1000)
    if not error:
        log.info("stage.done", stage=name, counts=dict(+counts), duration_ms=duration)
    try:
        with store.writing() as session:
            row = Run(
                stage=name, owner=store.owner, started_at=started, ended_at=ended, counts=dict(+counts), error=error
            )
            session.add(row)
    except ConnectorError as problem:
        _fails(name, problem.code, problem.message, problem.hint)


def _fails(name: str, code: str, error: str, hint: str) -> None:
    if _failing.get(name) != code:
        log.error("stage.failed", stage=name, code=code, error=error, hint=hint)
    _failing[name] = code


def _recovered(name: str) -> None:
    if _failing.pop(name, None):
        log.info("stage.recovered", stage=name)
