"""Plays the rehearsal and tells what happened: stage by stage with counts, then one explained example of each fate."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlmodel import Session, col, select

from connector import activities, daemon, logs, pipeline, terminal
from connector.config import Config
from connector.daemon import Daemon
from connector.demo.workplace import lay_out
from connector.inquiry.explain import explain
from connector.records import Counts
from connector.sandbox.server import Sandbox
from connector.store.leases import RunLock
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit, EvidenceRow, StatementRow

PATIENCE = 60.0  # seconds for the whole rehearsal; it takes a few


def run(folder: Path, channel: str, *, stay: bool) -> int:
    """0 when every fate was seen and the rehearsal PARS found nothing to complain of."""
    logs.set_up(style="console", level="error")
    with Sandbox() as sandbox:
        terminal.say(f"{sandbox.banner}\nEverything below is invented; nothing leaves this machine.\n")
        config = lay_out(folder, sandbox, channel)
        store = open_store(config)
        terminal.say(f"{activities.load(config, store)} activities, rules in {config.mappings}\n")
        with RunLock(store):
            _play(store, config, sandbox)
        missing = _tell(store, config)
        complaints = sandbox.check()
        for complaint in complaints:
            terminal.say(f"the rehearsal PARS complains: {complaint}")
        _say_where(config)
        if stay and not missing and not complaints:
            return _stay(store, config)
        store.dispose()
    return 1 if missing or complaints else 0


def _play(store: Store, config: Config, sandbox: Sandbox) -> None:
    """First what the LRS holds; then the boards answer; then the LMS takes one completion back."""
    _turn(store, config, "1. The completions that the LRS holds")
    sandbox.pars.boards_answer()
    _until(store, config, "2. The boards have answered", lambda: _count(store, State.REJECTED) > 0)
    sandbox.post(sandbox.world.late_statements())
    _until(
        store,
        config,
        "3. The LMS voids a completion that was already reported",
        lambda: _count(store, State.WITHDRAWN) > 0,
    )


def _turn(store: Store, config: Config, title: str) -> None:
    terminal.say(title)
    for name, counts in pipeline.run(store, config).items():
        _say_counts(name, counts)
    terminal.say("")


def _until(store: Store, config: Config, title: str, done: Callable[[], bool]) -> None:
    """Turn after turn until it has happened; what is due when is the pipeline's own business."""
    terminal.say(title)
    total: dict[str, Counts] = {}
    end = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < end:
        for name, counts in pipeline.run(store, config).items():
            total[name] = total.get(name, Counts()) + counts
        time.sleep(0.1)
    for name, counts in total.items():
        _say_counts(name, Counts({what: count for what, count in counts.items() if what not in pipeline.QUIET}))
    terminal.say("")


def _say_counts(name: str, counts: Counts) -> None:
    done = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items())
    if done:
        terminal.say(f"   {name:<15} {done}")


def _count(store: Store, state: State) -> int:
    with store.reading() as session:
        return len(session.exec(select(Credit.id).where(Credit.state == state)).all())


def _tell(store: Store, config: Config) -> list[str]:
    """One explained example of each fate; the names of those that did not happen."""
    missing = []
    for title, find in FATES.items():
        with store.reading() as session:
            what = find(session)
        terminal.say(f"--- {title}")
        if what is None:
            missing.append(title)
            terminal.say("    did not happen: this is a fault of the rehearsal")
            continue
        terminal.story(explain(store, config, what))
        terminal.say("")
    return missing


def _credit(**wanted: str) -> Callable[[Session], str | None]:
    def find(session: Session) -> str | None:
        query = select(Credit.id).order_by(col(Credit.id).desc())
        for name, value in wanted.items():
            query = query.where(getattr(Credit, name) == value)
        found = session.exec(query.limit(1)).first()
        return str(found) if found is not None else None

    return find


def _ignored(session: Session) -> str | None:
    query = select(StatementRow.statement_id).join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    return session.exec(query.where(EvidenceRow.outcome == "ignored").limit(1)).first()


def _duplicate(session: Session) -> str | None:
    linked = select(StatementRow.statement_id).where(col(StatementRow.duplicate_of).is_not(None))
    return session.exec(linked.limit(1)).first()


FATES: dict[str, Callable[[Session], str | None]] = {
    "confirmed: PARS and the board hold it": _credit(state=State.CONFIRMED, kind="moc"),
    "waiting for the board": _credit(state=State.PENDING),
    "refused by PARS": _credit(state=State.REFUSED),
    "rejected by the board": _credit(state=State.REJECTED),
    "learner not matched": _credit(state=State.UNMATCHED),
    "not eligible": _credit(state=State.CLOSED, reason="learner.not_eligible"),
    "ignored by rule": _ignored,
    "duplicate linked": _duplicate,
    "voided and withdrawn": _credit(state=State.WITHDRAWN),
}


def _say_where(config: Config) -> None:
    folder = config.mappings.parent
    command = f"pars-connector --config {folder / 'config.yaml'}"
    terminal.say(
        f"Look around in {folder}:\n   {command} records\n   {command} unmatched list\n   {command} explain 3\n"
    )


def _stay(store: Store, config: Config) -> int:
    """The daemon on the same rehearsal, until Ctrl-C."""

    def ready(running: Daemon) -> None:
        address = f"http://{config.web.host}:{running.health.port}"
        terminal.say(f"The daemon is running; {address}/readyz and {address}/metrics answer. Ctrl-C ends it.")

    return daemon.run(store, config, ready=ready)
