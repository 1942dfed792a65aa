"""The daemon: APScheduler's jobs, the run lock, signals, and an end within ten seconds. Knows no stage's work."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from connector import pipeline
from connector.collection import stage as collection
from connector.config import Config, SourceConfig
from connector.logs import log
from connector.records import Counts
from connector.store.leases import RunLock
from connector.store.session import Store
from connector.web.server import HealthServer

GRACE = 8.0  # seconds for what is in flight; ten until whoever sent SIGTERM loses patience
DIGEST = ("mapping", "learners", "validation")


class Daemon:
    """Everything that runs between `start` and `stop`; `stop` may be called from a signal handler's thread."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._busy = 0
        self._quiet = threading.Condition()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(config.sources) + 3)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self.health = HealthServer(store, config)

    def start(self) -> None:
        self._scheduler.add_listener(_say_job_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        schedule = self._config.schedule
        for source in self._config.sources:
            self._every(source.every, f"collection:{source.name}", partial(self._collect, source))
        self._every(schedule.digest, "digest", partial(self._stages, DIGEST))
        self._every(schedule.submission, "submission", partial(self._stages, ("submission",)))
        self._every(schedule.reconciliation, "reconciliation", partial(self._stages, ("reconciliation",)))
        self.health.start()
        self._scheduler.start()

    def stop(self, grace: float = GRACE) -> bool:
        """True when all in flight ended in time; a save that did not keeps its lease and is asked about later."""
        self._store.stopping.set()
        self._scheduler.shutdown(wait=False)
        with self._quiet:
            ended = self._quiet.wait_for(lambda: self._busy == 0, timeout=grace)
        self.health.stop()
        return ended

    def _every(self, interval: timedelta, name: str, job: Callable[[], None]) -> None:
        self._scheduler.add_job(
            self._guarded,
            "interval",
            args=[job],
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=datetime.now(UTC),
            jitter=min(5, int(interval.total_seconds() / 10)) or None,
        )

    def _guarded(self, job: Callable[[], None]) -> None:
        if self._store.stopping.is_set():
            return
        with self._quiet:
            self._busy += 1
        try:
            job()
            self.health.beat()
        finally:
            with self._quiet:
                self._busy -= 1
                self._quiet.notify_all()

    def _collect(self, source: SourceConfig) -> None:
        def one(store: Store, config: Config) -> Counts:
            return collection.collect(store, config, source)

        pipeline.run_stage(self._store, self._config, f"collection:{source.name}", one)

    def _stages(self, names: tuple[str, ...]) -> None:
        pipeline.run(self._store, self._config, names)


def run(store: Store, config: Config, *, ready: Callable[[Daemon], None] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises NeedsOperator when another process holds the run lock."""
    with RunLock(store):
        daemon = Daemon(store, config)
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, partial(_on_signal, asked))
        daemon.start()
        log.info("daemon.started", pid=os.getpid(), port=daemon.health.port, store=store.url.render_as_string())
        if ready:
            ready(daemon)
        while not asked.wait(timeout=1):
            pass
        ended = daemon.stop()
        log.info("daemon.stopped", pid=os.getpid(), state="clean" if ended else "in flight")
        if not ended:
            # A thread waits for PARS's answer and would keep the interpreter alive past the grace.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    return 0


def _on_signal(asked: threading.Event, number: int, _frame: FrameType | None) -> None:
    asked.set()
    log.info("daemon.stopping", signal=signal.Signals(number).name)


def _say_job_trouble(event: JobExecutionEvent) -> None:
    error = type(event.exception).__name__ if event.exception else "missed"
    log.error("daemon.job", stage=event.job_id, error=error)
