"""A real mail server and a real webhook on loopback, and the desk that tells them."""

from __future__ import annotations

import email
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from connector.config import Secret
from connector.config.desk import DeskConfig, NoticesConfig
from connector.store.states import State
from tests.delivery.workplace import STEWARDSHIP, Delivery
from tests.real_lrs import free_port


@dataclass
class MailServer:
    """Keeps what it was given; with `reply` it says something else than yes."""

    port: int
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    reply: str = "250 OK"
    tried: int = 0
    unknown: frozenset[str] = frozenset()
    """Mailboxes that it refuses."""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.tried += 1
        if self.reply.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=policy.default)
            self.mails.append((list(envelope.rcpt_tos), message))  # type: ignore[arg-type]
            self.raw.append(envelope.content)
        return self.reply

    def address(self, folder: Path, to: str = "") -> Secret:
        """The secret that names this server, and a recipient unless it is for learners."""
        path = folder / f"mail-{to or 'learners'}.address"
        recipient = f"&to={to}" if to else ""
        host = f"127.0.0.1:{self.port}"
        path.write_text(f"mailto://{host}/?from=desk@example.edu&smtp=127.0.0.1&mode=insecure{recipient}")
        return Secret(file=path)

    def bodies(self) -> list[str]:
        return [message.get_body(("plain",)).get_content() for _, message in self.mails]  # type: ignore[union-attr]


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer(free_port())
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class Hook:
    """What a webhook was sent; `status` is what it answers."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def hook() -> Iterator[Hook]:
    mine = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mine.got.append((dict(self.headers), json.loads(body)))
            self.send_response(mine.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(405)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    mine.url = f"http://127.0.0.1:{server.server_port}/cme"
    try:
        yield mine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told_to(place: Delivery, **notices: Any) -> None:
    place.set(desk=DeskConfig(notices=NoticesConfig(**notices)))


def case(place: Delivery, code: str = "learner.no_birth_day", *, who: str = "coordinator", **more: Any) -> int:
    """A held credit with this problem."""
    change = {name: more.pop(name) for name in ("state_since",) if name in more}
    [pk] = place.ready(**{"person": "aoneill", "activity": STEWARDSHIP, "state": State.HELD, **more})
    problem = {"code": code, "field": "ids.ABIM", "message": f"what {code} means", "who": who}
    place.change(pk, reason=code, problems=[problem], **change)
    return pk
