"""Workbooks as people and Excel make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook

Cells = Sequence[Sequence[Any]]

TEMPLATE = [
    "Record Action", "ACCME Activity ID", "Completion Date", "First Name", "Last Name", "Date of Birth",
    "Licensing State", "Licensing ID or NPI", "Number of CME Credits", "Certifying Board", "Certifying Board ID",
    "Total Board Credits", "Credit Type ", "Credits Awarded for Credit Type", "Additional Credit Type",
]  # fmt: skip
DOWNLOAD = [
    "Board",
    "Name",
    "DOB",
    "Learner ID",
    "Activity ID",
    "Completion",
    "Submission",
    "Credits Awarded",
    "Status",
]
GUIDANCE = ["Add or Delete", "Nine digits"]
DAY = date(2026, 3, 10)


def write(path: Path, rows: Cells, *, title: str = "Sheet1") -> Path:
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(list(row))
    book.save(path)
    return path


def template(path: Path, *rows: dict[str, Any]) -> Path:
    """ACCME's template: guidance, header, one row a learner."""
    return write(path, [GUIDANCE, TEMPLATE, *([row.get(name) for name in TEMPLATE] for row in rows)])


def download(path: Path, *rows: dict[str, Any]) -> Path:
    return write(path, [DOWNLOAD, *([row.get(name) for name in DOWNLOAD] for row in rows)])


ANNA: dict[str, Any] = {
    "Record Action": "Add",
    "ACCME Activity ID": 203512345,
    "Completion Date": DAY,
    "First Name": "Zanna",
    "Last Name": "Quixley",
    "Date of Birth": "02/29",
    "Licensing State": "Maine",
    "Licensing ID or NPI": 1234567893,
    "Number of CME Credits": 1.25,
}
BORIS: dict[str, Any] = ANNA | {
    "First Name": "Boris",
    "Last Name": "Vantongeren",
    "Date of Birth": "07/04",
    "Licensing ID or NPI": 1245319599,
}
