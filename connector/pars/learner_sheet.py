"""The sheets of learners that PARS takes and gives: their columns as data, and what their rows report. Knows no store.

The names of the template's columns are confirmed up to the first credit type; `Guess` marks what nobody outside has
seen: the headers of *Download All Learners* (only its screen is described) and most words of its status.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import count
from pathlib import Path
from typing import Final, Literal

from connector.errors import ConfigError
from connector.findings import Finding
from connector.pars import identifiers, vocabulary
from connector.pars.identity import Person, Relation, relation, signs
from connector.pars.names import divide
from connector.pars.wire.values import Guess, Words
from connector.records import Frozen
from connector.sheets import Sheet, SheetRow, read_sheet
from connector.sheets.days import day, month_day
from connector.sheets.rows import CELL, refuse_all


class Headers(Frozen):
    """What each column is called, by what it holds. Order, case and signs do not count."""

    action: Words = ("Record Action",)
    activity_id: Guess[Words] = ("ACCME Activity ID", "Activity ID")
    completed_on: Guess[Words] = ("Completion Date", "Completion")
    given_name: Words = ("First Name",)
    family_name: Words = ("Last Name",)
    name: Guess[Words] = ("Name", "Learner Name", "Learner")
    birth_day: Guess[Words] = ("Date of Birth", "DOB")
    state: Words = ("Licensing State",)
    licence: Words = ("Licensing ID or NPI",)
    cme: Words = ("Number of CME Credits",)
    board: Guess[Words] = ("Certifying Board", "Board")
    board_id: Words = ("Certifying Board ID",)
    learner_id: Guess[Words] = ("Learner ID",)
    status: Guess[Words] = ("Status", "Record Status")


class Statuses(Frozen):
    """Words of the download's status: PARS holds these records, or it does not. Any other word is a finding."""

    held: Guess[Words] = ("Accepted", "Pending", "Pending confirmation")
    not_held: Guess[Words] = ("Rejected", "Deleted")


HEADERS: Final = Headers()
STATUSES: Final = Statuses()
REQUIRED: Final = ("activity_id", "completed_on")
EARLIEST: Final = date(1990, 1, 1)
_NINE_DIGITS = re.compile(r"(?<!\d)\d{9}(?!\d)")
_STATES = {name.casefold(): code for code, name in {**vocabulary.STATES, **vocabulary.TERRITORIES}.items()}
_ADD, _DELETE = "add", "delete"

Kind = tuple[Literal["cme", "moc"], str]
"""CME, or a board."""


class Report(Frozen):
    """One certification of one person that PARS holds, as one row says."""

    line: int
    activity_id: str
    completed_on: date
    kind: Literal["cme", "moc"]
    board: str = ""
    person: Person


class Recall(Frozen):
    """A row that says that PARS does not hold a report: to be deleted, or rejected by its status."""

    report: Report
    any_kind: bool = False  # it names neither CME nor a board

    def takes(self, one: Report) -> bool:
        mine = self.report
        same_thing = (mine.activity_id, mine.completed_on) == (one.activity_id, one.completed_on)
        same_kind = self.any_kind or (mine.kind, mine.board) == (one.kind, one.board)
        return same_thing and same_kind and relation(mine.person, one.person) is Relation.SAME


