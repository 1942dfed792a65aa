"""One schema on two engines: what the migrations make is what the tables say, and values come back as they went in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel, select

from connector.config import Config
from connector.errors import ConfigError
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit
from connector.submission import deletes, leaving
from connector.submission import stage as submission
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, Delivery
from tests.store.rows import credit_in

EST = timezone(timedelta(hours=-5))


def test_the_migrations_make_what_the_tables_say(any_store: Store) -> None:
    with any_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_index_of_live_credits_is_partial_on_both(any_store: Store) -> None:
    [index] = [one for one in inspect(any_store.engine).get_indexes("credit") if one["name"] == "uq_credit_live"]
    where = index["dialect_options"]["sqlite_where" if any_store.is_sqlite else "postgresql_where"]
    assert "withdrawal_refused" in str(where)
    assert "'ready'" not in str(where)
    assert index["unique"]


def test_a_second_upgrade_changes_nothing(any_store: Store) -> None:
    assert any_store.upgrade() is False


def test_moments_come_back_aware_and_in_utc(any_store: Store) -> None:
    moment = datetime(2026, 3, 8, 2, 30, 0, 123456, tzinfo=EST)
    with any_store.writing() as session:
        pk = credit_in(session, State.HELD, next_at=moment).id
    with any_store.reading() as session:
        back = session.get_one(Credit, pk).next_at
        assert back == moment
        assert back is not None
        assert back.tzinfo is UTC
        due = select(Credit.id).where(Credit.next_at <= moment, Credit.next_at > moment - timedelta(microseconds=1))
        assert session.exec(due).all() == [pk]


def test_a_moment_without_zone_never_enters(any_store: Store) -> None:
    with pytest.raises(StatementError, match="without zone"), any_store.writing() as session:
        credit_in(session, State.HELD, next_at=datetime(2026, 3, 8, 2, 30))


@pytest.mark.parametrize("amount", ["0.25", "0.10", "1.50", "1234567.75", "0"])
def test_amounts_come_back_exactly(any_store: Store, amount: str) -> None:
    with any_store.writing() as session:
        pk = credit_in(session, State.HELD, amount=Decimal(amount)).id
    with any_store.reading() as session:
        assert str(session.get_one(Credit, pk).amount) == amount


def test_a_newer_schema_is_refused(any_store: Store) -> None:
    with any_store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="9999") as caught:
        any_store.upgrade()
    assert caught.value.code == "config.store_newer"


def test_a_plain_address_of_postgresql_means_the_driver_we_come_with(postgres: Callable[[], str]) -> None:
    assert postgres().startswith("postgresql://")
    assert Store(postgres()).url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "code"), [("no address", "config.store_url"), ("oracle+nothing://x", "config.store_url")]
)
def test_an_address_that_is_none_is_a_finding(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Store(url)
    assert caught.value.code == code


def test_a_driver_that_is_not_installed_is_a_finding() -> None:
    with pytest.raises(ConfigError, match="psycopg2"):
        Store("postgresql+psycopg2://localhost/pars")


def on_postgres(delivery: Delivery, url: str) -> Delivery:
    """The same workplace with its store on a server."""
    from connector import activities
    from connector.store.open import open_store

    config: Config = delivery.config
    config = config.model_copy(update={"store": config.store.model_copy(update={"url": url})})
    delivery.store.dispose()
    delivery.config, delivery.store = config, open_store(config)
    activities.load(config, delivery.store)
    return delivery


@pytest.mark.parametrize("fault", ["cut-after-body", "cut-before-reply"])
def test_delivery_goes_its_ways_on_postgresql(delivery: Delivery, postgres: Callable[[], str], fault: str) -> None:
    on_postgres(delivery, postgres())
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION, stored=timedelta(days=1))
    delivery.sandbox.switch(fault, operation="save")
    delivery.go_on()
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "pending")
    delivery.unwant(moc)
    delivery.go_on()
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "withdrawn")
    assert delivery.is_clean(moc)


def test_no_transaction_of_ours_is_left_idle_on_the_server(
    delivery: Delivery, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from connector.pars.client import ParsClient

    url = postgres()
    on_postgres(delivery, url)
    watcher = Store(url)
    carry, seen = ParsClient._carry, []
    idle = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")

    def watched(client: ParsClient, *args: object, **named: object) -> object:
        with watcher.engine.connect() as connection:
            seen.append(connection.execute(idle).scalar())
        return carry(client, *args, **named)

    monkeypatch.setattr(ParsClient, "_carry", watched)
    [cme] = delivery.ready(stored=timedelta(days=1))
    delivery.send()
    delivery.unwant(cme)
    delivery.send()
    delivery.ask()
    assert len(seen) >= 4
    assert set(seen) == {0}
    watcher.dispose()


def test_a_record_that_another_daemon_has_claimed_is_passed_over(
    delivery: Delivery, postgres: Callable[[], str]
) -> None:
    on_postgres(delivery, postgres())
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    from connector.submission.web_service import lock_record

    with delivery.store.writing() as session:
        assert lock_record(session, delivery.credit(cme).record_id) is not None
        delivery.send()
        assert [delivery.state(pk) for pk in (cme, moc)] == ["ready", "ready"]
    delivery.send()
    assert delivery.is_clean()
    assert len(delivery.saves()) == 1


def test_two_daemons_share_a_backlog_and_send_nothing_twice(delivery: Delivery, postgres: Callable[[], str]) -> None:
    on_postgres(delivery, postgres())
    people = ("aoneill", "jbrown", "ipetrov", "kmensah", "wli", "suharti", "nkowalska", "pjansen")
    pks = [delivery.ready(person, stored=timedelta(days=1))[0] for person in people]
    other = Store(str(delivery.config.store.url))
    daemons = [
        threading.Thread(target=submission.run, args=(store, delivery.config)) for store in (delivery.store, other)
    ]
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        daemon.join()
    assert {delivery.state(pk) for pk in pks} == {"confirmed"}
    assert len(delivery.saves()) == len(people)
    assert delivery.is_clean()
    other.dispose()


def test_what_is_due_is_ordered_alike_on_both(any_store: Store) -> None:
    now = datetime(2026, 3, 10, 18, tzinfo=UTC)
    with any_store.writing() as session:
        rows = [credit_in(session, State.READY), credit_in(session, State.WITHDRAWING, at_pars="yes")]
        records = [row.record_id for row in rows]
    with any_store.reading() as session:
        assert leaving.due_records(session, "0001234", now) == records[:1]
        assert deletes.due_withdrawals(session, "0001234", now, 1) == records[1:]


def test_an_sqlite_store_makes_its_folder(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/a/b/pars.db")
    assert store.upgrade()
    assert store.path is not None
    assert store.path.is_file()
    store.dispose()
