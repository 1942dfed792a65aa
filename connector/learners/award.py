"""Awards and their credits: what one learner can earn once, opened by the first completion that arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners.credit_id import credit_id, rems_credit_id, rems_key, rems_local_id
from connector.records import Completion, CreditOffer
from connector.store.moves import move, note
from connector.store.states import State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow, Record, StatementRow

UNSENT = (State.HELD, State.READY)
VOIDED = "statement.voided"
SAME_AWARD = "award.same"


@dataclass(frozen=True)
class Opening:
    """What opening an award needs to know besides the completion."""

    config: Config
    now: datetime


def attach(
    session: Session, opening: Opening, evidence: EvidenceRow, learner: LearnerRow, completion: Completion
) -> tuple[Award, bool]:
    """Join a completion to its award, opening it (True) if this is the first.

    A later arrival is evidence and changes nothing that was sent.
    """
    statement = session.get_one(StatementRow, evidence.statement_pk)
    known = _of_duplicate(session, evidence, statement) or find(session, learner, completion)
    award = known or _open(session, opening, evidence, learner, completion, statement)
    if known and _unsent(session, known) and completion.completed_on < known.completed_on:
        _begin_earlier(session, opening, known, completion, evidence)
    evidence.award_id = award.id
    session.add(evidence)
    return award, known is None


def find(session: Session, learner: LearnerRow, completion: Completion) -> Award | None:
    same = select(Award).where(
        Award.learner_id == learner.id,
        Award.provider_id == completion.provider,
        Award.activity_id == completion.activity_id,
        Award.per == completion.per,
    )
    return session.exec(same.order_by(col(Award.id)).limit(1)).first()


def credits_of(session: Session, award: Award) -> Sequence[Credit]:
    return session.exec(select(Credit).where(Credit.award_id == award.id).order_by(col(Credit.id))).all()


def follow_evidence(session: Session, opening: Opening, award: Award) -> int:
    """`wanted` follows the standing evidence in any state: none left withdraws, a new one brings the credits back.

    How many credits changed.
    """
    standing = _standing(session, award)
    rows = credits_of(session, award)
    if standing is None:
        return sum(_unwant(session, opening, credit) for credit in rows)
    newest = {credit.certification: credit for credit in rows}
    offers = Completion.model_validate(standing.completion).credits
    return sum(
        _bring_back(session, opening, award, newest[offer.certification], offer)
        for offer in offers
        if offer.certification in newest
    )


def _unwant(session: Session, opening: Opening, credit: Credit) -> bool:
    if credit.wanted == "absent":
        return False
    credit.wanted, credit.why_absent, credit.next_at = "absent", VOIDED, None
    note(session, credit, "no longer wanted", now=opening.now, code=VOIDED, by="learners")
    session.add(credit)
    return True


def _bring_back(session: Session, opening: Opening, award: Award, credit: Credit, offer: CreditOffer) -> bool:
    """Voided, then earned again: an unsent credit re-opens, a withdrawn one is followed by its `-2`."""
    if credit.wanted == "present" or credit.why_absent != VOIDED:
        return False
    if credit.state == State.WITHDRAWN:
        record = session.get_one(Record, credit.record_id)
        serial = len([one for one in credits_of(session, award) if one.certification == offer.certification]) + 1
        _add_credit(session, opening, award, record, offer, serial)
        return True
    if credit.state == State.CLOSED:
        move(session, credit, State.HELD, now=opening.now, code="award.earned_again", by="learners")
    if credit.state in (State.WITHDRAWING, State.WITHDRAWAL_IN_DOUBT, State.WITHDRAWAL_REFUSED):
        return False  # the withdrawal ends first; its `-2` follows
    credit.wanted, credit.why_absent, credit.next_at = "present", "", None
    session.add(credit)
    return True


def _open(
    session: Session,
    opening: Opening,
    evidence: EvidenceRow,
    learner: LearnerRow,
    completion: Completion,
    statement: StatementRow,
) -> Award:
    award = Award(
        provider_id=completion.provider,
        activity_id=completion.activity_id,
        learner_id=learner.id,
        per=completion.per,
        anchor=evidence.actor_key,
        rule=completion.rule,
        rule_hash=completion.rule_hash,
        completed_on=completion.completed_on,
        stored=statement.stored or statement.received_at,
        rems=completion.rems.model_dump(mode="json") if completion.rems else None,
        opened_at=opening.now,
    )
    session.add(award)
    session.flush()
    for kind in ("identified", "rems"):
        offers = [offer for offer in completion.credits if (offer.kind == "rems") == (kind == "rems")]
        if offers:
            _add_record(session, opening, award, kind, offers)
    return award


def _add_record(session: Session, opening: Opening, award: Award, kind: str, offers: Sequence[CreditOffer]) -> None:
    local_id = rems_local_id(_rems_key(opening), award.anchor) if kind == "rems" else ""
    record = Record(
        provider_id=award.provider_id,
        award_id=award.id,
        kind=kind,
        local_id=local_id,
        wait_until=opening.now + opening.config.record.wait,
    )
    session.add(record)
    session.flush()
    for offer in offers:
        _add_credit(session, opening, award, record, offer)


def _add_credit(
    session: Session, opening: Opening, award: Award, record: Record, offer: CreditOffer, serial: int = 1
) -> None:
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
        credit_id=_credit_id(opening, award, offer, serial),
        state=State.HELD,
        state_since=opening.now,
        created_at=opening.now,
        reason="award.opened",
    )
    session.add(credit)
    session.flush()
    note(session, credit, "opened", now=opening.now, code="award.opened", by="learners")


def _credit_id(opening: Opening, award: Award, offer: CreditOffer, serial: int) -> str:
    domain = opening.config.provider(award.provider_id).domain
    key = (award.provider_id, award.activity_id, award.per)
    if offer.kind == "rems":
        return rems_credit_id(domain, _rems_key(opening), award.anchor, key, offer.certification, serial)
    return credit_id(domain, award.anchor, key, offer.certification, serial)


def _rems_key(opening: Opening) -> bytes:
    return rems_key(opening.config.store.rems_key, create=True)


def _of_duplicate(session: Session, evidence: EvidenceRow, statement: StatementRow) -> Award | None:
    """A re-sent statement is evidence of its original's award, whatever its own registration says."""
    if statement.duplicate_of is None:
        return None
    original = select(EvidenceRow).where(
        EvidenceRow.statement_pk == statement.duplicate_of,
        EvidenceRow.rule == evidence.rule,
        col(EvidenceRow.award_id).is_not(None),
    )
    row = session.exec(original).first()
    return session.get(Award, row.award_id) if row else None


