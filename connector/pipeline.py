"""The stages in their order, and the one runner around each: counts, failures, the log line of what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from connector import activities
from connector.collection import stage as collection
from connector.collection.reading import SoFar
from connector.config import Config, SourceConfig
from connector.desk import stage as desk
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
Tell = Callable[[str, SoFar], None]
"""Told a stage's name as it begins, and how far the reading of a source has come."""

STAGES: dict[str, Stage] = {
    "collection": collection.run,
    "mapping": mapping.run,
    "learners": learners.run,
    "activities": activities.run,
    "validation": validation.run,
    "submission": submission.run,
    "reconciliation": reconciliation.run,
    "desk": desk.run,
}
"""A record's path, top to bottom."""

QUIET = frozenset({"read", "known", "early", "own", "asked", "refreshed", "no_rule"})
"""Counts of looking, not of doing: a run with nothing else leaves no line."""

SAY_EVERY = 30.0
"""Seconds between two lines of one source that is still being read."""

PLEASE = "please report this; no value of a record stands in it"

_failing: dict[str, str] = {}  # stage -> code last said, so that a lasting failure is said once


class _Stopping(Exception):
    """The process is asked to end: carries the reading of a source out between two pages, where nothing is lost."""


def _silent(_stage: str, _so_far: SoFar) -> None:
    """Nobody looks."""


def run(store: Store, config: Config, names: Iterable[str] = STAGES, tell: Tell = _silent) -> dict[str, Counts]:
    """Some or all stages once, in the order of the path, until the process is asked to stop."""
    wanted, done = set(names), dict[str, Counts]()
    for name in STAGES:
        if name in wanted and not store.stopping.is_set():
            tell(name, SoFar(Counts()))
            done[name] = _collect_all(store, config, tell) if name == "collection" else run_stage(store, config, name)
    return done


def _collect_all(store: Store, config: Config, tell: Tell) -> Counts:
    """Every source in a thread of its own: one that hangs does not delay the others."""
    if not config.polled:
        return Counts()
    with ThreadPoolExecutor(len(config.polled), thread_name_prefix="source") as pool:
        turns = [pool.submit(collect, store, config, source, tell) for source in config.polled]
    watch(store, config)
    return sum((turn.result() for turn in turns), Counts())


def collect(
    store: Store, config: Config, source: SourceConfig, tell: Tell = _silent, patience: timedelta | None = None
) -> Counts:
    """One source, as a stage run of its own: one that fails does not keep the others from being read.

    What is wished to be read again has `patience` for its end.
    """
    name = f"collection:{source.name}"
    said = began = time.monotonic()

    def page_saved(so_far: SoFar) -> None:
        nonlocal said
        if store.stopping.is_set():
            raise _Stopping
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            _say_so_far(source, so_far, said - began)
        tell(name, so_far)

    def read(store: Store, config: Config) -> Counts:
        return collection.collect(store, config, source, page_saved, patience)

    return run_stage(store, config, name, read)


def _say_so_far(source: SourceConfig, so_far: SoFar, seconds: float) -> None:
    counts = {name: so_far.counts[name] for name in ("read", "stored")}
    counts["a_second"] = _speed(so_far.counts["read"], seconds)
    if so_far.way is not None:
        counts["percent"] = int(so_far.way * 100)
    log.info("source.catching_up", source=source.name, counts=counts)


def _speed(count: int, seconds: float) -> int:
    return round(count / max(seconds, 0.001))


def watch(store: Store, config: Config) -> None:
    """Look for sources that have become quiet, as a stage run of its own."""

    def look(store: Store, config: Config) -> Counts:
        collection.watch(store, config)
        return Counts()

    run_stage(store, config, "watch", look)


def read_rules_again(store: Store) -> None:
    """A person has changed something and asks for it now: the files on disk count as touched."""
    mapping.read_again(store)


def count_plan(store: Store, config: Config) -> None:
    """Say what new rules would do to statements read before, as a stage run of its own: it delays no new statement."""

    def look(store: Store, config: Config) -> Counts:
        mapping.count_waiting(store, config)
        return Counts()

    run_stage(store, config, "plan", look)


def check_rules(store: Store, config: Config) -> None:
    """Refuse to start without any usable rule: with older ones in the store, a bad file only leaves a log line."""
    mapping.active(store, config)


def run_stage(store: Store, config: Config, name: str, stage: Stage | None = None) -> Counts:
    """One stage; nothing it raises passes, so that the others go on. A failure is counted as `failed`."""
    started = datetime.now(UTC)
    counts, error = Counts(), ""
    try:
        done = (stage or STAGES[name])(store, config)
        counts.update({str(what): count for what, count in done.items()})  # states count by their word
        _recovered(name)
    except _Stopping:
        pass
    except ConnectorError as problem:
        error, counts["failed"] = problem.code, 1
        _fails(name, problem.code, problem.message, problem.hint)
    except Exception as unknown:
        error, counts["failed"] = describe(unknown), 1
        STAGE_ERRORS.labels(stage=name).inc()
        _fails(name, "connector.unexpected", error, PLEASE)
    if set(+counts) - QUIET or error:
        _write_down(store, name, started, counts, error)
    return +counts


def _write_down(store: Store, name: str, started: datetime, counts: Counts, error: str) -> None:
    ended = datetime.now(UTC)
    duration = int((ended - started).total_seconds() * 1000)
    if not error and set(+counts) - QUIET - {"failed"}:  # what failed has its own line, said once
        log.info("stage.done", stage=name, counts=dict(+counts), duration_ms=duration)
    try:
        with store.writing() as session:
            row = Run(
                stage=name, owner=store.owner, started_at=started, ended_at=ended, counts=dict(+counts), error=error
            )
            session.add(row)
    except ConnectorError as problem:
        _fails(name, problem.code, problem.message, problem.hint)
    except Exception as unknown:
        _fails(name, "connector.unexpected", describe(unknown), PLEASE)


def _fails(name: str, code: str, error: str, hint: str) -> None:
    if _failing.get(name) != code:
        log.error("stage.failed", stage=name, code=code, error=error, hint=hint)
    _failing[name] = code


def _recovered(name: str) -> None:
    if _failing.pop(name, None):
        log.info("stage.recovered", stage=name)
