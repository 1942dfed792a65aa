"""Workbooks as Excel mangles them: a bounded file, one of its sheets, cells as text. Knows no column's meaning.

What Excel computes, has given up on or has rounded is never guessed: such a cell is at fault.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from connector.errors import ConfigError
from connector.sheets import merged
from connector.sheets.rows import MOST_ROWS, Columns, Line, Sheet, guarded, refused, table

if TYPE_CHECKING:
    from openpyxl import Workbook

MOST_BYTES = 64 * 1024 * 1024
MOST_UNPACKED = 256 * 1024 * 1024
MOST_PARTS = 2000
MOST_COLUMNS = 256
MOST_SHEETS = 60
"""A tab for each week of a year, and some; each is looked at for its header."""
EXCELS_ROWS = 1 << 20
FIRST_CUSTOM = 164
"""Excel's own number formats are below; a workbook counts its own from here."""
MOST_DIGITS = 10**15
"""Excel keeps 15 digits of a number and writes zeros for the rest."""

_OLE = b"\xd0\xcf\x11\xe0"  # the container of .xls, and of a workbook behind a password
_PASSWORD = "EncryptedPackage".encode("utf-16-le")
_CHUNK = 1 << 20
_ENTITIES = (b"<!DOCTYPE", b"<!ENTITY")
_A_SHEET = re.compile(rb"<(?:\w+:)?sheet\s")
_ZEROS = re.compile(r"0{2,}(?:;.*)?")
_OVERLAP = 300  # bytes that two chunks share, so that no element is cut in two
_AGAIN = "open it in Excel, look whether every row is there, and save it"
_SAVE = "open it in Excel and save it as .xlsx, without a password"


def read(path: Path, columns: Columns, sheet: str) -> Sheet:
    """One sheet of a workbook. Raises ConfigError with the place of everything wrong."""
    _check(path)
    with _opened(path) as book:
        chosen = _chosen(path, book, columns, sheet)
        return table(path, guarded(path, _lines(path, chosen)), columns, lettered=True)