def _unsent(session: Session, award: Award) -> bool:
    return all(credit.state in UNSENT and not credit.attempts for credit in credits_of(session, award))


def _begin_earlier(
    session: Session, opening: Opening, award: Award, completion: Completion, evidence: EvidenceRow
) -> None:
    """The earliest date among completions not yet sent wins; the anchor and the credit ids stay."""
    award.completed_on, award.rule, award.rule_hash = completion.completed_on, completion.rule, completion.rule_hash
    session.add(award)
    amounts = {offer.certification: offer.amount for offer in completion.credits}
    for credit in credits_of(session, award):
        credit.amount = amounts.get(credit.certification, credit.amount)
        if credit.state == State.READY:
            move(session, credit, State.HELD, now=opening.now, code="award.earlier", by="learners")
        note(session, credit, "earlier completion", now=opening.now, code=f"evidence:{evidence.id}", by="learners")


def _standing(session: Session, award: Award) -> EvidenceRow | None:
    rows = select(EvidenceRow).where(EvidenceRow.award_id == award.id, col(EvidenceRow.standing).is_(True))
    return session.exec(rows.order_by(col(EvidenceRow.id)).limit(1)).first()


def close_same(session: Session, learner_id: int, now: datetime) -> None:
    """After a merge, two awards for one thing: the younger one's unsent credits close, sent ones wait for a person."""
    seen: dict[tuple[str, str, str], Award] = {}
    for award in session.exec(select(Award).where(Award.learner_id == learner_id).order_by(col(Award.id))):
        key = (award.provider_id, award.activity_id, award.per)
        if key in seen:
            for credit in credits_of(session, award):
                if credit.state in UNSENT:
                    move(session, credit, State.CLOSED, now=now, code=SAME_AWARD, by="learners")
        seen.setdefault(key, award)
