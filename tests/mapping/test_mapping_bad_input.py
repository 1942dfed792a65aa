"""Files that no rule can be read from: each is a finding with its place, never a traceback, a hang or a guess."""

from __future__ import annotations

import codecs
import contextlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest
import wrong_files
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import MappingError
from connector.findings import Finding
from connector.mapping.loader import from_texts, lint, load

pytestmark = [  # libraries say what later versions of theirs may make of a path or a pattern
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

GOOD = make.text(make.rule())
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES: dict[str, tuple[bytes, str, int]] = {
    "Latin-1": (GOOD.replace("name: r", "name: caf\xe9").encode("latin-1"), "config.encoding", 3),
    "UTF-16": (GOOD.encode("utf-16"), "config.encoding", 1),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), "config.encoding", 1),
    "UTF-32": (GOOD.encode("utf-32"), "config.encoding", 1),
    "a mark in the middle": (GOOD.replace("rules", "\ufeffrules").encode(), "config.encoding", 2),
    "tabs": (GOOD.replace("  when", "\twhen").encode(), "config.syntax", 4),
    "laughs": (LAUGHS.encode(), "config.anchor", 1),
    "merged": (GOOD.replace("- name: r", "- <<: {per: date}\n  name: r").encode(), "config.unknown_key", 3),
    "deep lists": (b"a: " + b"[" * 5_000, "config.too_deep", 1),
    "deep blocks": (b"".join(b" " * n + b"- \n" for n in range(200)), "config.too_deep", 51),
    "a NUL": (GOOD.replace("name: r", "name: r\0").encode(), "config.encoding", 3),
    "zeros": (bytes(5000), "config.encoding", 1),
    "a backspace": (GOOD.replace("name: r", "name: r\b").encode(), "config.encoding", 3),
    "nothing": (b"", "config.missing_key", 1),
    "a comment": (b"# later\n", "config.missing_key", 1),
    "a list": (b"- version: 1\n", "config.invalid", 1),
    "a text": (b"hello\n", "config.invalid", 1),
    "a number": (b"9" * 5000, "config.invalid", 1),
    "numbers as keys": (b"version: 1\n1: 2\nrules: []\n", "config.unknown_key", 2),
    "a list as key": (b"? [a]\n: b\n", "config.syntax", 1),
    "two documents": (GOOD.encode() + b"---\nversion: 1\n", "config.several_documents", 11),
    "a workbook": (b"PK\x03\x04" + bytes(range(128, 256)), "config.encoding", 1),
    "a huge number": (GOOD.replace("1.25", "9" * 400).encode(), "mapping.amount", 10),
    "a huge power": (GOOD.replace("1.25", "1e999").encode(), "mapping.amount", 10),
    "a huge priority": (f"{GOOD}  priority: {'9' * 400}\n".encode(), "config.invalid", 11),
    "a question mark": (
        GOOD.replace("path: object.definition.type, is: course", "path: object.id, is: https://x/view.php?id=42").encode(),
        "config.syntax", 6,
    ),
    "an id of 8 digits": (GOOD.replace('"203512345"', "20351234").encode(), "mapping.activity_id", 7),
}  # fmt: skip


def found(folder: Path) -> list[Finding]:
    return [one for one in lint(folder) if one.level == "error"]


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    content, code, line = FILES[name]
    (tmp_path / "x.yaml").write_bytes(content)
    finding = found(tmp_path)[0]
    assert (finding.code, finding.line, finding.path) == (code, line, str(tmp_path / "x.yaml"))
    with pytest.raises(MappingError):
        load(tmp_path)