@dataclass
class Reports:
    """What a sheet says: reports that stand, what it takes back, and the lines of rows that report nothing."""

    recalls: list[Recall] = field(default_factory=list)
    not_held: list[int] = field(default_factory=list)  # PARS's status says so
    nothing: list[int] = field(default_factory=list)  # neither CME nor a board: REMS alone
    taken_back: list[int] = field(default_factory=list)  # rows to delete that found what they delete
    deletes_nothing: list[int] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    _rows: dict[int, Report] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _by_sign: dict[tuple[str, date, str], set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def standing(self) -> list[Report]:
        return list(self._rows.values())

    def add(self, rows: list[Report]) -> None:
        for row in rows:
            number = next(self._numbers)
            self._rows[number] = row
            for sign in signs(row.person):
                self._by_sign[row.activity_id, row.completed_on, sign].add(number)

    def take_back(self, recall: Recall) -> bool:
        """Take out what earlier rows reported of this person; False when there was nothing."""
        row = recall.report
        near = {
            number for sign in signs(row.person)
            for number in self._by_sign[row.activity_id, row.completed_on, sign] & self._rows.keys()
        }  # fmt: skip
        taken = [number for number in near if recall.takes(self._rows[number])]
        for number in taken:
            del self._rows[number]
        return bool(taken)


def read(path: Path, *, today: date, sheet: str = "") -> Reports:
    """Raises ConfigError with every cell that cannot be read: half of a baseline would be sent again."""
    aliases = {_plain(word): name for name, words in HEADERS for word in words}
    optional = [name for name in Headers.model_fields if name not in REQUIRED]
    found = read_sheet(path, required=REQUIRED, optional=optional, aliases=aliases, strict=False, sheet=sheet)
    _check_people(path, found)
    reports, findings = Reports(ignored=found.ignored), list[Finding]()
    for row in found.rows:
        reader = _Row(row, today)
        reader.into(reports)
        findings += reader.findings
    refuse_all(findings)
    return reports


def _plain(word: str) -> str:
    return "_".join(re.findall(r"\w+", word.lower()))


def _check_people(path: Path, sheet: Sheet) -> None:
    """A learner is named in one column or in two; a sheet without either is some other sheet."""
    places = sheet.rows[0].places if sheet.rows else {"name": 1}
    if "name" not in places and not {"given_name", "family_name"} <= places.keys():
        message = "missing column: First Name and Last Name, or Name"
        raise ConfigError("config.sheet_column", message, where=str(path))


class _Row:
    """Reads one row and collects what is wrong with its cells."""

    def __init__(self, row: SheetRow, today: date) -> None:
        self._row = row
        self._today = today
        self.findings: list[Finding] = []

    def into(self, reports: Reports) -> None:
        line = self._row.line
        held, action, kinds = self._held(), self._action(), list(self._certifications())
        rows = self._reports(kinds or [("cme", "")])
        recalls = [Recall(report=row, any_kind=not kinds) for row in rows]
        if not held:
            self.findings.clear()  # PARS has refused worse: a cell of it that cannot be read takes nothing back
            reports.not_held.append(line)
            reports.recalls += recalls
        elif self.findings:
            return
        elif action == _DELETE:
            found = [reports.take_back(one) for one in recalls]
            (reports.taken_back if any(found) else reports.deletes_nothing).append(line)
            reports.recalls += recalls
        elif kinds:
            reports.add(rows)
        else:
            reports.nothing.append(line)

    def _wrong(self, column: str, message: str, hint: str = "") -> None:
        self.findings.append(self._row.finding(column, CELL, message, hint))

    def _action(self) -> str:
        word = self._row["action"].lower()
        if word not in ("", _ADD, _DELETE):
            self._wrong("action", "the action is neither Add nor Delete")
        return word

    def _held(self) -> bool:
        word = " ".join(self._row["status"].split()).casefold()
        if word in (known.casefold() for known in STATUSES.not_held):
            return False
        if word and word not in (known.casefold() for known in STATUSES.held):
            self._wrong(
                "status", "nobody knows whether PARS holds a record of this status", "write Accepted or Rejected"
            )
        return True

    def _certifications(self) -> Iterator[Kind]:
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
            self._wrong("cme", "this is no number of credits")
            return False
        return amount > 0

    def _check_board(self) -> None:
        """In the download a state's medical board stands here too: it takes CME."""
        text = self._row["board"]
        of_state = "learner_id" in self._row.places and (text.upper() == "CME" or _state_in(text))
        if text and not _board(text) and not of_state:
            self._wrong("board", "no certifying board of this name is known", "write its code: ABIM, ABP, ABS, ...")

    def _reports(self, kinds: list[Kind]) -> list[Report]:
        """One for each certification."""
        self._check_board()
        activity, completed_on, person = self._activity(), self._completed_on(), self._person()
        if self.findings or completed_on is None:
            return []
        return [
            Report(
                line=self._row.line,
                activity_id=activity,
                completed_on=completed_on,
                kind=kind,
                board=board,
                person=person,
            )
            for kind, board in kinds
        ]

    def _activity(self) -> str:
        found = _NINE_DIGITS.findall(self._row["activity_id"])
        if len(found) != 1:
            self._wrong("activity_id", "no activity id of ACCME's (9 digits) stands here")
            return ""
        return str(found[0])

    def _completed_on(self) -> date | None:
        found = day(self._row["completed_on"])
        if found is None:
            self._wrong("completed_on", "this is no date", "format the column as a date, or write 2026-03-31")
        elif found > self._today:
            self._wrong("completed_on", "this date is in the future")
        elif found < EARLIEST:
            self._wrong("completed_on", f"this date is before {EARLIEST.year}: is it a birth date?")
        return found

    def _person(self) -> Person:
        given, family = self._names()
        person = Person(given_name=given, family_name=family, birth_day=self._birth_day(), ids=self._ids())
        if not person.is_known:
            self._wrong("family_name", "the row names nobody: it has neither an id nor both names with a birth day")
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
            self._wrong("birth_day", "this is no month and day", "write 09/10")
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
            self._wrong("state", "this is no state", "write its two letters or its full name")
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
