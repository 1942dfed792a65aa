"""Awards and their credits: what one learner can earn once, opened by the first completion that arrives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners import naming
from connector.learners.credit_id import credit_id, rems_credit_id
from connector.records import Completion, CreditOffer
from connector.store import fixes
from connector.store.moves import note
from connector.store.people import as_learner
from connector.store.rems_key import participant, rems_key, rems_local_id
from connector.store.states import State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow, Record, StatementRow


@dataclass(frozen=True)
class Opening:
    """What opening an award needs to know besides the completion."""

    config: Config
    now: datetime


def attach(
    session: Session, opening: Opening, evidence: EvidenceRow, learner: LearnerRow, completion: Completion
) -> tuple[Award, bool]:
    """Join a completion to its award, opening it (True) if this is the first."""
    statement = session.get_one(StatementRow, evidence.statement_pk)
    name = naming.spoken(statement.raw, evidence.actor_key)
    guest = _guest(session, learner, name)
    known = _of_duplicate(session, statement, evidence, completion) or find(session, learner, completion, guest)
    award = known or _open(session, opening, evidence, learner, completion, statement, (name, guest))
    evidence.award_id = award.id
    session.add(evidence)
    session.flush()
    return award, known is None


def _guest(session: Session, learner: LearnerRow, name: str) -> str:
    """Two people may share a mailbox: what one of them completes joins nothing of the other's."""
    if not name:
        return ""
    names = fixes.actor_names(session, learner.id)
    return naming.guest(name, as_learner(session, learner), names, found=learner.found)


def find(session: Session, learner: LearnerRow, completion: Completion, guest: str = "") -> Award | None:
    same = select(Award).where(
        Award.guest == guest,
        Award.learner_id == learner.id,
        Award.provider_id == completion.provider,
        Award.activity_id == completion.activity_id,
        Award.per == completion.per,
    )
    return session.exec(same.order_by(col(Award.id)).limit(1)).first()


def family(session: Session, award: Award) -> Sequence[Award]:
    """All awards of this learner for this one thing, the oldest first: more than one only after a merge, or when a name
    in a statement turns out to be his."""
    same = select(Award).where(
        Award.guest == award.guest,
        Award.learner_id == award.learner_id,
        Award.provider_id == award.provider_id,
        Award.activity_id == award.activity_id,
        Award.per == award.per,
    )
    return session.exec(same.order_by(col(Award.id))).all()


def credits_of(session: Session, awards: Collection[Award]) -> Sequence[Credit]:
    """Under a lock where the engine has any: another thread may be about to send one of them."""
    rows = select(Credit).where(col(Credit.award_id).in_([award.id for award in awards]))
    return session.exec(rows.order_by(col(Credit.id)).with_for_update()).all()


def earned(credit: Credit) -> tuple[Decimal, Decimal | None]:
    """What its completion earns, before maximum and sums: the amount, and the board's total."""
    return (credit.amount, credit.board_total) if credit.offered is None else (credit.offered, credit.offered_total)


def add_credit(session: Session, opening: Opening, award: Award, offer: CreditOffer, *, code: str) -> Credit:
    """One more credit of an award: its first of this certification, or the `-2` after a withdrawal."""
    kind = _kind(offer)
    records = select(Record).where(Record.award_id == award.id, Record.kind == kind).order_by(col(Record.id)).limit(1)
    record = session.exec(records).first() or _new_record(session, opening, award, kind)
    before = select(Credit.id).where(Credit.award_id == award.id, Credit.certification == offer.certification)
    serial = len(session.exec(before).all()) + 1
    return _new_credit(session, opening, award, record, offer, serial=serial, code=code)


def _new_credit(
    session: Session, opening: Opening, award: Award, record: Record, offer: CreditOffer, *, serial: int, code: str
) -> Credit:
    credit = Credit(
        award_id=award.id,
        record_id=record.id,
        provider_id=award.provider_id,
        kind=offer.kind,
        certification=offer.certification,
        board=offer.board,
        credit_type=offer.credit_type,
        amount=offer.amount,
        board_total=offer.board_total,
        offered=offer.amount,
        offered_total=offer.board_total,
        credit_id=_free_credit_id(session, opening, award, offer, serial=serial),
        state=State.HELD,
        state_since=opening.now,
        created_at=opening.now,
        reason=code,
    )
    session.add(credit)
    session.flush()
    note(session, credit, "opened", now=opening.now, code=code, by="learners")
    return credit


