"""yamlfile: what stays text, where things stand, what is refused and how it is said."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from connector import yamlfile
from connector.errors import ConfigError, MappingError


def value(text: str) -> Any:
    return yamlfile.read_text("f.yaml", text).value


def findings(text: str) -> tuple[Any, ...]:
    with pytest.raises(ConfigError) as caught:
        yamlfile.read_text("f.yaml", text)
    return caught.value.findings


@pytest.mark.parametrize(
    "word",
    ["0001234", "NO", "no", "on", "Yes", "True", "NULL", "2026-01-01", "1_000", "0x1F", "0o17", "12:30", "1e5", ".5",
     "+1", ".inf", ".nan", "-0", "00.5", "9" * 19, "1." + "0" * 19, "<<", "="],
)  # fmt: skip
def test_words_that_stay_text(word: str) -> None:
    assert value(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("word", "expected"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-5", -5),
     ("203512345", 203512345), ("1.25", Decimal("1.25")), ("-0.50", Decimal("-0.50")), ("'true'", "true"),
     ('"1.25"', "1.25"), ("|\n  12\n", "12\n")],
)  # fmt: skip
def test_words_that_do_not(word: str, expected: object) -> None:
    seen = value(f"a: {word}")["a"]
    assert seen == expected
    assert type(seen) is type(expected)


def test_keys_are_always_text() -> None:
    assert value("{NO: 1, 7: 2, true: 3, ~: 4}") == {"NO": 1, "7": 2, "true": 3, "~": 4}


def test_places() -> None:
    document = yamlfile.read_text("f.yaml", "\ufeffrules:\n  - name: a\n    when: [x,\n      y]\n")
    assert document.where(("rules",), key=True) == (1, 1)
    assert document.where(("rules", 0, "name")) == (2, 11)
    assert document.where(("rules", 0, "name"), key=True) == (2, 5)
    assert document.where(("rules", 0, "when", 1)) == (4, 7)
    assert document.where(("rules", 0, "when", 7, "path")) == (3, 11)
    assert document.where(("rules", 0, "tagged-union", "name"), key=True) == (2, 5)
    assert document.where(()) == (1, 1)


def test_nothing_and_comments_are_none() -> None:
    assert value("") is None
    assert value("# only a comment\n") is None


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("a:\n\tb: 1", "config.syntax", (2, 1), "tab"),
        ("a: 1\nb: 2\na: 3", "config.duplicate_key", (3, 1), "first in line 1"),
        ("a: &x [1]\nb: *x", "config.anchor", (1, 4), "anchors"),
        ("a: *x", "config.anchor", (1, 4), "anchors"),
        ("*x : 1", "config.anchor", (1, 1), "anchors"),
        ("a: !!python/object/apply:os.system [ls]", "config.tag", (1, 4), "tags"),
        ("!x a: 1", "config.tag", (1, 1), "tags"),
        ("a: 1\n---\nb: 2", "config.several_documents", (2, 1), "second document"),
        ("[" * 60 + "]" * 60, "config.too_deep", (1, 51), "50 levels"),
        ("a: {is: https://x/view.php?id=42}", "config.syntax", (1, 27), "in quotes"),
        ("a: {path: b[?c=='d'].e}", "config.syntax", (1, 12), "in quotes"),
        ("a: @x", "config.syntax", (1, 4), "in quotes"),
        ("a: 'x", "config.syntax", (1, 4), "never closed"),
        ("a: [1,\n 2", "config.syntax", (1, 4), "never closed"),
        ("a: b: c", "config.syntax", (1, 5), "a key is not expected"),
        ("{a: 1 b: 2}", "config.syntax", (1, 8), "comma"),
        ("- a\nb: 1", "config.syntax", (2, 1), "indented"),
        ('a: "\\q"', "config.syntax", (1, 6), "not YAML"),
        ('a: "\\UFFFFFFFF"', "config.syntax", (1, 1), "no character"),
        ('a: "\\ud800"', "config.encoding", (1, 4), "half of a character"),
        ("? [a]\n: 1", "config.syntax", (1, 3), "a key must be a text"),
        ("a: 1\nb: \0", "config.encoding", (2, 4), "control character"),
        ("%YAML 9.9\n---\na: 1", "config.syntax", (1, 1), "starts with `%`"),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1", "config.syntax", (1, 1), "no character"),
    ],
)
def test_refused(text: str, code: str, place: tuple[int, int], words: str) -> None:
    (finding,) = findings(text)
    assert (finding.code, finding.line, finding.column, finding.level) == (code, *place, "error")
    assert words in str(finding)


def test_all_duplicates_are_listed() -> None:
    assert [finding.line for finding in findings("a: 1\na: 2\nb: {c: 1, c: 2}\n")] == [2, 3]


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = yamlfile.read(file)
    assert document.value == {"a": 1, "b": 2}
    assert document.name == str(file)
    for content, code, line in [
        (b"a: 1\nb: caf\xe9\n", "config.encoding", 2),
        ("a: 1".encode("utf-16"), "config.encoding", 1),
        (b"\xef\xbb\xbf\xff", "config.encoding", 1),
        (b"# " + b"x" * yamlfile.MAX_BYTES, "config.too_large", 0),
    ]:
        file.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            yamlfile.read(file)
        assert (caught.value.code, caught.value.findings[0].line) == (code, line)
    for missing in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read: .*\(config.unreadable\)"):
            yamlfile.read(missing)


@given(st.text() | st.text(alphabet="ab:-{}[]?&*!|>'\"#%@`, \t\n\\0"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        yamlfile.read_text("f.yaml", text)


# --- validate ------------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cme(Strict):
    type: Literal["cme"]
    amount: Decimal


class Moc(Strict):
    type: Literal["moc"]
    amount: Decimal
    board: str


class Rule(Strict):
    name: str
    credits: list[Annotated[Cme | Moc, Field(discriminator="type")]] = []
    per: Literal["activity", "date"] = "activity"
    limits: dict[str, Cme] | None = None
    secret: str = ""

    @field_validator("secret")
    @classmethod
    def not_literal(cls, seen: str) -> str:
        if seen:
            raise ValueError("a literal password is refused")
        return seen


class File(Strict):
    rules: list[Rule]


def faults(text: str) -> list[tuple[str, int, int, str, str]]:
    with pytest.raises(MappingError) as caught:
        yamlfile.validate(yamlfile.read_text("f.yaml", text), File, MappingError)
    return [(f.code, f.line, f.column, f.message, f.hint) for f in caught.value.findings]


def test_valid() -> None:
    document = yamlfile.read_text("f.yaml", "rules:\n- {name: a, credits: [{type: cme, amount: 1.25}]}")
    assert yamlfile.validate(document, File).rules[0].credits[0].amount == Decimal("1.25")


def test_every_fault_at_once_with_its_place() -> None:
    text = """rules:
  - nmae: a
    per: dat
    credits:
      - {type: cme, amonut: 1}
      - {type: mocc}
      - {amount: 1}
      - text
    limits: {x: {type: cme, amount: 1, board: y}}
  - name: 5
    secret: hunter2
    credits: {a: 1}
  - x
