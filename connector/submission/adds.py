"""Sends the records whose credits are ready: asked about first when they are old, then one record a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import SystemRandom

from sqlmodel import Session, col, select

from connector.config import Config
from connector.pars.exchange import CannotSend, LearnerQuery, Unclear
from connector.pars.lookup import Seen, look
from connector.records import Verdict
from connector.store import elsewhere, matches
from connector.store.circuit import back_off
from connector.store.leases import free
from connector.store.moves import move, note, settle
from connector.store.people import as_learner, snapshot
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerRow, Record
from connector.store.unmatched import follow_match
from connector.store.views import as_record_credit, compared, learner_query, reported_on
from connector.submission import leaving, prevalidation
from connector.submission.assemble import assemble
from connector.submission.web_service import Answer, Claim, Desk, carry, claim, keep, lock_record, pause, still_mine

HELD_AGAIN = timedelta(hours=1)
_CHANCE = SystemRandom()


def delay_rems(store: Store, config: Config, provider_id: str) -> None:
    """A REMS record that became ready waits a random while, drawn once: sent beside the identified record of the same
    completion, its hour would tell whose it is.
    """
    new = select(Credit).where(Credit.provider_id == provider_id, Credit.kind == "rems", Credit.state == State.READY)
    new = new.where(col(Credit.next_at).is_(None), col(Credit.first_sent_at).is_(None))
    longest, now = config.record.rems_delay.total_seconds(), datetime.now(UTC)
    if longest == 0:
        return
    with store.writing() as session:
        for credit in session.exec(new.with_for_update()):
            credit.next_at = now + timedelta(seconds=_CHANCE.uniform(0, longest))
            session.add(credit)


def send_record(desk: Desk, record_id: int) -> Answer | None:
    """One record to PARS; None when there was nothing to send. The answer says whether the channel may go on."""
    _ask_first(desk, record_id)
    _ask_match(desk, record_id)
    claimed = _claim(desk, record_id)
    if claimed is None:
        return None
    answer = carry(desk, claimed, "add")
    _write_down(desk, claimed, answer)
    return answer


def _ask_first(desk: Desk, record_id: int) -> None:
    """A credit whose statement or completion is old may have been reported before: from a store that was lost since, or
    by the sheets of the time before us; so may one that left by another channel. PARS's answer holds as long as a
    statement counts as young.
    """
    now = datetime.now(UTC)
    young = now - desk.config.pars.ask_first_after
    with desk.store.reading() as session:
        award = session.get_one(Award, session.get_one(Record, record_id).award_id)
        ready = leaving.ready(session, record_id, now, lock=False)
        if leaving.is_young(award, young):
            ready = [credit for credit in ready if credit.channel_id not in (None, desk.channel_id)]
        if not ready:
            return
        identity = snapshot(as_learner(session, session.get_one(LearnerRow, award.learner_id)))
    for credit in ready:
        if credit.asked_at is None or credit.asked_at < young:
            _ask(desk, credit, award, learner_query(credit, award, identity.get("birth_day", "")), identity)


def _ask(desk: Desk, credit: Credit, award: Award, query: LearnerQuery | None, identity: dict[str, str]) -> None:
    try:
        seen = look(desk.client, as_record_credit(credit), query)
    except Unclear as error:
        _ask_later(desk, credit, error)
        return
    with desk.store.writing() as session:
        fresh = session.get_one(Credit, credit.id, with_for_update=True)
        if fresh.state == State.READY:
            _adopt(session, desk, fresh, award, seen, identity)


def _adopt(session: Session, desk: Desk, credit: Credit, award: Award, seen: Seen, identity: dict[str, str]) -> None:
    """What PARS holds of ours left from here once, as far as anybody knows under the learner's name of today."""
    now = datetime.now(UTC)
    credit.asked += 1
    credit.asked_at = now
    session.add(credit)
    ours = compared(credit, award, seen.ours) if seen.ours else None
    if ours is not None and ours.verdict in (Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED):
        credit.channel_id = desk.channel_id
        credit.sent_as = credit.sent_as or ({} if credit.kind == "rems" else identity)
        credit.reported_on = reported_on(credit, award)
        settle(session, credit, ours, now=now, by_status=True, by="submission")
        follow_match(session, credit, award, ours.code, now=now)
    elif elsewhere.is_reported(session, seen):
        elsewhere.close(session, credit, award, now=now, by="submission")


