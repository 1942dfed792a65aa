"""Asks the learner sources in their order and merges what they say, field by field, each value with its origin."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from connector.config import Config, CsvSource
from connector.learners.csv_file import CsvFile
from connector.learners.statement import FromStatement
from connector.records import ActorKey, Found, Learner
from connector.store.session import Store


class Source(Protocol):
    """A learner source: one answer for each key it knows."""

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]: ...


def sources(config: Config, store: Store) -> list[Source]:
    """The configured sources, in order."""
    return [
        CsvFile(source.csv) if isinstance(source, CsvSource) else FromStatement(store, source.statement)
        for source in config.learners.sources
    ]


def fetch(asked: list[Source], keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
    """What the sources know together; an earlier source wins a field, all of them add keys."""
    found: dict[ActorKey, Found] = {}
    for source in asked:
        for key, answer in source.fetch(keys).items():
            found[key] = merge(found[key], answer) if key in found else answer
    return found


def merge(first: Found, second: Found) -> Found:
    """`first` wins every field it has.

    Two sources that give one domain two numbers are not reconciled here: the earlier one is trusted more.
    """
    values: dict[str, Any] = {}
    for name in ("given_name", "family_name", "birth_day", "profession", "consent"):
        values[name] = getattr(first.learner, name) or getattr(second.learner, name)
    values["ids"] = {**second.learner.ids, **first.learner.ids}
    values["rems"] = {**second.learner.rems, **first.learner.rems}
    values["origins"] = {**second.learner.origins, **first.learner.origins}
    return Found(learner=Learner(**values), keys=tuple(dict.fromkeys([*first.keys, *second.keys])))
