"""A tiny LRS on loopback that says exactly what a test wrote down, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson


@dataclass
class Said:
    """One answer. Date is set by the server unless `headers` has one; `None` for a header leaves it out."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


Respond = Callable[[Asked], Said]


def page(statements: Iterable[bytes] = (), more: str = "", **headers: str | None) -> Said:
    """A StatementResult; `consistent_through=...` and `date=...` become headers."""
    names = {"consistent_through": "X-Experience-API-Consistent-Through", "date": "Date"}
    body = b'{"statements":[' + b",".join(statements) + b'],"more":' + orjson.dumps(more) + b"}"
    return Said(body, headers={names[name]: value for name, value in headers.items()})


class FakeLrs:
    """Serves `respond` on a free loopback port."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.endpoint = f"{self.origin}/xapi"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(lrs: FakeLrs) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, self.command, body)
            lrs.asked.append(asked)
            said = lrs.respond(asked)
            headers = {"Content-Type": "application/json", "Date": self.date_time_string()} | said.headers
            self.send_response_only(said.status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_PUT = do_POST = do_CONNECT = do_GET  # noqa: N815 - a store, a token endpoint, a proxy: no other manners

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


def in_turn(*answers: Said) -> Respond:
    """Each answer once, the last one for ever."""
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]
