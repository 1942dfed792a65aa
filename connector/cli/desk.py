"""The desk on the command line: credits that wait for a person, and what a person decides about them."""

from __future__ import annotations

import click

from connector.cli import deciding
from connector.cli.looking import show_credits, tell
from connector.cli.work import Work, as_json, pass_work, plainly
from connector.inquiry import listing


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
@as_json
@pass_work
@plainly
def unmatched_list(work: Work, *, as_json: bool) -> None:
    """List credits that wait for a person.

    Learners who must be mended, second credits of one date, credits that must be looked at. The oldest stand first.

    \b
    pars-connector unmatched list
    """
    show_credits(listing.unmatched(work.store), "unmatched", "every learner is matched", as_json=as_json)


@unmatched.command("show")
@click.argument("credit")
@as_json
@pass_work
@plainly
def unmatched_show(work: Work, credit: str, *, as_json: bool) -> int:
    """Tell the story of one that waits.

    What failed, which field, who can mend it.

    \b
    pars-connector unmatched show 17
    """
    return tell(work, credit, as_json=as_json)


for command in deciding.COMMANDS:
    unmatched.add_command(command)

COMMANDS = (unmatched,)
