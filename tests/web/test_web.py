"""/livez, /readyz and /metrics on a store of their own, asked over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import select

from connector import activities, metrics, pipeline
from connector.config import Config
from connector.errors import NeedsOperator
from connector.records import Counts
from connector.sandbox.server import Sandbox
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.tables import Channel, Credit, Source
from connector.web import server
from connector.web.server import HealthServer
from tests.cli import rehearsal

Samples = dict[tuple[str, str], float]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as servers:
        yield servers


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Config:
    return rehearsal.load(rehearsal.lay_out(tmp_path / "place", sandbox))


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    opened = open_store(config)
    activities.load(config, opened)
    yield opened
    opened.dispose()


@pytest.fixture
def health(store: Store, config: Config) -> Iterator[HealthServer]:
    running = HealthServer(store, config)
    running.start()
    yield running
    running.stop()


def ask(health: HealthServer, page: str) -> tuple[int, str]:
    return rehearsal.fetch(f"http://127.0.0.1:{health.port}/{page}")


def samples(health: HealthServer) -> Samples:
    """By metric and its label's value."""
    text = ask(health, "metrics")[1]
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_answers_on_loopback_only_and_on_a_free_port(health: HealthServer, config: Config) -> None:
    assert config.web.host == "127.0.0.1"
    assert health.port > 0
    assert ask(health, "livez")[0] == ask(health, "readyz")[0] == 200
    assert ask(health, "ledger")[0] == 404


def test_a_taken_port_is_said_in_one_line(store: Store, config: Config, health: HealthServer) -> None:
    taken = config.model_copy(update={"web": config.web.model_copy(update={"port": health.port})})
    with pytest.raises(NeedsOperator, match="cannot be used") as refused:
        HealthServer(store, taken).start()
    assert refused.value.exit_code == 3


def test_a_port_that_somebody_bound_and_does_not_listen_on_is_taken_too(store: Store, config: Config) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = config.model_copy(update={"web": config.web.model_copy(update={"port": other.getsockname()[1]})})
        with pytest.raises(NeedsOperator):
            HealthServer(store, taken).start()


