"""Who may act: the run lock of a whole process, and leases on rows. Knows no stage."""

from __future__ import annotations

import fcntl
import time
import zlib
from datetime import datetime, timedelta
from types import TracebackType
from typing import IO, Protocol, Self

from sqlalchemy import Connection, text
from sqlmodel import Session

from connector.errors import NeedsOperator
from connector.store.session import Store, unwritable

_ADVISORY_KEY = 0x70617273  # "pars": every daemon on one PostgreSQL shares it
_PATIENCE = 1.0  # seconds: `is_running` holds the file's lock for the blink of its question


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
            self._connection = _own_connection(self._store)
            self._connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": _ADVISORY_KEY})
            return True
        ends = time.monotonic() + _PATIENCE
        self._file = _locked(self._store, fcntl.LOCK_EX)
        while self._file is None and time.monotonic() < ends:
            time.sleep(0.05)
            self._file = _locked(self._store, fcntl.LOCK_EX)
        return self._file is not None

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
                "stop it first, or let it do the work",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_running(store: Store) -> bool:
    """Does a daemon (or `once`) hold the run lock of this store?"""
    if store.path is None:
        question = text("SELECT pg_try_advisory_lock(:key)")  # exclusive: no while anybody holds it shared
        connection = _own_connection(store)
        try:
            return not connection.execute(question, {"key": _ADVISORY_KEY}).scalar()
        finally:
            connection.close()
    file = _locked(store, fcntl.LOCK_SH)  # shared: two who ask do not take each other for a daemon
    if file is not None:
        file.close()
    return file is None


def _locked(store: Store, how: int) -> IO[str] | None:
    """The lock file with the lock on it, or None when another process has it."""
    assert store.path is not None  # noqa: S101 - asked for SQLite only
    try:
        file = store.path.with_name(store.path.name + ".lock").open("a", encoding="utf-8")
    except OSError as error:
        raise unwritable(str(store.path)) from error
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _own_connection(store: Store) -> Connection:
    """A connection outside the pool and without a transaction: closing it lets go of the lock, holding it costs the
    server no snapshot.
    """
    with store.plainly():
        connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection


def alone(session: Session, room: str) -> None:
    """Wait until no other process works in this room, and keep them out until the transaction ends.

    On SQLite whoever writes is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        question = text("SELECT pg_advisory_xact_lock(:key)")
        session.execute(question, {"key": zlib.crc32(room.encode())})


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
