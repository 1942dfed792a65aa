"""Sheets saved as text: CSV with commas, semicolons or tabs, in UTF-8. Knows no column's meaning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from connector.errors import ConfigError
from connector.sheets.rows import Columns, Line, Sheet, SheetRow, guarded, refused, table

MOST_BYTES = 64 * 1024 * 1024
_BREAK = re.compile("\r\n|\r|\n")


def read_csv(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> list[SheetRow]:
    """Read a CSV sheet in UTF-8 (a BOM is fine) whose first line is its header. Raises ConfigError with the place."""
    return _read(path, Columns(tuple(required), tuple(optional)), checked=False).rows


def read(path: Path, columns: Columns) -> Sheet:
    """The same with a header that may stand lower, and no control character in any cell."""
    return _read(path, columns, checked=True)


def _read(path: Path, columns: Columns, *, checked: bool) -> Sheet:
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, columns), strict=True)
    lines = _filled(reader)
    try:
        return table(path, guarded(path, lines) if checked else lines, columns)
    except csv.Error:
        raise refused(path, reader.line_num, "config.sheet", "the row's quotes do not close") from None


def _delimiter(text: str, columns: Columns) -> str:
    """Whichever of the three shows the most known names in one line, as cells may hold lists with another of them; else
    the one that the lines that may be the header have most of; the comma when in doubt."""
    top = _BREAK.split(text, maxsplit=columns.within)[: columns.within]

    def shows(mark: str) -> tuple[int, int]:
        named = ({columns.name(cell) for cell in line.split(mark)} & set(columns.known) for line in top)
        return max(map(len, named)), sum(line.count(mark) for line in top)

    return max(",;\t", key=shows)


def _filled(reader: csv.reader) -> Iterator[Line]:  # type: ignore[valid-type]
    """Rows with anything in them, and the line on which each begins: a quoted cell may go over several."""
    number = reader.line_num + 1  # type: ignore[attr-defined]
    for cells in reader:  # type: ignore[attr-defined]
        if any(cell.strip() for cell in cells):
            yield Line(number, cells)
        number = reader.line_num + 1  # type: ignore[attr-defined]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError("config.sheet_missing", "no such sheet", "check its path", where=str(path)) from None
    except OSError as error:
        raise refused(path, 0, "config.sheet", f"the sheet cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise refused(path, 0, "config.sheet", f"the sheet is larger than {MOST_BYTES} bytes")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        hint = "a workbook ends in .xlsx; where CSV is asked for, save it as such"
        raise refused(path, 0, "config.sheet_encoding", "this is a workbook of Excel's, no text", hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = 'in Excel, save it as "CSV UTF-8 (comma delimited)"'
        raise refused(path, line, "config.sheet_encoding", "the sheet is not UTF-8", hint) from None
