"""Evidence that a plan moved: what its old award and its new one earn now, and what becomes of credits that were sent.

Knows nothing of plans and rules: it finds evidence rows that left an award, and follows them award by award.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from connector.learners import evidence, people, standing
from connector.learners.award import Opening, add_credit, attach, credits_of, earned, family
from connector.learners.replacing import replace, want
from connector.learners.standing import CORRECTED, Ground, Offers, is_free, is_lent
from connector.records import ActorKey, Completion, Counts, CreditOffer
from connector.store import attention, poison, succession, wishes
from connector.store.moves import unwant
from connector.store.reasons import MISSING
from connector.store.states import State
from connector.store.succession import follow_up, is_gone
from connector.store.tables import Award, Credit, Event, EvidenceRow, LearnerRow
from connector.store.views import reported_on

_UNDATABLE = "moodle."
"""How the codes begin of what Moodle will never say."""
_HELD_THERE = (State.PENDING, State.CONFIRMED)
LEFT = "evidence left"
"""An event of an award: from an evidence row (its number is `from_state`) to the award in `to_state`, or to none."""

Thing = tuple[int, str]
"""A statement and one whom it is said of."""
Things = Mapping[int, Collection[Thing]]
"""By award."""
NOTHING: Things = MappingProxyType({})


def waiting(session: Session) -> set[int]:
    """Learners with an award that evidence has left, as far as nobody must be asked for a date first; none while a plan
    is half applied."""
    if wishes.is_half_applied(session):
        return set()
    left = select(EvidenceRow.left_award).where(col(EvidenceRow.left_award).is_not(None))
    standing_ = left.where(col(EvidenceRow.standing).is_(True))
    asked = standing_.where(EvidenceRow.outcome == "completion", EvidenceRow.reason != MISSING)
    asked = asked.where(col(EvidenceRow.next_at).is_not(None))
    undatable = standing_.where(EvidenceRow.outcome == "problem", col(EvidenceRow.reason).startswith(_UNDATABLE))
    left = left.where(EvidenceRow.reason != poison.CODE)
    left = left.where(col(EvidenceRow.left_award).not_in(asked), col(EvidenceRow.left_award).not_in(undatable))
    return set(session.exec(select(Award.learner_id).where(col(Award.id).in_(left.distinct())).distinct()))


def is_held_up(row: Any) -> Any:
    """Condition: the same statement has left an award that was not followed yet. What else is made of it is joined with
    that."""
    left = aliased(EvidenceRow)
    same = select(left.id).where(left.statement_pk == row.statement_pk, left.actor_key == row.actor_key)
    return same.where(col(left.left_award).is_not(None)).exists()


def correct(session: Session, opening: Opening, learner_id: int, counts: Counts) -> set[int]:
    """Follow what left this learner's awards, all of them at once, in the caller's transaction: what one loses another
    may gain. The learners whose credits may have changed."""
    touched: dict[int, Award] = {}
    gave, got = defaultdict[int, set[Thing]](set), defaultdict[int, set[Thing]](set)
    for award_id, rows in _movable(session, learner_id).items():
        touched[award_id] = award = session.get_one(Award, award_id)
        for row in rows:
            gave[award_id] |= {_thing(row)} if row.left_award == award_id else set()
            if joined := _join(session, opening, row, award, counts) if row.award_id is None else None:
                touched[joined.id] = joined
                got[joined.id].add(_thing(row))
            if row.left_award == award_id != row.award_id:
                _note(session, opening, row)
            row.left_award = None
            session.add(row)
        counts["corrected"] += 1
    session.flush()
    families = {tuple(one.id for one in family(session, each)): each for each in touched.values()}
    places = [_Place(session, opening, one, gave, got) for _, one in sorted(families.items())]
    for place in places:
        place.settle()
    _pass_on(session, opening, places, [(place, old) for place in places for old in place.let_go()])
    for one in touched.values():
        standing.follow(session, opening, one)
        _is_dated(session, opening, one)
    return {one.learner_id for one in touched.values()}


def _movable(session: Session, learner_id: int) -> dict[int, list[EvidenceRow]]:
    """By the award that they left, the rows of it that can be followed now.

    None of an award while one of its dates is open, or Moodle will never tell it: nobody can say what it earns. Nor of
    one whose evidence moves to such an award.
    """
    mine = select(Award.id).where(Award.learner_id == learner_id)
    leaving = _locked(session, col(EvidenceRow.left_award).in_(mine))
    beside = defaultdict[Thing, list[EvidenceRow]](list)
    for row in _beside(session, leaving):
        beside[_thing(row)].append(row)
    left = defaultdict[int, list[EvidenceRow]](list)
    for row in leaving:
        left[row.left_award or 0] += [row, *beside[_thing(row)]]
    news = {number: rows for number, rows in left.items() if any(row.reason != poison.CODE for row in rows)}
    kept = {number for number, rows in news.items() if any(map(_is_undated, rows))}
    while more := {number for number, rows in news.items() if number not in kept and _leads_to(session, rows, kept)}:
        kept |= more
    return {number: rows for number, rows in sorted(news.items()) if number not in kept}


def _leads_to(session: Session, rows: Sequence[EvidenceRow], kept: Collection[int]) -> bool:
    awards = [session.get_one(Award, number) for number in kept]
    keys = {(award.provider_id, award.activity_id, award.per) for award in awards}
    completions = [Completion.model_validate(row.completion) for row in rows if row.outcome == "completion"]
    return any((one.provider, one.activity_id, one.per) in keys for one in completions)


def _note(session: Session, opening: Opening, row: EvidenceRow) -> None:
    """For whoever asks later what earned that award once: soon the row knows only where it is now."""
    event = Event(at=opening.now, subject="award", subject_id=str(row.left_award), what=LEFT, code=CORRECTED)
    event.from_state, event.to_state, event.by = str(row.id), str(row.award_id or ""), "learners"
    session.add(event)


def earn_again(session: Session, opening: Opening, award: Award) -> None:
    """What a rule had lost is told once more before its delete has left: on other terms it is replaced all the same."""
    rows = credits_of(session, family(session, award))
    if any(row.why_absent == CORRECTED and row.wanted == "absent" and not is_gone(row) for row in rows):
        _Place(session, opening, award).settle()


def set_aside(session: Session, learner_id: int) -> None:
    """What could not be followed is not tried again; `check --ledger` shows it."""
    mine = select(Award.id).where(Award.learner_id == learner_id)
    for row in _locked(session, col(EvidenceRow.left_award).in_(mine)):
        row.reason = poison.CODE
        session.add(row)


def _locked(session: Session, where: object) -> Sequence[EvidenceRow]:
    rows = select(EvidenceRow).where(where)  # type: ignore[arg-type]  # a condition on columns
    return session.exec(rows.order_by(col(EvidenceRow.id)).with_for_update()).all()


def _beside(session: Session, leaving: Sequence[EvidenceRow]) -> Sequence[EvidenceRow]:
    """New completions of the same statements: a rule under a new name must not look like one that is gone."""
    rows = select(EvidenceRow).where(col(EvidenceRow.statement_pk).in_({row.statement_pk for row in leaving}))
    rows = rows.where(col(EvidenceRow.actor_key).in_({row.actor_key for row in leaving}))
    rows = rows.where(EvidenceRow.outcome == "completion", col(EvidenceRow.award_id).is_(None))
    rows = rows.where(col(EvidenceRow.left_award).is_(None))
    return session.exec(rows.order_by(col(EvidenceRow.id)).with_for_update()).all()


def _thing(row: EvidenceRow) -> Thing:
    return (row.statement_pk, row.actor_key)


def _is_undated(row: EvidenceRow) -> bool:
    if not row.standing:
        return False
    if row.outcome == "problem":
        return row.reason.startswith(_UNDATABLE)
    return row.outcome == "completion" and Completion.model_validate(row.completion).completed_on is None


def call_person(session: Session, award_id: int, code: str, now: datetime) -> None:
    """Evidence has left this award, and Moodle will not tell its date: what PARS holds stays as it is."""
    for credit in credits_of(session, [session.get_one(Award, award_id)]):
        if credit.wanted == "present" and not is_free(credit):
            hint = "a rule was corrected, and Moodle gives no date for what it makes of this completion: nothing moves"
            attention.call(session, credit, code, now=now, hint=hint, by="learners")


def _is_dated(session: Session, opening: Opening, award: Award) -> None:
    for credit in credits_of(session, [award]):
        if credit.attention.startswith(_UNDATABLE):
            attention.clear(session, credit, credit.attention, now=opening.now, by="learners")


def _join(session: Session, opening: Opening, row: EvidenceRow, left: Award, counts: Counts) -> Award | None:
    """Its new award, which may be the old one; None for what is no completion any more, or waits for evidence."""
    if row.outcome != "completion" or not row.standing:
        return None
    learner = people.of_key(session, ActorKey(row.actor_key)) or session.get_one(LearnerRow, left.learner_id)
    if evidence.waits(session, opening, row, learner, counts):
        return None
    joined, _ = attach(session, opening, row, learner, Completion.model_validate(row.completion))
    return joined


@dataclass(frozen=True)
class _Terms:
    """What an award is to say: `said` by certification, the first offer first."""

    ground: Completion
    said: dict[str, list[CreditOffer]]

    def match(self, session: Session, credit: Credit) -> bool:
        """Does PARS hold, or is it about to hear, what stands now?"""
        award = session.get_one(Award, credit.award_id)
        offers = self.said.get(credit.certification, [])
        same = any((offer.amount, offer.board_total) == earned(credit) for offer in offers)
        return same and reported_on(credit, award) == self.ground.day


class _Place:
    """The awards of one learner for one thing, as evidence left or joined them."""

    def __init__(
        self, session: Session, opening: Opening, award: Award, gave: Things = NOTHING, got: Things = NOTHING
    ) -> None:
        self._session, self._opening = session, opening
        self._awards = family(session, award)
        self.gave = {thing for one in self._awards for thing in gave.get(one.id, ())}
        self.got = {thing for one in self._awards for thing in got.get(one.id, ())}
        grounds = standing.grounds_of(session, self._awards)
        self._stands = [ground for ground in grounds if ground.stands]
        self._offers: Offers = standing.offers_of(self._stands)
        self._fallen: Offers = standing.offers_of(ground for ground in grounds if not ground.stands)

    def settle(self) -> None:
        """Every certification that stands gets its one credit, on the terms that stand."""
        if not self._stands:
            return
        rows = self._rows()
        terms = self._terms_of(rows)
        kept = {row.id for row in rows if terms.match(self._session, row)}  # while the award has its old date
        differs = self._redate(terms)
        for certification, offer in self._offers.items():
            mine = [row for row in rows if row.certification == certification]
            wanted = [row for row in mine if row.wanted == "present"]
            if wanted:
                self._keep(wanted[-1], mine, offer, kept, differs=differs)
            else:
                self._earn(mine, offer, kept)

    def let_go(self) -> list[Credit]:
        """What nothing here earns any more is not wanted; what PARS holds or may hold of it."""
        earned_here = self._offers.keys() | self._fallen.keys()  # what only fell is followed by its own rules
        at_pars: dict[int, Credit] = {}
        for row in self._rows():
            if row.wanted == "present" and row.certification not in earned_here:
                unwant(self._session, row, CORRECTED, now=self._opening.now, by="learners")
                lost = [*([] if is_free(row) else [row]), *succession.waits_for(self._session, row)]
                at_pars |= {one.id: one for one in lost if not is_gone(one)}
        return list(at_pars.values())

    def wanted(self, old: Credit, of: str) -> list[Credit]:
        """What is wanted here `of` the same certification, or board."""
        return [row for row in self._rows() if getattr(row, of) == getattr(old, of) and row.wanted == "present"]

    def newcomer(self, old: Credit, of: str) -> Credit | None:
        """One of them that was never sent and waits for no other."""
        rows = self.wanted(old, of)
        free = [row for row in rows if _is_new(row)]
        unbound = (row for row in free if not succession.waits_for(self._session, row))
        return next(unbound, None) if len(free) == len(rows) else None

    def _rows(self) -> list[Credit]:
        return [row for row in credits_of(self._session, self._awards) if not is_lent(row)]

    def _terms_of(self, rows: Iterable[Credit]) -> _Terms:
        """What was sent keeps its date and amount while a completion of the rule that gave them still says so: a later
        arrival changes nothing, and neither does a rule's new name."""
        award = self._awards[0]
        own = [one for one in self._stands if one.completion.rule == award.rule] or self._stands
        dated = next((one for one in own if one.completion.day == award.completed_on), None)
        first = dated if dated and not all(map(is_free, rows)) else self._stands[0]
        said = {name: _said(self._stands, own, name) for name in self._offers}
        return _Terms(first.completion, said)

    def _redate(self, terms: _Terms) -> bool:
        """Whether the date is another one now."""
        differs = any(award.completed_on != terms.ground.day for award in self._awards)
        for award in self._awards:
            award.completed_on = terms.ground.day
            award.rule, award.rule_hash = terms.ground.rule, terms.ground.rule_hash
            self._session.add(award)
        return differs

    def _keep(
        self, credit: Credit, mine: Sequence[Credit], offer: CreditOffer, kept: set[int], *, differs: bool
    ) -> None:
        if not is_free(credit):
            if credit.id not in kept:
                award = self._session.get_one(Award, credit.award_id)
                replace(self._session, self._opening, credit, award, offer, CORRECTED)
            return
        old = next((row for row in mine if row.id == credit.supersedes), None)
        if old is not None and _can_stay(old) and old.id in kept:
            unwant(self._session, credit, CORRECTED, now=self._opening.now, by="learners")
            self._stay(old)
        else:
            self._take(credit, offer, differs=differs)

    def _earn(self, mine: Sequence[Credit], offer: CreditOffer, kept: set[int]) -> None:
        """Nothing of this certification is wanted: take back what may stay at PARS, else report it anew after it."""
        session, opening = self._session, self._opening
        at_pars = [row for row in mine if not is_gone(row) and not is_free(row)]
        at_pars += [row for row in mine if row.state == State.CLOSED and row.at_pars != "no"]
        if stays := next((row for row in at_pars if row.id in kept and _can_stay(row)), None):
            self._stay(stays)
            return
        unsent = [row for row in mine if is_free(row) and row.state != State.WITHDRAWN and row.at_pars == "no"]
        if unsent:
            credit = unsent[-1]
            want(session, opening, credit, CORRECTED)
            self._take(credit, offer, differs=True)
        else:
            award = standing.keeper(self._awards, mine)
            credit = add_credit(session, opening, award, offer, code=CORRECTED)
        if at_pars:
            follow_up(session, credit, at_pars[-1], now=opening.now, by="learners")

    def _stay(self, old: Credit) -> None:
        """The correction was taken back before its delete had left."""
        want(self._session, self._opening, old, CORRECTED)
        succession.let_go(self._session, old, now=self._opening.now, by="learners")

    def _take(self, credit: Credit, offer: CreditOffer, *, differs: bool) -> None:
        offers = {offer.certification: offer}
        standing.take(self._session, self._opening, credit, offers, differs=differs, code=CORRECTED)


