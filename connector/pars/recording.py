"""Exchanges with PARS as files that may be passed on: the request and the reply of each, without a secret or a name.

A recording is a pair, `001-GetLearnerMatch.request` and `.reply`: lines of the head, an empty line, the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

from pydantic import Field

from connector.errors import ConfigError, NeedsOperator
from connector.records import Frozen, Payload, Reply

_HEAD_ENDS: Final = b"\n\n"
_STATUS: Final = re.compile(r"HTTP (\d{3})")
_SHORTEST = 2  # a value of one character cannot be told from the text around it


class Exchange(Frozen):
    """One request with its reply. `call` is method and path, as in the wire table."""

    call: str
    params: dict[str, str] = Field(default_factory=dict, repr=False)
    payload: Payload | None = None
    reply: Reply


class Recorder:
    """Writes what passes into a new folder. `hidden`: values that must not be in it, and what stands for each."""

    def __init__(self, folder: Path, hidden: Mapping[str, str]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            is_new = not any(folder.iterdir())
        except OSError as error:
            raise ConfigError(
                "pars.recording", f"cannot be written: {error.strerror}", "name another folder", where=str(folder)
            ) from None
        if not is_new:
            raise ConfigError("pars.recording", "the folder is not empty", "name a new one", where=str(folder))
        self.folder = folder
        self._number = 0
        self._hidden = [(_anywhere(value), stand_in) for value, stand_in in _longest_first(hidden)]
        self._names: list[tuple[re.Pattern[bytes], str]] = []

    def hide_names(self, values: Mapping[str, str]) -> None:
        """From now on; as whole words, for a name may be part of an element's."""
        self._names += [(_as_a_word(value), stand_in) for value, stand_in in _longest_first(values)]

    def keep(self, exchange: Exchange) -> None:
        self._number += 1
        method, path = exchange.call.split(" ", 1)
        name = f"{self._number:03}-{path.strip('/').replace('/', '-') or method}"
        head = [f"{method} {path}" + (f"?{urlencode(exchange.params)}" if exchange.params else "")]
        body = exchange.payload.body if exchange.payload else b""
        head += [f"Content-Type: {exchange.payload.content_type}"] if exchange.payload else []
        self._write(f"{name}.request", head, body)
        reply = exchange.reply
        self._write(f"{name}.reply", [f"HTTP {reply.status}", f"Content-Type: {reply.content_type}"], reply.body)

    def _write(self, name: str, head: Iterable[str], body: bytes) -> None:
        whole = "\n".join(head).encode() + _HEAD_ENDS + body
        patterns = [*self._hidden, *self._names]
        for pattern, stand_in in patterns:
            whole = pattern.sub(stand_in.encode(), whole)
        if any(pattern.search(whole) for pattern, _ in patterns):
            message = "a value that must not be in it could not be taken out of a recording: nothing was written"
            raise NeedsOperator("pars.recording", message, "report this; the probe itself works without --record")
        (self.folder / name).write_bytes(whole)


def _longest_first(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """One value may be part of another."""
    return sorted(
        ((value, name) for value, name in values.items() if len(value) >= _SHORTEST), key=lambda one: -len(one[0])
    )


def _anywhere(value: str) -> re.Pattern[bytes]:
    forms = sorted(_forms(value), key=len, reverse=True)
    return re.compile(b"|".join(map(re.escape, forms)), re.IGNORECASE)


def _as_a_word(value: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![A-Za-z0-9])(?:" + _anywhere(value).pattern + rb")(?![A-Za-z0-9])", re.IGNORECASE)


def _forms(value: str) -> set[bytes]:
    """As it is, in a query, in XML and in JSON."""
    json = value.encode("ascii", "backslashreplace").decode().replace('"', '\\"')
    kept = {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        escape(value),
        escape(value, quote=False),
        json,
    }
    return {form.encode() for form in kept}


def load(folder: Path) -> list[Exchange]:
    """The pairs of a folder in their order. ConfigError for what is none."""
    names = sorted(path.stem for path in folder.glob("*.request"))
    if not names:
        raise ConfigError("pars.recording", "no recording is there", "name the folder of --record", where=str(folder))
    return [_pair(folder, name) for name in names]


def _pair(folder: Path, name: str) -> Exchange:
    try:
        asked, told = ((folder / f"{name}.{end}").read_bytes() for end in ("request", "reply"))
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise ConfigError(
            "pars.recording", message, "a recording is a pair of files", where=f"{folder}/{name}"
        ) from None
    head, _, body = asked.partition(_HEAD_ENDS)
    answer, _, said = told.partition(_HEAD_ENDS)
    lines, first = head.decode(errors="replace").split("\n"), answer.decode(errors="replace").split("\n")
    status = _STATUS.fullmatch(first[0])
    if status is None or " " not in lines[0]:
        raise ConfigError("pars.recording", "this is no recording", "record it anew", where=f"{folder}/{name}")
    kinds = [_after(one) for one in (lines, first)]
    payload = Payload(body=body, content_type=kinds[0]) if body else None
    call, _, query = lines[0].partition("?")
    return Exchange(
        call=call,
        params=dict(parse_qsl(query)),
        payload=payload,
        reply=Reply(status=int(status[1]), content_type=kinds[1], body=said),
    )


def _after(lines: list[str]) -> str:
    return next((line.removeprefix("Content-Type: ") for line in lines if line.startswith("Content-Type: ")), "")
