"""Reads every source that is due and leaves statement rows for the mapping. Knows no rule and no learner.

A page is saved in one transaction of its own; the cursor moves only with the last page of a chain, in the same
transaction. A crash anywhere makes the next run read again what the memory of ids then skips.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from connector import metrics
from connector.collection import cursor, reader, save
from connector.config import Config, SourceConfig
from connector.errors import ConnectorError, NeedsOperator
from connector.logs import log
from connector.lrs.client import LrsClient, Page, Query
from connector.lrs.statement import Read, read
from connector.records import Counts
from connector.store import circuit, leases
from connector.store.session import Store
from connector.store.tables import Source

OWNER = f"{socket.gethostname()}:{secrets.token_hex(4)}"
"""This process, by a name that no successor has."""

MOST_PAUSE = timedelta(minutes=15)
SWEEP_EVERY = {"stored": timedelta(days=1), "timestamp": timedelta(days=7)}

_OURS = ("store.", "config.store")  # a store that fails is no fault of the LRS

Progress = Callable[[Counts], None]
"""Told the sums after each saved page. An exception from it ends the reading between two pages and loses nothing."""


def run(store: Store, config: Config) -> Counts:
    """Read every source once, one after the other; a source that fails does not keep the others from being read."""
    counts, unexpected = Counts(), None
    for source in config.polled:
        try:
            counts += collect(store, config, source)
        except Exception as error:
            unexpected = unexpected or error
    if unexpected:
        raise unexpected
    return counts


def collect(store: Store, config: Config, source: SourceConfig, progress: Progress | None = None) -> Counts:
    """Read one source to the end of its chain, unless its circuit is open or another process reads it.

    Outages and refusals stop the source (counted as `failed`) and raise nothing; only the unexpected does.
    """
    counts = Counts()
    if not _take(store, source):
        return counts
    try:
        with open_client(source) as lrs:
            reading = _Reading(store, source, counts, progress)
            reading.follow(lrs, reading.begin(lrs, config))
    except ConnectorError as error:
        if error.code.startswith(_OURS):
            raise
        _stop(store, source, error)
        counts["failed"] += 1
    except BaseException:
        _give_back(store, source)
        raise
    metrics.STATEMENTS_READ.labels(source=source.name).inc(counts["stored"])
    return counts


def open_client(source: SourceConfig) -> LrsClient:
    """A connection to the source's LRS; ConfigError when its password is not where the file says."""
    return LrsClient(
        source.endpoint,
        source.login.user,
        source.login.password.reveal(),
        version=source.version,
        timeout=source.timeout,
        ca_bundle=str(source.ca_bundle) if source.ca_bundle else None,
    )


def _take(store: Store, source: SourceConfig) -> bool:
    """Lease the source's row, made at first use."""
    now = datetime.now(UTC)
    with store.writing() as session:
        row = _row(session, source)
        # On SQLite the run lock is exclusive: whoever else held this lease is dead. Reading twice harms nobody.
        elsewhere = not store.is_sqlite and row.lease_owner not in ("", OWNER) and not leases.has_run_out(row, now)
        if elsewhere or not circuit.is_closed(row, now):
            return False
        leases.lease(row, OWNER, now=now, length=_lease_length(source))
        return True


def _row(session: Session, source: SourceConfig) -> Source:
    """The source's row; another endpoint or cursor field begins again from `start_from`."""
    fingerprint = hashlib.sha256(f"{source.endpoint} {source.cursor_field}".encode()).hexdigest()
    row = session.get(Source, source.name) or Source(id=source.name, fingerprint=fingerprint)
    if row.fingerprint != fingerprint:
        row.fingerprint, row.high_water, row.consistent_through = fingerprint, row.start_from, None
        row.next_sweep_at = None
    session.add(row)
    return row


def _lease_length(source: SourceConfig) -> timedelta:
    """Longer than one page can take, five minutes of dripping included: it is renewed with each."""
    return source.timeout * 2 + timedelta(minutes=6)


