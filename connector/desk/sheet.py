"""The desk as a workbook: a row for each learner whose values can be put right, a second sheet for the other cases.

It is a person's own: names and numbers stand in it. Knows no command and no folder.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session

from connector.config import Config
from connector.desk import cases, near_misses, suggestions
from connector.desk.cases import Case
from connector.desk.corrections import FIELDS, PAIRS
from connector.desk.deadlines import outlook
from connector.lrs import actors
from connector.pars import vocabulary
from connector.records import Actor, Frozen, Problem
from connector.sheets.writing import Cell, Column, Page, shown, workbook
from connector.store.fixes import IDS, actor_names
from connector.store.matches import YES
from connector.store.people import as_learner
from connector.store.session import Store
from connector.store.tables import Award, Credit, LearnerRow, Suggestion

NUMBER, NAME, SAME, WHY, CHECK = "learner", "name_in_statement", "same_person", "why", "row_check"
TOLD: Final = (
    "credits", "activities", "problem", "what_to_do", "who_acts", "pars_says", "days", "deadline", "suggestion",
    NAME,
)  # fmt: skip
COLUMNS: Final = (NUMBER, *TOLD, *FIELDS, SAME, WHY, CHECK)
OTHER: Final = (
    "credit", "learner", "actor", "name_in_statement", "activity", "title", "completed_on", "problem", "what_to_do",
    "who_acts", "pars_says", "days", "deadline",
)  # fmt: skip
LEARNERS_PAGE, OTHERS_PAGE = "learners", "other cases"
OTHER_NAME: Final = "learner.name_differs"

GUIDANCE: Final = (
    "Correct the yellow cells, save the sheet, and give it back (unmatched import, or the desk's folder). An emptied "
    "cell changes nothing. Rows may be sorted and deleted. These are personal data: keep the sheet to yourself. What "
    "you write into the column why is shown with the credit: no name there."
)
_OTHERS = "No cell mends these: the column what_to_do says who does what. What is written here is not read back."
_NO_CELL = frozenset({"learner.not_found", "learner.other_person", "learner.not_eligible"})
_BY_PARS = frozenset({"pars.no_match", "pars.several_matches"})
_LEAVE = "This ties the row to its learner. Leave it as it is."
_WIDTHS = {
    NUMBER: 8, "credits": 9, "activities": 34, "problem": 40, "what_to_do": 44, "who_acts": 13, "pars_says": 28,
    "days": 6, "deadline": 12, "suggestion": 44, "name_in_statement": 18, "state": 8, "board": 8, SAME: 12, WHY: 24,
    CHECK: 16, "title": 34, "credit": 8, "activity": 12, "completed_on": 12, "actor": 30,
}  # fmt: skip


class Wanted(Frozen):
    """Which cases; None means all."""

    activity: str | None = None
    learner: int | None = None
    who: str | None = None


def write(store: Store, config: Config, *, now: datetime, wanted: Wanted | None = None) -> bytes:
    """The workbook of all open cases, or of those that are wanted."""
    with store.reading() as session:
        found = [one for one in cases.open_cases(session) if _is_wanted(one, wanted or Wanted())]
        near = suggestions.marks(session, cases.waiting(session))
        mended = defaultdict[int, list[Case]](list)
        for one in found:
            if _is_mended(one):
                mended[one.learner].append(one)
        rows = [_learner_row(session, config, mine, near, now) for mine in mended.values()]
        others = [_other_row(session, config, one, now) for one in found if not _is_mended(one)]
    return workbook([learners_page(rows), Page(OTHERS_PAGE, [_column(name) for name in OTHER], others, _OTHERS)])


def learners_page(rows: Sequence[Sequence[Cell]], extra: Sequence[str] = ()) -> Page:
    """The sheet that is read back; `extra` columns stand in front."""
    return Page(LEARNERS_PAGE, [_column(name) for name in (*extra, *COLUMNS)], rows, GUIDANCE)


def today(session: Session, row: LearnerRow) -> dict[str, str]:
    """What stands now, by field as a correction has it, corrections included; what is unknown is empty."""
    learner = as_learner(session, row)
    names = (learner.given_name, learner.family_name, learner.birth_day)
    plain = [value.get_secret_value() if value else "" for value in names]
    values = dict(zip(("given_name", "family_name", "birth_day"), plain, strict=True))
    consent = {True: "yes", False: "no"}[learner.consent.given] if learner.consent else ""
    ids = {IDS + domain: value.get_secret_value() for domain, value in sorted(learner.ids.items())}
    return {**values, "profession": learner.profession, "consent": consent, **ids}


def cells(values: dict[str, str]) -> dict[str, str]:
    """The same by column, as a sheet shows it."""
    ids = {field.removeprefix(IDS): value for field, value in values.items() if field.startswith(IDS)}
    boards = [domain for domain in ids if domain in vocabulary.BOARDS]
    states = [domain for domain in ids if domain not in (*boards, "NPI")]
    found = {name: values.get(name, "") for name in FIELDS} | {"npi": ids.get("NPI", "")}
    for (names, numbers), domains in zip(PAIRS, (states, boards), strict=True):
        found[names], found[numbers] = "; ".join(domains), "; ".join(ids[domain] for domain in domains)
    return {name: shown(text) for name, text in found.items()}


def check(learner: int, values: dict[str, str]) -> str:
    """Ties a row to its learner and to what was known of him when it was written."""
    text = "\n".join([str(learner), *(f"{name}={value}" for name, value in cells(values).items())])
    return f"r{learner}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def names_in_question(session: Session) -> dict[int, list[str]]:
    """By learner: names in statements of his actors that do not fit his own, and that nobody has said are his too."""
    found = defaultdict[int, list[str]](list)
    for one in cases.open_cases(session):
        name = _name(session, one)
        if name and name not in (*found[one.learner], *actor_names(session, one.learner)):
            found[one.learner].append(name)
    return dict(found)


def mends(problem: Problem) -> bool:
    """Can it be put right by a value of the learner's?"""
    return problem.code in _BY_PARS or (problem.code.startswith(cases.IDENTITY) and problem.code not in _NO_CELL)


