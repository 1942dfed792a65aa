"""HTTP on loopback, with faults at the socket: reads, lets an application act, answers or cuts. Knows no operation."""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from connector.sandbox.clock import Clock
from connector.sandbox.faults import Side, Switch, Switches

MOST_BYTES = 32 * 1024 * 1024
_HTML = (
    b"<!DOCTYPE html><html><head><title>Rehearsal</title></head><body><h1>This page is not an answer</h1></body></html>"
)
_CUTS = ("cut-before-body", "cut-in-body", "cut-after-body", "cut-before-reply", "store-after-cut")


@dataclass(frozen=True)
class Request:
    """One request; `query` keeps every pair, `body` is what arrived of it."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Message
    body: bytes = b""

    @property
    def params(self) -> dict[str, str]:
        return dict(self.query)


@dataclass(frozen=True)
class Response:
    """One answer; `told` is, for PARS, the status it gives for each credit id."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)


class Application(Protocol):
    """What stands behind the carrier."""

    side: Side

    def operation(self, request: Request) -> str:
        """The operation's name, for switches and the log; `control` is never disturbed."""

    def act(self, request: Request) -> Response:
        """Do it."""

    def later(self, request: Request, seconds: float) -> None:
        """Do it once the clock has moved on by `seconds`."""

    def note(self, request: Request, response: Response | None, *, readable: bool) -> None:
        """What the caller got to see of the answer."""


class Server(ThreadingHTTPServer):
    """One application on a free loopback port. `stop` ends every thread at once, held and idle connections included."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, application: Application, switches: Switches, clock: Clock, port: int = 0) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise OSError(error.errno, f"port {port}: {error.strerror}") from None
        self.application = application
        self.switches = switches
        self.clock = clock
        self.stopping = threading.Event()
        self.open: set[socket.socket] = set()
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="rehearsal")

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._rope.close()  # wakes the thread: `shutdown` would wait until it looks up by itself
        self._thread.join()
        for connection in list(self.open):
            _close(connection)
        self.server_close()
        self._bell.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while not self.stopping.is_set():
                selector.select()
                if not self.stopping.is_set():
                    self.handle_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is daily business; anything else is a fault of ours and is shown."""
        if not isinstance(sys.exception(), OSError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: without this each answer waits 40 ms for an ack
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)
        if self.server.stopping.is_set():  # accepted as the door closed: `stop` has not seen this one
            _close(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def log_message(self, *_: Any) -> None:
        """Silent: the log that counts is the ledger's."""

    def do_GET(self) -> None:
        request = self._head()
        operation = self.server.application.operation(request)
        side = self.server.application.side
        switch = None if operation == "control" else self.server.switches.take_socket(side, operation)
        whole = self._body(request, switch)
        if whole is not None:
            self._serve(whole, operation, switch)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def _head(self) -> Request:
        parts = urlsplit(self.path)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, unquote(parts.path), query, self.headers)

    def _body(self, request: Request, switch: Switch | None) -> Request | None:
        """The request with its body, or None where there is nothing to serve any more."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES or self.headers.get("Transfer-Encoding"):
            self._answer(Response(411 if self.headers.get("Transfer-Encoding") else 413), close=True)
            return None
        short = {"cut-before-body": int(length), "cut-in-body": 1}.get(switch.fault if switch else "", 0)
        arrived = replace(request, body=self.rfile.read(max(int(length) - short, 0)))
        if switch and switch.fault in ("cut-before-body", "cut-in-body"):
            self._cut(arrived)
            return None
        return arrived

    def _serve(self, request: Request, operation: str, switch: Switch | None) -> None:
        application = self.server.application
        done = application.act(request) if switch is None or switch.acts else None
        if switch is None:
            response = done or Response(500)
            if operation != "control":
                application.note(request, response, readable=True)
            self._answer(response)
        elif switch.fault == "time-out":
            application.note(request, None, readable=False)
            self._hold()
        elif switch.fault in _CUTS:
            if switch.fault == "store-after-cut":
                application.later(request, switch.seconds)
            self._cut(request)
        else:
            self._disturb(request, switch, done)

    def _disturb(self, request: Request, switch: Switch, done: Response | None) -> None:
        if switch.fault == "cut-in-reply" and done:
            self.server.application.note(request, None, readable=False)
            self._answer(done, cut=True)
            return
        response = _disturbed(switch, done)
        readable = 400 <= response.status < 500
        self.server.application.note(request, response, readable=readable)
        self._answer(response)

    def _answer(self, response: Response, *, cut: bool = False, close: bool = False) -> None:
        self.send_response_only(response.status, HTTPStatus(response.status).phrase)
        self.send_header("X-Rehearsal", "pars-connector sandbox")
        date = format_datetime(self.server.clock.now(), usegmt=True)
        for name, value in {"Date": date, **response.headers}.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body[: len(response.body) // 2] if cut else response.body)
        if cut:
            self.close_connection = True
            _close(self.connection)

    def _cut(self, request: Request) -> None:
        """Close with a reset, as a dying machine does."""
        self.server.application.note(request, None, readable=False)
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _hold(self) -> None:
        """Answer nothing until the client hangs up or the rehearsal ends."""
        self.close_connection = True
        while not self.server.stopping.wait(0.02):
            if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                return


def _disturbed(switch: Switch, done: Response | None) -> Response:
    """What the caller gets in place of the answer."""
    seconds = str(int(switch.seconds))
    replies = {
        "error-500": Response(500, b"Internal Server Error", "text/plain"),
        "error-500-stored": Response(500, b"Internal Server Error", "text/plain"),
        "proxy-502": Response(502, _HTML, "text/html"),
        "too-many": Response(429, b"Too Many Requests", "text/plain", {"Retry-After": seconds}),
        "wrong-password": Response(401, b"Unauthorized", "text/plain"),
        "forbidden": Response(403, b"Forbidden", "text/plain"),
        "html-200": Response(200, _HTML, "text/html"),
        "empty-200": Response(200, b"", "text/plain"),
    }
    if switch.fault == "truncated" and done:
        return replace(done, body=done.body[: len(done.body) // 2], told={})
    return replies[switch.fault]


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone already
        connection.shutdown(socket.SHUT_RDWR)
