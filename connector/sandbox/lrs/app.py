"""The LRS over HTTP: xAPI 1.0.3's statements and about. Knows how requests look, not how statements are held."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import Any

import orjson

from connector.sandbox import control
from connector.sandbox.carrier import Request, Response
from connector.sandbox.faults import Side, Switch, Switches
from connector.sandbox.lrs import multipart as lrs_multipart
from connector.sandbox.lrs import questions as lrs_questions
from connector.sandbox.lrs import quirks as lrs_quirks
from connector.sandbox.lrs.checks import Wrong, check, is_uuid
from connector.sandbox.lrs.lrs import Conflict, Lrs
from connector.sandbox.lrs.multipart import UNASKED, Attachment
from connector.sandbox.lrs.rows import Query, Row, as_page
from connector.sandbox.lrs.tokens import Tokens

BASE = "/xapi"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_STATEMENTS = f"{BASE}/statements"
_MORE = f"{_STATEMENTS}/more/"
_VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")
_OTHER_ORIGINS = {"foreign-more": "http://lrs.example.net", "absolute-more-http": "http://inner.lrs.example.org:8080"}


class _Denied(Exception):
    """401, 404 or 405 with its reason."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers or {}


@dataclass
class LrsApp:
    """The application behind the LRS port."""

    lrs: Lrs
    switches: Switches
    control: control.Control
    tokens: Tokens
    side: Side = field(default="lrs", init=False)
    origin: str = ""

    def operation(self, request: Request) -> str:
        if request.path == TOKEN_PATH:
            return "token"
        if request.path.startswith(_MORE):
            return "more"
        if request.path == _STATEMENTS:
            return "read" if request.method == "GET" else "store"
        return "about" if request.path.startswith(f"{BASE}/") else "control"

    def act(self, request: Request) -> Response:
        operation = self.operation(request)
        self.control.pars.tick()
        if operation == "control":
            return self.control.act(request)
        if operation == "token":
            return self.tokens.grant(request)
        second = self._fires("version-2", operation)
        try:
            response = self._answer(request, operation, second=second)
        except _Denied as error:
            response = Response(error.status, str(error).encode(), "text/plain", error.headers)
        except Conflict as error:
            response = Response(409, str(error).encode(), "text/plain")
        except Wrong as error:
            response = Response(400, str(error).encode(), "text/plain")
        return replace(response, headers={**self._headers(operation, second=second), **response.headers})

    def later(self, request: Request, seconds: float) -> None:
        self.control.pars.later(seconds, lambda: self.act(request))

    def note(self, request: Request, response: Response | None, *, readable: bool) -> None:
        """Reading an LRS leaves no trace worth judging."""

    def _take(self, fault: str, operation: str) -> Switch | None:
        return self.switches.take(fault, "lrs", operation)

    def _fires(self, fault: str, operation: str) -> bool:
        return self._take(fault, operation) is not None

    def _headers(self, operation: str, *, second: bool) -> dict[str, str]:
        headers = {
            "X-Experience-API-Version": "2.0.0" if second else "1.0.3",
            "Date": format_datetime(self.lrs.now(), usegmt=True),
        }
        told = lrs_questions.moment(self.lrs.consistent_through(operation))
        if not self._fires("no-consistent-through", operation):
            headers["X-Experience-API-Consistent-Through"] = told
        return headers

    def _answer(self, request: Request, operation: str, *, second: bool) -> Response:
        versions = (*_VERSIONS, "2.0.0") if second else _VERSIONS
        if operation == "about":
            if request.path != f"{BASE}/about":
                raise _Denied(404, "no such resource in this rehearsal")
            return Response(200, json.dumps({"version": versions}).encode())
        self._check_caller(request, operation, versions)
        if operation == "more":
            return self._more(request)
        if request.method == "GET":
            return self._get(lrs_questions.params_of(request))
        if request.method == "POST":
            return self._post(request, second=second)
        if request.method == "PUT":
            return self._put(request, second=second)
        raise _Denied(405, f"{request.method} is not taken here")

    def _check_caller(self, request: Request, operation: str, versions: tuple[str, ...]) -> None:
        version = request.headers.get("X-Experience-API-Version")
        if version != "1.0" and version not in versions:
            raise Wrong(f"X-Experience-API-Version is {version or 'missing'}; this LRS knows {', '.join(versions)}")
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            self._check_token(rest, operation)
            return
        right = base64.b64encode(f"{self.lrs.user}:{self.lrs.password}".encode()).decode()
        if scheme != "Basic" or not hmac.compare_digest(rest.encode(), right.encode()):
            raise _Denied(401, "wrong user or password", {"WWW-Authenticate": 'Basic realm="rehearsal"'})

    def _check_token(self, token: str, operation: str) -> None:
        if self._fires("expire-token", operation):
            self.tokens.forget(token)
        if not self.tokens.is_good(token):
            raise _Denied(401, "no such token, or no more", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def _get(self, params: Mapping[str, str]) -> Response:
        wanted = lrs_questions.single(params)
        if wanted is None:
            return self._ask(lrs_questions.query(params))
        voids = not self._fires("no-voiding", "read")
        name, statement_id = wanted
        if name == "voidedStatementId" and not voids:
            return self._page(replace(Query(), shows_voided=True), "read")
        found = self.lrs.one(statement_id, voided=name == "voidedStatementId" if voids else None)
        if found is None:
            raise _Denied(404, "no such statement")
        return self._with_attachments(found.raw, (found,), "read", asked=lrs_questions.flag(params, "attachments"))

    def _ask(self, query: Query) -> Response:
        return self._page(lrs_quirks.understood(query, lambda fault: self._take(fault, "read")), "read")

    def _more(self, request: Request) -> Response:
        query = self.lrs.behind(request.path.removeprefix(_MORE))
        if query is None or self._fires("expired-more", "more"):
            raise _Denied(404, "this `more` has expired")
        return self._page(query, "more")

    def _page(self, query: Query, operation: str) -> Response:
        if self._fires("descending", operation):
            query = replace(query, ascending=False)
        if self._fires("empty-pages", operation):
            return Response(200, as_page((), self._link(query, operation)))
        page = self.lrs.query(query)
        if page.more is None:
            more = None if self._fires("absent-more", operation) else ""
        else:
            more = self._link(query if self._fires("looping-more", operation) else page.more, operation)
        return self._with_attachments(as_page(page.rows, more), page.rows, operation, asked=query.attachments)

    def _link(self, query: Query, operation: str) -> str:
        """Where `query` can be asked for: a path, as the specification has it, or some server's idea of an address."""
        origins = {"absolute-more": self.origin, **_OTHER_ORIGINS}
        origin = next((origin for fault, origin in origins.items() if self._fires(fault, operation)), "")
        return origin + _MORE + self.lrs.token(query)

    def _with_attachments(self, document: bytes, rows: Iterable[Row], operation: str, *, asked: bool) -> Response:
        unasked = self._fires("multipart", operation)
        if not asked and not unasked:
            return Response(200, document)
        attachments = self.lrs.attached(rows) or ([UNASKED] if unasked else [])
        content_type, body = lrs_multipart.join(document, attachments)
        return Response(200, body, content_type)

    def _post(self, request: Request, *, second: bool) -> Response:
        if request.query:
            raise Wrong(f"unknown parameter {request.query[0][0]}")
        found, attachments = _body(request)
        statements = found if isinstance(found, list) else [found]
        for statement in statements:
            check(statement, second=second)
        ids = [one["id"].lower() for one in statements if "id" in one]
        if len(set(ids)) < len(ids):
            raise Wrong("one id stands twice in the batch")
        return Response(200, json.dumps(self._store(statements, attachments, second=second)).encode())

    def _put(self, request: Request, *, second: bool) -> Response:
        params = lrs_questions.params_of(request)
        if set(params) != {"statementId"} or not is_uuid(params["statementId"]):
            raise Wrong("PUT wants statementId, a UUID, and nothing else")
        statement, attachments = _body(request)
        check(statement, second=second)
        if statement.setdefault("id", params["statementId"]).lower() != params["statementId"].lower():
            raise Wrong("statementId and the statement's id differ")
        self._store([statement], attachments, second=second)
        return Response(204)

    def _store(self, statements: list[Any], attachments: list[Attachment], *, second: bool) -> list[str]:
        lrs_multipart.match(statements, attachments)
        return self.lrs.store(statements, attachments, version="2.0.0" if second else "1.0.0")


def _body(request: Request) -> tuple[Any, list[Attachment]]:
    """What was sent, and what is attached to it."""
    content_type = request.headers.get("Content-Type", "")
    document, attachments = request.body, list[Attachment]()
    if lrs_multipart.kind(content_type) == "multipart/mixed":
        document, attachments = lrs_multipart.split(content_type, request.body)
    elif lrs_multipart.kind(content_type) != "application/json":
        raise Wrong("Content-Type is application/json or multipart/mixed")
    try:
        return orjson.loads(document), attachments
    except ValueError as error:
        raise Wrong(f"the body is not JSON: {error}") from None
