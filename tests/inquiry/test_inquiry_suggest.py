"""mappings suggest: what an LRS holds is counted, and its drafts are files that wait for a person and lose nothing."""

from __future__ import annotations

import csv
import ssl
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from httpx._transports import default

from connector.cli import main
from connector.config import InletConfig
from connector.config.values import InletLogin, Secret
from connector.inquiry import drafts, suggest
from connector.inquiry.suggest import Course, Holdings
from connector.mapping.loader import lint, load
from connector.sandbox.server import Sandbox
from tests.cli import rehearsal
from tests.learners.middle import NOON, Middle, statement

TRUST = ssl.create_default_context()
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
PASSED = "http://adlnet.gov/expapi/verbs/passed"
COURSE = "http://adlnet.gov/expapi/activities/course"
DAY = date(2026, 11, 23)


def told(object_id: str, verb: str = COMPLETED, kind: str | None = COURSE, name: Any = None) -> dict[str, Any]:
    definition = {"type": kind, "name": name} if kind else {}
    return {"verb": {"id": verb}, "object": {"id": object_id, "definition": definition}}


def holdings(*documents: dict[str, Any], actor: str = "mbox:a@example.org") -> Holdings:
    found = Holdings()
    for document in documents:
        found.see(document["verb"]["id"], document["object"]["id"], actor, document)
    return found


def course(object_id: str = "https://lms.example.org/course/view.php?id=42", **said: Any) -> Course:
    given = {"title": "Update: pain", "type": "course", "verbs": ("completed",), "statements": 3, "learners": 2}
    return Course(object_id=object_id, **(given | said))


def written(folder: Path, rules: str, sheet: str = "") -> Path:
    (folder / "suggested.yaml").write_text(rules, encoding="utf-8")
    if sheet:
        (folder / "suggested.csv").write_text(sheet, encoding="utf-8")
    return folder


def test_what_is_held_is_counted_by_verb_and_type() -> None:
    found = holdings(
        told("https://x/1", name={"en": "One"}), told("https://x/1"), told("https://x/2", PASSED),
        told("https://x/3", "https://example.org/liked", None),
    )  # fmt: skip
    rows = {(one.verb, one.type): (one.statements, one.objects, one.titles) for one in found.kinds()}
    assert rows == {
        ("completed", "course"): (2, 1, ("One",)),
        ("passed", "course"): (1, 1, ()),
        ("https://example.org/liked", ""): (1, 1, ()),
    }


def test_a_learner_counts_once_for_a_course() -> None:
    found = Holdings()
    for actor in ("mbox:a@example.org", "mbox:a@example.org", "mbox:b@example.org"):
        found.see(COMPLETED, "https://x/1", actor, told("https://x/1"))
    assert [(one.statements, one.learners) for one in found.courses()] == [(3, 2)]


def test_courses_come_before_what_is_finished_on_the_way_to_them() -> None:
    attempt = told("https://x/attempt/7", kind="http://adlnet.gov/expapi/activities/attempt")
    storyline = told("urn:articulate:storyline:5m", kind=None)
    assert [one.object_id for one in holdings(attempt, told("https://x/1"), storyline).courses()] == ["https://x/1"]
    assert [one.object_id for one in holdings(attempt, storyline).courses()] == ["urn:articulate:storyline:5m"]
    assert [one.object_id for one in holdings(attempt).courses(["quiz attempt"])] == ["https://x/attempt/7"]


def test_names_in_any_shape_are_read_and_kept_on_one_line() -> None:
    for name, title in (({"en": "A\nB\x1b[31m"}, "AB[31m"), ("Plain", "Plain"), ({"en": 5}, ""), (["x"], ""), ({}, "")):
        assert [one.titles for one in holdings(told("https://x/1", name=name)).kinds()] == [(title,) if title else ()]


def test_objects_beyond_those_that_are_told_apart_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "MOST_OBJECTS", 2)
    found = holdings(*(told(f"https://x/{number}") for number in range(5)), told("https://x/0"), told(""))
    assert (found.read, found.beyond, len(found.objects)) == (7, 4, 2)


