"""What a command asks of the daemon, and how long somebody waits for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from connector import terminal
from connector.cli.work import FAILED, Work, nobody_to_wait_for
from connector.learners import decisions, linking
from connector.store import wishes
from connector.store.leases import is_running
from connector.store.tables import Wish

PATIENCE = 60.0
"""Seconds that --wait waits for the daemon's turn."""
_LOOK_EVERY = 0.1
_SAID = {
    decisions.DONE: "done",
    decisions.GONE: "not done: by the time it was this wish's turn there was nothing left to decide",
    linking.TWO_PEOPLE: "not done (learner.two_people): by what the learner sources say these are two people",
}

A_CREDIT = click.IntRange(1, 2**63 - 1)
"""A row's number, as far as a database counts."""

waits = click.option("--wait", is_flag=True, help="Stay until it is done, at most a minute.")


def ask(work: Work, kind: str, args: dict[str, object], *, wait: bool) -> int:
    """Write the wish down, and say who will carry it out; the exit code."""
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
