"""Workbooks as a person uploads them, cell by cell, and as he downloads them. Knows no column."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from connector.sandbox.pars.record import Malformed

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHEET = "Sheet1"


@dataclass(frozen=True)
class Cell:
    """What a cell holds and as what: text, number, date, or nothing; `at` is its place, such as B3."""

    at: str
    value: Any = None

    @property
    def is_empty(self) -> bool:
        return self.value is None or self.value == ""

    @property
    def text(self) -> str | None:
        """None where it is not stored as text; empty text for an empty cell."""
        return "" if self.value is None else self.value if isinstance(self.value, str) else None

    @property
    def day(self) -> date | None:
        """A real date without a time of day."""
        found = self.value
        if not isinstance(found, datetime):
            return None
        return found.date() if found == datetime.combine(found.date(), datetime.min.time()) else None

    @property
    def amount(self) -> str | None:
        """A number, as plain digits."""
        found = self.value
        return f"{found:g}" if isinstance(found, int | float) and not isinstance(found, bool) else None


Row = Sequence[Cell]


def read(body: bytes) -> list[Row]:
    """The rows of the one sheet. Malformed for what is no workbook, or not made of plain cells."""
    try:
        book = load_workbook(io.BytesIO(body))
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise Malformed("Invalid data", "the file is neither a workbook nor an XML document") from None
    if book.sheetnames != [SHEET]:
        raise Malformed("Invalid data", f"the workbook has one sheet, {SHEET}")
    sheet = book[SHEET]
    if sheet.merged_cells.ranges:
        raise Malformed("Invalid data", "the sheet has merged cells")
    rows: list[Row] = [[_cell(cell) for cell in row] for row in sheet.iter_rows()]
    while rows and all(cell.is_empty for cell in rows[-1]):
        rows.pop()
    return rows


def _cell(cell: Any) -> Cell:
    if cell.data_type == "f":
        raise Malformed("Invalid data", f"{cell.coordinate} holds a formula")
    if cell.data_type == "e":
        raise Malformed("Invalid data", f"{cell.coordinate} holds an error")
    return Cell(cell.coordinate, cell.value)


def write(rows: Iterable[Sequence[Any]], *, merged: str = "", formula: str = "") -> bytes:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = SHEET
    for row in rows:
        sheet.append(list(row))
        for cell in sheet[sheet.max_row]:
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type  # `=1+1` is a name here
    if formula:
        sheet[formula].data_type = "f"
    if merged:
        sheet.merge_cells(merged)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()