def test_drafted_rules_wait_for_their_activity_ids_and_then_load(tmp_path: Path) -> None:
    one = course(title="Pain # 1: {new}")
    two = course("urn:x:2", title="", verbs=("completed", "passed"), type="https://example.org/types/odd")
    three = course("urn:x:3", type="")
    text = drafts.as_rules([one, two, three], DAY)
    findings = lint(written(tmp_path, text))
    assert {finding.code for finding in findings if finding.level == "error"} >= {"mapping.activity_id"}
    open_ids = [finding for finding in findings if finding.code == "mapping.activity_id"]
    assert [text.splitlines()[finding.line - 1].strip() for finding in open_ids] == ['activity: ""'] * 3
    for number in range(3):
        text = text.replace('activity: ""', f'activity: "20351234{number}"', 1)
    rules = [active.rule for active in load(written(tmp_path, text.replace("amount: ", "amount: 1.25"))).rules]
    assert [rule.name for rule in rules] == ["pain-1-new", "urn-x-2", "update-pain"]
    assert rules[0].when[1].expected == one.object_id
    assert rules[1].when[0].wanted >= {COMPLETED, PASSED}
    assert [len(rule.when) for rule in rules] == [3, 3, 2]


def test_a_drafted_catalogue_ignores_rows_until_they_are_filled_in(tmp_path: Path) -> None:
    courses = [course("https://x/1", title="=1+1"), course("https://x/2", title="李, Wei")]
    rules, sheet = drafts.as_catalogue(courses, DAY, name="suggested", sheet="suggested.csv")
    folder = written(tmp_path, rules, sheet)
    assert {finding.level for finding in lint(folder)} == {"warning"}
    assert [entry.activity for entry in load(folder).rules[0].rows.values()] == ["", ""]
    rows = list(csv.DictReader(sheet.splitlines()))
    assert [row["title"] for row in rows] == ["'=1+1", "李, Wei"]
    filled = sheet.replace("https://x/2,,,", "https://x/2,203512345,1.25,")
    entries = load(written(tmp_path, rules, filled)).rules[0].rows
    assert {key: entry.activity for key, entry in entries.items() if entry.activity} == {"https://x/2": "203512345"}


def test_what_a_sender_posted_is_read_from_the_store(place: Middle) -> None:
    place.post(statement(1), statement(2, object={"id": "https://x/2"}), statement(3, verb={"id": PASSED}))
    login = InletLogin(user="u", password=Secret(env="P"))
    found = Holdings()
    suggest.of_store(place.store, [InletConfig(name="campus", inlet=login)], NOON - timedelta(days=30), found)
    assert (found.read, len(found.objects)) == (3, 2)
    later = Holdings()
    suggest.of_store(place.store, [InletConfig(name="campus", inlet=login)], NOON + timedelta(days=30), later)
    assert later.read == 0


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Sandbox() as sandbox:
        yield rehearsal.lay_out(tmp_path / "work", sandbox)


def call(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(path), "mappings", "suggest", *arguments])


def test_as_a_user_runs_it(path: Path, tmp_path: Path) -> None:
    looked = call(path)
    assert looked.exit_code == 0, looked.output
    assert "completed" in looked.stdout
    assert "--write FILE" in looked.stderr
    file = tmp_path / "new" / "suggested.yaml"
    assert call(path, "--write", str(file)).exit_code == 0
    assert [one for one in lint(file.parent) if one.code == "mapping.activity_id"]
    again = call(path, "--write", str(file))
    assert (again.exit_code, "nothing is overwritten" in again.stderr) == (2, True)
    sheet = tmp_path / "sheets" / "s.yaml"
    assert call(path, "--as", "catalogue", "--write", str(sheet)).exit_code == 0
    assert {one.code for one in lint(sheet.parent)} == {"mapping.catalogue_open"}
    assert call(path, "--type", "no such type").exit_code == 1
    assert call(path, "--source", "nobody").exit_code == 2
