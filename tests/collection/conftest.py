"""A store in a temporary file and a configuration with one source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from connector.config import Config, SourceConfig
from connector.store.session import Store
from tests.collection.settings import PASSWORD_IN, config_for, source_for


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(PASSWORD_IN, "rehearsal-lrs-password")
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


Configure = Callable[..., tuple[Config, SourceConfig]]


@pytest.fixture
def configure() -> Configure:
    """`configure(endpoint, **changes)` is a Config with that one source, and the source."""

    def make(endpoint: str, **changes: Any) -> tuple[Config, SourceConfig]:
        source = source_for(endpoint, **changes)
        return config_for(source), source

    return make
