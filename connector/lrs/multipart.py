"""The document inside a `multipart/mixed` answer, past its attachments. Knows no statement and no connection.

Attachments are any bytes at all; line ends may be LF alone, and words may stand before the first boundary.
"""

from __future__ import annotations

import re
from collections import deque
from email.message import Message

_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")


def first_part(body: bytes, content_type: str) -> bytes:
    """The bytes of the first part; ValueError unless the last boundary is there: what was cut off is no answer."""
    boundary = _boundary(content_type)
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = delimiter.finditer(body)  # never all at once: a body of boundaries would fill the memory
    first, second = next(marks, None), next(marks, None)
    last = deque(marks, maxlen=1)
    if not first or not second or not (last[0] if last else second)[1] or first[1]:
        raise ValueError("a multipart answer without its last boundary")
    part = body[first.end() : second.start()]
    head = _HEAD_ENDS.search(part)
    if not head:
        raise ValueError("a part without the empty line before its document")
    return part[head.end() :]


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if not boundary or not boundary.isascii():
        raise ValueError("a multipart answer that names no boundary")
    return boundary.encode()
