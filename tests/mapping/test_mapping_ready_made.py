"""The mappings that ship with the product: whole, tried in every condition, explained on a page, and about nobody."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.lrs.statement import read, typed
from connector.mapping.cases.run import as_statement
from connector.mapping.evaluate import evaluate
from connector.mapping.loader import ActiveRule, load
from connector.records import Completion, Evidence, Problem

ROOT = Path(__file__).parents[2]
FOLDER, PAGES = ROOT / "mappings", ROOT / "docs" / "mappings"
STEMS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.name.endswith(".test.yaml"))
SYSTEMS = {
    "captivate", "cmi5", "course-and-evaluation", "grand-rounds", "h5p", "learndash", "many-courses",
    "moodle-certificate", "moodle-course", "moodle-module", "moodle-quiz", "open-edx", "rise", "scorm-profile",
    "storyline", "totara", "trax",
}  # fmt: skip
NEVER_SEEN = {"captivate", "totara", "trax"}
SCHEMA = "# yaml-language-server: $schema=../docs/reference/mapping.schema.json\n"
ORIGIN = re.compile(
    r"\*\*Origin:\*\* (captured|published by the maker|made by the maker's code|reconstructed|invented)\b"
)
RULESET = load(FOLDER)
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))


def example(name: str) -> Any:
    return json.loads((FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))


def outcome(name: str, rule: str) -> Any:
    document = example(name)
    (found,) = [one.outcome for one in evaluate(RULESET, as_statement(document), document) if one.rule == rule]
    return found


def test_every_system_has_one() -> None:
    assert set(STEMS) >= SYSTEMS


def test_they_are_clean_and_every_condition_is_tried_both_ways() -> None:
    linted = CliRunner().invoke(main, ["lint", str(FOLDER), "--strict"])
    assert (linted.exit_code, linted.output.partition(" in ")[0]) == (0, "0 errors, 0 warnings")
    tested = CliRunner().invoke(main, ["test", str(FOLDER), "--require", "100"])
    assert tested.exit_code == 0, tested.output


@pytest.mark.parametrize("stem", STEMS)
def test_a_file_can_be_copied_with_its_examples(stem: str, tmp_path: Path) -> None:
    for path in FOLDER.glob(f"{stem}.*"):
        shutil.copy(path, tmp_path)
    alone = CliRunner().invoke(main, ["lint", str(tmp_path)])
    assert (alone.exit_code, set(re.findall(r"warning: .*\((.*)\)", alone.output))) == (0, {"mapping.no_statement"})
    (tmp_path / "examples").symlink_to(FOLDER / "examples")
    assert CliRunner().invoke(main, ["lint", str(tmp_path), "--strict"]).exit_code == 0
    assert CliRunner().invoke(main, ["test", str(tmp_path)]).exit_code == 0


@pytest.mark.parametrize("stem", STEMS)
def test_the_editor_and_the_reader_are_helped(stem: str) -> None:
    text = (FOLDER / f"{stem}.yaml").read_text(encoding="utf-8")
    page = (PAGES / f"{stem}.md").read_text(encoding="utf-8")
    assert text.startswith(SCHEMA + "# ")
    assert f"(../../mappings/{stem}.yaml)" in page
    assert len(ORIGIN.findall(page)) == 1
    headings = ("## What is sent", "## What counts, and what does not", "## Traps", "## Who the learner is")
    assert [heading for heading in headings if f"\n{heading}\n" not in page] == []
    assert 25 <= len(page.splitlines()) <= 60
    assert f"]({stem}.md)" in (PAGES / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stem", STEMS)
def test_what_was_never_seen_says_so_wherever_one_looks(stem: str) -> None:
    page = (PAGES / f"{stem}.md").read_text(encoding="utf-8")
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    (line,) = [line for line in index.splitlines() if f"]({stem}.md)" in line]
    said = (
        "UNVERIFIED" in (FOLDER / f"{stem}.yaml").read_text(encoding="utf-8"),
        "**Origin:** reconstructed, unverified" in page and "\n## Check first\n" in page,
        "unverified" in line,
    )
    assert set(said) == {stem in NEVER_SEEN}


@pytest.mark.parametrize("active", RULESET.rules, ids=lambda active: active.rule.name)
def test_each_rule_shows_a_date_that_differs_from_utc(active: ActiveRule) -> None:
    assert any(day != moment for day, moment in _dates(active))


def _dates(active: ActiveRule) -> Iterator[tuple[str, str]]:
    """What each test expects, beside the date in the statement's own time as far as it is written in UTC."""
    for test in active.rule.tests:
        source = test.sources[0]
        document = json.loads((FOLDER / source).read_text(encoding="utf-8")) if isinstance(source, str) else source
        time = document.get("timestamp") or document.get("stored") or ""
        if not isinstance(test.expect, str) and test.expect.date and time.endswith(("Z", "+00:00", "+02:00")):
            yield test.expect.date, time[:10]


