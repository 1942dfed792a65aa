"""Withdrawals that leave: a save with action `delete` and exactly the credit ids to go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from connector.logs import log
from connector.pars.exchange import CannotSend
from connector.records import Verdict
from connector.store.leases import free
from connector.store.moves import move, note
from connector.store.states import State
from connector.store.succession import heirs_of
from connector.store.tables import Credit, Record
from connector.submission import successors
from connector.submission.assemble import assemble
from connector.submission.web_service import Answer, Claim, Desk, carry, claim, keep, lock_record, pause, still_mine

HELD_AGAIN = timedelta(hours=1)
LOOKED_AT_AGAIN = timedelta(minutes=1)


def due_withdrawals(session: Session, provider_id: str, now: datetime, channel_id: int) -> list[int]:
    """Records with a credit to be withdrawn that came by this channel and whose delete has not left, in an order that
    tells nothing about REMS records."""
    rows = select(Record.id, Record.kind, Record.local_id).join(Credit, col(Credit.record_id) == col(Record.id))
    rows = rows.where(Record.provider_id == provider_id, Credit.state == State.WITHDRAWING, Credit.lease_owner == "")
    rows = rows.where(or_(col(Credit.channel_id).is_(None), Credit.channel_id == channel_id))
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now)).distinct()
    found = session.exec(rows.order_by(col(Record.kind), col(Record.local_id), col(Record.id)))
    return [record_id for record_id, _, _ in found]


def withdraw_record(desk: Desk, record_id: int) -> Answer | None:
    """One delete; None when there was nothing to withdraw after all."""
    claimed = _claim(desk, record_id)
    if claimed is None:
        return None
    answer = carry(desk, claimed, "delete")
    _write_down(desk, claimed, answer)
    return answer


def going(record_id: int, now: datetime) -> SelectOfScalar[Credit]:
    rows = select(Credit).where(Credit.record_id == record_id, Credit.state == State.WITHDRAWING)
    rows = rows.where(Credit.lease_owner == "", or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    return rows.order_by(col(Credit.id))


def _claim(desk: Desk, record_id: int) -> Claim | None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        record = lock_record(session, record_id)
        rows = session.exec(going(record_id, now).with_for_update()).all()
        if record is None or not rows:
            return None
        free = [credit for credit in rows if _is_unhindered(session, desk, credit, now)]
        if not free:
            return None
        # one identity and date a document: credits that left under others go with the next request
        left_as = (free[0].sent_as, free[0].reported_on)
        credits_ = [credit for credit in free if (credit.sent_as, credit.reported_on) == left_as]
        try:
            payload = desk.client.render([assemble(session, desk.config, record, credits_, "delete")], now)
        except CannotSend as error:
            _put_off(session, credits_, error, now)
            return None
        for credit in credits_:
            successors.sets_out(session, credit, now)
        return claim(session, desk, "delete", payload, credits_, now)


def _is_unhindered(session: Session, desk: Desk, credit: Credit, now: datetime) -> bool:
    """Days may have passed since it set out, the channel was down: what replaces it must pass the gates as of now, our
    own last one, the document's, among them."""
    found = successors.obstacle(session, desk.config, credit, now) or _unwritable(session, desk, credit, now)
    if found is not None:
        successors.call_person(session, credit, found, now)
        credit.next_at = now + LOOKED_AT_AGAIN
        session.add(credit)
    return found is None


def _unwritable(session: Session, desk: Desk, credit: Credit, now: datetime) -> successors.Obstacle | None:
    for new in heirs_of(session, credit):
        if new.state not in (State.HELD, State.READY):
            continue
        record = session.get_one(Record, new.record_id)
        try:
            desk.client.render([assemble(session, desk.config, record, [new], "add")], now)
        except CannotSend as error:
            return successors.Obstacle(new.id, error.code)
    return None


def _put_off(session: Session, credits_: Sequence[Credit], error: CannotSend, now: datetime) -> None:
    """Our own last gate refuses the document: it is tried every hour, and a person is told once."""
    for credit in credits_:
        credit.problems = [problem.model_dump(mode="json") for problem in error.problems]
        credit.next_at = now + HELD_AGAIN
        if credit.reason != error.code:
            credit.reason = error.code
            note(session, credit, "withdrawal put off", now=now, code=error.code, by="submission")
            log.warning("withdrawal.put_off", credit=credit.id, code=error.code, who=str(error.problems[0].who))
        session.add(credit)


def _write_down(desk: Desk, claimed: Claim, answer: Answer) -> None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        mine = still_mine(session, claimed, State.WITHDRAWING)
        keep(session, claimed, answer, mine)
        again = now + pause(desk, mine)
        for credit in mine:
            free(credit)
            session.add(credit)
            if answer.nothing_happened:
                credit.next_at = again
            else:
                _settle(session, credit, answer, now)
                desk.counts[credit.state] += 1


def _settle(session: Session, credit: Credit, answer: Answer, now: datetime) -> None:
    said = answer.about(credit)
    credit.pars_status, credit.pars_reason, credit.pars_words = said.status, said.reason, said.words
    match said.verdict:
        case Verdict.DELETED:
            credit.at_pars = "no"
            move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by="submission")
        case Verdict.REFUSED if said.code != "pars.no_match":
            move(session, credit, State.WITHDRAWAL_REFUSED, now=now, code=said.code, by="submission")
            log.warning("withdrawal.refused", credit=credit.id, code=said.code, who="coordinator")
        case _:  # "no such credit" is asked about like no answer at all: it may only be late
            credit.at_pars = "unknown"
            move(session, credit, State.WITHDRAWAL_IN_DOUBT, now=now, code=said.code, by="submission")
