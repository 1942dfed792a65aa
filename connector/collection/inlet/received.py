"""A body that somebody posted as statements, completed as an LRS would. Knows no connection and no store.

Lenient on purpose: a sender that is refused loses its whole batch, and Moodle's plugin never sends it again. Only a
body that is neither an object nor an array is refused; a statement that cannot be read becomes a Problem with an id.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from connector.config import InletConfig
from connector.lrs import moments, slices
from connector.lrs.statement import MOST_BYTES, Read, read

_OURS = uuid.UUID("b1f5c1de-2a0c-5c39-8e0b-6a2a7d1f4c55")
_MARK = b"\xef\xbb\xbf"  # a byte order mark, which no JSON has and some senders write
_PART = re.compile(rb"\r?\n\r?\n")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_MOST_BRACKETS = 1_000_000  # of one body: one in 16 bytes of the largest; cutting ten times as many takes seconds
_SET_BY_LRS = frozenset({"id", "stored", "version", "authority"})
Members = dict[bytes, bytes]


class RefusedError(Exception):
    """What a sender is told in place of ids: the status, a code of ours, a sentence without a value of the body.

    `unread`: it was refused before its body was read to the end.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, *, unread: bool = False
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.unread = unread


def busy(code: str, message: str, *, unread: bool = False) -> RefusedError:
    """503, and when to come again."""
    return RefusedError(503, code, message, {"Retry-After": "30"}, unread=unread)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom a batch comes from and when; `version` is the xAPI version that the request names."""

    inlet: InletConfig
    version: str
    now: datetime


def document(body: bytes, content_type: str) -> bytes:
    """The statements of a body: of a multipart one its first part, attachments are dropped."""
    if not content_type.lower().startswith("multipart/"):
        return body
    boundary = _BOUNDARY.search(content_type)
    parts = _delimiter("".join(boundary.groups(""))).split(body, 2) if boundary else []
    head = _PART.search(parts[1]) if len(parts) > 2 else None  # the last delimiter must have come
    if head is None:
        raise RefusedError(400, "inlet.multipart", "the multipart body has no whole first part")
    return parts[1][head.end() :]


def _delimiter(boundary: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary.encode()) + rb"(?:--)?(?=[ \t]*(?:\r?\n|$))")


def statements(body: bytes, *, most: int) -> tuple[list[bytes], bool]:
    """The statements of a document as slices of it, and whether it was an array; RefusedError when it is neither."""
    document = body.removeprefix(_MARK).strip(b" \t\r\n")
    if document.count(b"{") + document.count(b"[") > _MOST_BRACKETS:
        raise RefusedError(413, "inlet.too_large", f"more than {_MOST_BRACKETS} brackets in one request")
    batch = document.startswith(b"[")
    found = _cut(document, most) if batch else _cut(b"[" + document + b"]", 1)
    if batch and len(found) > most:
        raise RefusedError(413, "inlet.too_large", f"more than {most} statements in one request")
    if not batch and (len(found) != 1 or not found[0].startswith(b"{")):
        raise _not_json()
    return found, batch


def _cut(array: bytes, most: int) -> list[bytes]:
    """No more than `most` and one: a body is not taken apart before it is known to be of use."""
    try:
        found, end = slices.elements(array, most=most)
    except slices.UnreadablePageError:
        raise _not_json() from None
    if len(found) <= most and end != len(array):
        raise _not_json()
    return found


def _not_json() -> RefusedError:
    return RefusedError(400, "inlet.not_json", "the body is neither a JSON object nor a JSON array")


def complete(raw: bytes, sender: Sender, statement_id: str = "") -> Read:
    """One statement with what an LRS adds, its values byte for byte as they came; `statement_id` is a PUT's.

    What cannot be read so far as its id stays as it came under an id of ours: its own is free for a corrected one.
    """
    said = _members(raw)
    given = statement_id or _text(said, "id")
    whole = _with_additions(said, given or _minted(raw, sender, said), sender) if said else raw
    done = _read(whole, sender)
    if done.statement.id.startswith("raw:"):
        kept = {"id": _same_each_time(raw, sender), "raw": raw, "stored": sender.now}
        return replace(done, statement=done.statement.model_copy(update=kept))
    if _filled_in(said):
        return replace(done, content_key="")
    return done


def said_id(raw: bytes) -> str:
    """The id that a statement names itself, in lower case; empty when it names none."""
    return _text(_members(raw), "id").lower()


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def differ(kept: bytes | None, offered: bytes) -> bool:
    """True when two statements of one id say different things; what an LRS sets itself is no difference.

    Nothing differs from a statement whose bytes are no longer kept.
    """
    return kept is not None and kept != offered and _substance(kept) != _substance(offered)


def _substance(raw: bytes) -> Any:
    try:
        loaded = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
    if not isinstance(loaded, dict):
        return raw
    filled_in = {"timestamp"} if loaded.get("timestamp") == loaded.get("stored") else set[str]()
    return {name: value for name, value in loaded.items() if name not in _SET_BY_LRS | filled_in}


def _members(raw: bytes) -> Members:
    """None of what is no object, or is too large or too deep to be read anyway: cutting that would take long."""
    if len(raw) > MOST_BYTES or slices.too_deep(raw):
        return {}
    try:
        return {_name(name): value for name, value in slices.members(raw)}
    except slices.UnreadablePageError:
        return {}


def _read(raw: bytes, sender: Sender) -> Read:
    session = sender.inlet.registration == "session"
    return read(raw, sender.inlet.name, registration_is_session=session, groups=sender.inlet.groups)


def _with_additions(said: Members, statement_id: str, sender: Sender) -> bytes:
    stored = _stored(said, sender.now)
    authority = {"account": {"homePage": "urn:pars-connector:inlet", "name": sender.inlet.inlet.user}}
    ours: dict[str, Any] = {"id": statement_id, "stored": stored, "authority": {"objectType": "Agent", **authority}}
    ours |= {} if _is_said(said, "timestamp") else {"timestamp": stored}
    ours |= {} if _is_said(said, "version") else {"version": "2.0.0" if sender.version.startswith("2") else "1.0.0"}
    added = {_quoted(name): orjson.dumps(value) for name, value in ours.items()}
    return b"{" + b",".join(name + b":" + value for name, value in (said | added).items()) + b"}"


def _stored(said: Members, now: datetime) -> str:
    """Now; a millisecond later where the statement's own time is just that: equal times mean one that was filled in."""
    own = _moment(said, "timestamp")
    return moments.render(
        now + timedelta(milliseconds=1) if own and moments.render(own) == moments.render(now) else now
    )


