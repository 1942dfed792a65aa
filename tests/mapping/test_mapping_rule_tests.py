"""Tests beside rules, and the worked files that ship with the product."""

from __future__ import annotations

import json
from pathlib import Path

import mapping_samples as make

from connector.mapping.evaluate import evaluate
from connector.mapping.loader import lint, load
from connector.mapping.rule_tests import as_statement, run_tests
from connector.records import Completion

WORKED = Path(__file__).parents[2] / "mappings"


def messages(tmp_path: Path, expect: str, statement: str = "s.json", **changes: object) -> list[str]:
    (tmp_path / "s.json").write_text(json.dumps(make.statement(**changes)))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    test = f"tests: [{{name: t, statement: {statement}, expect: {expect}}}]"
    credits_ = "[{type: cme, amount: 1}, {type: moc, board: ABIM, amount: 1}]"
    (tmp_path / "a.yaml").write_text(
        make.text(make.rule(credits_=credits_, more=test + "\nrems: {type: mycophenolate}"))
    )
    results = run_tests(tmp_path)
    assert all(result.passed == (not result.message) for result in results)
    return [result.message for result in results]


def test_passing(tmp_path: Path) -> None:
    assert messages(tmp_path, "{credits: {cme: 1, ABIM: 1.00}, date: 2026-03-10}") == [""]
    assert messages(tmp_path, "{date: 2026-03-10}") == [""]
    assert messages(tmp_path, "ignored", verb={"id": "urn:x"}) == [""]
    assert messages(tmp_path, "{problem: mapping.no_time}", timestamp=None) == [""]
    assert messages(tmp_path, "ignored", statement="{verb: {id: 5}}") == [""]


def test_failing(tmp_path: Path) -> None:
    assert messages(tmp_path, "{credits: {cme: 1.25}, date: 2026-03-11}") == [
        "expected cme 1.25, got ABIM 1.00, cme 1.00; expected 2026-03-11, got 2026-03-10"
    ]
    assert messages(tmp_path, "{credits: {}}") == ["expected no credits, got ABIM 1.00, cme 1.00"]
    assert messages(tmp_path, "ignored") == ["expected ignored, got a completion"]
    assert messages(tmp_path, "{date: x}", verb={"id": "urn:x"}) == [
        "expected a completion, got ignored (another verb or object)"
    ]
    assert messages(tmp_path, "ignored", timestamp=None) == [
        "expected ignored, got mapping.no_time (the statement has no time here)"
    ]
    for name, error in (("none", "FileNotFoundError"), ("bad", "JSONDecodeError"), ("deep", "RecursionError")):
        assert messages(tmp_path, "ignored", statement=f"{name}.json") == [f"the statement cannot be read: {error}"]


def test_the_worked_files_are_clean_and_pass() -> None:
    assert lint(WORKED) == []
    results = run_tests(WORKED)
    assert [result for result in results if not result.passed] == []
    for active in load(WORKED).rules:
        expectations = [test.expect for test in active.rule.tests]
        assert "ignored" in expectations
        assert any(expect != "ignored" for expect in expectations)


def test_the_worked_rems_answers() -> None:
    document = json.loads((WORKED / "examples" / "cmi5-satisfied.json").read_text())
    (judged,) = evaluate(load(WORKED), as_statement(document), document)
    assert isinstance(judged.outcome, Completion)
    assert judged.outcome.rems is not None
    assert (judged.outcome.rems.profession, judged.outcome.rems.practice_area) == ("Physician", "Family Medicine")
    assert [offer.kind for offer in judged.outcome.credits] == ["cme", "rems"]


def test_every_example_is_used_by_a_test() -> None:
    used = {
        test.statement for active in load(WORKED).rules for test in active.rule.tests if isinstance(test.statement, str)
    }
    assert used == {f"examples/{path.name}" for path in (WORKED / "examples").iterdir()}
