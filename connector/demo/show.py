"""Plays the rehearsal and tells what happened: stage by stage with counts, then one explained example of each fate."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path

from sqlmodel import Session, select

from connector import activities, daemon, logs, pipeline, terminal
from connector.config import Config
from connector.daemon import Daemon
from connector.demo.fates import FATES, Fate, totals
from connector.demo.workplace import lay_out
from connector.inquiry.explain import explain
from connector.inquiry.story import Line
from connector.records import Counts
from connector.sandbox.server import Sandbox
from connector.store.leases import RunLock
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit

PATIENCE = 60.0  # seconds for each step; it takes a few
DOES = {
    "collection": "reads the LRS",
    "mapping": "asks the rules what counts",
    "learners": "who is it, who may be reported",
    "validation": "what PARS would refuse",
    "submission": "sends to PARS",
    "reconciliation": "asks PARS for the final word",
    "desk": "tries near misses",
}


def run(folder: Path, channel: str, *, stay: bool) -> int:
    """0 when every fate was seen and the rehearsal PARS found nothing to complain of."""
    logs.set_up(style="console", level="error")
    with Sandbox() as sandbox:
        config = lay_out(folder, sandbox, channel)
        store = open_store(config)
        _greet(sandbox, config, activities.load(config, store))
        with RunLock(store):
            _play(store, config, sandbox)
        missing = _tell(store, config)
        complaints = sandbox.check()
        for complaint in complaints:
            terminal.say(f"The rehearsal PARS complains: {complaint}")
        _say_where(store, folder)
        if stay and not missing and not complaints:
            return _stay(store, config)
        store.dispose()
    return 1 if missing or complaints else 0


def _greet(sandbox: Sandbox, config: Config, sheet: int) -> None:
    _heading(f"PARS connector: a rehearsal on {config.providers[0].channel}")
    terminal.say(f"{sandbox.banner}\nAn LRS and a PARS of our own run on this machine, with invented learners.")
    terminal.say(f"There are {sheet} activities in the sheet; the rules are in {config.mappings}.\n")


def _heading(text: str) -> None:
    terminal.say(f"{text}\n{'=' * len(text)}")


def _play(store: Store, config: Config, sandbox: Sandbox) -> None:
    """First what the LRS holds; then the boards answer; then the LMS takes one completion back."""
    _heading("What happens, stage by stage")
    _turn(store, config, "1. The LRS holds completions from six kinds of systems")
    sandbox.pars.boards_answer()
    _until(store, config, "2. A day later: the certifying boards have answered", State.REJECTED)
    sandbox.post(sandbox.world.late_statements())
    _until(store, config, "3. The LMS takes back a completion that was already reported", State.WITHDRAWN)


def _turn(store: Store, config: Config, title: str) -> None:
    terminal.say(title)
    for name in pipeline.STAGES:
        with terminal.progress(name):
            counts = pipeline.run(store, config, (name,))[name]
        _say_counts(name, counts)
    terminal.say("")


def _until(store: Store, config: Config, title: str, wanted: State) -> None:
    """Turn after turn until a credit is there; what is due when is the pipeline's own business."""
    terminal.say(title)
    total: dict[str, Counts] = {name: Counts() for name in pipeline.STAGES}
    end = time.monotonic() + PATIENCE
    with terminal.progress(f"until a credit is {wanted}"):
        while not _any(store, wanted) and time.monotonic() < end:
            for name, counts in pipeline.run(store, config).items():
                total[name] += counts
            time.sleep(0.1)
    for name, counts in total.items():
        _say_counts(name, Counts({what: count for what, count in counts.items() if what not in pipeline.QUIET}))
    terminal.say("")


def _say_counts(name: str, counts: Counts) -> None:
    if said := ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()):
        terminal.say(f"   {name:<15} {DOES[name]:<32} {said}")


def _any(store: Store, state: State) -> bool:
    with store.reading() as session:
        return session.exec(select(Credit.id).where(Credit.state == state).limit(1)).first() is not None


def _tell(store: Store, config: Config) -> list[str]:
    """Where the credits stand, and one explained example of each fate; the names of those that did not happen."""
    _heading("Where every credit stands now")
    with store.reading() as session:
        for state, count, why in totals(session):
            terminal.say(f"   {state:<15} {count:>3}  {why}".rstrip())
    terminal.say("")
    _heading("One example of each fate, as `pars-connector explain` tells it")
    return [fate.title for number, fate in enumerate(FATES, 1) if not _tell_one(store, config, number, fate)]


def _tell_one(store: Store, config: Config, number: int, fate: Fate) -> bool:
    with store.reading() as session:
        what = fate.find(session)
    terminal.say(f"{number}. {fate.title.capitalize()}\n   {fate.means}\n")
    if what is None:
        terminal.say("   Did not happen: this is a fault of the rehearsal.\n")
        return False
    terminal.say(f"   $ pars-connector explain {what}")
    terminal.story(Line(depth=line.depth + 2, at=line.at, text=line.text) for line in explain(store, config, what))
    terminal.say("")
    return True


def _say_where(store: Store, folder: Path) -> None:
    with store.reading() as session:
        waiting = _waiting(session)
    program = "pars-connector" if shutil.which("pars-connector") else sys.argv[0]
    command = f"{program} --config {shlex.quote(str(folder / 'config.yaml'))}"
    _heading("Look around")
    terminal.say(f"   {command} records\n   {command} unmatched list\n   {command} unmatched show {waiting}")
    terminal.say(f"The configuration, the sheets and the rules of this rehearsal are in {folder}.\n")


def _waiting(session: Session) -> int | None:
    return session.exec(select(Credit.id).where(Credit.state == State.UNMATCHED).limit(1)).first()


def _stay(store: Store, config: Config) -> int:
    """The daemon on the same rehearsal, until Ctrl-C."""

    def ready(running: Daemon) -> None:
        address = f"http://{config.web.host}:{running.health.port}"
        terminal.say(f"The daemon is running; {address}/readyz and {address}/metrics answer. Ctrl-C ends it.")

    return daemon.run(store, config, ready=ready)
