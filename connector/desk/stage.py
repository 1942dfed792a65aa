"""Stage 7: near misses are tried, corrected sheets taken over, people told, and the LRS too."""

from __future__ import annotations

from functools import partial

from connector import channels
from connector.config import Config
from connector.desk import folder, notices, suggestions, writeback
from connector.records import Counts
from connector.store.session import Store


def run(store: Store, config: Config) -> Counts:
    """One turn of the desk."""
    counts = _try(store, config) + folder.run(store, config)
    return counts + writeback.run(store, config) + notices.run(store, config)


def _try(store: Store, config: Config) -> Counts:
    """Near misses are looked for, and PARS is asked about them, every provider's beside the others'."""
    counts = suggestions.make(store)
    return counts + channels.every_provider(config, partial(suggestions.ask, store, config))
