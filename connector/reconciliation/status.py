"""What an answer to "do you hold this credit?" means for a credit in doubt, pending or in a doubtful withdrawal."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from connector.config import ParsConfig
from connector.logs import log
from connector.pars.lookup import Seen
from connector.records import Verdict
from connector.store import journal
from connector.store.circuit import back_off
from connector.store.moves import move, note, settle
from connector.store.states import NEGATIVES, State
from connector.store.tables import Award, Credit
from connector.store.unmatched import follow_match

MOST_DOUBTS = 3  # saves of one credit without a readable answer; then a person looks
PARKED = timedelta(days=1)
VANISHED_AFTER = timedelta(days=2)
_HELD = (Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED)


def read(session: Session, credit: Credit, award: Award, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    """Apply one look to one credit, in the caller's transaction."""
    credit.asked += 1
    session.add(credit)
    match credit.state:
        case State.IN_DOUBT:
            _in_doubt(session, credit, seen, patience, now)
        case State.WITHDRAWAL_IN_DOUBT:
            _withdrawal_in_doubt(session, credit, seen, patience, now)
        case State.PENDING:
            _pending(session, credit, seen, patience, now)
    follow_match(session, credit, award, credit.reason, now=now)


def _in_doubt(session: Session, credit: Credit, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    if seen.ours is not None and seen.ours.outcome.verdict in _HELD:
        settle(session, credit, seen.ours.outcome, now=now, by_status=True, by="reconciliation")
        _ask_again(credit, patience, now)
    elif _foreign(session, seen):
        move(session, credit, State.CLOSED, now=now, code="pars.reported_elsewhere", by="reconciliation")
    elif _negative(session, credit, patience, now):
        _not_there(session, credit, now)


def _not_there(session: Session, credit: Credit, now: datetime) -> None:
    """Two negatives, `pars.settle` apart: PARS never stored it."""
    if credit.wanted == "absent":
        credit.at_pars = "no"
        move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by="reconciliation")
    elif journal.doubtful_saves(session, credit) >= MOST_DOUBTS:
        _park(session, credit, now)
    else:
        credit.at_pars = "no"
        move(session, credit, State.READY, now=now, code="pars.not_there", by="reconciliation")


def _park(session: Session, credit: Credit, now: datetime) -> None:
    """The same save failed three times without a word: asking goes on, sending does not, until a person looks."""
    if credit.reason != "pars.three_doubts":
        credit.reason = "pars.three_doubts"
        note(session, credit, "parked", now=now, code=credit.reason, by="reconciliation")
        log.warning("credit.parked", credit=credit.id, code=credit.reason, who="operator")
    credit.next_at = now + PARKED


def _withdrawal_in_doubt(session: Session, credit: Credit, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    if seen.ours is not None:
        credit.at_pars = "yes"
        move(session, credit, State.WITHDRAWING, now=now, code="pars.still_there", by="reconciliation")
    elif _negative(session, credit, patience, now):
        credit.at_pars = "no"
        move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by="reconciliation")


def _pending(session: Session, credit: Credit, seen: Seen, patience: ParsConfig, now: datetime) -> None:
    if seen.ours is not None and seen.ours.outcome.verdict in _HELD:
        settle(session, credit, seen.ours.outcome, now=now, by_status=True, by="reconciliation")
    elif credit.state_since and now - credit.state_since > VANISHED_AFTER and credit.reason != "pars.vanished":
        credit.reason = "pars.vanished"
        note(session, credit, "vanished", now=now, code=credit.reason, by="reconciliation")
        log.warning("credit.vanished", credit=credit.id, code=credit.reason, who="operator")
    _ask_again(credit, patience, now)


def _negative(session: Session, credit: Credit, patience: ParsConfig, now: datetime) -> bool:
    """Count an answer "not there"; True once two of them lie `pars.settle` apart."""
    if credit.first_negative_at is None:
        credit.first_negative_at, credit.negatives = now, 1
        note(session, credit, "not there", now=now, code="pars.not_there", by="reconciliation")
    elif now - credit.first_negative_at >= patience.settle:
        credit.negatives = max(NEGATIVES, credit.negatives + 1)
        return True
    credit.next_at = credit.first_negative_at + patience.settle
    return False


def _ask_again(credit: Credit, patience: ParsConfig, now: datetime) -> None:
    """A board answers within a day: often at first, then at most every `24 x` as long."""
    if credit.state == State.PENDING:
        credit.next_at = now + back_off(credit.asked, patience.ask_every, patience.ask_every * 24)


def _foreign(session: Session, seen: Seen) -> bool:
    """PARS holds this award under an id that is none of ours."""
    ids = {held.outcome.credit_id for held in seen.others}
    known = set(session.exec(select(Credit.credit_id).where(col(Credit.credit_id).in_(ids))).all())
    return bool(ids - known)
