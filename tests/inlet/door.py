"""An inlet on a store of its own, running on a free port, and a sender that posts to it over HTTP."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from sqlmodel import col, select

from connector.collection.inlet.app import Limits
from connector.config import Config
from connector.store.session import Store
from connector.store.tables import StatementRow
from connector.web.server import HealthServer
from tests.conftest import TRUST
from tests.lrs.samples import moodle

USER, PASSWORD, PASSWORD_IN = "moodle", "inlet-pässword", "TEST_INLET_PASSWORD"
VERSION = {"X-Experience-API-Version": "1.0.3"}
INLETS = [
    {"name": "moodle", "inlet": {"user": USER, "password": {"env": PASSWORD_IN}}},
    {"name": "forwarded", "inlet": {"user": "locker", "password": {"env": PASSWORD_IN}}, "groups": "fan_out"},
]
PROVIDER = {
    "id": "0001234",
    "name": "Example Provider",
    "zone": "America/Chicago",
    "domain": "example.org",
    "environment": "rehearsal",
    "credentials": {"provider_id": "0001234", "user": "u", "password": {"env": PASSWORD_IN}},
}
SMALL = Limits(most_bytes=200_000, most_statements=20, body_seconds=0.2, store_seconds=0.2, at_once=1)


@dataclass
class Door:
    """`post` and `put` send as a plugin would; `rows` is what stands in the store."""

    store: Store
    http: httpx.Client
    port: int

    def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post("/xapi/statements", content=content, headers={"Content-Type": "application/json"} | named)

    def put(self, statement_id: str, body: Any) -> httpx.Response:
        return self.http.put("/xapi/statements", params={"statementId": statement_id}, content=orjson.dumps(body))

    def get(self, statement_id: str) -> httpx.Response:
        return self.http.get("/xapi/statements", params={"statementId": statement_id})

    def rows(self) -> list[StatementRow]:
        with self.store.reading() as session:
            return list(session.exec(select(StatementRow).order_by(col(StatementRow.id))))


@contextmanager
def opened(store: Store, limits: Limits | None = None, **web: Any) -> Iterator[Door]:
    config = Config.model_validate({"providers": [PROVIDER], "sources": INLETS, "web": {"port": 0} | web})
    with serving(store, config, limits) as door:
        yield door


@contextmanager
def serving(store: Store, config: Config, limits: Limits | None = None) -> Iterator[Door]:
    server = HealthServer(store, config, limits)
    server.start()
    scheme = "https" if config.web.tls else "http"
    try:
        with httpx.Client(
            base_url=f"{scheme}://127.0.0.1:{server.port}",
            auth=httpx.BasicAuth(USER, PASSWORD),
            headers=VERSION,
            verify=TRUST if config.web.tls is None else False,
            trust_env=False,
        ) as client:
            yield Door(store, client, server.port)
    finally:
        server.stop()


def plugin(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A statement as logstore_xapi posts it: without id, stored, version and authority."""
    whole = copy.deepcopy(moodle(number))
    posted = {name: value for name, value in whole.items() if name not in ("id", "stored", "version", "authority")}
    return posted | changes
