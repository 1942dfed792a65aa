"""What changed rules would do to statements that were read before, and a person's word that it be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, nobody_to_wait_for, pass_work, plainly
from connector.inquiry import plan as inquiry
from connector.mapping.versions import apply
from connector.mapping.versions.plan import Plan
from connector.store.leases import is_running
from connector.store.tables import Wish

PATIENCE = 600.0  # seconds that --wait waits
_ASK = 0.2
_NOTHING = "nothing waits: statements read before have the outcomes that these rules give"
_NOTHING_NEW = "nothing is new: what else changes waits for `pars-connector plan --apply` without --adds-only"


@click.command()
@click.option(
    "--apply", "agreed", is_flag=False, flag_value="", metavar="[ID]", help="Have it done; ID: only if it is this plan."
)
@click.option("--adds-only", is_flag=True, help="Only what is new: change and withdraw nothing.")
@click.option("--moved", multiple=True, metavar="ACTIVITY_ID", help="Records may move to this activity (with --yes).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Until it is done.")
@as_json
@pass_work
@plainly
def plan(
    work: Work, agreed: str | None, moved: tuple[str, ...], *, adds_only: bool, yes: bool, wait: bool, as_json: bool
) -> int:
    """Show what changed rules would do to statements read before.

    New rules count for statements read from now on. What they would add, change and withdraw among the others waits
    for --apply, which the daemon carries out.

    \b
    pars-connector plan
    pars-connector plan --apply                 shows it and asks
    pars-connector plan --apply 3f9c0a11b2 --adds-only --yes --wait
    """
    if as_json and agreed is not None and not yes:
        raise click.BadOptionUsage("--json", "--json asks nothing: use it with --yes, or without --apply")
    if agreed is None and (adds_only or moved or yes or wait):
        raise click.BadOptionUsage("--apply", "this changes nothing without --apply")
    if inquiry.is_under_way(work.store):
        terminal.complain("a plan that was agreed to is not carried out yet: wait for it, or run `pars-connector once`")
        return FAILED
    with terminal.progress("looking") as tell:
        found = inquiry.proposed(
            work.store, work.config, lambda done, whole: tell(_how_far(done, whole)), adds_only=adds_only
        )
    _show(work, found, _NOTHING_NEW if adds_only else _NOTHING, as_json=as_json)
    if agreed is None or found.is_empty:
        return 0
    if agreed and agreed != found.id:
        terminal.complain(f"this is not the plan {agreed} any more: the rules, a statement or a credit has changed")
        return FAILED
    if not _is_agreed(found, moved, adds_only=adds_only, yes=yes):
        return FAILED
    return _wish(work, found, adds_only=adds_only, wait=wait)


def _show(work: Work, found: Plan, nothing: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(inquiry.as_json(found))
        return
    terminal.table("the plan", inquiry.COLUMNS, inquiry.rows(found), nothing=nothing if found.is_empty else "")
    for line in (*inquiry.examples(found), *inquiry.summary(found)):
        terminal.say(line)
    if is_running(work.store) and (said := inquiry.other_files(work.store, work.config)):
        terminal.complain(said)


def _is_agreed(found: Plan, moved: Sequence[str], *, adds_only: bool, yes: bool) -> bool:
    """By a person who looks, or by the options; a wrong activity that was reported wants a word of its own."""
    wrong = found.moved
    if yes:
        if missing := [activity for activity in wrong if activity not in moved]:
            options = " ".join(f"--moved {activity}" for activity in missing)
            terminal.complain(f"records that went out would move to another activity: say so with {options}")
        return not missing
    click.confirm("Only what is new?" if adds_only else "All of this?", abort=True)
    for activity in wrong:
        said = click.prompt(f"Records that went out are withdrawn and reported under {activity}: type that id")
        if said.strip() != activity:
            terminal.complain("that is another activity: nothing is done")
            return False
    return True


def _wish(work: Work, found: Plan, *, adds_only: bool, wait: bool) -> int:
    with work.store.writing() as session:
        now = datetime.now(UTC)
        wish = apply.ask(session, found.id, found.target, adds_only=adds_only, by=work.person, now=now)
    if not is_running(work.store):
        return nobody_to_wait_for(wait=wait)
    terminal.complain("the daemon does it with its next turn")
    return _wait(work, wish.id) if wait else 0


def _wait(work: Work, wish_id: int) -> int:
    """Shows how far it is; how it ended is the exit code."""
    ends = time.monotonic() + PATIENCE
    with terminal.progress("waiting for the daemon") as tell:
        while True:
            with work.store.reading() as session:
                wish = session.get_one(Wish, wish_id)
            if wish.done_at is not None:
                break
            if time.monotonic() > ends:
                terminal.complain("it is not done yet; the daemon goes on with it")
                return FAILED
            tell(_said(wish) or "waiting for the daemon")
            time.sleep(_ASK)
    if wish.result == apply.MOVED:
        terminal.complain("the rules, a statement or a credit has changed since: look at the plan again")
        return FAILED
    terminal.complain(f"done: {_said(wish) or 'nothing'}; the records follow with the daemon's next turns")
    return 0


def _said(wish: Wish) -> str:
    return ", ".join(f"{count} {what}" for what, count in wish.args.get("counts", {}).items())


def _how_far(done: int, whole: int) -> str:
    return f"{done:,} of {whole:,} statements"


COMMANDS = (plan,)
