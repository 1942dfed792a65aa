"""What differences would do to people's records: which credits open, change, close or are withdrawn. Writes nothing.

It foretells what the learners room will do, from the rows of awards and credits alone: no learner source is asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from connector.mapping.versions.differences import Difference, Kind
from connector.records import Completion, CreditOffer, Evidence, Need
from connector.store.moves import may_be_at_pars
from connector.store.states import State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerKey, StatementRow
from connector.store.views import place_in_time

CHUNK = 500

Family = tuple[str, str, str, str]
"""Learner, provider, activity and `per`: what one learner can earn once."""
Place = tuple[str, str, str]
"""Rule, activity, and the activity that it was before where that is another."""


Thing = tuple[int, str]
"""A statement and one whom it is said of."""


@dataclass(frozen=True, eq=False)
class Told:
    """A difference without its statement's bytes: there may be many."""

    kind: Kind
    evidence: int | None
    award: int | None
    statement: int
    statement_id: str
    timestamp: datetime | None
    at: datetime | None  # the same, or when it was stored
    actor_key: str
    rule: str
    was: Completion | None
    becomes: Completion | None

    @property
    def thing(self) -> Thing:
        return (self.statement, self.actor_key)

    @classmethod
    def of(cls, one: Difference) -> Told:
        row, statement = one.row, one.statement
        return cls(
            kind=one.kind,
            evidence=row.id if row else None,
            award=(row.award_id or row.left_award) if row else None,
            statement=statement.id,
            statement_id=statement.statement_id,
            timestamp=statement.timestamp,
            at=moment_of(statement),
            actor_key=one.actor_key,
            rule=one.rule,
            was=one.was,
            becomes=one.becomes,
        )


@dataclass(frozen=True)
class Turn:
    """A credit that opens, or is not earned any more: by these statements, told with one of them."""

    learner: str
    certification: str
    by: frozenset[Thing]
    told: Told


def moment_of(statement: StatementRow) -> datetime | None:
    return statement.timestamp or statement.stored or statement.received_at


@dataclass(frozen=True)
class Ground:
    """One completion that stands, or would, in the order of what the statements say."""

    completion: Completion
    order: tuple[object, ...]
    told: Told | None = None


Standing = tuple[int, Ground]
"""The number of an evidence row, and what it says."""


@dataclass
class Effects:
    """By place, what is counted; `by` says for every difference what its completion does.

    `opened` and `lost` are credits of one certification by the completions that do it, and the one that it is told of.
    """

    counts: dict[Place, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: dict[Place, list[tuple[Told, str]]] = field(default_factory=lambda: defaultdict(list))
    concerned: dict[int, Credit] = field(default_factory=dict)
    by: dict[Told, list[str]] = field(default_factory=dict)
    left: set[Thing] = field(default_factory=set)  # what was evidence of an award, and is no more, or of another
    opened: list[Turn] = field(default_factory=list)
    lost: list[Turn] = field(default_factory=list)


@dataclass
class World:
    """What the store knows of the learners, awards and credits that the differences concern."""

    learner_of: Mapping[str, str]
    awards: Mapping[int, Award]
    families: Mapping[Family, list[Award]]
    credits: Mapping[int, list[Credit]]
    met: Mapping[tuple[str, str], list[datetime]]
    """By learner and key, when evidence that stands was told."""

    @classmethod
    def around(cls, session: Session, tolds: Sequence[Told], evidence: Iterable[tuple[str, str, datetime]]) -> World:
        """`evidence` is what these differences bring: actor key, need's key and moment."""
        new = list(evidence)
        learner_of = _learners(session, {told.actor_key for told in tolds} | {actor for actor, *_ in new})
        known = {int(one) for one in learner_of.values() if one.isdigit()}
        awards = {award.id: award for award in _rows(session, Award, col(Award.learner_id), known)}
        missing = {told.award for told in tolds if told.award is not None} - awards.keys()
        awards |= {award.id: award for award in _rows(session, Award, col(Award.id), missing)}
        families: dict[Family, list[Award]] = defaultdict(list)
        for award in sorted(awards.values(), key=lambda one: one.id):
            families[_family(award)].append(award)
        credits_: dict[int, list[Credit]] = defaultdict(list)
        for credit in _rows(session, Credit, col(Credit.award_id), awards):
            credits_[credit.award_id].append(credit)
        needs = {need.key for told in tolds if told.becomes for need in told.becomes.needs}
        met = _met(session, learner_of, new, needs) if needs else {}
        return cls(learner_of, awards, families, credits_, met)

    def joins(self, told: Told, completion: Completion) -> Family:
        learner = self.learner_of.get(told.actor_key, told.actor_key)
        return (learner, completion.provider, completion.activity_id, completion.per)

    def meets(self, told: Told, need: Need) -> bool:
        moments = self.met.get((self.learner_of.get(told.actor_key, told.actor_key), need.key), [])
        return told.at is not None and any(abs(moment - told.at) <= need.within for moment in moments)


def _family(award: Award) -> Family:
    return (str(award.learner_id), award.provider_id, award.activity_id, award.per)


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    listed = sorted(values)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))


