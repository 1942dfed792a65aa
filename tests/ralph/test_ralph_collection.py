"""Collection from Ralph, a real LRS: completions in Moodle's shape, none lost, none doubled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlmodel import select

from connector.collection import stage
from connector.config import Config, SourceConfig
from connector.endpoints import open_client
from connector.lrs.discover import discover
from connector.lrs.statement import typed
from connector.records import Counts, Problem
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.collection.settings import PASSWORD_IN, config_for, source_for
from tests.real_lrs import RealLrs
from tests.three_writers import Writers, arrived, completion, send_some

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


@pytest.fixture
def setting(ralph: RealLrs, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, SourceConfig]:
    monkeypatch.setenv(PASSWORD_IN, ralph.password)
    login = {"user": ralph.user, "password": {"env": PASSWORD_IN}}
    source = source_for(ralph.endpoint, name="ralph", product="ralph", login=login, page=40, timeout="30s")
    return config_for(source), source


def stored_ids(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow.statement_id)))


def test_what_is_found_out_about_it(ralph: RealLrs, setting: tuple[Config, SourceConfig]) -> None:
    """Stands first: it answers with what it was sent first, and the others send events of the same minute."""
    send_some(ralph)
    _, source = setting
    with open_client(source) as lrs:
        found = discover(lrs, source.page, source.overlap)
    assert found.since_compares == "timestamp"
    assert (found.page_got, found.more_works, found.verb_filter) == (source.page, True, "works")
    assert found.consistent_through == "absent"
    assert found.late > 0


def test_completions_with_their_own_old_times_are_read_once(
    ralph: RealLrs, store: Store, setting: tuple[Config, SourceConfig]
) -> None:
    """Ralph's `since` compares timestamps: what is sent late, days after the event, lies before the cursor."""
    run = uuid.uuid4().int % 10**9
    sent = ralph.post([completion(run + n, NOW - timedelta(hours=n)) for n in range(150)])
    first = stage.collect(store, *setting)
    assert (first["problems"], first["failed"]) == (0, 0)
    late = ralph.post([completion(run + 1000 + n, NOW - timedelta(days=n % 13, hours=1)) for n in range(60)])
    second = stage.collect(store, *setting)
    third = stage.collect(store, *setting)
    assert second["stored"] == 60
    assert (third["stored"], third["failed"]) == (0, 0)
    found = stored_ids(store)
    assert set(sent + late) <= set(found)
    assert len(found) == len(set(found))
    with store.reading() as session:
        assert session.get_one(Source, "ralph").high_water is not None


def test_a_resend_under_new_ids_is_linked(ralph: RealLrs, store: Store, setting: tuple[Config, SourceConfig]) -> None:
    run = uuid.uuid4().int % 10**9
    batch = [completion(run + n, NOW - timedelta(days=1)) for n in range(5)]
    first, again = ralph.post(batch), ralph.post(batch)
    stage.collect(store, *setting)
    with store.reading() as session:
        rows = {row.statement_id: row for row in session.exec(select(StatementRow))}
    for pair in zip(first, again, strict=True):  # Ralph turns each page around: the first one met is the oldest here
        oldest, other = sorted((rows[name] for name in pair), key=lambda row: row.id)
        assert (oldest.duplicate_of, other.duplicate_of) == (None, oldest.id)


def test_tincan_takes_what_ralph_returns(ralph: RealLrs, store: Store, setting: tuple[Config, SourceConfig]) -> None:
    ralph.post([completion(uuid.uuid4().int % 10**9, NOW - timedelta(minutes=1))])
    stage.collect(store, *setting)
    with store.reading() as session:
        raws = [row.raw for row in session.exec(select(StatementRow)) if row.raw]
    assert raws
    assert not any(isinstance(typed(raw), Problem) for raw in raws)


@pytest.mark.proof
def test_three_writers_while_it_is_polled(ralph: RealLrs, store: Store, setting: tuple[Config, SourceConfig]) -> None:
    """A third of it is older than what has been read: a cursor on the newest time seen never shows these."""
    polls: list[Counts] = []

    def poll() -> None:
        polls.append(stage.collect(store, *setting))

    poll()  # what the other tests have stored
    newest_seen = datetime.now(UTC) - timedelta(minutes=1)
    writers = Writers(ralph, batch=10)
    writers.race(poll)
    poll()
    poll()
    assert sum(done["failed"] + done["problems"] for done in polls) == 0
    assert sum(done["stored"] > 0 for done in polls) > 2  # it did read while they wrote
    assert polls[-1]["stored"] == 0
    assert arrived(store, writers) == (set(writers.ids), writers.facts, writers.resent)
    lost = set(writers.ids) - read_naively(ralph, newest_seen)
    assert len(lost) >= len(writers.ids) / 3


def read_naively(ralph: RealLrs, since: datetime) -> set[str]:
    """All that a reader finds who asks from the newest time he has seen."""
    found: set[str] = set()
    query = urlencode({"since": since.isoformat(), "limit": 100})
    while query:
        page = ralph.get(query)
        found |= {one["id"] for one in page["statements"]}
        query = page.get("more", "").partition("?")[2]
    return found