def _pass_on(
    session: Session, opening: Opening, places: Sequence[_Place], lost: Sequence[tuple[_Place, Credit]]
) -> None:
    """What PARS holds of it waits for the credit that took its evidence, by certification, or by board, whose credit
    types were written otherwise; else for any that this correction brings and that replaces nothing."""
    left = []
    for place, old in lost:
        sharing = _sharing(place, places)
        same = [new for one in sharing if (new := one.newcomer(old, "certification"))]
        like = [new for one in (place, *sharing) if old.board and (new := one.newcomer(old, "board"))]
        if found := same or like:
            follow_up(session, found[0], old, now=opening.now, by="learners")
        else:
            left.append((place, old))
    for place, old in left:
        if new := _unsettled(place, places, old):
            follow_up(session, new, old, now=opening.now, by="learners")


def _unsettled(place: _Place, places: Sequence[_Place], old: Credit) -> Credit | None:
    """Whose answer `old` must wait for; None where PARS holds the right one, or nothing comes of its evidence."""
    there = [row for one in _sharing(place, places) for row in one.wanted(old, "certification")]
    doubtful = [row for row in there if not _is_new(row) and row.state not in _HELD_THERE]
    fresh = [new for one in places if one is not place and (new := one.newcomer(old, "certification"))]
    return next(iter([*doubtful, *fresh, *filter(_is_new, there)]), None)


def _sharing(place: _Place, places: Sequence[_Place]) -> list[_Place]:
    return [one for one in places if one is not place and one.got & place.gave]


def _is_new(credit: Credit) -> bool:
    return is_free(credit) and credit.state != State.CLOSED


def _said(stands: Sequence[Ground], own: Sequence[Ground], certification: str) -> list[CreditOffer]:
    """What the rule that gave the terms offers of it; every rule that does, where that one offers none."""

    def of(grounds: Iterable[Ground]) -> list[CreditOffer]:
        offers = (offer for ground in grounds for offer in ground.completion.credits)
        return [offer for offer in offers if offer.certification == certification]

    return of(own) or of(stands)


def _can_stay(old: Credit) -> bool:
    """No delete has set out."""
    return old.state not in (*standing.WITHDRAWAL, State.WITHDRAWN, State.CLOSED)
