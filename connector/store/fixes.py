"""A person's corrections of one learner: each holds for its field until the source's own value changes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from connector.pars.names import plain
from connector.store.tables import LearnerFix, LearnerRow

IDS: Final = "ids."
FIELDS: Final = ("given_name", "family_name", "birth_day", "profession")
"""And `ids.<domain>`; and `actor_name`: this name, in a statement of one of his actors, is his too."""
ACTOR_NAME: Final = "actor_name"
NOT_ACTOR_NAME: Final = "not_actor_name"
"""Takes back what was said as `actor_name`: this name, or without one all of them."""

DESK: Final = "desk:"
"""How the origin of a permission begins that a person recorded here."""


def standing(session: Session, learners: Collection[int]) -> dict[int, dict[str, str]]:
    """What people corrected and what still holds, by learner and field."""
    rows = select(LearnerFix).where(col(LearnerFix.learner_id).in_(list(learners)), col(LearnerFix.ended_at).is_(None))
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for fix in session.exec(rows.order_by(col(LearnerFix.id))):
        if fix.field != ACTOR_NAME:
            found[fix.learner_id][fix.field] = fix.value
    return found


def fixed_ids(fixes: Mapping[str, str]) -> dict[str, str]:
    """The corrected numbers by domain."""
    return {field.removeprefix(IDS): value for field, value in fixes.items() if field.startswith(IDS)}


def actor_names(session: Session, learner_id: int) -> set[str]:
    """Names in statements that a person said are this learner's."""
    return all_actor_names(session, [learner_id]).get(learner_id, set())


def all_actor_names(session: Session, learners: Collection[int]) -> dict[int, set[str]]:
    """The same of several learners."""
    rows = select(LearnerFix).where(col(LearnerFix.learner_id).in_(list(learners)), LearnerFix.field == ACTOR_NAME)
    found: dict[int, set[str]] = defaultdict(set)
    for fix in session.exec(rows.where(col(LearnerFix.ended_at).is_(None))):
        found[fix.learner_id].add(fix.value)
    return found


def put(session: Session, row: LearnerRow, field: str, value: str, *, by: str, now: datetime) -> bool:
    """Correct one field; an empty value takes an earlier correction back. False where nothing changes."""
    if field == NOT_ACTOR_NAME:
        return _take_back(session, row, value, now)
    if field == ACTOR_NAME:
        if value in actor_names(session, row.id):
            return False
    else:
        stands = standing(session, [row.id])[row.id]
        if stands.get(field, "" if is_disputed(row, field) else source_value(row, field)) == value:
            return False
        _end(session, row, field, now)
    if value and (field == ACTOR_NAME or value != source_value(row, field) or is_disputed(row, field)):
        replaced = _hashed(source_value(row, field))
        session.add(LearnerFix(learner_id=row.id, field=field, value=value, replaced_hash=replaced, by=by, at=now))
    session.flush()
    return True


def end_outdated(session: Session, row: LearnerRow, now: datetime) -> None:
    """A source says something else than it did when its value was corrected: the source counts again. What it leaves
    blank, for a night perhaps, it does not say."""
    rows = select(LearnerFix).where(LearnerFix.learner_id == row.id, col(LearnerFix.ended_at).is_(None))
    for fix in session.exec(rows.where(LearnerFix.field != ACTOR_NAME)).all():
        said = source_value(row, fix.field)
        if said and fix.replaced_hash != _hashed(said):
            fix.ended_at = now
            session.add(fix)


def is_disputed(row: LearnerRow, field: str) -> bool:
    """Do the sources say different things of it? Then a person may also say that the first of them is right."""
    return any(dispute["field"] == field for dispute in row.disputes or ())


def source_value(row: LearnerRow, field: str) -> str:
    """What the sources say; empty where they say nothing."""
    if field.startswith(IDS):
        return row.ids.get(field.removeprefix(IDS), "")
    return str(getattr(row, field, "") or "")


def _take_back(session: Session, row: LearnerRow, name: str, now: datetime) -> bool:
    rows = select(LearnerFix).where(LearnerFix.learner_id == row.id, LearnerFix.field == ACTOR_NAME)
    said = session.exec(rows.where(col(LearnerFix.ended_at).is_(None))).all()
    taken = [fix for fix in said if not name or plain(fix.value) == plain(name)]
    for fix in taken:
        fix.ended_at = now
        session.add(fix)
    session.flush()
    return bool(taken)


def _end(session: Session, row: LearnerRow, field: str, now: datetime) -> None:
    rows = select(LearnerFix).where(LearnerFix.learner_id == row.id, LearnerFix.field == field)
    for fix in session.exec(rows.where(col(LearnerFix.ended_at).is_(None))).all():
        fix.ended_at = now
        session.add(fix)


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
