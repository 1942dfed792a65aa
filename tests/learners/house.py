"""The house's own directories of people: a database, and an endpoint on loopback whose answers a test decides."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.learners.middle import ANNA, BORIS, SITE

ODD = ANNA | {
    "email": "o'brien+cme%x@example.org",
    "account": "7",
    "username": "o'brien",
    "given_name": "Łucja-Mae",
    "family_name": 'O\'Brien; née "Ødegård"',
    "npi": "1992739690",
    "board_id": "410109",
}
PEOPLE = (ANNA, BORIS, ODD)
COLUMNS = (
    "email", "account", "username", "given_name", "family_name", "birth_day", "npi", "board", "board_id",
    "profession", "consent",
)  # fmt: skip
QUERY = f"SELECT {', '.join(COLUMNS)} FROM staff WHERE lower(email) IN :emails OR account IN :accounts"


def database(path: Path, *people: dict[str, str]) -> str:
    """A staff table in a SQLite file, and its address."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE IF EXISTS staff")
        connection.execute(f"CREATE TABLE staff ({', '.join(COLUMNS)})")
        rows = [[one.get(column) for column in COLUMNS] for one in people or PEOPLE]
        connection.executemany(f"INSERT INTO staff VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    connection.close()
    return f"sqlite:///{path}"


@dataclass
class Endpoint:
    """Answers GET /staff/<email or account> and POST /staff; `fault` is a status and a body for every request."""

    people: Sequence[dict[str, Any]] = PEOPLE
    fault: tuple[int, bytes, dict[str, str]] | None = None
    asked: list[tuple[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    address: str = ""
    wrap: Callable[[list[dict[str, Any]]], Any] = lambda people: people

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        said = json.loads(body) if body else unquote(path.removeprefix("/staff/"))
        self.asked.append((method, said))
        if self.fault:
            return self.fault
        keys = {*said["emails"], *said["accounts"]} if method == "POST" else {said}
        found = [one for one in self.people if not keys.isdisjoint({one["email"], one["account"]})]
        if method == "GET" and not found:
            return 404, b"", {}
        return 200, json.dumps(self.wrap(found)).encode(), {"Content-Type": "application/json"}

    @contextmanager
    def serving(self) -> Iterator[Endpoint]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.address = f"http://127.0.0.1:{server.server_port}/staff"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def settings(endpoint: Endpoint, by: str = "", **more: Any) -> dict[str, Any]:
    place = {"email": "/{email}", "account": "/{account}", "": ""}[by]
    return {"http": {"url": endpoint.address + place, "home_page": SITE, "timeout": "5s", **more}}


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            endpoint.headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer, headers = endpoint.answer(self.command, self.path, body)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(answer))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _answer  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
