"""The sheet that a rule's `catalogue` names: for each course its activity and credits. Knows no statement."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean
from connector.mapping.language.functions import number
from connector.mapping.language.offers import CmeCredit, Credit, MocCredit
from connector.mapping.language.rules import Catalogue, Rule, digest
from connector.pars.point_columns import KIND_COLUMNS, POINT_COLUMNS
from connector.pars.vocabulary import BOARDS
from connector.sheets import SheetRow, read_sheet
from connector.sheets.rows import Columns, refused

ACTIVITY, CREDITS = "activity_id", "credits"
MOST_CREDITS: Final = Decimal(1000)
MOST_OPEN = 5
"""Rows without an activity that are named one by one; of a draft of hundreds, one finding says how many."""

_SPOILT = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]+|#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!)")
_DAY = re.compile(r"[0-9]{1,2}-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(-[0-9]{2,4})?|[A-Z][a-z]{2}-[0-9]{2}")
_ALMOST = 0.75
_LINE = re.compile(r":([0-9]+)$")
_ALL_KNOWN = re.compile(r"known columns: .*")


@dataclass(frozen=True)
class Entry:
    """What one row offers; `activity` is empty while nobody has filled it in."""

    activity: str
    credits: tuple[Credit, ...]
    hash: str


@dataclass(frozen=True)
class Sheet:
    """A sheet as it was read, in a form that can be kept as text and read again; `unread` are headers that look as if
    they were meant."""

    path: str
    rows: tuple[SheetRow, ...]
    unread: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        rows = [
            {"line": row.line, "cells": {name: cell for name, cell in row.cells.items() if cell}} for row in self.rows
        ]
        return json.dumps(rows, sort_keys=True, ensure_ascii=False)


def read(path: Path, columns: Iterable[str]) -> Sheet:
    """The sheet with these key columns. Raises ConfigError with every finding, by cell."""
    found = read_sheet(path, required=(*columns, ACTIVITY), optional=(*KIND_COLUMNS, *POINT_COLUMNS), strict=False)
    if found.too_wide and not any(row.lettered for row in found.rows):
        message = "the row has more cells than the header: a comma in a number makes two of it"
        raise refused(path, found.too_wide[0], "config.sheet", message, "write numbers with a point, or in quotes")
    return Sheet(str(path), tuple(found.rows), tuple(filter(_looks_meant, found.ignored)))


def from_text(path: str, text: str, columns: Iterable[str]) -> Sheet:
    """A sheet that `Sheet.text` has kept."""
    names = (*columns, ACTIVITY, *KIND_COLUMNS, *POINT_COLUMNS)
    rows = json.loads(text)
    return Sheet(path, tuple(SheetRow(path, one["line"], dict.fromkeys(names, "") | one["cells"], {}) for one in rows))


def _looks_meant(header: str) -> bool:
    """Other columns are nobody's business; but points under a header that is not read would be lost."""
    name = Columns(()).name(header)
    boards = name.startswith(tuple(f"{code.lower()}_" for code in BOARDS))
    return boards or bool(difflib.get_close_matches(name, (*KIND_COLUMNS, *POINT_COLUMNS), n=1, cutoff=_ALMOST))


def column_of(catalogue: Catalogue) -> str:
    """The key's column as sheets name it."""
    return Columns(()).name(catalogue.column)


def entries(rule: Rule, sheet: Sheet) -> tuple[Mapping[str, Entry], list[Finding]]:
    """By key, what each row offers under this rule; and what is wrong or unfinished. Rows without a key are others'."""
    assert rule.catalogue is not None  # noqa: S101 - asked only for rules with one
    column, words = column_of(rule.catalogue), rule.words("catalogue")
    found: dict[str, Entry] = {}
    findings: list[Finding] = []
    first: dict[str, int] = {}
    unfilled: list[SheetRow] = []
    for row in sheet.rows:
        keys = _keys(row[column])
        entry = _entry(rule, words, row, findings) if keys else None
        for key in keys:
            if first.setdefault(key, row.line) != row.line:
                message = f"this key stands in line {first[key]} too"
                findings.append(row.finding(column, "mapping.catalogue_twice", message, "keep one row a key"))
            elif entry:
                findings += _spoilt(row, column, key)
                found[key] = entry
        unfilled += [row] if entry and not entry.activity else []
    return found, [
        *findings,
        *_unfilled(unfilled),
        *_keyless(sheet, column),
        *_passed_over(rule, sheet),
        *_unread(sheet),
    ]


def _spoilt(row: SheetRow, column: str, key: str) -> Iterator[Finding]:
    """A key that no statement has: an error where that is certain."""
    code, hint = "mapping.catalogue_key", "format the column as text in Excel, and write the key again"
    if _SPOILT.fullmatch(key):
        yield row.finding(column, code, "Excel has spoilt this key", hint)
    elif not key.isprintable():
        hint = "write the key again by hand: a copy from a web page or a document brings such signs along"
        yield row.finding(column, code, "there is a sign in this key that nobody can see", hint)
    elif _DAY.fullmatch(key):
        found = row.finding(column, code, "Excel may have made a date of this key", hint)
        yield found.model_copy(update={"level": "warning"})


def _keyless(sheet: Sheet, column: str) -> Iterator[Finding]:
    """No warning: an activity sheet that is a catalogue too has activities that no course of the rule belongs to."""
    rows = [row for row in sheet.rows if row[ACTIVITY] and not _keys(row[column])]
    if rows:
        count = "1 row has" if len(rows) == 1 else f"{len(rows)} rows have"
        message = f"{count} an activity and no key, this being the first: no statement is about it"
        found = rows[0].finding(column, "mapping.catalogue_keyless", message, "fill in the key, if it is a course")
        yield found.model_copy(update={"level": "info"})


