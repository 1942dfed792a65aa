"""One slice of a page as a Statement, or the Problem that stops it. Knows no page, no connection and no rule.

Values are read from the raw JSON: tincan takes `"false"` for true. IRIs stay text: URL types rewrite them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import tincan

from connector.lrs import moments, slices
from connector.lrs.actors import NotUsableError, actor_key, is_group, members
from connector.lrs.own import CREDIT
from connector.lrs.quirks import MOODLE_INFO
from connector.records import Actor, ActorKey, Problem, Statement

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
MOST_BYTES = 512 * 1024
"""A statement is 1 to 4 kB; a larger one is an attachment in disguise, or an attack."""
MOST_IRI = 2000
"""Characters of a verb or an object id."""

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")  # no text column of PostgreSQL takes it


@dataclass(frozen=True, slots=True)
class Read:
    """What one slice is. With a problem, `statement` holds what could be read, its id is `raw:<sha256>` if need be.

    A group that is fanned out has `members` in place of an actor, and both where only some of them can be told.
    `is_report`: it is one that we wrote back ourselves (`own.report`), whoever sends it and under whatever id.
    """

    statement: Statement
    content_key: str = ""
    voids: str = ""
    problem: Problem | None = None
    members: tuple[ActorKey, ...] = ()
    is_report: bool = False


Groups = Literal["hold", "fan_out"]

_BLANK: dict[str, Any] = {"stored": None, "timestamp": None, "actor_key": None, "verb": "", "object_id": ""}


def read(raw: bytes, source: str, *, registration_is_session: bool = False, groups: Groups = "hold") -> Read:
    """Read one statement as it came. Never raises: what is wrong becomes a Problem without a value of the statement."""
    fields: dict[str, Any] = {}
    content, voids = "", ""
    people: tuple[ActorKey, ...] = ()
    problem: Problem | None = None
    is_report = False
    try:
        document = _document(raw)
        is_report = _is_report(document)
        voids = _voids(document)  # a void needs neither an actor nor a time
        for name, reader in _READERS.items():
            fields[name] = reader(document)
        fields["actor_key"], people, problem = _who(document.get("actor"), groups)
        who = [fields["actor_key"]] if fields["actor_key"] else sorted(people)
        content = content_key(document, fields, who, registration_is_session=registration_is_session)
    except NotUsableError as error:
        problem = error.problem
        fields = _BLANK | {"id": f"raw:{hashlib.sha256(raw).hexdigest()}"} | fields
    return Read(Statement(**fields, source=source, raw=raw), content, voids, problem, people, is_report)


def typed(raw: bytes) -> tincan.Statement | Problem:
    """tincan's view of a selected statement. Its exceptions carry whole statements: only their type is told."""
    try:
        return tincan.Statement(_as_of_1_0(orjson.loads(raw)))
    except Exception as error:
        return Problem(
            code="lrs.not_typed",
            message=f"tincan does not take this statement: {type(error).__name__}",
            who=Actor.ADMINISTRATOR,
            holds=False,
        )


def _as_of_1_0(document: dict[str, Any]) -> dict[str, Any]:
    """What xAPI 2.0 brought is no fault of a statement: tincan knows neither these members nor UUIDs of version 7."""
    context = document.get("context")
    if isinstance(context, dict):
        context = {name: context[name] for name in context if name not in ("contextAgents", "contextGroups")}
        document["context"] = _any_uuid(context, "registration")
        if _dig(context, "statement", "id"):
            context["statement"] = _any_uuid(context["statement"], "id")
    if _dig(document, "object", "objectType") == "StatementRef":
        document["object"] = _any_uuid(document["object"], "id")
    return _any_uuid(document, "id")