def _is_mended(one: Case) -> bool:
    return any(mends(problem) for problem in one.problems)


def _name(session: Session, one: Case) -> str:
    """In the statement, where that is in question."""
    if all(problem.code != OTHER_NAME for problem in one.problems):
        return ""
    return session.get_one(Award, session.get_one(Credit, one.credit).award_id).actor_name


def _pars_says(one: Case) -> str:
    return ", ".join(text for text in (one.pars_status, one.pars_reason, one.pars_words) if text)


def _is_wanted(one: Case, wanted: Wanted) -> bool:
    named = {str(problem.who) for problem in one.problems if problem.holds}
    asked = ((wanted.activity, {one.activity}), (wanted.learner, {one.learner}), (wanted.who, named))
    return all(what is None or what in has for what, has in asked)


def _learner_row(
    session: Session, config: Config, mine: Sequence[Case], near: Collection[int], now: datetime
) -> tuple[Cell, ...]:
    """One learner's open cases; `near` are the credits for which something is suggested."""
    number = mine[0].learner
    values = today(session, session.get_one(LearnerRow, number))
    told: dict[str, Cell] = {
        **_in_words([problem for one in mine for problem in one.problems]),
        "credits": _listed(str(one.credit) for one in mine),
        "activities": _lines(f"{one.activity} {one.title}".strip() for one in mine),
        "pars_says": _lines(_pars_says(one) for one in mine),
        "days": max(_days(one, now) for one in mine),
        "deadline": min((found for one in mine if (found := _deadline(config, one, now))), default=""),
        "suggestion": _lines(_near(session, [one.credit for one in mine if one.credit in near])),
        "name_in_statement": _lines(_name(session, one) for one in mine),
    }
    written = {NUMBER: number, **told, **cells(values), SAME: "", WHY: "", CHECK: check(number, values)}
    return tuple(written[name] for name in COLUMNS)


def _other_row(session: Session, config: Config, one: Case, now: datetime) -> tuple[Cell, ...]:
    award = session.get_one(Award, session.get_one(Credit, one.credit).award_id)
    place: dict[str, Cell] = {
        "actor": actors.shown(award.anchor),
        "name_in_statement": award.actor_name,
        **_in_words(one.problems),
        "credit": one.credit,
        "learner": one.learner,
        "activity": one.activity,
        "title": one.title,
        "completed_on": one.completed_on,
        "pars_says": _pars_says(one),
        "days": _days(one, now),
        "deadline": _deadline(config, one, now),
    }
    return tuple(place[name] for name in OTHER)


def _in_words(problems: Sequence[Problem]) -> dict[str, str]:
    stopping = [one for one in problems if one.holds] or list(problems)
    named = {one.who for one in stopping}
    return {
        "problem": _lines(f"{one.message} ({one.code})" for one in stopping),
        "what_to_do": _lines(one.hint for one in stopping),
        "who_acts": _listed(str(who) for who in Actor if who in named),
    }


def _near(session: Session, credits_: Sequence[int]) -> list[str]:
    """What is offered, word for word; nothing of it is filled in."""
    offered = (suggestions.of(session, session.get_one(Credit, number)) for number in credits_)
    return [_suggested(one) for found in offered for one in found]


def _suggested(one: Suggestion) -> str:
    values = ", ".join(f"{field.removeprefix(IDS)} {value}" for field, value in sorted(one.corrected.items()))
    sure = "sure, PARS knows this learner so" if one.answer == YES else "possible"
    return f"{values} ({sure}): {near_misses.plain_words(one.cause)}"


def _deadline(config: Config, one: Case, now: datetime) -> str:
    return outlook(one.completed_on, config.zone_at(one.provider), now, one.claim_date, board=bool(one.board)).brief()


def _days(one: Case, now: datetime) -> int:
    return max((now - one.since).days, 0)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(text for text in texts if text))


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _column(name: str) -> Column:
    width = _WIDTHS.get(name, 14)
    if name == CHECK:
        return Column(name, width, untouched=_LEAVE)
    choices = {"consent": ("yes", "no"), SAME: ("yes",)}.get(name, ())
    return Column(name, width, open=name in (*FIELDS, SAME, WHY), choices=choices)
