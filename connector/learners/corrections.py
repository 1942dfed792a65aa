"""Evidence that a plan moved: what its old award and its new one earn now, and what becomes of credits that were sent.

Knows nothing of plans and rules: it finds evidence rows that left an award, and follows them award by award.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from connector.learners import evidence, people, standing
from connector.learners.award import Opening, add_credit, attach, credits_of, earned, family
from connector.learners.replacing import follow_up, replace, unwant, want
from connector.learners.standing import CORRECTED, Ground, Offers, is_free, is_lent
from connector.records import ActorKey, Completion, Counts, CreditOffer
from connector.store import poison, succession
from connector.store.states import State
from connector.store.succession import is_gone, predecessor_of
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow, Wish
from connector.store.views import reported_on

_PLAN = "plan"
"""The wish that mapping carries out in several transactions; its `begun` says that the first was written."""


def waiting(session: Session) -> dict[int, int]:
    """Awards that evidence has left, with their learners, as far as nobody must be asked for a date first.

    None while a plan is half applied: what one half of the statements earns anew, the other half would still hold.
    """
    plans = select(Wish.args).where(Wish.kind == _PLAN, col(Wish.done_at).is_(None))
    if any(args.get("begun") for args in session.exec(plans)):
        return {}
    left = select(EvidenceRow.left_award).where(col(EvidenceRow.left_award).is_not(None))
    undated = left.where(EvidenceRow.outcome == "completion", col(EvidenceRow.standing).is_(True))
    undated = undated.where(col(EvidenceRow.next_at).is_not(None), EvidenceRow.reason != "evidence.missing")
    left = left.where(EvidenceRow.reason != poison.CODE, col(EvidenceRow.left_award).not_in(undated))
    of = select(Award.id, Award.learner_id).where(col(Award.id).in_(left.distinct()))
    return dict(session.exec(of).all())


def correct(session: Session, opening: Opening, award: Award, counts: Counts) -> set[int]:
    """Follow what left this award, in the caller's transaction; the learners whose credits may have changed.

    Nothing while a completion date is open: until Moodle has answered nobody can say what the award earns.
    """
    leaving = _locked(session, EvidenceRow.left_award == award.id)
    beside = _beside(session, leaving)
    if any(_is_undated(row) for row in (*leaving, *beside)):
        return set()
    touched = {award.id: award}
    for row in (*leaving, *beside):
        if joined := _join(session, opening, row, award, counts):
            touched[joined.id] = joined
        row.left_award = None
        session.add(row)
    session.flush()
    families = {tuple(one.id for one in family(session, each)): each for each in touched.values()}
    places = [_Place(session, opening, one) for one in families.values()]
    for place in places:
        place.settle()
    for place in places:
        place.let_go([other for other in places if other is not place])
    for one in touched.values():
        standing.follow(session, opening, one)
    counts["corrected"] += 1
    return {one.learner_id for one in touched.values()}


def earn_again(session: Session, opening: Opening, award: Award) -> None:
    """What a rule had lost is told once more before its delete has left: on other terms it is replaced all the same."""
    rows = credits_of(session, family(session, award))
    if any(row.why_absent == CORRECTED and row.wanted == "absent" and not is_gone(row) for row in rows):
        _Place(session, opening, award).settle()


def set_aside(session: Session, award_id: int) -> None:
    """What could not be followed is not tried again; `check --ledger` shows it."""
    for row in _locked(session, EvidenceRow.left_award == award_id):
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


def _is_undated(row: EvidenceRow) -> bool:
    return (
        row.outcome == "completion" and row.standing and Completion.model_validate(row.completion).completed_on is None
    )


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

    def __init__(self, session: Session, opening: Opening, award: Award) -> None:
        self._session, self._opening = session, opening
        self._awards = family(session, award)
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

    def let_go(self, others: Sequence[_Place]) -> None:
        """What nothing here earns any more is not wanted; another award's credit that took its evidence replaces it."""
        earned_here = self._offers.keys() | self._fallen.keys()  # what only fell is followed by its own rules
        for row in self._rows():
            if row.wanted == "present" and row.certification not in earned_here:
                unwant(self._session, self._opening, row, CORRECTED)
                at_pars = predecessor_of(self._session, row) if is_free(row) else row
                if at_pars is not None and not is_gone(at_pars):
                    self._pass_on(at_pars, others)

    def _pass_on(self, old: Credit, others: Sequence[_Place]) -> None:
        """To another award's credit of the same certification; else to one of the same board, whose credit types were
        written otherwise."""
        same = [new for place in others if (new := place.newcomer(old, "certification"))]
        like = [new for place in (self, *others) if old.board and (new := place.newcomer(old, "board"))]
        if found := same or like:
            follow_up(self._session, found[0], old)

    def newcomer(self, old: Credit, of: str) -> Credit | None:
        """A wanted credit `of` the same certification, or board, that was never sent and waits for no other."""
        rows = [row for row in self._rows() if getattr(row, of) == getattr(old, of) and row.wanted == "present"]
        free = [row for row in rows if is_free(row) and row.state != State.CLOSED]
        return next(filter(self._is_unbound, free), None) if len(free) == len(rows) else None

    def _is_unbound(self, credit: Credit) -> bool:
        old = predecessor_of(self._session, credit)
        return old is None or is_gone(old)

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
            unwant(self._session, self._opening, credit, CORRECTED)
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
            follow_up(session, credit, at_pars[-1])

    def _stay(self, old: Credit) -> None:
        """The correction was taken back before its delete had left."""
        want(self._session, self._opening, old, CORRECTED)
        succession.let_go(self._session, old, now=self._opening.now, by="learners")

    def _take(self, credit: Credit, offer: CreditOffer, *, differs: bool) -> None:
        offers = {offer.certification: offer}
        standing.take(self._session, self._opening, credit, offers, differs=differs, code=CORRECTED)


def _said(stands: Sequence[Ground], own: Sequence[Ground], certification: str) -> list[CreditOffer]:
    """What the rule that gave the terms offers of it; every rule that does, where that one offers none."""

    def of(grounds: Iterable[Ground]) -> list[CreditOffer]:
        offers = (offer for ground in grounds for offer in ground.completion.credits)
        return [offer for offer in offers if offer.certification == certification]

    return of(own) or of(stands)


def _can_stay(old: Credit) -> bool:
    """No delete has set out."""
    return old.state not in (*standing.WITHDRAWAL, State.WITHDRAWN, State.CLOSED)
