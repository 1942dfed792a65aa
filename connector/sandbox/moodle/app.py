"""Moodle's REST door: one address, form-encoded, every refusal with status 200. Knows no function by name."""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from connector.sandbox import control
from connector.sandbox.carrier import Request, Response
from connector.sandbox.faults import Side
from connector.sandbox.moodle.services import Refused, call
from connector.sandbox.moodle.site import MoodleSite

DOOR = "/webservice/rest/server.php"
_FORM = "application/x-www-form-urlencoded"
_OWN = ("wstoken", "wsfunction", "moodlewsrestformat")
_KEYS = re.compile(r"\[([^\]]*)\]")


@dataclass
class MoodleApp:
    """The application behind the Moodle port."""

    site: MoodleSite
    control: control.Control
    side: Side = "moodle"

    def operation(self, request: Request) -> str:
        return "service" if request.path == DOOR else "control"

    def act(self, request: Request) -> Response:
        if self.operation(request) == "control":
            return self.control.act(request)
        if request.method != "POST" or request.query:
            # stricter than Moodle, which takes both: an address with a token in it ends in every log on the way
            return Response(405, b"this rehearsal takes POST only, and nothing in the address", "text/plain")
        form = _form(request)
        answer = self._answer(form)
        if form.get("moodlewsrestformat") == "json":
            return Response(200, json.dumps(answer, ensure_ascii=False).encode(), "application/json; charset=utf-8")
        return Response(200, _document(answer).encode(), "application/xml; charset=utf-8")

    def later(self, request: Request, seconds: float) -> None:
        self.control.pars.later(seconds, lambda: self.act(request))

    def note(self, request: Request, response: Response | None, *, readable: bool) -> None:
        """Reading a Moodle leaves no trace worth judging."""

    def _answer(self, form: dict[str, Any]) -> Any:
        if not hmac.compare_digest(str(form.get("wstoken", "")).encode(), self.site.token.encode()):
            return Refused("invalidtoken", "Invalid token - token not found").body
        try:
            params = {name: value for name, value in form.items() if name not in _OWN}
            return call(self.site, str(form.get("wsfunction", "")), params)
        except Refused as refused:
            return refused.body


def _form(request: Request) -> dict[str, Any]:
    """The body as PHP reads it: `values[0]` is a member of `values`; a body of another type is not read at all."""
    found: dict[str, Any] = {}
    if request.headers.get_content_type() != _FORM:
        return found
    for name, value in parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True):
        bare, *_ = name.partition("[")
        path = [bare, *_KEYS.findall(name)]
        place = found
        for key in path[:-1]:
            inner = place.setdefault(key, {})
            place = inner if isinstance(inner, dict) else place
        place[path[-1]] = value
    return found


def _document(answer: Any) -> str:
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n'
    if isinstance(answer, dict) and "exception" in answer:
        code, message = escape(answer["errorcode"]), escape(answer["message"])
        kind = escape(answer["exception"])
        told = f"<ERRORCODE>{code}</ERRORCODE>\n<MESSAGE>{message}</MESSAGE>"
        return f'{head}<EXCEPTION class="{kind}">\n{told}\n</EXCEPTION>\n'
    return f"{head}<RESPONSE>\n{_element(answer)}</RESPONSE>\n"


def _element(value: Any) -> str:
    if isinstance(value, list):
        return "<MULTIPLE>\n" + "".join(map(_element, value)) + "</MULTIPLE>\n"
    if isinstance(value, dict):
        keys = (f'<KEY name="{name}">{_element(one)}</KEY>\n' for name, one in value.items())
        return "<SINGLE>\n" + "".join(keys) + "</SINGLE>\n"
    if value is None:
        return '<VALUE null="null"/>\n'
    return f"<VALUE>{escape(str(int(value) if isinstance(value, bool) else value))}</VALUE>\n"
