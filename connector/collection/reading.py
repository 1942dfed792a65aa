"""One chain of one source into the store, page by page. Knows neither why it is read nor what comes after it.

A page is saved in one transaction of its own; what the chain was for is written with the last page, in the same one. A
crash anywhere makes the next run read again what the memory of ids then skips.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from connector.collection import cursor, reader, save
from connector.config import SourceConfig
from connector.lrs.client import Page, Query
from connector.lrs.statement import Read, read
from connector.records import Counts, Statement
from connector.store import leases
from connector.store.session import Store
from connector.store.tables import Source

OWNER = f"{socket.gethostname()}:{secrets.token_hex(4)}"
"""This process, by a name that no successor has."""

OURS = ("store.", "config.store")  # a store that fails is no fault of the LRS


@dataclass(frozen=True)
class SoFar:
    """What a reading has done since it began, and how much of the way to its end lies behind it (0 to 1, if known)."""

    counts: Counts
    way: float | None = None


Progress = Callable[[SoFar], None]
"""Told after each saved page. An exception from it ends the reading between two pages and loses nothing."""

Finish = Callable[[Session, Source, cursor.Chain, datetime], None]


@dataclass(frozen=True)
class Errand:
    """A question, which of its statements are kept, and what is written with the last page.

    A statement that voids is always kept: what it takes back may be counted by a backfill, now or later.
    `leave` looks at each page before it is saved: True ends the chain there, and nothing is finished.
    """

    query: Query
    finish: Finish
    keeps: Callable[[Statement, Source], bool]
    leave: Callable[[Page, Sequence[Read]], bool]
    way: float | None = None


@dataclass
class Reading:
    """The chains of one turn at a source, all counted together."""

    store: Store
    source: SourceConfig
    lrs: reader.Pages
    counts: Counts
    progress: Progress | None = None

    def follow(self, errand: Errand) -> cursor.Chain | None:
        """What the chain said about time; None when it was left."""
        seen: cursor.Chain | None = None
        with closing(reader.chain(self.lrs, errand.query)) as pages:
            for page in pages:
                reads = read_all(self.source, page)
                if errand.leave(page, reads):
                    return None
                seen = seen or cursor.Chain(page.consistent_through, page.server_date)
                for one in reads:
                    seen = seen.saw(one.statement.stored)
                self._save(errand, page, reads, seen)
                if self.progress:
                    self.progress(SoFar(self.counts, errand.way))
        return seen

    def row(self) -> Source:
        with self.store.reading() as session:
            return session.get_one(Source, self.source.name)

    def _save(self, errand: Errand, page: Page, reads: Sequence[Read], seen: cursor.Chain) -> None:
        now = datetime.now(UTC)
        with self.store.writing() as session:
            row = session.get_one(Source, self.source.name)
            wanted = [one for one in reads if one.voids or errand.keeps(one.statement, row)]
            done = save.page(session, self.source.name, wanted, now=now)
            self.counts.update({"read": len(reads), "early": len(reads) - len(wanted), **done})
            leases.lease(row, OWNER, now=now, length=lease_length(self.source))
            if not page.more:
                errand.finish(session, row, seen, now)


_ROUNDING = timedelta(seconds=1)


def read_all(source: SourceConfig, page: Page) -> list[Read]:
    """The statements of one page, as this source's settings read them."""
    is_session = source.registration == "session"
    return [read(raw, source.name, registration_is_session=is_session, groups=source.groups) for raw in page.statements]


def moment(source: SourceConfig, statement: Statement) -> datetime | None:
    """What `since` and `until` compare at this source."""
    return statement.timestamp if source.cursor_field == "timestamp" else statement.stored


def heeds(source: SourceConfig, end: datetime, reads: Sequence[Read]) -> bool:
    """False for a statement behind the `until` that was asked: this server does not look at it."""
    moments = (moment(source, one.statement) for one in reads)
    return not any(one and one - end > _ROUNDING for one in moments)


def lease_length(source: SourceConfig) -> timedelta:
    """Longer than one page can take, dripping and every halved question included: it is renewed with each."""
    return source.timeout * 10 + timedelta(minutes=6)


def is_after_start(statement: Statement, row: Source) -> bool:
    """Not stored before the moment from which statements of this source count."""
    return row.start_from is None or statement.stored is None or statement.stored >= row.start_from
