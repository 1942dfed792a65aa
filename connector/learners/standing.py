"""What an award's standing evidence says: which credits are wanted, and on what terms those go that were never sent.

After a merge one learner may have two awards for one thing: they are one family, and any of its evidence counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased, defer
from sqlmodel import Session, col, func, select

from connector.learners import gathering
from connector.learners.award import Opening, add_credit, credits_of, earned, family
from connector.logs import log
from connector.records import Actor, Completion, CreditOffer, RemsAnswers
from connector.store import attention
from connector.store.elsewhere import CODE as ELSEWHERE
from connector.store.moves import allowed, may_be_at_pars, move, note, unwant
from connector.store.reasons import SAME_AWARD, VOIDED
from connector.store.states import LIVE, State
from connector.store.succession import follow_up, let_go, waits_for
from connector.store.tables import Award, Credit, Event, EvidenceRow, StatementRow
from connector.store.views import place_in_time

UNSENT = (State.HELD, State.READY)
CORRECTED = "mapping.corrected"
AGAIN = "award.earned_again"
PARTED = "award.parted"
DOUBLED = "credit.doubled"
TERMS = "award.earlier"
WITHDRAWAL = (State.WITHDRAWING, State.WITHDRAWAL_IN_DOUBT, State.WITHDRAWAL_REFUSED)
FALLEN = (VOIDED, CORRECTED, *attention.UNEARNED)
_PLACE_TAKEN = LIVE | {State.REFUSED, State.UNMATCHED, State.REJECTED}

Offers = dict[str, CreditOffer]


@dataclass(frozen=True)
class Ground:
    """One completion of an award; the earliest that stands gives the terms, however they arrived."""

    completion: Completion
    stands: bool
    order: tuple[object, ...]
    why_not: str = ""  # our code


def follow(session: Session, opening: Opening, award: Award) -> int:
    """Bring an award in line with its evidence, in any state; how many credits changed.

    What only voided statements earned is no longer wanted; what stands (again) is; unsent credits take the terms of
    the earliest standing completion. What was sent keeps its terms: a later arrival changes nothing there.
    """
    awards = family(session, award)
    grounds = grounds_of(session, awards)
    offers = offers_of(ground for ground in grounds if ground.stands)
    fallen = _fallen(grounds)
    rows = credits_of(session, awards)
    changed = 0
    for row in rows:
        if row.certification in offers:
            _off_the_desk(session, opening, row)
        elif row.certification in fallen:
            changed += _fall(session, opening, row, fallen[row.certification])
    for offer in offers.values():
        mine = [row for row in rows if row.certification == offer.certification and not is_lent(row)]
        if mine:
            changed += _bring_back(session, opening, mine, offer)
        elif lent := [row for row in rows if row.certification == offer.certification and allowed(row, State.HELD)]:
            _reopen(session, opening, lent[0])
            changed += 1
        elif _may_join(offer, rows, grounds):
            add_credit(session, opening, keeper(awards, rows), offer, code="award.joined")
            changed += 1
    first = next((ground.completion for ground in grounds if ground.stands), None)
    if first:
        changed += sum(_take_terms(session, opening, one, first, offers) for one in awards)
    return changed


def wanted_again(session: Session, award: Award, certification: str) -> bool:
    """Does anything that stands earn this certification?"""
    grounds = grounds_of(session, family(session, award))
    return certification in offers_of(ground for ground in grounds if ground.stands)


def rems_answers(session: Session, award: Award) -> RemsAnswers | None:
    """What the statements themselves said of a REMS participant."""
    grounds = grounds_of(session, family(session, award))
    said = [ground.completion.rems for ground in grounds if ground.completion.rems and ground.stands]
    return said[0] if said else None


def doubled(session: Session, learners: Collection[int]) -> Sequence[int]:
    """The eldest award of each family that has more than one, of these learners."""
    eldest = select(func.min(Award.id)).where(col(Award.learner_id).in_(learners))
    thing = (col(Award.provider_id), col(Award.activity_id), col(Award.per), col(Award.guest))
    grouped = eldest.group_by(col(Award.learner_id), *thing)
    return session.exec(grouped.having(func.count() > 1)).all()


def close_same(session: Session, opening: Opening, award: Award) -> None:
    """After a merge, two awards for one thing: one credit a certification goes on, the other unsent ones close.

    A credit that was sent goes on, else the oldest; where two were sent, nothing is withdrawn without a person.
    """
    rows = credits_of(session, family(session, award))
    for certification in sorted({row.certification for row in rows}):
        same = [row for row in rows if row.certification == certification]
        _close_all_but_one(session, same, opening.now)
        _tell_doubled(session, award, [row for row in same if row.state in LIVE and row.wanted == "present"], opening)
    follow(session, opening, award)


def _close_all_but_one(session: Session, rows: Sequence[Credit], now: datetime) -> None:
    unsent = [row for row in rows if row.state in UNSENT and row.wanted == "present"]
    replaced = {row.supersedes for row in unsent}
    taken = [row for row in rows if (row.state in _PLACE_TAKEN and row.id not in replaced) or row.reason == ELSEWHERE]
    for row in unsent if taken else unsent[1:]:
        for old in waits_for(session, row):  # what it was to replace waits for the one that goes on
            follow_up(session, taken[0] if taken else unsent[0], old, now=now, by="learners")
        move(session, row, State.CLOSED, now=now, code=SAME_AWARD, by="learners")


def _tell_doubled(session: Session, award: Award, sent: Sequence[Credit], opening: Opening) -> None:
    """Two credits that PARS holds, or may hold, for one thing: said once, for each younger one."""
    for credit in sent[1:]:
        told = select(Event.id).where(Event.subject_id == str(credit.id), Event.subject == "credit")
        if session.exec(told.where(Event.code == DOUBLED)).first() is not None:
            continue
        credit.attention = DOUBLED
        note(session, credit, "doubled", now=opening.now, code=DOUBLED, by="learners")
        log.warning(
            "credit.doubled",
            credit=credit.id,
            provider=award.provider_id,
            activity=award.activity_id,
            code=DOUBLED,
            hint=f"credit {sent[0].id} reports the same: a person withdraws one of the two",
            who=str(Actor.COORDINATOR),
        )


def grounds_of(session: Session, awards: Iterable[Award]) -> list[Ground]:
    """The evidence of these awards, ordered by what the statements say and never by when they came."""
    learners = {award.id: award.learner_id for award in awards}
    rows = select(EvidenceRow, StatementRow, EvidenceRow.award_id)
    rows = rows.join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(EvidenceRow.outcome == "completion", col(EvidenceRow.award_id).in_(learners))
    found = session.exec(rows.options(defer(StatementRow.raw))).all()  # type: ignore[arg-type]
    tellings = [gathering.told(row, statement, learners[award_id or 0]) for row, statement, award_id in found]
    heard = gathering.hear(session, tellings)
    grounds = [
        _ground(row, statement, telling, heard) for (row, statement, _), telling in zip(found, tellings, strict=True)
    ]
    return sorted(grounds, key=lambda ground: ground.order)


def _ground(row: EvidenceRow, statement: StatementRow, telling: gathering.Telling, heard: gathering.Heard) -> Ground:
    completion, timestamp = telling.completion, statement.timestamp
    why_not = gathering.why_not(telling, heard) if row.standing else VOIDED
    order = (completion.day, place_in_time(timestamp), completion.rule, statement.statement_id)
    return Ground(completion, not why_not, order, why_not)


def offers_of(grounds: Iterable[Ground]) -> Offers:
    """By certification, the first completion's first."""
    offers: Offers = {}
    for ground in grounds:
        for offer in ground.completion.credits:
            offers.setdefault(offer.certification, offer)
    return offers


