"""Learners from a database of the house: one read-only question for many. Knows no table of the connector's own.

What a database says of an error may quote a value: only its class, and names that the question itself holds, are said.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, NullPool, String, bindparam, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from connector.config import SqlQuery
from connector.errors import ConfigError, ConnectorError, NeedsOperator, RetryLater
from connector.findings import did_you_mean
from connector.learners.sources import rows
from connector.learners.sources.sheet import COLUMNS
from connector.records import ActorKey, Found, Problem

QUERY = "config.learner_query"
MOST_ROWS = 20_000
"""Of one answer to at most some hundred keys: more is a question that its own list does not limit."""

_ASKS = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
_TEXTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_IN_BRACKETS = re.compile(r"\(\s*(:(?:emails|accounts|mbox_sha1sums))\s*\)")
_NAMED = re.compile(r"(?:no such (?:table|column): |(?:column|relation) )\"?([\w.]+)\"?")
_MISTAKEN = ("0A", "22", "23", "25", "26", "2F", "3D", "42", "P0")  # SQLSTATE classes: the question, not the database
_LOGIN = ("password authentication failed", "access denied", "permission denied", "no pg_hba.conf entry", 'role "')
_UNASKABLE = ("no such", "syntax error", "readonly database", "incomplete input", "does not exist", "misuse")


class SqlDatabase:
    """`fetch` asks for many keys by one question, and by their owners' other keys by a second one."""

    def __init__(self, settings: SqlQuery, name: str) -> None:
        self.name = name
        self._settings = settings
        self._query = text(_IN_BRACKETS.sub(r"\1", _question(settings.query)))
        self._lists = _lists(self._query._bindparams)  # noqa: SLF001  # SQLAlchemy has no public name for them
        self._query = self._query.bindparams(*(bindparam(one, expanding=True, type_=String) for one in self._lists))

    def speaks_for(self, keys: Collection[ActorKey]) -> set[ActorKey]:
        return {key for key in keys if any(self._value(one, key) is not None for one in self._lists)}

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        with self._connected() as connection:
            return rows.answered(lambda asked: self._ask(connection, asked), keys, self.speaks_for, self.name)

    def prove(self, key: ActorKey) -> list[Problem]:
        """What the question leaves open about this learner, column by column."""
        with self._connected() as connection:
            mine = [row for row in self._ask(connection, {key}) if key in rows.keys_of(row)]
            columns = self._columns(connection)
        return rows.proven(
            mine, columns, self.name, "the column is empty for this learner, or its login may not read it"
        )

    def _value(self, parameter: str, key: ActorKey) -> str | None:
        if parameter == "accounts":
            return rows.account_name(key, self._settings.home_page)
        prefix = {"emails": "mbox:", "mbox_sha1sums": "mbox_sha1sum:"}[parameter]
        return key.removeprefix(prefix) if key.startswith(prefix) else None

    def _ask(self, connection: Connection, keys: Collection[ActorKey]) -> Sequence[rows.Cells]:
        values = {one: [said for key in keys if (said := self._value(one, key)) is not None] for one in self._lists}
        result = self._execute(connection, values)
        found = result.mappings().fetchmany(MOST_ROWS + 1)
        if len(found) > MOST_ROWS:
            message = f"the question answers with more than {MOST_ROWS:,} rows"
            raise ConfigError(QUERY, message, "limit it to those asked for: WHERE email IN :emails")
        lowered = [{str(name).lower(): value for name, value in row.items()} for row in found]
        return [rows.cells(row, self._settings.home_page) for row in lowered]

    def _columns(self, connection: Connection) -> list[str]:
        result = self._execute(connection, {one: [] for one in self._lists})
        return [name.lower() for name in result.keys()]  # noqa: SIM118  # no mapping

    def _execute(self, connection: Connection, values: Mapping[str, Sequence[str]]) -> CursorResult[Any]:
        result = connection.execute(self._query, dict(values))
        if not result.returns_rows:
            raise ConfigError(QUERY, "the question has no answer: it is no SELECT")
        _check_columns([name.lower() for name in result.keys()], self._lists, self._settings.home_page)  # noqa: SIM118
        return result

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """One read-only transaction, never committed; every error of the database in our words."""
        seconds = self._settings.timeout.total_seconds()
        engine = _engine(_url(self._settings), seconds)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
                yield connection
        except SQLAlchemyError as error:
            raise _in_our_words(error, self._settings.query) from None
        finally:
            engine.dispose()


