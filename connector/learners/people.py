"""Learner rows: one person for several actor keys, changed only when a source says something new."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from connector.learners import claiming, merging
from connector.learners.directory import Answers
from connector.records import ActorKey, Consent, Dispute, Found, Learner
from connector.store import fixes
from connector.store.people import as_learner, newest_consent
from connector.store.signs import sign
from connector.store.tables import Award, ConsentRow, EvidenceRow, LearnerFix, LearnerKey, LearnerRow

_MERGED, _REFUSED = f"{fixes.DESK}merged", f"{fixes.DESK}refused"
"""The origins of a no that two brought along who became one: before the sources were asked about both, and since."""


def of_key(session: Session, key: ActorKey) -> LearnerRow | None:
    link = session.get(LearnerKey, key)
    return session.get(LearnerRow, link.learner_id) if link else None


@dataclass(frozen=True)
class Met:
    """A learner brought up to date; `changed` when anything that a gate or PARS looks at is not what it was.

    `parted` are awards of people who had been taken for one; `left` are learners who lost a key; `relinked`: a learner
    who was known has a key that he had not; `recovered`: nobody knew him, or he had been forgotten, until now.
    """

    row: LearnerRow
    keys: frozenset[ActorKey]
    changed: bool
    parted: frozenset[int]
    left: frozenset[int]
    relinked: bool
    recovered: bool


def remember(session: Session, key: ActorKey, answers: Answers, now: datetime) -> Met:
    """The learner of this actor key, as the sources know him now.

    Keys that the sources give to one person are linked, their learners merged. A learner who is somebody else keeps
    his other keys: only what was linked to him by mistake moves, with the awards it opened. A key that the sources
    gave away, say an account name used again, goes alone: what it opened was earned by him who had it then.
    """
    claim = claiming.claim(session, key, answers)
    found, keys, links = claim.found, claim.keys, claim.links
    rows = [session.get_one(LearnerRow, number) for number in sorted({link.learner_id for link in links.values()})]
    before = [_as_seen(session, row) for row in rows]
    unknown = [row.id for row in rows if not row.found]
    mistaken = {row.id for row in rows if found and claiming.is_someone_elses(session, row, keys, found, answers)}
    mine = [row for row in rows if row.id not in mistaken and not claiming.is_given_away(row, found)]
    row = mine[0] if mine else (_former(session, rows, keys, found) or new(session))
    for other in mine[1:]:
        merge(session, other, row, now)
    moved = [link for link in links.values() if link.learner_id != row.id]
    left = frozenset(link.learner_id for link in moved)
    origin = found.learner.origins.get("family_name", "directory") if found else "statement"
    parted: set[int] = set()
    for link in moved:
        parted.update(take_over(session, link, row, keys) if link.learner_id in mistaken else ())
        link.learner_id, link.origin = row.id, origin
        session.add(link)
    new_keys = bool(keys - links.keys()) or len(mine) > 1  # merged: his other keys are new to one of the two
    session.add_all(LearnerKey(actor_key=one, learner_id=row.id, origin=origin) for one in sorted(keys - links.keys()))
    session.flush()
    theirs = _all_keys(session, row, rows, keys)
    aside = claiming.set_aside(session, row, answers)
    own = [one for one in theirs if one not in aside and (one in keys or not _is_lost(row, one, found, answers))]
    _update(session, row, _disputed(answers.about(own), claim.disputes, aside, answers), now)
    session.flush()
    sign(session, row.id)
    after = _as_seen(session, row) if rows else None
    changed = bool(moved) or any(one != after for one in before)
    relinked = bool(rows) and (bool(moved) or new_keys)
    recovered = row.found and row.id in unknown
    return Met(row, frozenset(own), changed, frozenset(parted), left, relinked, recovered)


def given_away(session: Session, award: Award) -> bool:
    """Does the actor key that opened this award belong to somebody else by now?"""
    link = session.get(LearnerKey, award.anchor)
    return link is not None and link.learner_id != award.learner_id


def anchors(session: Session, learners: Collection[int]) -> set[ActorKey]:
    """The keys that opened these learners' awards, also those that went to somebody else."""
    opened = select(Award.anchor).where(col(Award.learner_id).in_(list(learners))).distinct()
    return {ActorKey(key) for key in session.exec(opened)}


