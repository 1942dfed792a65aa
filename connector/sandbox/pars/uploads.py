"""The two sheets of a person's upload, row by row, as neutral reports. Judges form alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.sandbox.pars import vocabulary as words
from connector.sandbox.pars.record import Identifier, Line, Malformed, Participant, Person, Refusal, Report
from connector.sandbox.pars.workbooks import Cell, Row

_MORE = ("Additional Credit Type", "Credits Awarded for Additional Credit Type")
LEARNERS = (
    "Record Action", "ACCME Activity ID", "Completion Date", "First Name", "Last Name", "Date of Birth",
    "Licensing State", "Licensing ID or NPI", "Number of CME Credits", "Certifying Board", "Certifying Board ID",
    "Total Board Credits", "Credit Type ", "Credits Awarded for Credit Type", *_MORE * 3,
)  # fmt: skip
REMS = (
    "Record Action", "ACCME Activity ID", "Completion Date", "REMS", "Local Identifier", "Profession",
    "State of Primary Practice", "DEA Registration", "Practice Area", "Surgical Procedures", "Time in Practice",
)  # fmt: skip
GUIDANCE = {
    LEARNERS: "Learner credit for PARS: keep this line, the header and the order of the columns.",
    REMS: "De-identified REMS participants for PARS: keep this line and the header.",
}
_BIRTH = re.compile(r"(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])")
_NPI = re.compile(r"\d{10}")
_STATES = {name: code for code, name in words.STATES.items()}
_STEP = Decimal("0.25")
_FIRST_TYPE = 12

Key = tuple[str, ...]


@dataclass
class Entry:
    """One row: the report it means, with lines that have no credit id yet, or why it means none; `keys` are those of
    its lines, in their order."""

    cells: Row
    report: Report | None = None
    refusal: Refusal | None = None
    keys: list[Key] = field(default_factory=list)


class _No(Exception):
    """A row that cannot be read."""


def entries(rows: Sequence[Row], provider: str) -> list[Entry]:
    """Every row below guidance and header. Malformed where those are not the template's."""
    if len(rows) < 3:
        raise Malformed("Missing data", "there is no row below the line of guidance and the header")
    header = tuple(cell.value or "" for cell in rows[1])
    read = {LEARNERS: _learner, REMS: _participant}.get(header)
    if read is None or rows[0][0].text != GUIDANCE[header] or any(not cell.is_empty for cell in rows[0][1:]):
        raise Malformed("Invalid data", "row 1 is the template's guidance, row 2 its header: nothing moved or renamed")
    found = []
    for row in rows[2:]:
        entry = Entry(row)
        try:
            entry.report, entry.keys = read(row, provider)
        except _No as error:
            entry.refusal = Refusal("Invalid data", str(error))
        found.append(entry)
    return found


def is_rems(rows: Sequence[Row]) -> bool:
    return tuple(cell.value or "" for cell in rows[1]) == REMS


def _learner(row: Row, provider: str) -> tuple[Report, list[Key]]:
    activity, completed, action = _head(row)
    found = _BIRTH.fullmatch(_text(row[5], "Date of Birth"))
    if found is None:
        raise _No("Date of Birth is text, MM/DD")
    person = Person(_text(row[3], "First Name"), _text(row[4], "Last Name"), f"2000-{found[1]}-{found[2]}")
    lines = [*_cme(row), *_board(row)]
    if not lines:
        raise _No("the row reports neither CME nor a board's credit")
    names = (person.given, person.family, found[0])
    keys = [(activity, completed, words.plain(line.certification), *_whose(line, names)) for line in lines]
    if len(set(keys)) < len(keys):
        raise _No("one credit type stands twice in the row")
    return Report(provider, activity, "Completed", f"{completed}T00:00:00", action, tuple(lines), person), keys


def _whose(line: Line, names: Key) -> Key:
    return tuple(part for one in line.identifiers for part in (one.domain, one.value)) or names


def _head(row: Row) -> tuple[str, str, str]:
    action = {"Add": "add", "Delete": "delete"}.get(_text(row[0], "Record Action"))
    if action is None:
        raise _No("Record Action is Add or Delete")
    completed = row[2].day
    if completed is None:
        raise _No("Completion Date is a date, formatted as one, without a time of day")
    return _text(row[1], "ACCME Activity ID"), completed.isoformat(), action


def _cme(row: Row) -> Iterator[Line]:
    state, number = _text(row[6], "Licensing State"), _text(row[7], "Licensing ID or NPI")
    if state and state not in _STATES:
        raise _No("Licensing State is a state's full name")
    if row[8].is_empty:
        return
    if not state and not _NPI.fullmatch(number):
        raise _No("without a Licensing State the number is an NPI")
    domain = _STATES[state] if state else "NPI"
    yield Line("", (Identifier(domain, number),), words.CME, "Point", _amount(row[8], "Number of CME Credits"))


def _board(row: Row) -> Iterator[Line]:
    board, number = _text(row[9], "Certifying Board"), _text(row[10], "Certifying Board ID")
    if not board:
        if any(not cell.is_empty for cell in row[10:]):
            raise _No("a board's credit needs the Certifying Board")
        return
    if board not in words.BOARDS:
        raise _No("Certifying Board is a board's code")
    total = _amount(row[11], "Total Board Credits")
    ids = (Identifier(board, number),) if number else ()
    types = list(_types(row))
    if any(Decimal(amount) > Decimal(total) for _, amount in types):
        raise _No("a credit type has more than the Total Board Credits")
    if not types and words.has_types(board):
        raise _No(f"Credit Type is needed for {board}")
    for name, amount in types or [(board, total)]:
        yield Line("", ids, name, "Point", amount)


def _types(row: Row) -> Iterator[tuple[str, str]]:
    for at in range(_FIRST_TYPE, len(LEARNERS), 2):
        name = _text(row[at], LEARNERS[at])
        if name:
            yield name, _amount(row[at + 1], LEARNERS[at + 1])
        elif not row[at + 1].is_empty:
            raise _No(f"{row[at + 1].at}: an amount without a credit type")


def _participant(row: Row, provider: str) -> tuple[Report, list[Key]]:
    activity, completed, action = _head(row)
    rems, local, profession, state, dea, area, surgical, years = (
        _text(cell, name) for cell, name in zip(row[3:], REMS[3:], strict=True)
    )
    if not local or not profession:
        raise _No("Local Identifier and Profession are needed")
    if surgical not in ("", "true", "false"):
        raise _No("Surgical Procedures is true or false")
    who = Participant(
        Identifier("idd:sheet:participant", local), profession, state or None, dea or None, area or None, years or None
    )
    line = Line("", (), rems, "Point", "0")
    report = Report(
        provider, activity, "Completed", f"{completed}T00:00:00", action, (line,), participant=who, regulation=rems
    )
    return report, [(activity, completed, rems, local)]


def _text(cell: Cell, name: str) -> str:
    found = cell.text
    if found is None:
        raise _No(f"{cell.at}: {name} is text; a spreadsheet eats the zeros of a number")
    return found


def _amount(cell: Cell, name: str) -> str:
    found = cell.amount
    if found is None or Decimal(found) <= 0 or Decimal(found) % _STEP:
        raise _No(f"{cell.at}: {name} is a number in steps of 0.25, above 0")
    return found
