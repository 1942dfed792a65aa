"""The connector as the endpoint that Moodle's plugin and other LRSs post to: xAPI's statements and about over HTTP.

Knows how requests look, not what a statement is. An answer leaves after the commit and never before.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.collection.inlet import deposit, received
from connector.collection.inlet.places import Places
from connector.collection.inlet.received import RefusedError, Sender, busy
from connector.collection.inlet.refusals import Refusals
from connector.collection.inlet.senders import Senders
from connector.config import Config
from connector.errors import ConnectorError
from connector.logs import log
from connector.lrs import moments
from connector.lrs.statement import Read
from connector.metrics import STAGE_ERRORS
from connector.store.poison import describe
from connector.store.session import Store

BASE = "/xapi"
VERSIONS = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]
_VERSION = "X-Experience-API-Version"
_TAKEN_VERSION = re.compile(r"1\.0(\.\d{1,3})?|2\.0(\.\d{1,3})?", re.ASCII)
_LISTEN_BYTES, _LISTEN_SECONDS = 1024 * 1024, 1.0
T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """What one request may cost: bytes, statements, and seconds for its body and for the store."""

    most_bytes: int = 16 * 1024 * 1024
    most_statements: int = 5000
    body_seconds: float = 30.0
    store_seconds: float = 5.0
    at_once: int = 12  # bodies in memory, of one sender among several half of them; whoever comes then comes again
    writers: int = 2


class Inlet:
    """The routes under /xapi; ConfigError when a sender's password is not where config.yaml says."""

    def __init__(self, store: Store, config: Config, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._inlets = config.inlets
        self._senders = Senders(config.inlets)
        self._places = Places(limits.at_once, senders=len(config.inlets))
        self._turn = asyncio.Semaphore(limits.writers)
        self._refusals = Refusals()

    def open(self) -> None:
        deposit.open_sources(self._store, [inlet.name for inlet in self._inlets])

    def routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/about", self._about),
            *(
                Route(f"{BASE}/statements{end}", self._statements, methods=["GET", "POST", "PUT"])
                for end in ("", "/")  # a redirect from one to the other would cost a sender its body
            ),
        ]

    async def stranger(self, request: Request) -> Response | None:
        """What is answered to a request without a sender's login; None where it has one."""
        try:
            self._senders.who(request.headers.get("Authorization", ""))
        except RefusedError as refused:
            self._refusals.say("", refused.code)
            return await _refusal(request, refused)
        return None

    async def _about(self, request: Request) -> Response:
        return _answer(JSONResponse({"version": VERSIONS}), request)

    async def _statements(self, request: Request) -> Response:
        source = ""
        try:
            inlet = self._senders.who(request.headers.get("Authorization", ""))
            source = inlet.name
            sender = Sender(inlet, _version(request), datetime.now(UTC))
            response = await self._handle(request, sender)
        except RefusedError as refused:
            self._refusals.say(source, refused.code)
            response = await _refusal(request, refused)
        except Exception as unknown:
            STAGE_ERRORS.labels(stage="inlet").inc()
            log.error("stage.poisoned", stage="inlet", error=describe(unknown))
            response = JSONResponse({"code": "connector.unexpected"}, 500)
        else:
            self._refusals.forget(source)
        return _answer(response, request)

    async def _handle(self, request: Request, sender: Sender) -> Response:
        if request.method == "PUT":
            return await self._put(request, sender)
        return await (self._post if request.method == "POST" else self._get)(request, sender)

    async def _post(self, request: Request, sender: Sender) -> Response:
        kind = request.headers.get("Content-Type", "")

        def read(body: bytes) -> list[Read]:
            raws, _ = received.statements(received.document(body, kind), most=self._limits.most_statements)
            return [received.complete(raw, sender) for raw in raws]

        reads = await self._keep(request, sender, read)
        return JSONResponse([one.statement.id for one in reads])

    async def _put(self, request: Request, sender: Sender) -> Response:
        wanted = _statement_id(request)
        kind = request.headers.get("Content-Type", "")

        def read(body: bytes) -> list[Read]:
            raws, is_batch = received.statements(received.document(body, kind), most=self._limits.most_statements)
            if is_batch:
                raise RefusedError(400, "inlet.not_json", "a PUT takes one statement, not an array")
            if received.said_id(raws[0]) not in ("", wanted):
                raise RefusedError(400, "inlet.statement_id", "the statement has another id than statementId says")
            return [received.complete(raws[0], sender, wanted)]

        await self._keep(request, sender, read)
        return Response(status_code=204)

    async def _get(self, request: Request, sender: Sender) -> Response:
        wanted = _statement_id(request)
        found = await self._in_time(self._begun(lambda _ends: deposit.find(self._store, sender.inlet.name, wanted)))
        if found is None:
            raise RefusedError(404, "inlet.not_found", "no such statement of this sender")
        headers = {"X-Experience-API-Consistent-Through": moments.render(sender.now)}
        if found.stored is not None:
            headers["Last-Modified"] = format_datetime(found.stored, usegmt=True)
        return Response(found.raw, media_type="application/json", headers=headers)

    async def _keep(self, request: Request, sender: Sender, read: Callable[[bytes], list[Read]]) -> list[Read]:
        """The body, read and kept in a thread, so that /livez goes on answering."""
        name = sender.inlet.name
        with contextlib.ExitStack() as place:
            place.enter_context(self._places.one(name))
            body = await self._body(request)

            def kept(ends: float) -> tuple[list[Read], int]:
                reads = read(body)
                least = self._limits.store_seconds / 5  # what took long to read is kept, and known when it comes again
                within = max(least, ends - time.monotonic())
                return reads, deposit.keep(self._store, name, reads, now=sender.now, within=within) if reads else 0

            task = self._begun(kept)
            held = place.pop_all()  # the body is in memory until the job has ended, whenever the sender is answered
            task.add_done_callback(lambda _: held.close())
        reads, conflicts = await self._in_time(task)
        if conflicts:
            raise RefusedError(409, "inlet.conflict", f"{conflicts} statements have an id that stands for another one")
        return reads

    def _begun(self, job: Callable[[float], T]) -> asyncio.Future[T]:
        """The job in a thread, in its turn; it is told when its time ends, and never begins after that."""
        if self._store.stopping.is_set():
            raise busy("inlet.busy", "the connector is ending")
        ends = time.monotonic() + self._limits.store_seconds

        async def work() -> T:
            async with asyncio.timeout(self._limits.store_seconds):
                await self._turn.acquire()
            try:
                return await asyncio.to_thread(job, ends)
            finally:
                self._turn.release()

        task = asyncio.ensure_future(work())
        task.add_done_callback(_seen)
        return task

    async def _in_time(self, task: asyncio.Future[T]) -> T:
        """The job's result; 503 when the store has not done it in time, or fails."""
        try:
            # a thread cannot be ended: what it keeps after this answer is known, or linked, when it is sent again
            return await asyncio.wait_for(asyncio.shield(task), self._limits.store_seconds + 0.5)
        except (TimeoutError, ConnectorError, SQLAlchemyError):
            raise busy("inlet.busy", "the store did not take it in time; nothing is lost if it is sent again") from None

    async def _body(self, request: Request) -> bytes:
        """The whole body, bounded in bytes and seconds."""
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise RefusedError(415, "inlet.encoding", "packed bodies are not taken", unread=True)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await _bounded(request, self._limits.most_bytes)
        except TimeoutError:
            close = {"Connection": "close"}  # and nobody listens any longer: who was slow may be slower
            raise RefusedError(408, "inlet.slow", "the body did not come in time", close) from None
        except ClientDisconnect:
            raise RefusedError(400, "inlet.cut_off", "the connection ended before the body did") from None


