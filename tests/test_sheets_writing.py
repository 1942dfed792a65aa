"""Workbooks as they are written: bounded, whole or not at all, readable by their owner alone."""

from __future__ import annotations

import io
import os
import stat
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from connector.errors import ConfigError
from connector.sheets import read_sheet, writing
from connector.sheets.writing import Column, Page, save, workbook

COLUMNS = (Column("id"), Column("day"), Column("text", open=True, choices=("yes", "no")))


def test_what_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    texts = ["0012", "1E5", "=A1", "@x", "http://x.example", "-1", "'quoted", "李 Ngũgĩ 🩺", "two\nlines", "_x0041_"]
    rows = [(text, date(2026, 3, 1), text) for text in texts]
    path = tmp_path / "a.xlsx"
    save(path, workbook([Page("one", COLUMNS, rows, "a line of guidance"), Page("two", COLUMNS, [])]))
    found = read_sheet(path, required=("id", "day", "text")).rows
    assert [(row["id"], row["day"], row["text"]) for row in found] == [(text, "2026-03-01", text) for text in texts]


def test_a_cell_holds_what_excel_takes_and_no_page_more_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook([Page("one", (Column("id"),), [("x" * 40_000,), ("a\ud800b\x00c\uffff",), (None,), (7,)])])
    cells = [cell.value for (cell,) in load_workbook(io.BytesIO(content))["one"].iter_rows(min_row=2)]
    assert (len(cells[0]), cells[0][-1], cells[1:]) == (32_767, "…", ["a\ufffdb\ufffdc\ufffd", None, 7])
    monkeypatch.setattr(writing, "MOST_ROWS", 2)
    with pytest.raises(ConfigError, match="more than 2 rows"):
        workbook([Page("one", (Column("id"),), [("1",)] * 3)])


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    path.symlink_to(outside)
    save(path, b"new")
    assert (path.is_symlink(), path.read_bytes(), outside.read_bytes()) == (False, b"new", b"kept")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(path, b"newer")
    assert path.read_bytes() == b"new"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.xlsx", "outside"]