def is_lent(credit: Credit) -> bool:
    """Closed in favour of another award's credit: its evidence counts there."""
    return credit.state == State.CLOSED and credit.reason == SAME_AWARD


def _reopen(session: Session, opening: Opening, credit: Credit) -> None:
    """It was closed in favour of somebody who turned out to be another person."""
    credit.wanted, credit.why_absent = "present", ""
    move(session, credit, State.HELD, now=opening.now, code=PARTED, by="learners")


def _fallen(grounds: Iterable[Ground]) -> dict[str, str]:
    """By certification, why what earned it does not stand: `statement.voided` only where nothing else is the reason."""
    codes: dict[str, str] = {}
    for ground in grounds:
        for offer in () if ground.stands else ground.completion.credits:
            if codes.get(offer.certification, VOIDED) == VOIDED:
                codes[offer.certification] = ground.why_not
    return codes


def _fall(session: Session, opening: Opening, credit: Credit, code: str) -> bool:
    """Nothing earns it any more. A void withdraws it; otherwise a person decides about what PARS holds or may hold."""
    if credit.wanted == "absent":
        return False
    if code in attention.UNEARNED and attention.is_left(session, credit, code):
        return False
    if code in attention.UNEARNED and _is_held(session, credit):
        hint = "PARS may hold it, and nothing earns it any more: a person withdraws it, or leaves it"
        return attention.call(session, credit, code, now=opening.now, hint=hint, by="learners")
    _off_the_desk(session, opening, credit)
    unwant(session, credit, code, now=opening.now, by="learners")
    return True


