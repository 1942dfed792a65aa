"""The desk on the command line: credits that wait for a person, and what a person decides about them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli import deciding, desk_sheets
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import explain, listing
from connector.inquiry import unmatched as cases
from connector.records import Actor

_COLUMNS = (
    "credit", "learner", "activity", "completed", "credit type", "amount", "state", "reason", "who acts", "age",
    "deadline", "suggestion",
)  # fmt: skip


@click.group()
def unmatched() -> None:
    """Credits that wait for a person, and what is decided.

    \b
    pars-connector unmatched list
    pars-connector unmatched show 17
    pars-connector unmatched fix 17 --set birth_day=04/12
    pars-connector unmatched retry 17
    pars-connector unmatched close 17 --why "agreed with the board"
    """


@unmatched.command("list")
@click.option("--who", type=click.Choice([str(who) for who in Actor]), metavar="WHO", help="learner, coordinator, ...")
@click.option("--activity", help="An ACCME activity id.")
@click.option("--learner", help="A learner's number or actor key.")
@as_json
@pass_work
@plainly
def unmatched_list(work: Work, who: str | None, activity: str | None, learner: str | None, *, as_json: bool) -> None:
    """List credits that wait for a person.

    Learners who must be mended, second credits of one date, credits that must be looked at. The oldest stand first,
    with their age, the deadline that is next, and whether a near miss is known: sure once PARS has said yes to it.

    \b
    pars-connector unmatched list
    pars-connector unmatched list --who learner --activity 203512345
    """
    wanted = cases.Filter(who=Actor(who) if who else None, activity=activity, learner=learner)
    found = cases.listed(work.store, work.config, wanted, datetime.now(UTC))
    if as_json:
        terminal.json_lines(one.plain() for one in found)
    else:
        terminal.table("unmatched", _COLUMNS, map(_cells, found), nothing="nobody waits: every learner is matched")


def _cells(one: cases.Open) -> list[str]:
    row = one.row
    about = [str(row.credit), str(row.learner), row.activity, str(row.completed_on), row.certification, row.amount]
    why = [row.state, row.attention or row.reason, listing.who_acts(row.problems)]
    return [*about, *why, f"{one.days} d", one.outlook.brief(), one.suggestion]


@unmatched.command("show")
@click.argument("credit")
@click.option("--values", is_flag=True, help="Show the values too; on a terminal only.")
@as_json
@pass_work
@plainly
def unmatched_show(work: Work, credit: str, *, values: bool, as_json: bool) -> int:
    """Tell what is the matter with one that waits.

    What failed, which field, who can fix it, what was sent and what came back, how old it is and which deadline is
    next, the near misses by number, and its whole story.

    \b
    pars-connector unmatched show 17
    pars-connector unmatched show 17 --values
    """
    if values and (as_json or not sys.stdout.isatty()):
        terminal.complain("--values shows them on a terminal only: they belong into no file and no mail")
        return FAILED
    number = explain.credit_number(work.store, credit)
    if number is None:
        terminal.complain(f"no credit {credit}: `unmatched list` shows which wait for a person")
        return FAILED
    lines = cases.told(work.store, work.config, number, datetime.now(UTC), values=values)
    lines += explain.explain(work.store, work.config, credit)
    if as_json:
        terminal.json_lines(line.model_dump() for line in lines)
    else:
        terminal.story(lines)
    return 0


for command in (*deciding.COMMANDS, *desk_sheets.COMMANDS):
    unmatched.add_command(command)

COMMANDS = (unmatched,)
