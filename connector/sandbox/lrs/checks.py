"""What xAPI 1.0.3 asks of one statement: the first thing that is wrong, or nothing. Pure; knows no store and no HTTP.

As strict as a reader needs: ids, actors, verbs, objects, times with a zone, results, contexts, no null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_TIME = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)", re.IGNORECASE
)
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
_TOP = {
    "id", "actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments",
}  # fmt: skip
_CONTEXT = {
    "registration", "instructor", "team", "contextActivities", "revision", "platform", "language", "statement",
    "extensions",
}  # fmt: skip
_ADDED = {"contextAgents": ("contextAgent", "agent"), "contextGroups": ("contextGroup", "group")}
"""What 2.0 adds to a context: the type of one in the list, and where its actor stands."""


class Wrong(ValueError):
    """The statement breaks xAPI 1.0.3; the message says where."""


def is_uuid(text: Any) -> bool:
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def instant(text: Any) -> datetime:
    """An ISO 8601 time with a zone, as UTC; Wrong for anything else."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise Wrong(f"{text!r} is not an ISO 8601 time with a zone")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micro = (fraction or "")[:6].ljust(6, "0")
    offset = "+00:00" if zone.upper() == "Z" else zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    try:
        return datetime.fromisoformat(
            f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}.{micro}{offset}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"{text!r} is not a real time") from None


def check(statement: Any, *, second: bool = False) -> None:
    """Wrong unless `statement` may be stored; `second` allows what 2.0 (IEEE 9274.1.1) adds."""
    if second and isinstance(statement, dict):
        statement = _as_first(statement)
    _names(statement, "statement", _TOP)
    _no_nulls(statement, "statement")
    if "id" in statement and not is_uuid(statement["id"]):
        raise Wrong("statement.id is not a UUID")
    if "stored" in statement:
        instant(statement["stored"])
    version = statement.get("version", "1.0.0")
    if not isinstance(version, str) or not re.fullmatch(r"1\.0(\.\d+)?", version):
        raise Wrong("statement.version is not 1.0.x")
    _core(statement, "statement")
    if "authority" in statement:
        _actor(statement["authority"], "authority")