def _is_held(session: Session, credit: Credit) -> bool:
    """May PARS hold it: as itself, in a sum, or as what this one is to replace?"""
    if may_be_at_pars(credit):
        return True
    if credit.state != State.CLOSED or credit.summed_into is None:
        return any(map(may_be_at_pars, waits_for(session, credit)))
    carrier = session.get_one(Credit, credit.summed_into)
    told = {summed(old.id) for old in waits_for(session, carrier) if may_be_at_pars(old)}
    was_in = select(Event.id).where(Event.subject == "credit", Event.subject_id == str(credit.id))
    return may_be_at_pars(carrier) or session.exec(was_in.where(col(Event.what).in_(told)).limit(1)).first() is not None


def summed(carrier: int | None) -> str:
    """What the story of a credit says when another carries its amount."""
    return f"summed into credit {carrier}"


def _off_the_desk(session: Session, opening: Opening, credit: Credit) -> None:
    for code in attention.UNEARNED:
        attention.forget(session, credit, code, now=opening.now, by="learners")


def earned_again(session: Session) -> set[int]:
    """Awards with a withdrawn credit that has no successor, while something that stands earns it."""
    later, kin = aliased(Credit), aliased(Award)
    successor = select(later.id).where(
        later.award_id == Credit.award_id, later.certification == Credit.certification, later.id > Credit.id
    )
    stands = select(EvidenceRow.id).join(kin, col(kin.id) == col(EvidenceRow.award_id))  # what fell mostly stays down
    stands = stands.where(EvidenceRow.outcome == "completion", col(EvidenceRow.standing).is_(True))
    stands = stands.where(kin.learner_id == Award.learner_id, kin.provider_id == Award.provider_id)
    stands = stands.where(kin.activity_id == Award.activity_id, kin.per == Award.per)
    rows = select(Award, Credit.certification).join(Credit, col(Credit.award_id) == col(Award.id))
    rows = rows.where(Credit.state == State.WITHDRAWN, col(Credit.why_absent).in_(FALLEN))
    found = session.exec(rows.where(~successor.exists(), stands.exists())).all()
    return {award.id for award, certification in found if wanted_again(session, award, certification)}


def never_left(session: Session) -> set[int]:
    """Awards with a credit on the desk that PARS turned out not to hold: nothing earns it, so it must not leave."""
    free = (State.HELD, State.READY, State.REFUSED, State.UNMATCHED, State.CLOSED)
    rows = select(Credit).where(col(Credit.state).in_(free), Credit.at_pars == "no", Credit.wanted == "present")
    rows = rows.where(col(Credit.attention).in_(attention.UNEARNED))
    return {row.award_id for row in session.exec(rows).all() if not _is_held(session, row)}


