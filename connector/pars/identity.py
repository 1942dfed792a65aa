"""Is this person of a sheet that learner of ours? Pure; says yes only for what is equal, and never repeats a value."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from pydantic import Field

from connector.pars import vocabulary
from connector.pars.names import family, first_word, plain
from connector.records import Frozen

_LICENSING: Final = frozenset({**vocabulary.STATES, **vocabulary.TERRITORIES})


class Person(Frozen):
    """Who somebody is, as far as it is known; what is unknown is empty. Its repr hides everything."""

    given_name: str = Field(default="", repr=False)
    family_name: str = Field(default="", repr=False)
    birth_day: str = Field(default="", repr=False)  # MM-DD
    ids: dict[str, str] = Field(default_factory=dict, repr=False)  # by domain: NPI, a state, a board

    @property
    def name(self) -> tuple[str, str, str] | None:
        """What is compared where no id is; None while a part of it is unknown."""
        whole = family(self.family_name), plain(self.given_name), self.birth_day
        return whole if all(whole) else None

    @property
    def short_name(self) -> tuple[str, str, str] | None:
        """The same with the first given name alone."""
        return (self.name[0], first_word(self.name[1]), self.name[2]) if self.name else None

    @property
    def is_known(self) -> bool:
        return bool(self.ids) or self.name is not None


class Relation(StrEnum):
    """What two descriptions have to do with each other."""

    SAME = "same"
    PERHAPS = "perhaps"  # something speaks for it and something against it: a person looks
    OTHER = "other"


def relation(one: Person, other: Person) -> Relation:
    """Ids of one domain decide; only where there is none in common do names and birth day.

    >>> relation(Person(ids={"CA": "A-123"}), Person(ids={"CA": "a123"}))
    <Relation.SAME: 'same'>
    >>> relation(Person(ids={"ME": "01234567"}), Person(ids={"ME": "1234567"}))
    <Relation.PERHAPS: 'perhaps'>
    """
    pairs = [(bare(one.ids[domain]), bare(other.ids[domain])) for domain in one.ids.keys() & other.ids.keys()]
    if not pairs:
        return _by_name(one, other)
    if all(mine.lstrip("0") != theirs.lstrip("0") for mine, theirs in pairs):
        return Relation.OTHER
    differs = any(mine.lstrip("0") != theirs.lstrip("0") for mine, theirs in pairs)
    equal = any(mine == theirs for mine, theirs in pairs)
    return Relation.SAME if equal and not differs and not _strangers(one, other) else Relation.PERHAPS


def _strangers(one: Person, other: Person) -> bool:
    """Family name and birth day are known of both, and neither is equal: one of the ids is a slip."""
    names, days = {family(one.family_name), family(other.family_name)}, {one.birth_day, other.birth_day}
    return "" not in names | days and len(names) == len(days) == 2


def _by_name(one: Person, other: Person) -> Relation:
    """Whoever has licences of two states may be one person or two."""
    if one.short_name is None or one.short_name != other.short_name:
        return Relation.OTHER
    two_states = one.ids.keys() & _LICENSING and other.ids.keys() & _LICENSING
    return Relation.SAME if one.name == other.name and not two_states else Relation.PERHAPS


def bare(value: str) -> str:
    """An id without the marks that people set between its digits."""
    return "".join(mark for mark in value.upper() if mark.isalnum())


def signs(person: Person) -> set[str]:
    """Two people who are or may be the same have one of these in common; hashed, being kept in tables to search."""
    known = {f"{domain}={bare(value).lstrip('0')}" for domain, value in person.ids.items()}
    if person.short_name is not None:
        known.add("\n".join(person.short_name))
    return {hashlib.sha256(one.encode()).hexdigest()[:32] for one in known}
