"""How many bodies are in memory at once, and whose. Knows no request and no bytes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from connector.collection.inlet.received import busy


class Places:
    """`most` places; where there are several senders, none has more than half, so that none shuts out the others."""

    def __init__(self, most: int, *, senders: int) -> None:
        self._most = most
        self._each = most if senders < 2 else max(1, most // 2)
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, source: str) -> Iterator[None]:
        """One place, for as long as the body is in memory; RefusedError when none is free."""
        if self._taken.total() >= self._most or self._taken[source] >= self._each:
            raise busy("inlet.crowded", "too many requests at once", unread=True)
        self._taken[source] += 1
        try:
            yield
        finally:
            self._taken[source] -= 1