def _all_keys(
    session: Session, row: LearnerRow, known: list[LearnerRow], keys: Collection[ActorKey]
) -> Collection[ActorKey]:
    return keys_of(session, [row.id])[row.id] if known else keys


def _as_seen(session: Session, row: LearnerRow) -> Learner:
    """Without the names of the sources: a sheet under another name changes nobody."""
    seen = as_learner(session, row)
    consent = seen.consent and seen.consent.model_copy(update={"origin": "", "at": None})
    return seen.model_copy(update={"origins": {}, "consent": consent})


def _is_lost(row: LearnerRow, key: ActorKey, found: Found | None, answers: Answers) -> bool:
    """Is this key of his somebody else's by now? It is looked at when its own turn comes."""
    return claiming.strangers([key], found, answers) or claiming.is_given_away(row, answers.about([key]))


def _disputed(
    said: Found | None, disputes: Sequence[Dispute], aside: Sequence[ActorKey], answers: Answers
) -> Found | None:
    """What the sources say of him, with everything that speaks against it."""
    if said is None:
        return None
    against = [one for key in aside if (other := answers.about([key])) for one in merging.disputes(said, other)]
    return said.model_copy(update={"disputes": tuple(dict.fromkeys([*said.disputes, *disputes, *against]))})


def _former(
    session: Session, rows: list[LearnerRow], keys: Collection[ActorKey], found: Found | None
) -> LearnerRow | None:
    """Whoever had one of these keys before it was given away, if the sources give it back to him."""
    if not rows or found is None:
        return None
    had = select(Award.learner_id).where(col(Award.anchor).in_(sorted(keys))).distinct()
    numbers = set(session.exec(had)) - {row.id for row in rows}
    known = [session.get_one(LearnerRow, number) for number in sorted(numbers)]
    return next((row for row in known if row.found and merging.is_same(claiming.kept(row), found.learner)), None)


def take_over(session: Session, link: LearnerKey, row: LearnerRow, keys: Collection[ActorKey]) -> set[int]:
    """A key that was another learner's comes with the awards it opened; what either one's statements said for the
    other's awards is joined anew. All awards that the two had as one."""
    theirs = select(Award).where(Award.learner_id == link.learner_id)
    opened = session.exec(theirs.where(Award.anchor == link.actor_key)).all()
    left = session.exec(theirs.where(Award.anchor != link.actor_key)).all()
    astray = select(EvidenceRow).where(
        or_(
            col(EvidenceRow.award_id).in_([award.id for award in opened]) & col(EvidenceRow.actor_key).not_in(keys),
            col(EvidenceRow.award_id).in_([award.id for award in left]) & (EvidenceRow.actor_key == link.actor_key),
        )
    )
    for evidence in session.exec(astray).all():
        evidence.award_id = None
        session.add(evidence)
    for award in opened:
        award.learner_id = row.id
        session.add(award)
    return {award.id for award in (*opened, *left)}


def new(session: Session) -> LearnerRow:
    row = LearnerRow()
    session.add(row)
    session.flush()
    return row


def merge(session: Session, row: LearnerRow, into: LearnerRow, now: datetime) -> None:
    """Two actors are one person: all that was his moves, the awards keep their anchors. What either of them does not
    permit is not permitted."""
    refused = [said for one in (row, into) if (said := newest_consent(session, one)) and _refuses(said)]
    fixed = fixes.standing(session, [into.id])[into.id]
    for table in (LearnerKey, Award, ConsentRow, LearnerFix):
        for one in session.exec(select(table).where(col(table.learner_id) == row.id)).all():
            if isinstance(one, LearnerFix) and one.ended_at is None and one.field in fixed:
                one.ended_at = now
            one.learner_id = into.id
            session.add(one)
    if refused:
        no = ConsentRow(learner_id=into.id, given=False, at=refused[0].at, origin=_MERGED, seen_at=now)
        session.flush()
        session.add(no)  # after all that moved: the newest counts
    row.merged_into = into.id
    session.add(row)
    session.flush()


def _refuses(said: Consent) -> bool:
    """Did anybody say so? Of whom an unlinking made the sources be asked anew, nobody did."""
    return not said.given and said.origin != claiming.UNLINKED


