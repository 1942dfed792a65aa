"""The one way a credit changes its state: a legal move, its event in the same transaction, PARS's words beside it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from connector.logs import log
from connector.records import Outcome, Verdict
from connector.store.states import LIVE, MOVES, NEGATIVES, State
from connector.store.tables import Credit, Event

UNKNOWN_STATUS = "pars.unknown_status"
DIFFERS = "pars.differs"
_NO_YES = {UNKNOWN_STATUS: "unclear", DIFFERS: "differs"}
"""Codes of answers that confirm nothing, though PARS shows the credit; and what the log calls them."""


class IllegalMove(Exception):
    """A move that the set does not know, or whose guard says no."""


def allowed(credit: Credit, target: State) -> bool:
    """Is this move legal for this credit now? The set of pairs, and what `wanted` and `at_pars` forbid."""
    source = State(credit.state)
    if (source, target) not in MOVES:
        return False
    if target is State.SENDING:
        return credit.wanted == "present" and credit.at_pars != "yes"
    if target is State.WITHDRAWING:
        return credit.at_pars != "no"
    if target is State.HELD and source in (State.REFUSED, State.UNMATCHED, State.CLOSED):
        return credit.at_pars == "no"
    if (source, target) == (State.IN_DOUBT, State.READY):
        return credit.wanted == "present" and credit.negatives >= NEGATIVES
    return True


def may_be_at_pars(credit: Credit) -> bool:
    """PARS holds it, or may hold it. What it refused, or never got, it does not."""
    return credit.at_pars != "no" or credit.state in LIVE


def move(
    session: Session, credit: Credit, target: State, *, now: datetime, code: str = "", by: str = "pipeline"
) -> None:
    """Move a credit and write its event, in the caller's transaction. Raises IllegalMove."""
    _still_there(session, credit)
    if not allowed(credit, target):
        raise IllegalMove(f"{credit.state} -> {target} (credit {credit.id})")
    note(session, credit, "moved", now=now, code=code, by=by, to=target)
    credit.state = target
    credit.state_since = now
    credit.reason = code
    credit.next_at = None
    session.add(credit)


def _still_there(session: Session, credit: Credit) -> None:
    """On PostgreSQL another daemon may have moved the row since it was read: its state is read again under its lock."""
    if session.get_bind().dialect.name == "sqlite" or credit.id is None:
        return  # SQLite's write transaction is alone from its first statement on
    session.flush()  # an earlier move of this very transaction is no other daemon's
    seen = credit.state
    session.refresh(credit, ["state"], with_for_update=True)
    if credit.state != seen:
        raise IllegalMove(f"{seen} became {credit.state} meanwhile (credit {credit.id})")


def unwant(session: Session, credit: Credit, code: str, *, now: datetime, by: str) -> None:
    """PARS should not hold it any more: submission closes it if it was never sent, else withdraws it."""
    if credit.wanted == "absent":
        return
    credit.wanted, credit.why_absent, credit.next_at = "absent", code, None
    note(session, credit, "no longer wanted", now=now, code=code, by=by)
    session.add(credit)


def note(
    session: Session, credit: Credit, what: str, *, now: datetime, code: str = "", by: str = "pipeline", to: str = ""
) -> None:
    """Write an event about a credit that is not (only) a move."""
    session.add(
        Event(
            at=now,
            subject="credit",
            subject_id=str(credit.id),
            what=what,
            from_state=credit.state,
            to_state=to or credit.state,
            code=code,
            by=by,
        )
    )


def settle(session: Session, credit: Credit, outcome: Outcome, *, now: datetime, by_status: bool, by: str) -> None:
    """Apply PARS's answer to a credit that is sending, in doubt, pending, ready (asked first) or confirmed.

    `by_status`: the answer is a status read, so PARS holds the credit; a CME or REMS credit has no board and is
    confirmed by it, unless its word is unknown or its copy differs from ours.
    """
    credit.pars_status, credit.pars_reason, credit.pars_words = outcome.status, outcome.reason, outcome.words
    target = _target(credit, outcome, by_status=by_status)
    credit.at_pars = _at_pars(outcome)
    _say_once(session, credit, outcome, now=now, by=by)
    if target != credit.state:
        move(session, credit, target, now=now, code=outcome.code, by=by)
    elif outcome.verdict is Verdict.TAKEN:
        credit.reason = outcome.code
    session.add(credit)


def _say_once(session: Session, credit: Credit, outcome: Outcome, *, now: datetime, by: str) -> None:
    """PARS shows the credit, but not so that it could be believed: a person is told when that arises."""
    what = _NO_YES.get(outcome.code)
    if what is None or outcome.verdict is not Verdict.TAKEN:
        return
    if credit.state != State.PENDING or credit.reason != outcome.code:
        note(session, credit, what, now=now, code=outcome.code, by=by)
        log.warning(f"credit.{what}", credit=credit.id, code=outcome.code, who="operator")


def _target(credit: Credit, outcome: Outcome, *, by_status: bool) -> State:
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return State.CONFIRMED
        case Verdict.TAKEN:
            held_without_board = by_status and not credit.board and outcome.code not in _NO_YES
            kept = credit.state == State.CONFIRMED
            return State.CONFIRMED if held_without_board or kept else State.PENDING
        case Verdict.REJECTED:
            return State.UNMATCHED if outcome.is_identity and credit.state != State.CONFIRMED else State.REJECTED
        case Verdict.REFUSED:
            return State.UNMATCHED if outcome.is_identity else State.REFUSED
        case _:
            return State.IN_DOUBT


def _at_pars(outcome: Outcome) -> str:
    match outcome.verdict:
        case Verdict.ACCEPTED | Verdict.TAKEN | Verdict.REJECTED:
            return "yes"
        case Verdict.REFUSED | Verdict.NOT_THERE | Verdict.DELETED:
            return "no"
        case _:
            return "unknown"
