"""The desk on the command line: credits that wait for a person, and what a person decides about them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli.looking import show_credits, tell
from connector.cli.work import FAILED, Work, as_json, nobody_to_wait_for, pass_work, plainly
from connector.inquiry import listing
from connector.learners import decisions
from connector.store import wishes
from connector.store.leases import is_running
from connector.store.tables import Credit, Wish

PATIENCE = 60.0
"""Seconds that --wait waits for the daemon's turn."""
_LOOK_EVERY = 0.1
_SAID = {
    decisions.DONE: "done",
    decisions.GONE: "not done: by the time it was this wish's turn there was nothing left to decide",
}

A_CREDIT = click.IntRange(1, 2**63 - 1)
"""A row's number, as far as a database counts."""

waits = click.option("--wait", is_flag=True, help="Stay until it is done, at most a minute.")


@click.group()
def unmatched() -> None:
    """Credits that wait for a person, and what is decided.

    \b
    pars-connector unmatched list
    pars-connector unmatched show 17
    pars-connector unmatched fix 17 --sum
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


@unmatched.command("fix")
@click.argument("credit", type=A_CREDIT)
@click.option("--sum", "sums", is_flag=True, required=True, help="Withdraw the first, report the sum.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@waits
@as_json
@pass_work
@plainly
def unmatched_fix(work: Work, credit: int, *, sums: bool, yes: bool, wait: bool, as_json: bool) -> int:
    """Report two credits of one date as one.

    CREDIT is held because its board takes one credit a date and the first was sent. The first is withdrawn, and
    reported again with the sum. It leaves only when the sum has passed every gate.

    \b
    pars-connector unmatched fix 17 --sum
    """
    del sums  # the one way there is; named, so that nobody withdraws by a short command
    with work.store.reading() as session:
        second = session.get(Credit, credit)
        first = second and decisions.may_sum(session, second)
        pair = [listing.one(session, row) for row in (first, second) if row]
    if first is None:
        terminal.complain(f"credit {credit} is not held as a second one of its date: `unmatched list` shows which are")
        return FAILED
    show_credits(pair, "", "", as_json=as_json)
    if not yes:
        click.confirm(f"Withdraw credit {first.id} and report the sum of both?", abort=True, err=as_json)
    return _wish(work, decisions.SUM, {"credit": credit}, wait=wait)


@unmatched.command("close")
@click.argument("credit", type=A_CREDIT)
@click.option("--why", required=True, help="For whoever asks later; kept in the store only.")
@waits
@as_json
@pass_work
@plainly
def unmatched_close(work: Work, credit: int, why: str, *, wait: bool, as_json: bool) -> int:
    """Leave a credit as it is and take it off the list.

    The second one of a date is never sent then. A credit that only had to be looked at stays what it is.

    \b
    pars-connector unmatched close 17 --why "agreed with the board"
    """
    with work.store.reading() as session:
        row = session.get(Credit, credit)
        shown = [listing.one(session, row)] if row is not None and decisions.may_close(row) else []
    if not shown:
        terminal.complain(f"credit {credit} does not wait for this decision; a learner is mended where he is kept")
        return FAILED
    show_credits(shown, "", "", as_json=as_json)
    return _wish(work, decisions.CLOSE, {"credit": credit, "why": why}, wait=wait)


def _wish(work: Work, kind: str, args: dict[str, object], *, wait: bool) -> int:
    with work.store.writing() as session:
        number = wishes.wish(session, kind, args, by=work.person, now=datetime.now(UTC)).id
    if not is_running(work.store):
        return nobody_to_wait_for(wait=wait)
    terminal.complain("the daemon does it with its next turn")
    return _until_done(work, number) if wait else 0


def _until_done(work: Work, number: int) -> int:
    ends = time.monotonic() + PATIENCE
    with terminal.progress("waiting for its turn"):
        while (result := _result(work, number)) is None and time.monotonic() < ends:
            time.sleep(_LOOK_EVERY)
    if result is None:
        terminal.complain("not done within a minute; it stays asked for")
        return FAILED
    terminal.complain(_SAID.get(result, f"not done ({result}): the log says more"))
    return 0 if result == decisions.DONE else FAILED


def _result(work: Work, number: int) -> str | None:
    """None as long as nobody has answered."""
    with work.store.reading() as session:
        wish = session.get_one(Wish, number)
        return wish.result if wish.done_at is not None else None


COMMANDS = (unmatched,)
