"""multipart/mixed: statements first, then what is attached to them. Pure; knows no store.

Attachments are bytes: they may hold line ends, dashes and anything else that looks like structure.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

from connector.sandbox.lrs.checks import Wrong


@dataclass(frozen=True)
class Attachment:
    """One attached file under its SHA-2, in lower-case hex."""

    sha2: str
    content_type: str
    content: bytes


_BYTES = b"a signature, \r\n--\r\nwhich \x00\xff is not text\r\n"
UNASKED = Attachment(hashlib.sha256(_BYTES).hexdigest(), "image/png", _BYTES)
"""What comes along where a product sends attachments that nobody asked for and the store holds none."""


def kind(content_type: str) -> str:
    """The media type alone, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def split(content_type: str, body: bytes) -> tuple[bytes, list[Attachment]]:
    """The statements' bytes and the attachments, each checked against its own hash."""
    told = Message()
    told["Content-Type"] = content_type
    boundary = str(told.get_param("boundary") or "").encode()
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if not boundary or not parts or not parts.pop().startswith(b"--"):
        raise Wrong("the body is not multipart/mixed with the boundary that its Content-Type names")
    read = [_part(part) for part in parts]
    if not read or kind(read[0][0].get("Content-Type", "")) != "application/json":
        raise Wrong("the first part is application/json")
    return read[0][1], [_attachment(*part) for part in read[1:]]


def join(document: bytes, attachments: Iterable[Attachment]) -> tuple[str, bytes]:
    """Content-Type and body of an answer."""
    boundary = f"rehearsal-{uuid.uuid4().hex}"
    parts = [b"Content-Type: application/json\r\n\r\n" + document, *(_rendered(one) for one in attachments)]
    opened = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return f'multipart/mixed; boundary="{boundary}"', opened + b"--%b--\r\n" % boundary.encode()


def match(statements: Iterable[Mapping[str, Any]], attachments: Sequence[Attachment]) -> None:
    """Wrong unless each part is declared, and each declared attachment has its part or a fileUrl."""
    wanted = {one["sha2"].lower(): "fileUrl" in one for statement in statements for one in declared(statement)}
    came = {one.sha2 for one in attachments}
    if came - set(wanted):
        raise Wrong("a part is no statement's attachment")
    if any(sha2 not in came and not elsewhere for sha2, elsewhere in wanted.items()):
        raise Wrong("an attachment has neither a part nor a fileUrl")


def declared(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The attachments of a statement and of the sub-statement in it; a planted one may declare anything."""
    about = statement.get("object")
    for one in (statement, about if isinstance(about, dict) else {}):
        found = one.get("attachments")
        yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _part(part: bytes) -> tuple[Message, bytes]:
    head, _, content = part.partition(b"\r\n\r\n")
    return BytesHeaderParser().parsebytes(head.removeprefix(b"\r\n") + b"\r\n\r\n"), content


def _attachment(head: Message, content: bytes) -> Attachment:
    told = str(head.get("X-Experience-API-Hash", "")).lower()
    if told not in {hashlib.new(name, content).hexdigest() for name in ("sha224", "sha256", "sha384", "sha512")}:
        raise Wrong("a part's X-Experience-API-Hash is not the SHA-2 of its content")
    if str(head.get("Content-Transfer-Encoding", "")).lower() != "binary":
        raise Wrong("a part's Content-Transfer-Encoding is binary")
    return Attachment(told, str(head.get("Content-Type", "application/octet-stream")), content)


def _rendered(one: Attachment) -> bytes:
    head = f"Content-Type: {one.content_type}\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {one.sha2}"
    return head.encode() + b"\r\n\r\n" + one.content
