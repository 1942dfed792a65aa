"""Sends the records whose credits are ready: asked about first when they are old, then one record a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, or_, select

from connector.pars.exchange import CannotSend
from connector.pars.lookup import Seen, look
from connector.records import Payload, Problem, Verdict
from connector.store import journal
from connector.store.circuit import back_off
from connector.store.leases import free, lease
from connector.store.moves import move, settle
from connector.store.people import as_learner
from connector.store.states import State
from connector.store.tables import Award, Channel, Credit, LearnerRow, Record
from connector.store.unmatched import follow_match
from connector.store.views import as_record_credit, learner_query
from connector.submission.assemble import assemble, snapshot
from connector.submission.web_service import Answer, Desk, carry, keep

LEASE_MARGIN = timedelta(minutes=2)  # a lease outlasts the longest request


def due_records(session: Session, provider_id: str, now: datetime) -> list[int]:
    """Records with a ready credit that is due; REMS records by their identifier, so that their order tells nothing."""
    rows = select(Record).join(Credit, col(Credit.record_id) == col(Record.id))
    rows = rows.where(Record.provider_id == provider_id, Credit.state == State.READY, Credit.wanted == "present")
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now)).distinct()
    found = session.exec(rows.order_by(col(Record.kind), col(Record.local_id), col(Record.id))).all()
    return [record.id for record in found if not _waits(session, record, now)]


def _waits(session: Session, record: Record, now: datetime) -> bool:
    """CME and MOC of one completion leave together: a held one is waited for until `record.wait` has passed."""
    held = select(Credit).where(Credit.record_id == record.id, Credit.state == State.HELD, Credit.wanted == "present")
    return record.wait_until is not None and now < record.wait_until and session.exec(held).first() is not None


def send_record(desk: Desk, record_id: int) -> Answer | None:
    """One record to PARS; None when there was nothing to send. The answer says whether the channel may go on."""
    _ask_first(desk, record_id)
    claimed = _claim(desk, record_id)
    if claimed is None:
        return None
    submission_id, payload, ids = claimed
    answer = carry(desk, payload, ids, "add")
    _write_down(desk, submission_id, ids, answer)
    return answer


def _ready(session: Session, record_id: int, now: datetime) -> Sequence[Credit]:
    rows = select(Credit).where(Credit.record_id == record_id, Credit.state == State.READY, Credit.wanted == "present")
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    return session.exec(rows.order_by(col(Credit.id)).with_for_update(skip_locked=True)).all()


def _ask_first(desk: Desk, record_id: int) -> None:
    """A credit whose statement is older than `ask_first_after` may have been sent from a store that was lost since."""
    now = datetime.now(UTC)
    with desk.store.reading() as session:
        award = session.get_one(Award, session.get_one(Record, record_id).award_id)
        old = award.stored is None or now - award.stored > desk.config.pars.ask_first_after
        asked = [
            credit for credit in _ready(session, record_id, now) if old and not credit.attempts and not credit.asked
        ]
        birth = as_learner(session, session.get_one(LearnerRow, award.learner_id)).birth_day
    birth_day = birth.get_secret_value() if birth else ""
    for credit in asked:
        seen = look(desk.client, as_record_credit(credit), learner_query(credit, award, birth_day))
        with desk.store.writing() as session:
            _adopt(session, session.get_one(Credit, credit.id), award, seen)


def _adopt(session: Session, credit: Credit, award: Award, seen: Seen) -> None:
    now = datetime.now(UTC)
    credit.asked += 1
    session.add(credit)
    if seen.ours is not None and seen.ours.outcome.verdict in (Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED):
        settle(session, credit, seen.ours.outcome, now=now, by_status=True, by="submission")
        follow_match(session, credit, award, seen.ours.outcome.code, now=now)
    elif seen.others and not _all_ours(session, seen):
        move(session, credit, State.CLOSED, now=now, code="pars.reported_elsewhere", by="submission")


def _all_ours(session: Session, seen: Seen) -> bool:
    ids = [held.outcome.credit_id for held in seen.others]
    return len(session.exec(select(Credit.id).where(col(Credit.credit_id).in_(ids))).all()) == len(set(ids))


def _claim(desk: Desk, record_id: int) -> tuple[int, Payload, list[str]] | None:
    """Written before it is sent: the credits under a lease, the submission with its payload."""
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        credits_ = _ready(session, record_id, now)
        if not credits_:
            return None
        record = session.get_one(Record, record_id)
        learner_record = assemble(session, desk.config, record, credits_, "add")
        try:
            payload = desk.client.render([learner_record], now)
        except CannotSend as error:
            _hold(session, credits_, error.problems, now)
            return None
        channel = session.get_one(Channel, desk.channel_id)
        submission = journal.write(session, channel, "add", payload, credits_, now)
        identity = snapshot(learner_record.learner) if learner_record.learner else {}
        for credit in credits_:
            move(session, credit, State.SENDING, now=now, by="submission")
            credit.at_pars, credit.channel_id, credit.sent_as = "unknown", desk.channel_id, identity
            credit.attempts += 1
            credit.negatives, credit.first_negative_at = 0, None
            credit.first_sent_at = credit.first_sent_at or now
            lease(credit, desk.store.owner, now=now, length=desk.config.pars.timeout + LEASE_MARGIN)
        return submission.id, payload, [credit.credit_id for credit in credits_]


def _hold(session: Session, credits_: Sequence[Credit], problems: Sequence[Problem], now: datetime) -> None:
    """The format's last gate said no: the credits wait with its reasons, the channel goes on."""
    for credit in credits_:
        move(session, credit, State.HELD, now=now, code=problems[0].code, by="submission")
        credit.problems = [problem.model_dump(mode="json") for problem in problems]
        credit.next_at = now + timedelta(hours=1)


def _write_down(desk: Desk, submission_id: int, ids: Sequence[str], answer: Answer) -> None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        credits_ = session.exec(select(Credit).where(col(Credit.credit_id).in_(ids)).order_by(col(Credit.id))).all()
        mine = [credit for credit in credits_ if credit.state == State.SENDING]
        keep(session, submission_id, answer, mine)
        for credit in mine:
            free(credit)
            if answer.nothing_happened:
                _back_to_ready(session, credit, desk, answer, now)
            else:
                _settle(session, credit, answer, desk, now)


def _back_to_ready(session: Session, credit: Credit, desk: Desk, answer: Answer, now: datetime) -> None:
    credit.at_pars = "no"
    move(session, credit, State.READY, now=now, code=answer.code, by="submission")
    credit.next_at = now + back_off(credit.attempts, desk.config.pars.retry_first, desk.config.pars.retry_most)
    desk.counts["postponed"] += 1


def _settle(session: Session, credit: Credit, answer: Answer, desk: Desk, now: datetime) -> None:
    outcome = answer.about(credit)
    settle(session, credit, outcome, now=now, by_status=False, by="submission")
    award = session.get_one(Award, credit.award_id)
    follow_match(session, credit, award, outcome.code, now=now)
    desk.counts[credit.state] += 1
