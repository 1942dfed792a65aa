"""Cases in files of their own: form, places, what they say of the whole folder, completions that need others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest

from connector.errors import MappingError
from connector.mapping import civil_date, earned, evaluate
from connector.mapping.cases.form import PROBLEMS
from connector.mapping.cases.run import run_tests
from connector.mapping.language.short_names import VERBS

SUBMITTED = "http://activitystrea.ms/schema/1.0/submit"
FORM = "https://lms.example.org/mod/feedback/view.php?id=7"
NEEDS = f"""also_requires:
  - {{within: 10d, when: [{{path: verb.id, is: "{SUBMITTED}"}}, {{path: object.id, is: "{FORM}"}}]}}
undone_by: [{{path: verb.id, is: uncompleted}}]"""
ROW = """
  - name: {name}
    {where}: {statements}
    expect: {expect}
"""


def failed(folder: Path) -> list[tuple[str, str]]:
    return [(one.where.removeprefix(f"{folder}/"), one.message) for one in run_tests(folder) if not one.passed]


def lay(folder: Path, expect: str, *statements: dict[str, Any], more: str = NEEDS, rule: str = "") -> list[str]:
    """The message of one case in a file of its own, beside one rule."""
    (folder / "a.yaml").write_text(make.text(make.rule(more=more)))
    bound = f"    rule: {rule}\n" if rule else ""
    row = ROW.format(name="t", where="statements", statements=json.dumps(list(statements)), expect=expect)
    (folder / "a.test.yaml").write_text(f"version: 1\ntests:{row}{bound}")
    return [one.message for one in run_tests(folder)]


def form(at: str = "2026-03-12T08:00:00Z", **changes: Any) -> dict[str, Any]:
    return make.statement(verb={"id": SUBMITTED}, object={"id": FORM}, timestamp=at) | changes


def wrong(expect: str) -> str:
    return f"version: 1\ntests:\n  - {{name: t, statement: {{}}, expect: {expect}}}"


def test_a_file_of_cases_beside_the_rules(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(make.statement()))
    assert lay(tmp_path, "{credits: {cme: 1.25}}", make.statement(), more="priority: 0") == [""]
    text = (tmp_path / "a.test.yaml").read_text()
    text += ROW.format(name="from a file", where="statement", statements="s.json", expect="{date: 2026-03-11}")
    text += ROW.format(name="no rule of this", where="statement", statements="s.json", expect="ignored")
    (tmp_path / "a.test.yaml").write_text(text)
    assert failed(tmp_path) == [
        ("a.test.yaml:7:5", "expected 2026-03-11, got 2026-03-10"),
        ("a.test.yaml:11:5", "expected ignored, got a completion"),
    ]


@pytest.mark.parametrize(
    ("file", "code", "place", "hint"),
    [
        (
            "version: 1\ntests:\n  - {name: t, rule: q, statement: {}, expect: ignored}",
            "mapping.unknown_rule",
            (3, 21),
            "",
        ),
        (
            "version: 1\ntests:\n  - {name: t, statment: {}, expect: ignored}",
            "config.unknown_key",
            (3, 15),
            "statement",
        ),
        ("version: 1\ntests:\n  - {name: t, statement: {}, expect: ignore}", "config.invalid", (3, 38), "ignored"),
        ("version: 1\ntests:\n  - {name: t, expect: ignored}", "mapping.test", (3, 5), "`statements` is a list"),
        (
            "version: 1\ntests:\n  - {name: t, statement: {}, statements: [{}], expect: ignored}",
            "mapping.test",
            (3, 5),
            "",
        ),
        ("version: 1\ntests:\n  - {name: t, statements: [], expect: ignored}", "mapping.empty", (3, 27), ""),
        ("version: 1\ntests:\n  - {name: t, statement: {}, expect: {}}", "mapping.test", (3, 38), "waiting"),
        (wrong("{date: 2026-13-45}"), "mapping.test", (3, 45), "`open` where Moodle is asked"),
        (wrong("{date: 20260531}"), "config.invalid", (3, 45), ""),
        (wrong('{date: "20260531"}'), "mapping.test", (3, 45), ""),
        (wrong("{date: opne}"), "mapping.test", (3, 45), '"open"'),
        (wrong("{problem: mapping.nonsense}"), "mapping.test", (3, 48), "mapping.bad_amount, mapping.bad_answer"),
        (wrong("{problem: bad_time}"), "mapping.test", (3, 48), '"mapping.bad_time"'),
        (wrong("{problem: mapping.no_zoen}"), "mapping.test", (3, 48), '"mapping.no_zone"'),
        (wrong("{credits: {CME: 1}}"), "mapping.test", (3, 54), '"cme"'),
        (wrong("{credits: {cme: 1, ABIN: 1}}"), "mapping.test", (3, 63), '"ABIM"'),
        (wrong("{credits: {points: 1}}"), "mapping.test", (3, 57), "boards: "),
        (wrong("{credits: {ABIM/: 1}}"), "mapping.test", (3, 56), ""),
        (wrong("{credits: {ABIM/medical knowledge: 1}}"), "mapping.test", (3, 73), '"ABIM/Medical Knowledge"'),
        ("version: 1\ntests: []", "mapping.empty", (2, 8), ""),
        ("version: 1\ntests: [", "config.syntax", (2, 9), ""),
    ],
)
def test_a_file_that_is_wrong_says_where(
    tmp_path: Path, file: str, code: str, place: tuple[int, int], hint: str
) -> None:
    (tmp_path / "a.yaml").write_text(make.text(make.rule("query")))
    (tmp_path / "a.test.yaml").write_text(file)
    with pytest.raises(MappingError) as caught:
        run_tests(tmp_path)
    (found,) = caught.value.findings
    assert (found.path, found.code, (found.line, found.column)) == (str(tmp_path / "a.test.yaml"), code, place)
    assert hint in found.hint


def test_a_rule_that_is_meant_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match='did you mean "r"'):
        lay(tmp_path, "ignored", make.statement(), rule="rr")


def test_a_completion_waits_for_what_it_needs(tmp_path: Path) -> None:
    (message,) = lay(tmp_path, "{credits: {cme: 1.25}}", make.statement())
    assert message == (
        "expected a completion, got a completion that waits: also_requires[0] is met by no statement of this test"
    )
    assert lay(tmp_path, "waiting", make.statement()) == [""]
    assert lay(tmp_path, "waiting", make.statement(), form(object={"id": FORM + "1"})) == [""]
    assert lay(tmp_path, "{date: 2026-03-10}", make.statement(), form(), rule="r") == [""]
    assert lay(tmp_path, "waiting", make.statement(), form()) == ["expected waiting, got a completion"]


@pytest.mark.parametrize(
    ("at", "passed"),
    [
        ("2026-03-20T15:04:05.000Z", True),
        ("2026-03-20T15:04:05.001Z", False),
        ("2026-02-28T15:04:05Z", True),
        ("2026-02-28T15:04:04Z", False),
    ],
)
def test_the_window_reaches_both_ways(tmp_path: Path, at: str, *, passed: bool) -> None:
    assert lay(tmp_path, "{credits: {cme: 1.25}}" if passed else "waiting", make.statement(), form(at)) == [""]


def test_what_lies_outside_is_said_and_a_missing_time_too(tmp_path: Path) -> None:
    (message,) = lay(tmp_path, "{date: 2026-03-10}", make.statement(), form("2026-03-30T18:04:05Z"))
    assert message.endswith("also_requires[0] is met 20 days 3 hours away from it")
    (message,) = lay(tmp_path, "{date: 2026-03-10}", make.statement(), form("yesterday"))
    assert message.endswith("also_requires[0] has no time that can be compared")
    assert lay(tmp_path, "{date: 2026-03-10}", make.statement(), form("no", stored="2026-03-11T00:00:00Z")) == [""]


def test_evidence_and_what_undoes(tmp_path: Path) -> None:
    undone = make.statement(verb={"id": min(VERBS["uncompleted"])})
    for rule in ("", "r"):
        assert lay(tmp_path, "evidence", form(), rule=rule) == [""]
        assert lay(tmp_path, "undoes", undone, rule=rule) == [""]
        assert lay(tmp_path, "evidence", undone, rule=rule) == ["expected evidence, got one that undoes"]
    assert lay(tmp_path, "{date: 2026-03-10}", form()) == ["expected a completion, got evidence"]


def test_a_case_of_the_folder_knows_no_second_completion(tmp_path: Path) -> None:
    two = [make.rule(name, more=f'provider: "000{number}000"') for number, name in enumerate(("a", "b"), 1)]
    (tmp_path / "a.yaml").write_text(make.text(*two))
    row = ROW.format(name="t", where="statement", statements=json.dumps(make.statement()), expect="{date: 2026-03-10}")
    (tmp_path / "a.test.yaml").write_text(f"version: 1\ntests:{row}{row}    rule: b\n")
    assert failed(tmp_path) == [
        ("a.test.yaml:3:5", "several rules take it: `a` (a completion), `b` (a completion); say which one with `rule`")
    ]


def test_a_conflict_of_the_folder_is_one_problem(tmp_path: Path) -> None:
    passed = make.rule("b", when="[{path: verb.id, is: completed}, {path: result.success, is: true}]")
    (tmp_path / "a.yaml").write_text(make.text(make.rule("a"), passed))
    row = ROW.format(
        name="t", where="statement", expect="{problem: mapping.conflict}",
        statements=json.dumps(make.statement(result={"success": True})),
    )  # fmt: skip
    (tmp_path / "a.test.yaml").write_text(f"version: 1\ntests:{row}")
    assert failed(tmp_path) == []


def test_every_problem_that_a_rule_may_end_in_can_be_expected() -> None:
    source = "".join(Path(module.__file__ or "").read_text() for module in (civil_date, earned, evaluate))
    assert set(re.findall(r'(?:unusable|_problem)\("([a-z_.]+)"', source)) == set(PROBLEMS)


def test_credits_of_any_type_can_be_expected(tmp_path: Path) -> None:
    expect = '{credits: {cme: 1.25, "ABIM/A new type": 1, ABP: 2}}'
    assert "expected ABIM/A new type 1.00, ABP 2.00, cme 1.25" in lay(tmp_path, expect, make.statement(), more="")[0]


def test_a_number_beside_the_rule_is_the_number_of_a_file(tmp_path: Path) -> None:
    when = make.WHEN + '    - {path: "floor(result.score.raw)", is: 7}\n'
    when += '    - {path: "abs(result.score.min)", at_least: 0.5}\n'
    (tmp_path / "a.yaml").write_text(make.text(make.rule(when=when)))
    scored = make.statement(result={"score": {"raw": 7.5, "min": -0.5, "max": 10}})
    (tmp_path / "s.json").write_text(json.dumps(scored))
    rows = [
        ROW.format(name=f"from {place}", where="statement", statements=said, expect="{date: 2026-03-10}")
        for place, said in enumerate(("s.json", json.dumps(scored)))
    ]
    (tmp_path / "a.test.yaml").write_text(f"version: 1\ntests:{''.join(rows)}")
    assert [one.message for one in run_tests(tmp_path)] == ["", ""]
