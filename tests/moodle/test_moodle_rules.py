"""`completed_on: {from: moodle}` in a mapping file: open in `evaluate`, open in `test`, and found by `lint`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from connector.mapping.cases.run import run_tests
from connector.mapping.loader import Defaults, from_texts, lint
from connector.records import Completion
from tests.mapping import mapping_samples as make

MOODLE = "completed_on: {from: moodle, zone: America/Chicago}"


@pytest.mark.parametrize(("per", "asked"), [("activity", False), ("date", True), ("session", False)])
def test_the_date_stays_open(per: str, *, asked: bool) -> None:
    rules = make.rules(make.rule(more=f"{MOODLE}\nper: {per}"))
    found = make.completion(rules, make.statement(timestamp=None))
    assert (found.completed_on, found.zone, found.per_date) == (None, "America/Chicago", asked)
    assert found.per == (make.OBJECT if per == "session" else "")
    with pytest.raises(ValueError, match="open"):
        assert found.day
    dated = Completion.model_validate_json(found.model_dump_json()).dated(date(2026, 3, 9))
    assert dated.day == date(2026, 3, 9)
    assert dated.per == ("2026-03-09" if asked else found.per)


def test_one_place_only_and_one_word_only() -> None:
    (both,) = make.refused(make.text(make.rule(more="completed_on: {from: moodle, path: timestamp}")))
    assert (both.code, both.column) == ("mapping.completed_on", 38)
    (other,) = make.refused(make.text(make.rule(more="completed_on: {from: canvas}")))
    assert other.code == "config.invalid"
    (python_name,) = make.refused(make.text(make.rule(more="completed_on: {from_: moodle}")))
    assert python_name.code == "config.unknown_key"


def test_the_hash_tells_an_open_date_from_the_statements_and_leaves_old_rules_as_they_were() -> None:
    plain, path, moodle = (
        make.rules(make.rule(more=more)).rules[0].hash
        for more in ("completed_on: {}", "completed_on: {path: timestamp}", "completed_on: {from: moodle}")
    )
    assert plain == path != moodle
    assert from_texts({"a.yaml": make.text(make.rule(more=MOODLE))}).rules[0].rule.completed_on.is_open


@pytest.mark.parametrize(("expected", "passed"), [("open", True), ("2026-03-10", False)])
def test_a_test_expects_it_open(tmp_path: Path, expected: str, *, passed: bool) -> None:
    tests = f"tests: [{{name: t, statement: s.json, expect: {{date: {expected}}}}}]"
    (tmp_path / "s.json").write_text(json.dumps(make.statement()))
    (tmp_path / "a.yaml").write_text(make.text(make.rule(more=f"{MOODLE}\n{tests}")))
    (result,) = run_tests(tmp_path)
    assert (result.passed, result.message) == (passed, "" if passed else "expected 2026-03-10, got open")


def test_lint_warns_where_there_is_no_moodle_to_ask(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(make.text(make.rule(more=MOODLE)))
    (found,) = lint(tmp_path, Defaults(moodle=False))
    assert (found.code, found.level, found.line) == ("config.no_moodle", "warning", 10)
    assert lint(tmp_path, Defaults(moodle=True)) == []
