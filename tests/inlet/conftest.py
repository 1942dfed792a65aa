"""Inlets on SQLite, and on each engine where the store is what matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import delete

from connector.store.session import Store
from connector.store.tables import StatementRow, Voided
from tests.conftest import patched
from tests.inlet.door import PASSWORD, PASSWORD_IN, USER, Door, opened
from tests.learners.middle import _empty_store


@pytest.fixture(scope="session", autouse=True)
def _password() -> Iterator[None]:
    with patched() as patch:
        patch.setenv(PASSWORD_IN, PASSWORD)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = _store(tmp_path)
    yield store
    store.dispose()


def _store(folder: Path) -> Store:
    (folder / "pars.db").write_bytes(_empty_store().read_bytes())
    return Store(f"sqlite:///{folder}/pars.db")


@pytest.fixture(scope="session")
def _one_for_all(tmp_path_factory: pytest.TempPathFactory, _password: None) -> Iterator[Door]:
    """A server takes a fifth of a second to end: most tests share one."""
    store = _store(tmp_path_factory.mktemp("inlet"))
    with opened(store) as door:
        yield door
    store.dispose()


@pytest.fixture
def door(_one_for_all: Door) -> Door:
    with _one_for_all.store.writing() as session:
        session.exec(delete(Voided))
        session.exec(delete(StatementRow))
    _one_for_all.http.auth = httpx.BasicAuth(USER, PASSWORD)
    return _one_for_all


@pytest.fixture
def any_door(any_store: Store) -> Iterator[Door]:
    with opened(any_store) as door:
        yield door