def _any_uuid(holder: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy in which this UUID is one that tincan does not look at again."""
    found = _uuid(holder.get(name))
    return holder | {name: UUID(found)} if found else holder


def _who(actor: Any, groups: Groups) -> tuple[ActorKey | None, tuple[ActorKey, ...], Problem | None]:
    """The actor, or a group's members with a Problem about those that are none."""
    if groups == "fan_out" and is_group(actor):
        return None, *members(actor)
    return actor_key(actor), (), None


def content_key(
    document: dict[str, Any], fields: dict[str, Any], who: list[ActorKey], *, registration_is_session: bool
) -> str:
    """What a re-sent statement shares with the first one, hashed (design: Duplicate).

    None when the LRS filled in its own time: two facts of one day would look alike, and a re-send would differ anyhow.
    """
    timestamp, stored = fields["timestamp"], fields["stored"]
    if timestamp is None or timestamp == stored:
        return ""
    event = _dig(document, "context", "extensions", MOODLE_INFO, "event_name")
    session = registration_is_session or event is not None
    parts = (
        *who,
        *(fields[name] for name in ("verb", "object_id")),
        event,
        moments.render(timestamp.replace(microsecond=0)),
        *(_dig(document, "result", name) for name in ("success", "completion", "score")),
        "" if session else _said_registration(document),
    )
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _document(raw: bytes) -> dict[str, Any]:
    if len(raw) > MOST_BYTES:
        raise NotUsableError("lrs.too_large", "", f"the statement is larger than {MOST_BYTES} bytes")
    if slices.too_deep(raw):
        raise NotUsableError("lrs.too_deep", "", f"the statement nests deeper than {slices.LEVELS} levels")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotUsableError("lrs.not_json", "", f"the statement is not JSON (character {error.pos})") from None
    if not isinstance(document, dict):
        raise NotUsableError("lrs.not_an_object", "", "the statement is not a JSON object")
    if b"\\u0000" in raw and _NUL.search(raw):
        raise NotUsableError("lrs.not_json", "", "the statement holds a NUL character")
    return document


def _id(document: dict[str, Any]) -> str:
    found = _uuid(document.get("id"))
    if not found:
        raise NotUsableError("lrs.bad_id", "id", "the statement's id is not a UUID")
    return found


def _time(document: dict[str, Any], name: str) -> datetime | None:
    text = document.get(name)
    if text is None:
        return None
    try:
        return moments.parse(text if isinstance(text, str) else "")
    except ValueError as error:
        raise NotUsableError("lrs.bad_time", name, f"{name} is {error}") from None


def _verb(document: dict[str, Any]) -> str:
    verb = _dig(document, "verb", "id")
    if not isinstance(verb, str) or not verb:
        raise NotUsableError("lrs.bad_verb", "verb.id", "the statement has no verb")
    if len(verb) > MOST_IRI:
        raise NotUsableError("lrs.bad_verb", "verb.id", f"the verb's id is longer than {MOST_IRI} characters")
    return verb


def _object_id(document: dict[str, Any]) -> str:
    """Empty for objects that have no id: agents, groups and sub-statements."""
    found = _dig(document, "object", "id")
    if _is_voiding(document) and not _uuid(found):
        raise NotUsableError("lrs.bad_object", "object.id", "the statement voids something whose id is not a UUID")
    if isinstance(found, str) and len(found) > MOST_IRI:
        raise NotUsableError("lrs.bad_object", "object.id", f"the object's id is longer than {MOST_IRI} characters")
    if isinstance(found, str) and found:
        return found
    if found is None and _dig(document, "object", "objectType") in ("Agent", "Group", "SubStatement"):
        return ""
    raise NotUsableError("lrs.bad_object", "object.id", "the statement's object has no id")


def _registration(document: dict[str, Any]) -> str:
    return _uuid(_said_registration(document))


def _said_registration(document: dict[str, Any]) -> str:
    found = _dig(document, "context", "registration")
    return found.lower() if isinstance(found, str) else ""


def _voids(document: dict[str, Any]) -> str:
    return _uuid(_dig(document, "object", "id")) if _is_voiding(document) else ""


def _is_report(document: dict[str, Any]) -> bool:
    extensions = _dig(document, "context", "extensions")
    return isinstance(extensions, dict) and CREDIT in extensions


def _is_voiding(document: dict[str, Any]) -> bool:
    return (_dig(document, "verb", "id"), _dig(document, "object", "objectType")) == (VOIDED, "StatementRef")


def _uuid(value: Any) -> str:
    """In lower case; empty for anything else."""
    text = value.lower() if isinstance(value, str) else ""
    return text if _UUID.fullmatch(text) else ""


def _dig(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


# In this order, and the actor last: a statement without a usable one still has its id, and is met once.
_READERS: dict[str, Any] = {
    "id": _id,
    "stored": lambda document: _time(document, "stored"),
    "timestamp": lambda document: _time(document, "timestamp"),
    "verb": _verb,
    "object_id": _object_id,
    "registration": _registration,
}
