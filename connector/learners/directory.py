"""Asks the learner sources in their order and merges what they say, field by field, each value with its origin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from connector.config import Config, LearnerSource, SheetSource, StatementSource
from connector.errors import ConfigError
from connector.learners.merging import merge
from connector.learners.sources.sheet import SheetFile
from connector.learners.sources.statement import FromStatement
from connector.records import ActorKey, Found
from connector.store.session import Store


class Source(Protocol):
    """A learner source: one answer for each key it knows.

    `stamp` is cheap and another one when the answers may have changed; it stays the same where nobody can tell.
    """

    def stamp(self) -> object: ...

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]: ...


@dataclass(frozen=True)
class Answers:
    """What every source said, in the order of the sources.

    `silent` are keys that a source which may know them could not be asked about: nothing is decided about these.
    """

    by_source: Sequence[Mapping[ActorKey, Found]]
    silent: frozenset[ActorKey] = frozenset()

    def about(self, keys: Iterable[ActorKey]) -> Found | None:
        """The person who has these keys: an earlier source wins a field, all of them add keys."""
        known = [answers[key] for answers in self.by_source for key in sorted(keys) if key in answers]
        return reduce(merge, known) if known else None

    def keys(self) -> set[ActorKey]:
        """Every key that belongs to anybody whom the sources know."""
        return {key for answers in self.by_source for found in answers.values() for key in found.keys}


def sources(config: Config, store: Store) -> list[Source]:
    """The configured sources, in order."""
    return [_open(source, store) for source in config.learners.sources]


def _open(source: LearnerSource, store: Store) -> Source:
    if isinstance(source, SheetSource):
        return SheetFile(source.sheet)
    if isinstance(source, StatementSource):
        return FromStatement(store, source.statement)
    raise ConfigError("config.invalid", "this learner source is not there yet")


def fetch(asked: Sequence[Source], keys: Collection[ActorKey]) -> Answers:
    return Answers([source.fetch(keys) for source in asked])
