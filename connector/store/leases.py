"""Who may act: the run lock of a whole process, and leases on rows. Knows no stage."""

from __future__ import annotations

import fcntl
from datetime import datetime, timedelta
from types import TracebackType
from typing import IO, Protocol, Self

from sqlalchemy import Connection, text

from connector.errors import NeedsOperator
from connector.store.session import Store

_ADVISORY_KEY = 0x70617273  # "pars": every daemon on one PostgreSQL shares it


class RunLock:
    """Held by whoever talks to an LRS or to PARS for a record: exclusive on SQLite, shared on PostgreSQL.

    The kernel (or the server) lets go of it when the process dies, so `kill -9` leaves nothing to clean.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def take(self) -> bool:
        """True when this process now holds the lock."""
        if self._store.path is None:
            self._connection = self._store.engine.connect()
            self._connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": _ADVISORY_KEY})
            return True
        self._file = self._store.path.with_name(self._store.path.name + ".lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            self._file = None
            return False
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        if not self.take():
            raise NeedsOperator(
                "store.in_use",
                "another process is running on this store",
                "stop the daemon first, or let it do the work: it picks up every command's wish",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_running(store: Store) -> bool:
    """Does a daemon (or `once`) hold the run lock of this SQLite store?"""
    probe = RunLock(store)
    taken = probe.take()
    probe.release()
    return not taken


class Leased(Protocol):
    """A row with a lease."""

    lease_owner: str
    lease_until: datetime | None


def lease(row: Leased, owner: str, *, now: datetime, length: timedelta) -> None:
    row.lease_owner, row.lease_until = owner, now + length


def free(row: Leased) -> None:
    row.lease_owner, row.lease_until = "", None


def has_run_out(row: Leased, now: datetime) -> bool:
    """Only the lease's own end says so: never the start of some process."""
    return row.lease_until is not None and row.lease_until <= now
