"""Learners whom a refresh need not touch: the sources say what they said, and the gates say of each credit what they
said. Changes nothing.

A sheet of twenty thousand rows is saved for one of them: the others are compared here, two hundred at once. Whoever is
not plain (linked by a person, shared out, disputed, somebody else's by one of his keys) is not told to be unchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session, col, or_, select

from connector.config import Config
from connector.learners import claiming, guests, judging, people
from connector.learners.directory import Answers
from connector.records import ActorKey, Learner
from connector.store import fixes
from connector.store.people import as_learners
from connector.store.reasons import NOT_ELIGIBLE
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, Credit, LearnerKey, LearnerRow

_Row = TypeVar("_Row", LearnerKey, ConsentRow, Award)
_MOVED_BY_PERSON = (claiming.PERSON, claiming.UNLINKED)


@dataclass(frozen=True)
class _Kept:
    """What is known of one learner, without a question of his own."""

    row: LearnerRow
    links: Sequence[LearnerKey]
    consents: Sequence[ConsentRow]  # the oldest first
    awards: Sequence[Award]


def as_before(session: Session, config: Config, learners: Collection[int], answers: Answers) -> set[int]:
    """Those of these learners for whom remembering these answers and judging their credits would change nothing."""
    plain = [one for one in _kept(session, learners) if _is_plain(one) and _is_told_again(one, answers)]
    rows = {one.row.id: one.row for one in plain}
    known = as_learners(session, rows.values())
    names = fixes.all_actor_names(session, rows)
    moving = {
        one.row.id for one in plain if not _are_whose_they_were(one, known[one.row.id], names.get(one.row.id, ()))
    }
    for credit, award in _open(session, rows):
        if not _stands(credit, award, known[award.learner_id], rows[award.learner_id], config):
            moving.add(award.learner_id)
    return rows.keys() - moving


def _kept(session: Session, learners: Collection[int]) -> Iterable[_Kept]:
    numbers = sorted(learners)
    links = _by_learner(session.exec(select(LearnerKey).where(col(LearnerKey.learner_id).in_(numbers))).all())
    said = select(ConsentRow).where(col(ConsentRow.learner_id).in_(numbers)).order_by(col(ConsentRow.id))
    consents = _by_learner(session.exec(said).all())
    awards = _by_learner(session.exec(select(Award).where(col(Award.learner_id).in_(numbers))).all())
    for row in session.exec(select(LearnerRow).where(col(LearnerRow.id).in_(numbers))).all():
        yield _Kept(row, links[row.id], consents[row.id], awards[row.id])


def _is_plain(one: _Kept) -> bool:
    """One person whose awards are his, each for a thing of its own."""
    mine = {link.actor_key for link in one.links}
    things = [(award.provider_id, award.activity_id, award.guest) for award in one.awards]
    return (
        one.row.merged_into is None
        and not one.row.disputes
        and all(link.origin not in _MOVED_BY_PERSON for link in one.links)
        and all(award.anchor in mine and not award.per for award in one.awards)
        and len(set(things)) == len(things)
    )


def _is_told_again(one: _Kept, answers: Answers) -> bool:
    """Do the sources say of all his keys, and of nobody else's, what is kept of him?"""
    mine = {ActorKey(link.actor_key) for link in one.links}
    found = answers.about(_representatives(mine, answers))
    if found is None:
        return True
    said, row = found.learner, one.row
    columns = people.columns(said)
    return (
        row.found
        and mine.issuperset(found.keys)
        and not found.disputes
        and all(getattr(row, name) == value for name, value in columns.items())
        and (row.ids_since or {}).keys() == said.ids.keys()
        and not people.would_keep(one.consents, said.consent)
    )


def _are_whose_they_were(one: _Kept, learner: Learner, names: Collection[str]) -> bool:
    return all(guests.of(award, one.row, learner, names) == award.guest for award in one.awards)


def _representatives(keys: Iterable[ActorKey], answers: Answers) -> list[ActorKey]:
    """One key for each answer: a source gives the same to all keys of a person."""
    first: dict[tuple[int, ...], ActorKey] = {}
    for key in sorted(keys):
        first.setdefault(tuple(id(said.get(key)) for said in answers.by_source), key)
    return list(first.values())


def _open(session: Session, learners: Collection[int]) -> Sequence[tuple[Credit, Award]]:
    """What `judging` judges of a learner who has not changed."""
    rows = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    barred = (col(Credit.state) == State.CLOSED) & (col(Credit.reason) == NOT_ELIGIBLE)
    rows = rows.where(col(Award.learner_id).in_(sorted(learners)))
    return session.exec(rows.where(or_(col(Credit.state).in_(judging.OPEN), barred))).all()


def _stands(credit: Credit, award: Award, learner: Learner, row: LearnerRow, config: Config) -> bool:
    if credit.kind == "rems":
        return False  # what it says is made anew from its statements
    problems = judging.against(credit, award, learner, row, config)
    return judging.is_settled(credit, problems, learner, config)


def _by_learner(rows: Iterable[_Row]) -> Mapping[int, Sequence[_Row]]:
    found = defaultdict[int, list[_Row]](list)
    for row in rows:
        found[row.learner_id].append(row)
    return found
