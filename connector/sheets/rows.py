"""From the lines of a table to rows under known columns. Knows no file format and no column's meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean

CELL = "config.sheet_cell"
MOST_FINDINGS = 100
MOST_ROWS = 200_000
_APART = re.compile(r"[\W_]+")


@dataclass(frozen=True, repr=False)
class SheetRow:
    """One row; `cells` has every known column, empty text where the sheet has nothing. Its repr hides the cells.

    `places` are the columns as the sheet numbers them, from 1; a workbook's are named by letters (`B7`). `faults` say
    of columns why the row's cell there cannot be used, where the reader asked to keep such rows.
    """

    path: str
    line: int
    cells: dict[str, str]
    places: dict[str, int]
    lettered: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def finding(self, column: str, code: str, message: str, hint: str = "") -> Finding:
        """A finding about one cell, without its value; about the whole row where the sheet has no such column."""
        place = self.places.get(column, 1)
        cell = f"{letters(place)}{self.line}" if self.lettered else ""
        return Finding(
            level="error", code=code, path=self.path, line=self.line, column=place, cell=cell, message=message,
            hint=hint,
        )  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """The rows below the header, the header's names that nobody asked for, and the lines with cells beyond it."""

    rows: list[SheetRow]
    ignored: tuple[str, ...] = ()
    too_wide: tuple[int, ...] = ()