def test_what_is_said_of_a_question_mark_and_of_lost_zeros(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(FILES["a question mark"][0])
    assert "in quotes" in found(tmp_path)[0].hint
    (tmp_path / "x.yaml").write_bytes(FILES["an id of 8 digits"][0])
    assert "leading zeros" in found(tmp_path)[0].hint


def test_what_windows_adds_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(codecs.BOM_UTF8 + GOOD.replace("\n", "\r\n").encode())
    assert lint(tmp_path) == []
    plain = make.rules(make.rule())
    assert load(tmp_path).hash == plain.hash


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    (finding,) = lint(tmp_path)
    assert (finding.code, finding.hint) == ("config.too_large", "split it: every file of the folder is read")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to("gone.yaml")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("laid", [a_folder, a_link_to_nowhere, a_link_to_itself, a_pipe])
def test_what_is_no_file(tmp_path: Path, laid: Callable[[Path], None]) -> None:
    laid(tmp_path / "x.yaml")
    (tmp_path / "good.yaml").write_text(GOOD)
    (finding,) = lint(tmp_path)
    assert (finding.code, finding.level, finding.path) == ("config.unreadable", "error", str(tmp_path / "x.yaml"))


# --- sheets ---------------------------------------------------------------------------------------------------------

RULE = """version: 1
rules:
  - name: all
    when: [{path: verb.id, is: completed}]
    completed_on: {zone: America/Chicago}
    catalogue: {from: courses.csv}
"""
HEAD = "object_id,activity_id,credits\n"


def of_sheet(folder: Path, content: bytes, name: str = "courses.csv") -> list[tuple[str, int, str]]:
    (folder / "a.yaml").write_text(RULE.replace("courses.csv", name))
    (folder / name).write_bytes(content)
    return [(one.code, one.line, one.hint) for one in found(folder)]


def test_a_sheet_of_excels(tmp_path: Path) -> None:
    assert of_sheet(tmp_path, codecs.BOM_UTF8 + b"object_id;activity_id;credits\r\nurn:x;203512345;1.25\r\n") == []
    eaten = f"{HEAD}urn:x,3512345,1.25\nurn:y,2.03512E+08,1.25\n"
    assert [(code, line, "leading zeros" in hint) for code, line, hint in of_sheet(tmp_path, eaten.encode())] == [
        ("mapping.activity_id", 2, True), ("mapping.activity_id", 3, True),
    ]  # fmt: skip
    comma = b"object_id;activity_id;credits\nurn:x;203512345;1,25\n"
    assert {(code, line) for code, line, _ in of_sheet(tmp_path, comma)} == {("mapping.catalogue_amount", 2)}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "config.sheet"),
        (HEAD.encode("utf-16"), "config.sheet_encoding"),
        (HEAD.encode() + b"caf\xe9,203512345,1\n", "config.sheet_encoding"),
        (HEAD.encode() + b"urn:\0x,203512345,1\n", "config.sheet_cell"),
        (HEAD.encode() + b'"urn:x,203512345,1\n', "config.sheet"),
        (b"id,activity\nurn:x,203512345\n", "config.sheet_column"),
        (b"object_id,object_id,activity_id\n", "config.sheet_column"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "config.sheet_encoding"),
    ],
)
def test_sheets_that_cannot_be_read(tmp_path: Path, content: bytes, code: str) -> None:
    assert [one for one, _, _ in of_sheet(tmp_path, content)] == [code]


def test_a_workbook_under_another_name_and_the_other_way_round(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "courses.csv", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    content = (tmp_path / "courses.csv").read_bytes()
    assert [code for code, _, _ in of_sheet(tmp_path, content)] == ["config.sheet_encoding"]
    assert [code for code, _, _ in of_sheet(tmp_path, HEAD.encode(), "courses.xlsx")] == ["config.sheet"]
    assert [code for code, _, _ in of_sheet(tmp_path, HEAD.encode(), "courses.ods")] == ["config.sheet"]


def test_sheets_beyond_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.sheets.rows.MOST_ROWS", 3000)  # of 200,000, which take seconds
    rows = b"".join(b"u%d,,\n" % number for number in range(4500))
    assert [code for code, _, _ in of_sheet(tmp_path, HEAD.encode() + rows)] == ["config.sheet"]
    with (tmp_path / "courses.csv").open("r+b") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    assert [one.code for one in found(tmp_path)] == ["config.sheet"]


@pytest.mark.parametrize("laid", [a_folder, a_link_to_nowhere, a_pipe])
def test_a_sheet_that_is_no_file(tmp_path: Path, laid: Callable[[Path], None]) -> None:
    (tmp_path / "a.yaml").write_text(RULE)
    laid(tmp_path / "courses.csv")
    (finding,) = found(tmp_path)
    assert finding.code in ("config.sheet", "config.sheet_missing")


# --- anything -------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(wrong_files.changed())
def test_a_changed_file_is_read_or_refused(whole: dict[str, Any]) -> None:
    read(wrong_files.as_yaml(whole))


@settings(max_examples=40)
@given(st.data())
def test_a_file_with_other_characters_is_read_or_refused(data: st.DataObject) -> None:
    text = wrong_files.TEXT
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 30))
        text = (
            text[:at]
            + data.draw(st.text("ab:-{}[]?&*!|>'\"#%@`, \t\n\\0", max_size=6) | st.text(max_size=3))
            + text[at + gone :]
        )
    read(text)


def read(text: str) -> None:
    with contextlib.suppress(MappingError):
        from_texts({"a.yaml": text, "courses.csv": "[]"})


@settings(max_examples=40)
@given(st.binary(max_size=40), st.integers(0, 900))
def test_bytes_in_a_file_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    folder.mkdir(exist_ok=True)
    content = wrong_files.TEXT.encode()
    (folder / "x.yaml").write_bytes(content[:at] + noise + content[at:])
    assert all(one.path and one.message for one in lint(folder))


def test_a_long_group_beside_many_conditions_is_not_looked_into() -> None:
    """Each of its lines against each other condition: that would take minutes."""
    lines = [f"{{path: object.id, is_not: 'urn:{n}'}}" for n in range(600)]
    branches = ", ".join(f"{{path: object.id, is: 'urn:{n}'}}" for n in range(600))
    assert make.is_accepted(make.rule(when=f"[{', '.join(lines)}, {{any: [{branches}]}}]"))
    few = f"[{', '.join(lines[:20])}, {{any: [{', '.join(branches.split(', {')[:1])}]}}]"
    assert [one.code for one in make.refused(make.text(make.rule(when=few)))] == ["mapping.never"]


def test_nothing_of_the_file_stands_in_what_is_said_of_its_form() -> None:
    secret = GOOD.replace("name: r", "name: [hunter2]").replace("1.25", "hunter2")
    with pytest.raises(MappingError) as caught:
        from_texts({"a.yaml": secret})
    assert "hunter2" not in "".join(str(one) for one in caught.value.findings)
