"""Reads sheets that people keep: rows with their place, findings by line and column. Knows no column's meaning."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, repr=False)
class SheetRow:
    """One row; `cells` has every known column, empty text where the sheet has nothing. Its repr hides the cells.

    `places` are the columns as the sheet numbers them, from 1.
    """

    path: str
    line: int
    cells: dict[str, str]
    places: dict[str, int]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def finding(self, column: str, code: str, message: str, hint: str = "") -> Finding:
        """A finding about one cell, without its value; about the whole row where the sheet has no such column."""
        place = self.places.get(column, 1)
        return Finding(
            level="error", code=code, path=self.path, line=self.line, column=place, message=message, hint=hint
        )


def read_csv(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> list[SheetRow]:
    """Read a CSV sheet in UTF-8 (a BOM is fine), with commas or semicolons. Raises ConfigError with the place."""
    text = _text(path)
    first = re.split("\r\n|\r|\n", text, maxsplit=1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(path, header, set(required), set(required) | set(optional))
        return [_row(path, line, cells, header, [*required, *optional]) for line, cells in _filled(reader)]
    except csv.Error:
        raise _refused(path, reader.line_num, "config.sheet", "the row's quotes do not close") from None


def _filled(reader: csv.reader) -> Iterator[tuple[int, list[str]]]:  # type: ignore[valid-type]
    """Rows with anything in them, and the line on which each begins: a quoted cell may go over several."""
    line = reader.line_num + 1  # type: ignore[attr-defined]
    for cells in reader:  # type: ignore[attr-defined]
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1  # type: ignore[attr-defined]


def _row(path: Path, line: int, cells: list[str], header: list[str], known: list[str]) -> SheetRow:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise _refused(path, line, "config.sheet", f"the row has {len(cells)} cells, the header has {len(header)}")
    given = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    places = {name: place for place, name in enumerate(header, start=1) if name}
    return SheetRow(str(path), line, {name: given.get(name, "") for name in known}, places)


def _check_header(path: Path, header: list[str], required: set[str], known: set[str]) -> None:
    named = [name for name in header if name]  # Excel leaves empty columns at the end
    if not named:
        hint = "it may be about to be written; known columns: " + ", ".join(sorted(known))
        raise _refused(path, 1, "config.sheet", "the sheet has no header", hint)
    for place, name in enumerate(header, start=1):
        if name and name not in known:  # never repeated: of a sheet without a header it is somebody's name
            hint = did_you_mean(name, known) or "known columns: " + ", ".join(sorted(known))
            raise _refused(path, 1, "config.sheet_column", f"the header of column {place} is no known name", hint)
    if missing := required - set(named):
        raise _refused(path, 1, "config.sheet_column", "missing column: " + ", ".join(sorted(missing)))
    if len(set(named)) < len(named):
        raise _refused(path, 1, "config.sheet_column", "two columns have one name")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        hint = "check the path in config.yaml"
        raise ConfigError("config.sheet_missing", "no such sheet", hint, where=str(path)) from None
    except OSError as error:
        raise _refused(path, 0, "config.sheet", f"the sheet cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise _refused(path, 0, "config.sheet", f"the sheet is larger than {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = 'in Excel, save it as "CSV UTF-8 (comma delimited)"'
        raise _refused(path, line, "config.sheet_encoding", "the sheet is not UTF-8", hint) from None


def _refused(path: Path, line: int, code: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError(code, message, hint, where=f"{path}:{line}" if line else str(path))
