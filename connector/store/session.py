"""Opens the store: one engine, short transactions, the schema brought up to date. Knows no stage."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlmodel import Session

from connector.errors import ConfigError, RetryLater

BUSY_SECONDS = 30
MIGRATIONS = Path(__file__).parent / "migrations"


class StoreUnavailable(RetryLater):
    """The database does not answer: nobody's channel or source is to blame."""


class Store:
    """The database of one connector.

    `reading()` and `writing()` are the only ways to a session; a write transaction on SQLite takes its lock with its
    first statement, a question too, so that it waits (up to 30 s) instead of failing in the middle. `owner` names this
    process in leases; loops look at `stopping` between two rows; `lines` are this process's turns at each channel.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.shown = self.url.set(query={}).render_as_string()  # a password may stand in the query too
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.stopping = threading.Event()
        self.lines: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database or "") if self.is_sqlite else None
        if self.path is not None:
            _make_folder(self.path)
        self.engine = _engine(self.url)
        if self.is_sqlite:
            event.listen(self.engine, "do_connect", partial(_make_private, self.path))
            event.listen(self.engine, "connect", _tune)
            event.listen(self.engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.plainly(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self, *, within: float | None = None) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception.

        Whoever answers somebody that waits gives the lock fewer seconds (`within`): StoreUnavailable after that.
        """
        engine = self.engine.execution_options(immediate=True, **({} if within is None else {"within": within}))
        with self.plainly(), Session(engine, expire_on_commit=False) as session, session.begin():
            if not self.is_sqlite and within is not None:
                for limit in ("lock_timeout", "statement_timeout"):
                    session.connection().exec_driver_sql(f"SET LOCAL {limit} = {max(1, int(within * 1000))}")
            yield session

    def plainly(self) -> AbstractContextManager[None]:
        """The engine's own errors inside become ours."""
        return _plainly(self.shown)

    def upgrade(self) -> bool:
        """Bring the schema to this version; True when something changed. Raises ConfigError for a newer store."""
        engine = self.engine.execution_options(immediate=True)
        with self.plainly(), engine.connect() as connection:
            script = ScriptDirectory(str(MIGRATIONS))
            current = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            if current == script.get_current_head():
                return False
            if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
                raise ConfigError(
                    "config.store_newer",
                    f"the store has schema {current}, which this version does not know",
                    "run the version of pars-connector that made it, or a newer one",
                )
            command.upgrade(_alembic(connection), "head")
            connection.commit()
        return True

    def dispose(self) -> None:
        self.engine.dispose()


def _parse(url: str) -> URL:
    """A plain `postgresql://` means psycopg 3, the one driver we come with."""
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except ArgumentError:
        raise ConfigError(
            "config.store_url", "store.url is no database address", "write it as sqlite:///path/to/pars-connector.db"
        ) from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=url.get_backend_name() != "sqlite")
    except ImportError:
        raise ConfigError(
            "config.store_driver",
            f"the driver for {url.drivername} is not installed",
            "for PostgreSQL: pip install 'pars-connector[postgres]'",
        ) from None


def _alembic(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(str(path)) from error


def _make_private(path: Path | None, *_: Any) -> None:
    """A new database is its owner's alone before a byte is in it; SQLite gives its other files the same mode."""
    if path is not None and path.parent.is_dir() and str(path) not in ("", ".", ":memory:"):
        with contextlib.suppress(OSError):  # it exists; or SQLite says better what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _tune(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event opens transactions, not the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    # each time: the connection is the pool's, and whoever had it before may have been in more of a hurry
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(options.get('within', BUSY_SECONDS) * 1000)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate", False) else "BEGIN")


@contextmanager
def _plainly(url: str) -> Iterator[None]:
    """Turn the engine's own errors about the file or server into one clear line; a value never shows."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).lower()
        if any(word in text for word in ("readonly", "read-only", "unable to open", "permission")):
            raise unwritable(url) from None
        raise StoreUnavailable("store.unavailable", f"the store does not answer: {type(error.orig).__name__}") from None
    except DatabaseError as error:
        if "not a database" not in str(error.orig).lower():
            raise
        hint = "name another file in store.url, or restore this one from its backup"
        raise ConfigError("config.store_damaged", "the store's file is no database", hint, where=url) from None


def unwritable(url: str) -> ConfigError:
    return ConfigError(
        "config.store_unwritable",
        "the store cannot be written",
        "check that the folder exists, that this user may write there and that the disk is not full",
        where=url,
    )
