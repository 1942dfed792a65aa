"""backfill: what it says it would add is what it then adds, and looking changes nothing."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from httpx._transports import default
from sqlmodel import col, func, select

from connector import pipeline
from connector.cli import main
from connector.config import Config
from connector.inquiry.backfill import Estimate, estimate
from connector.inquiry.windows import Window
from connector.sandbox.server import Sandbox
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.tables import Award, EvidenceRow, MappingVersion, Source, StatementRow, Wish
from tests.cli import rehearsal

TRUST = ssl.create_default_context()
STAGES = ("collection", "mapping", "learners")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Sandbox(load=False) as running:
        running.clock.advance(-5)
        running.load()
        running.clock.advance(5)  # whatever `now` is cut to, what is there lies before it
        yield running


@pytest.fixture
def path(tmp_path: Path, sandbox: Sandbox) -> Path:
    """The demo's workplace, which begins now: everything that is there lies before."""
    return rehearsal.lay_out(tmp_path / "work", sandbox, ("start_from: everything", "start_from: now"))


@pytest.fixture
def config(path: Path) -> Config:
    return rehearsal.load(path)


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    opened = open_store(config)
    yield opened
    opened.dispose()


def count(store: Store, table: type[Award | StatementRow | MappingVersion | Wish]) -> int:
    with store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def looked(store: Store, config: Config) -> Estimate:
    source = config.polled[0]
    now = datetime.now(UTC)
    window = Window(source=source, since=now - timedelta(days=400), until=now + timedelta(days=1))
    (found,) = estimate(store, config, [window], lambda *_: None)
    return found


def call(path: Path, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(path), "backfill", *arguments], input=answer)


def day(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def test_it_adds_what_it_says(path: Path, config: Config, store: Store) -> None:
    pipeline.run(store, config, STAGES)
    assert (count(store, StatementRow), count(store, Award)) == (0, 0)
    said = looked(store, config)
    assert (count(store, StatementRow), count(store, Award)) == (0, 0), "looking changes nothing"
    asked = call(path, "--since", day(400), "--dry-run", "--json")
    assert json.loads(asked.stdout)["adds"] == said.adds
    assert count(store, Wish) == 0

    done = call(path, "--since", day(400), answer="y\n")
    assert f"add {said.adds} awards?" in done.output
    assert "no daemon is running" in done.output
    pipeline.run(store, config, STAGES)
    assert count(store, StatementRow) == said.new == said.read
    assert count(store, Award) == said.adds > 5
    assert said.joins == _joined(store) > 0

    with store.reading() as session:
        wish = session.exec(select(Wish).where(col(Wish.by) != "schedule")).one()
        row = session.get_one(Source, config.polled[0].name)
    assert wish.result == f"{said.read} read, {said.new} new"
    assert row.start_from is not None
    assert row.start_from < datetime.now(UTC) - timedelta(days=399), "from now on it counts from there"
    again = looked(store, config)
    assert (again.known, again.new, again.adds, again.joins) == (said.read, 0, 0, 0)


def _joined(store: Store) -> int:
    """Completions that stand and opened no award."""
    with store.reading() as session:
        rows = session.exec(select(EvidenceRow).where(EvidenceRow.outcome == "completion", EvidenceRow.standing))
        return len(rows.all()) - len(session.exec(select(Award)).all())


def test_no_is_no_and_a_window_keeps_its_start(path: Path, config: Config, store: Store) -> None:
    pipeline.run(store, config, STAGES)
    with store.reading() as session:
        before = session.get_one(Source, config.polled[0].name).start_from
    assert call(path, "--since", day(400), answer="n\n").exit_code == 1
    assert count(store, Wish) == 0
    assert call(path, "--since", day(400), "--until", day(300), "--yes").exit_code == 0
    again = call(path, "--since", day(400), "--until", day(300), "--yes")
    assert (again.exit_code, "asked for already" in again.output, count(store, Wish)) == (0, True, 1)
    pipeline.run(store, config, STAGES)
    with store.reading() as session:
        assert session.get_one(Source, config.polled[0].name).start_from == before
    assert count(store, StatementRow) == 0, "the rehearsal's statements are younger"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--since", "2999-01-01"], "future"),
        (["--since", "2026-01-01", "--until", "2999-01-01"], "future"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "before --since"),
        (["--since", "2026-02-01", "--source", "nowhere"], "no such source"),
        (["--since", "2026-02-01", "--source", "inlet"], "comes by itself"),
        (["--since", "yesterday"], "yesterday"),
        ([], "--since"),
    ],
)
def test_what_makes_no_sense_is_refused(path: Path, arguments: list[str], says: str) -> None:
    inlet = "sources:\n  - name: inlet\n    inlet: {user: moodle, password: {env: REHEARSAL_LRS_PASSWORD}}\n"
    rehearsal.change(path, ("sources:\n", inlet))
    refused = call(path, *arguments)
    assert refused.exit_code == 2
    assert says in refused.output
