"""`test`: without a configuration, with failures and gaps shown by their places, and new cases from the store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.store.session import Store
from connector.store.tables import Source, StatementRow

CONFIG = """
providers:
  - id: "0001234"
    name: Example CME
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    credentials: {provider_id: "0001234", user: u, password: {env: NOWHERE}}
sources:
  - name: lrs
    endpoint: http://127.0.0.1:9/xapi
    login: {user: u, password: {env: NOWHERE}}
mappings: mappings
store: {url: "sqlite:///pars.db"}
"""
RULES = """\
version: 1
rules:
  - name: course
    when: [{path: verb.id, is: completed}, {path: object.id, is: "urn:c"}]
    activity: "203512345"
    credits: [{type: cme, amount: 1}]
    completed_on: {zone: America/Chicago}
    tests:
      - {name: counts, expect: {date: 2026-03-10}, statement: &}
      - {name: another course, expect: ignored, statement: {verb: {id: "http://adlnet.gov/expapi/verbs/completed"}}}
"""
STATEMENT = {
    "id": "3a1f27d2-58a1-4a8e-9d3f-0c6b6a6f1a01",
    "actor": {"name": "Zanna Quixley", "mbox": "mailto:zanna@clinic.example"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "urn:c"},
    "timestamp": "2026-03-10T15:04:05.000Z",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mappings").mkdir()
    inline = json.dumps({key: STATEMENT[key] for key in ("verb", "object", "timestamp")})
    (tmp_path / "mappings" / "a.yaml").write_text(RULES.replace("&", inline))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["test", *arguments])


def test_a_folder_needs_no_configuration_and_gaps_have_places(folder: Path) -> None:
    done = call("mappings")
    where, *_, last = done.stdout.splitlines()[1:]
    assert where.split("  ")[0] == "mappings/a.yaml:4:12"
    assert where.endswith("no test fails by it alone")
    assert (done.exit_code, last) == (0, "2 passed, 0 failed; rules 1 of 1, conditions 1 of 2 both ways")
    assert call().exit_code == 2  # without a folder there must be a config.yaml


def test_a_failure_has_its_place_and_what_came(folder: Path) -> None:
    path = folder / "mappings" / "a.yaml"
    path.write_text(path.read_text().replace("2026-03-10}", "2026-03-11}"))
    done = call("mappings")
    line = "mappings/a.yaml:9:9: failed: course: counts: expected 2026-03-11, got 2026-03-10"
    assert (done.exit_code, line in done.stdout.splitlines()) == (1, True)
    assert done.stdout.splitlines()[-1].startswith("1 passed, 1 failed; rules 0 of 1")


@pytest.mark.parametrize(("percent", "code"), [("50", 0), ("51", 1)])
def test_what_is_required(folder: Path, percent: str, code: int) -> None:
    done = call(str(folder / "mappings"), "--require", percent)
    assert (done.exit_code, bool(done.stderr)) == (code, bool(code))


def test_json_has_a_line_for_each(folder: Path) -> None:
    rows = [json.loads(line) for line in call(str(folder / "mappings"), "--json").stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["test", "test", "rule", "condition", "condition", "summary"]
    assert [(row["line"], row["column"], row["covered"]) for row in rows[2:5]] == [
        (3, 5, True),
        (4, 12, False),
        (4, 44, True),
    ]
    assert rows[-1] == {"kind": "summary", "passed": 2, "failed": 0, "percent": 50}


def test_a_stored_statement_becomes_a_case(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG)
    store = Store(f"sqlite:///{folder}/pars.db")
    store.upgrade()
    raw = json.dumps(STATEMENT).encode()
    row = {"verb": STATEMENT["verb"]["id"], "object_id": "urn:c", "timestamp": datetime(2026, 3, 10, tzinfo=UTC)}  # type: ignore[index]
    with store.writing() as session:
        session.add(Source(id="lrs", fingerprint=""))
        session.flush()
        session.add(StatementRow(source_id="lrs", statement_id=STATEMENT["id"], raw=raw, **row))
    store.dispose()
    done = call("--record", str(STATEMENT["id"]))
    assert (done.exit_code, done.stdout.splitlines()[0]) == (
        0, "mappings/recorded.test.yaml:4:5: recorded 1: completion of course",
    )  # fmt: skip
    assert call().stdout.splitlines()[-1].startswith("3 passed, 0 failed")
    twice = call("--record", str(STATEMENT["id"]))
    assert (twice.exit_code, "stands there already, as the test `recorded 1" in twice.stderr) == (1, True)
    assert call("--record", str(STATEMENT["id"]), "--rule", "course").exit_code == 0, "of one rule alone it is another"
    again = call("--record", "f" * 8)
    assert (again.exit_code, "mapping.not_recorded" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("--rule", "x"), ("--into", "x"), ("--record", "x", "mappings"), ("--record", "x", "--json")]
)
def test_options_that_do_not_go_together(folder: Path, arguments: tuple[str, ...]) -> None:
    assert "Usage: " in call(*arguments).stderr
    assert list(folder.iterdir()) == [folder / "mappings"]
