"""Writes workbooks: every text stays text, and the bytes are a function of the rows. Knows no column's meaning."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from connector.errors import ConfigError

Cell = str | int | Decimal | date | None
"""A day becomes a date of Excel's, a decimal a number. An id is text, or its zeros are eaten; an amount that is only
shown too, as it is shown as it is."""

MOST_ROWS: Final = 1_000_000
MOST_LETTERS: Final = 32_767
"""Of one cell; Excel takes no more."""

LOST: Final = "\ufffd"
_MADE: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # a workbook that says when it was made differs
_FAINT, _OPEN = "#808080", "#FFF8DC"


@dataclass(frozen=True)
class Column:
    """`open` columns are there to be written in; `choices` are offered. `untouched` is what Excel says to whoever
    types into it all the same (a protected sheet would keep people from sorting)."""

    name: str
    width: int = 14
    open: bool = False
    choices: tuple[str, ...] = ()
    untouched: str = ""


@dataclass(frozen=True, repr=False)
class Page:
    """One sheet of a workbook: a line of guidance, the header, the rows. Its repr hides them.

    `bare`: for a program, which may stumble over filters and frozen rows.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    guidance: str = ""
    bare: bool = False

    @property
    def top(self) -> int:
        """The header's row, counted from 0."""
        return 1 if self.guidance else 0


def workbook(pages: Sequence[Page], properties: Mapping[str, str] | None = None) -> bytes:
    """Equal pages and properties (title, ...), equal bytes. Raises ConfigError for more rows than Excel takes."""
    import xlsxwriter  # type: ignore[import-untyped]

    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})  # else its parts lie in the machine's folder for a while
    book.set_properties({**(properties or {}), "created": _MADE})
    looks = {
        "guidance": book.add_format({"italic": True}),
        "header": book.add_format({"bold": True, "bottom": 1}),
        "text": book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}),
        "open": book.add_format({"num_format": "@", "bg_color": _OPEN, "valign": "top", "border": 4}),
        "faint": book.add_format({"num_format": "@", "font_color": _FAINT, "valign": "top"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd", "valign": "top", "align": "left"}),
    }
    for page in pages:
        if len(page.rows) > MOST_ROWS:
            hint = "narrow it down: by activity, learner or date"
            raise ConfigError("config.sheet", f"these are more than {MOST_ROWS} rows, and Excel takes no more", hint)
        _fill(book.add_worksheet(page.name), page, looks)
    book.close()
    return content.getvalue()


def shown(text: str) -> str:
    """A text as it stands in a cell: what no cell can hold is replaced by a sign for a lost letter.

    >>> shown(" Ana\\x07 "), shown("=1+1")
    ('Ana\ufffd', '=1+1')
    """
    plain = "".join(mark if _fits(mark) else LOST for mark in text.replace("\r\n", "\n").strip())
    return plain if len(plain) <= MOST_LETTERS else plain[: MOST_LETTERS - 1] + "…"


def save(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by its owner alone; whatever stood there is replaced."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _fill(sheet: Any, page: Page, looks: dict[str, Any]) -> None:
    last = page.top + max(len(page.rows), 1)
    if page.guidance:
        sheet.write_string(0, 0, shown(page.guidance), looks["guidance"])  # the empty cells beside it leave it room
    for place, column in enumerate(page.columns):
        look = looks["open" if column.open else "faint" if column.untouched else "text"]
        sheet.set_column(place, place, column.width, looks["text"] if column.open else look)
        sheet.write_string(page.top, place, column.name, looks["header"])
        _guard(sheet, column, page.top + 1, last, place)
    for line, row in enumerate(page.rows, start=page.top + 1):
        for place, (column, value) in enumerate(zip(page.columns, row, strict=True)):
            look = looks["open" if column.open else "faint" if column.untouched else "text"]
            _write(sheet, line, place, value, look, looks["date"])
    if page.bare:
        return
    sheet.freeze_panes(page.top + 1, 0)
    sheet.autofilter(page.top, 0, last, len(page.columns) - 1)


def _write(sheet: Any, line: int, place: int, value: Cell, look: Any, dated: Any) -> None:
    """`write_string` makes neither a formula, nor a number, nor a link of what looks like one."""
    if isinstance(value, str) and value:
        sheet.write_string(line, place, shown(value), look)
    elif isinstance(value, int | Decimal):
        sheet.write_number(line, place, value, look)
    elif isinstance(value, date):
        sheet.write_datetime(line, place, datetime(value.year, value.month, value.day), dated)  # noqa: DTZ001 - a day
    else:
        sheet.write_blank(line, place, None, look)


def _guard(sheet: Any, column: Column, first: int, last: int, place: int) -> None:
    if column.choices:
        title = " or ".join(column.choices)
        rule = {"validate": "list", "source": list(column.choices), "error_title": title, "error_message": title}
        sheet.data_validation(first, place, last, place, rule)
    elif column.untouched:
        rule = {"validate": "custom", "value": "=FALSE", "error_title": column.name, "error_message": column.untouched}
        sheet.data_validation(first, place, last, place, rule)


def _fits(mark: str) -> bool:
    """XML has no control characters but these, no half of a surrogate pair and two characters fewer."""
    return mark in "\t\n" or (mark >= " " and not "\x7f" <= mark <= "\x9f" and not "\ud800" <= mark <= "\udfff"
                              and mark not in "\ufffe\uffff")  # fmt: skip
