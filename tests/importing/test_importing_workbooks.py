"""Workbooks as Excel mangles them, and as somebody means harm: rows with their cells' names, or a clear no."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from connector.errors import ConfigError
from connector.sheets import Sheet, merged, read_sheet, rows, workbook
from tests.importing.workbooks import write

HEADER = ["Name", "Size"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sheet.xlsx"


def read(path: Path, **more: Any) -> Sheet:
    return read_sheet(path, required=("name",), optional=("size",), aliases={"full_name": "name"}, **more)


def cells(path: Path, **more: Any) -> list[tuple[str, str]]:
    return [(row["name"], row["size"]) for row in read(path, **more).rows]


def refused(path: Path, **more: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(path, **more)
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.0, "1234567"),
        (1.25, "1.25"),
        (-3, "-3"),
        ("0012", "0012"),
        (" O'Brien 李 ", "O'Brien 李"),
        ("'=1+1", "'=1+1"),
        (date(2026, 3, 10), "2026-03-10"),
        (datetime(2026, 3, 10, 8, 30), "2026-03-10 08:30:00"),
        (time(1, 15), "01:15:00"),
        (True, "true"),
        (10**15 - 1, "999999999999999"),
    ],
)
def test_a_cell_is_text_again(path: Path, value: Any, text: str) -> None:
    assert cells(write(path, [HEADER, ["a", value]])) == [("a", text)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("=1+1", "formula"),
        ("#N/A", "error"),
        (1234567890123456, "rounded"),
        (12345678901234567890.5, "rounded"),
    ],
)
def test_a_cell_that_excel_made_unusable_is_named(path: Path, value: Any, words: str) -> None:
    error = refused(write(path, [[], ["guidance"], HEADER, ["a", 1], ["secret", value]]))
    assert (error.code, [one.where for one in error.findings]) == ("config.sheet_cell", [f"{path}:B5"])
    assert words in str(error)


def test_a_text_that_looks_like_a_formula_is_text(path: Path) -> None:
    book = Workbook()
    book.active.append(HEADER)
    book.active["A2"].value = "x"
    book.active["B2"].value = "=1+1"
    book.active["B2"].data_type = "s"
    book.save(path)
    assert cells(path) == [("x", "=1+1")]


def test_what_stands_in_no_known_column_is_left_alone(path: Path) -> None:
    write(path, [["x", *HEADER], ["=1+1", "a", "b"]])
    assert cells(path, strict=False) == [("a", "b")]
    assert read(path, strict=False).ignored == ("x",)
    assert "the header of column 1 is no known name" in str(refused(path))


def test_merged_cells_below_the_header_are_named_and_others_do_not_matter(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for row in (["guidance"], HEADER, ["a", 1], ["b", None], ["c", 3]):
        sheet.append(row)
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("D3:D9")
    book.save(path)
    assert cells(path) == [("a", "1"), ("b", ""), ("c", "3")]
    sheet.merge_cells("B3:B4")
    book.save(path)
    assert [one.where.rpartition(":")[2] for one in refused(path).findings] == ["B3", "B4"]


def test_which_sheet_counts(path: Path) -> None:
    book = Workbook()
    book.active.append(["notes"])
    hidden, second = book.create_sheet("Old"), book.create_sheet("Day 2")
    hidden.sheet_state = "hidden"
    for sheet, value in ((hidden, "old"), (second, "new")):
        sheet.append(["Full name", "Size"])
        sheet.append([value, 1])
    book.save(path)
    assert cells(path) == [("new", "1")]
    assert cells(path, sheet="old") == [("old", "1")]
    assert "no sheet Day 3" in str(refused(path, sheet="Day 3"))
    book.remove(second)
    book.save(path)
    assert "hidden sheet" in str(refused(path))
    book.remove(hidden)
    book.save(path)
    assert "missing column: name" in str(refused(path, strict=False))


def test_a_header_too_low_is_none(path: Path) -> None:
    assert len(cells(write(path, [["x"]] * 19 + [HEADER, ["a", 1]]), strict=False)) == 1
    refused(write(path, [["x"]] * 20 + [HEADER, ["a", 1]]), strict=False)


def rewritten(path: Path, change: Callable[[bytes], bytes], part: str = "xl/worksheets/sheet1.xml") -> Path:
    """The workbook with one of its parts changed by hand."""
    write(path, [HEADER, ["secret", 1]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_a_row_at_the_end_of_the_world_is_not_walked_to(path: Path) -> None:
    rewritten(path, lambda xml: xml.replace(b'<row r="2"', b'<row r="99999999999"'))
    assert "more than 200000 rows" in str(refused(path))


@pytest.mark.parametrize("spelling", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_entities_are_refused_in_every_spelling(path: Path, spelling: str) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "secret">]>'
    rewritten(path, lambda xml: (bomb + xml.decode()).encode(spelling))
    assert "XML entities" in str(refused(path))


@pytest.mark.parametrize(("times", "words"), [(2, "are one"), (workbook.MOST_SHEETS + 1, "more than 60 sheets")])
@pytest.mark.parametrize("spelling", ["utf-8", "utf-16"])
def test_one_part_listed_as_many_sheets_is_not_read_many_times(
    path: Path, monkeypatch: pytest.MonkeyPatch, times: int, words: str, spelling: str
) -> None:
    def more(xml: bytes) -> bytes:
        before, sheet, after = re.split("(<sheet .*?/>)", xml.decode())
        return (before + sheet * times + after).encode(spelling)

    rewritten(path, more, "xl/workbook.xml")
    monkeypatch.setattr(workbook, "_filled", lambda *_: pytest.fail("no sheet of it is read"))
    assert words in str(refused(path))


def test_what_merged_cells_cost_does_not_depend_on_how_many_lie_over_one_another(path: Path) -> None:
    groups = b"".join(b'<mergeCell ref="A2:XFD%d"/>' % (1048576 - number) for number in range(1000))
    rewritten(path, lambda xml: xml.replace(b"</sheetData>", b"</sheetData><mergeCells>" + groups + b"</mergeCells>"))
    found = merged.read(path, [zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")], workbook.MOST_COLUMNS)
    assert (found.of(1), len(found.of(2)), found.of(1048577)) == ({}, workbook.MOST_COLUMNS, {})
    assert found.of(2) is found.of(1_000_000), "one answer for all rows that have the same columns merged"
    assert [one.where.rpartition(":")[2] for one in refused(path).findings] == ["A2", "B2"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'<row r="2"', b'<row r="1"', "out of order"),
        (b'<row r="2"', b'<row r="0"', "out of order"),
        (b'r="B2"', b'r="B9"', "out of order"),
        (b'r="B2"', b'r="A2"', "twice"),
    ],
)
def test_rows_and_cells_that_would_be_lost_are_refused(path: Path, old: bytes, new: bytes, words: str) -> None:
    rewritten(path, lambda xml: xml.replace(old, new))
    assert words in str(refused(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml[:200],
        lambda xml: xml.replace(b"<v>1</v>", b"<v>secret</v>"),
        lambda xml: xml.replace(b'r="A2"', b'r="secret"'),
        lambda _xml: b"secret",
    ],
)
def test_a_damaged_part_is_said_without_its_words(path: Path, change: Callable[[bytes], bytes]) -> None:
    error = refused(rewritten(path, change))
    assert (error.code, "cannot be read" in str(error)) == ("config.sheet", True)


def test_a_bomb_is_refused_by_what_it_says_of_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten(path, lambda xml: xml.replace(b"</sheetData>", b" " * 3_000_000 + b"</sheetData>"))
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 2_000_000)
    assert "unpacked" in str(refused(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "old format"),
        (b"\xd0\xcf\x11\xe0" + bytes(99) + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"name,size\nsecret,1\n", "no workbook"),
        (b"PK\x03\x04secret", "no workbook"),
        (b"", "no workbook"),
    ],
)
def test_what_is_no_workbook_is_said(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    assert words in str(refused(path))


def test_other_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(path).code == "config.sheet_missing"
    assert "ends in .xls" in str(refused(path.with_suffix(".xls")))
    write(path, [HEADER, ["secret", 1]])
    text = path.rename(path.with_suffix(".csv"))
    assert "workbook" in str(refused(text))
    text.rename(path)
    monkeypatch.setattr(workbook, "MOST_BYTES", 8)
    assert "larger than 8 bytes" in str(refused(path))


@pytest.mark.parametrize(
    "text", ["name;size\na;1\n", "name\tsize\na\t1\n", "\ufeffx\n\nname,size\na,1\n", "Full name,size\na,1"]
)
def test_csv_by_the_same_door(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(text, encoding="utf-8")
    assert cells(path, strict=False) == [("a", "1")]


def test_a_nul_in_csv_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"name,size\nsecret,1\x002\n")
    (finding,) = refused(path).findings
    assert (finding.where, finding.message) == (f"{path}:2:2", "a control character stands in this cell")


def test_many_findings_are_cut(path: Path) -> None:
    error = refused(write(path, [HEADER, *([["secret", "=1"]] * 150)]))
    assert (len(error.findings), error.findings[-1].message) == (101, "and 50 more, this being the last")


def test_more_rows_than_anybody_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("name\n" + "secret\n" * 9, encoding="utf-8")
    monkeypatch.setattr(rows, "MOST_ROWS", 9)
    assert "more than 9 rows" in str(refused(path))
