"""`lint` at the command line: with a configuration and without, strict or not, for people, programs and GitHub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main

GOOD = """version: 1
rules:
  - name: r
    when: [{path: verb.id, is: completed}, {path: object.id, is: "urn:x"}]
    activity: "203512345"
    completed_on: {zone: America/Chicago}
    credits: [{type: cme, amount: 1.25}]
"""
DOUBTFUL = GOOD.replace(', {path: object.id, is: "urn:x"}', "")
WRONG = GOOD.replace("is: completed", "is: complted")
CONFIG = """providers:
  - id: "1234567"
    name: Test
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    credentials: {provider_id: "1", user: u, password: {env: PASSWORD}}
    activities: activities.csv
sources:
  - name: lms
    endpoint: https://lrs.example.org/xapi/
    login: {user: u, password: {env: PASSWORD}}
"""
SHEET = "activity_id,title,start,end,credits\n203512345,A,2026-01-01,2026-12-31,1.00\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    return tmp_path


def lint(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lint", *arguments])


def test_a_folder_needs_no_configuration(here: Path) -> None:
    rules = here / "rules" / "a.yaml"
    rules.write_text(GOOD)
    done = lint("rules", "--strict")
    assert (done.exit_code, done.stdout) == (0, "0 errors, 0 warnings in rules\n")
    assert lint().exit_code == 2
    rules.write_text(DOUBTFUL)
    assert lint("rules").exit_code == 0
    done = lint("rules", "--strict")
    assert done.exit_code == 2
    assert "rules/a.yaml:4:5: warning: " in done.stdout
    rules.write_text(WRONG)
    assert lint("rules").exit_code == 2
    assert "no such folder" in lint("nowhere").stdout


def test_every_format_tells_the_same(here: Path) -> None:
    (here / "rules" / "50%, a:b.yaml").write_text(WRONG)
    (row,) = map(json.loads, lint("rules", "--format", "json").stdout.splitlines())
    assert row == {
        "level": "error", "code": "mapping.unknown_name", "path": "rules/50%, a:b.yaml", "line": 4, "column": 32,
        "cell": "", "message": row["message"], "hint": 'did you mean "completed"?',
    }  # fmt: skip
    (line,) = lint("rules", "--format", "github").stdout.splitlines()
    head, _, said = line.partition("::error ")[2].partition("::")
    assert head == "file=rules/50%25%2C a%3Ab.yaml,line=4,col=32,title=mapping.unknown_name"
    assert said == f'{row["message"]}%0Adid you mean "completed"?'


def test_case_files_are_read_too(here: Path) -> None:
    (here / "rules" / "a.yaml").write_text(GOOD)
    (here / "rules" / "a.test.yaml").write_text(
        "version: 1\ntests:\n  - {name: t, statment: x.json, expect: ignored}\n"
    )
    done = lint("rules")
    assert done.exit_code == 2
    assert "rules/a.test.yaml:3:15: error: `statment` is not a key" in done.stdout


def test_the_activity_sheet_is_compared_or_is_a_finding(here: Path) -> None:
    (here / "config.yaml").write_text(CONFIG)
    (here / "rules").rename(here / "mappings")
    (here / "mappings" / "a.yaml").write_text(GOOD)
    sheet = here / "activities.csv"
    sheet.write_text(SHEET)
    done = lint()
    assert done.exit_code == 0
    assert "mappings/a.yaml:7:" in done.stdout
    assert "(mapping.above_maximum)" in done.stdout
    sheet.write_text(SHEET.replace("1.00", "2.00"))
    assert lint("--strict").exit_code == 0
    sheet.write_text(SHEET.replace("203512345", "3512345"))
    done = lint()
    assert done.exit_code == 2
    assert "activities.csv:2:1: error: " in done.stdout
    sheet.unlink()
    done = lint()
    assert done.exit_code == 2
    assert "(config.sheet_missing)" in done.stdout
    checked = CliRunner().invoke(main, ["check", "--mappings", "--json"])
    assert json.loads(checked.stdout.splitlines()[0])["code"] == "config.sheet_missing"
