"""What a person does on PARS's own pages: uploads a file, gets its result, downloads what PARS holds."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connector.sandbox.carrier import Request, Response
from connector.sandbox.faults import Switches
from connector.sandbox.pars import dialect_xml, uploads, workbooks
from connector.sandbox.pars import vocabulary as words
from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.learners import KnownLearner
from connector.sandbox.pars.pars import Pars
from connector.sandbox.pars.record import Document, Line, Malformed, Refusal, Report
from connector.sandbox.pars.workbooks import Row

OWN = "ccid:pars-made:"
"""Credits of a sheet have no id of the provider's; PARS makes its own and tells nobody."""
_RESULT = ["Result", "Reason", "Message"]
_ALL = (
    "Board", "Name", "DOB", "Learner ID", "Activity", "Activity ID", "Completion", "Submission", "Credits Awarded",
    "Status",
)  # fmt: skip
_STATUS = (
    "CreditID", *uploads.LEARNERS[1:11], *uploads.LEARNERS[12:14], "Local Identifier", "Status", "Reason", "Message",
)  # fmt: skip


@dataclass
class Papers:
    """The pages of a person; `act` answers None for a page that is not one of them."""

    pars: Pars
    switches: Switches
    _seen: set[bytes] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def act(self, request: Request) -> Response | None:
        pages: dict[str, Callable[[Request], Response]] = {
            "POST /upload/learners": self._upload,
            "GET /download/learners": lambda asked: _table(self._all(), asked),
            "GET /download/status": self._status,
        }
        page = pages.get(f"{request.method} {request.path}")
        if page is None:
            return None
        try:
            with self._lock:
                return page(request)
        except Malformed as error:
            return Response(400, f"{error.refusal.reason}: {error.refusal.message}".encode(), "text/plain")

    def _upload(self, request: Request) -> Response:
        if request.body.lstrip()[:1] == b"<":
            return self._upload_xml(request.body)
        rows = workbooks.read(request.body)
        found = uploads.entries(rows, self.pars.account.provider)
        if self._is_known(repr([[cell.value for cell in row] for row in rows]).encode()):
            return _known()
        refusals = self._take(found)
        answered = [(entry, refusal) for entry, refusal in zip(found, refusals, strict=True)]
        return Response(200, self._result(rows, answered), workbooks.XLSX)

    def _upload_xml(self, body: bytes) -> Response:
        document = dialect_xml.read_document(dialect_xml.parse(body))
        if self._is_known(body):
            return _known()
        outcomes = self._spoilt(self.pars.save(document))
        if switch := self.switches.take("result-unknown-word", "pars", "upload"):
            outcomes[:1] = [replace(outcomes[0], status=switch.message or "Queued")]
        return Response(200, dialect_xml.render_saved(outcomes), dialect_xml.CONTENT_TYPE)

    def _is_known(self, content: bytes) -> bool:
        mark = hashlib.sha256(content).digest()
        if mark in self._seen:
            return True
        self._seen.add(mark)
        return False

    def _take(self, found: Sequence[uploads.Entry]) -> list[Refusal | None]:
        """Row by row; a row is taken whole or not at all."""
        seen: set[uploads.Key] = set()
        refusals: list[Refusal | None] = []
        for entry in found:
            twice = seen & set(entry.keys)
            seen |= set(entry.keys)
            if twice:
                refusals.append(Refusal("Invalid data", "another row of this file has the same keys"))
            else:
                refusals.append(entry.refusal or self._take_row(entry.report))
        return refusals

    def _take_row(self, report: Report | None) -> Refusal | None:
        if report is None:
            raise AssertionError("a row is read or refused")
        held = [self._fellow(report, line) for line in report.lines]
        if report.action == "delete":
            if not all(held):
                return Refusal("No match", "no record has exactly these keys")
            ids = [one.credit_id for one in held if one]
        else:
            activity = self.pars.activities.get(report.activity)
            if any(held) and not (activity and activity.format == words.SERIES):
                return Refusal("Report already exists", "a record with these keys is already reported")
            ids = [f"{OWN}{next(self._numbers)}" for _ in report.lines]
        lines = tuple(replace(line, credit_id=one) for line, one in zip(report.lines, ids, strict=True))
        outcomes = self.pars.save(Document((replace(report, lines=lines),)), whole=True)
        return next((one.refusal for one in outcomes if one.refusal), None)

    def _fellow(self, report: Report, line: Line) -> Credit | None:
        """The live credit with the keys of this line; of several the one with its amount, then the oldest."""
        local = report.participant and f"{report.participant.local.domain}|{report.participant.local.value}"
        found = [
            one
            for one in self.pars.held()
            if one.is_live or one.state == "Rejected"
            if (one.activity, one.completed) == (report.activity, report.completed[:10])
            if words.plain(one.certification) == words.plain(line.certification)
            if one.identifiers == line.identifiers and (local is None or one.learner == local)
            if line.identifiers or local or self._is_person(one, report)
        ]
        if report.action == "add":
            found = [one for one in found if one.is_live]
        return min(found, key=lambda one: one.amount != Decimal(line.amount), default=None)

    def _is_person(self, credit: Credit, report: Report) -> bool:
        who = self._learner(credit)
        return bool(who and report.person and (who.given, who.family) == (report.person.given, report.person.family))

    def _learner(self, credit: Credit) -> KnownLearner | None:
        return next((one for one in self.pars.learners if one.ref == credit.learner), None)

    def _result(self, rows: Sequence[Row], answered: list[tuple[uploads.Entry, Refusal | None]]) -> bytes:
        """The same rows with what became of each."""
        said = [
            [*(cell.value for cell in entry.cells),
             *(["Failure", refusal.reason, refusal.message] if refusal else ["Success", "", ""])]
            for entry, refusal in answered
        ]  # fmt: skip
        header, width = [*(cell.value for cell in rows[1]), *_RESULT], len(rows[1])
        said = self._spoilt(said)
        if self.switches.take("result-renamed-column", "pars", "upload"):
            header[width] = "Outcome"
        if switch := self.switches.take("result-unknown-word", "pars", "upload"):
            said[0][width] = switch.message or "Queued"
        formula = "B3" if self.switches.take("result-formula", "pars", "upload") else ""
        if formula:
            said[0][1] = f'="{said[0][1]}"'
        merged = "A3:B3" if self.switches.take("result-merged-cells", "pars", "upload") else ""
        return workbooks.write([["Result of the upload"], header, *said], merged=merged, formula=formula)

    def _spoilt(self, answers: list[Any]) -> list[Any]:
        """As the switches that concern whole rows have it."""
        if self.switches.take("result-rows-left-out", "pars", "upload"):
            answers = answers[:-1]
        return answers[::-1] if self.switches.take("result-other-order", "pars", "upload") else answers

    def _all(self) -> list[Sequence[Any]]:
        """Download All Learners: what PARS's screen shows; nobody of a REMS stands there."""
        held = [one for one in self.pars.held() if one.state != "Deleted" and one.birth]
        return [_ALL, *(self._shown(one) for one in held)]

    def _shown(self, credit: Credit) -> Sequence[Any]:
        who, activity = self._learner(credit), self.pars.activities[credit.activity]
        month, day = credit.birth.split("-")
        return (
            credit.board,
            f"{who.family}, {who.given}" if who else "",
            f"{int(month)}/{int(day)}",
            credit.identifiers[0].value if credit.identifiers else "",
            activity.title,
            credit.activity,
            date.fromisoformat(credit.completed),
            datetime.fromisoformat(credit.history[0]["at"]).date(),
            float(credit.amount),
            credit.state,
        )

    def _status(self, request: Request) -> Response:
        held = [one for one in self.pars.held() if one.state != "Deleted"]
        if request.params.get("form") == "xml":
            named = [one for one in held if not one.credit_id.startswith(OWN)]
            return Response(200, dialect_xml.render_status(named), dialect_xml.CONTENT_TYPE)
        return _table([_STATUS, *(self._told(one) for one in held)], request)

    def _told(self, credit: Credit) -> Sequence[Any]:
        who, own = self._learner(credit), credit.identifiers[0] if credit.identifiers else None
        licence = own if own and not credit.board else None
        return (
            "" if credit.credit_id.startswith(OWN) else credit.credit_id,
            credit.activity,
            date.fromisoformat(credit.completed),
            who.given if who else "",
            who.family if who else "",
            credit.birth.replace("-", "/"),
            words.STATES.get(licence.domain, "") if licence else "",
            licence.value if licence else "",
            float(credit.amount) if credit.birth and not credit.board else None,
            credit.board,
            own.value if own and credit.board else "",
            credit.certification if credit.board and credit.certification != credit.board else "",
            float(credit.amount) if credit.board else None,
            "" if credit.birth else credit.learner.rpartition("|")[2],
            credit.state,
            credit.refusal.reason if credit.refusal else "",
            credit.refusal.message if credit.refusal else "",
        )


def _known() -> Response:
    return Response(409, b"Duplicate file: this file was uploaded before", "text/plain")


def _table(rows: Sequence[Sequence[Any]], request: Request) -> Response:
    if request.params.get("form") != "csv":
        return Response(200, workbooks.write(rows), workbooks.XLSX)
    held = io.StringIO()
    csv.writer(held).writerows([_written(value) for value in row] for row in rows)
    return Response(200, held.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8")


def _written(value: Any) -> Any:
    return f"{value.month}/{value.day}/{value.year}" if isinstance(value, date) else value
