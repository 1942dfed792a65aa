"""Finds learners by what a sheet says of a person; knows no sheet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlmodel import Session, col, select

from connector.pars.identity import Person, signs
from connector.store import fixes
from connector.store.tables import LearnerRow, LearnerSign

_MOST_NAMED = 500  # parameters of one question


def sign(session: Session, learner_id: int) -> None:
    """Keep what finds a learner in step with what is known of him; whoever changes him or a fix of his calls this."""
    wanted = signs(people(session, [learner_id])[learner_id])
    for kept in session.exec(select(LearnerSign).where(LearnerSign.learner_id == learner_id)).all():
        if kept.sign in wanted:
            wanted.remove(kept.sign)
        else:
            session.delete(kept)
    session.add_all(LearnerSign(sign=one, learner_id=learner_id) for one in sorted(wanted))


def people(session: Session, learners: Collection[int]) -> dict[int, Person]:
    """What is known of these learners, a person's corrections included; of thousands in a few questions."""
    known: dict[int, Person] = {}
    numbers = sorted(learners)
    for start in range(0, len(numbers), _MOST_NAMED):
        some = numbers[start : start + _MOST_NAMED]
        fixed = fixes.standing(session, some)
        for row in session.exec(select(LearnerRow).where(col(LearnerRow.id).in_(some))):
            known[row.id] = _person(row, fixed[row.id])
    return known


def of_signs(session: Session, some: Collection[str]) -> set[int]:
    """The learners who have one of these."""
    return set(session.exec(select(LearnerSign.learner_id).where(col(LearnerSign.sign).in_(sorted(some)))))


def _person(row: LearnerRow, fixed: dict[str, str]) -> Person:
    names: dict[str, Any] = {
        name: fixed.get(name, getattr(row, name)) or "" for name in ("given_name", "family_name", "birth_day")
    }
    return Person(**names, ids=row.ids | fixes.fixed_ids(fixed))