def _ask_later(desk: Desk, credit: Credit, error: Unclear) -> None:
    """The question settled nothing about this one: nothing is sent unasked, and the channel goes on."""
    now, patience = datetime.now(UTC), desk.config.pars
    with desk.store.writing() as session:
        fresh = session.get_one(Credit, credit.id, with_for_update=True)
        if fresh.state == State.READY:
            fresh.asked += 1
            fresh.next_at = now + back_off(fresh.asked, patience.retry_first, patience.ask_every)
            if fresh.reason != error.code:
                fresh.reason = error.code
                note(session, fresh, "unclear", now=now, code=error.code, by="submission")
            session.add(fresh)


def _ask_match(desk: Desk, record_id: int) -> None:
    """Would PARS know whom this record names? Nobody is asked about who took back the permission to be named."""
    if matches.mode(desk.config, desk.provider_id) == "off":
        return
    with desk.store.reading() as session:
        record = session.get_one(Record, record_id)
        if record.kind == "rems" or leaving.is_withdrawn(session, record):
            return
        award = session.get_one(Award, record.award_id)
        going = leaving.ready(session, record_id, datetime.now(UTC), lock=False)
    prevalidation.ask_beforehand(desk, award, going)


def _claim(desk: Desk, record_id: int) -> Claim | None:
    """Written before it is sent: the credits under a lease, the submission with its payload."""
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        record = lock_record(session, record_id)
        credits_ = leaving.passed(session, desk.config, record, now) if record else []
        if record is None or not credits_:
            return None
        if prevalidation.holds(session, desk, session.get_one(Award, record.award_id), credits_, now):
            return None
        learner_record = assemble(session, desk.config, record, credits_, "add")
        try:
            payload = desk.client.render([learner_record], now)
        except CannotSend as error:
            leaving.hold(session, credits_, error.problems, now + HELD_AGAIN, now)
            return None
        identity = snapshot(learner_record.learner) if learner_record.learner else {}
        for credit in credits_:
            move(session, credit, State.SENDING, now=now, by="submission")
            credit.at_pars, credit.channel_id, credit.sent_as = "unknown", desk.channel_id, identity
            credit.reported_on = learner_record.completed_on
            credit.first_sent_at = credit.first_sent_at or now
        return claim(session, desk, "add", payload, credits_, now)


def _write_down(desk: Desk, claimed: Claim, answer: Answer) -> None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        mine = still_mine(session, claimed, State.SENDING)
        keep(session, claimed, answer, mine)
        again = now + pause(desk, mine)
        for credit in mine:
            free(credit)
            if answer.nothing_happened:
                _back_to_ready(session, credit, answer, again, now)
                desk.counts["postponed"] += 1
            else:
                _settle(session, credit, answer, desk, now)


def _back_to_ready(session: Session, credit: Credit, answer: Answer, again: datetime, now: datetime) -> None:
    credit.at_pars = "no"
    move(session, credit, State.READY, now=now, code=answer.code, by="submission")
    credit.next_at = again


def _settle(session: Session, credit: Credit, answer: Answer, desk: Desk, now: datetime) -> None:
    outcome = answer.about(credit)
    settle(session, credit, outcome, now=now, by_status=False, by="submission")
    award = session.get_one(Award, credit.award_id)
    follow_match(session, credit, award, outcome.code, now=now)
    prevalidation.heed(session, desk, award, credit, outcome)
    desk.counts[credit.state] += 1