@dataclass
class _Reading:
    """One chain of one source, from its starting point to its cursor."""

    store: Store
    source: SourceConfig
    counts: Counts
    progress: Progress | None
    sweeping: bool = False

    def begin(self, lrs: LrsClient, config: Config) -> Source:
        """The row as this chain finds it, its starting point written at first use."""
        with self.store.reading() as session:
            row = session.get_one(Source, self.source.name)
        if row.high_water or row.start_from or self.source.start_from == "everything":
            return row
        start = _start(self.source.start_from, config.zone_of(config.providers[0], self.source), lrs)
        with self.store.writing() as session:
            row = session.get_one(Source, self.source.name)
            row.start_from = row.high_water = start
        return row

    def follow(self, lrs: LrsClient, began: Source) -> None:
        self.sweeping = began.next_sweep_at is not None and began.next_sweep_at <= datetime.now(UTC)
        query = Query(cursor.since(began.high_water, self._look_back()), self.source.page)
        seen: cursor.Chain | None = None
        with closing(reader.chain(lrs, query)) as pages:
            for page in pages:
                reads = [self._statement(raw) for raw in page.statements]
                seen = seen or cursor.Chain(page.consistent_through, page.server_date)
                for one in reads:
                    seen = seen.saw(one.statement.stored)
                self._save(page, reads, seen)
                if self.progress:
                    self.progress(self.counts)

    def _look_back(self) -> timedelta:
        usual = self.source.look_back if self.source.cursor_field == "timestamp" else self.source.overlap
        return max(usual, self.source.sweep) if self.sweeping else usual

    def _statement(self, raw: bytes) -> Read:
        return read(raw, self.source.name, registration_is_session=self.source.registration == "session")

    def _save(self, page: Page, reads: list[Read], seen: cursor.Chain) -> None:
        """One page, and with the last one the cursor."""
        now = datetime.now(UTC)
        with self.store.writing() as session:
            row = session.get_one(Source, self.source.name)
            wanted = [one for one in reads if not _before_start(one, row.start_from)]
            done = save.page(session, self.source.name, wanted, now=now)
            leases.lease(row, OWNER, now=now, length=_lease_length(self.source))
            if not page.more:
                self._finish(row, seen, now)
                circuit.recover(session, row, now=now)
        self.counts.update({"read": len(reads), "early": len(reads) - len(wanted), **done})

    def _finish(self, row: Source, seen: cursor.Chain, now: datetime) -> None:
        before, row.high_water = row.high_water, self._reached(row, seen)
        row.consistent_through = seen.consistent_through
        row.last_success_at = now
        if self.sweeping or row.next_sweep_at is None:
            row.next_sweep_at = now + SWEEP_EVERY[self.source.cursor_field]
        if before and row.high_water and row.high_water < before:
            _set_back(row, row.high_water, now)
        leases.free(row)

    def _reached(self, row: Source, seen: cursor.Chain) -> datetime | None:
        """The cursor after this chain; a start that the file names may lie ahead of every clock."""
        reached = cursor.advance(row.high_water, seen)
        if reached and row.start_from and isinstance(self.source.start_from, date):
            return max(reached, row.start_from)
        return reached


def _set_back(row: Source, reached: datetime, now: datetime) -> None:
    """Say that the server's clock had been ahead; the next reading sweeps for what was stored since it is right."""
    row.next_sweep_at = now
    if row.start_from and row.start_from > reached:  # a `now` of the wrong clock
        row.start_from = reached
    log.warning(
        "source.clock",
        source=row.id,
        error="the LRS's clock had been ahead: reading goes on from its present time",
        hint="look at the time synchronisation of the LRS's host",
        who="operator",
    )


def _start(said: date | Literal["now"], zone: ZoneInfo, lrs: LrsClient) -> datetime:
    """The moment from which statements count: midnight of a date, or now by the server's own clock."""
    if said != "now":
        return datetime.combine(said, time.min, zone).astimezone(UTC)
    server_date = lrs.page(Query(since=None, limit=1)).server_date
    if server_date is None:
        raise NeedsOperator(
            "lrs.no_date",
            "the LRS's answers have no Date, so that nobody knows what `now` is there",
            "set the source's `start_from` to a date",
        )
    return server_date


def _before_start(one: Read, start: datetime | None) -> bool:
    stored = one.statement.stored
    return start is not None and stored is not None and stored < start


def _give_back(store: Store, source: SourceConfig) -> None:
    with store.writing() as session:
        leases.free(session.get_one(Source, source.name))


def _stop(store: Store, source: SourceConfig, error: ConnectorError) -> None:
    with store.writing() as session:
        row = session.get_one(Source, source.name)
        leases.free(row)
        circuit.stop(session, row, error, now=datetime.now(UTC), first=source.every, most=MOST_PAUSE)
