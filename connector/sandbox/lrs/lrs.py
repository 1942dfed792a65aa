"""The rehearsal LRS itself: statements with a real `stored`, queries, pages, voiding. Knows no HTTP, judges nothing.

Bytes are kept: a page is put together from what was stored, so a planted statement leaves as it came, however broken.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connector.sandbox.clock import Clock
from connector.sandbox.faults import Switches
from connector.sandbox.lrs.checks import VOIDED, instant
from connector.sandbox.lrs.filters import Filter
from connector.sandbox.lrs.multipart import Attachment, declared
from connector.sandbox.lrs.rows import Page, Query, Row, read_object, walk

_MS = timedelta(milliseconds=1)
_TOKENS = 10_000


class Conflict(Exception):
    """The id is taken by a statement that says something else."""


class Lrs:
    """The store. Every method may be called from any thread."""

    def __init__(self, clock: Clock, switches: Switches, *, user: str, password: str, page_limit: int = 500) -> None:
        self.user, self.password = user, password
        self.page_limit = page_limit
        self._clock = clock
        self._switches = switches
        self._rows: list[Row] = []
        self._by_id: dict[str, Row] = {}
        self._voided: set[str] = set()
        self._attachments: dict[str, Attachment] = {}
        self._tokens: OrderedDict[str, Query] = OrderedDict()
        self._numbers = itertools.count()
        self._last = datetime.min.replace(tzinfo=UTC)
        self._skew = timedelta(0)
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """The LRS's own clock, which a switch may have moved."""
        return self._clock.now() + self._skew

    def store(
        self, statements: Sequence[dict[str, Any]], attachments: Iterable[Attachment] = (), *, version: str = "1.0.0"
    ) -> list[str]:
        """Store checked statements, all or none; their ids. The same again is no news, Conflict if it differs.

        `version` is written into statements that name none.
        """
        with self._lock:
            stamps = self._stamps(len(statements))
            late = self._switches.take("late-rows", "lrs", "store")
            visible = self.now() + timedelta(seconds=late.seconds if late else 0)
            ids = [str(one.get("id") or uuid.uuid4()) for one in statements]
            triples = [triple for triple in zip(ids, statements, stamps, strict=True) if self._is_news(*triple[:2])]
            for statement_id, statement, stamp in triples:
                self._keep({"version": version} | statement | {"id": statement_id}, _essence(statement), stamp, visible)
            self._attachments |= {one.sha2: one for one in attachments}
            return ids

    def plant(self, raw: bytes, stored: datetime | None = None) -> None:
        """Put these very bytes where a lax LRS would hold a statement; they need not even be JSON."""
        with self._lock:
            statement_id = str((read_object(raw) or {}).get("id", "")).lower()
            stamp = stored or self._stamps(1)[0]
            bisect.insort(self._rows, Row(stamp, next(self._numbers), raw, statement_id))

    def query(self, query: Query) -> Page:
        """One page, newest first unless `ascending`; voided and not yet visible statements are not there."""
        with self._lock:
            limit = min(query.limit or self.page_limit, self.page_limit)
            matching = self._matching(query)
            rows = tuple(itertools.islice(matching, limit))
            more = self._rest(query, rows, matching, full=len(rows) == limit)
            return Page(rows[::-1] if query.turned else rows, more)

    def one(self, statement_id: str, *, voided: bool | None) -> Row | None:
        """A statement by its id, among the voided or the others; None looks among both."""
        with self._lock:
            row = self._by_id.get(statement_id.lower())
            if row is None or row.visible_at > self.now():
                return None
            return row if voided is None or (row.statement_id in self._voided) == voided else None

    def attached(self, rows: Iterable[Row]) -> list[Attachment]:
        """The attachments that these statements declare and the LRS holds, each once."""
        wanted = dict.fromkeys(str(one.get("sha2")).lower() for row in rows for one in declared(row.statement or {}))
        return [self._attachments[sha2] for sha2 in wanted if sha2 in self._attachments]

    def token(self, query: Query) -> str:
        """An opaque name under which a page can be asked for."""
        with self._lock:
            token = uuid.uuid4().hex
            self._tokens[token] = query
            if len(self._tokens) > _TOKENS:
                self._tokens.popitem(last=False)
            return token

    def behind(self, token: str) -> Query | None:
        return self._tokens.get(token)

    def consistent_through(self, operation: str) -> datetime:
        """No promise about rows that are late, as with most real servers."""
        lag = self._switches.take("consistent-lag", "lrs", operation)
        return max(self.now(), self._last) - timedelta(seconds=lag.seconds if lag else 0)

    def statements(self) -> Iterator[dict[str, Any]]:
        """Every statement that is held, voided ones too."""
        return (statement for row in list(self._rows) if (statement := row.statement) is not None)

    def _stamps(self, count: int) -> list[datetime]:
        """Times of storing: milliseconds that only grow, unless a switch makes them tie or jump."""
        if jump := self._switches.take("clock-jump", "lrs", "store"):
            self._skew += timedelta(seconds=jump.seconds)
            self._last = datetime.min.replace(tzinfo=UTC)
        now = self.now()
        first = max(now.replace(microsecond=now.microsecond // 1000 * 1000), self._last + _MS if count else self._last)
        tied = count > 1 and self._switches.take("equal-stored", "lrs", "store") is not None
        stamps = [first if tied else first + index * _MS for index in range(count)]
        self._last = stamps[-1] if stamps else self._last
        return stamps

    def _is_news(self, statement_id: str, statement: Mapping[str, Any]) -> bool:
        known = self._by_id.get(statement_id.lower())
        if known and not (known.essence == _essence(statement) and _is_timed_alike(known, statement)):
            raise Conflict(f"statement {statement_id} exists and says something else")
        return known is None

    def _keep(self, statement: dict[str, Any], essence: bytes, stored: datetime, visible: datetime) -> None:
        held = _as_held(statement, stored, self.user)
        own_id = str(held["id"]).lower()
        row = Row(stored, next(self._numbers), orjson.dumps(held), own_id, visible, essence)
        bisect.insort(self._rows, row)
        self._by_id[own_id] = row
        if not _voids(held):
            return
        # a voiding statement cannot itself be voided, whichever of the two comes first
        self._voided.discard(own_id)
        target = held["object"]["id"].lower()
        known = self._by_id.get(target)
        if not (known and _voids(known.statement or {})):
            self._voided.add(target)

    def _matching(self, query: Query) -> Iterator[Row]:
        now = self.now()
        rows = walk(self._rows, query) if query.rest is None else iter(query.rest)
        hidden = frozenset() if query.shows_voided else self._voided
        shown = (row for row in rows if row.visible_at <= now and row.statement_id not in hidden)
        return shown if query.filter.is_empty else (row for row in shown if self._is_meant(row, query.filter))

    def _rest(self, query: Query, rows: Sequence[Row], matching: Iterator[Row], *, full: bool) -> Query | None:
        """What a `more` asks for, or None after the last page."""
        if query.frozen:
            rest = tuple(matching)
            return replace(query, rest=rest) if rest else None
        goes_on = (query.eager and full) or next(matching, None) is not None
        return replace(query, after=rows[-1]) if rows and goes_on else None

    def _is_meant(self, row: Row, wanted: Filter) -> bool:
        """A statement that refers to a matching one matches too."""
        seen: set[str] = set()
        while (statement := row.statement) is not None:
            if wanted.matches(statement):
                return True
            reference = _reference(statement)
            if reference in seen or reference not in self._by_id:
                return False
            seen.add(reference)
            row = self._by_id[reference]
        return False


def _as_held(statement: Mapping[str, Any], stored: datetime, user: str) -> dict[str, Any]:
    """The statement with all that an LRS sets or puts right."""
    stamp = stored.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stored.microsecond // 1000:03d}Z"
    authority = {"objectType": "Agent", "account": {"homePage": "http://lrs.example.org", "name": user}}
    held = {"timestamp": stamp} | _with_lists(statement) | {"stored": stamp, "authority": authority}
    if statement["object"].get("objectType") == "SubStatement":
        held["object"] = _with_lists(statement["object"])
    return held


def _with_lists(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Context activities as lists, single ones too."""
    activities = statement.get("context", {}).get("contextActivities")
    if not activities:
        return dict(statement)
    lists = {name: several if isinstance(several, list) else [several] for name, several in activities.items()}
    return {**statement, "context": statement["context"] | {"contextActivities": lists}}


def _voids(statement: Mapping[str, Any]) -> bool:
    return bool(statement.get("verb", {}).get("id") == VOIDED)


def _reference(statement: Mapping[str, Any]) -> str:
    """The id of the statement it refers to, or nothing; a planted statement may have any object."""
    about = statement.get("object")
    if not isinstance(about, dict) or about.get("objectType") != "StatementRef":
        return ""
    return str(about.get("id", "")).lower()


def _is_timed_alike(known: Row, statement: Mapping[str, Any]) -> bool:
    """One instant may be written in many ways, and a missing one was set by the LRS."""
    return "timestamp" not in statement or instant(statement["timestamp"]) == known.key("timestamp")[0]


def _essence(statement: Mapping[str, Any]) -> bytes:
    """A digest of what may not differ when an id comes again: not what the LRS sets, and no wording."""
    outside = ("id", "stored", "authority", "version", "timestamp", "attachments")
    own = {name: value for name, value in _with_lists(statement).items() if name not in outside}
    own["verb"] = statement["verb"]["id"]
    own["object"] = {name: value for name, value in statement["object"].items() if name != "definition"}
    return hashlib.blake2b(orjson.dumps(own, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