def _filled_in(said: Members) -> bool:
    """The LRS before us had no time of the sender's and wrote its own: such a time links nothing (`content_key`)."""
    own = _moment(said, "timestamp")
    return own is not None and own == _moment(said, "stored")


def _minted(raw: bytes, sender: Sender, said: Members) -> str:
    """An id for a statement without one.

    The same bytes with the same time, sent again because our answer was lost, are the same statement. Without a time of
    their own, equal bytes may be two completions: they get two ids, and the award alone keeps PARS from doubles.
    """
    return _same_each_time(raw, sender) if _is_said(said, "timestamp") else str(uuid.uuid4())


def _same_each_time(raw: bytes, sender: Sender) -> str:
    return str(uuid.uuid5(_OURS, f"{sender.inlet.name}\n{hashlib.sha256(raw).hexdigest()}"))


def _is_said(said: Members, name: str) -> bool:
    return said.get(_quoted(name), b"null") != b"null"


def _text(said: Members, name: str) -> str:
    """The member's text; as it stands there when it is no text, so that it is judged and not replaced."""
    if not _is_said(said, name):
        return ""
    value = said[_quoted(name)]
    try:
        loaded = orjson.loads(value)
    except orjson.JSONDecodeError:
        loaded = None
    return loaded if isinstance(loaded, str) else value.decode(errors="replace")


def _moment(said: Members, name: str) -> datetime | None:
    try:
        return moments.parse(_text(said, name))
    except ValueError:
        return None


def _name(name: bytes) -> bytes:
    """A member's name as we would write it, so that `"\\u0069d"` is `"id"` too."""
    if b"\\" not in name:
        return name
    try:
        return orjson.dumps(orjson.loads(name))
    except orjson.JSONDecodeError:
        return name


def _quoted(name: str) -> bytes:
    return b'"' + name.encode() + b'"'