@dataclass(frozen=True, repr=False)
class Line:
    """One line that has anything in it; `faults` say of some places why their cell cannot be used."""

    number: int
    cells: list[str]
    faults: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """What a sheet must and may have. `within`: among how many first lines its header may stand."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    strict: bool = True  # an unknown name is refused; else it is listed
    within: int = 1
    keep_faults: bool = False  # a cell that cannot be used is empty, and its row says why; else the sheet is refused

    @property
    def known(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)

    def name(self, text: str) -> str:
        """The column that a header's cell names.

        >>> Columns(("given_name",), aliases={"first_name": "given_name"}).name(" First  name ")
        'given_name'
        """
        said = _APART.sub("_", text.strip().lower()).strip("_")
        return self.aliases.get(said, said)

    def header_among(self, lines: Sequence[Line]) -> int | None:
        """The place of the first line that has every needed column, and at least one that is known."""
        for at, line in enumerate(lines):
            names = {self.name(cell) for cell in line.cells}
            if names >= set(self.required) and names & set(self.known):
                return at
        return None

    def nearest(self, lines: Sequence[Line]) -> int:
        """The line that looks most like a header, to say what is wrong with it."""
        counts = [len({self.name(cell) for cell in line.cells} & set(self.known)) for line in lines]
        return counts.index(max(counts))


def table(path: Path, lines: Iterator[Line], columns: Columns, *, lettered: bool = False) -> Sheet:
    """Everything below the header. Raises ConfigError: for the header, or with a finding for each unusable cell."""
    first = list(islice(lines, columns.within))
    if not first:
        hint = "it may be about to be written; known columns: " + ", ".join(sorted(columns.known))
        raise refused(path, 1, "config.sheet", "the sheet has no header", hint)
    at = columns.header_among(first)
    top = first[columns.nearest(first) if at is None else at]
    _check_header(path, top, columns)
    below, too_wide = chain(first[first.index(top) + 1 :], lines), list[int]()
    rows, findings = _below(path, top, _noting(below, len(top.cells), too_wide), columns, lettered=lettered)
    refuse_all(findings)
    header = [cell.strip() for cell in top.cells if cell.strip()]
    return Sheet(rows, tuple(cell for cell in header if columns.name(cell) not in columns.known), tuple(too_wide))


def _noting(lines: Iterable[Line], width: int, too_wide: list[int]) -> Iterator[Line]:
    for line in lines:
        if any(cell.strip() for cell in line.cells[width:]):
            too_wide.append(line.number)
        yield line


def refuse_all(findings: Sequence[Finding]) -> None:
    """Raise what was found, if anything was; of very many the first ones."""
    if not findings:
        return
    shown = list(findings[:MOST_FINDINGS])
    if more := len(findings) - len(shown):
        shown.append(findings[-1].model_copy(update={"message": f"and {more} more, this being the last", "hint": ""}))
    first = findings[0]
    raise ConfigError(first.code, first.message, first.hint, where=first.where, findings=tuple(shown))


def guarded(path: Path, lines: Iterable[Line]) -> Iterator[Line]:
    """The same lines, as many as anybody means; a cell with a control character (a NUL, an escape) is at fault."""
    for line in lines:
        if line.number > MOST_ROWS:
            raise refused(path, line.number, "config.sheet", f"the sheet has more than {MOST_ROWS} rows")
        for place, cell in enumerate(line.cells, start=1):
            if not cell.isprintable() and any(
                unicodedata.category(mark) == "Cc" and mark not in "\t\r\n" for mark in cell
            ):
                line.faults.setdefault(place, "a control character stands in this cell")
        yield line


def refused(path: Path, line: int, code: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError(code, message, hint, where=f"{path}:{line}" if line else str(path))


def letters(place: int) -> str:
    """A column as spreadsheets name it.

    >>> letters(1), letters(26), letters(27), letters(703)
    ('A', 'Z', 'AA', 'AAA')
    """
    name = ""
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _check_header(path: Path, top: Line, columns: Columns) -> None:
    header = [columns.name(cell) for cell in top.cells]
    named = [name for name in header if name]  # Excel leaves empty columns at the end
    for place, name in enumerate(header, start=1):
        if columns.strict and name and name not in columns.known:
            # never repeated: of a sheet without a header it is somebody's name
            hint = did_you_mean(name, columns.known) or "known columns: " + ", ".join(sorted(columns.known))
            message = f"the header of column {place} is no known name"
            raise refused(path, top.number, "config.sheet_column", message, hint)
    if missing := set(columns.required) - set(named):
        message = "missing column: " + ", ".join(sorted(missing))
        raise refused(path, top.number, "config.sheet_column", message, _also_called(columns, missing))
    known = [name for name in named if name in columns.known]
    if len(set(known)) < len(known):
        raise refused(path, top.number, "config.sheet_column", "two columns have one name")


def _also_called(columns: Columns, names: Iterable[str]) -> str:
    """The other names under which missing columns would have been recognised."""
    other = [alias.replace("_", " ") for alias, name in columns.aliases.items() if name in names]
    return "also read as: " + ", ".join(sorted(other)) if other else ""


def _below(
    path: Path, top: Line, lines: Iterable[Line], columns: Columns, *, lettered: bool
) -> tuple[list[SheetRow], list[Finding]]:
    places = {columns.name(cell): place for place, cell in enumerate(top.cells, start=1)}
    places = {name: place for name, place in places.items() if name in columns.known}
    width = len(top.cells)
    rows, findings = [], []
    for line in lines:
        if columns.strict and any(cell.strip() for cell in line.cells[width:]):
            message = f"the row has {len(line.cells)} cells, the header has {width}"
            raise refused(path, line.number, "config.sheet", message)
        row = _row(path, line, columns, places, lettered=lettered)
        rows.append(row)
        if not columns.keep_faults:
            findings += faults(row)
    return rows, findings


def faults(row: SheetRow) -> list[Finding]:
    """A finding for each cell of the row that cannot be used."""
    return [row.finding(name, CELL, why) for name, why in row.faults.items()]


def _row(path: Path, line: Line, columns: Columns, places: dict[str, int], *, lettered: bool) -> SheetRow:
    given = {name: line.cells[place - 1].strip() for name, place in places.items() if place <= len(line.cells)}
    wrong = {name: line.faults[place] for name, place in places.items() if place in line.faults}
    cells = {name: "" if name in wrong else given.get(name, "") for name in columns.known}
    return SheetRow(str(path), line.number, cells, places, lettered, wrong)
