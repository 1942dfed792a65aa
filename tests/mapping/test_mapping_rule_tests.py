"""Tests beside rules, and the worked files that ship with the product."""

from __future__ import annotations

import json
from pathlib import Path

import mapping_samples as make
import pytest

from connector.mapping.cases import files
from connector.mapping.cases.run import as_statement, run_tests
from connector.mapping.evaluate import evaluate
from connector.mapping.loader import lint, load
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
    assert messages(tmp_path, "{date: 2026-03-10}", verb={"id": "urn:x"}) == [
        "expected a completion, got ignored (another verb or object)"
    ]
    (message,) = messages(tmp_path, "ignored", timestamp=None)
    assert message.startswith("expected ignored, got mapping.no_time (the statement has no time here; mend the system")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.json", f"none.json: No such file or directory; {files.COPY_TOO}"),
        ("below", "below: Is a directory"),
        ("bad.json", "bad.json:1:2: this is not JSON in UTF-8"),
        ("deep.json", "deep.json:1:1026: this is not JSON in UTF-8"),
        ("latin.json", "latin.json:1:1: this is not JSON in UTF-8"),
        ("two.json", "two.json: holds 2 statements, and a test takes one"),
        ("empty.json", "empty.json: holds 0 statements, and a test takes one"),
        ("number.json", "number.json: holds no statement"),
        ("large.json", "large.json: over 1 MiB"),
        ('"no\\0such"', "no\0such: no such file"),
    ],
)
def test_a_file_without_a_statement_fails_its_test(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    (tmp_path / "two.json").write_text("[{}, {}]")
    (tmp_path / "empty.json").write_text('{"statements": [], "more": ""}')
    (tmp_path / "number.json").write_text("5")
    (tmp_path / "large.json").write_text(" " * (1024 * 1024 + 1))
    (message,) = messages(tmp_path, "ignored", statement=name)
    assert message == f"the statement cannot be read: {why}"


def test_the_only_statement_of_a_list_or_of_an_answer(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("\ufeff" + json.dumps([make.statement()]))
    (tmp_path / "answer.json").write_text(json.dumps({"statements": [make.statement()], "more": ""}))
    for name in ("list.json", "answer.json"):
        assert messages(tmp_path, "{date: 2026-03-10}", statement=name) == [""]


def test_the_answers_of_a_rems(tmp_path: Path) -> None:
    assert messages(tmp_path, "{rems: {type: mycophenolate}}") == [""]
    (message,) = messages(
        tmp_path, "{rems: {type: opioid-analgesic, profession: Physician, surgical_procedures: true}}"
    )
    assert message == (
        "expected profession Physician, got nothing; expected surgical_procedures true, got nothing; "
        "expected type Opioid Analgesic, got Mycophenolate"
    )


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
