"""The learner sheet of `excel-batch`: records as rows of ACCME's template, and the keys of these rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connector.pars import forms, vocabulary
from connector.pars.exchange import CannotSend
from connector.pars.names import plain as folded
from connector.pars.sendable import gate
from connector.pars.wire.services import Certifications, submitted_certification
from connector.pars.wire.sheets import LearnerSheet
from connector.records import Identifier, Learner, LearnerRecord, Payload, Problem, RecordCredit
from connector.sheets.writing import Cell, Column, Page, workbook

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_STATES: Final = vocabulary.STATES | vocabulary.TERRITORIES
_ONCE: Final = (
    "action", "activity", "completed", "given_name", "family_name", "birth_day", "state", "licence", "cme", "board",
    "board_id", "board_total", "credit_type", "type_amount",
)  # fmt: skip

Key = tuple[str, ...]
"""What the sheet carries of one certification: activity, date, state and number, board and its id, credit type."""


@dataclass(frozen=True, repr=False)
class _Row:
    """One row: the CME credit, if it is the first of its record, and the credit types of one board."""

    record: LearnerRecord
    cme: RecordCredit | None
    types: tuple[RecordCredit, ...]

    @property
    def board(self) -> str:
        return self.types[0].board if self.types else ""


def render(records: Sequence[LearnerRecord], table: LearnerSheet, words: Certifications, *, number: str) -> Payload:
    """A workbook whose bytes are a function of these arguments; `number` stands in its properties, and in no cell.

    `words` are the wire table's for boards' credit types. Raises CannotSend for what the sheet cannot carry, ValueError
    for records that must not share a file.
    """
    gate(records)
    if any(record.participant for record in records):
        raise ValueError("REMS records have a sheet of their own")
    if problems := [problem for record in records for problem in unfit(record, table)]:
        raise CannotSend(problems)
    rows = [_cells(row, table, words) for record in records for row in _rows(record)]
    page = Page(table.sheet, [Column(name, 20) for name in header(table)], rows, table.guidance, bare=True)
    return Payload(body=workbook([page], {"title": number}), content_type=XLSX)


def header(table: LearnerSheet) -> list[str]:
    """In the template's order."""
    return [*(getattr(table, name) for name in _ONCE), *[table.more_type, table.more_amount] * table.more]


def keys(record: LearnerRecord) -> list[Key]:
    """One for each certification, the same for the Add row and its Delete row."""
    return [_key(record, credit) for credit in record.credits]


def _key(record: LearnerRecord, credit: RecordCredit) -> Key:
    state, number = _licence(credit.identifier)
    who = (state, number) if number else _names(record.learner or Learner())
    kind = (credit.board, credit.credit_type) if credit.board else ("", "")
    return (record.activity_id, record.completed_on.isoformat(), *kind, *who)


def _names(learner: Learner) -> Key:
    """Where a board asks for no id of its own, the names and the birth day are all that the row says of the learner."""
    return (folded(forms.plain(learner.given_name)), folded(forms.plain(learner.family_name)),
            forms.plain(learner.birth_day))  # fmt: skip


def _licence(identifier: Identifier | None) -> tuple[str, str]:
    """The state in full and the number; an NPI and a board's id have no state: the Delete row knows of none either."""
    if identifier is None:
        return "", ""
    return _STATES.get(identifier.domain, ""), forms.plain(identifier.value)


def _rows(record: LearnerRecord) -> Iterator[_Row]:
    """One for each board, the first of them with the CME credit."""
    cme = next((credit for credit in record.credits if not credit.board), None)
    boards: dict[str, list[RecordCredit]] = {}
    for credit in record.credits:
        if credit.board:
            boards.setdefault(credit.board, []).append(credit)
    for types in boards.values() or [[]]:
        yield _Row(record, cme, tuple(types))
        cme = None


def unfit(record: LearnerRecord, table: LearnerSheet) -> Iterator[Problem]:
    """What the template has no place for."""
    cme = [credit for credit in record.credits if not credit.board]
    if len(cme) > 1 or any(credit.certification != vocabulary.CME_CERTIFICATION for credit in cme):
        message = "the learner sheet has a column for AMA PRA Category 1 credit, and for no other of this kind"
        yield Problem(code="pars.not_supported", field="certification", message=message, hint="use xml-batch")
    for row in _rows(record):
        if len(row.types) > 1 + table.more:
            message = f"the learner sheet has columns for {1 + table.more} credit types of a board"
            hint = "raise `wire.learner_sheet.more`, if ACCME's template has more columns"
            yield Problem(code="pars.not_supported", field="credit_type", message=message, hint=hint)


def _cells(row: _Row, table: LearnerSheet, words: Certifications) -> list[Cell]:
    record, learner = row.record, row.record.learner or Learner()
    state, licence = _licence(row.cme.identifier) if row.cme else ("", "")
    board_id = row.types[0].identifier if row.types else None
    types: list[Cell] = []
    for one in row.types:
        types += [submitted_certification(one, words), one.amount] if one.credit_type else []
    return [
        table.add if record.action == "add" else table.delete,
        record.activity_id,
        record.completed_on,
        forms.plain(learner.given_name),
        forms.plain(learner.family_name),
        forms.plain(learner.birth_day).replace("-", table.birth[2]),
        state,
        licence,
        row.cme.amount if row.cme else None,
        row.board,
        forms.plain(board_id.value) if board_id else "",
        _total(row.types),
        *types,
        *[None] * (2 + 2 * table.more - len(types)),
    ]


def _total(types: Sequence[RecordCredit]) -> Decimal | None:
    """What the rule says that the board gets in all, since one point may count for several types; else their sum."""
    totals = [one.board_total for one in types if one.board_total is not None]
    return max(totals) if totals else sum((one.amount for one in types), Decimal(0)) if types else None
