"""Sheets that people keep: rows with their places, findings by line and column, and never a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.sheets import SheetRow, delimited, read_csv


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def rows(path: Path, text: str | bytes) -> list[SheetRow]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv(path, required=("name",), optional=("note", "size"))


def refused(path: Path, text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        rows(path, text)
    return caught.value


def cells(path: Path, text: str | bytes) -> list[dict[str, str]]:
    return [row.cells for row in rows(path, text)]


@pytest.mark.parametrize(
    "text",
    [
        "name,note\nÅsa, x \n",
        "\ufeffname,note\r\nÅsa,x\r\n",
        "name;note\nÅsa;x",
        "name,note\rÅsa,x\r",
        'name,note\n"Åsa","x"\n',
        " NAME ,Note,,\nÅsa,x,,\n,,,\n\n",
    ],
)
def test_a_sheet_is_read_as_spreadsheets_save_it(path: Path, text: str) -> None:
    assert cells(path, text) == [{"name": "Åsa", "note": "x", "size": ""}]


def test_a_short_row_has_empty_cells_and_text_stays_text(path: Path) -> None:
    assert cells(path, "name,note,size\n007\n=1+1,2026-01-01,1e5\n") == [
        {"name": "007", "note": "", "size": ""},
        {"name": "=1+1", "note": "2026-01-01", "size": "1e5"},
    ]


def test_a_finding_names_the_line_and_the_sheets_own_column_and_no_value(path: Path) -> None:
    (first, second) = rows(path, 'size,name\n1,"Åsa\nLind"\n2,Bo\n')
    assert (first.line, second.line) == (2, 4)
    finding = second.finding("name", "x.y", "odd")
    assert (finding.line, finding.column, finding.path) == (4, 2, str(path))
    assert second.finding("note", "x.y", "odd").column == 1, "the sheet has no such column: the row"
    assert "Bo" not in repr(second)
    assert second["size"] == "2"


@pytest.mark.parametrize(
    ("text", "code", "where", "words"),
    [
        ("name,nite\na,b\n", "config.sheet_column", ":1", 'did you mean "note"?'),
        ("name,zzzz\na,b\n", "config.sheet_column", ":1", "known columns: name, note, size"),
        ("note\nb\n", "config.sheet_column", ":1", "missing column: name"),
        ("name,name\na,b\n", "config.sheet_column", ":1", "two columns have one name"),
        ("name\na\nb,secret\n", "config.sheet", ":3", "the row has 2 cells, the header has 1"),
        ('name\n"secret\n', "config.sheet", ":2", "quotes"),
        ('name\n"a"secret\n', "config.sheet", ":2", "quotes"),
        ("", "config.sheet", ":1", "no header"),
        (b"name\na\nJos\xe9 secret\n", "config.sheet_encoding", ":3", "CSV UTF-8"),
        ("name\na\n".encode("utf-16"), "config.sheet_encoding", ":1", "CSV UTF-8"),
    ],
)
def test_a_sheet_that_cannot_be_trusted_is_refused_at_its_line(
    path: Path, text: str | bytes, code: str, where: str, words: str
) -> None:
    error = refused(path, text)
    assert (error.code, error.where) == (code, f"{path}{where}")
    assert words in str(error)
    assert "secret" not in str(error)


def test_a_sheet_that_is_missing_or_no_file_or_huge_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, code in ((path, "config.sheet_missing"), (path.parent, "config.sheet")):
        with pytest.raises(ConfigError) as caught:
            read_csv(place, required=())
        assert caught.value.code == code
    monkeypatch.setattr(delimited, "MOST_BYTES", 8)
    assert "larger than 8 bytes" in str(refused(path, "name\n1234\n"))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(content=st.binary(max_size=60) | st.text('name,;\n"x', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        found = cells(path, content)
    except ConfigError:
        return
    assert all(set(row) == {"name", "note", "size"} for row in found)
