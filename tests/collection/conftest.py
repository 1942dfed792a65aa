"""A store in a temporary file and a configuration with one source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from connector.config import Config, SourceConfig
from connector.store.session import Store

PASSWORD = "rehearsal-lrs-password"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEST_LRS_PASSWORD", PASSWORD)
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


def source_for(endpoint: str, **changes: Any) -> SourceConfig:
    login = {"user": "rehearsal-reader", "password": {"env": "TEST_LRS_PASSWORD"}}
    usual = {"name": "campus", "endpoint": endpoint, "login": login, "start_from": "everything", "timeout": "2s"}
    return SourceConfig.model_validate(usual | changes)


def config_for(*sources: SourceConfig) -> Config:
    provider = {
        "id": "0001234",
        "name": "Example Provider",
        "zone": "America/Chicago",
        "domain": "example.org",
        "environment": "rehearsal",
        "credentials": {"provider_id": "0001234", "user": "u", "password": {"env": "TEST_LRS_PASSWORD"}},
    }
    return Config.model_validate({"providers": [provider], "sources": list(sources)})


Configure = Callable[..., tuple[Config, SourceConfig]]


@pytest.fixture
def configure() -> Configure:
    """`configure(endpoint, **changes)` is a Config with that one source, and the source."""

    def make(endpoint: str, **changes: Any) -> tuple[Config, SourceConfig]:
        source = source_for(endpoint, **changes)
        return config_for(source), source

    return make
