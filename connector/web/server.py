"""A small HTTP server in a thread of its own: health and metrics, and the inlet where config.yaml has one."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.collection.inlet.app import Inlet, Limits
from connector.config import Config, Tls
from connector.errors import ConfigError, NeedsOperator
from connector.store.session import Store
from connector.web import health
from connector.web.connections import Impatient, Listener, is_local

STALE = 300.0  # seconds without any finished job, beside the time that the schedule itself leaves: the daemon hangs


class HealthServer:
    """/livez, /readyz, /metrics and /xapi; `beat()` is called after each finished job."""

    def __init__(self, store: Store, config: Config, limits: Limits | None = None) -> None:
        self._store = store
        self._inlet = Inlet(store, config, limits or Limits()) if config.inlets else None
        self._address = (config.web.host, config.web.port)
        self._tls = config.web.tls
        self._store_file = health.inode(store)
        self._stale = STALE + min(config.schedule.digest, config.schedule.submission).total_seconds()
        self._beat = time.monotonic()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = config.web.port

    def beat(self) -> None:
        self._beat = time.monotonic()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/livez", self._livez),
                Route("/readyz", self._page(self._readyz)),
                Route("/metrics", self._page(self._metrics)),
                *(self._inlet.routes() if self._inlet else ()),
            ]
        )

    def start(self) -> None:
        """Answers from the moment it returns.

        Raises NeedsOperator when the port is taken, ConfigError when the certificate or its key cannot be used.
        """
        if self._tls:
            _check(self._tls)
        if self._inlet:
            self._inlet.open()
        listener = self._listen()
        self.port = listener.getsockname()[1]
        settings = uvicorn.Config(
            self.app(),
            loop="asyncio",  # the listener counts what this loop accepts
            http=Impatient,
            ws="none",
            forwarded_allow_ips=["127.0.0.1", "::1"],
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="health", daemon=True)
        self._thread.start()

    def _listen(self) -> socket.socket:
        host, port = self._address
        listener = Listener(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(self._address)
            listener.listen()  # here and not in the thread: of two that may bind, one may listen
        except OSError as error:
            listener.close()
            raise NeedsOperator(
                "web.port_taken",
                f"port {port} of {host} cannot be used: {error.strerror}",
                "set web.port in config.yaml to another port, or to 0 for a free one",
            ) from None
        return listener

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(timeout=2)

    def _page(self, make: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
        """For this machine, and where senders reach us from elsewhere with a login of theirs only."""
        shared = _Shared(make)

        async def page(request: Request) -> Response:
            if self._inlet and not (request.client and is_local(request.client.host)):
                refusal = await self._inlet.stranger(request)
                if refusal:
                    return refusal
            return await shared.answer()

        return page

    async def _livez(self, _request: Request) -> Response:
        quiet = time.monotonic() - self._beat
        alive = quiet < self._stale
        return JSONResponse({"alive": alive, "quiet_s": round(quiet)}, status_code=200 if alive else 503)

    def _readyz(self) -> Response:
        stopped = health.readiness(self._store)
        if not stopped and health.inode(self._store) != self._store_file:
            stopped = ["store.replaced"]
        return JSONResponse({"ready": not stopped, "stopped": stopped}, status_code=503 if stopped else 200)

    def _metrics(self) -> Response:
        return Response(health.exposition(self._store), media_type="text/plain; version=0.0.4")


class _Shared:
    """One answer at a time, made in a thread: whoever asks meanwhile gets the same one.

    So the gauges are cleared and set by one thread, and however many ask, the store is asked once.
    """

    def __init__(self, make: Callable[[], Response]) -> None:
        self._make = make
        self._making: asyncio.Task[Response] | None = None

    async def answer(self) -> Response:
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(run_in_threadpool(self._make))
        return await asyncio.shield(self._making)


def _check(tls: Tls) -> None:
    """The server's thread would only die of it; and a key under a password would make it ask at the terminal."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=lambda: "-")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise ConfigError(
            "config.certificate",
            f"web.tls cannot be used: {type(error).__name__}",
            "both files must be readable, in PEM, belong together, and the key must have no password",
            where=str(tls.certificate),
        ) from None
