"""Opening a store: one clear line for what is wrong with it, its own environment only, and patience when it is busy."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from connector.config import Config
from connector.errors import ConfigError, NeedsOperator
from connector.store import session as sessions
from connector.store.leases import RunLock, is_running
from connector.store.open import open_store
from connector.store.session import Store, StoreUnavailable
from connector.store.states import State
from connector.store.tables import Record
from tests.delivery.workplace import Delivery
from tests.store.rows import credit_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(f"sqlite:///{tmp_path}/pars.db")
    made.upgrade()
    yield made
    made.dispose()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        Store(f"sqlite:///{tmp_path}/file/pars.db")
    assert caught.value.code == "config.store_unwritable"
    assert "\n  check that the folder exists" in str(caught.value)


def test_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/data/pars.db")
    store.upgrade()
    with store.writing() as session:
        credit_in(session, State.HELD)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    store.dispose()
    assert modes == dict.fromkeys(("pars.db", "pars.db-wal", "pars.db-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_store_that_is_never_used_leaves_no_file(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/pars.db").dispose()
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_the_address_is_never_shown() -> None:
    store = Store("postgresql://user:geheim@host/name?password=geheim")
    with pytest.raises(ConfigError) as caught, store.plainly():
        raise OperationalError("", {}, Exception("readonly"))
    assert store.shown == "postgresql+psycopg://user:***@host/name"
    assert caught.value.where == store.shown


def test_a_folder_in_its_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pars.db").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        Store(f"sqlite:///{tmp_path}/pars.db").upgrade()


def test_a_read_only_store_is_one_clear_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only = ON")

    from sqlalchemy import event

    other = Store(str(store.url))
    event.listen(other.engine, "connect", read_only)
    with pytest.raises(ConfigError, match="cannot be written"), other.writing() as session:
        credit_in(session, State.HELD)
    other.dispose()


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pars.db").write_text("a letter to the coordinator, not a database at all\n" * 50)
    with pytest.raises(ConfigError) as caught:
        Store(f"sqlite:///{tmp_path}/pars.db").upgrade()
    assert caught.value.code == "config.store_damaged"
    assert "letter" not in str(caught.value)


def test_the_password_of_a_server_never_shows() -> None:
    store = Store("postgresql://user:secret-word@127.0.0.1:1/pars")
    with pytest.raises(StoreUnavailable) as caught, store.reading() as session:
        session.connection()
    assert "secret-word" not in repr(caught.value) + str(caught.value)


def test_a_busy_store_is_waited_for(store: Store) -> None:
    started, order = threading.Event(), []

    def hold() -> None:
        with store.writing() as session:
            credit_in(session, State.HELD)
            started.set()
            threading.Event().wait(0.3)
            order.append("first")

    other = threading.Thread(target=hold)
    other.start()
    started.wait(5)
    with store.writing() as session:
        credit_in(session, State.HELD)
        order.append("second")
    other.join()
    assert order == ["first", "second"]


def test_a_store_that_stays_busy_is_an_outage_of_ours(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BUSY_SECONDS", 0)
    impatient = Store(str(store.url))
    with store.writing() as busy:
        busy.connection()
        with pytest.raises(StoreUnavailable, match="does not answer"), impatient.writing() as session:
            session.connection()
    impatient.dispose()


def test_reading_goes_on_while_another_writes(store: Store) -> None:
    with store.writing() as session:
        credit_in(session, State.HELD)
        session.flush()
        with store.reading() as other:
            assert other.get(Record, 1) is None


def elsewhere(delivery: Delivery, change: dict[str, str]) -> Config:
    [provider] = delivery.config.providers
    return delivery.config.model_copy(update={"providers": (provider.model_copy(update=change),)})


def test_a_store_in_which_nothing_was_earned_may_change_its_environment(delivery: Delivery) -> None:
    open_store(elsewhere(delivery, {"environment": "test"})).dispose()
    delivery.ready()
    with pytest.raises(ConfigError, match="made for test"):
        open_store(delivery.config)


@pytest.mark.parametrize("change", [{"environment": "production"}, {"base_url": "https://pars.example/"}])
def test_a_store_of_another_environment_is_refused(delivery: Delivery, change: dict[str, str]) -> None:
    delivery.ready()
    other = elsewhere(delivery, change)
    with pytest.raises(ConfigError, match="this store was made for rehearsal") as caught:
        open_store(other)
    assert caught.value.code == "config.other_environment"
    open_store(delivery.config).dispose()


def test_a_missing_rems_key_is_refused_once_there_are_rems_records(delivery: Delivery) -> None:
    from tests.delivery.workplace import OPIOID, REMS, REMS_KEY

    open_store(delivery.config).dispose()
    delivery.ready("lvogel", (REMS,), OPIOID)
    with pytest.raises(ConfigError) as caught:
        open_store(delivery.config)
    assert caught.value.code == "config.rems_key_missing"
    for bad, code in ((b"", "damaged"), (b"o" * 32, "other")):
        delivery.config.store.rems_key.write_bytes(bad)
        with pytest.raises(ConfigError) as caught:
            open_store(delivery.config)
        assert (caught.value.code, "backup" in caught.value.hint) == (f"config.rems_key_{code}", True)
    delivery.config.store.rems_key.write_bytes(REMS_KEY)
    open_store(delivery.config).dispose()


_HOLDER = """
import sys, time
from connector.store.leases import RunLock
from connector.store.session import Store
with RunLock(Store(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(store: Store) -> subprocess.Popen[str]:
    """Another process that holds the run lock."""
    url = store.url.render_as_string(hide_password=False)
    child = subprocess.Popen([sys.executable, "-c", _HOLDER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def kill_9(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_the_run_lock_is_exclusive_and_kill_9_lets_go_of_it(store: Store) -> None:
    assert not is_running(store)
    child = holder(store)
    assert is_running(store)
    with pytest.raises(NeedsOperator, match="another process") as caught, RunLock(store):
        pass
    assert caught.value.code == "store.in_use"
    kill_9(child)
    assert not is_running(store)
    with RunLock(store):
        assert is_running(store)
    assert not is_running(store)


def test_asking_whether_a_daemon_runs_never_keeps_one_from_starting(store: Store) -> None:
    assert store.path is not None
    probe = os.open(f"{store.path}.lock", os.O_CREAT | os.O_RDWR)
    import fcntl

    fcntl.flock(probe, fcntl.LOCK_SH)
    assert not is_running(store), "two who ask do not take each other for a daemon"
    threading.Timer(0.2, os.close, [probe]).start()
    with RunLock(store):
        pass


def test_on_postgresql_daemons_share_the_lock_and_are_seen(postgres: object) -> None:
    store = Store(postgres())
    assert not is_running(store)
    with RunLock(store), RunLock(store):
        assert is_running(store)
    assert ends(store), "a lock must not live on in the pool"
    child = holder(store)
    assert is_running(store)
    kill_9(child)
    assert ends(store)
    store.dispose()


def ends(store: Store) -> bool:
    """A connection that was closed ends on the server a moment later, and its locks with it."""
    pause = threading.Event()
    return any(not is_running(store) or pause.wait(0.05) for _ in range(100))


def test_the_run_lock_leaves_no_transaction_open_on_the_server(postgres: object) -> None:
    from sqlalchemy import text

    store = Store(postgres())
    with RunLock(store), store.engine.connect() as connection:
        idle = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now()")
        assert connection.execute(idle).scalar() == 0
    store.dispose()
