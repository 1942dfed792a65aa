"""Learner rows: one person for several actor keys, changed only when a source says something new."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from connector.records import ActorKey, Consent, Found, Learner
from connector.store.people import newest_consent
from connector.store.tables import Award, ConsentRow, LearnerKey, LearnerRow


def of_key(session: Session, key: ActorKey) -> LearnerRow | None:
    link = session.get(LearnerKey, key)
    return session.get(LearnerRow, link.learner_id) if link else None


def remember(session: Session, key: ActorKey, found: Found | None, now: datetime) -> LearnerRow:
    """The learner of this actor key, brought up to date with what the sources answered (None: nobody knows him)."""
    keys = dict.fromkeys([key, *(found.keys if found else ())])
    rows = {row.id: row for one in keys if (row := of_key(session, one))}
    row = rows[min(rows)] if rows else _new(session)
    for other in rows.values():
        if other is not row:
            _merge(session, other, into=row)
    for one in keys:
        if session.get(LearnerKey, one) is None:
            origin = found.learner.origins.get("family_name", "directory") if found else "statement"
            session.add(LearnerKey(actor_key=one, learner_id=row.id, origin=origin))
    _update(session, row, found, now)
    return row


def _new(session: Session) -> LearnerRow:
    row = LearnerRow()
    session.add(row)
    session.flush()
    return row


def _merge(session: Session, row: LearnerRow, into: LearnerRow) -> None:
    """The directory says two actors are one person: keys and awards move, the awards keep their anchors."""
    for link in session.exec(select(LearnerKey).where(LearnerKey.learner_id == row.id)):
        link.learner_id = into.id
        session.add(link)
    for award in session.exec(select(Award).where(Award.learner_id == row.id)):
        award.learner_id = into.id
        session.add(award)
    row.merged_into = into.id
    session.add(row)


def _update(session: Session, row: LearnerRow, found: Found | None, now: datetime) -> None:
    row.fetched_at = now
    row.found = row.found or found is not None
    if found is not None:
        for name, value in _columns(found.learner).items():
            if getattr(row, name) != value:
                setattr(row, name, value)
        _keep_consent(session, row, found.learner.consent, now)
    session.add(row)


def _columns(learner: Learner) -> dict[str, object]:
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
    if said is not None and said != newest_consent(session, row):
        kept = ConsentRow(learner_id=row.id, given=said.given, at=said.at, origin=said.origin, seen_at=now)
        session.add(kept)
        session.flush()


def keys_of(session: Session, learners: Iterable[int]) -> dict[int, list[ActorKey]]:
    """Every actor key of these learners."""
    found: dict[int, list[ActorKey]] = {}
    for link in session.exec(select(LearnerKey).where(col(LearnerKey.learner_id).in_(list(learners)))):
        found.setdefault(link.learner_id, []).append(ActorKey(link.actor_key))
    return found
