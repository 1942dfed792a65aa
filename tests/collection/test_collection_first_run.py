"""A first run on three years of statements: in slices, stopped and gone on, with the way that lies behind it."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import func, select
from structlog.testing import capture_logs

from connector import pipeline
from connector.collection import stage
from connector.collection.reading import SoFar
from connector.sandbox.server import Sandbox
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.collection.conftest import Configure
from tests.collection.rehearsed import Straight
from tests.collection.settings import config_for, source_for
from tests.lrs.loopback import FakeLrs, Said, in_turn, page
from tests.lrs.samples import moodle, raw

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREE_YEARS = timedelta(days=1095)
MANY = 8_000


class StopError(Exception):
    """Somebody ends it."""


def plant(sandbox: Sandbox, count: int) -> None:
    """Spread over three years, a thousand of them on one day."""
    template = raw(moodle(1)).replace(moodle(1)["id"].encode(), b"@id").replace(b"2026-03-01T09:31:00.500Z", b"@at")
    for number in range(count):
        share = number / (count - 1000) if number < count - 1000 else 0.5
        stored = NOON - THREE_YEARS * (1 - share) + timedelta(milliseconds=number)
        one = template.replace(b"@id", moodle_id(number)).replace(b"@at", stored.isoformat().encode())
        sandbox.lrs.plant(one, stored)


def moodle_id(number: int) -> bytes:
    return b"00000000-0000-4000-8000-%012d" % number


def stored(store: Store) -> int:
    with store.reading() as session:
        return session.exec(select(func.count()).select_from(StatementRow)).one()


def cursor_of(store: Store) -> datetime | None:
    with store.reading() as session:
        return session.get_one(Source, "campus").high_water


def test_it_is_read_in_slices_stopped_and_gone_on_with(
    store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(NOON, tick=False), Sandbox(load=False) as sandbox:
        plant(sandbox, MANY)
        lrs = Straight(sandbox)
        monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
        config, source = configure(sandbox.lrs_url, page=500)
        ways: list[float] = []

        def stop_half_way(so_far: SoFar) -> None:
            ways.append(so_far.way or 0)
            if ways[-1] > 0.6:
                raise StopError

        with pytest.raises(StopError):
            stage.collect(store, config, source, stop_half_way)
        reached = cursor_of(store)
        assert reached is not None
        assert NOON - THREE_YEARS / 2 < reached < NOON - THREE_YEARS / 4
        before = stored(store)
        counts = stage.collect(store, config, source, lambda so_far: ways.append(so_far.way or 1))
        assert all(one <= other for one, other in itertools.pairwise(ways))
        assert counts["read"] < MANY - before + 1500, "what was read before is not read again"
        assert stored(store) == MANY
        asked = len(ways)
        again = stage.collect(store, config, source)
    assert asked < 120, "slices grow where little is"
    assert (again["stored"], again["failed"]) == (0, 0)


def test_a_long_reading_says_how_far_it_is(store: Store, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SAY_EVERY", 0.0)
    with time_machine.travel(NOON, tick=False), Sandbox(load=False) as sandbox:
        plant(sandbox, 1100)
        lrs = Straight(sandbox)
        monkeypatch.setattr(stage, "open_client", lambda _source: lrs)
        monkeypatch.setattr(pipeline, "_speed", lambda _count, _seconds: 7)
        config, source = configure(sandbox.lrs_url, page=500)
        with capture_logs() as lines:
            pipeline.collect(store, config, source)
    said = [line["counts"] for line in lines if line["event"] == "source.catching_up"]
    assert said[-1] == {"read": said[-1]["read"], "stored": 1100, "a_second": 7}
    assert 0 < said[-3]["percent"] <= 100


def test_one_hanging_source_does_not_delay_the_others(store: Store) -> None:
    """The one that hangs is let go only when the other one has been read."""
    read = threading.Event()

    def hang(_asked: object) -> Said:
        assert read.wait(5), "the other source waits for this one"
        return page()

    def answer(_asked: object) -> Said:
        read.set()
        return page([raw(moodle(1))])

    with FakeLrs(hang) as hanging, FakeLrs(answer) as good:
        config = config_for(source_for(hanging.endpoint, name="hanging", timeout="9s"), source_for(good.endpoint))
        done = pipeline.run(store, config, ["collection"])
    assert done["collection"]["stored"] == 1


def test_an_outage_of_a_month_is_made_up_for_in_slices(store: Store, configure: Configure) -> None:
    """The cursor is a month old, and the first page has a successor."""
    month = [raw(moodle(number) | {"stored": f"2026-02-{number:02d}T10:00:00.000Z"}) for number in range(2, 20)]
    date = "Sun, 01 Mar 2026 12:00:00 GMT"
    with FakeLrs(in_turn(page(month[:1], date="Sun, 01 Feb 2026 12:00:00 GMT"))) as lrs:
        config, source = configure(lrs.endpoint, start_from="2026-02-01")
        stage.collect(store, config, source)
        lrs.asked.clear()
        lrs.respond = in_turn(page(month[:9], more="/xapi/statements?2", date=date), page([], date=date))
        stage.collect(store, config, source)
    assert all("until=2026-0" in asked.path for asked in lrs.asked[2:-1])
    assert "until" not in lrs.asked[-1].path
    assert cursor_of(store) == datetime(2026, 2, 1, 6, tzinfo=UTC), "empty slices move no cursor"
