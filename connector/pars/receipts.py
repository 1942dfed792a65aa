"""Files that come back: results of an upload, status exports, Download All Learners; row by row. Knows no store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from connector.errors import ConfigError
from connector.findings import Finding
from connector.pars import rems_sheet, upload_sheet, xmldoc
from connector.pars.identity import Person
from connector.pars.learner_cells import Cells, Kind
from connector.pars.learner_sheet import HEADERS
from connector.pars.replies import Line
from connector.pars.wire import Tables
from connector.pars.wire.values import lookup
from connector.sheets import Sheet, SheetRow, read_sheet
from connector.sheets.rows import CELL, Columns, refuse_all, refused

What = Literal["result", "status"]
_OWN: Final = ("credit_id", "result", "reason", "message", "local_id")
_KEYED: Final = ("activity_id", "completed_on")


@dataclass(frozen=True, repr=False)
class Said:
    """What one row says, and of whom: by its credit id, or by what else it carries. Its repr hides everything.

    `line` is the sheet's row, or which item of a document it is.
    """

    line: int
    words: Line  # the credit id in it is empty where the row has none
    action: Literal["", "add", "delete"] = ""
    activity_id: str = ""
    completed_on: date | None = None
    kinds: tuple[Kind, ...] = ()
    person: Person | None = None
    local_id: str = ""  # of a REMS participant


@dataclass(frozen=True)
class Receipt:
    """`what` a file is, by its columns or its root; and its rows."""

    what: What
    rows: tuple[Said, ...]
    ignored: tuple[str, ...] = ()


def read(path: Path, tables: Tables, *, today: date, sheet: str = "") -> Receipt:
    """Raises ConfigError with every cell that cannot be read: a receipt is taken whole."""
    if path.suffix.lower() == ".xml":
        return _read_xml(path, tables)
    aliases = _aliases(tables)
    optional = sorted(set(aliases.values()) | set(type(HEADERS).model_fields) | set(_OWN))
    found = read_sheet(path, required=(), optional=optional, aliases=aliases, strict=False, sheet=sheet)
    what = _what(path, found)
    findings: list[Finding] = []
    rows = tuple(_row(row, what, today, findings) for row in found.rows)
    findings += [finding for row in found.rows for finding in _of_word(row, what, tables)]
    refuse_all(findings)
    own = _own_columns(tables)
    return Receipt(what, rows, tuple(one for one in found.ignored if Columns(()).name(one) not in own))


def _own_columns(tables: Tables) -> set[str]:
    """What stands in our own sheets beside what a row is found by: nobody needs to hear that it is not read."""
    found = {*upload_sheet.header(tables.learner_sheet), *rems_sheet.header(tables.rems_sheet)}
    return {Columns(()).name(one) for one in found}


def _aliases(tables: Tables) -> dict[str, str]:
    """Every name that a column may have: ACCME's screens', our own sheets', and those of the wire table."""
    plain = Columns(()).name
    found = {plain(word): name for name, words in HEADERS for word in words}
    sent = tables.learner_sheet
    found |= {
        plain(header): name
        for name, header in {
            "action": sent.action, "activity_id": sent.activity, "completed_on": sent.completed,
            "given_name": sent.given_name, "family_name": sent.family_name, "birth_day": sent.birth_day,
            "state": sent.state, "licence": sent.licence, "cme": sent.cme, "board": sent.board,
            "board_id": sent.board_id, "local_id": tables.rems_sheet.local_id,
        }.items()
    }  # fmt: skip
    return found | {plain(word): name for name, words in tables.receipts.headers for word in words}


def _what(path: Path, sheet: Sheet) -> What:
    places = sheet.rows[0].places if sheet.rows else {}
    if not places:
        raise refused(path, 1, "receipt.empty", "no row stands below the header")
    if "credit_id" not in places and not set(_KEYED) <= places.keys():
        hint = "rename the columns, or write their names under `wire: receipts: headers:` in config.yaml"
        message = "no column has a credit id, and none the activity and the completion date"
        raise ConfigError("receipt.columns", message, hint, where=str(path))
    if "result" in places:
        return "result"
    if "status" in places:
        return "status"
    message = "neither a result nor a status stands in any column"
    hint = "write the column's name under `wire: receipts: headers:` in config.yaml"
    raise ConfigError("receipt.columns", message, hint, where=str(path))


def _row(row: SheetRow, what: What, today: date, findings: list[Finding]) -> Said:
    words = Line(_get(row, "credit_id"), _get(row, what), _get(row, "reason"), _get(row, "message"))
    action = _action(row, findings)
    if words.credit_id:
        return Said(row.line, words, action)
    cells = Cells(row, today)
    cells.check_board()
    activity, day, local = cells.activity(), cells.completed_on(), _get(row, "local_id")
    kinds = tuple(cells.certifications())
    person = None if local else cells.person()
    findings += cells.findings
    return Said(row.line, words, action, activity, day, kinds, person, local)


def _get(row: SheetRow, column: str) -> str:
    return row[column] if column in row.places else ""


def _action(row: SheetRow, findings: list[Finding]) -> Literal["", "add", "delete"]:
    match _get(row, "action").lower():
        case "":
            return ""
        case "add":
            return "add"
        case "delete":
            return "delete"
    findings.append(row.finding("action", CELL, "the action is neither Add nor Delete"))
    return ""


def _of_word(row: SheetRow, what: What, tables: Tables) -> Iterator[Finding]:
    """A result that nobody knows settles nothing; an unknown status is PARS's, and is kept and told."""
    word = _get(row, what)
    if what == "result" and word and lookup(tables.receipts.results, word) is None:
        hint = "if the word is ACCME's, write it under `wire: receipts: results:` in config.yaml"
        yield row.finding("result", CELL, "nobody knows what this result means", hint)


def _read_xml(path: Path, tables: Tables) -> Receipt:
    """The documents of the web service, as files."""
    try:
        root = xmldoc.parse(path.read_bytes())
    except OSError as error:
        raise refused(path, 0, "config.sheet", f"the file cannot be read: {error.strerror}") from None
    if root is None:
        raise refused(path, 0, "receipt.unreadable", "this is no whole XML document", "download it again")
    names = tables.xml_service.replies
    items = {names.save: ("result", names.save_item), names.status_list: ("status", names.status_item)}
    found = items.get(xmldoc.local_name(root))
    if found is None:
        message = f"the document is neither a {names.save} nor a {names.status_list}"
        hint = "if ACCME calls it otherwise, write that under `wire: xml_service: replies:` in config.yaml"
        raise ConfigError("receipt.unreadable", message, hint, where=str(path))
    of = (names.credit_id, names.status, names.reason, names.message)
    rows = tuple(
        Said(place, Line(*(xmldoc.text_of(item, name) for name in of)))
        for place, item in enumerate(xmldoc.children(root, found[1]), start=1)
    )
    return Receipt("result" if found[0] == "result" else "status", rows)