def _question(query: str) -> str:
    """The query, if it is one question and no more."""
    one = query.strip().rstrip(";")
    if not _ASKS.match(one) or ";" in _TEXTS.sub("", one):
        raise ConfigError(
            QUERY, "`query` is not one SELECT", "begin it with SELECT or WITH, and write one question only"
        )
    return one


def _lists(named: Collection[str]) -> list[str]:
    known = ("emails", "accounts", "mbox_sha1sums")
    hint = "write `WHERE lower(email) IN :emails`, with :accounts or :mbox_sha1sums beside it or instead"
    if strange := sorted(set(named) - set(known)):
        message = f"the question names :{strange[0]}, which nobody fills"
        raise ConfigError(QUERY, message, f"{hint}; a colon that begins no name is written \\:")
    if not named:
        raise ConfigError(QUERY, "the question says nowhere whom it asks for", hint)
    return [one for one in known if one in named]


def _check_columns(columns: Sequence[str], lists: Collection[str], home_page: str) -> None:
    for name in columns:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or "known columns: " + ", ".join(COLUMNS)
            raise ConfigError(QUERY, f"the column {name} is no column of a learner sheet", hint)
        if columns.count(name) > 1:
            raise ConfigError(QUERY, f"two columns are called {name}", "give one of them another name: AS npi")
    if "accounts" in lists and not (home_page or "home_page" in columns):
        raise ConfigError(QUERY, "nothing says at which home page accounts are", "fill in `home_page`")
    if {"emails", "mbox_sha1sums"} & {*lists} and "email" not in columns:
        raise ConfigError(QUERY, "the question does not return the column email", "whose row is it otherwise?")
    if "accounts" in lists and not {"account", "username"} & {*columns}:
        raise ConfigError(QUERY, "the question returns neither account nor username", "whose row is it otherwise?")


def _url(settings: SqlQuery) -> URL:
    """A plain `postgresql://` means psycopg 3, the one driver we come with."""
    secret = settings.url.reveal().get_secret_value()
    try:
        url = make_url(secret)
    except (SQLAlchemyError, ValueError):
        url = None
    if url is None:
        raise ConfigError("config.learner_database", "the secret of `sql.url` is no database address", _ADDRESS)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


_ADDRESS = "write it as postgresql+psycopg://user:password@host/database"


def _engine(url: URL, seconds: float) -> Engine:
    """Connections are closed after each question: the daemon asks seldom, and holds none of the database's places."""
    own: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        bounds = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        own = {"connect_args": {"connect_timeout": max(2, int(seconds)), **bounds}}
    elif url.get_backend_name() == "sqlite":
        own = {"creator": _opener(url.database or "", seconds)}
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True, **own)
    except (ImportError, SQLAlchemyError):
        message = f"there is no driver for {url.drivername}"
        hint = "install it beside the connector; for PostgreSQL: pip install 'pars-connector[postgres]'"
        raise ConfigError("config.learner_database", message, hint) from None


def _opener(path: str, seconds: float) -> Callable[[], sqlite3.Connection]:
    """A file that is not there is not made, and one question ends in time."""

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=seconds)
        ends = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
        return connection

    return opened


def _in_our_words(error: SQLAlchemyError, query: str) -> ConnectorError:
    original = getattr(error, "orig", None)
    kind = type(original or error).__name__
    state = str(getattr(original, "sqlstate", None) or "")
    said = str(original).lower() if original else ""
    where = f"{kind} {state}".strip()
    if state.startswith("28") or state == "42501" or any(words in said for words in _LOGIN):
        hint = "check user and password in the address, and that the user may SELECT from the tables of the question"
        return NeedsOperator("learner.refused", f"the database refuses its login or a right ({where})", hint)
    is_ours = not isinstance(error, OperationalError) or any(words in said for words in _UNASKABLE)
    if state.startswith(_MISTAKEN) or (not state and is_ours and not _is_away(error)):
        return ConfigError(QUERY, f"the database cannot answer the question ({where}){_about(said, query)}", _TRY)
    if kind == "QueryCanceled" or "interrupted" in said:
        return RetryLater("learner.no_answer", f"the database did not answer in time ({where})")
    return RetryLater("learner.unreachable", f"the database does not answer ({where})")


_TRY = "try the question in the database's own client; a number is compared as text: CAST(id AS text) IN :accounts"


def _is_away(error: SQLAlchemyError) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _about(said: str, query: str) -> str:
    """The table or column that is missing, where the question itself names it: no value can be meant then."""
    name = match[1] if (match := _NAMED.search(said)) else ""
    return f": {name} is not there" if name and name in query.lower() else ""