def _rows(session: Session, table: Any, column: Any, values: Collection[Any]) -> list[Any]:
    return [row for chunk in _chunks(values) for row in session.exec(select(table).where(column.in_(chunk)))]


def _learners(session: Session, keys: Collection[str]) -> dict[str, str]:
    """Each actor's learner; and all other keys of these learners: evidence may come by any."""
    links = _rows(session, LearnerKey, col(LearnerKey.actor_key), keys)
    links += _rows(session, LearnerKey, col(LearnerKey.learner_id), {link.learner_id for link in links})
    return {link.actor_key: str(link.learner_id) for link in links}


def _met(
    session: Session, learner_of: Mapping[str, str], new: Sequence[tuple[str, str, datetime]], needs: Collection[str]
) -> dict[tuple[str, str], list[datetime]]:
    met: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for actor_key, key, moment in new:
        met[learner_of.get(actor_key, actor_key), key].append(moment)
    rows = select(EvidenceRow, StatementRow).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(EvidenceRow.outcome == "evidence", col(EvidenceRow.standing).is_(True))
    for chunk in _chunks(learner_of):
        for row, statement in session.exec(rows.where(col(EvidenceRow.actor_key).in_(chunk))):
            for key in Evidence.model_validate(row.completion).meets:
                if key in needs and (at := moment_of(statement)):
                    met[learner_of[row.actor_key], key].append(at)
    return met


def weigh(session: Session, tolds: Sequence[Told], evidence: Iterable[tuple[str, str, datetime]]) -> Effects:
    """What becomes of the records, and every credit that is concerned."""
    world, effects = World.around(session, tolds, evidence), Effects()
    leaving: dict[Family, list[Told]] = defaultdict(list)
    joining: dict[Family, list[Told]] = defaultdict(list)
    for told in tolds:
        effects.by[told] = []
        if told.becomes and told.becomes.completed_on is None:
            effects.by[told].append("open_dates")  # nothing is followed before Moodle has told the date
            effects.by[told] += ["open_dates_sent"] if _may_move(world, effects, told) else []
            continue
        if told.award is not None:
            effects.left.add(told.thing)
            leaving[_family(world.awards[told.award])].append(told)
        if told.becomes and all(world.meets(told, need) for need in told.becomes.needs):
            joining[world.joins(told, told.becomes)].append(told)
        elif told.becomes:
            effects.by[told].append("wait_for_evidence")
    families = list(dict.fromkeys((*leaving, *joining)))
    standing = _standing(session, [award.id for family in families for award in world.families.get(family, [])])
    for family in families:
        _follow(world, standing, effects, family, leaving.get(family, []), joining.get(family, []))
    _pair(effects)
    was = {told.thing: _activity(told, "was") for told in tolds if told.kind is Kind.WITHDRAWS}
    becomes = {told.thing: _activity(told, "becomes") for told in tolds if told.kind is Kind.ADDS}
    for told in tolds:
        _count(effects, told, _place(told, was, becomes))
    return effects


