"""The commands that do the work: the daemon, one turn, the container's question, the store's schema."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import TypeVar

import click

from connector import activities, pipeline, terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.collection.reading import SoFar
from connector.errors import ConfigError
from connector.records import Counts
from connector.store import circuit, releases
from connector.store.leases import RunLock, is_running
from connector.store.session import Store
from connector.web import health

T = TypeVar("T")
GRACE = 3.0  # seconds for what is in flight; somebody waits


@click.command()
@pass_work
@plainly
def run(work: Work) -> int:
    """Run the daemon: poll, map, submit and follow.

    It ends at SIGTERM or Ctrl-C.

    \b
    pars-connector run
    pars-connector --config /etc/pars-connector/config.yaml run
    Health and metrics: http://127.0.0.1:8417/livez, /readyz, /metrics
    """
    from connector import daemon

    return daemon.run(work.store, work.config)


@click.command()
@click.option("--stage", "stages", multiple=True, type=click.Choice(list(pipeline.STAGES)), help="Only this stage.")
@as_json
@pass_work
@plainly
def once(work: Work, stages: tuple[str, ...], *, as_json: bool) -> int:
    """Run every stage once and end; refused while a daemon runs.

    Whoever asks by hand wants it now: stopped sources and channels are tried, waiting learners are looked up again.

    \b
    pars-connector once
    pars-connector once --stage collection --stage mapping
    """
    with RunLock(work.store), terminal.progress("starting") as tell:
        activities.load(work.config, work.store)
        pipeline.check_rules(work.store, work.config)

        circuit.try_now(work.store)
        releases.look_again(work.store)
        waiting_too = work.config.learners.model_copy(update={"refresh": timedelta(0)})
        config = work.config.model_copy(update={"learners": waiting_too})

        def turn() -> dict[str, Counts]:
            wanted, began = stages or pipeline.STAGES, time.monotonic()
            return pipeline.run(work.store, config, wanted, lambda *so_far: tell(_how_far(began, *so_far)))

        done = _interruptible(work.store, turn)
    stopped = health.readiness(work.store)
    if as_json:
        terminal.json_lines({"stage": name, **counts} for name, counts in done.items())
        terminal.json_lines({"stopped": reason} for reason in stopped)
    else:
        terminal.table("", ["stage", "done"], ([name, said(counts)] for name, counts in done.items()), nothing="")
        for reason in stopped:
            terminal.say(f"stopped: {reason}")
    return FAILED if stopped or any(counts["failed"] for counts in done.values()) else 0


def said(counts: Counts) -> str:
    """`12 read, 3 in doubt`."""
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()) or "-"


def _how_far(began: float, stage: str, so_far: SoFar) -> str:
    """`collection:campus: 12,400 statements read, 820 a second, 35 % of the way`."""
    read = so_far.counts["read"]
    if not read:
        return stage
    speed = read / max(time.monotonic() - began, 0.1)
    way = f", {so_far.way:.0%} of the way" if so_far.way is not None else ""
    return f"{stage}: {read:,} statements read, {speed:,.0f} a second{way}"


def _interruptible(store: Store, job: Callable[[], T]) -> T:
    """The job in a thread of its own, so that Ctrl-C ends it between two rows and never in the middle of a save."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    pool = ThreadPoolExecutor(1)
    future = pool.submit(job)
    try:
        return future.result()
    except KeyboardInterrupt:
        store.stopping.set()
        terminal.complain("ending: what is in flight has a few seconds, what has no answer then is asked about later")
        if wait([future], GRACE).not_done:
            # The thread waits for an answer and would keep the interpreter alive.
            sys.stdout.flush()
            os._exit(FAILED)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        pool.shutdown(wait=False)


@click.command()
@pass_work
@plainly
def healthcheck(work: Work) -> int:
    """Ask the running daemon whether it is alive; for containers.

    \b
    pars-connector healthcheck        exit code 0: alive, 1: not
    """
    from connector.http import Http

    web = work.config.web
    if not web.port:
        hint = "set web.port in config.yaml to a number"
        raise ConfigError("config.no_port", "web.port is 0: nobody knows the daemon's port", hint, where=str(work.path))
    host = f"[{web.host}]" if ":" in web.host else web.host
    scheme = "https" if web.tls else "http"
    # Our own certificate names no 127.0.0.1. No secret is sent, and any liar on our port could say "alive" without TLS.
    with Http(blame="web", connect=2, read=5, verify=web.tls is None) as http:
        answer = http.read("GET", f"{scheme}://{host}:{web.port}/livez", headers={})
    terminal.say("alive" if answer.status == 200 else "not well")
    return 0 if answer.status == 200 else FAILED


@click.group()
def db() -> None:
    """The store itself.

    \b
    pars-connector db upgrade
    """


@db.command("upgrade")
@pass_work
@plainly
def db_upgrade(work: Work) -> None:
    """Bring the schema of the store to this version.

    Every other command does it too.

    \b
    pars-connector db upgrade
    """
    store = Store(work.config.store.url)
    terminal.say("upgraded" if store.upgrade() else "already up to date")
    if is_running(store):
        terminal.say("a daemon is running on this store")


COMMANDS = (run, once, healthcheck, db)
