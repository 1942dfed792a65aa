"""Sheets in place of hundreds of rules: any key, CSV and XLSX, unfinished rows, what Excel spoils, hashes by row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from connector.errors import MappingError
from connector.mapping import catalogue
from connector.mapping.cases.run import as_statement
from connector.mapping.evaluate import explain
from connector.mapping.loader import Defaults, Ruleset, from_texts, lint, load
from connector.records import Completion, Evidence, Ignored

COURSES = "https://campus.example.edu/course/view.php?id="
ZONES = Defaults(providers={"0001234": "America/Chicago"})
HEADER = "object_id,activity_id,credits,ABIM,ABIM/Medical Knowledge"
ROWS = (
    f"{COURSES}1,203512301,1.25,1.25,1.00",
    f"{COURSES}2,203512302,2,,",
    f"{COURSES}3,,1,,",
    f'"{COURSES}4\n{COURSES}5 {COURSES}6",203512304,,,0.5',
)
RULE = """version: 1
rules:
  - name: all
    when: [{path: verb.id, is: completed}, {path: object.definition.type, is: course}]
    catalogue: {from: courses.csv}
"""


def folder(tmp_path: Path, *rows: str, rule: str = RULE, header: str = HEADER, name: str = "courses.csv") -> Path:
    mappings = tmp_path / "mappings"
    mappings.mkdir(exist_ok=True)
    (mappings / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (mappings / "rules.yaml").write_text(rule)
    return mappings


def about(course: int | str, **changes: Any) -> dict[str, Any]:
    return make.statement(object={"id": f"{COURSES}{course}", "definition": {"type": make.COURSE}}, **changes)


def findings(mappings: Path) -> list[tuple[str, str, int, int]]:
    return [(one.code, one.level, one.line, one.column) for one in lint(mappings, ZONES)]


def refused(mappings: Path) -> list[tuple[str, int, int]]:
    with pytest.raises(MappingError) as caught:
        load(mappings, ZONES)
    return [(one.code, one.line, one.column) for one in caught.value.findings if one.level == "error"]


def reason(ruleset: Ruleset, document: Any) -> str:
    ignored = make.outcome(ruleset, document)
    assert isinstance(ignored, Ignored)
    return ignored.reason


def test_each_row_gives_activity_and_credits(tmp_path: Path) -> None:
    ruleset = load(folder(tmp_path, *ROWS), ZONES)
    done = [make.completion(ruleset, about(course)) for course in (1, 2, 4, 5, 6)]
    assert [(one.activity_id, one.provider, one.completed_on) for one in done] == [
        (f"20351230{row}", "0001234", date(2026, 3, 10)) for row in (1, 2, 4, 4, 4)
    ]
    assert [[(offer.certification, offer.amount, offer.board_total) for offer in one.credits] for one in done[:3]] == [
        [("AMA PRA Category 1", Decimal("1.25"), None), ("ABIM/Medical Knowledge", Decimal(1), Decimal("1.25"))],
        [("AMA PRA Category 1", Decimal(2), None)],
        [("ABIM/Medical Knowledge", Decimal("0.5"), Decimal("0.5"))],
    ]


def test_no_row_and_an_unfinished_row_are_told_apart(tmp_path: Path) -> None:
    mappings = folder(tmp_path, *ROWS)
    ruleset = load(mappings, ZONES)
    assert reason(ruleset, about(3)) == "its row of courses.csv names no activity yet"
    assert reason(ruleset, about(9)) == f'courses.csv has no row for `object.id` (seen: "{COURSES}9")'
    assert reason(ruleset, make.statement(object={"id": f"{COURSES}1"})).startswith("not met: `object.definition.type`")
    assert findings(mappings) == [("mapping.catalogue_open", "warning", 4, 2)]
    (trace,) = explain(ruleset, as_statement(about(1)), about(1))
    assert isinstance(trace.outcome, Completion)
    assert trace.rule_hash == trace.outcome.rule_hash
    (trace,) = explain(ruleset, as_statement({}), about(1))
    assert isinstance(trace.outcome, Ignored)
    assert trace.outcome.reason == "another verb or object"


def test_a_draft_of_many_unfinished_rows_is_one_warning(tmp_path: Path) -> None:
    drafted = [f"{COURSES}{n},,,," for n in range(300)]
    mappings = folder(tmp_path, *drafted)
    assert findings(mappings) == [("mapping.catalogue_open", "warning", 2, 2)]
    assert "300 rows" in lint(mappings, ZONES)[0].message
    assert reason(load(mappings, ZONES), about(7)) == "its row of courses.csv names no activity yet"


@pytest.mark.parametrize(
    ("key", "document", "cell"),
    [
        ("object.definition.extensions.idnumber", {"definition": {"extensions": {"idnumber": "CME 101"}}}, "CME 101"),
        ("object.definition.extensions.idnumber", {"definition": {"extensions": {"idnumber": 42}}}, "42"),
        ('object.definition.name."en"', {"definition": {"name": {"en": "Sepsis: day one"}}}, "Sepsis: day one"),
    ],
)
def test_the_key_may_stand_anywhere(tmp_path: Path, key: str, document: dict[str, Any], cell: str) -> None:
    rule = RULE.replace("{from: courses.csv}", f"{{from: courses.csv, key: {key}, column: Course no.}}")
    rule = rule.replace(", {path: object.definition.type, is: course}", "")
    mappings = folder(tmp_path, f"{cell},203512301,1,,", rule=rule, header=HEADER.replace("object_id", "course no"))
    ruleset = load(mappings, ZONES)
    assert make.completion(ruleset, make.statement(object={"id": "urn:x"} | document)).activity_id == "203512301"
    assert "has no row" in reason(ruleset, make.statement(object={"id": "urn:x"}))


def test_the_activity_id_itself_may_be_the_key(tmp_path: Path) -> None:
    rule = RULE.replace("courses.csv", "courses.csv, key: result.accme, column: activity_id")
    ruleset = load(folder(tmp_path, *ROWS, rule=rule), ZONES)
    for written in ("203512302", 203512302):
        assert make.completion(ruleset, about(77, result={"accme": written})).activity_id == "203512302"
    for odd in (True, 203512302.0, ["203512302"], None, ""):
        assert "has no row" in reason(ruleset, about(77, result={"accme": odd}))


def test_the_credits_of_the_rule_go_before_those_of_the_sheet(tmp_path: Path) -> None:
    credits_ = "    credits: [{type: cme, amount: {path: result.hours, function: quarter_hours, most: 3}}]\n"
    ruleset = load(folder(tmp_path, *ROWS, rule=RULE + credits_), ZONES)
    assert findings(tmp_path / "mappings")[0] == ("mapping.catalogue_credits", "warning", 2, 3)
    (offer,) = make.completion(ruleset, about(1, result={"hours": 2.6})).credits
    assert (offer.kind, offer.amount) == ("cme", Decimal("2.50"))
    common = RULE.replace("rules:", "defaults: {credits: [{type: cme, amount: 7}]}\nrules:")
    assert make.completion(load(folder(tmp_path, *ROWS, rule=common), ZONES), about(1)).credits[0].amount == 7
    own = common + "    credits: []\n"
    assert "mapping.catalogue_credits" not in {code for code, *_ in findings(folder(tmp_path, *ROWS, rule=own))}
    assert len(make.completion(load(folder(tmp_path, *ROWS, rule=own), ZONES), about(1)).credits) == 2


# --- files ---


def workbook(path: Path, *rows: tuple[Any, ...]) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (tuple(HEADER.split(",")), *rows):
        sheet.append(row)
    book.save(path)


def test_a_workbook_is_read_like_a_csv_and_kept_alike(tmp_path: Path) -> None:
    plain = load(folder(tmp_path, *ROWS[:3]), ZONES)
    rule = RULE.replace("courses.csv", "../courses.xlsx")
    workbook(
        tmp_path / "courses.xlsx",
        (f"{COURSES}1", 203512301, 1.25, 1.25, 1),
        (f"{COURSES}2", "203512302", 2.0, None, None),
        (f"{COURSES}3", None, "1", None, None),
    )
    mappings = folder(tmp_path, *ROWS[:3], rule=rule)
    book = load(mappings, ZONES)
    assert dict(book.rules[0].rows) == dict(plain.rules[0].rows)
    kept = from_texts(book.files, ZONES)
    assert set(book.files) == {"rules.yaml", "../courses.xlsx"}
    assert (kept.hash, kept.rules[0].rows) == (book.hash, book.rules[0].rows)
    (tmp_path / "courses.xlsx").unlink()
    assert make.completion(kept, about(1)) == make.completion(book, about(1))
    assert refused(mappings) == [("config.sheet_missing", 0, 0)]


def test_a_version_without_its_sheet_is_refused_and_not_empty(tmp_path: Path) -> None:
    texts = dict(load(folder(tmp_path, *ROWS), ZONES).files)
    del texts["courses.csv"]
    with pytest.raises(MappingError, match=r"config\.sheet_missing"):
        from_texts(texts, ZONES)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff", "\ufeffsep={mark}\n", "My courses{mark}{mark}{mark}{mark}\n"])
def test_the_ways_in_which_excel_writes_csv(tmp_path: Path, mark: str, bom: str) -> None:
    rows = [row.replace(",", mark) for row in ROWS[:2]]
    mappings = folder(tmp_path, *rows, header=bom.format(mark=mark) + HEADER.replace(",", mark))
    (mappings / "courses.csv").write_bytes((mappings / "courses.csv").read_bytes().replace(b"\n", b"\r\n"))
    ruleset = load(mappings, ZONES)
    assert [entry.activity for entry in ruleset.rules[0].rows.values()] == ["203512301", "203512302"]
    assert from_texts(ruleset.files, ZONES).hash == ruleset.hash


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("urn:a,3512301,1,,", "mapping.activity_id", 2),
        ("urn:a,2.03512E+08,1,,", "mapping.activity_id", 2),
        ("urn:a,203512301.0,1,,", "mapping.activity_id", 2),
        ("urn:a,٢٠٣٥١٢٣٠١,1,,", "mapping.activity_id", 2),
        ("2.03512E+11,203512301,1,,", "mapping.catalogue_key", 1),
        ("#N/A,203512301,1,,", "mapping.catalogue_key", 1),
        ('urn:a,203512301,"1,25",,', "mapping.catalogue_amount", 3),
        ("urn:a,203512301,25. Jan,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,1_0,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,1.3,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,-1,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,NaN,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,1000.25,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,0,,", "mapping.catalogue_amount", 3),
        ("urn:a,203512301,1,0.5,1", "mapping.of_which", 4),
        ("urn:a,203512301,1,,\nurn:a,203512302,1,,", "mapping.catalogue_twice", 1),
        ("urn:a,203512301,1\x00,,", "config.sheet_cell", 3),
    ],
)
def test_what_excel_or_a_person_spoils_is_a_finding_by_cell(tmp_path: Path, row: str, code: str, column: int) -> None:
    place = 3 if "\n" in row else 2
    assert (code, place, column) in refused(folder(tmp_path, row))


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("https://x\u200b/1", "error"),
        ("https://x\u00a0/1", "error"),
        ("CME\u00ad101", "error"),
        ("26-Mar", "warning"),
        ("1-Sep-2026", "warning"),
        ("Mar-26", "warning"),
    ],
)
def test_a_key_that_no_statement_has(tmp_path: Path, key: str, level: str) -> None:
    mappings = folder(tmp_path, f"{key},203512301,1,,")
    assert findings(mappings) == [("mapping.catalogue_key", level, 2, 1)]
    stored = {"a.yaml": RULE, "courses.csv": catalogue.read(mappings / "courses.csv", ("object_id",)).text}
    assert list(from_texts(stored, ZONES).rules[0].rows) == [key], "what is in force stays readable"


@pytest.mark.parametrize("key", ["CME 101", "https://x/26-Mar", "CME-26", "2026"])
def test_a_key_that_some_statement_may_have(tmp_path: Path, key: str) -> None:
    assert findings(folder(tmp_path, f"{key},203512301,1,,")) == []


@pytest.mark.parametrize(
    ("sheet", "code", "line"),
    [
        ("", "config.sheet", 1),
        ("course,activity_id,credits\nurn:a,203512301,1", "config.sheet_column", 1),
        ("object_id,activity_id,ABIM,abim\nurn:a,203512301,1,2", "config.sheet_column", 1),
        ("object_id,activity_id,credits\nurn:a,203512301,1\nurn:b,203512302,1,25", "config.sheet", 3),
        ('object_id,activity_id,credits\nurn:a,203512301,1\n"urn:b,203512302,1', "config.sheet", 3),
        ("object_id,activity_id,credits\nurn:a,203512301,1\nürn:b,203512302,1", "config.sheet_encoding", 3),
    ],
)
def test_a_sheet_that_cannot_be_read_is_a_finding_by_line(tmp_path: Path, sheet: str, code: str, line: int) -> None:
    mappings = folder(tmp_path)
    (mappings / "courses.csv").write_bytes(sheet.encode("cp1252"))
    (found,) = lint(mappings, ZONES)
    assert (found.code, found.line, found.column) == (code, line, 1)
    assert len(found.hint) < 120


def test_notes_beside_a_workbooks_table_are_nobodys_business(tmp_path: Path) -> None:
    mappings = folder(tmp_path, rule=RULE.replace("courses.csv", "courses.xlsx"))
    workbook(mappings / "courses.xlsx", (f"{COURSES}1", "203512301", 1, None, None, "ask Ines"))
    assert make.completion(load(mappings, ZONES), about(1)).activity_id == "203512301"


@pytest.mark.parametrize(
    ("cell", "code", "place"),
    [
        (3512301, "mapping.activity_id", "B2"),
        ("=A1", "config.sheet_cell", "B2"),
        (2.0351e15, "config.sheet_cell", "B2"),
    ],
)
def test_a_spoilt_cell_of_a_workbook_is_named_by_its_letter(tmp_path: Path, cell: Any, code: str, place: str) -> None:
    mappings = folder(tmp_path, rule=RULE.replace("courses.csv", "courses.xlsx"))
    workbook(mappings / "courses.xlsx", ("urn:a", cell, 1, None, None))
    (found,) = lint(mappings, ZONES)
    assert (found.code, found.where) == (code, f"{mappings / 'courses.xlsx'}:{place}")


def test_rows_without_a_key_are_passed_over_and_other_columns_too(tmp_path: Path) -> None:
    header = "activity_id,title,start,end,credits,boards,credit_claim_date,object_id"
    rows = (
        f"203512301,Sepsis,2026-01-01,2026-12-31,1.25,ABIM;ABA,2027-01-31,{COURSES}1",
        "203512302,A live day,2026-01-01,2026-12-31,,ABIM,,",
    )
    mappings = folder(tmp_path, *rows, header=header)
    assert findings(mappings) == [("mapping.catalogue_keyless", "info", 3, 8)]
    assert list(load(mappings, ZONES).rules[0].rows) == [f"{COURSES}1"]


@pytest.mark.parametrize("wrong", ["ABIM/Medical Knowlege", "ABIM points", "Credit", "ABIN"])
def test_a_header_that_is_almost_one_of_points_is_named(tmp_path: Path, wrong: str) -> None:
    mappings = folder(tmp_path, f"{COURSES}1,203512301,1,2", header=f"object_id,activity_id,credits,{wrong}")
    (found,) = lint(mappings, ZONES)
    assert (found.code, found.level) == ("mapping.catalogue_column", "warning")
    assert f"`{wrong}`" in found.message


def test_one_sheet_for_two_rules_is_found_fault_with_once(tmp_path: Path) -> None:
    quiz = RULE.partition("rules:\n")[2].replace("name: all", "name: quizzes").replace("is: course", "is: quiz")
    quiz = quiz.replace("is: completed", "is: passed").replace(
        "courses.csv", "courses.csv, key: object.definition.moreInfo"
    )
    mappings = folder(tmp_path, *ROWS, rule=RULE + quiz)
    assert findings(mappings) == [("mapping.catalogue_open", "warning", 4, 2)]
    ruleset = load(mappings, ZONES)
    assert [len(active.rows) for active in ruleset.rules] == [6, 6]
    assert set(ruleset.files) == {"rules.yaml", "courses.csv"}


# --- what one row changes ---


def test_another_row_that_changes_and_another_name_of_the_sheet_change_no_completion(tmp_path: Path) -> None:
    before = load(folder(tmp_path, *ROWS), ZONES)
    after = load(folder(tmp_path, ROWS[0], f"{COURSES}2,203512309,3,,", ROWS[2]), ZONES)
    renamed = RULE.replace("courses.csv", "other.csv")
    elsewhere = load(folder(tmp_path, *ROWS[::-1], rule=renamed, name="other.csv"), ZONES)
    hashes = [make.completion(ruleset, about(1)).rule_hash for ruleset in (before, after, elsewhere)]
    assert len(set(hashes)) == 1
    assert len({ruleset.hash for ruleset in (before, after, elsewhere)}) == 3
    assert make.completion(after, about(2)).rule_hash != make.completion(before, about(2)).rule_hash
    assert make.completion(before, about(1)).rule_hash != make.completion(before, about(2)).rule_hash


AMOUNTS = st.integers(1, 80).map(lambda steps: Decimal(steps) / 4)


@settings(derandomize=True, deadline=None, database=None, max_examples=25)
@given(AMOUNTS, st.none() | AMOUNTS, st.sampled_from(["activity", "date", "session"]), st.integers(0, 2))
def test_a_row_is_the_rule_written_out(cme: Decimal, points: Decimal | None, per: str, priority: int) -> None:
    row = {"object_id": make.OBJECT, "activity_id": "203512345", "credits": str(cme), "abim": str(points or "")}
    kept = f'[{{"line": 2, "cells": {str(row).replace(chr(39), chr(34))}}}]'
    more = f"    per: {per}\n    priority: {priority}\n"
    board = f", {{type: moc, board: ABIM, amount: {points}}}" if points else ""
    written = f'    activity: "203512345"\n    credits: [{{type: cme, amount: {cme}}}{board}]\n'
    by_row = from_texts({"a.yaml": RULE + more, "courses.csv": kept}, ZONES)
    by_rule = from_texts({"a.yaml": RULE.replace("    catalogue: {from: courses.csv}\n", written) + more}, ZONES)
    assert make.completion(by_row, make.statement()) == make.completion(by_rule, make.statement())


# --- beside other rules ---


def test_a_rule_of_higher_priority_takes_its_course_out_of_the_catalogue(tmp_path: Path) -> None:
    special = f"""  - name: special
    when: [{{path: verb.id, is: completed}}, {{path: object.id, one_of: ["{COURSES}1", "{COURSES}9"]}}]
    activity: "203512399"
    priority: 1
    credits: [{{type: cme, amount: 5}}]
