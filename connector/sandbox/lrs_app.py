"""The LRS over HTTP: xAPI 1.0.3's statements and about. Knows how requests look, not how statements are held."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson

from connector.sandbox import control
from connector.sandbox.carrier import Request, Response
from connector.sandbox.faults import Side, Switches
from connector.sandbox.lrs import Conflict, Lrs, Query, as_page
from connector.sandbox.lrs_checks import Wrong, check, instant, is_uuid
from connector.sandbox.lrs_filters import Filter, identifier

BASE = "/xapi"
_STATEMENTS = f"{BASE}/statements"
_MORE = f"{_STATEMENTS}/more/"
_VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")
_FILTERS = {
    "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit",
    "ascending", "format", "attachments",
}  # fmt: skip
_OTHER_ORIGIN = "http://lrs.example.net"


class _Denied(Exception):
    """401, 403 or 404 with its reason."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class LrsApp:
    """The application behind the LRS port."""

    lrs: Lrs
    switches: Switches
    control: control.Control
    side: Side = "lrs"
    origin: str = ""

    def operation(self, request: Request) -> str:
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
        try:
            response = self._answer(request, operation)
        except _Denied as error:
            response = Response(error.status, str(error).encode(), "text/plain")
        except Conflict as error:
            response = Response(409, str(error).encode(), "text/plain")
        except Wrong as error:
            response = Response(400, str(error).encode(), "text/plain")
        told = _stamp(self.lrs.consistent_through(operation))
        headers = {"X-Experience-API-Version": "1.0.3", "X-Experience-API-Consistent-Through": told, **response.headers}
        headers["Date"] = format_datetime(self.lrs.now(), usegmt=True)
        return Response(response.status, response.body, response.content_type, headers)

    def later(self, request: Request, seconds: float) -> None:
        self.control.pars.later(seconds, lambda: self.act(request))

    def note(self, request: Request, response: Response | None, *, readable: bool) -> None:
        """Reading an LRS leaves no trace worth judging."""

    def _answer(self, request: Request, operation: str) -> Response:
        if operation == "about":
            if request.path != f"{BASE}/about":
                raise _Denied(404, "no such resource in this rehearsal")
            return Response(200, json.dumps({"version": list(_VERSIONS)}).encode())
        self._check_caller(request)
        if operation == "more":
            return self._more(request)
        handlers = {"GET": self._get, "POST": self._post, "PUT": self._put}
        if request.method not in handlers:
            raise _Denied(405, f"{request.method} is not taken here")
        return handlers[request.method](request)

    def _check_caller(self, request: Request) -> None:
        version = request.headers.get("X-Experience-API-Version")
        if version is None or not (version == "1.0" or version in _VERSIONS):
            raise Wrong(f"X-Experience-API-Version is {version or 'missing'}; this is a 1.0.3 LRS")
        given = request.headers.get("Authorization", "")
        right = "Basic " + base64.b64encode(f"{self.lrs.user}:{self.lrs.password}".encode()).decode()
        if not hmac.compare_digest(given.encode(), right.encode()):
            raise _Denied(401, "wrong user or password")

    def _get(self, request: Request) -> Response:
        params = _params(request)
        by_id = {"statementId", "voidedStatementId"} & set(params)
        if by_id:
            return self._one(params, by_id)
        if unknown := sorted(set(params) - _FILTERS):
            raise Wrong(f"unknown parameter {unknown[0]}")
        if params.get("format", "exact") not in ("exact", "canonical"):
            raise Wrong("this rehearsal shows statements in the formats exact and canonical only")
        if _flag(params, "attachments"):
            raise Wrong("this rehearsal holds no attachments")
        return self._page(_query(params), "read")

    def _one(self, params: Mapping[str, str], by_id: set[str]) -> Response:
        if len(by_id) > 1 or set(params) - by_id - {"format", "attachments"}:
            raise Wrong("statementId and voidedStatementId go alone")
        name = by_id.pop()
        if not is_uuid(params[name]):
            raise Wrong(f"{name} is not a UUID")
        found = self.lrs.one(params[name], voided=name == "voidedStatementId")
        if found is None:
            raise _Denied(404, "no such statement")
        return Response(200, found)

    def _more(self, request: Request) -> Response:
        query = self.lrs.behind(request.path.removeprefix(_MORE))
        if query is None or self.switches.take("expired-more", "lrs", "more"):
            raise _Denied(404, "this `more` has expired")
        return self._page(query, "more")

    def _page(self, query: Query, operation: str) -> Response:
        def fires(fault: str) -> bool:
            return self.switches.take(fault, "lrs", operation) is not None

        def link(query: Query) -> str:
            path = _MORE + self.lrs.token(query)
            return (
                self.origin + path
                if fires("absolute-more")
                else _OTHER_ORIGIN + path
                if fires("foreign-more")
                else path
            )

        if fires("descending"):
            query = replace(query, ascending=False)
        if fires("empty-pages"):
            return Response(200, as_page((), link(query)))
        page = self.lrs.query(query)
        if page.more is None:
            return Response(200, as_page(page.rows, ""))
        return Response(200, as_page(page.rows, link(query if fires("looping-more") else page.more)))

    def _post(self, request: Request) -> Response:
        if request.query:
            raise Wrong(f"unknown parameter {request.query[0][0]}")
        found = _body(request)
        statements = found if isinstance(found, list) else [found]
        for statement in statements:
            check(statement)
        ids = [one["id"].lower() for one in statements if "id" in one]
        if len(set(ids)) < len(ids):
            raise Wrong("one id stands twice in the batch")
        return Response(200, json.dumps(self.lrs.store(statements)).encode())

    def _put(self, request: Request) -> Response:
        params = _params(request)
        if set(params) != {"statementId"} or not is_uuid(params["statementId"]):
            raise Wrong("PUT wants statementId, a UUID, and nothing else")
        statement = _body(request)
        check(statement)
        if statement.setdefault("id", params["statementId"]).lower() != params["statementId"].lower():
            raise Wrong("statementId and the statement's id differ")
        self.lrs.store([statement])
        return Response(204)