def _passed_over(rule: Rule, sheet: Sheet) -> Iterator[Finding]:
    """The rule's credits count for every row, whatever the sheet says."""
    filled = ((row, name) for row in sheet.rows for name in (*KIND_COLUMNS, *POINT_COLUMNS) if row[name])
    row, name = next(filled, (None, "")) if rule.credits else (None, "")
    if row:
        message = f"the credits of this sheet are not read: the rule `{rule.name}` has its own"
        hint = "write `credits: []` in the rule, or empty the sheet's columns"
        found = row.finding(name, "mapping.catalogue_credits", message, hint)
        yield found.model_copy(update={"level": "warning"})


def _keys(cell: str) -> list[str]:
    """A cell may hold several: each on a line of its own or, where all of a line are IRIs, with spaces between.

    >>> _keys("https://a/1 https://a/2"), _keys("CME 101\\nCME 102")
    (['https://a/1', 'https://a/2'], ['CME 101', 'CME 102'])
    """
    lines = [line.strip() for line in cell.splitlines()]
    parts = [line.split() if all(":" in part for part in line.split()) else [line] for line in lines if line]
    return [key for keys in parts for key in keys]


def _unfilled(rows: Sequence[SheetRow]) -> list[Finding]:
    """Warnings: what nobody has filled in yet earns nothing, and stops nothing."""
    hint = "until somebody has, the completions of this row are ignored"
    said = [
        row.finding(ACTIVITY, "mapping.catalogue_open", "nobody has filled in the activity id yet", hint)
        for row in (rows if len(rows) <= MOST_OPEN else rows[:1])
    ]
    if len(rows) > MOST_OPEN:
        message = f"nobody has filled in the activity id of {len(rows)} rows yet, this being the first"
        said = [said[0].model_copy(update={"message": message, "hint": hint.replace("this row", "these rows")})]
    return [one.model_copy(update={"level": "warning"}) for one in said]


def _unread(sheet: Sheet) -> list[Finding]:
    return [
        Finding(
            level="warning",
            code="mapping.catalogue_column",
            path=sheet.path,
            message=f"the column `{header[:80]}` is not read",
            hint=did_you_mean(Columns(()).name(header), (*KIND_COLUMNS, *POINT_COLUMNS)),
        )
        for header in sheet.unread
    ]


def _entry(rule: Rule, words: Mapping[str, Any], row: SheetRow, findings: list[Finding]) -> Entry | None:
    activity = row[ACTIVITY]
    if activity and not (len(activity) == 9 and activity.isascii() and activity.isdigit()):
        hint = "format the column as text in Excel, which eats leading zeros, and write all digits"
        findings.append(row.finding(ACTIVITY, "mapping.activity_id", "an ACCME activity id has 9 digits", hint))
        return None
    credits_ = rule.credits or _credits(row, findings)
    if activity and not credits_ and not rule.rems:
        hint = "fill in `credits`, or write `credits` in the rule"
        findings.append(row.finding(CREDITS, "mapping.catalogue_amount", "the row earns nothing", hint))
        return None
    return Entry(activity, credits_, _hash(words, activity, credits_))


def _hash(words: Mapping[str, Any], activity: str, credits_: Sequence[Credit]) -> str:
    """That of the same rule with the row written out in it: another row that changes re-does nothing."""
    offered = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in credits_]
    return digest({**words, "activity": activity} | ({"credits": offered} if offered else {}))


def _credits(row: SheetRow, findings: list[Finding]) -> tuple[Credit, ...]:
    amounts = {word: _amount(row, column, findings) for column, word in KIND_COLUMNS.items()}
    offered: list[Credit] = [
        CmeCredit.model_validate({"type": word, "amount": got}) for word, got in amounts.items() if got
    ]
    points: dict[str, dict[str, Decimal]] = {}
    for column, (board, credit_type) in POINT_COLUMNS.items():
        if amount := _amount(row, column, findings):
            points.setdefault(board, {})[credit_type] = amount
    for board, parts in points.items():
        total = parts.pop("", None) or max(parts.values())
        if any(part > total for part in parts.values()):
            column = Columns(()).name(board)
            findings.append(row.finding(column, "mapping.of_which", f"a credit type has more than {board}'s {total}"))
            continue
        offered.append(MocCredit(type="moc", board=board, amount=total, of_which=parts))
    return tuple(offered)


def _amount(row: SheetRow, column: str, findings: list[Finding]) -> Decimal | None:
    if not row[column]:
        return None
    amount = number(row[column])
    if amount is not None and 0 <= amount <= MOST_CREDITS and not amount % Decimal("0.25"):
        return amount.quantize(Decimal("0.01")) or None
    message = "not a number of credits in steps of 0.25"
    findings.append(row.finding(column, "mapping.catalogue_amount", message, "write it as 1.25, with a point"))
    return None


def named(rules: Iterable[Rule]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each sheet that these rules name, as they name it, with the key columns that they need of it."""
    wanted: dict[str, dict[str, None]] = {}
    for rule in rules:
        if rule.catalogue:
            wanted.setdefault(rule.catalogue.from_, {})[column_of(rule.catalogue)] = None
    return ((name, tuple(columns)) for name, columns in wanted.items())


def missing(path: str, error: ConfigError) -> list[Finding]:
    """A sheet that cannot be read, as findings."""
    if error.findings:
        return list(error.findings)
    at = _LINE.search(error.where)
    place = {"line": int(at[1]), "column": 1} if at else {}
    hint = _ALL_KNOWN.sub(f"needed: {ACTIVITY} and the key's column; also read: {CREDITS}, ABIM, ...", error.hint)
    return [Finding(level="error", code=error.code, path=path, message=error.message, hint=hint, **place)]
