"""cursor: arithmetic, and a model LRS in which it loses nothing within the overlap while the naive cursor does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from connector.collection import cursor
from connector.collection.cursor import AHEAD, Chain, advance, first_end, reach, since, stride, until, vouches
from connector.lrs.client import Query
from connector.lrs.statement import read
from tests.collection.model import MS, ModelLrs

T = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAYS = timedelta(days=30)
OVERLAP = timedelta(seconds=10)


def test_since_lies_an_overlap_and_a_millisecond_back() -> None:
    assert since(T, OVERLAP) == datetime(2026, 3, 1, 11, 59, 50, 122_000, tzinfo=UTC)
    assert since(T.replace(microsecond=0), timedelta()) == datetime(2026, 3, 1, 11, 59, 59, 999_000, tzinfo=UTC)
    assert since(None, OVERLAP) is None


def test_a_look_back_beyond_all_time_reads_from_the_first_day() -> None:
    assert since(T, timedelta(days=999_999_999)) == datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    ancient = datetime(1, 1, 2, tzinfo=UTC)
    assert since(ancient, OVERLAP) == ancient - MS


@pytest.mark.parametrize(
    ("high_water", "consistent", "date", "newest", "expected"),
    [
        (None, None, T, T - SECOND, T - SECOND),
        (T - 9 * SECOND, None, T, T - SECOND, T - SECOND),
        (T - 9 * SECOND, T - 2 * SECOND, T, T - SECOND, T - 2 * SECOND),
        (T - 9 * SECOND, T, T, T + SECOND, T),
        (T - 9 * SECOND, T + 9 * SECOND, T, T + SECOND, T),
        (T - 9 * SECOND, T - 3 * SECOND, T, None, T - 3 * SECOND),
        (T - 9 * SECOND, T - 3 * SECOND, T, T - 20 * SECOND, T - 3 * SECOND),
        (T, T - 3 * SECOND, T + SECOND, None, T),
        (T, None, T + SECOND, None, T),
        (None, None, T, None, None),
        (T, None, None, T + SECOND, T),
        (None, T, None, T + SECOND, T),
        (T + DAYS, None, T, None, T),
        (T + DAYS, T - SECOND, T, None, T - SECOND),
        (T + DAYS, T + DAYS, T, T + DAYS, T),
        (T + DAYS, T, None, None, T + DAYS),
        (T + AHEAD, None, T, None, T + AHEAD),
    ],
    ids=[
        "first chain",
        "newest stored",
        "bounded by the first Consistent-Through",
        "bounded by the server's Date",
        "a Consistent-Through in the future tells no more than Date",
        "nothing came",
        "nothing newer came",
        "Consistent-Through went back",
        "nothing came and no Consistent-Through",
        "an empty LRS",
        "no clock at all",
        "no Date",
        "the clock had been ahead",
        "the clock had been ahead, Consistent-Through lags",
        "the clock had been ahead, Consistent-Through is still",
        "a Consistent-Through alone sets nothing back",
        "a little behind is no jump",
    ],
)
def test_the_cursor_after_a_chain(
    high_water: datetime | None,
    consistent: datetime | None,
    date: datetime | None,
    newest: datetime | None,
    expected: datetime | None,
) -> None:
    assert advance(high_water, Chain(consistent, date).saw(newest)) == expected


def test_a_statement_from_the_future_does_not_move_the_cursor() -> None:
    chain = Chain(None, T).saw(T - SECOND).saw(T + AHEAD + MS).saw(T - 5 * SECOND)
    assert advance(T - 9 * SECOND, chain) == T - SECOND
    assert advance(T - 9 * SECOND, Chain(None, T).saw(T + AHEAD + MS)) == T - 9 * SECOND


DAY = timedelta(days=1)
MINUTES = timedelta(minutes=2)


@pytest.mark.parametrize(
    ("behind", "length", "expected"),
    [
        (10 * DAY, DAY, T - 9 * DAY),
        (10 * DAY, 64 * DAY, T - MINUTES),
        (DAY + MINUTES, DAY, T - MINUTES),
        (DAY + MINUTES - MS, DAY, None),
        (-30 * DAY, DAY, None),
    ],
    ids=["one day", "the last slice ends an overlap before Date", "just far", "not far", "ahead of the server"],
)
def test_the_end_of_a_slice(behind: timedelta, length: timedelta, expected: datetime | None) -> None:
    end = expected and expected.replace(microsecond=expected.microsecond // 1000 * 1000)
    assert until(T - behind, T, length, MINUTES) == end
    assert until(T - behind, None, length, MINUTES) is None


def test_slices_grow_while_one_page_holds_them_and_shrink_when_ten_do_not() -> None:
    assert stride(DAY, 0, 200) == 2 * DAY
    assert stride(64 * DAY, 199, 200) == 64 * DAY
    assert stride(8 * DAY, 200, 200) == stride(8 * DAY, 2000, 200) == 8 * DAY
    assert stride(8 * DAY, 2001, 200) == DAY


@pytest.mark.parametrize(
    ("consistent", "date", "newest", "expected", "vouched"),
    [
        (None, T, T - 4 * DAY, T - 4 * DAY, True),
        (None, T, T - 2 * DAY, T - 3 * DAY, True),
        (None, T, None, T - 9 * DAY, True),
        (T, T, None, T - 3 * DAY, True),
        (T - 5 * DAY, T, None, T - 5 * DAY, False),
        (T - 5 * DAY, T, T - 4 * DAY, T - 5 * DAY, False),
        (T - 20 * DAY, T, T - 4 * DAY, T - 9 * DAY, False),
        (None, T - 3 * DAY, T - 4 * DAY, T - 4 * DAY, False),
        (None, T - 3 * DAY + MINUTES, T - 4 * DAY, T - 4 * DAY, True),
        (None, None, T - 4 * DAY, T - 9 * DAY, False),
        (None, T - 30 * DAY, None, T - 30 * DAY, False),
    ],
    ids=[
        "the newest seen",
        "stored after the slice, whose end was a timestamp",
        "nothing was there: Date alone may be ahead of the clock that writes stored",
        "nothing was there, and Consistent-Through is far",
        "Consistent-Through lies within",
        "Consistent-Through lies before what was seen",
        "Consistent-Through lies before the cursor",
        "Date lies at the end",
        "Date lies an overlap after the end",
        "no Date",
        "the clock had been ahead",
    ],
)
def test_the_cursor_after_a_slice(
    consistent: datetime | None, date: datetime | None, newest: datetime | None, expected: datetime, *, vouched: bool
) -> None:
    chain = Chain(consistent, date).saw(newest)
    assert reach(T - 9 * DAY, chain, T - 3 * DAY) == expected
    assert vouches(chain, T - 3 * DAY, MINUTES) is vouched


def test_the_cursor_after_the_first_slice_of_all() -> None:
    assert reach(None, Chain(None, T).saw(T - DAY), T) == T - DAY
    assert reach(None, Chain(None, T), T) is None


def test_the_first_slice_of_all_ends_at_the_oldest_statement_shown() -> None:
    assert first_end([T, T - DAY]) == (T - DAY).replace(microsecond=123_000)
    assert first_end([T, datetime(1970, 1, 1, tzinfo=UTC)]) == first_end([]) == cursor.XAPI_BEGINS


times = st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(times, times, times, st.lists(times, max_size=4))
def test_the_cursor_goes_back_only_behind_the_servers_own_clock_and_never_passes_one(
    high_water: datetime | None, consistent: datetime | None, date: datetime | None, stored: list[datetime | None]
) -> None:
    chain = Chain(consistent, date)
    for one in stored:
        chain = chain.saw(one)
    reached = advance(high_water, chain)
    if high_water:
        assert reached is not None
        assert reached >= high_water or (date is not None and date + AHEAD < high_water)
    if reached != high_water:
        assert reached is not None
        assert all(reached <= clock for clock in (consistent, date) if clock)


class CrashError(Exception):
    """kill -9 between two writes."""


@dataclass
class Poller:
    """What the stage does, without threads and tables: a page is one write, the last one has the cursor."""

    next_since: Callable[[datetime | None], datetime | None]
    next_cursor: Callable[[datetime | None, Chain], datetime | None]
    high_water: datetime | None = None
    stored: list[str] = field(default_factory=list)

    def poll(self, lrs: ModelLrs, *, crash_before: int | None, between: list[Any]) -> None:
        page, chain, writes = lrs.page(Query(self.next_since(self.high_water), 500)), None, 0
        while True:
            chain = chain or Chain(page.consistent_through, page.server_date)
            statements = [read(one, "model").statement for one in page.statements]
            for statement in statements:
                chain = chain.saw(statement.stored)
            if writes == crash_before:
                raise CrashError
            writes += 1
            self.stored += [statement.id for statement in statements if statement.id not in self.stored]
            if not page.more:
                self.high_water = self.next_cursor(self.high_water, chain)
                return
            for step in between[:1]:
                happen(lrs, step)
            between = between[1:]
            page = lrs.follow(page.more)


LATEST = int(OVERLAP / MS)
LOOK_BACK = timedelta(hours=1)
# Few values, chosen where things break: with all milliseconds alike, hypothesis hardly ever meets the overlap's edge.
lateness = st.sampled_from([0, 0, 1, LATEST // 2, LATEST - 1, LATEST])
ages = st.sampled_from([0, 1, LATEST, int((LOOK_BACK - 2 * OVERLAP) / MS)])
posts = st.tuples(st.just("post"), lateness, ages, st.booleans())
ticks = st.tuples(st.just("tick"), st.sampled_from([1, 1, 999, LATEST // 2, LATEST - 1, LATEST, 3 * LATEST]))
lags = st.tuples(st.just("lag"), st.sampled_from([None, 0, 1, LATEST, 4 * LATEST]))
polls = st.tuples(st.just("poll"), st.sampled_from([None, None, 0, 1, 2]), st.lists(posts | ticks, max_size=3))
scripts = st.lists(posts | posts | ticks | ticks | lags | polls | polls, min_size=6, max_size=40)


def happen(lrs: ModelLrs, step: Any) -> None:
    match step:
        case ("post", late, old, tied):
            # a tied row shares the stored of the one before, which the overlap must still cover
            fits = bool(lrs.rows) and lrs.now - lrs.rows[-1].stored <= OVERLAP
            lrs.post(late=late, old=old, tied=tied and fits)
        case ("tick", milliseconds):
            lrs.now += milliseconds * MS
        case ("lag", lag):
            lrs.lag = lag


def lost(poller: Poller, lrs: ModelLrs, script: list[Any]) -> set[str]:
    """Play the script, let everything become visible, read twice more; what was never stored."""
    for step in script:
        if step[0] != "poll":
            happen(lrs, step)
            continue
        with suppress(CrashError):
            poller.poll(lrs, crash_before=step[1], between=step[2])
    lrs.now += OVERLAP
    for _ in range(2):
        poller.poll(lrs, crash_before=None, between=[])
    assert len(poller.stored) == len(set(poller.stored)), "stored twice"
    return {row.statement_id for row in lrs.rows} - set(poller.stored)


def careful() -> Poller:
    return Poller(lambda high_water: since(high_water, OVERLAP), advance)


def naive() -> Poller:
    return Poller(lambda high_water: high_water, lambda high_water, chain: chain.newest or high_water)


models = st.builds(ModelLrs, inclusive=st.booleans(), ascending=st.booleans(), page_size=st.integers(1, 4))


@settings(deadline=None, max_examples=300)
@given(scripts, models)
def test_nothing_is_lost_within_the_overlap(script: list[Any], lrs: ModelLrs) -> None:
    assert lost(careful(), lrs, script) == set()


@settings(deadline=None)
@given(scripts, st.integers(1, 4))
def test_nothing_is_lost_within_the_look_back_where_since_means_timestamp(script: list[Any], page_size: int) -> None:
    poller = Poller(lambda high_water: since(high_water, LOOK_BACK), advance)
    assert lost(poller, ModelLrs(field_="timestamp", page_size=page_size), script) == set()


def test_the_naive_cursor_loses_in_the_same_model() -> None:
    assert find(scripts, lambda script: bool(lost(naive(), ModelLrs(), script)))


POST, POLL = ("post", 0, 0, False), ("poll", None, [])
LATE = ("post", LATEST, 0, False)


def tick(milliseconds: int) -> tuple[str, int]:
    return ("tick", milliseconds)


CARELESS = {
    "half the overlap": (
        lambda high_water: since(high_water, OVERLAP / 2),
        advance,
        [LATE, tick(LATEST - 1), POST, POLL, tick(1)],
    ),
    "no server clock asked": (  # a long chain: a row appears behind it while rows after the first answer are read
        lambda high_water: since(high_water, OVERLAP),
        lambda high_water, chain: chain.newest or high_water,
        [LATE, tick(1), *[POST] * 7, ("poll", None, [tick(LATEST + 9), POST])],
    ),
    "the time of asking": (
        lambda high_water: since(high_water, timedelta()),
        lambda high_water, chain: chain.server_date,
        [POST, LATE, tick(LATEST - 1), POLL],
    ),
}


@pytest.mark.parametrize("name", CARELESS)
def test_each_careless_cursor_loses_where_ours_does_not(name: str) -> None:
    next_since, next_cursor, script = CARELESS[name]
    assert lost(Poller(next_since, next_cursor), ModelLrs(), list(script))
    assert lost(careful(), ModelLrs(), list(script)) == set()


def test_the_stored_cursor_loses_where_since_means_timestamp() -> None:
    script = [POST, POLL, tick(1), ("post", 0, 2 * LATEST, False)]
    assert lost(careful(), ModelLrs(field_="timestamp"), script)


def test_the_cursor_moves_on_in_the_model() -> None:
    """Losing nothing is easy for a cursor that stands still."""
    lrs, poller = ModelLrs(), careful()
    for _ in range(3):
        lrs.post()
        lrs.now += 60 * SECOND
        poller.poll(lrs, crash_before=None, between=[])
    assert poller.high_water == lrs.rows[-1].stored
    assert cursor.since(poller.high_water, OVERLAP) > lrs.rows[1].stored
