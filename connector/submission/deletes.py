"""Withdrawals: a save with action `delete` and exactly the credit ids to go, never in bulk without a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session, col, func, or_, select

from connector.config import Config
from connector.logs import log
from connector.records import Counts, Payload, Verdict
from connector.store import journal
from connector.store.circuit import back_off
from connector.store.leases import free, lease
from connector.store.moves import allowed, move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Channel, Credit, Event, Record
from connector.submission.adds import LEASE_MARGIN
from connector.submission.assemble import assemble
from connector.submission.web_service import Answer, Desk, carry, keep

_UNSENT = (State.HELD, State.READY, State.REFUSED)
_AT_PARS = (State.PENDING, State.CONFIRMED, State.REJECTED, State.UNMATCHED)


def carry_out_wishes(store: Store, config: Config, provider_id: str, counts: Counts) -> None:
    """Credits no longer wanted: unsent ones close, those PARS holds are to be withdrawn (promise P9)."""
    now = datetime.now(UTC)
    with store.writing() as session:
        absent = select(Credit).where(Credit.provider_id == provider_id, Credit.wanted == "absent")
        for credit in session.exec(absent.where(col(Credit.state).in_(_UNSENT))):
            move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by="submission")
            counts["closed"] += 1
        held = session.exec(absent.where(col(Credit.state).in_(_AT_PARS))).all()
        going = [credit for credit in held if allowed(credit, State.WITHDRAWING)]
        if len(going) > _most(session, config, provider_id):
            _stop_bulk(session, provider_id, len(going), now)
            return
        for credit in going:
            move(session, credit, State.WITHDRAWING, now=now, code=credit.why_absent, by="submission")
        for credit in held:
            if credit not in going and allowed(credit, State.CLOSED):
                move(session, credit, State.CLOSED, now=now, code=credit.why_absent, by="submission")
                counts["closed"] += 1


def _most(session: Session, config: Config, provider_id: str) -> int:
    """Ten, or one per cent of what PARS holds of this provider if that is more."""
    at_pars = select(func.count()).select_from(Credit).where(Credit.provider_id == provider_id)
    held = session.exec(at_pars.where(col(Credit.state).in_((State.PENDING, State.CONFIRMED)))).one()
    return max(config.pars.most_withdrawals, held // 100)


def _stop_bulk(session: Session, provider_id: str, count: int, now: datetime) -> None:
    """More withdrawals at once than any ordinary day brings: nothing leaves, and it is said once."""
    said = select(Event).where(Event.subject == "provider", Event.subject_id == provider_id)
    last = session.exec(said.where(Event.what == "bulk withdrawal stopped").order_by(col(Event.id).desc())).first()
    if last is not None and last.code == str(count):
        return
    session.add(
        Event(at=now, subject="provider", subject_id=provider_id, what="bulk withdrawal stopped", code=str(count))
    )
    log.warning(
        "withdrawals.stopped",
        provider=provider_id,
        count=count,
        code="pars.bulk_withdrawal",
        who="operator",
        hint="raise pars.most_withdrawals for one run if they are right",
    )


def due_withdrawals(session: Session, provider_id: str, now: datetime) -> list[int]:
    """Records with a credit to be withdrawn whose delete has not left or has been refused for now."""
    rows = select(Credit.record_id).where(Credit.provider_id == provider_id, Credit.state == State.WITHDRAWING)
    rows = rows.where(Credit.lease_owner == "", or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    return list(session.exec(rows.distinct().order_by(col(Credit.record_id))).all())


def withdraw_record(desk: Desk, record_id: int) -> Answer | None:
    """One delete; None when there was nothing to withdraw after all."""
    claimed = _claim(desk, record_id)
    if claimed is None:
        return None
    submission_id, payload, ids = claimed
    answer = carry(desk, payload, ids, "delete")
    _write_down(desk, submission_id, ids, answer)
    return answer


def _claim(desk: Desk, record_id: int) -> tuple[int, Payload, list[str]] | None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        rows = select(Credit).where(Credit.record_id == record_id, Credit.state == State.WITHDRAWING)
        rows = rows.where(Credit.lease_owner == "").order_by(col(Credit.id)).with_for_update(skip_locked=True)
        credits_ = session.exec(rows).all()
        if not credits_:
            return None
        record = session.get_one(Record, record_id)
        payload = desk.client.render([assemble(session, desk.config, record, credits_, "delete")], now)
        submission = journal.write(session, session.get_one(Channel, desk.channel_id), "delete", payload, credits_, now)
        for credit in credits_:
            credit.attempts += 1
            credit.negatives, credit.first_negative_at = 0, None
            lease(credit, desk.store.owner, now=now, length=desk.config.pars.timeout + LEASE_MARGIN)
            session.add(credit)
        return submission.id, payload, [credit.credit_id for credit in credits_]


def _write_down(desk: Desk, submission_id: int, ids: Sequence[str], answer: Answer) -> None:
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        rows = session.exec(select(Credit).where(col(Credit.credit_id).in_(ids)).order_by(col(Credit.id))).all()
        mine = [credit for credit in rows if credit.state == State.WITHDRAWING]
        keep(session, submission_id, answer, mine)
        for credit in mine:
            free(credit)
            if answer.nothing_happened:
                pause = back_off(credit.attempts, desk.config.pars.retry_first, desk.config.pars.retry_most)
                credit.next_at = now + pause
                session.add(credit)
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
        case _:  # "no such credit" is asked about like no answer at all: it may only be late
            credit.at_pars = "unknown"
            move(session, credit, State.WITHDRAWAL_IN_DOUBT, now=now, code=said.code, by="submission")