"""
    assert faults(text) == [
        ("config.missing_key", 2, 5, "`name` is missing in `rules[0]`", ""),
        ("config.unknown_key", 2, 5, "`nmae` is not a key of `rules[0]`", 'did you mean "name"?'),
        ("config.invalid", 3, 10, "`rules[0].per`: must be 'activity' or 'date'", 'did you mean "date"?'),
        ("config.missing_key", 5, 9, "`amount` is missing in `rules[0].credits[0]`", ""),
        ("config.unknown_key", 5, 21, "`amonut` is not a key of `rules[0].credits[0]`", 'did you mean "amount"?'),
        ("config.invalid", 6, 9, "`rules[0].credits[1]`: must be 'cme', 'moc'", 'did you mean "moc"?'),
        ("config.invalid", 7, 9, "`rules[0].credits[2]`: the key 'type' is missing", ""),
        ("config.invalid", 8, 9, "`rules[0].credits[3]`: must be a block of `key: value`", ""),
        ("config.unknown_key", 9, 40, "`board` is not a key of `rules[0].limits.x`", "keys here: amount, type"),
        ("config.invalid", 10, 11, "`rules[1].name`: must be a text; put it in quotes", ""),
        ("config.invalid", 11, 13, "`rules[1].secret`: a literal password is refused", ""),
        ("config.invalid", 12, 14, "`rules[1].credits`: must be a list", ""),
        ("config.invalid", 13, 5, "`rules[2]`: must be a block of `key: value`", ""),
    ]


def test_an_empty_file_and_a_list() -> None:
    assert faults("")[0][:4] == ("config.missing_key", 1, 1, "the file is empty")
    assert faults("[]")[0][3] == "the file: must be a block of `key: value`"
    assert faults("{}")[0][3] == "`rules` is missing in the file"


def test_long_keys_and_values_are_not_repeated() -> None:
    ((_, _, _, message, hint),) = faults("rules: []\n" + "k" * 900 + ": " + "v" * 900)
    assert len(message) < 100
    assert hint == "keys here: rules"
    assert "p4ssw0rd" not in str(faults("rules: p4ssw0rd") + faults("rules: [{name: a, per: p4ssw0rd}]"))


def test_the_error_prints_one_finding_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        yamlfile.validate(yamlfile.read_text("f.yaml", "rules: 5\nx: 1"), File)
    assert str(caught.value) == (
        "f.yaml:1:8: error: `rules`: must be a list (config.invalid)\n"
        "f.yaml:2:1: error: `x` is not a key of the file (config.unknown_key)\n  keys here: rules"
    )
    assert caught.value.where == "f.yaml:1:8"
