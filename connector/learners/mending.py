"""A coordinator's corrections and second attempts, carried out so that every gate follows. Asks nobody."""

from __future__ import annotations

from sqlmodel import Session, select

from connector.learners import judging, replacing, series
from connector.learners.award import Opening
from connector.records import Counts
from connector.store import attention, fixes
from connector.store.moves import move
from connector.store.people import lives_as
from connector.store.reasons import NOT_ELIGIBLE
from connector.store.signs import sign
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, Credit, Event, LearnerMatch, LearnerRow
from connector.store.unmatched import solved

CONSENT = "consent"
CORRECTED = "corrected "
BY_HAND = "desk.retry"
BY_PERSON = "closed.by_person"
_SENT_NO = (State.UNMATCHED, State.REJECTED, State.REFUSED)
_LEFT = (State.HELD, *_SENT_NO, State.WITHDRAWAL_REFUSED)


def fix(session: Session, opening: Opening, learner_id: int, fields: dict[str, str], by: str, counts: Counts) -> bool:
    """Correct a learner's fields and judge his credits at once; False where nothing is changed by it."""
    row = lives_as(session, learner_id)
    if row is None:
        return False
    changed = [field for field in sorted(fields) if _put(session, opening, row, field, fields[field], by)]
    if not changed:
        return False
    sign(session, row.id)
    for field in changed:  # which field, when and by whom; never the value
        told = Event(at=opening.now, subject="learner", subject_id=str(row.id), what=f"{CORRECTED}{field}", by=by)
        session.add(told)
    judging.judge_all(session, opening, {row.id: True}, counts)
    return True


def _put(session: Session, opening: Opening, row: LearnerRow, field: str, value: str, by: str) -> bool:
    if field != CONSENT:
        return fixes.put(session, row, field, value, by=by, now=opening.now)
    given = value == "yes"
    session.add(
        ConsentRow(
            learner_id=row.id, given=given, at=opening.now.date(), origin=f"{fixes.DESK}{by}", seen_at=opening.now
        )
    )
    session.flush()
    return True


def may_fix(credit: Credit) -> bool:
    """Could a correction of its learner change what becomes of it? Not of what PARS has taken, or is about to."""
    barred = credit.state == State.CLOSED and credit.reason == NOT_ELIGIBLE
    return barred or bool(credit.attention) or credit.state in (State.HELD, State.READY, *_SENT_NO)


def may_retry(credit: Credit) -> bool:
    """Is there anything that a second attempt could change?"""
    if credit.wanted == "absent":
        return credit.state == State.WITHDRAWAL_REFUSED
    closed = credit.state == State.CLOSED and credit.reason == BY_PERSON and credit.at_pars == "no"
    return closed or credit.state in (State.HELD, *_SENT_NO)


def retry(session: Session, opening: Opening, credit: Credit, counts: Counts, by: str) -> bool:
    """Through all gates again, and to PARS: under its own id where PARS never held it, else in its place."""
    if not may_retry(credit):
        return False
    award = session.get_one(Award, credit.award_id)
    for row in session.exec(select(LearnerMatch).where(LearnerMatch.learner_id == award.learner_id)).all():
        session.delete(row)  # PARS may have been corrected: its earlier word holds nobody up
    if credit.state == State.WITHDRAWAL_REFUSED:
        move(session, credit, State.WITHDRAWING, now=opening.now, code=credit.why_absent, by=by)
        return True
    if credit.state in _SENT_NO and credit.at_pars != "no":
        replacing.replace(session, opening, credit, award, series.own_offer(credit), BY_HAND)
        solved(session, credit, award, now=opening.now)
    elif credit.state != State.HELD:
        move(session, credit, State.HELD, now=opening.now, code=BY_HAND, by=by)
    credit.next_at = None
    session.add(credit)
    session.flush()
    judging.judge_all(session, opening, {award.learner_id: False}, counts)
    return True


def may_close(credit: Credit) -> bool:
    return bool(credit.attention) or credit.state in _LEFT


def close(session: Session, opening: Opening, credit: Credit, by: str) -> bool:
    """Leave it: what was not sent is never sent, what PARS said no to stays so, what called for a person is left."""
    if not may_close(credit):
        return False
    only_called = bool(credit.attention) and credit.reason != series.ONE_PER_DATE
    if credit.attention:
        attention.leave(session, credit, now=opening.now, by=by)
    if credit.state in _LEFT and not only_called:
        credit.unmatched_since = None
        move(session, credit, State.CLOSED, now=opening.now, code=BY_PERSON, by=by)
        series.settle(session, opening, [session.get_one(Award, credit.award_id).learner_id])
    return True
