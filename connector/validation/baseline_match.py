"""Which awards a baseline's rows report: equal and unambiguous, or listed for a person. Pure; guesses nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connector.pars.identity import Person, Relation, bare, relation


class How(StrEnum):
    """How a row and an award fit."""

    DATE = "equal date"
    OTHER_DATE = "another date"  # an award that has no date in its key
    POSSIBLE = "the id differs by zeros in front"
    TWO_AWARDS = "one row, two awards"
    TWO_PEOPLE = "one award, rows of two people"


SURE = (How.DATE, How.OTHER_DATE)


@dataclass(frozen=True)
class Row:
    """A report that PARS has; `key` is the number of its row."""

    key: int
    origin: str
    completed_on: date
    person: Person


@dataclass(frozen=True)
class Earned:
    """An award that earns the same certification; `per` is empty where one learner earns it once."""

    key: int
    completed_on: date
    per: str
    person: Person


@dataclass(frozen=True)
class Match:
    """A row and an award that have to do with each other."""

    row: Row
    award: Earned
    how: How


def match(rows: Sequence[Row], awards: Sequence[Earned]) -> list[Match]:
    """At most one sure match for each award; `rows` and `awards` are of one provider, activity and certification."""
    near = _Index(awards)
    fitting: dict[int, list[Match]] = defaultdict(list)
    unsure: list[Match] = []
    for row in rows:
        found = list(_of_row(row, near))
        if len(found) > 1:
            unsure += [Match(row, one.award, How.TWO_AWARDS) for one in found]
        elif found and found[0].how in SURE:
            fitting[found[0].award.key].append(found[0])
        else:
            unsure += found
    for found in fitting.values():
        first = min(found, key=lambda one: one.how is not How.DATE)
        if all(relation(first.row.person, one.row.person) is not Relation.OTHER for one in found):
            unsure.append(first)
        else:
            unsure += [Match(one.row, one.award, How.TWO_PEOPLE) for one in found]
    return unsure


def _of_row(row: Row, near: _Index) -> Iterator[Match]:
    """The awards that the row may report: of its date, or else, where the date is no part of the award, of any."""
    met = [(award, relation(row.person, award.person)) for award in near.of(row.person)]
    for wanted in (Relation.SAME, Relation.PERHAPS):
        mine = [award for award, found in met if found is wanted]
        dated = [award for award in mine if award.completed_on == row.completed_on]
        fits = dated or [award for award in mine if not award.per]
        if fits:
            how = How.POSSIBLE if wanted is Relation.PERHAPS else How.DATE if dated else How.OTHER_DATE
            yield from (Match(row, award, how) for award in fits)
            return


class _Index:
    """Awards by what may identify their learner: thousands of rows meet thousands of awards."""

    def __init__(self, awards: Iterable[Earned]) -> None:
        self._by: dict[object, dict[int, Earned]] = defaultdict(dict)
        for award in awards:
            for key in keys(award.person):
                self._by[key][award.key] = award

    def of(self, person: Person) -> list[Earned]:
        found: dict[int, Earned] = {}
        for key in keys(person):
            found |= self._by.get(key, {})
        return [found[key] for key in sorted(found)]


def keys(person: Person) -> Iterator[object]:
    """Two people who are or may be the same have one of these in common."""
    for domain, value in person.ids.items():
        yield domain, bare(value).lstrip("0")
    if person.name is not None:
        yield person.name
