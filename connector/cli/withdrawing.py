"""The command that takes reported credit back: it counts first, and asks."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli.wishing import ask, waits
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import withdrawals
from connector.inquiry.listing import counted
from connector.inquiry.withdrawals import Going
from connector.store import wishes

_COLUMNS = ("activity", "state", "what becomes of it", "credits")
_A_FEW = 10


@click.command()
@click.argument("target")
@click.option("--provider", help="Only this provider's.")
@click.option("--dry-run", is_flag=True, help="Count, and withdraw nothing.")
@click.option("--yes", "confirmed", type=click.IntRange(1), metavar="COUNT", help="Without the question, if so many.")
@waits
@as_json
@pass_work
@plainly
def withdraw(
    work: Work, target: str, provider: str | None, confirmed: int | None, *, dry_run: bool, wait: bool, as_json: bool
) -> int:
    """Take credits back: deleted at PARS, or never sent.

    TARGET is a credit (its number or its ccid:), record:NUMBER, learner:NUMBER or activity:ID. It shows first what
    would go. Nothing that stands earns a withdrawn credit again.

    \b
    pars-connector withdraw 17 --dry-run
    pars-connector withdraw learner:4
    pars-connector withdraw activity:203512345 --yes 212
    """
    found = withdrawals.find(work.store, target, provider, datetime.now(UTC))
    if found is None:
        terminal.complain(f"no credit, record, learner or activity is called {target}: see pars-connector withdraw -h")
        return FAILED
    if as_json:
        terminal.json_lines(one.plain() for one in found)
    else:
        _show(found)
    if not found or dry_run:
        return 0
    if confirmed is not None and confirmed != len(found):
        terminal.complain(f"--yes {confirmed} was said, and these are {len(found)}: nothing is withdrawn")
        return FAILED
    if confirmed is None and not _is_confirmed(len(found), as_json=as_json):
        terminal.complain("nothing is withdrawn")
        return FAILED
    return ask(work, wishes.WITHDRAW, {"credits": [one.credit for one in found]}, wait=wait)


def _is_confirmed(count: int, *, as_json: bool) -> bool:
    if as_json:
        raise click.BadOptionUsage("--json", "--json asks nothing: use it with --yes COUNT, or --dry-run")
    if count > _A_FEW:
        said: str = click.prompt("These are many. Type their number to withdraw them", err=True)
        return said.strip() == str(count)
    return click.confirm(f"Withdraw {counted(count, 'credit', 'credits')}?", err=True)


def _show(found: list[Going]) -> None:
    rows = ([*what, str(count)] for what, count in sorted(withdrawals.counted(found).items()))
    terminal.table("would be withdrawn", _COLUMNS, rows, nothing="nothing of it is reported, or waits to be")
    late = [one for one in found if one.late and one.fate != "closed unsent"]
    if late:
        what = counted(len(late), "of them is", "of them are")
        terminal.complain(f"{what} of a year whose reporting window may have closed: they could not be reported again")
    if any(one.rems for one in found):
        terminal.complain("REMS records are among them")


COMMANDS = (withdraw,)
