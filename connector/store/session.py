"""Opens the store: one engine, short transactions, the schema brought up to date. Knows no stage."""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from connector.errors import ConfigError, RetryLater

BUSY_SECONDS = 30
MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """The database of one connector.

    `reading()` and `writing()` are the only ways to a session; a write transaction on SQLite takes its lock at the
    start, so that it waits (up to 30 s) instead of failing in the middle. `owner` names this process in leases; loops
    look at `stopping` between two rows.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.stopping = threading.Event()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database or "") if self.is_sqlite else None
        if self.path is not None:
            _make_folder(self.path)
        self.engine = create_engine(self.url, hide_parameters=True, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _tune)
            event.listen(self.engine, "begin", _begin)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with _plainly(self.url.render_as_string()), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception."""
        engine = self.engine.execution_options(immediate=True)
        with _plainly(self.url.render_as_string()), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def upgrade(self) -> bool:
        """Bring the schema to this version; True when something changed. Raises ConfigError for a newer store."""
        engine = self.engine.execution_options(immediate=True)
        with _plainly(self.url.render_as_string()), engine.connect() as connection:
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


def _alembic(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(str(path)) from error


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
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _plainly(url: str) -> Iterator[None]:
    """Turn the engine's own errors about the file or server into one clear line; a value never shows."""
    try:
        yield
    except OperationalError as error:
        text = str(error.orig).lower()
        if any(word in text for word in ("readonly", "read-only", "unable to open", "permission")):
            raise _unwritable(url) from None
        raise RetryLater("store.unavailable", f"the store does not answer: {type(error.orig).__name__}") from None


def _unwritable(url: str) -> ConfigError:
    return ConfigError(
        "config.store_unwritable",
        "the store cannot be written",
        "check that the folder exists, that this user may write there and that the disk is not full",
        where=url,
    )
