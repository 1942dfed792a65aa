"""Collection from Learning Locker, a real LRS: three senders at once, one `stored` a batch; none lost, none doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.collection import stage
from connector.config import SourceConfig
from connector.endpoints import open_client
from connector.lrs.discover import discover
from connector.records import Counts
from connector.sandbox.world.statements import voiding
from connector.store.session import Store
from tests.campus import campus_on, play
from tests.collection.settings import PASSWORD_IN, config_for, source_for
from tests.real_lrs import RealLrs
from tests.three_writers import Writers, arrived, send_some


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/pars.db")
    opened.upgrade()
    yield opened
    opened.dispose()


@pytest.fixture
def source(learning_locker: RealLrs, monkeypatch: pytest.MonkeyPatch) -> SourceConfig:
    monkeypatch.setenv(PASSWORD_IN, learning_locker.password)
    login = {"user": learning_locker.user, "password": {"env": PASSWORD_IN}}
    return source_for(learning_locker.endpoint, product="learning-locker", login=login, page=20, timeout="30s")


def test_what_is_found_out_about_it(learning_locker: RealLrs, source: SourceConfig) -> None:
    """Stands first: a batch of the others fills a page with one `stored`, and then its order cannot be told."""
    send_some(learning_locker)
    with open_client(source) as lrs:
        found = discover(lrs, source.page, source.overlap)
    assert "1.0.3" in found.versions
    assert (found.order, found.since_compares, found.since_edge, found.until) == (
        "stored", "stored", "exclusive", "inclusive",
    )  # fmt: skip
    assert (found.page_got, found.more_works, found.verb_filter) == (source.page, True, "works")
    assert found.consistent_through == "now"
    assert found.late > 0


@pytest.mark.proof
def test_three_writers_while_it_is_polled(learning_locker: RealLrs, store: Store, source: SourceConfig) -> None:
    config = config_for(source)
    polls: list[Counts] = []

    def poll() -> None:
        polls.append(stage.collect(store, config, source))

    writers = Writers(learning_locker, batch=25)
    writers.race(poll)
    poll()
    poll()
    assert sum(done["failed"] + done["problems"] for done in polls) == 0
    assert sum(done["stored"] > 0 for done in polls) > 2  # it did read while they wrote
    assert polls[-1]["stored"] == 0
    assert arrived(store, writers) == (set(writers.ids), writers.facts, writers.resent)


def test_what_it_holds_is_what_pars_holds_and_what_it_voids_is_withdrawn(
    learning_locker: RealLrs, tmp_path: Path
) -> None:
    with campus_on(learning_locker, tmp_path / "place") as campus:
        ids = play(campus)
        held = campus.reported()
        learning_locker.post([voiding(ids[2])])
        campus.turn()
        assert set(held) - set(campus.reported()) == {("kmensah", "203512347")}
        assert campus.sandbox.check() == []
