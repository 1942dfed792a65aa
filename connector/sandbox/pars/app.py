"""PARS over HTTP: where credentials travel, which path is which operation, which dialect answers. Knows no rule."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connector.sandbox import control
from connector.sandbox.carrier import Request, Response
from connector.sandbox.faults import Side, Switches
from connector.sandbox.pars import dialect_json as pars_json
from connector.sandbox.pars import dialect_xml as pars_xml
from connector.sandbox.pars import vocabulary
from connector.sandbox.pars.catalogue import judged_activities
from connector.sandbox.pars.learners import birth_day, folded
from connector.sandbox.pars.ledger import Exchange, Sent
from connector.sandbox.pars.papers import Papers
from connector.sandbox.pars.pars import Pars
from connector.sandbox.pars.record import Document, Line, Malformed, Outcome, Report, StatusQuestion

Place = Literal["header", "query", "body"]
XML_BASE = "/services/ACCMELearnerService.svc"
JSON_BASE = "/api"
_LOGIN = ("ProviderId", "User", "Password")
_CREDIT_ID = re.compile(rb"ccid:[^:<\"\s]+:[^:<\"\s]+")

_XML = {
    "SaveLearnerActivity": "save",
    "GetLearnerMatch": "match",
    "GetLearnerStatusByCreditId": "status-by-credit",
    "GetLearnerStatusByLearner": "status-by-learner",
}


@dataclass
class ParsApp:
    """The application behind the PARS port."""

    pars: Pars
    switches: Switches
    control: control.Control
    papers: Papers
    place: Place = "header"
    side: Side = "pars"

    def operation(self, request: Request) -> str:
        if request.path.startswith(f"{XML_BASE}/"):
            return _XML.get(request.path.removeprefix(f"{XML_BASE}/"), "unknown")
        if request.path.startswith(f"{JSON_BASE}/"):
            return _json_operation(request)
        return "control"

    def act(self, request: Request) -> Response:
        operation = self.operation(request)
        if operation == "control":
            return self.papers.act(request) or self.control.act(request)
        if operation == "unknown":
            return Response(404, b"no such operation", "text/plain")
        try:
            return self._xml(request, operation) if _is_xml(request) else self._json(request, operation)
        except Malformed as error:
            if _is_xml(request):
                return Response(400, pars_xml.render_fault(error.refusal), pars_xml.CONTENT_TYPE)
            return Response(400, pars_json.render_fault(error.refusal))
        except PermissionError as error:
            return Response(401, str(error).encode(), "text/plain")

    def later(self, request: Request, seconds: float) -> None:
        self.pars.later(seconds, lambda: self.act(request))

    def note(self, request: Request, response: Response | None, *, readable: bool) -> None:
        operation = self.operation(request)
        self.pars.note(
            Exchange(
                at=self.pars.now(),
                operation=operation,
                status=response.status if response else None,
                readable=readable,
                sent=self._sent(request, operation),
                told=response.told if response and readable else {},
                question=self._question(request, operation),
                wait=float(response.headers.get("Retry-After", 0)) if response else 0,
            )
        )

    def _xml(self, request: Request, operation: str) -> Response:
        if request.method != "POST":
            return Response(405, b"POST only", "text/plain")
        self._check_login(request, lambda: pars_xml.take_login(pars_xml.parse(request.body)))
        _check_content_type(request, pars_xml.CONTENT_TYPE)
        root = pars_xml.parse(request.body)
        if self.place == "body":
            pars_xml.take_login(root)
        if operation == "save":
            return self._saved_xml(self.pars.save(pars_xml.read_document(root)))
        if operation == "match":
            known = self.pars.match(*pars_xml.read_match(root))
            switch = self.switches.take("match-word", "pars", "match")
            body = pars_xml.render_match(switch.message if switch else known)
        else:
            body = pars_xml.render_status(self.pars.status(_fitting(pars_xml.read_status(root), operation)))
        return Response(200, body, pars_xml.CONTENT_TYPE)

    def _saved_xml(self, outcomes: list[Outcome]) -> Response:
        if self.switches.take("missing-outcomes", "pars", "save"):
            outcomes = []
        return Response(200, pars_xml.render_saved(outcomes), pars_xml.CONTENT_TYPE, told=_told(outcomes))

    def _json(self, request: Request, operation: str) -> Response:
        self._check_login(request, lambda: _strings(pars_json.parse(request.body)))
        if operation == "save":
            return self._save_json(request)
        if operation.startswith("status"):
            return self._status_json(request)
        if operation == "delete-learner":
            gone = self.pars.delete_learner(request.path.rsplit("/", 1)[1])
            return Response(204 if gone else 404)
        return self._activities(request)

    def _save_json(self, request: Request) -> Response:
        _check_content_type(request, pars_json.CONTENT_TYPE)
        found = pars_json.parse(request.body)
        if self.place == "body":
            found = {name: value for name, value in found.items() if name not in _LOGIN}
        outcomes = self.pars.save(pars_json.read_document(found), whole=True)
        refused = [one.refusal for one in outcomes if one.refusal]
        if refused:
            status = 409 if all(one.reason == "Report already exists" for one in refused) else 400
            return Response(
                status, pars_json.render_refused(outcomes), told=_told([one for one in outcomes if one.refusal])
            )
        missing = self.switches.take("missing-outcomes", "pars", "save") is not None
        told = {} if missing else _told(outcomes)
        return Response(201, pars_json.render_echo(found, without_credits=missing), told=told)

    def _status_json(self, request: Request) -> Response:
        asked = {name: value for name, value in request.params.items() if name not in _LOGIN}
        credits = self.pars.status(pars_json.read_status(asked))  # noqa: A001 - the trade's word
        if not credits:
            return Response(404, b'{"message":"Learner status not found."}')
        draft_words = self.switches.take("draft-status-words", "pars", self.operation(request)) is not None
        return Response(200, pars_json.render_status(credits, draft_words=draft_words))

    def _activities(self, request: Request) -> Response:
        """Reads of the catalogue, and the small judge of a save: see catalogue.py for how little that claims."""
        if request.method == "POST":
            _check_content_type(request, pars_json.CONTENT_TYPE)
            judged_activities(pars_json.parse(request.body))
            return Response(201, request.body)
        wanted = request.path.removeprefix(f"{JSON_BASE}/activities").strip("/")
        own = request.params.get("providerActivityId")
        found = [
            one.shown()
            for one in self.pars.activities.values()
            if wanted in ("", one.activity_id) and own in (None, one.provider_activity_id)
        ]
        if not found:
            return Response(404, b'{"message":"Activity not found."}')
        return Response(200, pars_json.to_bytes({"ACCMEActivities": {"MedicalEducationMetrics": found}}))

    def _check_login(self, request: Request, body: Callable[[], Mapping[str, str]]) -> None:
        """PermissionError unless all three stand where they belong; a stray one would end in a log or a store."""
        account = self.pars.account
        right = dict(zip(_LOGIN, (account.login, account.user, account.password), strict=True))
        given: dict[str, Mapping[str, str]] = {
            "header": {name: request.headers.get(name, "") for name in _LOGIN},
            "query": {name: request.params.get(name, "") for name in _LOGIN},
        }
        place = "query" if self.place == "body" and request.method == "GET" else self.place
        if place == "body":
            given["body"] = body()
        strays = [name for name, found in given.items() if name != place and any(found.values())]
        if strays:
            raise PermissionError(f"credentials are taken in the {place}, not in the {strays[0]}")
        wrong = [
            name
            for name in _LOGIN
            if not hmac.compare_digest(given[place].get(name, "").encode(), right[name].encode())
        ]
        if wrong:
            raise PermissionError(f"{' and '.join(wrong)} missing or wrong in the {place}")

    def _sent(self, request: Request, operation: str) -> tuple[Sent, ...]:
        """What a save held, also where it was cut short or refused: the log judges conduct, not documents."""
        if operation != "save":
            return ()
        try:
            document = self._document(request)
        except (Malformed, ValueError):
            whole = {found.decode(errors="replace") for found in _CREDIT_ID.findall(request.body)}
            action = "delete" if b"delete" in request.body else "add"
            return tuple(Sent(credit_id, action, ()) for credit_id in sorted(whole))
        return tuple(
            Sent(line.credit_id, report.action, _key(report, line))
            for report in document.reports
            for line in report.lines
        )

    def _document(self, request: Request) -> Document:
        if _is_xml(request):
            root = pars_xml.parse(request.body)
            pars_xml.take_login(root)
            return pars_xml.read_document(root)
        found = pars_json.parse(request.body)
        return pars_json.read_document({name: value for name, value in found.items() if name not in _LOGIN})

    def _question(self, request: Request, operation: str) -> StatusQuestion | None:
        if not operation.startswith("status"):
            return None
        try:
            if _is_xml(request):
                root = pars_xml.parse(request.body)
                pars_xml.take_login(root)
                return pars_xml.read_status(root)
            return pars_json.read_status({name: value for name, value in request.params.items() if name not in _LOGIN})
        except Malformed:
            return None


def _json_operation(request: Request) -> str:
    path = request.path.removeprefix(JSON_BASE)
    if path == "/learner-activities" and request.method == "POST":
        return "save"
    if path == "/learner-activities/status" and request.method == "GET":
        return "status-by-credit" if "CreditId" in request.params else "status-by-learner"
    if path.startswith("/learner-activities/") and request.method == "DELETE":
        return "delete-learner"
    if path.startswith("/activities") and request.method in ("GET", "POST"):
        return "activities"
    return "unknown"


def _is_xml(request: Request) -> bool:
    return request.path.startswith(XML_BASE)


def _check_content_type(request: Request, wanted: str) -> None:
    given = re.sub(r"\s", "", request.headers.get("Content-Type", "")).lower().replace('"', "")
    allowed = (
        {wanted.replace(" ", ""), f"{pars_json.CONTENT_TYPE};charset=utf-8"}
        if "json" in wanted
        else {wanted.replace(" ", "")}
    )
    if given not in allowed:
        raise Malformed("Operation not supported", f"Content-Type is {wanted}, not {given or 'nothing'}")


def _fitting(question: StatusQuestion, operation: str) -> StatusQuestion:
    by_credit = question.credit_id is not None
    if by_credit != (operation == "status-by-credit"):
        raise Malformed("Operation not supported", "this operation asks the other way: by credit id or by learner")
    return question


def _told(outcomes: list[Outcome]) -> dict[str, str]:
    """Already exists tells nothing about whose it is: such a credit stays unknown until PARS is asked."""
    exists = "Report already exists"
    return {one.credit_id: one.status for one in outcomes if not (one.refusal and one.refusal.reason == exists)}


def _key(report: Report, line: Line) -> tuple[str, ...]:
    domain = line.identifiers[0].domain if line.identifiers else ""
    board = domain if domain in vocabulary.BOARDS else ""
    day = report.completed[:10]
    if report.participant:
        return ("", report.activity, day, report.participant.local.value, line.certification)
    person = report.person
    if person is None:
        return ("", report.activity, day, line.credit_id)
    names = (folded(person.given), folded(person.family))
    return (birth_day(person.birth or "") or "", report.activity, day, *names, board, line.certification)


def _strings(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(found.get(name, "")) for name in _LOGIN}
