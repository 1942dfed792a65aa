"""Which conditions the cases have tried both ways, by their places in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mapping_samples as make

from connector.mapping.cases.coverage import Coverage, coverage
from connector.mapping.cases.files import documents_of
from connector.mapping.cases.run import try_all
from connector.mapping.loader import load

WHEN = """
    - {path: verb.id, is: completed}
    - {path: object.definition.type, is: course}
    - any:
        - {path: result.success, is: true}
        - all:
            - {path: result.score.scaled, at_least: 0.8}
            - {path: result.completion, is: true}
"""
PASSED = make.statement(result={"success": True})
SCORED = make.statement(result={"score": {"scaled": 0.9}, "completion": True})
BOTH = make.statement(result={"success": True, "score": {"scaled": 0.9}, "completion": True})


def tried(folder: Path, *cases: tuple[str, dict[str, Any]], file: str = "", rule: str = "r") -> Coverage:
    (folder / "a.yaml").write_text(file or make.text(make.rule(when=WHEN)))
    bound = [{"rule": rule}] if rule else [{}]
    rows = [bound[0] | {"name": "t", "statement": one, "expect": expect} for expect, one in cases]
    text = json.dumps({"version": 1, "tests": rows}).replace('"2026-03-10"', "2026-03-10")
    if rows:
        (folder / "a.test.yaml").write_text(text)
    ruleset = load(folder)
    documents = documents_of(ruleset, folder)
    return coverage(ruleset, documents, try_all(ruleset, folder, documents))


def told(covered: Coverage) -> dict[int, tuple[bool, bool]]:
    """By line: has it held, has it failed."""
    return {one.line: (one.held, one.failed) for one in covered.conditions}


DATE: Any = {"date": "2026-03-10"}


def test_nothing_is_tried_without_cases(tmp_path: Path) -> None:
    covered = tried(tmp_path)
    assert str(covered) == "rules 0 of 1, conditions 0 of 5 both ways"
    assert (covered.percent, len(covered.open)) == (0, 6)
    assert [one.missing for one in covered.open[:2]] == ["no passing test completes it", "no test decides by it"]
    assert covered.open[0].where == f"{tmp_path}/a.yaml:3:3"


def test_a_condition_counts_where_it_decides_alone(tmp_path: Path) -> None:
    covered = tried(tmp_path, (DATE, PASSED))
    assert told(covered) == {
        5: (True, False),
        6: (True, False),
        8: (True, False),
        10: (False, False),
        11: (False, False),
    }
    two_fail = make.statement(verb={"id": "urn:x"}, object={"id": "urn:y"}, result={"success": True})
    assert told(tried(tmp_path, ("ignored", two_fail)))[5] == (False, False)
    one_fails = make.statement(verb={"id": "urn:x"}, result={"success": True})
    assert told(tried(tmp_path, ("ignored", one_fails)))[5] == (False, True)


def test_of_a_group_that_holds_twice_no_line_decides(tmp_path: Path) -> None:
    covered = told(tried(tmp_path, (DATE, BOTH)))
    assert covered[5] == (True, False)
    assert [covered[line] for line in (8, 10, 11)] == [(False, False)] * 3
    covered = told(tried(tmp_path, (DATE, SCORED)))
    assert [covered[line] for line in (8, 10, 11)] == [(False, False), (True, False), (True, False)]


def test_of_a_group_that_fails_each_line_that_alone_would_mend_it_decides(tmp_path: Path) -> None:
    low = make.statement(result={"score": {"scaled": 0.5}, "completion": True})
    covered = told(tried(tmp_path, ("ignored", low)))
    assert [covered[line] for line in (8, 10, 11)] == [(False, True), (False, True), (False, False)]


def test_all_of_it(tmp_path: Path) -> None:
    cases = [
        (DATE, PASSED), (DATE, SCORED),
        ("ignored", make.statement(verb={"id": "urn:x"}, result={"success": True})),
        ("ignored", make.statement(object={"id": "urn:y"}, result={"success": True})),
        ("ignored", make.statement(result={"score": {"scaled": 0.5}, "completion": True})),
        ("ignored", make.statement(result={"score": {"scaled": 0.9}})),
    ]  # fmt: skip
    covered = tried(tmp_path, *cases)
    assert (str(covered), covered.percent, covered.open) == ("rules 1 of 1, conditions 5 of 5 both ways", 100, [])
    assert tried(tmp_path, *cases, rule="").percent == 100  # what is said of the folder is said of each rule


def test_a_case_that_fails_shows_nothing(tmp_path: Path) -> None:
    assert str(tried(tmp_path, ("ignored", PASSED))) == "rules 0 of 1, conditions 0 of 5 both ways"


def test_the_lines_of_defaults_count_once_and_those_of_other_statements_too(tmp_path: Path) -> None:
    more = "also_requires: [{within: 1d, when: [{path: verb.id, is: submitted}]}]"
    file = (
        "version: 1\ndefaults:\n  when: [{path: result.success, is_not: false}]\n"
        "  undone_by: [{path: verb.id, is: uncompleted}]\nrules:\n"
    )
    file += make.rule("r", when='[{path: verb.id, is: completed}, {path: object.id, is: "urn:r"}]', more=more)
    file += make.rule("q", when='[{path: verb.id, is: completed}, {path: object.id, is: "urn:q"}]')
    covered = tried(tmp_path, ("waiting", make.statement(object={"id": "urn:r"})), file=file)
    assert [(one.line, one.rule) for one in covered.conditions] == [
        (3, ""), (7, "r"), (7, "r"), (12, "r"), (4, ""), (14, "q"), (14, "q"),
    ]  # fmt: skip
    assert [(one.held, one.failed) for one in covered.conditions] == [
        (True, False), (True, False), (True, False), (False, True), (False, True), (False, False), (False, False),
    ]  # fmt: skip
    assert [one.held for one in covered.rules] == [False, False]  # it waits: nothing is completed yet
