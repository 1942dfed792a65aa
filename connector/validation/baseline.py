"""What a baseline says of credits that are judged: what was reported elsewhere closes, what may have been is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from connector.pars.identity import Person
from connector.records import Problem
from connector.store import elsewhere
from connector.store.moves import move
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerFix, LearnerRow, Reported
from connector.store.unmatched import solved
from connector.validation.baseline_match import SURE, Earned, Match, Row, keys, match

Kind = tuple[str, str]
"""`cme` or `moc`, and the board."""

Rows = dict[Kind, list[Row]]
Found = dict[tuple[int, str, str], list[Match]]
"""What was found of an award's certification, by the award's number, kind and board."""

_CACHE = "baseline"


def closed(session: Session, credit: Credit, award: Award, *, now: datetime) -> bool:
    """Close a credit that is not sent because the baseline has it; the import has told a person already."""
    if not any(one.how in SURE for one in _of(session, credit, award)):
        return False
    credit.at_pars, credit.problems = "no", []
    move(session, credit, State.CLOSED, now=now, code=elsewhere.CODE, by="validation")
    solved(session, credit, award, now=now)
    return True


def check(session: Session, credit: Credit, award: Award) -> list[Problem]:
    """Only a warning: PARS itself is asked about every older credit before it is sent."""
    unsure = [one for one in _of(session, credit, award) if one.how not in SURE]
    return [
        Problem(
            code="credit.perhaps_reported",
            field="identity",
            message=f"a row of the imported sheets may be this very credit ({one.row.origin}: {one.how})",
            hint="compare it with PARS; correct the row or the learner's id, and import the sheet again",
            holds=False,
        )
        for one in unsure[:1]
    ]


@dataclass
class _Activity:
    """The rows of one activity, read once a transaction; its awards only when one of the rows may matter."""

    rows: Rows
    people: frozenset[object]
    found: Found | None = None


def _of(session: Session, credit: Credit, award: Award) -> list[Match]:
    activities: dict[tuple[str, str], _Activity] = session.info.setdefault(_CACHE, {})
    name = (award.provider_id, award.activity_id)
    if name not in activities:
        rows = _rows(session, *name)
        activities[name] = _Activity(
            rows, frozenset(key for same in rows.values() for row in same for key in keys(row.person))
        )
    one = activities[name]
    if not one.rows or one.people.isdisjoint(keys(_people(session, {award.learner_id})[award.learner_id])):
        return []
    if one.found is None:
        one.found = _found(session, *name, one.rows)
    return one.found.get((award.id, credit.kind, credit.board), [])


def found(session: Session, provider_id: str, activity_id: str) -> Found:
    """Everything that the rows of one activity and its awards have to do with each other."""
    return _found(session, provider_id, activity_id, _rows(session, provider_id, activity_id))


def _found(session: Session, provider_id: str, activity_id: str, rows: Rows) -> Found:
    awards = _awards(session, provider_id, activity_id) if rows else {}
    matches: Found = defaultdict(list)
    for kind, reported in rows.items():
        for one in match(reported, awards.get(kind, [])):
            matches[one.award.key, *kind].append(one)
    return dict(matches)


def _rows(session: Session, provider_id: str, activity_id: str) -> Rows:
    wanted = select(Reported).where(Reported.provider_id == provider_id, Reported.activity_id == activity_id)
    rows: dict[Kind, list[Row]] = defaultdict(list)
    for one in session.exec(wanted.order_by(col(Reported.id))):
        person = Person(
            given_name=one.given_name, family_name=one.family_name, birth_day=one.birth_day, ids=dict(one.ids)
        )
        rows[one.kind, one.board].append(Row(one.id, one.origin, one.completed_on, person))
    return rows


def _awards(session: Session, provider_id: str, activity_id: str) -> dict[Kind, list[Earned]]:
    """Awards with a credit that may yet be sent, was sent, or was closed by a baseline before."""
    told = (col(Credit.state) != State.CLOSED) | (Credit.reason == elsewhere.CODE)
    mine = select(Award).where(Award.provider_id == provider_id, Award.activity_id == activity_id)
    by_number = {award.id: award for award in session.exec(mine)}
    wanted = select(Award.id, Credit.kind, Credit.board).join(Credit, col(Credit.award_id) == col(Award.id))
    wanted = wanted.where(Award.provider_id == provider_id, Award.activity_id == activity_id)
    wanted = wanted.where(told, Credit.state != State.WITHDRAWN, or_(Credit.kind == "cme", Credit.kind == "moc"))
    people = _people(session, {award.learner_id for award in by_number.values()})
    awards: dict[Kind, list[Earned]] = defaultdict(list)
    for number, kind, board in session.exec(wanted.distinct().order_by(col(Award.id))):
        award = by_number[number]
        awards[kind, board].append(Earned(number, award.completed_on, award.per, people[award.learner_id]))
    return awards


_MOST_NAMED = 500  # parameters of one question


def _people(session: Session, learners: Collection[int]) -> dict[int, Person]:
    """What is known of these learners, a person's corrections included; of thousands in a few questions."""
    people: dict[int, Person] = {}
    numbers = sorted(learners)
    for start in range(0, len(numbers), _MOST_NAMED):
        some = numbers[start : start + _MOST_NAMED]
        fixes: dict[int, dict[str, str]] = defaultdict(dict)
        for fix in session.exec(select(LearnerFix).where(col(LearnerFix.learner_id).in_(some))):
            fixes[fix.learner_id][fix.field] = fix.value
        for row in session.exec(select(LearnerRow).where(col(LearnerRow.id).in_(some))):
            people[row.id] = _person(row, fixes[row.id])
    return people


def _person(row: LearnerRow, fixes: dict[str, str]) -> Person:
    fixed_ids = {name.removeprefix("ids."): value for name, value in fixes.items() if name.startswith("ids.")}
    names: dict[str, Any] = {
        name: fixes.get(name, getattr(row, name)) or "" for name in ("given_name", "family_name", "birth_day")
    }
    return Person(**names, ids=row.ids | fixed_ids)
