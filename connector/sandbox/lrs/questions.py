"""What a read asks for: parameters as xAPI spells them, made a query, or Wrong. Pure; knows no store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.sandbox.carrier import Request
from connector.sandbox.lrs.checks import Wrong, instant, is_iri, is_uuid
from connector.sandbox.lrs.filters import Filter, identifier
from connector.sandbox.lrs.rows import Query

_KNOWN = {
    "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until", "limit",
    "ascending", "format", "attachments",
}  # fmt: skip
_BY_ID = {"statementId", "voidedStatementId"}


def params_of(request: Request) -> dict[str, str]:
    if len(request.params) < len(request.query):
        raise Wrong("a parameter stands twice")
    if request.params.get("format", "exact") not in ("exact", "canonical"):
        raise Wrong("this rehearsal shows statements in the formats exact and canonical only")
    return request.params


def single(params: Mapping[str, str]) -> tuple[str, str] | None:
    """Which of the two parameters asks for one statement, and its id; None where several are asked for."""
    found = _BY_ID & set(params)
    if not found:
        return None
    if len(found) > 1 or set(params) - found - {"format", "attachments"}:
        raise Wrong("statementId and voidedStatementId go alone")
    name = found.pop()
    if not is_uuid(params[name]):
        raise Wrong(f"{name} is not a UUID")
    return name, params[name]


def query(params: Mapping[str, str]) -> Query:
    if unknown := sorted(set(params) - _KNOWN):
        raise Wrong(f"unknown parameter {unknown[0]}")
    limit = params.get("limit", "0")
    if not (limit.isascii() and limit.isdigit()):
        raise Wrong("limit is a non-negative integer")
    return Query(
        filter=_filter(params),
        since=instant(params["since"]) if "since" in params else None,
        until=instant(params["until"]) if "until" in params else None,
        ascending=flag(params, "ascending"),
        limit=int(limit),
        attachments=flag(params, "attachments"),
    )


def flag(params: Mapping[str, str], name: str) -> bool:
    """true or false, in lower case: `True` is Python's spelling and not xAPI's."""
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise Wrong(f"{name} is true or false, not {text!r}")
    return text == "true"


def _filter(params: Mapping[str, str]) -> Filter:
    for name in ("verb", "activity"):
        if name in params and not is_iri(params[name]):
            raise Wrong(f"{name} is not an IRI")
    if "registration" in params and not is_uuid(params["registration"]):
        raise Wrong("registration is not a UUID")
    return Filter(
        agent=_agent(params["agent"]) if "agent" in params else None,
        verb=params.get("verb"),
        activity=params.get("activity"),
        registration=params.get("registration"),
        related_activities=flag(params, "related_activities"),
        related_agents=flag(params, "related_agents"),
    )


def _agent(text: str) -> tuple[str, Any]:
    try:
        found = identifier(json.loads(text))
    except (ValueError, TypeError, AttributeError):
        found = None
    if found is None:
        raise Wrong("agent is the JSON of an agent with one identifier")
    return found


def moment(at: datetime) -> str:
    """A time as the LRS writes it: UTC, milliseconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
