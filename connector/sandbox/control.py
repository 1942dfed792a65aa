"""The rehearsal's own pages, on every port: banner, ledger, check, switches, clock, boards. Knows no document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.sandbox.carrier import Request, Response
from connector.sandbox.clock import Clock
from connector.sandbox.faults import Switches
from connector.sandbox.pars.pars import REHEARSAL, Pars

_PAGES = {
    "GET /": "this page",
    "POST /upload/learners": "a person uploads a file; the answer is its result",
    "GET /download/learners": "Download All Learners, an XLSX; ?form=csv",
    "GET /download/status": "a status export, an XLSX; ?form=csv, ?form=xml",
    "GET /ledger": "what the rehearsal PARS holds and has held",
    "GET /ledger/check": "what they say against the client; ?withdrawn=ID for each credit that was meant to go",
    "GET /switches": "the fault switches that are on, and all that are known",
    "POST /switch": '{"fault": "..."} and, if wanted, side, operation, times (null: always), seconds, count, stored, '
    "message",
    "DELETE /switches": "turn every switch off",
    "POST /clock": '{"seconds": 86400}: move the clock of all on',
    "POST /boards": "let every board but the slow ones answer now",
}


@dataclass
class Control:
    """Answers the pages of `_PAGES`; faults never touch them."""

    pars: Pars
    switches: Switches
    clock: Clock

    def act(self, request: Request) -> Response:
        try:
            page = self._page(request)
        except (ValueError, TypeError, KeyError) as error:
            return _json({"rehearsal": REHEARSAL, "error": str(error)}, 400)
        return Response(404, b"no such page", "text/plain") if page is None else _json(page)

    def _page(self, request: Request) -> dict[str, Any] | None:
        pages: dict[str, Callable[[], dict[str, Any]]] = {
            "GET /": lambda: {"rehearsal": REHEARSAL, "pages": _PAGES},
            "GET /ledger": self.pars.ledger,
            "GET /ledger/check": lambda: self._check(request),
            "GET /switches": self.switches.shown,
            "POST /switch": lambda: self._switch(json.loads(request.body)),
            "DELETE /switches": self._clear,
            "POST /clock": lambda: self._advance(float(json.loads(request.body)["seconds"])),
            "POST /boards": lambda: {"answered": self.pars.boards_answer()},
        }
        page = pages.get(f"{request.method} {request.path}")
        return page() if page else None

    def _check(self, request: Request) -> dict[str, Any]:
        meant = [value for name, value in request.query if name == "withdrawn"]
        found = self.pars.check(meant or None)
        return {"rehearsal": REHEARSAL, "violations": [violation.shown() for violation in found]}

    def _switch(self, settings: dict[str, Any]) -> dict[str, Any]:
        self.switches.set(settings.pop("fault"), **settings)
        return self.switches.shown()

    def _clear(self) -> dict[str, Any]:
        self.switches.clear()
        return self.switches.shown()

    def _advance(self, seconds: float) -> dict[str, Any]:
        self.clock.advance(seconds)
        self.pars.tick()
        return {"now": self.clock.now().isoformat()}


def _json(page: dict[str, Any], status: int = 200) -> Response:
    return Response(status, json.dumps(page, indent=1, ensure_ascii=False).encode())
