"""Credits as a workbook: what was reported of whom, under which number, and PARS's own words. Writes nothing.

Names stand in it, for that is what it is asked for; a REMS credit names nobody here either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlmodel import Session, col, select

from connector.inquiry import listing
from connector.inquiry.listing import Row
from connector.sheets.writing import Cell, Column, Page, workbook
from connector.store.people import as_learner
from connector.store.session import Store
from connector.store.tables import ActivityRow, Award, Credit, LearnerRow

_WIDTHS: Final = {
    "completed_on": 12, "family_name": 18, "given_name": 16, "profession": 11, "id_of": 8, "id": 14, "activity": 12,
    "title": 36, "certification": 26, "credits": 9, "state": 12, "reason": 24, "pars_status": 16, "pars_says": 44,
    "since": 20, "reported_on": 12, "who_acts": 13, "credit": 8, "learner": 8, "provider": 10, "credit_id": 44,
}  # fmt: skip
COLUMNS: Final = tuple(_WIDTHS)
PAGE: Final = "records"
_BATCH: Final = 500
_REMS: Final = "rems"


def write(store: Store, rows: Sequence[Row]) -> bytes:
    """The workbook of these credits, in their order."""
    with store.reading() as session:
        titles = {(one.provider_id, one.activity_id): one.title for one in session.exec(select(ActivityRow))}
        names = dict[int, tuple[str, str, str]]()
        parts = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
        cells = [one for part in parts for one in _cells(session, part, titles, names)]
    return workbook([Page(PAGE, [Column(name, width) for name, width in _WIDTHS.items()], cells)])


def _cells(
    session: Session,
    rows: Sequence[Row],
    titles: Mapping[tuple[str, str], str],
    names: dict[int, tuple[str, str, str]],
) -> Iterator[tuple[Cell, ...]]:
    wanted = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    wanted = wanted.where(col(Credit.id).in_([row.credit for row in rows]))
    found = {credit.id: (credit, award) for credit, award in session.exec(wanted)}
    for row in rows:
        credit, award = found[row.credit]
        place = _of_credit(row, credit) | {"title": titles.get((row.provider, row.activity), "")}
        if credit.kind != _REMS:
            if award.learner_id not in names:
                names[award.learner_id] = _names(session, award.learner_id)
            place |= _of_learner(row, credit, names[award.learner_id])
        yield tuple(place.get(name) for name in COLUMNS)


def _of_credit(row: Row, credit: Credit) -> dict[str, Cell]:
    return {
        "completed_on": row.completed_on,
        "reported_on": credit.reported_on,
        "activity": row.activity,
        "certification": row.certification,
        "credits": row.amount,
        "state": row.state,
        "reason": row.attention or row.reason,
        "pars_status": row.pars_status,
        "pars_says": ", ".join(text for text in (credit.pars_reason, credit.pars_words) if text),
        "since": row.since,
        "who_acts": listing.who_acts(row.problems),
        "credit": row.credit,
        "provider": row.provider,
        "credit_id": row.credit_id,
    }


def _of_learner(row: Row, credit: Credit, names: tuple[str, str, str]) -> dict[str, Cell]:
    """Under the name and the number that it left with; one that has not left, under today's name."""
    sent = credit.sent_as or {}
    given, family, profession = names
    return {
        "learner": row.learner,
        "given_name": sent.get("given_name", given),
        "family_name": sent.get("family_name", family),
        "profession": profession,
        "id_of": credit.identifier_domain,
        "id": credit.identifier_value,
    }


def _names(session: Session, number: int) -> tuple[str, str, str]:
    learner = as_learner(session, session.get_one(LearnerRow, number))
    given, family = (name.get_secret_value() if name else "" for name in (learner.given_name, learner.family_name))
    return given, family, learner.profession
