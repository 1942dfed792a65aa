"""Learners from a database of the house: asked for by list, read-only, and its errors said without a value."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from connector.config import SqlQuery
from connector.errors import ConfigError, ConnectorError, NeedsOperator, RetryLater
from connector.learners.sources.sql import SqlDatabase
from connector.records import ActorKey
from tests.learners.house import COLUMNS, QUERY, database
from tests.learners.middle import ANNA, BORIS, SITE

MAIL, ACCOUNT = ActorKey("mbox:anna@example.org"), ActorKey(f"account:{SITE}|3")


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SqlDatabase]:
    """`asking(query, url=...)`: a source; without an address a SQLite file with some people."""

    def make(query: str = QUERY, *, url: str = "", **more: Any) -> SqlDatabase:
        monkeypatch.setenv("HR", url or database(tmp_path / "hr.db"))
        given = {"url": {"env": "HR"}, "query": query, "home_page": SITE, "timeout": "5s"}
        return SqlDatabase(SqlQuery.model_validate(given | more), "sql")

    return make


def error_of(source: SqlDatabase, *keys: ActorKey) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        source.fetch(keys or [MAIL])
    assert "anna" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_one_question_for_many_and_one_for_their_other_keys(
    asking: Callable[..., SqlDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = asking()
    asked = []
    plain = sqlalchemy.Connection.execute
    monkeypatch.setattr(
        sqlalchemy.Connection, "execute", lambda *args, **named: asked.append(args[2]) or plain(*args, **named)
    )
    found = source.fetch([MAIL, ActorKey(f"account:{SITE}|4"), ActorKey("mbox:nobody@example.org")])
    assert {key for key in found if key in (MAIL, ACCOUNT)} == {MAIL, ACCOUNT}
    assert len(asked) == 2
    assert sorted(asked[0]["emails"]) == ["anna@example.org", "nobody@example.org"]
    assert source.fetch([ActorKey("openid:https://id.example.org/anna"), ActorKey("account:https://else|3")]) == {}
    assert len(asked) == 2, "a batch with nothing for any list asks nothing"


@pytest.mark.parametrize("lists", ["lower(email) IN (:emails)", "(lower(email) IN :emails)", "account IN (:accounts)"])
def test_brackets_around_a_list_do_not_matter(asking: Callable[..., SqlDatabase], lists: str) -> None:
    source = asking(f"/* staff */ SELECT {', '.join(COLUMNS)} FROM staff WHERE {lists};")
    keys = (
        [ACCOUNT, ActorKey(f"account:{SITE}|4")] if "accounts" in lists else [MAIL, ActorKey("mbox:boris@example.org")]
    )
    assert len({found.learner.ids["NPI"].get_secret_value() for found in source.fetch(keys).values()}) == 2


def test_a_hash_is_asked_for_by_its_own_list(asking: Callable[..., SqlDatabase]) -> None:
    key = ActorKey("mbox_sha1sum:a2a9aac0ef1e4cb0a7ecb3ce6a3cf0ae51ba1b3f")
    source = asking("SELECT email, npi, family_name FROM staff WHERE hash IN :mbox_sha1sums")
    assert source.speaks_for([key, MAIL, ACCOUNT]) == {key}


def test_values_of_every_type_become_text(asking: Callable[..., SqlDatabase], postgres: Callable[[], str]) -> None:
    query = (
        "SELECT email AS \"EMAIL\", 3 AS account, birth AS birth_day, npi, 'CA;NV' AS state, "
        "string_agg(number, ';') AS licence, true AS consent, NULL AS profession, given AS consent_at FROM staff "
        "WHERE lower(email) IN :emails OR 3\\:\\:text IN :accounts GROUP BY email, birth, npi, given"
    )
    url = postgres()
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE staff (email text, birth date, npi numeric(12,2), given timestamptz, number text)"
        )
        connection.exec_driver_sql(
            "INSERT INTO staff VALUES ('Anna@Example.org', '1980-02-29', 1234567893, '2026-01-02T03:04:05Z', 'A1'),"
            "('Anna@Example.org', '1980-02-29', 1234567893, '2026-01-02T03:04:05Z', '007')"
        )
    engine.dispose()
    found = asking(query, url=url).fetch([ACCOUNT])[ACCOUNT]
    assert found.learner.birth_day
    assert found.learner.birth_day.get_secret_value() == "02-29"
    assert {name: one.get_secret_value() for name, one in found.learner.ids.items()} == {
        "NPI": "1234567893", "CA": "A1", "NV": "007",
    }  # fmt: skip
    assert found.learner.consent
    assert (found.learner.consent.given, found.learner.consent.at) == (True, dt.date(2026, 1, 2))
    assert found.learner.profession == ""
    assert MAIL in found.keys


def test_a_key_of_several_rows_answers_for_none_and_links_nobody(
    asking: Callable[..., SqlDatabase], tmp_path: Path
) -> None:
    source = asking(url=database(tmp_path / "shared.db", ANNA, BORIS | {"email": ANNA["email"]}))
    found = source.fetch([ACCOUNT])
    assert MAIL not in source.fetch([MAIL])
    assert found[ACCOUNT].keys == (ACCOUNT, ActorKey(f"account:{SITE}|anna"))
    assert "several rows" in source.prove(MAIL)[0].message
    twice = asking(url=database(tmp_path / "twice.db", ANNA, ANNA))
    assert MAIL in twice.fetch([MAIL])[MAIL].keys, "a join that repeats a row makes one person, not two"


def test_a_mailbox_that_cannot_be_asked_for_links_nobody(asking: Callable[..., SqlDatabase]) -> None:
    source = asking(f"SELECT {', '.join(COLUMNS)} FROM staff WHERE account IN :accounts")
    assert not [key for key in source.fetch([ACCOUNT])[ACCOUNT].keys if key.startswith("mbox")]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM staff WHERE email IN :emails", "not one SELECT"),
        ("SELECT email FROM staff WHERE email IN :emails; DROP TABLE staff", "not one SELECT"),
        ("SELECT email FROM staff", "nowhere whom"),
        ("SELECT email FROM staff WHERE email IN :mails", ":mails"),
        ("SELECT email, npi_number FROM staff WHERE email IN :emails", "npi_number is not there"),
        ("SELECT email FROM people WHERE email IN :emails", "people is not there"),
        ("SELECT email, npi AS npi_nummer FROM staff WHERE email IN :emails", "the column npi_nummer is no column"),
        ("SELECT email, npi, board_id AS npi FROM staff WHERE email IN :emails", "two columns are called npi"),
        ("SELECT npi FROM staff WHERE email IN :emails", "does not return the column email"),
        ("SELECT npi FROM staff WHERE account IN :accounts", "neither account nor username"),
        ("SELECT email FROM staff WHERE WHERE email IN :emails", "cannot answer the question"),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_fault_of_the_file(
    asking: Callable[..., SqlDatabase], query: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        asking(query).fetch([MAIL, ACCOUNT])
    assert caught.value.code == "config.learner_query"
    assert words in str(caught.value)
    assert "anna" not in str(caught.value)


def test_accounts_need_a_home_page(asking: Callable[..., SqlDatabase]) -> None:
    with pytest.raises(ConfigError, match="home page"):
        asking(home_page="").fetch([ACCOUNT])
    by_column = asking(QUERY.replace("SELECT ", f"SELECT '{SITE}' AS home_page, "), home_page="")
    assert ACCOUNT in by_column.fetch([ACCOUNT])


def test_a_question_that_would_write_is_refused_by_the_engine(
    asking: Callable[..., SqlDatabase], postgres: Callable[[], str]
) -> None:
    writes = "WITH gone AS (DELETE FROM pg_description RETURNING 1) SELECT 'x' AS email WHERE 'x' IN :emails"
    error = error_of(asking(writes, url=postgres()))
    assert (type(error), error.code) == (ConfigError, "config.learner_query")
    assert "25006" in error.message


def test_a_database_that_is_away_is_waited_for(
    asking: Callable[..., SqlDatabase], tmp_path: Path, postgres: Callable[[], str]
) -> None:
    gone = error_of(asking(url=f"sqlite:///{tmp_path}/none.db"))
    assert (type(gone), gone.code) == (RetryLater, "learner.unreachable")
    assert not (tmp_path / "none.db").exists()
    closed = error_of(asking(url="postgresql://u:zqsecret@127.0.0.1:9/hr"))
    assert (type(closed), closed.code) == (RetryLater, "learner.unreachable")
    assert "zqsecret" not in str(closed)
    slow = error_of(
        asking("SELECT pg_sleep(9)\\:\\:text AS email WHERE 'x' NOT IN :emails", url=postgres(), timeout="1s")
    )
    assert (type(slow), slow.code) == (RetryLater, "learner.no_answer")


def test_a_slow_question_to_a_file_ends_in_time(asking: Callable[..., SqlDatabase]) -> None:
    forever = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS email FROM n WHERE i IN :emails"
    )
    error = error_of(asking(forever, timeout="0s"))
    assert (type(error), error.code) == (RetryLater, "learner.no_answer")


def test_a_locked_or_forbidden_database(asking: Callable[..., SqlDatabase], postgres: Callable[[], str]) -> None:
    url = postgres()
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE staff (email text)")
        connection.exec_driver_sql("DROP ROLE IF EXISTS zq_reader")
        connection.exec_driver_sql("CREATE ROLE zq_reader LOGIN")
    engine.dispose()
    user = sqlalchemy.make_url(url).set(username="zq_reader").render_as_string(hide_password=False)
    error = error_of(asking("SELECT email FROM staff WHERE email IN :emails", url=user))
    assert (type(error), error.code) == (NeedsOperator, "learner.refused")
    nobody = sqlalchemy.make_url(url).set(username="zq_nobody").render_as_string(hide_password=False)
    assert error_of(asking(url=nobody)).code == "learner.refused"


@pytest.mark.parametrize("url", ["no address", "nonsense://host/db", "mysql+nodriver://host/db"])
def test_an_address_that_is_none_is_said_without_it(asking: Callable[..., SqlDatabase], url: str) -> None:
    error = error_of(asking(url=url))
    assert (type(error), error.code) == (ConfigError, "config.learner_database")


def test_too_many_rows_are_a_question_without_its_list(
    asking: Callable[..., SqlDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.learners.sources.sql.MOST_ROWS", 2)
    source = asking(QUERY + " OR 1 = 1")
    assert "more than 2 rows" in error_of(source).message


def test_what_is_missing_of_a_known_learner_is_named(asking: Callable[..., SqlDatabase], tmp_path: Path) -> None:
    source = asking(url=database(tmp_path / "thin.db", ANNA | {"npi": "", "birth_day": ""}, BORIS))
    assert [problem.field for problem in source.prove(MAIL)] == ["birth_day", "npi"]
    assert "does not know" in source.prove(ActorKey("mbox:nobody@example.org"))[0].message
    assert source.prove(ActorKey("mbox:boris@example.org")) == []


def test_the_question_never_locks_out_whoever_writes(asking: Callable[..., SqlDatabase], tmp_path: Path) -> None:
    source = asking(url=database(tmp_path / "busy.db"))
    source.fetch([MAIL])
    with sqlite3.connect(tmp_path / "busy.db", timeout=0) as connection:
        connection.execute("UPDATE staff SET npi = '1'")
    connection.close()
