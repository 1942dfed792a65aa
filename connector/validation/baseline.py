"""What a baseline says of credits that are judged: what was reported elsewhere closes, what may have been is said.

A credit costs the same however large the baseline is: only the rows and the awards of people like its learner are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from connector.pars.identity import Person, signs
from connector.pars.vocabulary import CME_CERTIFICATION
from connector.records import Problem
from connector.store import elsewhere
from connector.store.moves import move
from connector.store.signs import of_signs, people
from connector.store.states import State
from connector.store.tables import Award, Credit, Reported, ReportedSign
from connector.store.unmatched import solved
from connector.validation.baseline_match import SURE, Earned, Match, Row, match

Kind = tuple[str, str]
"""`cme` or `moc`, and the board."""

_CACHE = "baseline"


def closed(session: Session, credit: Credit, award: Award, *, now: datetime, by: str = "validation") -> bool:
    """Close a credit that is not sent because the baseline has it; the import has told a person already.

    Never one of an award that we have reported before: what the sheet has is our own report then.
    """
    if not is_reported(session, credit, award) or _was_ours(session, credit):
        return False
    credit.at_pars, credit.problems = "no", []
    move(session, credit, State.CLOSED, now=now, code=elsewhere.CODE, by=by)
    solved(session, credit, award, now=now)
    return True


def is_reported(session: Session, credit: Credit, award: Award) -> bool:
    return any(one.how in SURE for one in _of(session, credit, award))


def origin(session: Session, credit: Credit, award: Award) -> str:
    """File and line of the row that reports it; empty where none does."""
    return next((one.row.origin for one in _of(session, credit, award) if one.how in SURE), "")


def check(session: Session, credit: Credit, award: Award) -> list[Problem]:
    """Only a warning: PARS itself is asked about every older credit before it is sent."""
    unsure = [one for one in _of(session, credit, award) if one.how not in SURE]
    return [
        Problem(
            code="credit.perhaps_reported",
            field="identity",
            message=f"a row of the imported sheets may be this very credit ({one.row.origin}: {one.how})",
            hint="compare it with PARS; correct the learner, or the row, and import the sheet again",
            holds=False,
        )
        for one in unsure[:1]
    ]


def can_be_in_a_sheet() -> ColumnElement[bool]:
    """No sheet says anything of credit that JA-PARS alone takes."""
    return or_(Credit.kind == "moc", Credit.certification == CME_CERTIFICATION)


def reached_pars(state: str, at_pars: str) -> bool:
    """Has PARS held this credit of ours, ever?"""
    return at_pars == "yes" or state == State.WITHDRAWN


def _was_ours(session: Session, credit: Credit) -> bool:
    replaced = Credit.id == (credit.supersedes or 0)  # under another award, before a rule was corrected
    mine = select(Credit.state, Credit.at_pars).where((Credit.award_id == credit.award_id) | replaced)
    same = mine.where(Credit.kind == credit.kind, Credit.board == credit.board)
    return any(reached_pars(state, at_pars) for state, at_pars in session.exec(same))


def _of(session: Session, credit: Credit, award: Award) -> list[Match]:
    """Read once a transaction."""
    if credit.kind == "cme" and credit.certification != CME_CERTIFICATION:
        return []
    known: dict[tuple[int, str, str], list[Match]] = session.info.setdefault(_CACHE, {})
    name = (award.id, credit.kind, credit.board)
    if name not in known:
        known[name] = _found(session, award, (credit.kind, credit.board))
    return known[name]


def _found(session: Session, award: Award, kind: Kind) -> list[Match]:
    place = (award.provider_id, award.activity_id)
    rows = _rows_of(session, place, kind, people(session, {award.learner_id})[award.learner_id])
    if not rows:
        return []
    like = of_signs(session, {sign for row in rows for sign in signs(row.person)})
    awards = earned(session, place, {award.learner_id, *like})
    return [one for one in match(rows, awards.get(kind, [])) if one.award.key == award.id]


def _rows_of(session: Session, place: tuple[str, str], kind: Kind, person: Person) -> list[Row]:
    """By their signs first: a planner that began with the activity would walk through the whole baseline."""
    signed = select(ReportedSign.reported_id).where(col(ReportedSign.sign).in_(sorted(signs(person)))).distinct()
    numbers = session.exec(signed).all()
    rows = (
        session.exec(select(Reported).where(col(Reported.id).in_(numbers)).order_by(col(Reported.id)))
        if numbers
        else ()
    )
    return [
        as_row(one) for one in rows if (one.provider_id, one.activity_id) == place and (one.kind, one.board) == kind
    ]


def as_row(one: Reported) -> Row:
    person = Person(given_name=one.given_name, family_name=one.family_name, birth_day=one.birth_day, ids=dict(one.ids))
    return Row(one.id, one.origin, one.completed_on, person)


def earned(
    session: Session, place: tuple[str, str], learners: Collection[int] | None = None
) -> dict[Kind, list[Earned]]:
    """Awards with a credit that may yet be sent, was sent, or was closed by a baseline before; of all, or of these."""
    told = (col(Credit.state) != State.CLOSED) | (Credit.reason == elsewhere.CODE)
    wanted = select(col(Award.id), col(Award.learner_id), col(Award.completed_on), col(Award.per)).where(
        Award.provider_id == place[0], Award.activity_id == place[1]
    )
    if learners is not None:
        wanted = wanted.where(col(Award.learner_id).in_(sorted(learners)))
    awards = session.exec(wanted.order_by(col(Award.id))).all()
    kinds = select(Credit.award_id, Credit.kind, Credit.board)
    if learners is None:
        kinds = kinds.join(Award, col(Credit.award_id) == col(Award.id))
        kinds = kinds.where(Award.provider_id == place[0], Award.activity_id == place[1])
    else:
        kinds = kinds.where(col(Credit.award_id).in_([number for number, _, _, _ in awards]))
    kinds = kinds.where(told, Credit.state != State.WITHDRAWN, can_be_in_a_sheet())
    return _by_kind(awards, set(session.exec(kinds)), people(session, {learner for _, learner, _, _ in awards}))


def _by_kind(
    awards: Iterable[tuple[int, int, date, str]], kinds: Collection[tuple[int, str, str]], known: dict[int, Person]
) -> dict[Kind, list[Earned]]:
    of_award: dict[int, list[Kind]] = defaultdict(list)
    for number, kind, board in kinds:
        of_award[number].append((kind, board))
    found: dict[Kind, list[Earned]] = defaultdict(list)
    for number, learner, completed_on, per in awards:
        for one in of_award[number]:
            found[one].append(Earned(number, completed_on, per, known[learner]))
    return found
