"""The rehearsal LRS itself: statements with a real `stored`, queries, pages, voiding. Knows no HTTP, judges nothing.

Bytes are kept: a page is put together from what was stored, so a planted statement leaves as it came, however broken.
"""

from __future__ import annotations

import bisect
import itertools
import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connector.sandbox.clock import Clock
from connector.sandbox.faults import Switches
from connector.sandbox.lrs_checks import VOIDED
from connector.sandbox.lrs_filters import Filter

_MS = timedelta(milliseconds=1)
_TOKENS = 10_000


class Conflict(Exception):
    """The id is taken by a statement that says something else."""


@dataclass(frozen=True, order=True)
class Row:
    """One stored statement; rows sort by `stored`, then by arrival. `statement` is None where the bytes hold none."""

    stored: datetime
    number: int
    raw: bytes = field(compare=False, repr=False)
    statement: dict[str, Any] | None = field(compare=False, repr=False)
    statement_id: str = field(default="", compare=False)
    visible_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)
    sent: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True)
class Query:
    """One read: filter, window on `stored`, order and page length; `after` is where a `more` goes on."""

    filter: Filter = field(default_factory=Filter)
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    limit: int = 0
    after: Row | None = None


@dataclass(frozen=True)
class Page:
    rows: tuple[Row, ...]
    more: Query | None


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
        self._tokens: OrderedDict[str, Query] = OrderedDict()
        self._numbers = itertools.count()
        self._last = datetime.min.replace(tzinfo=UTC)
        self._skew = timedelta(0)
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """The LRS's own clock, which a switch may have moved."""
        return self._clock.now() + self._skew

    def store(self, statements: Sequence[dict[str, Any]]) -> list[str]:
        """Store checked statements, all or none; their ids. The same again is no news, Conflict if it differs."""
        with self._lock:
            stamps = self._stamps(len(statements))
            late = self._switches.take("late-rows", "lrs", "store")
            visible = self.now() + timedelta(seconds=late.seconds if late else 0)
            ids = [str(one.get("id") or uuid.uuid4()).lower() for one in statements]
            triples = [triple for triple in zip(ids, statements, stamps, strict=True) if self._is_news(*triple[:2])]
            for statement_id, statement, stamp in triples:
                self._keep(self._row(statement_id, statement, stamp, visible))
            return ids

    def plant(self, raw: bytes, stored: datetime | None = None) -> None:
        """Put these very bytes where a lax LRS would hold a statement; they need not even be JSON."""
        with self._lock:
            try:
                found = json.loads(raw)
            except ValueError:
                found = None
            statement = found if isinstance(found, dict) else None
            statement_id = str(statement.get("id", "")).lower() if statement else ""
            stamp = stored or self._stamps(1)[0]
            bisect.insort(self._rows, Row(stamp, next(self._numbers), raw, statement, statement_id))

    def query(self, query: Query) -> Page:
        """One page, newest first unless `ascending`; voided and not yet visible statements are not there."""
        with self._lock:
            limit, now = min(query.limit or self.page_limit, self.page_limit), self.now()
            shown = (row for row in self._walk(query) if row.visible_at <= now and row.statement_id not in self._voided)
            matching = shown if query.filter.is_empty else (row for row in shown if self._matches(row, query.filter))
            rows = tuple(itertools.islice(matching, limit))
            rest = next(matching, None)
            return Page(rows, replace(query, after=rows[-1]) if rest and rows else None)

    def one(self, statement_id: str, *, voided: bool) -> bytes | None:
        """A statement by its id, among the voided or the others."""
        with self._lock:
            row = self._by_id.get(statement_id.lower())
            known = row is not None and row.visible_at <= self.now()
            return row.raw if row and known and (row.statement_id in self._voided) == voided else None

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
        return (row.statement for row in list(self._rows) if row.statement is not None)

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

    def _is_news(self, statement_id: str, statement: dict[str, Any]) -> bool:
        known = self._by_id.get(statement_id)
        if known and known.sent != _essence(statement):
            raise Conflict(f"statement {statement_id} exists and says something else")
        return known is None

    def _row(self, statement_id: str, sent: dict[str, Any], stored: datetime, visible_at: datetime) -> Row:
        stamp = stored.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stored.microsecond // 1000:03d}Z"
        authority = {"objectType": "Agent", "account": {"homePage": "http://lrs.example.org", "name": self.user}}
        statement = {"timestamp": stamp, "version": "1.0.0"} | sent
        statement |= {"id": statement_id, "stored": stamp, "authority": authority}
        if activities := sent.get("context", {}).get("contextActivities"):
            lists = {name: several if isinstance(several, list) else [several] for name, several in activities.items()}
            statement["context"] = sent["context"] | {"contextActivities": lists}
        row = Row(stored, next(self._numbers), orjson.dumps(statement), statement, statement_id, visible_at)
        return replace(row, sent=_essence(sent))

    def _keep(self, row: Row) -> None:
        bisect.insort(self._rows, row)
        self._by_id[row.statement_id] = row
        if row.statement and row.statement["verb"]["id"] == VOIDED:
            target = self._by_id.get(row.statement["object"]["id"].lower())
            # a voiding statement cannot itself be voided
            if not (target and target.statement and target.statement["verb"]["id"] == VOIDED):
                self._voided.add(row.statement["object"]["id"].lower())

    def _walk(self, query: Query) -> Iterator[Row]:
        """Rows in the asked order: since exclusive, until inclusive."""
        low = bisect.bisect_right(self._rows, query.since, key=lambda row: row.stored) if query.since else 0
        high = (
            bisect.bisect_right(self._rows, query.until, key=lambda row: row.stored) if query.until else len(self._rows)
        )
        if query.ascending:
            low = max(low, bisect.bisect_right(self._rows, query.after)) if query.after else low
            return (self._rows[at] for at in range(low, high))
        high = min(high, bisect.bisect_left(self._rows, query.after)) if query.after else high
        return (self._rows[at] for at in range(high - 1, low - 1, -1))

    def _matches(self, row: Row, wanted: Filter) -> bool:
        """A statement that refers to a matching one matches too."""
        seen: set[str] = set()
        while row.statement is not None:
            if wanted.matches(row.statement):
                return True
            reference = _reference(row.statement)
            if reference in seen or reference not in self._by_id:
                return False
            seen.add(reference)
            row = self._by_id[reference]
        return False


def _reference(statement: dict[str, Any]) -> str:
    """The id of the statement it refers to, or nothing; a planted statement may have any object."""
    about = statement.get("object")
    if not isinstance(about, dict) or about.get("objectType") != "StatementRef":
        return ""
    return str(about.get("id", "")).lower()


def _essence(statement: dict[str, Any]) -> bytes:
    """What may not differ when an id comes again: everything but what the LRS sets."""
    own = {name: value for name, value in statement.items() if name not in ("id", "stored", "authority", "version")}
    return orjson.dumps(own, option=orjson.OPT_SORT_KEYS)


def as_page(rows: Iterable[Row], more: str) -> bytes:
    """The bytes of a result: each statement exactly as it is held."""
    return b'{"statements":[' + b",".join(row.raw for row in rows) + b'],"more":' + orjson.dumps(more) + b"}"
