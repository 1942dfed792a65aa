"""Reads sheets that people keep: rows with their place, findings by line and column. Knows no column's meaning."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, repr=False)
class SheetRow:
    """One row; `cells` has every known column, empty text where the sheet has nothing. Its repr hides the cells."""

    path: str
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def finding(self, column: str, code: str, message: str, hint: str = "") -> Finding:
        """A finding about one cell, without its value."""
        where = list(self.cells).index(column) + 1
        return Finding(
            level="error", code=code, path=self.path, line=self.line, column=where, message=message, hint=hint
        )


def read_csv(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> list[SheetRow]:
    """Read a CSV sheet in UTF-8 (a BOM is fine), with commas or semicolons. Raises ConfigError with all findings."""
    text = _text(path)
    header_line = text.split("\n", 1)[0]
    delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(path, header, set(required), set(required) | set(optional))
        return list(_rows(path, reader, header, [*required, *optional]))
    except csv.Error:
        raise _refused(path, reader.line_num, "config.sheet", "the row's quotes do not close") from None


def _rows(path: Path, reader: csv.reader, header: list[str], known: list[str]) -> list[SheetRow]:  # type: ignore[valid-type]
    rows = []
    for cells in reader:  # type: ignore[attr-defined]
        line = reader.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            raise _refused(path, line, "config.sheet", f"the row has {len(cells)} cells, the header has {len(header)}")
        given = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        rows.append(SheetRow(str(path), line, {name: given.get(name, "") for name in known}))
    return rows


def _check_header(path: Path, header: list[str], required: set[str], known: set[str]) -> None:
    for name in header:
        if name and name not in known:
            hint = did_you_mean(name, known) or "known columns: " + ", ".join(sorted(known))
            raise _refused(path, 1, "config.sheet_column", f'unknown column "{name}"', hint)
    if missing := required - set(header):
        raise _refused(path, 1, "config.sheet_column", "missing column: " + ", ".join(sorted(missing)))
    if len(set(header)) < len(header):
        raise _refused(path, 1, "config.sheet_column", "two columns have one name")


def _text(path: Path) -> str:
    if not path.is_file():
        raise ConfigError("config.sheet_missing", "no such sheet", "check the path in config.yaml", where=str(path))
    if path.stat().st_size > MOST_BYTES:
        raise _refused(path, 0, "config.sheet", f"the sheet is larger than {MOST_BYTES} bytes")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = 'in Excel, save it as "CSV UTF-8 (comma delimited)"'
        raise _refused(path, line, "config.sheet_encoding", "the sheet is not UTF-8", hint) from None


def _refused(path: Path, line: int, code: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError(code, message, hint, where=f"{path}:{line}" if line else str(path))
