"""One door for CSV and XLSX. Knows no column's meaning."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from connector.sheets import delimited, workbook
from connector.sheets.rows import Columns, Sheet, refused

HEADER_WITHIN = 20
"""ACCME's own template has a line of guidance above its header; people add titles."""

_TEXT = (".csv", ".tsv", ".txt")


def read_sheet(
    path: Path,
    *,
    required: Collection[str],
    optional: Collection[str] = (),
    aliases: Mapping[str, str] | None = None,
    strict: bool = True,
    sheet: str = "",
    keep_faults: bool = False,
) -> Sheet:
    """Read `.csv` or `.xlsx`, by the file's ending. Raises ConfigError with the place of everything wrong.

    `aliases` are other names of columns, in lower case with `_` between words. Without `strict` unknown columns are
    listed in place of refused. `sheet` names a sheet of a workbook; else the first visible one with the header counts.
    With `keep_faults` a cell that cannot be used (a formula, an error of Excel's) is empty and stands in its row's
    `faults`: the other rows are good.
    """
    if _is_no_file(path):
        raise refused(path, 0, "config.sheet", "the sheet cannot be read: it is no file")
    columns = Columns(tuple(required), tuple(optional), aliases or {}, strict, HEADER_WITHIN, keep_faults)
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return workbook.read(path, columns, sheet)
    if ending in _TEXT:
        return delimited.read(path, columns)
    hint = "save it as .xlsx or as CSV UTF-8"
    raise refused(path, 0, "config.sheet", f"a file that ends in {ending or 'nothing'} is not read", hint)


def _is_no_file(path: Path) -> bool:
    """A pipe would be waited for; why anything else cannot be read is said when it is read."""
    try:
        return path.exists() and not path.is_file()
    except OSError:
        return False
