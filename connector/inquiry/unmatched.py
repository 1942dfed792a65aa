"""The desk's list, and one of its cases in plain words. Writes nothing; shows a value only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from connector.config import Config
from connector.desk import cases, deadlines, near_misses, suggestions
from connector.desk.cases import Case
from connector.desk.deadlines import Outlook
from connector.inquiry import listing
from connector.inquiry.listing import Row, counted
from connector.inquiry.story import Line, moment
from connector.records import Actor, Frozen
from connector.store import matches
from connector.store.session import Store
from connector.store.signs import people
from connector.store.tables import Credit, Suggestion

_FIELDS: Final = {
    "given_name": "first name",
    "family_name": "last name",
    "birth_day": "month and day of birth",
    "identity": "names, birth day or number: PARS does not say which",
    "actor": "the actor of the statement",
    "ids": "the kind of number",
    "ids.NPI": "NPI",
}
_SURE: Final = "sure: PARS knows the learner with this"
_POSSIBLE: Final = "possible: PARS has not said yes"


class Filter(Frozen):
    """What of the desk to list; None means all."""

    who: Actor | None = None
    activity: str | None = None
    learner: str | None = None  # a learner's number or an actor key


class Open(Frozen):
    """One credit that waits for a person, with its age, what it threatens, and whether something is suggested."""

    row: Row
    days: int
    outlook: Outlook
    suggestion: suggestions.Mark = "none"

    def plain(self) -> dict[str, Any]:
        """For --json."""
        ahead = self.outlook.next
        return self.row.plain() | {
            "days": self.days,
            "who": listing.who_acts(self.row.problems),
            "deadline": ahead and ahead.day.isoformat(),
            "deadline_kind": ahead and str(ahead.kind),
            "deadlines_passed": [str(one.kind) for one in self.outlook.passed],
            "suggestion": self.suggestion,
        }


def listed(store: Store, config: Config, wanted: Filter, now: datetime) -> list[Open]:
    """The desk, the oldest case first."""
    rows = {row.credit: row for row in listing.unmatched(store)}
    with store.reading() as session:
        waiting = [one for one in cases.waiting(session) if one[0].id in rows]
        marks = suggestions.marks(session, waiting)
        learner = listing.find_learner(session, wanted.learner) if wanted.learner else None
        found = [
            _open(config, case, rows[case.credit], marks.get(case.credit, "none"), now)
            for case in (cases.case(session, *one) for one in waiting)
        ]
    return [one for one in found if _fits(one, wanted, learner.id if learner else None)]


def _open(config: Config, case: Case, row: Row, mark: suggestions.Mark, now: datetime) -> Open:
    days = (now - case.since) // timedelta(days=1)
    return Open(row=row, days=days, outlook=_outlook(config, case, now), suggestion=mark)


def _outlook(config: Config, case: Case, now: datetime) -> Outlook:
    zone = config.zone_at(case.provider)
    return deadlines.outlook(case.completed_on, zone, now, case.claim_date, board=bool(case.board))


def _fits(one: Open, wanted: Filter, learner: int | None) -> bool:
    acts = {problem.who for problem in one.row.problems if problem.holds}
    return (
        (wanted.who is None or wanted.who in acts)
        and (wanted.activity is None or wanted.activity == one.row.activity)
        and (wanted.learner is None or learner == one.row.learner)
    )


def told(store: Store, config: Config, number: int, now: datetime, *, values: bool) -> list[Line]:
    """The case in words; empty where the credit does not wait for a person."""
    with store.reading() as session:
        waiting = next((one for one in cases.waiting(session) if one[0].id == number), None)
        if waiting is None:
            return []
        case = cases.case(session, *waiting)
        return [*_head(config, case, now), *_sent(session, case, values=values), *_near(session, case, values=values)]


def _head(config: Config, case: Case, now: datetime) -> Iterator[Line]:
    about = f"{case.certification}, activity {case.activity} {case.title}".rstrip()
    yield Line(depth=0, text=f"credit {case.credit} waits for a person: {about}, completed on {case.completed_on}")
    for problem in (one for one in case.problems if one.holds):
        yield Line(depth=1, text=f"what failed: {problem.message} ({problem.code})")
        if problem.field:
            yield Line(depth=2, text=f"field: {field_words(problem.field)}")
        yield Line(depth=2, text=f"who can fix it: {problem.who}")
        if problem.hint:
            yield Line(depth=2, text=problem.hint)
    days = (now - case.since) // timedelta(days=1)
    yield Line(depth=1, at=moment(case.since), text=f"waits since then: {counted(days, 'day', 'days')}")
    yield from _deadline(config, case, now)


def _deadline(config: Config, case: Case, now: datetime) -> Iterator[Line]:
    outlook = _outlook(config, case, now)
    if outlook.next is not None:
        left = (outlook.next.at - now) // timedelta(days=1)
        text = f"next deadline: {outlook.next.day}, {outlook.next.words}, in {counted(left, 'day', 'days')}"
        yield Line(depth=1, text=text)
    for one in outlook.passed:
        yield Line(depth=1, text=f"deadline passed: {one.day}, {one.words}")


def field_words(field: str) -> str:
    """A field as people call it."""
    return _FIELDS.get(field) or (f"{field[4:]} number" if field.startswith("ids.") else field.replace("_", " "))


def _sent(session: Session, case: Case, *, values: bool) -> Iterator[Line]:
    if case.sent_at is None:
        yield Line(depth=1, text="what was sent: nothing yet")
        return
    fields = ", ".join(field_words(name) for name in case.sent_fields)
    text = f"what was sent first: under {case.sent_under or 'no number'}, with {fields}"
    yield Line(depth=1, at=moment(case.sent_at), text=text)
    credit = session.get_one(Credit, case.credit)
    if values:
        said = {**(credit.sent_as or {}), f"ids.{case.sent_under}": credit.identifier_value}
        yield from (Line(depth=2, text=f"{field_words(name)}: {value}") for name, value in sorted(said.items()))
    back = ", ".join(text for text in (case.pars_status, case.pars_reason, case.pars_words) if text)
    yield Line(depth=1, text=f"what came back: {back or 'no word of it'}")


def _near(session: Session, case: Case, *, values: bool) -> Iterator[Line]:
    found = suggestions.of(session, session.get_one(Credit, case.credit))
    if values:
        person = people(session, [case.learner])[case.learner]
        said = {name: getattr(person, name) for name in ("given_name", "family_name", "birth_day")}
        said |= {f"ids.{domain}": value for domain, value in sorted(person.ids.items())}
        yield Line(depth=1, text="the learner as he is known now:")
        yield from (Line(depth=2, text=f"{field_words(name)}: {value}") for name, value in said.items() if value)
    if found:
        yield Line(depth=1, text="near misses, to be taken after a look at the learner's own words:")
    for one in found:
        yield from _suggested(case, one, values=values)


def _suggested(case: Case, one: Suggestion, *, values: bool) -> Iterator[Line]:
    mark = _SURE if one.answer == matches.YES else _POSSIBLE
    yield Line(depth=2, text=f"{one.rank}. {mark}: {near_misses.plain_words(one.cause)} ({one.cause})")
    for field, value in sorted(one.corrected.items()):
        yield Line(depth=3, text=f"{field_words(field)}: {value}" if values else field_words(field))
    yield Line(depth=3, text=f"`pars-connector unmatched fix {case.credit} --suggestion {one.rank}`")
