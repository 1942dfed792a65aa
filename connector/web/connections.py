"""Connections, which anybody can open: how many there may be, and how long one may take over a request's head.

uvicorn waits for a first request without end. Knows no page and no login.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 100
RESERVED = 10
"""Beyond MOST, for this machine itself: a health check that finds the door shut would have the daemon restarted."""
SILENCE = 10.0
"""Seconds until a whole head has come, from the connection's first moment or from the last answer."""


def is_local(host: str) -> bool:
    """True for an address of this machine alone, in either family."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class Listener(socket.socket):
    """Hangs up at once on those beyond MOST; here and not at a request, because a TLS handshake can be silent too."""

    def __init__(self, family: socket.AddressFamily) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._taken: set[socket.socket] = set()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self._taken = {one for one in self._taken if one.fileno() >= 0}
        if len(self._taken) >= MOST + (RESERVED if is_local(address[0]) else 0):
            connection.close()
            raise ConnectionAbortedError  # which asyncio takes as "nobody there"
        self._taken.add(connection)
        return connection, address


class Impatient(H11Protocol):
    """Ends a connection when no request is being answered and SILENCE has passed."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _wait(self) -> None:
        self._stop()
        self._patience = self.loop.call_later(SILENCE, self._give_up)

    def _stop(self) -> None:
        if self._patience:
            self._patience.cancel()

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()  # `close` would wait for whoever does not read its answer
