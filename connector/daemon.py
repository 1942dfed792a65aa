"""The daemon: APScheduler's jobs, the run lock, signals, and an end within ten seconds. Knows no stage's work."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from connector import activities, pipeline
from connector.config import Config
from connector.logs import guard_threads, log
from connector.store import releases
from connector.store.leases import RunLock
from connector.store.session import Store
from connector.web.server import HealthServer

GRACE = 7.0  # seconds for what is in flight; ten until whoever sent SIGTERM loses patience
WATCH = timedelta(minutes=5)  # for sources that have become quiet
PLAN = timedelta(seconds=10)  # for rules that have changed, and what they would do to what was read before
DIGEST = ("mapping", "learners", "activities", "validation")
logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # a turn skipped behind a long one is no news

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Daemon:
    """Everything that runs between `start` and `stop`; each job has a thread of its own: none delays another."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._busy = 0
        self._quiet = threading.Condition()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(config.polled) + 6)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self.health = HealthServer(store, config)

    def start(self) -> None:
        self._scheduler.add_listener(_say_job_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        schedule = self._config.schedule
        for source in self._config.polled:
            collect = partial(pipeline.collect, self._store, self._config, source, patience=source.every)
            self._every(source.every, f"collection:{source.name}", collect)
        self._every(WATCH, "watch", partial(pipeline.watch, self._store, self._config))
        self._every(PLAN, "plan", partial(pipeline.count_plan, self._store, self._config))
        self._every(schedule.digest, "digest", self._stages(*DIGEST))
        self._every(schedule.submission, "submission", self._stages("submission"))
        self._every(schedule.reconciliation, "reconciliation", self._stages("reconciliation"))
        self._every(schedule.desk, "desk", self._stages("desk"))
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

    def hang_up(self) -> None:
        """SIGHUP: the rules are read again now, or with the turn after the one that is under way."""
        pipeline.read_rules_again(self._store)
        self._scheduler.modify_job("digest", next_run_time=datetime.now(UTC))

    def _stages(self, *names: str) -> Callable[[], object]:
        return partial(pipeline.run, self._store, self._config, names)

    def _every(self, interval: timedelta, name: str, job: Callable[[], object]) -> None:
        self._scheduler.add_job(
            self._guarded,
            "interval",
            args=[job],
            seconds=interval.total_seconds(),
            id=name,
            next_run_time=datetime.now(UTC),
            jitter=min(5, int(interval.total_seconds() / 10)) or None,
        )

    def _guarded(self, job: Callable[[], object]) -> None:
        with self._quiet:
            if self._store.stopping.is_set():
                return
            self._busy += 1
        try:
            job()
            self.health.beat()
        finally:
            with self._quiet:
                self._busy -= 1
                self._quiet.notify_all()


def run(store: Store, config: Config, *, ready: Callable[[Daemon], None] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code.

    Raises NeedsOperator when another process holds the run lock, ConfigError when a sheet or every rule is unusable.
    """
    with RunLock(store):
        activities.load(config, store)
        pipeline.check_rules(store, config)
        releases.look_again(store)
        daemon = Daemon(store, config)
        signals = _signals()
        guard_threads()
        daemon.start()
        log.info("daemon.started", pid=os.getpid(), port=daemon.health.port, store=store.shown)
        if ready:
            ready(daemon)
        _wait_for_the_end(signals, daemon)
        ended = daemon.stop()
        log.info("daemon.stopped", pid=os.getpid(), state="clean" if ended else "in flight")
        if not ended:
            # A thread waits for PARS's answer and would keep the interpreter alive past the grace.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    return 0


def _signals() -> queue.SimpleQueue[int]:
    """Signals as they come. The handler only puts them there: an Event's lock or a log line in it could deadlock."""
    come: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: come.put(number))
    return come


def _wait_for_the_end(signals: queue.SimpleQueue[int], daemon: Daemon) -> None:
    while (number := signals.get()) == signal.SIGHUP:
        hint = "the rules are read again now, learners by themselves; config.yaml needs a restart"
        log.info("daemon.hangup", signal="SIGHUP", hint=hint)
        daemon.hang_up()
    log.info("daemon.stopping", signal=signal.Signals(number).name)


def _say_job_trouble(event: JobExecutionEvent) -> None:
    error = type(event.exception).__name__ if event.exception else "missed"
    log.error("daemon.job", stage=event.job_id, error=error)