def _activity(told: Told, side: str) -> str:
    completion: Completion | None = getattr(told, side)
    return completion.activity_id if completion else ""


def _place(told: Told, was: Mapping[Thing, str], becomes: Mapping[Thing, str]) -> Place:
    """Where one rule takes over from another, what begins and what ends are told together."""
    before = _activity(told, "was") or was.get(told.thing, "")
    after = _activity(told, "becomes") or becomes.get(told.thing, before)
    return (told.rule, after, before if before != after else "")


def _may_move(world: World, effects: Effects, told: Told) -> bool:
    """Is anything at PARS that this completion was evidence of? Its credits are concerned, whatever Moodle will say."""
    if told.award is None:
        return False
    family = world.families[_family(world.awards[told.award])]
    rows = [credit for award in family for credit in world.credits.get(award.id, [])]
    effects.concerned |= {credit.id: credit for credit in rows}
    return any(credit.wanted == "present" and may_be_at_pars(credit) for credit in rows)


def _pair(effects: Effects) -> None:
    """What one award's credit loses and another's gains is reported again: by the same statements, else by others of
    the same learner."""
    by_thing: dict[tuple[str, Thing], list[Turn]] = defaultdict(list)
    by_learner: dict[tuple[str, str], list[Turn]] = defaultdict(list)
    for one in effects.opened:
        if one.by & effects.left:  # only what was corrected takes another's place
            by_learner[one.certification, one.learner].append(one)
        for thing in one.by:
            by_thing[one.certification, thing].append(one)
    taken, left = set[int](), []
    for lost in effects.lost:
        same = (one for thing in sorted(lost.by) for one in by_thing.get((lost.certification, thing), ()))
        left += [] if _take(effects, taken, same) else [lost]
    for lost in left:
        if not _take(effects, taken, iter(by_learner.get((lost.certification, lost.learner), ()))):
            effects.by[lost.told].append("withdrawn")
    for one in effects.opened:
        if id(one) not in taken:
            effects.by[one.told].append("new_credits")


def _take(effects: Effects, taken: set[int], candidates: Iterator[Turn]) -> bool:
    found = next((one for one in candidates if id(one) not in taken), None)
    if found:
        taken.add(id(found))
        effects.by[found.told].append("reported_again")
    return found is not None


def _count(effects: Effects, told: Told, place: Place) -> None:
    did, counts = effects.by[told], effects.counts[place]
    counts[{Kind.ADDS: "added", Kind.CHANGES: "changed"}.get(told.kind, "ended")] += 1
    counts.update(did)
    if not did:
        counts["joins" if told.kind is Kind.ADDS else "no_effect"] += 1
    if len(effects.examples[place]) < MOST_EXAMPLES and (did or told.kind is not Kind.ADDS):
        effects.examples[place].append((told, ", ".join(dict.fromkeys(did)) or "no_effect"))


MOST_EXAMPLES = 10


