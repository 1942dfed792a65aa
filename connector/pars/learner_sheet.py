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
from itertools import count
from pathlib import Path
from typing import Final, Literal

from connector.errors import ConfigError
from connector.findings import Finding
from connector.pars.identity import Person, Relation, relation, signs
from connector.pars.learner_cells import Cells, Kind
from connector.pars.wire.values import Guess, Words
from connector.records import Frozen
from connector.sheets import Sheet, SheetRow, read_sheet
from connector.sheets.rows import refuse_all


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
_ADD, _DELETE = "add", "delete"


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
        self._cells = Cells(row, today)

    @property
    def findings(self) -> list[Finding]:
        return self._cells.findings

    def into(self, reports: Reports) -> None:
        line = self._row.line
        held, action, kinds = self._held(), self._action(), list(self._cells.certifications())
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

    def _action(self) -> str:
        word = self._row["action"].lower()
        if word not in ("", _ADD, _DELETE):
            self._cells.wrong("action", "the action is neither Add nor Delete")
        return word

    def _held(self) -> bool:
        word = " ".join(self._row["status"].split()).casefold()
        if word in (known.casefold() for known in STATUSES.not_held):
            return False
        if word and word not in (known.casefold() for known in STATUSES.held):
            self._cells.wrong(
                "status", "nobody knows whether PARS holds a record of this status", "write Accepted or Rejected"
            )
        return True

    def _reports(self, kinds: list[Kind]) -> list[Report]:
        """One for each certification."""
        self._cells.check_board()
        activity, completed_on, person = self._cells.activity(), self._cells.completed_on(), self._cells.person()
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
