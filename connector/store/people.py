"""A learner's row as the strict, masked value that the rooms work with."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from connector.records import Actor, Consent, Learner, Problem
from connector.store import fixes
from connector.store.tables import ConsentRow, LearnerRow

_MOST_NAMED = 500  # parameters of one question


def as_learner(session: Session, row: LearnerRow) -> Learner:
    """The strict value of a row: a person's fixes win over the sources, the newest consent counts."""
    return _learner(row, fixes.standing(session, [row.id])[row.id], newest_consent(session, row))


def as_learners(session: Session, rows: Collection[LearnerRow]) -> dict[int, Learner]:
    """The same of many, in a few questions."""
    numbers = sorted(row.id for row in rows)
    fixed = fixes.standing(session, numbers)
    said = select(ConsentRow).where(col(ConsentRow.learner_id).in_(numbers)).order_by(col(ConsentRow.id))
    newest = {kept.learner_id: kept for kept in session.exec(said)}
    return {row.id: _learner(row, fixed[row.id], _consent(newest.get(row.id))) for row in rows}


def _learner(row: LearnerRow, fixed: Mapping[str, str], consent: Consent | None) -> Learner:
    given, family, birth = (fixed.get(name, getattr(row, name)) for name in ("given_name", "family_name", "birth_day"))
    return Learner.known_as(
        given, family, birth, row.ids | fixes.fixed_ids(fixed),
        profession=fixed.get("profession", row.profession), consent=consent, rems=row.rems, origins=row.origins,
    )  # fmt: skip


def lives_as(session: Session, number: int) -> LearnerRow | None:
    """Whoever was merged into another is that other."""
    row = session.get(LearnerRow, number)
    while row is not None and row.merged_into is not None:
        row = session.get(LearnerRow, row.merged_into)
    return row


def snapshot(learner: Learner) -> dict[str, str]:
    """The identity a credit leaves under, kept on its row: a question or a withdrawal must name the same person."""
    return {
        name: value.get_secret_value()
        for name in ("given_name", "family_name", "birth_day")
        if (value := getattr(learner, name)) is not None
    }


def newest_consent(session: Session, row: LearnerRow) -> Consent | None:
    newest = select(ConsentRow).where(ConsentRow.learner_id == row.id).order_by(col(ConsentRow.id).desc()).limit(1)
    return _consent(session.exec(newest).first())


def _consent(kept: ConsentRow | None) -> Consent | None:
    return Consent(given=kept.given, at=kept.at, origin=kept.origin) if kept else None


def may_be_named(learner: Mapped[int]) -> ColumnElement[bool]:
    """A condition: this learner's newest word is that he may be named to PARS."""
    newest = select(ConsentRow.given).where(col(ConsentRow.learner_id) == learner).order_by(col(ConsentRow.id).desc())
    return newest.limit(1).scalar_subquery().is_(True)


def permitted(session: Session, learners: Collection[int]) -> set[int]:
    """Those of them who may be named to PARS."""
    numbers, found = sorted(learners), set[int]()
    for start in range(0, len(numbers), _MOST_NAMED):
        some = col(LearnerRow.id).in_(numbers[start : start + _MOST_NAMED])
        found.update(session.exec(select(LearnerRow.id).where(some, may_be_named(col(LearnerRow.id)))))
    return found


def no_consent(*, withdrawn: bool) -> Problem:
    """What a missing permission is called, wherever it is found."""
    message = "the permission to report was refused or withdrawn" if withdrawn else "no permission to report is on file"
    return Problem(
        code="learner.no_consent",
        field="consent",
        message=message,
        hint="ACCME requires the learner's permission: ask for it, then record it in the learner source",
        who=Actor.LEARNER,
    )
