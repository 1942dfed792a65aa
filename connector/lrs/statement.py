"""One slice of a page as a Statement, or the Problem that stops it. Knows no page, no connection and no rule.

Values are read from the raw JSON: tincan takes `"false"` for true. IRIs stay text: URL types rewrite them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import tincan

from connector.lrs import moments, slices
from connector.lrs.quirks import MOODLE_INFO
from connector.records import Actor, ActorKey, Problem, Statement

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
MOST_BYTES = 512 * 1024
"""A statement is 1 to 4 kB; a larger one is an attachment in disguise, or an attack."""
MOST_KEY = 500
"""Characters of an identifier; PostgreSQL indexes no more than 2,704 bytes."""
MOST_OBJECT_ID = 2000

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")  # no text column of PostgreSQL takes it


@dataclass(frozen=True, slots=True)
class Read:
    """What one slice is. With a problem, `statement` holds what could be read, its id is `raw:<sha256>` if need be."""

    statement: Statement
    content_key: str = ""
    voids: str = ""
    problem: Problem | None = None


_BLANK: dict[str, Any] = {"stored": None, "timestamp": None, "actor_key": None, "verb": "", "object_id": ""}


class _NotUsableError(Exception):
    """Carries a Problem out of a reader; never leaves this module."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.problem = Problem(code=code, field=field, message=message, who=Actor.ADMINISTRATOR)


def read(raw: bytes, source: str, *, registration_is_session: bool = False) -> Read:
    """Read one statement as it came. Never raises: what is wrong becomes a Problem without a value of the statement."""
    fields: dict[str, Any] = {}
    content, voids, problem = "", "", None
    try:
        document = _document(raw)
        voids = _voids(document)  # a void needs neither an actor nor a time
        for name, reader in _READERS.items():
            fields[name] = reader(document)
        content = content_key(document, fields, registration_is_session=registration_is_session)
    except _NotUsableError as error:
        problem = error.problem
        fields = _BLANK | {"id": f"raw:{hashlib.sha256(raw).hexdigest()}"} | fields
    return Read(Statement(**fields, source=source, raw=raw), content, voids, problem)


def typed(raw: bytes) -> tincan.Statement | Problem:
    """tincan's view of a selected statement. Its exceptions carry whole statements: only their type is told."""
    try:
        return tincan.Statement(orjson.loads(raw))
    except Exception as error:
        return Problem(
            code="lrs.not_typed",
            message=f"tincan does not take this statement: {type(error).__name__}",
            who=Actor.ADMINISTRATOR,
            holds=False,
        )


def actor_key(actor: Any) -> ActorKey:
    """The one inverse functional identifier of an agent, normalised. Raises through `read` only."""
    if not isinstance(actor, dict):
        raise _NotUsableError("lrs.no_actor", "actor", "the statement has no actor")
    if actor.get("objectType") == "Group" or "member" in actor:
        raise _NotUsableError("lrs.group_actor", "actor", "the actor is a group: nobody alone completed this")
    found = [(name, actor[name]) for name in _IDENTIFIERS if actor.get(name) is not None]
    if len(found) != 1:
        raise _NotUsableError("lrs.bad_actor", "actor", f"the actor has {len(found)} identifiers, not exactly one")
    name, value = found[0]
    key = _IDENTIFIERS[name](value)
    if not 0 < len(key) <= MOST_KEY:
        raise _NotUsableError("lrs.bad_actor", f"actor.{name}", "the actor's identifier is empty or of a wrong form")
    return ActorKey(f"{name}:{key}")


