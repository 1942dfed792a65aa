"""The sheet that a rule's `catalogue` names: for each course its activity and credits. Knows no statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from connector.errors import ConfigError
from connector.findings import Finding
from connector.mapping.offers import CmeCredit, Credit, MocCredit
from connector.mapping.rules import Catalogue, Rule, digest
from connector.pars import vocabulary
from connector.sheets import SheetRow, read_sheet
from connector.sheets.rows import Columns

ACTIVITY, CREDITS = "activity_id", "credits"
MOST_CREDITS: Final = Decimal(1000)


def _board_columns() -> dict[str, tuple[str, str]]:
    """The header of each board's points, and of each of its credit types: `ABIM`, `ABIM/Medical Knowledge`."""
    headers = {code: (code, "") for code in vocabulary.BOARDS}
    for board in vocabulary.BOARDS.values():
        headers |= {f"{board.code}/{one.name}": (board.code, one.name) for one in board.credit_types}
    return {Columns(()).name(header): meant for header, meant in headers.items()}


BOARD_COLUMNS: Final = _board_columns()


@dataclass(frozen=True)
class Entry:
    """What one row offers; `activity` is empty while nobody has filled it in."""

    activity: str
    credits: tuple[Credit, ...]
    hash: str


@dataclass(frozen=True)
class Sheet:
    """A sheet as it was read, in a form that can be kept as text and read again."""

    path: str
    rows: tuple[SheetRow, ...]

    @property
    def text(self) -> str:
        rows = [
            {"line": row.line, "cells": {name: cell for name, cell in row.cells.items() if cell}} for row in self.rows
        ]
        return json.dumps(rows, sort_keys=True, ensure_ascii=False)


def read(path: Path, columns: Iterable[str]) -> Sheet:
    """The sheet with these key columns. Raises ConfigError with every finding, by cell."""
    optional = (CREDITS, *BOARD_COLUMNS)
    found = read_sheet(path, required=(*columns, ACTIVITY), optional=optional, strict=False)
    return Sheet(str(path), tuple(found.rows))


def from_text(path: str, text: str, columns: Iterable[str]) -> Sheet:
    """A sheet that `Sheet.text` has kept."""
    names = (*columns, ACTIVITY, CREDITS, *BOARD_COLUMNS)
    rows = json.loads(text)
    return Sheet(path, tuple(SheetRow(path, one["line"], dict.fromkeys(names, "") | one["cells"], {}) for one in rows))


def column_of(catalogue: Catalogue) -> str:
    """The key's column as sheets name it."""
    return Columns(()).name(catalogue.column)


def entries(rule: Rule, sheet: Sheet) -> tuple[Mapping[str, Entry], list[Finding]]:
    """By key, what each row offers under this rule; and what is wrong or unfinished. A cell may hold several keys."""
    assert rule.catalogue is not None  # noqa: S101 - asked only for rules with one
    column, rule_hash = column_of(rule.catalogue), rule.hash
    found: dict[str, Entry] = {}
    findings: list[Finding] = []
    first: dict[str, int] = {}
    for row in sheet.rows:
        entry = _entry(rule, rule_hash, row, findings)
        for key in row[column].split():
            if first.setdefault(key, row.line) != row.line:
                message = f"this key stands in line {first[key]} too"
                findings.append(row.finding(column, "mapping.catalogue_twice", message, "keep one row a key"))
            elif entry:
                found[key] = entry
    return found, findings


def _entry(rule: Rule, rule_hash: str, row: SheetRow, findings: list[Finding]) -> Entry | None:
    activity = row[ACTIVITY]
    if activity and not (len(activity) == 9 and activity.isascii() and activity.isdigit()):
        hint = "format the column as text in Excel, which eats leading zeros, and write all digits"
        findings.append(row.finding(ACTIVITY, "mapping.activity_id", "an ACCME activity id has 9 digits", hint))
        return None
    credits_ = rule.credits or _credits(row, findings)
    if not activity:
        hint = "until somebody has, the completions of this row are ignored"
        said = row.finding(ACTIVITY, "mapping.catalogue_open", "nobody has filled in the activity id yet", hint)
        findings.append(said.model_copy(update={"level": "warning"}))
    elif not credits_ and not rule.rems:
        hint = "fill in `credits`, or write `credits` in the rule"
        findings.append(row.finding(CREDITS, "mapping.catalogue_amount", "the row earns nothing", hint))
        return None
    return Entry(activity, credits_, _hash(rule_hash, activity, credits_))


def _hash(rule_hash: str, activity: str, credits_: Sequence[Credit]) -> str:
    """A completion names the rule and the row that it came by: another row that changes re-does nothing."""
    return digest([rule_hash, activity, [one.model_dump(mode="json", exclude_defaults=True) for one in credits_]])


def _credits(row: SheetRow, findings: list[Finding]) -> tuple[Credit, ...]:
    cme = _amount(row, CREDITS, findings)
    offered: list[Credit] = [CmeCredit(type="cme", amount=cme)] if cme else []
    points: dict[str, dict[str, Decimal]] = {}
    for column, (board, credit_type) in BOARD_COLUMNS.items():
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
    text = row[column]
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if amount.is_finite() and 0 <= amount <= MOST_CREDITS and not amount % Decimal("0.25"):
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
    return [Finding(level="error", code=error.code, path=path, message=error.message, hint=error.hint)]