def _update(session: Session, row: LearnerRow, found: Found | None, now: datetime) -> None:
    row.fetched_at = now
    row.found = row.found or found is not None
    if found is not None:
        said = columns(found.learner)
        row.disputes = [one.model_dump(mode="json") for one in found.disputes] or None
        row.ids_since = _since(row, said["ids"], now)
        for name, value in said.items():
            if getattr(row, name) != value:
                setattr(row, name, value)
        fixes.end_outdated(session, row, now)
        _keep_consent(session, row, found.learner.consent, now)
    session.add(row)


def _since(row: LearnerRow, ids: dict[str, str], now: datetime) -> dict[str, str]:
    """When each number was first seen: one that changes is new."""
    kept = {domain: at for domain, at in (row.ids_since or {}).items() if row.ids.get(domain) == ids.get(domain)}
    return {domain: kept.get(domain, now.isoformat()) for domain in ids}


def columns(learner: Learner) -> dict[str, Any]:
    """A learner as column values; this is the one place where personal values are written."""
    return {
        "given_name": learner.given_name.get_secret_value() if learner.given_name else None,
        "family_name": learner.family_name.get_secret_value() if learner.family_name else None,
        "birth_day": learner.birth_day.get_secret_value() if learner.birth_day else None,
        "ids": {domain: value.get_secret_value() for domain, value in sorted(learner.ids.items())},
        "profession": learner.profession,
        "rems": learner.rems,
        "origins": learner.origins,
    }


def _keep_consent(session: Session, row: LearnerRow, said: Consent | None, now: datetime) -> None:
    """What a person recorded here holds until the sources say something else than they did, by whatever name; so does
    the no of one of two who became one: what the sources say of both at first changes nothing in it."""
    if said is None:
        return
    newest = newest_consent(session, row)
    if _is_news(session, row, said):
        session.add(ConsentRow(learner_id=row.id, given=said.given, at=said.at, origin=said.origin, seen_at=now))
        session.flush()
    if newest and newest.origin == _MERGED:
        session.add(ConsentRow(learner_id=row.id, given=False, at=newest.at, origin=_REFUSED, seen_at=now))


def consent_after(session: Session, row: LearnerRow, said: Consent | None) -> Consent | None:
    """The permission that will count once the sources have been asked, should they say this."""
    newest = newest_consent(session, row)
    if said is None or (newest and newest.origin == _MERGED) or not _is_news(session, row, said):
        return newest
    return said


def _is_news(session: Session, row: LearnerRow, said: Consent) -> bool:
    told = select(ConsentRow).where(ConsentRow.learner_id == row.id, ~col(ConsentRow.origin).startswith(fixes.DESK))
    return _differs(said, session.exec(told.order_by(col(ConsentRow.id).desc()).limit(1)).first())


def _differs(said: Consent, last: ConsentRow | None) -> bool:
    return last is None or (said.given, said.at) != (last.given, last.at)


def would_keep(kept: Sequence[ConsentRow], said: Consent | None) -> bool:
    """Would this be written down beside what is kept of one learner, the oldest first?"""
    if said is None:
        return False
    told = [one for one in kept if not one.origin.startswith(fixes.DESK)]
    return _differs(said, told[-1] if told else None) or kept[-1].origin == _MERGED


def keys_of(session: Session, learners: Iterable[int]) -> dict[int, list[ActorKey]]:
    """Every actor key of these learners."""
    found: dict[int, list[ActorKey]] = {}
    links = select(LearnerKey).where(col(LearnerKey.learner_id).in_(list(learners)))
    for link in session.exec(links.order_by(col(LearnerKey.actor_key))):
        found.setdefault(link.learner_id, []).append(ActorKey(link.actor_key))
    return found


def linked(session: Session, keys: Collection[ActorKey]) -> set[ActorKey]:
    """These keys, and every other key of the learners who have one of them."""
    mine = select(LearnerKey.learner_id).where(col(LearnerKey.actor_key).in_(list(keys)))
    theirs = session.exec(select(LearnerKey.actor_key).where(col(LearnerKey.learner_id).in_(mine)))
    return {*keys, *(ActorKey(key) for key in theirs)}
