"""What an answer to "do you hold this credit?" means for a credit in doubt, pending or in a doubtful withdrawal."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from connector.config import ParsConfig
from connector.logs import log
from connector.pars.exchange import Unclear
from connector.pars.lookup import Seen
from connector.records import Outcome, Verdict
from connector.store import attention, elsewhere, journal
from connector.store.circuit import back_off
from connector.store.moves import DIFFERS, move, note, settle
from connector.store.states import NEGATIVES, PARKED, State
from connector.store.tables import Award, Credit
from connector.store.unmatched import follow_match
from connector.store.views import compared

MOST_DOUBTS = 3  # saves of one credit that settled nothing; then a person looks
ASKED_WHEN_PARKED = timedelta(days=1)
ASKED_WHEN_DIFFERENT = timedelta(days=1)
VANISHED_AFTER = timedelta(days=2)
VANISHED = "pars.vanished"
_HELD = (Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED)
_BY = "reconciliation"


def read(session: Session, credit: Credit, award: Award, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    """Apply one look to one credit, in the caller's transaction."""
    credit.asked += 1
    credit.asked_at = now
    session.add(credit)
    match credit.state:
        case State.IN_DOUBT:
            _in_doubt(session, credit, award, seen, patience, now)
        case State.WITHDRAWAL_IN_DOUBT:
            _withdrawal_in_doubt(session, credit, seen, patience, now)
        case State.PENDING:
            _pending(session, credit, award, seen, patience, now)
    follow_match(session, credit, award, credit.reason, now=now)


def unclear(session: Session, credit: Credit, error: Unclear, patience: ParsConfig, now: datetime) -> None:
    """The question settled nothing: it is asked ever more rarely, and a person is told once."""
    credit.asked += 1
    credit.next_at = now + back_off(credit.asked, patience.retry_first, patience.ask_every)
    _tell(session, credit, "unclear", error.code, now)


def _in_doubt(session: Session, credit: Credit, award: Award, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    if ours := _held(credit, award, seen):
        settle(session, credit, ours, now=now, by_status=True, by=_BY)
        _ask_again(credit, patience, now)
    elif _negative(session, credit, patience, now):
        _not_there(session, credit, award, seen, now)


def _held(credit: Credit, award: Award, seen: Seen) -> Outcome | None:
    if seen.ours is None or seen.ours.outcome.verdict not in _HELD:
        return None
    return compared(credit, award, seen.ours)


def _not_there(session: Session, credit: Credit, award: Award, seen: Seen, now: datetime) -> None:
    """Two negatives, `pars.settle` apart: PARS never stored ours. Sooner, it might yet come beside another's."""
    if elsewhere.is_reported(session, seen):
        elsewhere.close(session, credit, award, now=now, by=_BY)
    elif credit.wanted == "absent" or credit.attention in attention.UNEARNED:
        _not_to_be_sent(session, credit, now)
    elif journal.doubtful(session, credit, "add") >= MOST_DOUBTS:
        _park(session, credit, now)
    else:
        credit.at_pars = "no"
        move(session, credit, State.READY, now=now, code="pars.not_there", by=_BY)


def _not_to_be_sent(session: Session, credit: Credit, now: datetime) -> None:
    """No longer wanted; or nothing earns it any more, and there is nothing left for a person to decide."""
    if credit.wanted == "present":
        credit.wanted, credit.why_absent = "absent", credit.attention
        attention.clear(session, credit, credit.attention, now=now, by=_BY)
    credit.at_pars = "no"
    move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by=_BY)


def _park(session: Session, credit: Credit, now: datetime) -> None:
    """The same save failed three times without a word: asking goes on, sending does not, until a person looks."""
    credit.next_at = now + ASKED_WHEN_PARKED
    _tell(session, credit, "parked", PARKED, now)


def _tell(session: Session, credit: Credit, what: str, code: str, now: datetime) -> None:
    """Said when it arises, not each time it is found again."""
    if credit.reason != code:
        credit.reason = code
        note(session, credit, what, now=now, code=code, by=_BY)
        log.warning(f"credit.{what}", credit=credit.id, code=code, who="operator")
    session.add(credit)


def _withdrawal_in_doubt(session: Session, credit: Credit, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    shown = seen.ours.outcome.verdict if seen.ours is not None else None
    if shown is Verdict.DELETED:
        credit.at_pars = "no"
        move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by=_BY)
    elif shown is not None:
        credit.at_pars = "yes"
        credit.negatives, credit.first_negative_at = 0, None
        if journal.doubtful(session, credit, "delete") >= MOST_DOUBTS:
            _park(session, credit, now)
            return
        move(session, credit, State.WITHDRAWING, now=now, code="pars.still_there", by=_BY)
        credit.next_at = now + back_off(credit.attempts, patience.retry_first, patience.retry_most)
    elif _negative(session, credit, patience, now):
        credit.at_pars = "no"
        move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by=_BY)


def _pending(session: Session, credit: Credit, award: Award, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    if ours := _held(credit, award, seen):
        settle(session, credit, ours, now=now, by_status=True, by=_BY)
    elif credit.state_since and now - credit.state_since > VANISHED_AFTER:
        _tell(session, credit, "vanished", VANISHED, now)
    _ask_again(credit, patience, now)


def _negative(session: Session, credit: Credit, patience: ParsConfig, now: datetime) -> bool:
    """Count an answer "not there"; True once two of them lie `pars.settle` apart."""
    if credit.first_negative_at is None:
        credit.first_negative_at, credit.negatives = now, 1
        note(session, credit, "not there", now=now, code="pars.not_there", by=_BY)
    elif now - credit.first_negative_at >= patience.settle:
        credit.negatives = max(NEGATIVES, credit.negatives + 1)
        return True
    credit.next_at = credit.first_negative_at + patience.settle
    return False


def _ask_again(credit: Credit, patience: ParsConfig, now: datetime) -> None:
    """A board answers within a day: often at first, then at most every `24 x` as long."""
    if credit.state == State.PENDING and credit.reason == DIFFERS:
        credit.next_at = now + ASKED_WHEN_DIFFERENT
    elif credit.state == State.PENDING:
        credit.next_at = now + back_off(credit.asked, patience.ask_every, patience.ask_every * 24)
