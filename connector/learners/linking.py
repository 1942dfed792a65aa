"""A person says which actors are one learner: linked, they share everything; unlinked, each has what he opened.

Nothing is refused or withdrawn at PARS by it: what PARS holds twice then waits on the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners import claiming, evidence, judging, parting, people, standing
from connector.learners.award import Opening
from connector.learners.decisions import DONE, GONE
from connector.learners.directory import Answers
from connector.learners.merging import gives_away, is_someone_else
from connector.records import ActorKey, Counts, Learner
from connector.store import fixes, poison, wishes
from connector.store.leases import alone
from connector.store.people import lives_as, newest_consent
from connector.store.session import Store
from connector.store.signs import sign
from connector.store.tables import Award, ConsentRow, Event, LearnerKey, LearnerRow, Wish

TWO_PEOPLE: Final = "learner.two_people"

Ask = Callable[[Collection[ActorKey]], Answers]


def carry_out(store: Store, config: Config, room: str, ask: Ask, counts: Counts) -> None:
    """Unlinks first: they need no source, and a directory that is down must not keep them waiting."""
    for number in _open(store, wishes.UNLINK):
        _carry_out(store, config, room, number, None, counts)
    for number in _open(store, wishes.LINK):
        with store.reading() as session:
            keys = _concerned(session, session.get_one(Wish, number))
        answers = ask(keys)
        if answers.silent.isdisjoint(keys):  # else nobody can tell yet whether they are two people
            _carry_out(store, config, room, number, answers, counts)


def _carry_out(store: Store, config: Config, room: str, number: int, answers: Answers | None, counts: Counts) -> None:
    with store.writing() as session:
        alone(session, room)
        wish = session.get_one(Wish, number, with_for_update=True)
        if wish.done_at is not None:
            return
        opening, result = Opening(config, datetime.now(UTC)), poison.CODE
        with poison.contained(session, "learners", None, now=opening.now):
            actor = ActorKey(wish.args["actor"])
            if answers is None:
                result = _unlink(session, opening, actor, wish.by, counts)
            else:
                result = _link(session, opening, actor, wish.args["learner"], answers, wish.by, counts)
        wishes.answer(session, wish, result, now=opening.now)
        counts["decided"] += 1


def _open(store: Store, kind: str) -> list[int]:
    with store.reading() as session:
        open_ = select(Wish.id).where(Wish.kind == kind, col(Wish.done_at).is_(None))
        return list(session.exec(open_.order_by(col(Wish.id))))


def _concerned(session: Session, wish: Wish) -> set[ActorKey]:
    """Every actor of the two."""
    actor, into = ActorKey(wish.args["actor"]), lives_as(session, wish.args["learner"])
    link = session.get(LearnerKey, actor)
    learners = {into.id} if into else set[int]()
    keys = people.keys_of(session, learners | ({link.learner_id} if link else set()))
    return {actor, *(key for his in keys.values() for key in his)}


def _link(
    session: Session, opening: Opening, actor: ActorKey, learner: int, answers: Answers, by: str, counts: Counts
) -> str:
    into, link = lives_as(session, learner), session.get(LearnerKey, actor)
    if into is None or (link and (link.learner_id, link.origin) == (into.id, claiming.PERSON)):
        return GONE
    other = session.get_one(LearnerRow, link.learner_id) if link and link.learner_id != into.id else None
    if _are_two(session, actor, into, other, answers):
        return TWO_PEOPLE
    if other is not None:
        people.merge(session, other, into, opening.now)
    link = link or LearnerKey(actor_key=actor, learner_id=into.id, origin=claiming.PERSON)
    link.origin = claiming.PERSON
    session.add(link)
    session.flush()
    _tell(session, opening, into.id, "linked an actor", by)
    parting.reunited(session, opening, into)
    _settle(session, opening, {into.id: True}, counts)
    return DONE


def _are_two(session: Session, actor: ActorKey, into: LearnerRow, other: LearnerRow | None, answers: Answers) -> bool:
    """By what the sources say now, and by what they said last of learners whom they no longer mention."""
    his = people.keys_of(session, [into.id]).get(into.id, [])
    others = people.keys_of(session, [other.id]).get(other.id, []) if other else []
    mine, theirs = answers.about(one for one in his if one != actor), answers.about({actor, *others})
    if mine is not None and theirs is not None and is_someone_else(mine.learner, theirs.learner):
        return True
    kept = [claiming.kept(into), theirs.learner if theirs else claiming.kept(other) if other else None]
    known, said = kept
    return said is not None and known is not None and (is_someone_else(known, said) or gives_away(known, said))


def _unlink(session: Session, opening: Opening, actor: ActorKey, by: str, counts: Counts) -> str:
    link = session.get(LearnerKey, actor)
    if link is None or link.origin == claiming.UNLINKED:
        return GONE
    former, row = session.get_one(LearnerRow, link.learner_id), people.new(session)
    parted = people.take_over(session, link, row, {actor})
    link.learner_id, link.origin = row.id, claiming.UNLINKED
    session.add(link)
    _forget(session, former, opening.now)
    session.flush()
    for award_id in sorted(parted):
        standing.follow(session, opening, session.get_one(Award, award_id))
    parting.look(session, opening, row)
    _tell(session, opening, former.id, "unlinked an actor", by)
    _settle(session, opening, {former.id: False, row.id: True}, counts)
    return DONE


def _forget(session: Session, row: LearnerRow, now: datetime) -> None:
    """Nobody can tell which of his values, or whose permission, the lost actor brought: until the sources have been
    asked again about the actors that are left, nothing of his leaves."""
    consent = newest_consent(session, row)
    if consent is not None and consent.given and not consent.origin.startswith(fixes.DESK):
        session.add(ConsentRow(learner_id=row.id, given=False, origin=claiming.UNLINKED, seen_at=now))
    for name, value in people.columns(Learner()).items():
        setattr(row, name, value)
    row.found, row.disputes = False, None
    session.add(row)


def _settle(session: Session, opening: Opening, changed: Mapping[int, bool], counts: Counts) -> None:
    """All that follows when a learner has other actors; the sources are asked about him with this very turn."""
    for number in sorted(changed):
        sign(session, number)
    evidence.look(session, opening, changed.keys(), counts)
    judging.judge_all(session, opening, changed, counts, changed.keys())
    for number in changed:
        session.get_one(LearnerRow, number).fetched_at = opening.now - opening.config.learners.refresh


def _tell(session: Session, opening: Opening, learner: int, what: str, by: str) -> None:
    session.add(Event(at=opening.now, subject="learner", subject_id=str(learner), what=what, by=by))