def _body(request: Request) -> Any:
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        raise Wrong("Content-Type is application/json; this rehearsal holds no attachments")
    try:
        return orjson.loads(request.body)
    except ValueError as error:
        raise Wrong(f"the body is not JSON: {error}") from None


def _params(request: Request) -> dict[str, str]:
    if len(request.params) < len(request.query):
        raise Wrong("a parameter stands twice")
    return request.params


def _query(params: Mapping[str, str]) -> Query:
    limit = params.get("limit", "0")
    if not limit.isdigit():
        raise Wrong("limit is a non-negative integer")
    return Query(
        filter=Filter(
            agent=_agent(params["agent"]) if "agent" in params else None,
            verb=params.get("verb"),
            activity=params.get("activity"),
            registration=params.get("registration"),
            related_activities=_flag(params, "related_activities"),
            related_agents=_flag(params, "related_agents"),
        ),
        since=_time(params, "since"),
        until=_time(params, "until"),
        ascending=_flag(params, "ascending"),
        limit=int(limit),
    )


def _agent(text: str) -> tuple[str, Any]:
    try:
        found = identifier(json.loads(text))
    except (ValueError, TypeError, AttributeError):
        found = None
    if found is None:
        raise Wrong("agent is the JSON of an agent with one identifier")
    return found


def _flag(params: Mapping[str, str], name: str) -> bool:
    """true or false, in lower case: `True` is Python's spelling and not xAPI's."""
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise Wrong(f"{name} is true or false, not {text!r}")
    return text == "true"


def _time(params: Mapping[str, str], name: str) -> datetime | None:
    return instant(params[name]) if name in params else None


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