async def _refusal(request: Request, refused: RefusedError) -> Response:
    """Closing a connection on bytes that nobody read would take the answer with it: a little more is listened to."""
    headers = refused.headers
    if refused.unread:
        headers = headers | {"Connection": "close"}
        with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):  # the last: it had come to its end
            async with asyncio.timeout(_LISTEN_SECONDS):
                await _listen_out(request, _LISTEN_BYTES)
    return JSONResponse({"code": refused.code, "message": refused.message}, refused.status, headers=headers)


async def _listen_out(request: Request, most: int) -> None:
    async for chunk in request.stream():
        most -= len(chunk)
        if most < 0:
            return


async def _bounded(request: Request, most: int) -> bytes:
    said = request.headers.get("Content-Length", "")
    body = bytearray()
    if said.isdigit() and int(said) > most:
        raise RefusedError(413, "inlet.too_large", f"the body is larger than {most} bytes", unread=True)
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise RefusedError(413, "inlet.too_large", f"the body is larger than {most} bytes", unread=True)
    return bytes(body)


def _version(request: Request) -> str:
    said = request.headers.get(_VERSION, "")
    if not _TAKEN_VERSION.fullmatch(said):
        what = "is missing" if not said else "is none of " + ", ".join(VERSIONS)
        raise RefusedError(400, "inlet.version", f"{_VERSION} {what}", unread=True)
    return said


def _statement_id(request: Request) -> str:
    """The one parameter that we take, in lower case."""
    said = request.query_params.get("statementId", "").lower()
    if not received.is_uuid(said):
        message = "statementId must be a UUID; this endpoint takes statements in and shows them one by one"
        raise RefusedError(400, "inlet.statement_id", message, unread=True)
    return said


def _answer(response: Response, request: Request) -> Response:
    """Every answer names a version: the request's own where it is one of ours."""
    said = request.headers.get(_VERSION, "")
    response.headers[_VERSION] = said if _TAKEN_VERSION.fullmatch(said) else "1.0.3"
    return response


def _seen(task: asyncio.Future[T]) -> None:
    """An exception after the answer is nobody's news: the sender was told to come again."""
    if not task.cancelled():
        task.exception()