def test_no_two_files_report_one_activity() -> None:
    files: dict[str, set[str]] = {}
    for active in RULESET.rules:
        for activity in {active.rule.activity, *(entry.activity for entry in active.rows.values())} - {""}:
            files.setdefault(activity, set()).add(active.file)
    assert {activity: names for activity, names in files.items() if len(names) > 1} == {}
    assert all(activity.startswith("203512") for activity in files)


def test_no_example_earns_by_two_rules_or_is_a_problem() -> None:
    earning: dict[str, list[str]] = {}
    for path in EXAMPLES:
        document = json.loads(path.read_text(encoding="utf-8"))
        judged = evaluate(RULESET, as_statement(document), document)
        earning[path.stem] = [one.rule for one in judged if isinstance(one.outcome, Completion | Problem)]
        assert not any(isinstance(one.outcome, Problem) for one in judged), path.stem
    assert {name: rules for name, rules in earning.items() if len(rules) > 1} == {}
    assert sum(map(len, earning.values())) > len(STEMS)


def test_every_example_is_a_statement_as_an_lrs_would_hold_it() -> None:
    added = {"id": "7f8a0c5e-1111-4222-8333-944445555666", "stored": "2026-12-31T00:00:00.000Z"}
    for path in EXAMPLES:
        raw = json.dumps(added | json.loads(path.read_text(encoding="utf-8"))).encode()
        found = read(raw, "any")
        assert (found.problem, bool(found.statement.actor_key)) == (None, True), path.stem
        assert not isinstance(typed(raw), Problem), path.stem


def test_the_people_of_the_examples_live_nowhere() -> None:
    actors = {path.stem: json.loads(path.read_text(encoding="utf-8"))["actor"] for path in EXAMPLES}
    assert [name for name, actor in actors.items() if not _is_invented(actor)] == []


def _is_invented(actor: dict[str, Any]) -> bool:
    home = actor.get("account", {}).get("homePage", "")
    return actor.get("mbox", "").endswith(".example") or bool(re.fullmatch(r"https://[a-z]+\.example\.org", home))


@pytest.mark.parametrize(
    ("rule", "done", "undone"),
    [
        ("spirometry-in-practice-2026", "moodle-module-completed", "moodle-module-uncompleted"),
        ("spirometry-in-practice-2026", "moodle-module-completed", "moodle-module-failed"),
        ("anticoagulation-quiz-2026", "moodle-quiz-passed", "moodle-quiz-failed"),
        ("airway-emergencies-2026", "moodle-certificate-issued", "moodle-certificate-revoked"),
        ("stewardship-basics-2026", "openedx-passed", "openedx-failed"),
    ],
)
def test_what_is_taken_back_is_the_completion_of_the_same_object(rule: str, done: str, undone: str) -> None:
    completion, evidence = outcome(done, rule), outcome(undone, rule)
    assert isinstance(evidence, Evidence)
    assert completion.undone_by == evidence.undoes != ""
    assert example(done)["object"]["id"] == example(undone)["object"]["id"]
    assert example(done)["actor"] == example(undone)["actor"]


def test_the_form_is_what_the_course_waits_for() -> None:
    course = outcome("evaluated-course-completed", "deprescribing-2026")
    form = outcome("evaluation-submitted", "deprescribing-2026")
    assert [need.key for need in course.needs] == list(form.meets)


def test_passed_again_is_the_same_award_and_a_session_is_one_of_its_own() -> None:
    first, again = (outcome(name, "stewardship-basics-2026") for name in ("openedx-passed", "openedx-passed-again"))
    assert (first.activity_id, first.per) == (again.activity_id, again.per)
    sessions = [
        outcome(f"grand-rounds-{name}", "medicine-grand-rounds-2026").per for name in ("whole-hour", "left-early")
    ]
    assert len(set(sessions)) == 2