def _follow(
    world: World,
    standing: Mapping[int, Sequence[Standing]],
    effects: Effects,
    family: Family,
    leaving: Sequence[Told],
    joining: Sequence[Told],
) -> None:
    """One award (or those that a merge has made a family): its credits, beside what would stand then."""
    awards = world.families.get(family, [])
    rows = [credit for award in awards for credit in world.credits.get(award.id, [])]
    effects.concerned |= {credit.id: credit for credit in rows}
    gone = {told.evidence for told in leaving}
    stay = (ground for award in awards for number, ground in standing.get(award.id, ()) if number not in gone)
    grounds = sorted([*stay, *map(_ground, joining)], key=lambda ground: ground.order)
    offers = _offers(grounds)
    day = grounds[0].completion.day if grounds else None
    whose = awards[0] if awards else None
    for certification, (offer, told) in offers.items():
        mine = [credit for credit in rows if credit.certification == certification and credit.wanted == "present"]
        by = told or _whose(leaving, certification) or (leaving[0] if leaving else joining[0])
        if not mine:
            if leaving or _may_join(offer, [credit for credit in rows if credit.wanted == "present"]):
                effects.opened.append(Turn(family[0], certification, _things(joining), by))
            continue
        for credit in mine:
            if effect := _changed(credit, whose, offer, day, in_place=not leaving):
                effects.by[by].append(effect)
    for credit in rows:
        if credit.wanted == "present" and credit.certification not in offers and leaving:
            by = _whose(leaving, credit.certification) or leaving[0]
            if may_be_at_pars(credit):
                effects.lost.append(Turn(family[0], credit.certification, _things(leaving), by))
            elif credit.state != State.CLOSED:
                effects.by[by].append("closed")


def _things(tolds: Iterable[Told]) -> frozenset[Thing]:
    return frozenset(told.thing for told in tolds)


def _whose(leaving: Sequence[Told], certification: str) -> Told | None:
    return next((told for told in leaving if told.was and _offers_it(told.was, certification)), None)


def _offers_it(completion: Completion, certification: str) -> bool:
    return any(offer.certification == certification for offer in completion.credits)


def _standing(session: Session, awards: Collection[int]) -> Mapping[int, Sequence[Standing]]:
    """By award, the completions that stand."""
    rows = select(EvidenceRow, StatementRow.timestamp, StatementRow.statement_id)
    rows = rows.join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(EvidenceRow.outcome == "completion", col(EvidenceRow.standing).is_(True))
    found: dict[int, list[Standing]] = defaultdict(list)
    for chunk in _chunks(awards):
        for row, at, statement_id in session.exec(rows.where(col(EvidenceRow.award_id).in_(chunk))):
            completion = Completion.model_validate(row.completion)
            found[row.award_id or 0].append((row.id, Ground(completion, _order(completion, at, statement_id))))
    return found


def _ground(told: Told) -> Ground:
    assert told.becomes is not None  # noqa: S101 - only what becomes a completion joins
    return Ground(told.becomes, _order(told.becomes, told.timestamp, told.statement_id), told)


def _order(completion: Completion, timestamp: datetime | None, statement_id: str) -> tuple[object, ...]:
    return (completion.day, place_in_time(timestamp), completion.rule, statement_id)


def _offers(grounds: Iterable[Ground]) -> dict[str, tuple[CreditOffer, Told | None]]:
    offers: dict[str, tuple[CreditOffer, Told | None]] = {}
    for ground in grounds:
        for offer in ground.completion.credits:
            offers.setdefault(offer.certification, (offer, ground.told))
    return offers


def _may_join(offer: CreditOffer, rows: Sequence[Credit]) -> bool:
    """As in the learners room: a board's plain points are not joined by a part of them."""
    same_board = [row for row in rows if row.board == offer.board and row.kind == offer.kind]
    return all(row.credit_type and offer.credit_type for row in same_board)


def _changed(credit: Credit, award: Award | None, offer: CreditOffer, day: date | None, *, in_place: bool) -> str:
    """Nothing, or what happens to a credit whose terms are others. What was sent heeds only what has left its award:
    a completion that merely arrives changes nothing there."""
    amounts = (credit.amount, credit.board_total) if credit.offered is None else (credit.offered, credit.offered_total)
    reported = credit.reported_on or (award.completed_on if award else None)
    if amounts == (offer.amount, offer.board_total) and reported == day:
        return ""
    if may_be_at_pars(credit):
        return "" if in_place else "reported_again"
    return "" if credit.state == State.CLOSED else "changed_unsent"
