"""Stage 7: near misses are tried, corrected sheets taken over, people told, and the LRS too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from connector import channels
from connector.config import Config
from connector.desk import clocks, folder, notices, suggestions, tries, writeback
from connector.records import Counts
from connector.store.session import Store


def run(store: Store, config: Config) -> Counts:
    """One turn of the desk. Each part is tried, whatever came of those before; what failed first is raised at the end.

    The folder comes last: it may lie on a share, and a share may hang.
    """
    parts: list[Callable[[], Counts]] = [
        partial(suggestions.make, store),
        partial(channels.every_provider, config, partial(tries.ask, store, config)),
        partial(clocks.say_daily, store, config),
        *(partial(part.run, store, config) for part in (writeback, notices, folder)),
    ]
    counts, failed = Counts(), list[Exception]()
    for part in parts:
        try:
            counts += part()
        except Exception as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return counts
