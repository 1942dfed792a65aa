"""The command of a provider who begins: release an activity's first records."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.store import releases

_COLUMNS = ("activity", "title", "credits", "learners", "look at")


@click.command()
@click.argument("activities", nargs=-1, metavar="[ACTIVITY]...")
@click.option("--all", "everything", is_flag=True, help="Every activity that waits.")
@click.option("--yes", is_flag=True, help="Without the question.")
@as_json
@pass_work
@plainly
def release(work: Work, activities: tuple[str, ...], *, everything: bool, yes: bool, as_json: bool) -> int:
    """Let the first records of an activity leave, where the provider's `release` is manual.

    Without an activity it lists those that wait. Later records of a released activity leave by themselves.

    \b
    pars-connector release                      what waits
    pars-connector explain 17                   one of its credits: what would be reported
    pars-connector release 203512345
    """
    with work.store.reading() as session:
        waiting = releases.waiting(session)
    chosen = [one for one in waiting if everything or one.activity in activities]
    unknown = sorted(set(activities) - {one.activity for one in chosen})
    if unknown:
        terminal.complain(f"nothing of {', '.join(unknown)} waits for a release: see pars-connector release")
        return FAILED
    if not chosen:
        _show(waiting, as_json=as_json)
        return 0
    if not yes:
        _show(chosen, as_json=False)
        click.confirm("These records are right and may leave?", abort=True)
    now = datetime.now(UTC)
    with work.store.writing() as session:
        for one in chosen:
            releases.release(session, one, by=getpass.getuser(), now=now)
    said = f"released {', '.join(one.activity for one in chosen)}: the records leave with the daemon's next turns"
    terminal.json_lines({"released": one.activity} for one in chosen) if as_json else terminal.say(said)
    return 0


def _show(waiting: Sequence[releases.Waiting], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump() for one in waiting)
        return
    rows = (
        [one.activity, one.title, str(one.credits), str(one.learners), f"pars-connector explain {one.first}"]
        for one in waiting
    )
    terminal.table("waiting for a release", _COLUMNS, rows, nothing="no activity waits for a release")


COMMANDS = (release,)
