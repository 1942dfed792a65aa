"""One chain of pages, the next one fetched while the present one is processed. Knows no cursor and no table."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from connector.errors import RetryLater
from connector.lrs.client import MoreExpired, Page, Query

MOST_PAGES = 100_000
MOST_EMPTY = 3
MOST_RESTARTS = 3
SMALLEST = 10
"""Statements on a page, at the least: it is halved while the LRS takes too long to put a first page together."""


class Pages(Protocol):
    """What an LRS must be able to do to be read."""

    def page(self, query: Query) -> Page: ...

    def follow(self, more: str) -> Page: ...


def chain(lrs: Pages, query: Query) -> Generator[Page]:
    """Every page until one has no `more`. Raises what the client raises, and RetryLater for a chain without an end.

    A `more` that expired starts the chain again: pages come twice, which the memory of ids makes harmless. A first page
    that takes too long is asked for again with half as many statements.
    """
    restarts, is_first = 0, True
    guard = _Guard()
    fetcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lrs-page")
    try:
        coming: Future[Page] | None = fetcher.submit(lrs.page, query)
        while coming:
            try:
                page = coming.result()
            except MoreExpired:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise
                guard, is_first = _Guard(), True
                coming = fetcher.submit(lrs.page, query)
                continue
            except RetryLater as error:
                if not is_first or error.code != "lrs.timed_out" or query.limit <= SMALLEST:
                    raise
                query = replace(query, limit=max(query.limit // 2, SMALLEST))
                coming = fetcher.submit(lrs.page, query)
                continue
            is_first = False
            guard.passed(page)
            coming = fetcher.submit(lrs.follow, page.more) if page.more else None
            yield page
    finally:
        fetcher.shutdown(wait=False, cancel_futures=True)  # who leaves early does not wait for a page nobody reads


class _Guard:
    """Ends a chain that would not end by itself; the cursor then stays, as nobody knows what was not shown."""

    def __init__(self) -> None:
        self._followed: set[str] = set()
        self._before: tuple[bytes, ...] = ()
        self._pages = 0
        self._empty = 0

    def passed(self, page: Page) -> None:
        self._pages += 1
        self._empty = 0 if page.statements else self._empty + 1
        if not page.more:
            return
        if page.more in self._followed:
            raise _endless("a `more` came twice")
        if page.statements and page.statements == self._before:
            raise _endless("one page came twice under two names")
        if self._empty > MOST_EMPTY:
            raise _endless(f"{self._empty} empty pages in a row")
        if self._pages >= MOST_PAGES:
            raise _endless(f"{self._pages} pages")
        self._followed.add(page.more)
        self._before = page.statements


def _endless(why: str) -> RetryLater:
    return RetryLater("lrs.endless", f"the LRS's pages do not end: {why}")
