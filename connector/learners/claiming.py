"""Whose is an actor key, when sources and people say different things of it? Changes nothing, asks no source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from sqlmodel import Session, col, select

from connector.learners import merging
from connector.learners.directory import Answers
from connector.learners.merging import gives_away, is_someone_else
from connector.learners.sources.fields import is_clean
from connector.records import ActorKey, Dispute, Found, Learner
from connector.store.people import as_learner
from connector.store.tables import LearnerKey, LearnerRow

PERSON: Final = "person"
"""The origin of a key that a person linked: no source takes it away again, what it says against it is a case."""
UNLINKED: Final = "unlinked"
"""The origin of a key that a person unlinked: what the sources say of it counts for nobody."""


@dataclass(frozen=True)
class Claim:
    """What the sources say of one actor, and the keys that are his by it, as far as nobody else has a better claim."""

    found: Found | None
    keys: frozenset[ActorKey]
    links: Mapping[ActorKey, LearnerKey]  # of these keys, as far as they were met before
    disputes: tuple[Dispute, ...]


def claim(session: Session, key: ActorKey, answers: Answers) -> Claim:
    found = answers.about([key])
    links = _links(session, {key, *(found.keys if found else ())})
    if found is None or (key in links and is_contested(session, links[key], found, answers)):
        return Claim(None, frozenset([key]), _only(links, [key]), ())
    home = links[key].learner_id if key in links else None
    keys, disputes = {key}, list[Dispute]()
    for other in sorted({*found.keys} - {key}):
        link, said = links.get(other), answers.about([other])
        against = merging.disputes(found, said) if said else ()
        doubtful = found.disputes or (said.disputes if said else ())
        elsewhere = link is not None and link.learner_id != home
        if against or (elsewhere and doubtful):
            disputes += against or doubtful  # a case, not a merge
        elif link is None or not is_contested(session, link, found, answers):
            keys.add(other)
    return Claim(found, frozenset(keys), _only(links, keys), tuple(dict.fromkeys(disputes)))


def without_unlinked(session: Session, answers: Answers, keys: Collection[ActorKey]) -> Answers:
    """These answers without a word about those of the keys that a person unlinked, or that no store can keep: one of
    these would make us stumble over everybody of the batch."""
    odd = {key for key in keys if not is_clean(key)}
    apart = select(LearnerKey.actor_key).where(col(LearnerKey.actor_key).in_(sorted({*keys} - odd)))
    out = {ActorKey(key) for key in session.exec(apart.where(LearnerKey.origin == UNLINKED))} | odd
    return replace(answers, by_source=[_without(said, out) for said in answers.by_source]) if out else answers


def _without(said: Mapping[ActorKey, Found], unlinked: AbstractSet[ActorKey]) -> dict[ActorKey, Found]:
    """Sources repeat one answer for all keys of a person: those who name no such key stay what they are."""
    return {
        key: found.model_copy(update={"keys": tuple(one for one in found.keys if one not in unlinked)})
        if not unlinked.isdisjoint(found.keys)
        else found
        for key, found in said.items()
        if key not in unlinked
    }


def is_unlinked(session: Session, row: LearnerRow) -> bool:
    """Is it because a person unlinked one of his actors that no source speaks of this learner?"""
    apart = select(LearnerKey.actor_key).where(LearnerKey.learner_id == row.id, LearnerKey.origin == UNLINKED)
    return not row.found and session.exec(apart.limit(1)).first() is not None


def set_aside(session: Session, row: LearnerRow, answers: Answers) -> list[ActorKey]:
    """Keys that a person linked to him, and that the sources give to somebody else."""
    linked = select(LearnerKey).where(LearnerKey.learner_id == row.id, LearnerKey.origin == PERSON)
    links = session.exec(linked.order_by(col(LearnerKey.actor_key))).all()
    told = [(link, answers.about([ActorKey(link.actor_key)])) for link in links]
    return [ActorKey(link.actor_key) for link, said in told if said and is_contested(session, link, said, answers)]


def is_contested(session: Session, link: LearnerKey, found: Found, answers: Answers) -> bool:
    """Did a person link this key to a learner who is, as the sources have it, somebody else?"""
    if link.origin != PERSON:
        return False
    row = session.get_one(LearnerRow, link.learner_id)
    others = _others(session, row, {ActorKey(link.actor_key), *found.keys})
    return is_someone_else(kept(row), found.learner) and strangers(others, found, answers)


def is_someone_elses(
    session: Session, row: LearnerRow, keys: Collection[ActorKey], found: Found, answers: Answers
) -> bool:
    """Is this learner, by what is known of him and by what the sources say of his other keys, another person?"""
    known = as_learner(session, row)
    return is_someone_else(known, found.learner) and strangers(_others(session, row, keys), found, answers)


def strangers(keys: Iterable[ActorKey], found: Found | None, answers: Answers) -> bool:
    """Do the sources give one of these keys to another person than the one they found?"""
    others = [other for one in keys if (other := answers.about([one]))]
    return found is not None and any(is_someone_else(other.learner, found.learner) for other in others)


def is_given_away(row: LearnerRow, said: Found | None) -> bool:
    return said is not None and row.found and gives_away(kept(row), said.learner)


def kept(row: LearnerRow) -> Learner:
    """What the sources said last, without anybody's fixes."""
    return Learner.known_as(row.given_name, row.family_name, row.birth_day, row.ids)


def _others(session: Session, row: LearnerRow, keys: Collection[ActorKey]) -> list[ActorKey]:
    his = select(LearnerKey.actor_key).where(LearnerKey.learner_id == row.id).order_by(col(LearnerKey.actor_key))
    return [ActorKey(one) for one in session.exec(his) if one not in keys]


def _links(session: Session, keys: Collection[ActorKey]) -> dict[ActorKey, LearnerKey]:
    found = session.exec(select(LearnerKey).where(col(LearnerKey.actor_key).in_(sorted(keys))))
    return {ActorKey(link.actor_key): link for link in found}


def _only(links: Mapping[ActorKey, LearnerKey], keys: Collection[ActorKey]) -> dict[ActorKey, LearnerKey]:
    return {key: link for key, link in links.items() if key in keys}
