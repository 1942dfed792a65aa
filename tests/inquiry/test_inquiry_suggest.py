"""mappings suggest: what an LRS holds is counted, and its drafts are files that wait for a person and lose nothing."""

from __future__ import annotations

import csv
import re
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
from connector.lrs import client
from connector.mapping.loader import lint, load
from connector.sandbox.server import Sandbox
from tests.cli import rehearsal
from tests.learners.middle import NOON, Middle, statement

TRUST = ssl.create_default_context()
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
PASSED = "http://adlnet.gov/expapi/verbs/passed"
COURSE = "http://adlnet.gov/expapi/activities/course"
OLD_COURSE = "http://id.tincanapi.com/activitytype/lms/course"
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
    given = {"title": "Update: pain", "types": ("course",), "verbs": ("completed",), "statements": 3, "learners": 2}
    return Course(object_id=object_id, **(given | said))


def filled(text: str, count: int) -> str:
    """A draft of rules after a person has been there."""
    for number in range(count):
        text = text.replace('activity: ""', f'activity: "20351234{number}"', 1)
    return text.replace("amount: }", "amount: 1.25}")


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


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (told("https://x/1"), told("https://x/1", PASSED, OLD_COURSE), {"course"}),
        (told("https://x/1", name={"en": "A"}), told("https://x/1", kind=None), set()),
        (told("https://x/1"), told("https://x/1", kind="https://x/types/odd"), {"course", "https://x/types/odd"}),
        (told("https://x/1"), told("https://x/1", kind="no IRI"), set()),
    ],
)
def test_an_object_is_one_course_whatever_was_said_of_its_type(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], asked: set[str]
) -> None:
    found = holdings(first)
    found.see(second["verb"]["id"], "https://x/1", "mbox:b@example.org", second)
    (one,) = found.courses()
    assert (one.statements, one.learners, "" in one.types or set(one.types) == asked) == (2, 2, True)
    (active,) = load(written(tmp_path, filled(drafts.as_rules([one], DAY), 1))).rules
    types = [condition for condition in active.rule.when if condition.path and "type" in condition.path.text]
    assert len(types) == bool(asked)
    rule, sheet = drafts.as_catalogue([one], DAY, name="suggested", sheet="suggested.csv")
    assert {finding.level for finding in lint(written(tmp_path, rule, sheet))} == {"warning"}


def test_each_rule_has_a_name_of_its_own_that_is_a_text(tmp_path: Path) -> None:
    titles = ["Module 2", "Module", "Module", "Module", "2026", "true", "Module 2"]
    courses = [course(f"urn:x:{number}", title=title) for number, title in enumerate(titles)]
    rules = load(written(tmp_path, filled(drafts.as_rules(courses, DAY), len(titles)))).rules
    names = [active.rule.name for active in rules]
    assert names == ["module-2", "module", "module-3", "module-4", "2026", "true", "module-2-2"]


@pytest.mark.parametrize("stem", ["2026", "a, b", "x # y", "true", "it's {new}", "李"])
def test_a_catalogue_finds_its_sheet_whatever_the_file_is_called(tmp_path: Path, stem: str) -> None:
    rule, sheet = drafts.as_catalogue([course("https://x/1")], DAY, name=stem, sheet=f"{stem}.csv")
    (tmp_path / f"{stem}.yaml").write_text(rule, encoding="utf-8")
    (tmp_path / f"{stem}.csv").write_text(sheet, encoding="utf-8")
    assert list(load(tmp_path).rules[0].rows) == ["https://x/1"]


@pytest.mark.parametrize(
    "hostile",
    ['https://x/a\n  - name: evil\n    activity: "999999999"\n  #', "https://x/a b", "a\u2028b", "a\x7fb", "\t=1",
     '=HYPERLINK("http://x/")', "+1", "-1", "@SUM(A1)"],
)  # fmt: skip
def test_what_an_object_id_holds_adds_nothing_to_a_draft(hostile: str) -> None:
    found = holdings(told(hostile), told("https://x/1"))
    assert [one.object_id for one in found.courses()] == ["https://x/1"]
    assert found.unwritable == 1


def test_a_type_or_verb_with_control_characters_stands_nowhere() -> None:
    found = holdings(told("https://x/1", kind="https://x/\x1b[2J"), told("https://x/1", "https://x/\x1b[2J"))
    assert {one.verb + one.type for one in found.kinds()} == {"completed", "https://x/[2Jcourse"}


def test_what_one_learner_has_is_shown_without_its_title() -> None:
    certificate = told("https://x/c", kind="https://example.org/certificate", name={"en": "Certificate of Ann Ex"})
    own = holdings(certificate, certificate, told("https://x/1", name={"en": "Pain"}))
    assert {title for one in own.kinds() for title in one.titles} == {"Pain"}
    (drafted,) = own.courses(["https://example.org/certificate"])
    assert drafted.title == ""
    own.see(COMPLETED, "https://x/c", "mbox:b@example.org", certificate)
    assert own.courses(["https://example.org/certificate"])[0].title == "Certificate of Ann Ex"


def test_drafted_rules_wait_for_their_activity_ids_and_then_load(tmp_path: Path) -> None:
    one = course(title="Pain # 1: {new}")
    two = course("urn:x:2", title="", verbs=("completed", "passed"), types=("https://example.org/types/odd",))
    three = course("urn:x:3", types=("", "course"))
    text = drafts.as_rules([one, two, three], DAY)
    findings = lint(written(tmp_path, text))
    assert {finding.code for finding in findings if finding.level == "error"} >= {"mapping.activity_id"}
    open_ids = [finding for finding in findings if finding.code == "mapping.activity_id"]
    assert [text.splitlines()[finding.line - 1].strip() for finding in open_ids] == ['activity: ""'] * 3
    rules = [active.rule for active in load(written(tmp_path, filled(text, 3))).rules]
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
    done = sheet.replace("https://x/2,,,", "https://x/2,203512345,1.25,")
    entries = load(written(tmp_path, rules, done)).rules[0].rows
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
    for name in ("x.csv", "x", "y.test.yaml", "new\n.yaml"):
        refused = call(path, "--write", str(tmp_path / name))
        assert (refused.exit_code, "a mapping file ends in" in refused.stderr) == (2, True), name
    sheet = tmp_path / "sheets" / "s.yaml"
    assert call(path, "--as", "catalogue", "--write", str(sheet)).exit_code == 0
    assert {one.code for one in lint(sheet.parent)} == {"mapping.catalogue_open"}
    assert call(path, "--type", "no such type").exit_code == 1
    assert call(path, "--source", "nobody").exit_code == 2


def test_an_lrs_that_is_down_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    with Sandbox() as sandbox:
        path = rehearsal.lay_out(tmp_path / "work", sandbox)
    down = call(path, "--write", str(tmp_path / "never.yaml"))
    assert (down.exit_code, down.stdout) == (1, "")
    assert re.fullmatch(
        r"error: nothing answers at 127\.0\.0\.1:\d+ \(ConnectError\) \(lrs\.unreachable\)\n", down.stderr
    )
    assert not (tmp_path / "never.yaml").exists()


def test_ctrl_c_ends_plainly_and_writes_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Holdings, "see", interrupt)
    stopped = call(path, "--write", str(tmp_path / "never.yaml"))
    assert (stopped.exit_code, stopped.stdout, stopped.stderr) == (1, "", "interrupted\n")
    assert not (tmp_path / "never.yaml").exists()
