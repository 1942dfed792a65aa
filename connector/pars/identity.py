"""Is this person of a sheet that learner of ours? Pure; says yes only for what is equal, and never repeats a value."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from pydantic import Field

from connector.records import Frozen

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u2010": "-", "\u2011": "-"})


class Person(Frozen):
    """Who somebody is, as far as it is known; what is unknown is empty. Its repr hides everything."""

    given_name: str = Field(default="", repr=False)
    family_name: str = Field(default="", repr=False)
    birth_day: str = Field(default="", repr=False)  # MM-DD
    ids: dict[str, str] = Field(default_factory=dict, repr=False)  # by domain: NPI, a state, a board

    @property
    def name(self) -> tuple[str, str, str] | None:
        """What is compared where no id is; None while a part of it is unknown."""
        whole = plain(self.family_name), plain(self.given_name), self.birth_day
        return whole if all(whole) else None

    @property
    def is_known(self) -> bool:
        return bool(self.ids) or self.name is not None


class Relation(StrEnum):
    """What two descriptions have to do with each other."""

    SAME = "same"
    PERHAPS = "perhaps"  # an id differs by the zeros that Excel cuts off
    OTHER = "other"


def relation(one: Person, other: Person) -> Relation:
    """Ids of one domain decide; only where there is none in common do names and birth day.

    >>> relation(Person(ids={"CA": "A-123"}), Person(ids={"CA": "a123"}))
    <Relation.SAME: 'same'>
    >>> relation(Person(ids={"ME": "01234567"}), Person(ids={"ME": "1234567"}))
    <Relation.PERHAPS: 'perhaps'>
    """
    pairs = [(bare(one.ids[domain]), bare(other.ids[domain])) for domain in one.ids.keys() & other.ids.keys()]
    if any(mine.lstrip("0") != theirs.lstrip("0") for mine, theirs in pairs):
        return Relation.OTHER
    if any(mine == theirs for mine, theirs in pairs):
        return Relation.SAME
    if pairs:
        return Relation.PERHAPS
    return Relation.SAME if one.name is not None and one.name == other.name else Relation.OTHER


def bare(value: str) -> str:
    """An id without the marks that people set between its digits."""
    return "".join(mark for mark in value.upper() if mark.isalnum())


def plain(name: str) -> str:
    """A name for comparison: case, curly apostrophes and spaces do not count, everything else does.

    >>> plain(" O\u2019Brien ") == plain("o'brien"), plain("Nu\u0303n\u0303ez") == plain("Nuñez")
    (True, True)
    """
    text = unicodedata.normalize("NFKC", name.translate(_PLAIN))
    return " ".join(text.casefold().split())