def _open(
    session: Session,
    opening: Opening,
    evidence: EvidenceRow,
    learner: LearnerRow,
    completion: Completion,
    statement: StatementRow,
    called: tuple[str, str],
) -> Award:
    award = Award(
        actor_name=called[0],
        guest=called[1],
        provider_id=completion.provider,
        activity_id=completion.activity_id,
        learner_id=learner.id,
        per=completion.per,
        anchor=evidence.actor_key,
        rule=completion.rule,
        rule_hash=completion.rule_hash,
        completed_on=completion.day,
        stored=statement.stored or statement.received_at,
        rems=completion.rems.model_dump(mode="json") if completion.rems else None,
        opened_at=opening.now,
    )
    session.add(award)
    session.flush()
    for kind in ("identified", "rems"):
        offers = [offer for offer in completion.credits if _kind(offer) == kind]
        if not offers:
            continue
        record = _new_record(session, opening, award, kind)
        for offer in offers:
            _new_credit(session, opening, award, record, offer, serial=1, code="award.opened")
    return award


def _kind(offer: CreditOffer) -> str:
    """Identified and de-identified credits never share a record."""
    return "rems" if offer.kind == "rems" else "identified"


def _new_record(session: Session, opening: Opening, award: Award, kind: str) -> Record:
    record = Record(
        provider_id=award.provider_id,
        award_id=award.id,
        kind=kind,
        local_id=rems_local_id(_rems_key(session, opening), participant(award)) if kind == "rems" else "",
        wait_until=opening.now + opening.config.record.wait,
    )
    session.add(record)
    session.flush()
    return record


def _free_credit_id(session: Session, opening: Opening, award: Award, offer: CreditOffer, *, serial: int) -> str:
    """An account name that was given to somebody else opens the same award a second time: it goes on counting."""
    while True:
        found = _credit_id(session, opening, award, offer, serial=serial)
        if session.exec(select(Credit.id).where(Credit.credit_id == found)).first() is None:
            return found
        serial += 1


def _credit_id(session: Session, opening: Opening, award: Award, offer: CreditOffer, *, serial: int) -> str:
    domain = opening.config.provider(award.provider_id).domain
    key = (award.provider_id, award.activity_id, award.per)
    if offer.kind == "rems":
        return rems_credit_id(domain, _rems_key(session, opening), award.anchor, key, offer.certification, serial)
    return credit_id(domain, award.anchor, key, offer.certification, serial)


def _rems_key(session: Session, opening: Opening) -> bytes:
    """Made for the first REMS record; once there are such records, a lost key must come back from the backup."""
    path = opening.config.store.rems_key
    used = select(Record.id).where(Record.kind == "rems", Record.local_id != "").limit(1)
    return rems_key(path, create=not path.is_file() and session.exec(used).first() is None)


def _of_duplicate(
    session: Session, statement: StatementRow, evidence: EvidenceRow, completion: Completion
) -> Award | None:
    """A re-sent statement is evidence of its original's award, whatever its own registration says; or of the award
    that the original's other copies opened, if it was voided before it had one."""
    if statement.duplicate_of is None:
        return None
    award = (
        select(Award)
        .join(EvidenceRow, col(EvidenceRow.award_id) == col(Award.id))
        .where(
            EvidenceRow.actor_key == evidence.actor_key,  # a group's statement has an award for each member
            Award.provider_id == completion.provider,
            Award.activity_id == completion.activity_id,
        )
        .order_by(col(Award.id))
        .limit(1)
    )
    of_original = award.where(EvidenceRow.statement_pk == statement.duplicate_of)
    of_copies = award.join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk)).where(
        StatementRow.duplicate_of == statement.duplicate_of
    )
    return session.exec(of_original).first() or session.exec(of_copies).first()