def _bring_back(session: Session, opening: Opening, rows: Sequence[Credit], offer: CreditOffer) -> bool:
    """Fallen, then earned again: an unsent credit re-opens, a withdrawn one is followed by its `-2`."""
    credit = rows[-1]
    if any(row.wanted == "present" for row in rows) or credit.why_absent not in FALLEN:
        return False
    if credit.state in WITHDRAWAL:
        return False  # the withdrawal ends first; its `-2` follows
    if credit.state == State.WITHDRAWN:
        add_credit(session, opening, session.get_one(Award, credit.award_id), offer, code=AGAIN)
        return True
    credit.wanted, credit.why_absent, credit.next_at = "present", "", None
    if credit.state == State.CLOSED and credit.reason in FALLEN and credit.at_pars == "no":
        move(session, credit, State.HELD, now=opening.now, code=AGAIN, by="learners")
    else:
        note(session, credit, "wanted again", now=opening.now, code=AGAIN, by="learners")
    let_go(session, credit, now=opening.now, by="learners")
    session.add(credit)
    return True


def _may_join(offer: CreditOffer, rows: Sequence[Credit], grounds: Sequence[Ground]) -> bool:
    """Another rule of the same activity earns what the award has not: a course its CME, its test the board's points.

    An edited rule does not: what it offers under a new name would double what its old version has earned.
    """
    same_board = [row for row in rows if row.board == offer.board and row.kind == offer.kind]
    if any(not (row.credit_type and offer.credit_type) for row in same_board):
        return False
    by = {ground.completion.rule for ground in grounds if offer in ground.completion.credits}
    hashes = {ground.completion.rule_hash for ground in grounds if ground.completion.rule in by}
    return len(hashes) == len(by)


def keeper(awards: Sequence[Award], rows: Sequence[Credit]) -> Award:
    """The award of a family that goes on."""
    going_on = {row.award_id for row in rows if not is_lent(row)}
    return next((award for award in awards if award.id in going_on), awards[0])


def _take_terms(session: Session, opening: Opening, award: Award, first: Completion, offers: Offers) -> bool:
    """The earliest date among completions not yet sent wins; the anchor and the credit ids stay."""
    rows = credits_of(session, [award])
    if not all(is_free(row) for row in rows):
        return False
    terms = (first.day, first.rule, first.rule_hash)
    differs = terms != (award.completed_on, award.rule, award.rule_hash)
    award.completed_on, award.rule, award.rule_hash = terms
    session.add(award)
    taken = [take(session, opening, row, offers, differs=differs) for row in rows if not is_lent(row)]
    return any(taken)


def is_free(credit: Credit) -> bool:
    """Nothing of it is or may be at PARS."""
    return credit.state in (State.CLOSED, State.WITHDRAWN) or (credit.state in UNSENT and credit.at_pars == "no")


def take(
    session: Session, opening: Opening, credit: Credit, offers: Offers, *, differs: bool, code: str = TERMS
) -> bool:
    """The offer's terms for a credit that was never sent; `differs`: something else that a gate looks at changed."""
    offer = offers.get(credit.certification)
    if offer is None or credit.state == State.WITHDRAWN:
        return False
    terms = (offer.amount, offer.board_total)
    if terms != earned(credit):
        credit.offered, credit.offered_total = credit.amount, credit.board_total = terms
    elif not differs:
        return False
    if credit.state in UNSENT:
        credit.reported_on = None  # an attempt that left nothing at PARS
    if credit.state == State.READY:
        move(session, credit, State.HELD, now=opening.now, code=code, by="learners")
    else:
        note(session, credit, "other completion", now=opening.now, code=code, by="learners")
    if credit.state == State.HELD:
        credit.next_at = None
    session.add(credit)
    return True
