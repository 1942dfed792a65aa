"""Collection from Ralph, a real LRS: completions in Moodle's shape, none lost, none doubled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from connector.collection import stage
from connector.config import Config, SourceConfig
from connector.lrs.statement import typed
from connector.records import Problem
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.collection.settings import PASSWORD_IN, config_for, source_for
from tests.lrs.samples import moodle
from tests.ralph.server import Ralph


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


@pytest.fixture
def setting(ralph: Ralph, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, SourceConfig]:
    monkeypatch.setenv(PASSWORD_IN, ralph.password)
    login = {"user": ralph.user, "password": {"env": PASSWORD_IN}}
    source = source_for(ralph.endpoint, name="ralph", product="ralph", login=login, page=40, timeout="30s")
    return config_for(source), source


def completion(number: int, age: timedelta) -> dict[str, Any]:
    """As Moodle sends it: no id, no stored, the time of the event in whole seconds."""
    when = (datetime.now(UTC) - age).replace(microsecond=0).isoformat().replace("+00:00", ".000Z")
    sent = moodle(number, timestamp=when)
    return {name: value for name, value in sent.items() if name not in ("id", "stored", "authority", "version")}


def stored_ids(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow.statement_id)))


def test_completions_with_their_own_old_times_are_read_once(
    ralph: Ralph, store: Store, setting: tuple[Config, SourceConfig]
) -> None:
    """Ralph's `since` compares timestamps: what is sent late, days after the event, lies before the cursor."""
    run = uuid.uuid4().int % 10**9
    sent = ralph.post([completion(run + n, timedelta(hours=n)) for n in range(150)])
    first = stage.collect(store, *setting)
    assert (first["problems"], first["failed"]) == (0, 0)
    late = ralph.post([completion(run + 1000 + n, timedelta(days=n % 13, hours=1)) for n in range(60)])
    second = stage.collect(store, *setting)
    third = stage.collect(store, *setting)
    assert second["stored"] == 60
    assert (third["stored"], third["failed"]) == (0, 0)
    found = stored_ids(store)
    assert set(sent + late) <= set(found)
    assert len(found) == len(set(found))
    with store.reading() as session:
        assert session.get_one(Source, "ralph").high_water is not None


def test_a_resend_under_new_ids_is_linked(ralph: Ralph, store: Store, setting: tuple[Config, SourceConfig]) -> None:
    run = uuid.uuid4().int % 10**9
    batch = [completion(run + n, timedelta(days=1)) for n in range(5)]
    first, again = ralph.post(batch), ralph.post(batch)
    stage.collect(store, *setting)
    with store.reading() as session:
        rows = {row.statement_id: row for row in session.exec(select(StatementRow))}
    for pair in zip(first, again, strict=True):  # Ralph turns each page around: the first one met is the oldest here
        oldest, other = sorted((rows[name] for name in pair), key=lambda row: row.id)
        assert (oldest.duplicate_of, other.duplicate_of) == (None, oldest.id)


def test_tincan_takes_what_ralph_returns(ralph: Ralph, store: Store, setting: tuple[Config, SourceConfig]) -> None:
    ralph.post([completion(uuid.uuid4().int % 10**9, timedelta(minutes=1))])
    stage.collect(store, *setting)
    with store.reading() as session:
        raws = [row.raw for row in session.exec(select(StatementRow)) if row.raw]
    assert raws
    assert not any(isinstance(typed(raw), Problem) for raw in raws)
