"""The runner around each stage: what it catches, says and writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector import pipeline
from connector.collection import stage as collection
from connector.collection.reading import Progress, SoFar
from connector.config import Config
from connector.errors import ConnectorError, RetryLater
from connector.metrics import STAGE_ERRORS
from connector.records import Counts
from connector.store.session import Store
from connector.store.tables import Run
from tests.collection.settings import config_for, source_for

Doors = dict[str, Callable[[Store, Config], Counts]]


@pytest.fixture(autouse=True)
def _nothing_fails_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_failing", {})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


@pytest.fixture
def config() -> Config:
    return config_for(source_for("http://127.0.0.1:9/xapi"), source_for("http://127.0.0.1:9/xapi", name="other"))


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every stage does nothing but say that it ran."""
    ran: list[str] = []

    def read(_store: Store, _config: Config, source: Any, progress: Progress, _patience: Any) -> Counts:
        ran.append(source.name)
        progress(SoFar(Counts(read=20)))
        return Counts(stored=2)

    for name in pipeline.STAGES:
        monkeypatch.setitem(pipeline.STAGES, name, lambda _store, _config, name=name: ran.append(name) or Counts())
    monkeypatch.setattr(collection, "collect", read)
    return ran


def runs(store: Store) -> list[tuple[str, dict[str, int], str]]:
    with store.reading() as session:
        return [(row.stage, row.counts, row.error) for row in session.exec(select(Run))]


def raises(error: Exception) -> Callable[[Store, Config], Counts]:
    def stage(_store: Store, _config: Config) -> Counts:
        raise error

    return stage


def test_the_order_of_the_path_whatever_is_asked_first(store: Store, config: Config, doors: list[str]) -> None:
    assert list(pipeline.run(store, config, ["validation", "mapping"])) == doors == ["mapping", "validation"]


def test_every_source_is_a_run_of_its_own(store: Store, config: Config, doors: list[str]) -> None:
    told: list[tuple[str, int]] = []
    done = pipeline.run(store, config, tell=lambda stage, so_far: told.append((stage, so_far.counts["read"])))
    assert sorted(doors[:2]) == ["campus", "other"]
    assert doors[2:] == list(pipeline.STAGES)[1:]
    assert done["collection"] == {"stored": 4}
    assert sorted(told[:3]) == [("collection", 0), ("collection:campus", 20), ("collection:other", 20)]
    assert told[3] == ("mapping", 0)
    assert sorted(runs(store)) == [(f"collection:{name}", {"stored": 2}, "") for name in ("campus", "other")]


def test_asked_to_stop_it_ends_between_two_pages_and_begins_no_stage(
    store: Store, config: Config, doors: list[str]
) -> None:
    def stop(_stage: str, so_far: SoFar) -> None:
        if so_far.counts["read"]:
            store.stopping.set()

    with capture_logs() as said:
        done = pipeline.run(store, config, tell=stop)
    assert list(done) == ["collection"]
    assert sorted(doors) == ["campus", "other"]  # each looks after its first page
    assert [line["event"] for line in said] == ["stage.done"]


def test_a_lasting_failure_is_said_once_and_its_recovery_once(store: Store, config: Config) -> None:
    down = raises(RetryLater("store.unavailable", "no answer"))
    with capture_logs() as said:
        for stage in (down, down, lambda _store, _config: Counts(stored=1), down):
            pipeline.run_stage(store, config, "mapping", stage)
    assert [line["event"] for line in said] == ["stage.failed", "stage.recovered", "stage.done", "stage.failed"]
    assert [error for _, _, error in runs(store)] == ["store.unavailable", "store.unavailable", "", "store.unavailable"]


def test_another_reason_is_said_again(store: Store, config: Config) -> None:
    with capture_logs() as said:
        for code in ("store.unavailable", "config.store_unwritable"):
            pipeline.run_stage(store, config, "mapping", raises(ConnectorError(code, "no")))
    assert [line["code"] for line in said] == ["store.unavailable", "config.store_unwritable"]


def test_an_unknown_exception_leaves_its_type_and_line(store: Store, config: Config) -> None:
    before = STAGE_ERRORS.labels(stage="mapping")._value.get()
    with capture_logs() as said:
        counts = pipeline.run_stage(store, config, "mapping", raises(KeyError("Ana")))
    assert counts == {"failed": 1}
    assert STAGE_ERRORS.labels(stage="mapping")._value.get() == before + 1
    assert said[0]["code"] == "connector.unexpected"
    assert said[0]["error"].startswith("KeyError at ")
    assert "Ana" not in str(said) + str(runs(store))


def test_a_turn_that_only_looked_leaves_no_trace(store: Store, config: Config) -> None:
    with capture_logs() as said:
        pipeline.run_stage(store, config, "mapping", lambda _store, _config: Counts(read=9, asked=3))
    assert said == runs(store) == []


def test_a_source_that_fails_again_is_no_news(store: Store, config: Config) -> None:
    """The circuit has said it; the run is kept."""
    with capture_logs() as said:
        pipeline.run_stage(store, config, "collection:campus", lambda _store, _config: Counts(failed=1))
    assert said == []
    assert runs(store) == [("collection:campus", {"failed": 1}, "")]


def test_a_store_that_cannot_write_the_run_ends_nothing(
    store: Store, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (RetryLater("store.unavailable", "no answer"), OSError("Ana")):
        monkeypatch.setattr(pipeline, "_failing", {})
        monkeypatch.setattr(store, "writing", lambda error=error: (_ for _ in ()).throw(error))
        with capture_logs() as said:
            assert pipeline.run_stage(store, config, "mapping", lambda _store, _config: Counts(stored=1))
        assert [line["event"] for line in said] == ["stage.done", "stage.failed"]
        assert "Ana" not in str(said)
