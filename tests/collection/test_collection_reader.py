"""reader: a chain is followed to its end, and a chain without an end is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from connector.collection import reader
from connector.errors import RetryLater
from connector.lrs.client import MoreExpired, Page, Query

QUERY = Query(since=None, limit=10)


@dataclass
class Scripted:
    """`say(n)` is the n-th answer, an exception to be raised or a page as (number of statements, more)."""

    say: Callable[[int], tuple[int, str] | Exception]
    asked: list[str] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    def page(self, query: Query) -> Page:
        self.limits.append(query.limit)
        return self._answer("first")

    def follow(self, more: str) -> Page:
        return self._answer(more)

    def _answer(self, what: str) -> Page:
        said = self.say(len(self.asked))
        self.asked.append(what)
        if isinstance(said, Exception):
            raise said
        return Page((b"%d" % len(self.asked),) * said[0], said[1], None, None)


def expired() -> MoreExpired:
    return MoreExpired("lrs.more_expired", "gone")


def sizes(lrs: Scripted) -> list[int]:
    return [len(page.statements) for page in reader.chain(lrs, QUERY)]


def test_a_short_page_is_not_the_last_page() -> None:
    lrs = Scripted(lambda n: [(5, "a"), (1, "b"), (0, "c"), (5, "")][n])
    assert sizes(lrs) == [5, 1, 0, 5]
    assert lrs.asked == ["first", "a", "b", "c"]


def test_the_next_page_is_fetched_while_one_is_processed() -> None:
    came = threading.Event()

    def say(n: int) -> tuple[int, str]:
        if n == 1:
            came.set()
        return (1, "a" if n == 0 else "")

    for page in reader.chain(Scripted(say), QUERY):
        assert came.wait(5), "the second page was not asked for while the first one was worked on"
        assert page.statements


def test_an_expired_more_starts_the_chain_again() -> None:
    lrs = Scripted(lambda n: [(5, "a"), expired(), (5, "a"), (1, "")][n])
    assert sizes(lrs) == [5, 5, 1]
    assert lrs.asked == ["first", "a", "first", "a"]


def test_a_more_that_always_expires_is_an_error() -> None:
    lrs = Scripted(lambda n: expired() if n % 2 else (5, "a"))
    with pytest.raises(MoreExpired):
        sizes(lrs)
    assert len(lrs.asked) == 2 * (reader.MOST_RESTARTS + 1)


def too_slow() -> RetryLater:
    return RetryLater("lrs.timed_out", "no answer in time")


def test_a_first_page_that_takes_too_long_is_asked_for_in_halves() -> None:
    lrs = Scripted(lambda n: [too_slow(), too_slow(), (5, "a"), expired(), (5, "")][n])
    assert [len(page.statements) for page in reader.chain(lrs, Query(None, limit=90))] == [5, 5]
    assert lrs.limits == [90, 45, 22, 22], "for the whole chain, also where it starts again"


def test_halving_ends_at_ten_and_is_for_first_pages_that_are_slow_alone() -> None:
    slow, down = Scripted(lambda _: too_slow()), Scripted(lambda _: RetryLater("lrs.failing", "500"))
    later = Scripted(lambda n: [(5, "a"), too_slow()][n])
    for lrs, limits in ((slow, [25, 12, 10]), (down, [25]), (later, [25])):
        with pytest.raises(RetryLater):
            list(reader.chain(lrs, Query(None, limit=25)))
        assert lrs.limits == limits


@pytest.mark.parametrize(
    ("say", "most"),
    [
        (lambda n: (5, "a"), 3),
        (lambda n: (5, "ab"[n % 2]), 4),
        (lambda n: (0, str(n)), reader.MOST_EMPTY + 2),
    ],
    ids=["the same more", "a round of two", "empty pages"],
)
def test_a_chain_without_an_end_is_left(say: Callable[[int], tuple[int, str]], most: int) -> None:
    lrs = Scripted(say)
    with pytest.raises(RetryLater) as caught:
        sizes(lrs)
    assert caught.value.code == "lrs.endless"
    assert len(lrs.asked) <= most


def test_a_page_that_comes_again_under_new_names_is_left() -> None:
    class Same(Scripted):
        def _answer(self, what: str) -> Page:
            return Page((b"{}",), f"{what}x", None, None)

    with pytest.raises(RetryLater, match="one page came twice"):
        sizes(Same(lambda _: (0, "")))


def test_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_PAGES", 5)
    lrs = Scripted(lambda n: (1, str(n)))
    with pytest.raises(RetryLater, match="5 pages"):
        sizes(lrs)


def test_three_empty_pages_in_a_row_are_borne() -> None:
    lrs = Scripted(lambda n: [(0, "a"), (0, "b"), (0, "c"), (1, "d"), (0, "e"), (0, "")][n])
    assert sizes(lrs) == [0, 0, 0, 1, 0, 0]


def test_leaving_early_asks_for_no_more() -> None:
    lrs = Scripted(lambda n: (1, str(n)))
    pages = reader.chain(lrs, QUERY)
    next(pages)
    pages.close()
    assert len(lrs.asked) <= 2
