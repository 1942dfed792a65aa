"""The switches: which faults a rehearsal can show, and which are on. Knows nothing of what a fault does to a socket."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal

Side = Literal["lrs", "pars", "moodle"]


@dataclass(frozen=True)
class Fault:
    """`where` is socket (shown by the carrier, on any side), lrs or pars; `acts`: the request takes effect."""

    name: str
    where: Literal["socket", "lrs", "pars"]
    does: str
    acts: bool = False
    seconds: float = 0
    count: int = 0


_ALL = (
    Fault("cut-before-body", "socket", "closes the connection before the body is read"),
    Fault("cut-in-body", "socket", "closes the connection one byte before the body is whole"),
    Fault("cut-after-body", "socket", "closes the connection after the body, nothing is stored"),
    Fault("cut-before-reply", "socket", "stores, then closes the connection without a reply", acts=True),
    Fault("cut-in-reply", "socket", "stores, then closes the connection in the middle of the reply", acts=True),
    Fault("store-after-cut", "socket", "closes the connection; stores `seconds` later", seconds=60),
    Fault("error-500", "socket", "500, nothing is stored"),
    Fault("error-500-stored", "socket", "stores, then 500", acts=True),
    Fault("proxy-502", "socket", "502 with a proxy's HTML; with `stored` the request took effect"),
    Fault("time-out", "socket", "never answers; with `stored` the request took effect"),
    Fault("too-many", "socket", "429 with Retry-After of `seconds`", seconds=30),
    Fault("wrong-password", "socket", "401, whatever the credentials"),
    Fault("forbidden", "socket", "403"),
    Fault("html-200", "socket", "200 with an HTML page; with `stored` the request took effect"),
    Fault("empty-200", "socket", "200 without a body; with `stored` the request took effect"),
    Fault("truncated", "socket", "the whole reply's first half, as if that were all", acts=True),
    Fault("lag-status", "pars", "what is saved stays invisible to status reads for `seconds`", seconds=120),
    Fault("missing-outcomes", "pars", "saves, but the reply names no credit"),
    Fault("already-exists", "pars", "says Report already exists; with `stored` it does now"),
    Fault("refuse", "pars", "refuses each credit: Unspecified failure and `message`"),
    Fault("reject", "pars", "takes the credit; its board will reject it with `message`"),
    Fault("slow-board", "pars", "takes the credit; its board answers `seconds` later than usual", seconds=14 * 86400),
    Fault("match-word", "pars", "answers a match with the word `message`, whoever is asked about"),
    Fault("draft-status-words", "pars", "JSON status reads know the word Completed only, as the draft does"),
    Fault(
        "result-renamed-column", "pars", "the result of an uploaded sheet has another name for its column of results"
    ),
    Fault("result-merged-cells", "pars", "the result of an uploaded sheet has two cells in one"),
    Fault("result-formula", "pars", "the result of an uploaded sheet has a formula in place of an activity id"),
    Fault("result-rows-left-out", "pars", "the result of an uploaded file is silent about the last row"),
    Fault("result-unknown-word", "pars", "the result of an uploaded file says `message` of the first row"),
    Fault("result-other-order", "pars", "the result of an uploaded file has the rows in another order"),
    Fault("expired-more", "lrs", "404 for a `more`"),
    Fault("equal-stored", "lrs", "one `stored` for all statements of a request"),
    Fault("late-rows", "lrs", "statements become visible `seconds` after their `stored`", seconds=60),
    Fault(
        "consistent-lag", "lrs", "Consistent-Through lies `seconds` back; fired once, it goes backwards", seconds=3600
    ),
    Fault("absolute-more", "lrs", "`more` is an absolute URL on the same origin"),
    Fault("foreign-more", "lrs", "`more` is an absolute URL on another origin"),
    Fault("looping-more", "lrs", "`more` leads to the same page again"),
    Fault("empty-pages", "lrs", "a page without statements and with a `more`"),
    Fault("descending", "lrs", "this one page newest first although ascending was asked"),
    Fault("expire-token", "lrs", "401: the bearer token is forgotten before its time"),
    Fault(
        "clock-jump", "lrs", "the LRS's clock, its Date too, jumps by `seconds`, which may be negative", seconds=3600
    ),
    Fault("since-inclusive", "lrs", "`since` counts the statements stored at that very moment (xapi-lrs)"),
    Fault("until-exclusive", "lrs", "`until` leaves out the statements stored at that very moment (xapi-lrs)"),
    Fault("since-by-timestamp", "lrs", "`since` and `until` compare `timestamp`, not `stored` (Ralph)"),
    Fault("order-by-timestamp", "lrs", "the order goes by `timestamp`, not `stored` (Ralph with a search engine)"),
    Fault("ignore-until", "lrs", "`until` is not heard"),
    Fault("ignore-verb", "lrs", "`verb` is not heard: everything comes"),
    Fault("deaf-verb", "lrs", "`verb` finds nothing, whatever is there (Ralph with files)"),
    Fault("ignore-ascending", "lrs", "`ascending` is not heard: the whole chain newest first (xapi-lrs)"),
    Fault("ascending-per-page", "lrs", "oldest first in any case; ascending turns each page round (Ralph with files)"),
    Fault("page-cap", "lrs", "pages of `count` statements at most, whatever `limit` asks (ADL LRS, Ralph)", count=100),
    Fault("eager-more", "lrs", "a full page has a `more` although nothing follows (Ralph)"),
    Fault("absent-more", "lrs", "the last page has no `more` at all, in place of an empty one (Ralph)"),
    Fault("frozen-more", "lrs", "`more` leads through what was there at the first page, nothing newer (ADL LRS)"),
    Fault("absolute-more-http", "lrs", "`more` is an absolute http URL on an inner host (TRAX behind a proxy)"),
    Fault("no-voiding", "lrs", "voided statements stay, `voidedStatementId` is not heard (Ralph)"),
    Fault("no-consistent-through", "lrs", "no Consistent-Through (Ralph)"),
    Fault("version-2", "lrs", "an LRS of xAPI 2.0: says 2.0.0, takes a 2.0.0 request and contextAgents (ADL LRS)"),
    Fault("multipart", "lrs", "statements come as multipart/mixed with a binary attachment, unasked"),
)
FAULTS = {fault.name: fault for fault in _ALL}


@dataclass
class Switch:
    """One fault that is on. `times` counts down, None is always; empty `side` and `operation` mean any."""

    fault: str
    side: str = ""
    operation: str = ""
    times: int | None = 1
    seconds: float = 0
    count: int = 0
    stored: bool = False
    message: str = ""

    @property
    def acts(self) -> bool:
        return self.stored or FAULTS[self.fault].acts


class Switches:
    """All switches that are on; taking one counts it down."""

    def __init__(self) -> None:
        self._on: list[Switch] = []
        self._lock = threading.Lock()

    def set(self, fault: str, **settings: Any) -> Switch:
        """Turn `fault` on; ValueError names what is unknown."""
        if fault not in FAULTS:
            raise ValueError(f"no such fault: {fault}; known are {', '.join(FAULTS)}")
        try:
            switch = Switch(fault, **{"seconds": FAULTS[fault].seconds, "count": FAULTS[fault].count} | settings)
        except TypeError as error:
            raise ValueError(str(error)) from None
        with self._lock:
            self._on.append(switch)
        return switch

    def clear(self) -> None:
        with self._lock:
            self._on.clear()

    def take(self, name: str, side: Side, operation: str = "") -> Switch | None:
        """The switch of that fault if it fires now."""
        return self._first(lambda one: one.fault == name, side, operation)

    def take_socket(self, side: Side, operation: str) -> Switch | None:
        """The first switch the carrier must show for this request: at most one a request."""
        return self._first(lambda one: FAULTS[one.fault].where == "socket", side, operation)

    def _first(self, wanted: Any, side: Side, operation: str) -> Switch | None:
        with self._lock:
            for switch in self._on:
                if wanted(switch) and switch.side in ("", side) and switch.operation in ("", operation):
                    self._count(switch)
                    return switch
        return None

    def _count(self, switch: Switch) -> None:
        if switch.times is not None:
            switch.times -= 1
            if switch.times <= 0:
                self._on.remove(switch)

    def shown(self) -> dict[str, Any]:
        with self._lock:
            on = [asdict(switch) for switch in self._on]
        return {"on": on, "known": {fault.name: fault.does for fault in FAULTS.values()}}
