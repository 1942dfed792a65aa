"""The cells by which a row of a sheet says what was reported of whom. Knows no store, and no row's meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from connector.findings import Finding
from connector.pars import identifiers, vocabulary
from connector.pars.identity import Person
from connector.pars.names import divide
from connector.sheets import SheetRow
from connector.sheets.days import day, month_day
from connector.sheets.rows import CELL

EARLIEST: Final = date(1990, 1, 1)
_NINE_DIGITS = re.compile(r"(?<!\d)\d{9}(?!\d)")
_STATES = {name.casefold(): code for code, name in {**vocabulary.STATES, **vocabulary.TERRITORIES}.items()}

Kind = tuple[Literal["cme", "moc"], str]
"""CME, or a board."""


class Cells:
    """Reads the cells of one row and collects what is wrong with them."""

    def __init__(self, row: SheetRow, today: date) -> None:
        self._row = row
        self._today = today
        self.findings: list[Finding] = []

    def wrong(self, column: str, message: str, hint: str = "") -> None:
        self.findings.append(self._row.finding(column, CELL, message, hint))

    def certifications(self) -> Iterator[Kind]:
        """CME and a board may share a row of the template; a row of the download is about one of them."""
        board = _board(self._row["board"])
        if "learner_id" in self._row.places:
            yield ("moc", board) if board else ("cme", "")
            return
        if self._has_cme():
            yield "cme", ""
        if board:
            yield "moc", board

    def _has_cme(self) -> bool:
        try:
            amount = Decimal(self._row["cme"] or "0")
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            self.wrong("cme", "this is no number of credits")
            return False
        return amount > 0

    def check_board(self) -> None:
        """In the download a state's medical board stands here too: it takes CME."""
        text = self._row["board"]
        of_state = "learner_id" in self._row.places and (text.upper() == "CME" or _state_in(text))
        if text and not _board(text) and not of_state:
            self.wrong("board", "no certifying board of this name is known", "write its code: ABIM, ABP, ABS, ...")

    def activity(self) -> str:
        found = _NINE_DIGITS.findall(self._row["activity_id"])
        if len(found) != 1:
            self.wrong("activity_id", "no activity id of ACCME's (9 digits) stands here")
            return ""
        return str(found[0])

    def completed_on(self) -> date | None:
        found = day(self._row["completed_on"])
        if found is None:
            self.wrong("completed_on", "this is no date", "format the column as a date, or write 2026-03-31")
        elif found > self._today:
            self.wrong("completed_on", "this date is in the future")
        elif found < EARLIEST:
            self.wrong("completed_on", f"this date is before {EARLIEST.year}: is it a birth date?")
        return found

    def person(self) -> Person:
        given, family = self._names()
        person = Person(given_name=given, family_name=family, birth_day=self._birth_day(), ids=self._ids())
        if not person.is_known:
            self.wrong("family_name", "the row names nobody: it has neither an id nor both names with a birth day")
        return person

    def _names(self) -> tuple[str, str]:
        """In two columns, or in one."""
        if self._row["given_name"] or self._row["family_name"]:
            return self._row["given_name"], self._row["family_name"]
        return divide(self._row["name"])

    def _birth_day(self) -> str:
        text = self._row["birth_day"]
        found = month_day(text) if text else ("", 0)
        if found is None:
            self.wrong("birth_day", "this is no month and day", "write 09/10")
        return found[0] if found else ""

    def _ids(self) -> dict[str, str]:
        """The one column holds a licence number or an NPI: only ten digits with an NPI's check digit are an NPI."""
        board = _board(self._row["board"])
        if number := self._row["learner_id"]:
            return _by_domain(number, board or _state_in(self._row["board"]))
        state = self._state()
        ids = _by_domain(self._row["licence"], state) if self._row["licence"] else {}
        if board and self._row["board_id"]:
            ids[board] = self._row["board_id"]
        return ids

    def _state(self) -> str:
        text = self._row["state"]
        code = _state(text)
        if text and not code:
            self.wrong("state", "this is no state", "write its two letters or its full name")
        return code


def _by_domain(number: str, domain: str) -> dict[str, str]:
    if domain not in vocabulary.BOARDS and number[:1] in ("1", "2") and identifiers.npi(number) is None:
        return {"NPI": number}
    return {domain: number} if domain else {}


def _state(text: str) -> str:
    known = {**vocabulary.STATES, **vocabulary.TERRITORIES}
    return text.upper() if text.upper() in known else _STATES.get(" ".join(text.casefold().split()), "")


def _state_in(text: str) -> str:
    """The state of `Maine Board of Licensure in Medicine`; of `West Virginia ...` not Virginia."""
    words = f" {' '.join(text.casefold().split())} "
    found = [name for name in _STATES if f" {name} " in words]
    return _state(text) or (_STATES[max(found, key=len)] if found else "")


def _board(text: str) -> str:
    """The code of the certifying board that is meant, by its code or its whole name."""
    wanted = " ".join(text.casefold().split())
    boards = vocabulary.BOARDS.items()
    return next((code for code, board in boards if wanted in (code.casefold(), board.name.casefold())), "")
