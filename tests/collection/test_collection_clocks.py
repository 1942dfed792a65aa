"""Clocks that are wrong: of the LRS's host, of whoever writes its Date, and of both while nobody listens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.collection import stage
from connector.config import Config, SourceConfig
from connector.lrs.client import Page, Query
from connector.sandbox.server import Sandbox
from connector.store.session import Store
from connector.store.tables import StatementRow, Wish
from tests.collection.conftest import Configure
from tests.collection.rehearsed import Straight
from tests.lrs.samples import moodle, raw

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Skewed(Straight):
    """Its Date is ahead of the clock that writes `stored`; `both` says that Consistent-Through is wrong like it."""

    both = False

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.asked: list[Query] = []

    def page(self, query: Query) -> Page:
        self.asked.append(query)
        return super().page(query)

    def _page(self, path: str, query: tuple[tuple[str, str], ...]) -> Page:
        page = super()._page(path, query)
        return replace(page, consistent_through=page.server_date if self.both else None)


@dataclass
class Played:
    store: Store
    sandbox: Sandbox
    clock: time_machine.Coordinates
    lrs: Skewed
    config: Config
    source: SourceConfig
    number: int = 0

    def plant(self, *stored: datetime) -> None:
        for at in stored:
            self.number += 1
            said = {"stored": at.isoformat(), "timestamp": at.isoformat()}
            self.sandbox.lrs.plant(raw(moodle(self.number) | said), at)

    def collect(self) -> int:
        counts = stage.collect(self.store, self.config, self.source)
        assert not counts["failed"]
        return counts["stored"]

    def kept(self) -> int:
        with self.store.reading() as session:
            return len(session.exec(select(StatementRow.id)).all())

    def sweeps(self) -> list[str]:
        with self.store.reading() as session:
            return [wish.args["since"][:10] for wish in session.exec(select(Wish).order_by(col(Wish.id)))]


@pytest.fixture
def played(store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    with time_machine.travel(NOON, tick=False) as clock, Sandbox(load=False) as sandbox:
        lrs = Skewed(sandbox)
        monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
        yield Played(store, sandbox, clock, lrs, *configure(sandbox.lrs_url, page=3))


@pytest.mark.parametrize("ahead", [timedelta(), 6 * HOUR, 30 * DAY, -6 * HOUR])
def test_slices_do_not_pass_what_a_slower_clock_will_write(played: Played, ahead: timedelta) -> None:
    played.lrs.ahead = ahead
    played.plant(*[NOON - days * DAY for days in (90, 40, 39, 38, 5, 4, 3, 2)])
    assert played.collect() == 8
    asked = len(played.lrs.asked)
    assert asked > 4, "read in slices"
    for _ in range(3):
        played.clock.shift(HOUR)
        played.plant(datetime.now(UTC))
        assert played.collect() == 1, "found at once, and not by a sweep"


@pytest.mark.parametrize("away", [10, 31])
def test_a_clock_set_right_while_nobody_listened_loses_nothing(played: Played, away: int) -> None:
    """The cursor went 30 days ahead; after 31 days it does not even seem to be ahead."""
    played.lrs.ahead, played.lrs.both = 30 * DAY, True
    played.collect()
    played.plant(NOON + 30 * DAY)
    played.clock.shift(MINUTE)
    assert played.collect() == 1
    played.lrs.ahead = timedelta()
    played.plant(*[NOON + hours * HOUR for hours in (1, 24, 100, 200)])
    played.clock.shift(away * DAY)
    with capture_logs() as lines:
        played.collect()
    assert played.kept() == 5
    assert played.sweeps() == ["2026-02-22"], "a sweep before the last listening"
    assert [line["event"] for line in lines] == ["source.clock"] * (away == 10)
    for _ in range(2):
        played.clock.shift(MINUTE)
        played.collect()
    assert len(played.sweeps()) == 1, "only one"


def test_a_gap_is_made_up_for_though_its_catching_up_was_stopped(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.plant(*[NOON - days * DAY for days in (20, 19, 18, 17, 16)])
    played.clock.shift(-15 * DAY)
    played.collect()
    played.clock.shift(15 * DAY)
    played.plant(*[NOON - days * DAY for days in (9, 8, 7, 6, 5)])
    with monkeypatch.context() as broken:
        broken.setattr("connector.collection.cursor.stride", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            played.collect()
    assert played.sweeps() == ["2026-02-06"]
    played.collect()
    assert played.kept() == 10
    assert played.sweeps() == ["2026-02-06"]


def test_slices_by_timestamp_look_back_once(configure: Configure, played: Played) -> None:
    """Two weeks before each slice would be read a dozen times."""
    played.source = configure(played.sandbox.lrs_url, page=3, cursor_field="timestamp")[1]
    played.plant(*[NOON - days * DAY for days in range(90, 0, -1)])
    assert played.collect() == 90
    slices = [query for query in played.lrs.asked if query.until]
    assert len(slices) > 10
    back = {one.until - other.since for one, other in pairwise(slices) if one.until and other.since}
    assert back == {played.source.overlap + timedelta(milliseconds=1)}
    last = played.lrs.asked[-1].since
    assert last
    assert last < NOON - played.source.look_back, "the present looks back as ever"