def test_no_job_for_long_is_not_alive(health: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_stale", -1.0)
    assert ask(health, "livez")[0] == 503
    monkeypatch.undo()
    health.beat()
    assert ask(health, "livez") == (200, '{"alive":true,"quiet_s":0}')


def test_a_slow_schedule_is_no_hanging_daemon(store: Store, config: Config) -> None:
    hour = timedelta(hours=1)
    slow = config.schedule.model_copy(update={"digest": hour, "submission": hour})
    assert HealthServer(store, config.model_copy(update={"schedule": slow}))._stale == server.STALE + 3600


def _stop(store: Store, code: str) -> None:
    with store.writing() as session:
        session.add(Source(id="campus", fingerprint="", circuit="open", code=code))
        session.add(Channel(provider_id="0001234", kind="xml-service", circuit="open", code="pars.login"))


def test_what_is_stopped_is_named_until_it_recovers(health: HealthServer, store: Store) -> None:
    _stop(store, "lrs.login")
    status, page = ask(health, "readyz")
    assert (status, json.loads(page)) == (
        503,
        {"ready": False, "stopped": ["source campus: lrs.login", "channel 0001234 xml-service: pars.login"]},
    )
    shown = samples(health)
    assert shown["pars_source_up", "campus"] == shown["pars_channel_up", "0001234 xml-service"] == 0
    with store.writing() as session:
        for row in (*session.exec(select(Source)), *session.exec(select(Channel))):
            row.circuit, row.code = "closed", ""
            session.add(row)
    assert ask(health, "readyz")[0] == 200
    assert samples(health)["pars_source_up", "campus"] == 1


def _deleted(path: Path) -> str:
    path.rename(path.with_suffix(".away"))
    return "store.gone"


def _replaced(path: Path) -> str:
    _deleted(path)
    path.write_bytes(b"")
    return "store.replaced"


@pytest.mark.parametrize("lose", [_deleted, _replaced])
def test_a_lost_store_is_said_until_it_is_back(health: HealthServer, store: Store, lose: Callable[[Path], str]) -> None:
    assert store.path is not None
    code = lose(store.path)
    status, page = ask(health, "readyz")
    assert (status, json.loads(page)["stopped"]) == (503, [code])
    store.path.with_suffix(".away").rename(store.path)
    assert ask(health, "readyz")[0] == 200


def test_metrics_without_a_store_say_so_and_show_no_old_number(
    health: HealthServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert samples(health)["pars_store_up", ""] == 1
    assert ("pars_credits", "ready") in samples(health)
    store.dispose()
    monkeypatch.setattr(store, "engine", _broken(store))
    shown = samples(health)
    assert shown["pars_store_up", ""] == 0
    assert ("pars_credits", "ready") not in shown
    assert ask(health, "readyz") == (503, '{"ready":false,"stopped":["store.unavailable"]}')


def _broken(store: Store) -> object:
    """The engine of an empty file: no table is there."""
    assert store.path is not None
    return Store(f"sqlite:///{store.path.with_name('empty.db')}").engine


def test_however_many_ask_for_metrics_the_store_is_asked_once_and_livez_answers(
    health: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, asked, made = threading.Event(), threading.Event(), []

    def slow(_store: Store) -> bytes:
        made.append("page")
        asked.set()
        return b"numbers" if going_on.wait(20) else b""

    monkeypatch.setattr(server.health, "exposition", slow)
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(ask, health, "metrics")]
        assert asked.wait(5)
        answers += [pool.submit(ask, health, "metrics") for _ in range(49)]
        assert ask(health, "livez")[0] == ask(health, "readyz")[0] == 200
        going_on.set()
        assert {answer.result() for answer in answers} == {(200, "numbers")}
    assert len(made) < 50


def test_metrics_are_right_after_a_run(sandbox: Sandbox, health: HealthServer, store: Store, config: Config) -> None:
    before = samples(health)
    done = pipeline.run(store, config)
    shown = samples(health)
    assert done["collection"]["stored"] == 36
    assert (
        shown["pars_statements_read_total", "rehearsal"] - before.get(("pars_statements_read_total", "rehearsal"), 0)
        == 36
    )
    states = Counts()
    with store.reading() as session:
        for credit in session.exec(select(Credit)):
            states[credit.state] += 1
    assert {state: shown["pars_credits", state] for state in states} == states
    assert shown["pars_credits_waiting", "learner.no_consent"] == 1
    assert shown["pars_credits", "in_doubt"] == 0
    sent = shown["pars_credits_sent_total", "xml-service"] - before.get(("pars_credits_sent_total", "xml-service"), 0)
    assert sent == len(sandbox.pars.credits) + 2  # one was refused and one not matched
    assert shown["pars_source_up", "rehearsal"] == shown["pars_channel_up", "0001234 xml-service"] == 1
    assert shown["pars_mapping_last_reload_successful", ""] == 1


def test_the_oldest_in_doubt_has_an_age(health: HealthServer, store: Store, config: Config) -> None:
    pipeline.run(store, config)
    with store.writing() as session:
        credit = session.exec(select(Credit).where(Credit.state == "pending")).first()
        assert credit is not None
        credit.state, credit.state_since = "in_doubt", datetime.now(UTC) - timedelta(hours=2)
        session.add(credit)
    shown = samples(health)
    assert shown["pars_credits", "in_doubt"] == 1
    assert 7200 <= shown["pars_credits_oldest_seconds", "in_doubt"] < 7260


def test_the_docs_name_every_metric() -> None:
    text = (rehearsal.ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    real = {family.name for family in metrics.REGISTRY.collect()}
    counters = {family.name for family in metrics.REGISTRY.collect() if family.type == "counter"}
    assert named == {f"{name}_total" if name in counters else name for name in real}
