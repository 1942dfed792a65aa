"""Exported sheets in a test's hands: opened, edited as a person would, laid back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from sqlmodel import select

from connector.desk import returned, sheet
from connector.learners import stage as learners
from connector.records import Problem
from connector.store.people import as_learner
from connector.store.signs import sign
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerRow, Wish
from tests.delivery.workplace import Delivery

HEADER = 2
"""The header's row: guidance stands above it."""


def unmatched(delivery: Delivery, person: str = "aoneill", **values: Any) -> int:
    """A learner with a credit that PARS did not match, and these values; his number."""
    (pk,) = delivery.ready(person)
    delivery.change(pk, state=State.UNMATCHED, reason="pars.no_match", pars_status="Rejected", pars_words="No match")
    number = learner_of(delivery, pk)
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, number)
        for name, value in {"found": True, "profession": "MD", **values}.items():
            setattr(row, name, value)
        session.add(row)
        session.flush()
        sign(session, number)
    return number


def learner_of(delivery: Delivery, credit: int) -> int:
    with delivery.store.reading() as session:
        return session.get_one(Award, session.get_one(Credit, credit).award_id).learner_id


def held(delivery: Delivery, credit: int, code: str, **more: Any) -> None:
    """A gate holds this credit."""
    problem = Problem(code=code, message="it is held", hint="do something", **more).model_dump(mode="json")
    delivery.change(credit, state=State.HELD, reason=code, problems=[problem])


class Sheet:
    """An exported workbook; cells by learner and column."""

    def __init__(self, delivery: Delivery, **wanted: Any) -> None:
        self.delivery = delivery
        now = datetime.now(UTC)
        self.bytes = sheet.write(delivery.store, delivery.config, now=now, wanted=sheet.Wanted(**wanted))
        self.book: Workbook = load_workbook(io.BytesIO(self.bytes))

    @property
    def page(self) -> Worksheet:
        return self.book[sheet.LEARNERS_PAGE]

    def rows(self, page: str = sheet.LEARNERS_PAGE) -> list[dict[str, Any]]:
        header, *below = self.book[page].iter_rows(min_row=HEADER, values_only=True)
        return [dict(zip(map(str, header), row, strict=True)) for row in below]

    def line(self, learner: int) -> int:
        return HEADER + 1 + [row["learner"] for row in self.rows()].index(learner)

    def place(self, column: str) -> int:
        return 1 + [cell.value for cell in self.page[HEADER]].index(column)

    def get(self, learner: int, column: str) -> Any:
        return self.page.cell(self.line(learner), self.place(column)).value

    def put(self, learner: int, /, **cells: Any) -> Sheet:
        line = self.line(learner)
        for column, value in cells.items():
            self.page.cell(line, self.place(column)).value = value
        return self

    def save(self, name: str = "back.xlsx", folder: Path | None = None) -> Path:
        path = (folder or self.delivery.folder) / name
        if path.suffix == ".xlsx":
            self.book.save(path)
        return path

    def save_csv(self, delimiter: str = ",", name: str = "back.csv") -> Path:
        """As Excel saves it: with a byte order mark."""
        path = self.delivery.folder / name
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows(
                ["" if value is None else value for value in row] for row in self.page.iter_rows(values_only=True)
            )
        return path


def take(delivery: Delivery, path: Path) -> returned.Judged:
    return returned.take_over(delivery.store, returned.read_back(path), by="coordinator", now=datetime.now(UTC))


def refused(found: returned.Judged) -> list[tuple[str, str]]:
    """Place and code of what was refused."""
    return [(one.cell or f"{one.line}:{one.column}", one.code) for one in found.findings]


def asked(delivery: Delivery) -> list[dict[str, Any]]:
    with delivery.store.reading() as session:
        return [wish.args for wish in session.exec(select(Wish).order_by(Wish.id)) if wish.done_at is None]


def carry_out(delivery: Delivery) -> None:
    learners.run(delivery.store, delivery.config)


def today(delivery: Delivery, learner: int) -> dict[str, str]:
    with delivery.store.reading() as session:
        return sheet.today(session, session.get_one(LearnerRow, learner))


def consented(delivery: Delivery, learner: int) -> bool | None:
    with delivery.store.reading() as session:
        said = as_learner(session, session.get_one(LearnerRow, learner)).consent
        return said.given if said else None
