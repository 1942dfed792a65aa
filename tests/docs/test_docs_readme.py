"""The README's first configuration is real: it loads, lints, passes its test, and reports a credit in the rehearsal."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import select

from connector import activities, config, pipeline
from connector.learners.sources.sheet import COLUMNS
from connector.mapping import loader
from connector.mapping.cases import run as rule_tests
from connector.mapping.rule_files import defaults_of
from connector.sandbox.server import Sandbox
from connector.sheets import read_csv
from connector.store.open import open_store
from connector.store.tables import Credit
from tests.docs.pages import ROOT, section

README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = re.compile(r"^\*\*`([^`]+)`\*\*[^\n]*\n\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
TODAY = date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the README, and the two passwords that it asks for."""
    passwords = {"secrets/pars.password": "rehearsal-pars-password", "secrets/lrs.password": "rehearsal-lrs-password"}
    for name, text in {**dict(FILE.findall(README)), **passwords}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_files_are_all_there(folder: Path) -> None:
    assert {path.name for path in folder.rglob("*.*") if path.is_file()} == {
        "config.yaml", "activities.csv", "learners.csv", "antibiotic-stewardship.yaml", "pars.password", "lrs.password",
    }  # fmt: skip


def test_they_load_and_lint(folder: Path) -> None:
    loaded = config.load(folder / "config.yaml")
    assert loader.lint(loaded.mappings, defaults_of(loaded)) == []
    assert [one.message for one in rule_tests.run_tests(loaded.mappings, defaults_of(loaded))] == [""]
    assert len(activities.read(loaded.providers[0])) == 1
    assert len(read_csv(folder / "learners.csv", required=(), optional=COLUMNS)) == 1


def test_in_the_rehearsal_they_report_a_credit(folder: Path) -> None:
    """With the rehearsal's addresses and users in place of the reader's, as the README says."""
    with Sandbox(today=TODAY) as sandbox:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        for old, new in (
            ("environment: test", "environment: rehearsal"),
            ("https://pars-test.example.org/services/ACCMELearnerService.svc", sandbox.pars_url),
            ("https://lrs.example.edu/xapi", sandbox.lrs_url),
            ("ws-example", sandbox.credentials.user),
            ("user: pars-connector", f"user: {sandbox.credentials.lrs_user}"),
            ("start_from: now", "start_from: everything"),
        ):
            assert old in text
            text = text.replace(old, new)
        (folder / "config.yaml").write_text(text, encoding="utf-8")
        loaded = config.load(folder / "config.yaml")
        store = open_store(loaded)
        activities.load(loaded, store)
        pipeline.run(store, loaded)
        with store.reading() as session:
            states = list(session.exec(select(Credit.state)))
        store.dispose()
    assert "confirmed" in states
    assert sandbox.check() == []


def test_the_folders_of_the_path_are_all_named() -> None:
    named = set(re.findall(r"`(connector/[\w./]+|\w+/)`", section(README, "## The folders")))
    rooms = {f"connector/{path.name}/" for path in (ROOT / "connector").iterdir() if (path / "__init__.py").is_file()}
    assert sorted(rooms - named) == []
    assert [name for name in named if not (ROOT / name).exists()] == []