def content_key(document: dict[str, Any], fields: dict[str, Any], *, registration_is_session: bool) -> str:
    """What a re-sent statement shares with the first one, hashed (design: Duplicate).

    None when the LRS filled in its own time: two facts of one day would look alike, and a re-send would differ anyhow.
    """
    timestamp, stored = fields["timestamp"], fields["stored"]
    if timestamp is None or timestamp == stored:
        return ""
    event = _dig(document, "context", "extensions", MOODLE_INFO, "event_name")
    session = registration_is_session or event is not None
    parts = (
        *(fields[name] for name in ("actor_key", "verb", "object_id")),
        event,
        moments.render(timestamp.replace(microsecond=0)),
        *(_dig(document, "result", name) for name in ("success", "completion", "score")),
        "" if session else _said_registration(document),
    )
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _document(raw: bytes) -> dict[str, Any]:
    if len(raw) > MOST_BYTES:
        raise _NotUsableError("lrs.too_large", "", f"the statement is larger than {MOST_BYTES} bytes")
    if slices.too_deep(raw):
        raise _NotUsableError("lrs.too_deep", "", f"the statement nests deeper than {slices.LEVELS} levels")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _NotUsableError("lrs.not_json", "", f"the statement is not JSON (character {error.pos})") from None
    if not isinstance(document, dict):
        raise _NotUsableError("lrs.not_an_object", "", "the statement is not a JSON object")
    if b"\\u0000" in raw and _NUL.search(raw):
        raise _NotUsableError("lrs.not_json", "", "the statement holds a NUL character")
    return document


def _id(document: dict[str, Any]) -> str:
    found = _uuid(document.get("id"))
    if not found:
        raise _NotUsableError("lrs.bad_id", "id", "the statement's id is not a UUID")
    return found


def _time(document: dict[str, Any], name: str) -> datetime | None:
    text = document.get(name)
    if text is None:
        return None
    try:
        return moments.parse(text if isinstance(text, str) else "")
    except ValueError as error:
        raise _NotUsableError("lrs.bad_time", name, f"{name} is {error}") from None


def _verb(document: dict[str, Any]) -> str:
    verb = _dig(document, "verb", "id")
    if not isinstance(verb, str) or not verb:
        raise _NotUsableError("lrs.bad_verb", "verb.id", "the statement has no verb")
    return verb


def _object_id(document: dict[str, Any]) -> str:
    """Empty for objects that have no id: agents, groups and sub-statements."""
    found = _dig(document, "object", "id")
    if _is_voiding(document) and not _uuid(found):
        raise _NotUsableError("lrs.bad_object", "object.id", "the statement voids something whose id is not a UUID")
    if isinstance(found, str) and len(found) > MOST_OBJECT_ID:
        raise _NotUsableError(
            "lrs.bad_object", "object.id", f"the object's id is longer than {MOST_OBJECT_ID} characters"
        )
    if isinstance(found, str) and found:
        return found
    if found is None and _dig(document, "object", "objectType") in ("Agent", "Group", "SubStatement"):
        return ""
    raise _NotUsableError("lrs.bad_object", "object.id", "the statement's object has no id")


def _registration(document: dict[str, Any]) -> str:
    return _uuid(_said_registration(document))


def _said_registration(document: dict[str, Any]) -> str:
    found = _dig(document, "context", "registration")
    return found.lower() if isinstance(found, str) else ""


def _voids(document: dict[str, Any]) -> str:
    return _uuid(_dig(document, "object", "id")) if _is_voiding(document) else ""


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


def _mbox(value: Any) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    return text.removeprefix("mailto:").strip()


def _sha1sum(value: Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    return text if _SHA1.fullmatch(text) else ""


def _openid(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _account(value: Any) -> str:
    """Exact, but for a name written as a number: PHP makes 10023 of "10023"."""
    home_page, name = _dig(value, "homePage"), _dig(value, "name")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    usable = all(isinstance(part, str) and part for part in (home_page, name))
    return f"{home_page}|{name}" if usable else ""


_IDENTIFIERS = {"mbox": _mbox, "mbox_sha1sum": _sha1sum, "openid": _openid, "account": _account}

# In this order: a statement without a usable actor still has its id, and is met once.
_READERS: dict[str, Any] = {
    "id": _id,
    "stored": lambda document: _time(document, "stored"),
    "timestamp": lambda document: _time(document, "timestamp"),
    "verb": _verb,
    "object_id": _object_id,
    "registration": _registration,
    "actor_key": lambda document: actor_key(document.get("actor")),
}