"""
    ruleset = load(folder(tmp_path, *ROWS, rule=RULE + special), ZONES)
    outcomes = {one.rule: one.outcome for one in make.judge(ruleset, about(1))}
    assert isinstance(outcomes["special"], Completion)
    assert isinstance(outcomes["all"], Ignored)
    higher = load(folder(tmp_path, *ROWS, rule=RULE + "    priority: 2\n" + special), ZONES)
    outcomes = {one.rule: one.outcome for one in make.judge(higher, about(1))}
    assert isinstance(outcomes["all"], Completion)
    outcomes = {one.rule: one.outcome for one in make.judge(higher, about(9))}
    assert isinstance(outcomes["special"], Completion), "a rule without a row does not stand in the way"


def test_only_what_has_a_row_is_undone(tmp_path: Path) -> None:
    ruleset = load(folder(tmp_path, *ROWS, rule=RULE + "    undone_by: [{path: verb.id, is: failed}]\n"), ZONES)
    failed = {"id": "http://adlnet.gov/expapi/verbs/failed"}
    (judged,) = make.judge(ruleset, about(1, verb=failed))
    assert isinstance(judged.outcome, Evidence)
    assert judged.outcome.undoes == make.completion(ruleset, about(1)).undone_by
    assert make.judge(ruleset, about(99, verb=failed)) == ()


def test_ten_thousand_rows_are_one_look_into_a_table(tmp_path: Path) -> None:
    rows = (f"{COURSES}{n},{n:09d},1,," for n in range(10_000))
    ruleset = load(folder(tmp_path, *rows), ZONES)
    assert make.completion(ruleset, about(9_999)).activity_id == "000009999"
    assert len(ruleset.candidates(make.COMPLETED, f"{COURSES}5")) == 1