def _as_first(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The statement without what 2.0 adds, which is checked here, so that the rest is judged by 1.0.3's rules."""
    rest = {name: value for name, value in statement.items() if (name, value) != ("version", "2.0.0")}
    context = statement.get("context")
    if not isinstance(context, dict):
        return rest
    for several, (one, actor) in _ADDED.items():
        found = context.get(several, [])
        if not isinstance(found, list):
            raise Wrong(f"context.{several} is not a list")
        for each in found:
            _names(each, f"context.{several}", {"objectType", actor, "relevantTypes"})
            types = each.get("relevantTypes", ["urn:any"])
            if each.get("objectType") != one or not isinstance(types, list) or not types or not all(map(is_iri, types)):
                raise Wrong(f"context.{several} holds {one}s with relevantTypes that are IRIs")
            _actor(each.get(actor), f"context.{several}.{actor}")
    return rest | {"context": {name: value for name, value in context.items() if name not in _ADDED}}


def _core(statement: Mapping[str, Any], where: str) -> None:
    """What a statement and a sub-statement share."""
    for name in ("actor", "verb", "object"):
        if name not in statement:
            raise Wrong(f"{where} has no {name}")
    _actor(statement["actor"], f"{where}.actor")
    _verb(statement["verb"], where)
    _object(statement["object"], where)
    if "result" in statement:
        _result(statement["result"])
    if "context" in statement:
        _context(statement["context"], statement["object"])
    if "timestamp" in statement:
        instant(statement["timestamp"])
    _attachments(statement.get("attachments", []))
    if statement["verb"]["id"] == VOIDED and statement["object"].get("objectType") != "StatementRef":
        raise Wrong("a voiding statement's object is a StatementRef")


def _actor(actor: Any, where: str) -> None:
    _names(actor, where, {"objectType", "name", "member", *_IDENTIFIERS})
    kind = actor.get("objectType", "Agent")
    if kind not in ("Agent", "Group"):
        raise Wrong(f"{where}.objectType is {kind!r}")
    if not isinstance(actor.get("name", ""), str):
        raise Wrong(f"{where}.name is not text")
    found = [name for name in _IDENTIFIERS if name in actor]
    if len(found) > 1 or (not found and (kind == "Agent" or not actor.get("member"))):
        raise Wrong(f"{where} has {len(found)} identifiers, exactly one is needed")
    for name in found:
        _identifier(name, actor[name], where)
    if "member" in actor and (kind == "Agent" or not isinstance(actor["member"], list)):
        raise Wrong(f"{where}.member is a group's list")
    for member in actor.get("member", []):
        _actor(member, f"{where}.member")
        if member.get("objectType", "Agent") != "Agent":
            raise Wrong(f"{where}.member holds a group")


def _identifier(name: str, value: Any, where: str) -> None:
    if name == "account":
        _names(value, f"{where}.account", {"homePage", "name"})
        if not is_iri(value.get("homePage")) or not isinstance(value.get("name"), str) or not value["name"]:
            raise Wrong(f"{where}.account needs homePage, an IRL, and name, text")
        return
    forms = {"mbox": r"mailto:[^@\s]+@[^@\s]+", "mbox_sha1sum": r"[0-9a-fA-F]{40}", "openid": _IRI.pattern}
    if not isinstance(value, str) or not re.fullmatch(forms[name], value):
        raise Wrong(f"{where}.{name} is malformed")


def _verb(verb: Any, where: str) -> None:
    _names(verb, f"{where}.verb", {"id", "display"})
    if not is_iri(verb.get("id")):
        raise Wrong(f"{where}.verb.id is not an IRI")
    _language_map(verb.get("display", {}), f"{where}.verb.display")


def _object(found: Any, where: str) -> None:
    if not isinstance(found, dict):
        raise Wrong(f"{where}.object is not an object")
    kind = found.get("objectType", "Activity")
    if kind == "Activity":
        _activity(found, f"{where}.object")
    elif kind in ("Agent", "Group"):
        _actor(found, f"{where}.object")
    elif kind == "StatementRef":
        _reference(found, f"{where}.object")
    elif kind == "SubStatement" and where == "statement":
        _names(
            found,
            "sub-statement",
            {"objectType", "actor", "verb", "object", "result", "context", "timestamp", "attachments"},
        )
        _core(found, "sub-statement")
    else:
        raise Wrong(f"{where}.object.objectType is {kind!r}")


def _reference(found: Any, where: str) -> None:
    _names(found, where, {"objectType", "id"})
    if found.get("objectType") != "StatementRef" or not is_uuid(found.get("id")):
        raise Wrong(f"{where} is a StatementRef with a UUID")


def _activity(found: Any, where: str) -> None:
    _names(found, where, {"objectType", "id", "definition"})
    if not is_iri(found.get("id")):
        raise Wrong(f"{where}.id is not an IRI")
    definition = found.get("definition", {})
    if not isinstance(definition, dict):
        raise Wrong(f"{where}.definition is not an object")
    for name in ("name", "description"):
        _language_map(definition.get(name, {}), f"{where}.definition.{name}")
    for name in ("type", "moreInfo"):
        if name in definition and not is_iri(definition[name]):
            raise Wrong(f"{where}.definition.{name} is not an IRI")
    _extensions(definition.get("extensions", {}), f"{where}.definition")


def _result(result: Any) -> None:
    _names(result, "result", {"score", "success", "completion", "response", "duration", "extensions"})
    for name in ("success", "completion"):
        if name in result and not isinstance(result[name], bool):
            raise Wrong(f"result.{name} is not a boolean")
    if not isinstance(result.get("response", ""), str):
        raise Wrong("result.response is not text")
    if "duration" in result and not (isinstance(result["duration"], str) and _DURATION.fullmatch(result["duration"])):
        raise Wrong("result.duration is not an ISO 8601 duration")
    _score(result.get("score", {}))
    _extensions(result.get("extensions", {}), "result")


def _score(score: Any) -> None:
    _names(score, "result.score", {"scaled", "raw", "min", "max"})
    for name, value in score.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(f"result.score.{name} is not a number")
    if not -1 <= score.get("scaled", 0) <= 1:
        raise Wrong("result.score.scaled is outside -1..1")
    low, high = score.get("min", float("-inf")), score.get("max", float("inf"))
    if not low <= score.get("raw", max(low, min(high, 0))) <= high:
        raise Wrong("result.score.raw is outside min..max")


def _context(context: Any, about: Mapping[str, Any]) -> None:
    _names(context, "context", _CONTEXT)
    if "registration" in context and not is_uuid(context["registration"]):
        raise Wrong("context.registration is not a UUID")
    for name in ("instructor", "team"):
        if name in context:
            _actor(context[name], f"context.{name}")
    if context.get("team", {}).get("objectType", "Group") != "Group":
        raise Wrong("context.team is not a group")
    if "statement" in context:
        _reference(context["statement"], "context.statement")
    if {"revision", "platform"} & set(context) and about.get("objectType", "Activity") != "Activity":
        raise Wrong("context.revision and platform belong to activities only")
    if "language" in context and not _is_language(context["language"]):
        raise Wrong("context.language is not a language tag")
    _context_activities(context.get("contextActivities", {}))
    _extensions(context.get("extensions", {}), "context")


def _context_activities(found: Any) -> None:
    """A single activity in place of a list is allowed, for old clients."""
    _names(found, "context.contextActivities", {"parent", "grouping", "category", "other"})
    for name, several in found.items():
        for one in several if isinstance(several, list) else [several]:
            _activity(one, f"context.contextActivities.{name}")


def _attachments(found: Any) -> None:
    if not isinstance(found, list):
        raise Wrong("attachments is not a list")
    for one in found:
        missing = {"usageType", "display", "contentType", "length", "sha2"} - set(one if isinstance(one, dict) else ())
        if missing:
            raise Wrong(f"attachments: {min(missing)} is missing")
        if not is_iri(one["usageType"]) or not isinstance(one["sha2"], str):
            raise Wrong("attachments: usageType is an IRI, sha2 is text")


def _extensions(found: Any, where: str) -> None:
    if not isinstance(found, dict) or not all(is_iri(key) for key in found):
        raise Wrong(f"{where}.extensions has a key that is not an IRI")


def _language_map(found: Any, where: str) -> None:
    if not isinstance(found, dict) or not all(
        _is_language(key) and isinstance(text, str) for key, text in found.items()
    ):
        raise Wrong(f"{where} is not a language map")


def _is_language(text: Any) -> bool:
    return isinstance(text, str) and _LANGUAGE.fullmatch(text) is not None


def is_iri(text: Any) -> bool:
    return isinstance(text, str) and _IRI.fullmatch(text) is not None


def _names(found: Any, where: str, allowed: set[str]) -> None:
    if not isinstance(found, dict):
        raise Wrong(f"{where} is not an object")
    if unknown := sorted(set(found) - allowed):
        raise Wrong(f"{where} has no property {unknown[0]!r}")


def _no_nulls(value: Any, where: str) -> None:
    """null may stand in extensions only."""
    if value is None:
        raise Wrong(f"{where} is null")
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        if name != "extensions":
            _no_nulls(inner, f"{where}.{name}")
