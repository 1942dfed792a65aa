"""Asks the learner sources in their order and merges what they say, field by field, each value with its origin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

from pydantic import SecretStr

from connector.config import Config, CsvSource
from connector.learners.csv_file import CsvFile
from connector.learners.statement import FromStatement
from connector.records import ActorKey, Found, Learner
from connector.store.session import Store


class Source(Protocol):
    """A learner source: one answer for each key it knows.

    `stamp` is cheap and another one when the answers may have changed; it stays the same where nobody can tell.
    """

    def stamp(self) -> object: ...

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]: ...


@dataclass(frozen=True)
class Answers:
    """What every source said, in the order of the sources."""

    by_source: Sequence[Mapping[ActorKey, Found]]

    def about(self, keys: Iterable[ActorKey]) -> Found | None:
        """The person who has these keys: an earlier source wins a field, all of them add keys."""
        known = [answers[key] for answers in self.by_source for key in sorted(keys) if key in answers]
        return reduce(merge, known) if known else None

    def keys(self) -> set[ActorKey]:
        """Every key that belongs to anybody whom the sources know."""
        return {key for answers in self.by_source for found in answers.values() for key in found.keys}


def sources(config: Config, store: Store) -> list[Source]:
    """The configured sources, in order."""
    return [
        CsvFile(source.csv) if isinstance(source, CsvSource) else FromStatement(store, source.statement)
        for source in config.learners.sources
    ]


def fetch(asked: Sequence[Source], keys: Collection[ActorKey]) -> Answers:
    return Answers([source.fetch(keys) for source in asked])


def is_someone_else(one: Learner, other: Learner) -> bool:
    """Do two answers speak of two people? A changed surname alone does not say so; another number or birth day does."""
    if any(one.ids[domain] != other.ids[domain] for domain in one.ids.keys() & other.ids.keys()):
        return True
    if one.birth_day and other.birth_day and one.birth_day != other.birth_day:
        return True
    names = [(getattr(one, name), getattr(other, name)) for name in ("given_name", "family_name")]
    return all(mine and theirs and mine != theirs for mine, theirs in names)


def gives_away(kept: Learner, said: Learner) -> bool:
    """Does a source speak of another person than it did? A married name or a corrected birth day or number alone
    does not say so; two of them that change at once do."""
    given, family = (_differ(getattr(kept, name), getattr(said, name)) for name in ("given_name", "family_name"))
    birth = bool(kept.birth_day and kept.birth_day.is_valid) and _differ(kept.birth_day, said.birth_day)
    npi = _differ(kept.ids.get("NPI"), said.ids.get("NPI"))
    return (birth and family) or (npi and (given or family or birth))


def is_same(kept: Learner, said: Learner) -> bool:
    """Enough to give somebody back what was his: the family name, and nothing against it."""
    known = kept.family_name is not None and said.family_name is not None
    return known and not _differ(kept.family_name, said.family_name) and not is_someone_else(kept, said)


def _differ(one: SecretStr | None, other: SecretStr | None) -> bool:
    if not one or not other:
        return False
    return one.get_secret_value().casefold() != other.get_secret_value().casefold()


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
