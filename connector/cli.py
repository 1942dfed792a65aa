"""The commands. Each reads its configuration, asks a room, and shows the answer; none knows how a room works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, ParamSpec

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector import __version__, activities, logs, pipeline, terminal
from connector import config as configuration
from connector.config import Config
from connector.errors import ConfigError, ConnectorError
from connector.inquiry import check as checks
from connector.inquiry import explain as stories
from connector.inquiry import ledger, listing
from connector.store.leases import RunLock, is_running
from connector.store.open import open_store
from connector.store.session import Store

P = ParamSpec("P")
FAILED = 1


@dataclass
class Workplace:
    """What most commands need, opened when it is asked for."""

    path: Path

    @cached_property
    def config(self) -> Config:
        loaded = configuration.load(self.path)
        logs.set_up(style=loaded.log.format, level=loaded.log.level)
        return loaded

    @cached_property
    def store(self) -> Store:
        return open_store(self.config)


pass_work = click.make_pass_decorator(Workplace)
as_json = click.option("--json", "as_json", is_flag=True, help="JSON lines in place of a table.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", "-c", "path", default="config.yaml", show_default=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file.",
)  # fmt: skip
@click.version_option(__version__, prog_name="pars-connector")
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """Report CME completions from Moodle or any Learning Record Store to ACCME's PARS.

    \b
    Try it without anything:      pars-connector demo
    Check a configuration:        pars-connector check
    Run it beside your LMS:       pars-connector run
    Why was this not reported?    pars-connector explain STATEMENT|CREDIT|learner:NUMBER
    """
    context.obj = Workplace(path)


def _plainly(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turn our own errors into one clear message and the exit code they stand for; never a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ConnectorError as error:
            terminal.complain(f"error: {error}" if not isinstance(error, ConfigError) else str(error))
            code = error.exit_code
        sys.exit(code or 0)

    return run


def _busy(text: str) -> AbstractContextManager[Any]:
    """A spinner with the time it takes, where somebody looks."""
    if not sys.stderr.isatty():
        return nullcontext()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=terminal.console(error=True), transient=True)
    progress.add_task(text, total=None)
    return progress


@main.command()
@pass_work
@_plainly
def run(work: Workplace) -> int:
    """Run the daemon: poll, map, submit and follow until SIGTERM.

    \b
    Health and metrics: http://127.0.0.1:8417/livez, /readyz, /metrics
    """
    from connector import daemon

    activities.load(work.config, work.store)
    pipeline.check_rules(work.store, work.config)
    return daemon.run(work.store, work.config)


@main.command()
@click.option("--stage", "stages", multiple=True, type=click.Choice(list(pipeline.STAGES)), help="Only this stage.")
@as_json
@pass_work
@_plainly
def once(work: Workplace, stages: tuple[str, ...], *, as_json: bool) -> int:
    """Run every stage once and end; refused while a daemon runs.

    \b
    pars-connector once
    pars-connector once --stage collection --stage mapping
    """
    activities.load(work.config, work.store)
    pipeline.check_rules(work.store, work.config)
    with RunLock(work.store), _busy("working"):
        done = pipeline.run(work.store, work.config, stages or pipeline.STAGES)
    if as_json:
        terminal.json_lines({"stage": name, **counts} for name, counts in done.items())
    else:
        rows = (
            [name, ", ".join(f"{count} {what}" for what, count in counts.items()) or "-"]
            for name, counts in done.items()
        )
        terminal.table("", ["stage", "done"], rows, nothing="")
    return FAILED if any(counts["failed"] for counts in done.values()) else 0


@main.command()
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path), help="Where it works.")
@click.option("--channel", default="xml-service", show_default=True, type=click.Choice(["xml-service", "json-service"]))
@_plainly
def demo(folder: Path, channel: str) -> int:
    """Rehearse the whole job on invented data: nothing to install, nothing leaves this machine.

    On a terminal the daemon stays up afterwards until Ctrl-C.
    """
    from connector.demo import show

    return show.run(folder, channel, stay=sys.stdin.isatty() and sys.stdout.isatty())


@main.command()
@click.option("--lrs-port", default=0, help="0 takes a free port.")
@click.option("--pars-port", default=0, help="0 takes a free port.")
@click.option("--empty", is_flag=True, help="Without the invented statements.")
@_plainly
def sandbox(lrs_port: int, pars_port: int, *, empty: bool) -> None:
    """Start the rehearsal LRS and the rehearsal PARS on loopback, until Ctrl-C."""
    import threading

    from connector.sandbox.server import Sandbox

    with Sandbox(load=not empty, lrs_port=lrs_port, pars_port=pars_port) as servers:
        own = servers.credentials
        terminal.say(servers.banner)
        terminal.say(f"LRS            {servers.lrs_url}   user {own.lrs_user}, password {own.lrs_password}")
        login = f"ProviderId {own.provider_id}, User {own.user}, Password {own.password}"
        terminal.say(f"PARS, XML      {servers.pars_url}   {login}")
        terminal.say(f"PARS, JSON     {servers.pars_json_url}")
        terminal.say(f"faults, ledger {servers.control_url}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            terminal.say("ended")


@main.command()
@click.option("--lrs", "names", flag_value="lrs", multiple=True, help="Only the LRSs.")
@click.option("--pars", "names", flag_value="pars", multiple=True, help="Only PARS: the contract probe.")
@click.option("--learners", "names", flag_value="learners", multiple=True, help="Only the learner sources.")
@click.option("--ledger", "names", flag_value="ledger", multiple=True, help="Only the sums of the store.")
@as_json
@pass_work
@_plainly
def check(work: Workplace, names: tuple[str, ...], *, as_json: bool) -> int:
    """Check configuration, rules, LRSs, PARS, learner sources and the ledger.

    \b
    pars-connector check
    pars-connector check --lrs --pars
    """
    asked = set(names) or {*checks.CHECKS, "ledger"}
    with _busy("checking"):
        found = [one for name, ask in checks.CHECKS.items() if name in asked for one in ask(work.config, work.store)]
    sums = ledger.prove(work.store) if "ledger" in asked else []
    if as_json:
        terminal.json_lines(one.model_dump() for one in [*found, *sums])
    else:
        rows = ([one.what, "good" if one.good else one.code, _lines(one.message, one.hint)] for one in found)
        terminal.table("", ["check", "result", ""], rows, nothing="")
        totals = ([one.what, str(one.count), str(one.wrong or "")] for one in sums)
        if sums:
            terminal.table("ledger", ["what", "count", "wrong"], totals, nothing="")
    return FAILED if any(not one.good for one in found) or any(one.wrong for one in sums) else 0


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


@main.command()
@click.option("--format", "style", default="text", show_default=True, type=click.Choice(["text", "json", "github"]))
@pass_work
@_plainly
def lint(work: Workplace, style: str) -> int:
    """Check the mapping files: every finding with file:line:column."""
    from connector.mapping import loader
    from connector.mapping.stage import defaults_of

    found = loader.lint(work.config.mappings, defaults_of(work.config))
    if style == "json":
        terminal.json_lines(finding.model_dump() for finding in found)
    for finding in found if style == "text" else []:
        terminal.say(str(finding))
    for finding in found if style == "github" else []:
        place = f"file={finding.path},line={finding.line or 1},col={finding.column or 1}"
        terminal.say(f"::{finding.level.replace('info', 'notice')} {place}::{finding.message}")
    errors = [finding for finding in found if finding.level == "error"]
    if style == "text":
        terminal.say(f"{len(errors)} errors, {len(found) - len(errors)} warnings in {work.config.mappings}")
    return ConfigError.exit_code if errors else 0


@main.command()
@pass_work
@_plainly
def test(work: Workplace) -> int:
    """Run the test cases that stand beside the rules."""
    from connector.mapping import rule_tests
    from connector.mapping.stage import defaults_of

    results = rule_tests.run_tests(work.config.mappings, defaults_of(work.config))
    for one in results:
        if not one.passed:
            terminal.say(f"{one.file}: {one.rule}: {one.name}: {one.message}")
    passed = sum(one.passed for one in results)
    terminal.say(f"{passed} passed, {len(results) - passed} failed")
    return FAILED if passed < len(results) else 0


@main.command()
@click.argument("what")
@as_json
@pass_work
@_plainly
def explain(work: Workplace, what: str, *, as_json: bool) -> int:
    """Tell the story of a statement, a learner or a credit.

    \b
    pars-connector explain 7f8a0c5e-...         a statement's id
    pars-connector explain 17                   a credit's number, or its ccid:
    pars-connector explain learner:4            a learner's number
    """
    lines = stories.explain(work.store, work.config, what)
    if not lines:
        terminal.complain(f"nothing is known of {what}: give a statement id, a credit number, or learner:NUMBER")
        return FAILED
    if as_json:
        terminal.json_lines(line.model_dump() for line in lines)
    else:
        terminal.story(lines)
    return 0


@main.command()
@click.option("--learner", help="A learner's number or actor key.")
@click.option("--activity", help="An ACCME activity id.")
@click.option("--state", help="confirmed, held, unmatched, ...")
@click.option("--from", "begin", type=click.DateTime(["%Y-%m-%d"]), help="Completed on or after this date.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="Completed on or before this date.")
@as_json
@pass_work
@_plainly
def records(
    work: Workplace,
    learner: str | None,
    activity: str | None,
    state: str | None,
    begin: datetime | None,
    end: datetime | None,
    *,
    as_json: bool,
) -> None:
    """List credits with their state and PARS's word.

    \b
    pars-connector records --activity 203512345 --from 2026-01-01
    pars-connector records --state held --json
    """
    wanted = listing.Filter(learner=learner, activity=activity, state=state, begin=_day(begin), end=_day(end))
    _show(listing.records(work.store, wanted), "records", "no credit fits", as_json=as_json)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@main.group()
def unmatched() -> None:
    """Learners whom PARS or the learner sources could not match."""


@unmatched.command("list")
@as_json
@pass_work
@_plainly
def unmatched_list(work: Workplace, *, as_json: bool) -> None:
    """List every credit that waits for a person to mend its learner, the oldest first."""
    _show(listing.unmatched(work.store), "unmatched", "every learner is matched", as_json=as_json)


@unmatched.command("show")
@click.argument("credit")
@as_json
@pass_work
@click.pass_context
def unmatched_show(context: click.Context, _work: Workplace, credit: str, *, as_json: bool) -> None:
    """Tell the story of one failed match: what failed, which field, who can mend it."""
    context.invoke(explain, what=credit, as_json=as_json)


def _show(rows: list[listing.Row], title: str, nothing: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(row.plain() for row in rows)
        return
    columns = [
        "credit",
        "learner",
        "activity",
        "completed",
        "credit type",
        "amount",
        "state",
        "reason",
        "PARS",
        "who acts",
    ]
    listed = (
        [
            str(row.credit),
            str(row.learner),
            row.activity,
            str(row.completed_on),
            row.certification,
            row.amount,
            row.state,
            row.reason,
            row.pars_status,
            listing.who_acts(row.problems),
        ]
        for row in rows
    )
    terminal.table(title, columns, listed, nothing=nothing)


@main.command()
@pass_work
@_plainly
def healthcheck(work: Workplace) -> int:
    """Ask the running daemon whether it is alive; for containers."""
    from connector.http import Http

    web = work.config.web
    with Http(blame="web", connect=2, read=5) as http:
        answer = http.read("GET", f"http://{web.host}:{web.port}/livez", headers={})
    terminal.say("alive" if answer.status == 200 else "not well")
    return 0 if answer.status == 200 else FAILED


@main.group()
def db() -> None:
    """The store itself."""


@db.command("upgrade")
@pass_work
@_plainly
def db_upgrade(work: Workplace) -> None:
    """Bring the schema of the store to this version; every other command does it too."""
    store = Store(work.config.store.url)
    terminal.say("upgraded" if store.upgrade() else "already up to date")
    if is_running(store):
        terminal.say("a daemon is running on this store")
