"""Connections that say nothing, too slowly, or come by the hundred: each ends, and the server goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from connector.store.session import Store
from connector.web import connections
from connector.web.server import HealthServer
from tests.test_config import SMALLEST, load

ASKED = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/pars.db")
    made.upgrade()
    yield made
    made.dispose()


@pytest.fixture
def health(store: Store, tmp_path: Path) -> Iterator[HealthServer]:
    running = HealthServer(store, load(tmp_path, SMALLEST + "web: {port: 0}\n"))
    running.start()
    yield running
    running.stop()


def _connect(health: HealthServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", health.port), timeout=5)


def _answered(connection: socket.socket) -> None:
    connection.sendall(ASKED)
    said = b""
    while not said.endswith(b"}"):
        chunk = connection.recv(4096)
        assert chunk
        said += chunk
    assert said.startswith(b"HTTP/1.1 200")


def _rest(connection: socket.socket) -> bytes:
    """What comes until the server hangs up; TimeoutError when it never does."""
    said = b""
    try:
        while chunk := connection.recv(4096):
            said += chunk
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("said", [b"", b"POST /xapi/statements HTTP/1.1\r\nX-A: "])
def test_without_a_whole_head_a_connection_ends(
    health: HealthServer, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(connections, "SILENCE", 0.05)
    with _connect(health) as connection:
        connection.sendall(said)
        assert _rest(connection) == b""


def test_after_an_answer_too(health: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn's own patience ends with the first byte of the next request."""
    with _connect(health) as connection:
        _answered(connection)
        monkeypatch.setattr(connections, "SILENCE", 0.2)
        _answered(connection)
        connection.sendall(ASKED[:-2])
        assert _rest(connection) == b""


def test_beyond_the_most_nobody_comes_in_until_somebody_leaves(
    health: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 2)
    monkeypatch.setattr(connections, "RESERVED", 1)
    with ExitStack() as stack:
        inside = [stack.enter_context(_connect(health)) for _ in range(3)]
        for one in inside:
            _answered(one)
        with _connect(health) as refused:
            assert _rest(refused) == b""
        inside[0].sendall(ASKED.replace(b"Host", b"Connection: close\r\nHost"))
        assert b" 200 " in _rest(inside[0])
        _answered(stack.enter_context(_connect(health)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local(host: str) -> None:
    assert connections.is_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "::ffff:10.0.0.1", "::", "unknown", ""])
def test_nobody_else_is(host: str) -> None:
    assert not connections.is_local(host)
