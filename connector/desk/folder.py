"""The watched folder: corrected sheets laid there are taken over, so that a coordinator needs no shell.

What was taken lies in `done/`, what could not be read in `refused/`. Knows no field of a learner.
"""

from __future__ import annotations

import errno
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy.exc import OperationalError

from connector.config import Config
from connector.desk import returned, sheet
from connector.errors import ConfigError, ConnectorError
from connector.findings import Finding
from connector.records import Counts
from connector.sheets import SheetRow
from connector.sheets.days import month_day
from connector.sheets.writing import save, workbook
from connector.store.poison import CODE, describe
from connector.store.session import Store

STILL: Final = timedelta(seconds=2)
DONE, REFUSED = "done", "refused"
WHY: Final = "refused_because"
_ENDINGS = frozenset({".xlsx", ".csv"})
_HALF = (".tmp", ".part")
_LAST_DAY: Final = 31


def run(store: Store, config: Config) -> Counts:
    """Every sheet that has been still for two seconds. Raises ConfigError where the folder cannot be read."""
    counts, folder = Counts(), config.desk.folder
    if folder is None:
        return counts
    try:
        for place in (folder, folder / DONE, folder / REFUSED):
            place.mkdir(mode=0o700, exist_ok=True)
            if place != folder and place.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))  # noqa: TRY301 - one way to say it
        for path in _still(folder, datetime.now(UTC)):
            _take(store, config, path, counts)
    except OSError as error:
        hint = "the daemon's user must be able to read and write it, and the folders done and refused in it"
        message = f"the desk's folder cannot be used: {error.strerror}"
        raise ConfigError("config.desk_folder", message, hint, where=str(folder)) from None
    return counts


def _still(folder: Path, now: datetime) -> Iterator[Path]:
    """Sheets whose saving has ended, the oldest first; nothing that leads elsewhere, nor what Excel lays beside one."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    ages = [(entry.stat(follow_symlinks=False).st_mtime, entry.name) for entry in found if _is_sheet(entry.name)]
    for changed, name in sorted(ages):
        if now - datetime.fromtimestamp(changed, UTC) >= STILL:
            yield folder / name


def _is_sheet(name: str) -> bool:
    path = Path(name.lower())
    return path.suffix in _ENDINGS and not name.startswith(("~$", ".")) and path.with_suffix("").suffix not in _HALF


def _take(store: Store, config: Config, path: Path, counts: Counts) -> None:
    """Read, write down what it asks for, lay it aside. Killed in between, it is read again and asks for nothing new."""
    before = _fingerprint(path)
    if before is None:
        return
    try:
        rows = returned.read_back(path)
        whole = _fingerprint(path) == before  # else it was saved again while it was read: the next turn reads it
        by, earning = f"folder:{_owner(path)}", config.learners.earning
        found = returned.take_over(store, rows if whole else [], by=by, now=datetime.now(UTC), earning=earning)
    except ConfigError as error:
        why, whole, found = str(error).replace(str(path), path.name), _fingerprint(path) == before, None
    except (ConnectorError, OperationalError):
        raise  # the store stumbles: no sheet's fault
    except Exception as unknown:
        why, whole, found = f"error: {describe(unknown)} ({CODE})\n  please report this line", True, None
    if whole and found is not None:
        _lay_aside(path, found, counts)
    elif whole:
        _refuse(path, why, counts)


def _lay_aside(path: Path, found: returned.Judged, counts: Counts) -> None:
    """Into `done/`, beside it the refused rows."""
    counts["sheets"] += 1
    counts["corrected"] += len(found.corrections)
    counts["refused_rows"] += len(found.refused)
    target = _free(path.parent / DONE / path.name)
    if found.refused:
        rows = _refusals(found.refused)
        save(_free(target.with_name(f"{target.stem}.{REFUSED}.xlsx"), rows), rows)
    _move(path, target)


def _refuse(path: Path, why: str, counts: Counts) -> None:
    """Laid aside with a note; it never holds a cell's value."""
    counts["refused_sheets"] += 1
    target = _free(path.parent / REFUSED / path.name)
    save(target.with_name(f"{target.name}.txt"), f"{why}\n".encode())
    _move(path, target)


def _refusals(refused: list[tuple[SheetRow, list[Finding]]]) -> bytes:
    """The refused rows as the person wrote them, the reason in front: to be corrected here, and laid back."""
    rows = [(_because(found), *(_again(row, name) for name in sheet.COLUMNS)) for row, found in refused]
    return workbook([sheet.learners_page(rows, (WHY,))])


def _again(row: SheetRow, name: str) -> str:
    """A birth day without its year, which nobody asked for; empty where nobody can tell what in it is one."""
    if name != "birth_day" or not row[name]:
        return row[name]
    found = month_day(row[name])
    return found[0] if found else "" if _has_year(row[name]) else row[name]


def _has_year(text: str) -> bool:
    """Something besides a month and a day may stand there.

    >>> [_has_year(text) for text in ("10-Sep", "13/45", "30 Dec 04", "30.12.1904", "Dec-72", "1826", "N/A")]
    [False, True, True, True, True, True, False]
    """
    numbers = [int(digits) for digits in re.findall(r"\d+", text)]
    words = 1 if any(mark.isalpha() for mark in text) else 0
    return len(numbers) + words > 2 or any(number > _LAST_DAY for number in numbers)


def _because(findings: list[Finding]) -> str:
    """By cell of the sheet that was laid there."""
    return "\n".join(f"{Path(one.path).name} {_place(one)}: {one.message}; {one.hint}".rstrip("; ") for one in findings)


def _place(finding: Finding) -> str:
    return finding.cell or f"row {finding.line}, column {finding.column}"


def _free(wanted: Path, content: bytes | None = None) -> Path:
    """A sheet of this name may have been laid there before; one with this very content, before we were killed."""
    names = (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
    path = wanted
    while os.path.lexists(path) and not _holds(path, content):
        path = next(names)
    return path


def _holds(path: Path, content: bytes | None) -> bool:
    try:
        return content is not None and path.is_file() and path.read_bytes() == content
    except OSError:
        return False


def _move(path: Path, target: Path) -> None:
    with suppress(OSError):
        path.chmod(0o600)  # somebody else's file keeps its own
    with suppress(FileNotFoundError):  # another daemon was quicker
        path.rename(target)


def _fingerprint(path: Path) -> tuple[int, ...] | None:
    """None where it is no file any more."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _owner(path: Path) -> str:
    """Whose file it is, by number where that is nobody here; never the file's name, in which a learner's may stand."""
    try:
        number = path.lstat().st_uid
    except OSError:
        return "uid-unknown"
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid-{number}"