def _check(path: Path) -> None:
    """Everything that can be refused before a byte is unpacked for good."""
    try:
        with path.open("rb") as file:
            head = file.read(_CHUNK)
        size = path.stat().st_size
    except FileNotFoundError:
        raise ConfigError("config.sheet_missing", "no such sheet", "check its path", where=str(path)) from None
    except OSError as error:
        raise refused(path, 0, "config.sheet", f"the sheet cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise refused(path, 0, "config.sheet", f"the workbook is larger than {MOST_BYTES} bytes")
    if head.startswith(_OLE):
        locked = _PASSWORD in head
        message = "the workbook is behind a password" if locked else "this is the old format of Excel (.xls)"
        raise refused(path, 0, "config.sheet", message, _SAVE)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise refused(path, 0, "config.sheet", "this is no workbook, or a damaged one", _SAVE) from None


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """zipfile never unpacks more than a part says it holds, so that the sum of what they say is a bound."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise refused(path, 0, "config.sheet", f"unpacked, the workbook is larger than {MOST_UNPACKED} bytes")
    for part in parts:  # all of them: which one is a sheet, another part says
        with archive.open(part) as content:
            _check_part(path, content)


def _check_part(path: Path, content: IO[bytes]) -> None:
    sheets = 0
    for chunk in _chunks(content):
        if any(word in chunk for word in _ENTITIES):
            raise refused(path, 0, "config.sheet", "the workbook declares XML entities, which no Excel does")
        sheets += len(_A_SHEET.findall(chunk))
    if sheets > MOST_SHEETS:
        hint = "move the one that is meant into a workbook of its own"
        raise refused(path, 0, "config.sheet", f"the workbook has more than {MOST_SHEETS} sheets", hint)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    """Without NULs: the letters that are looked for are then the same bytes in UTF-8, UTF-16 and UTF-32."""
    kept = b""
    while more := content.read(_CHUNK):
        more = more.replace(b"\0", b"")
        yield kept + more
        kept = more[-_OVERLAP:]


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    """Whatever the library stumbles over makes the workbook unreadable; its own words may hold a cell."""
    from openpyxl import load_workbook  # late: it takes longer than most commands

    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that it leaves out
            _check_sheets(path, file)
            book = load_workbook(file, read_only=True, keep_links=False)
            try:
                yield book
            finally:
                book.close()
    except ConfigError:
        raise
    except Exception as unknown:
        message = f"the workbook cannot be read ({type(unknown).__name__})"
        raise refused(path, 0, "config.sheet", message, _SAVE) from None


def _check_sheets(path: Path, file: IO[bytes]) -> None:
    """Each has a part of its own: what looking at all of them takes is then bounded by the file's size."""
    from openpyxl.reader.excel import ExcelReader

    reader = ExcelReader(file, read_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_workbook()
    parts = [relation.target for _, relation in reader.parser.find_sheets()]
    if len(set(parts)) < len(parts):
        raise refused(path, 0, "config.sheet", "two sheets of the workbook are one, which no Excel writes", _AGAIN)


def _chosen(path: Path, book: Workbook, columns: Columns, wanted: str) -> Any:
    """The sheet that was named, or the first visible one with the header."""
    if wanted:
        named = [one for one in book.worksheets if one.title.strip().casefold() == wanted.strip().casefold()]
        if not named:
            raise refused(path, 0, "config.sheet", f"the workbook has no sheet {wanted}", "look at its tabs")
        return named[0]
    visible = [one for one in book.worksheets if one.sheet_state == "visible"]
    found = next((one for one in visible if _fits(path, one, columns)), None)
    if found is None and any(_fits(path, one, columns) for one in book.worksheets if one not in visible):
        hint = "unhide it, or name it with --sheet"
        raise refused(path, 0, "config.sheet", "only a hidden sheet of this workbook has the header", hint)
    if found is None and not visible:
        raise refused(path, 0, "config.sheet", "the workbook has no sheet with cells")
    return found or visible[0]


def _fits(path: Path, worksheet: Any, columns: Columns) -> bool:
    return columns.header_among(list(islice(_filled(path, worksheet), columns.within))) is not None


def _lines(path: Path, worksheet: Any) -> Iterator[Line]:
    """Rows with anything in them, merged cells at fault."""
    with worksheet._get_source() as source:  # noqa: SLF001 - the only way to the sheet's own part
        stretches = merged.read(path, _chunks(source), MOST_COLUMNS)
    for line in _filled(path, worksheet):
        line.faults.update(stretches.of(line.number))
        yield line


def _filled(path: Path, worksheet: Any) -> Iterator[Line]:
    """Rows with anything in them; the size that the sheet says of itself is not believed."""
    last, widths = 0, _widths(worksheet.parent)
    for number, cells in _parsed(worksheet):
        # empty ones are the rest of a format that somebody dragged down
        if number > (MOST_ROWS if any(cell["value"] is not None for cell in cells) else EXCELS_ROWS):
            raise refused(path, number, "config.sheet", f"the sheet has more than {MOST_ROWS} rows")
        if number <= last or any(cell["row"] != number for cell in cells):
            raise refused(path, number, "config.sheet", "the sheet's rows are out of order", _AGAIN)
        last, line = number, _line(path, number, cells, widths)
        if line.faults or any(text.strip() for text in line.cells):
            yield line


def _parsed(worksheet: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The rows as they stand in the file: `iter_rows` passes over one whose number goes back, and says nothing."""
    from openpyxl.worksheet._reader import WorkSheetParser

    book = worksheet.parent
    with worksheet._get_source() as source:  # noqa: SLF001 - as openpyxl itself reads it
        yield from WorkSheetParser(
            source,
            worksheet._shared_strings,  # noqa: SLF001
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        ).parse()


def _widths(book: Any) -> dict[int, int]:
    """Styles that show a whole number with zeros in front, and how many digits they show (the format `00000`)."""
    zeros = {
        number: len(code.partition(";")[0])
        for number, code in enumerate(book._number_formats, start=FIRST_CUSTOM)  # noqa: SLF001
        if _ZEROS.fullmatch(code)
    }
    styles = enumerate(book._cell_styles)  # noqa: SLF001 - by number, as cells name them
    return {style: zeros[one.numFmtId] for style, one in styles if one.numFmtId in zeros}


def _line(path: Path, number: int, cells: Iterable[dict[str, Any]], widths: Mapping[int, int]) -> Line:
    line, seen = Line(number, []), set[int]()
    for cell in cells:
        place, value = cell["column"], cell["value"]
        if place in seen:
            raise refused(path, number, "config.sheet", "a cell of the sheet stands there twice", _AGAIN)
        seen.add(place)
        if value is not None and place <= MOST_COLUMNS:
            line.cells.extend([""] * (place - len(line.cells)))
            text, fault = _text(value, cell["data_type"])
            padded = text.isdecimal() and cell["data_type"] == "n"
            line.cells[place - 1] = text.zfill(widths.get(cell["style_id"], 0)) if padded else text
            if fault:
                line.faults[place] = fault
    return line


def _text(value: Any, kind: str) -> tuple[str, str]:
    """A cell as text, and why it cannot be used."""
    if kind == "f":
        return "", "a formula stands here: copy the column and paste its values"
    if kind == "e":
        return "", "Excel shows an error here"
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        whole = value.time() == time()
        return (value.date().isoformat() if whole else value.isoformat(sep=" ", timespec="seconds")), ""
    return (value.isoformat() if isinstance(value, date | time) else str(value)), ""


def _number(value: float) -> tuple[str, str]:
    """An id that Excel keeps as a number is shown without its `.0`.

    >>> _number(1234567.0), _number(1.25)
    (('1234567', ''), ('1.25', ''))
    """
    if abs(value) >= MOST_DIGITS:
        return "", "Excel has rounded this long number: format the column as text, and write it again"
    return (str(int(value)) if value == int(value) else repr(value)), ""
