"""Which awards a baseline's rows report: equal and unambiguous, or listed for a person. Pure; guesses nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from connector.pars.identity import Person, Relation, relation, signs


class How(StrEnum):
    """How a row and an award fit."""

    DATE = "equal date"
    OTHER_DATE = "another date"  # an award that has no date in its key
    NEXT_DAY = "a date one day off"  # what one zone's midnight does
    POSSIBLE = "perhaps the same person"
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
    return chosen(fits(rows, awards))


def fits(rows: Sequence[Row], awards: Sequence[Earned]) -> list[list[Match]]:
    """For each row the awards that it may report."""
    near = _Index(awards)
    return [list(_of_row(row, near)) for row in rows]


def chosen(fitting: Sequence[list[Match]]) -> list[Match]:
    """Of what fits, what can be decided; the rest with the reason why not."""
    sure: dict[int, list[Match]] = defaultdict(list)
    unsure: list[Match] = []
    for found in fitting:
        if len(found) > 1:
            unsure += [Match(one.row, one.award, How.TWO_AWARDS) for one in found]
        elif is_sure(found):
            sure[found[0].award.key].append(found[0])
        else:
            unsure += found
    for found in sure.values():
        first = min(found, key=lambda one: one.how is not How.DATE)
        if all(relation(first.row.person, one.row.person) is not Relation.OTHER for one in found):
            unsure.append(first)
        else:
            unsure += [Match(one.row, one.award, How.TWO_PEOPLE) for one in found]
    return unsure


def is_sure(found: Sequence[Match]) -> bool:
    """Does the row of these matches report exactly one award?"""
    return len(found) == 1 and found[0].how in SURE


def _of_row(row: Row, near: _Index) -> Iterator[Match]:
    """The awards that the row may report: of its date, or else, where the date is no part of the award, of any."""
    met = [(award, relation(row.person, award.person)) for award in near.of(row.person)]
    for wanted in (Relation.SAME, Relation.PERHAPS):
        mine = [award for award, found in met if found is wanted]
        if found := _by_date(row, mine):
            for how, award in found:
                yield Match(row, award, how if wanted is Relation.SAME else How.POSSIBLE)
            return


def _by_date(row: Row, awards: Sequence[Earned]) -> list[tuple[How, Earned]]:
    """The awards of the nearest kind of date."""
    dated = [(How.DATE, award) for award in awards if award.completed_on == row.completed_on]
    undated = [(How.OTHER_DATE, award) for award in awards if not award.per]
    beside = [(How.NEXT_DAY, one) for one in awards if abs(one.completed_on - row.completed_on) <= timedelta(days=1)]
    return dated or undated or beside


class _Index:
    """Awards by what may identify their learner: thousands of rows meet thousands of awards."""

    def __init__(self, awards: Iterable[Earned]) -> None:
        self._by: dict[str, dict[int, Earned]] = defaultdict(dict)
        for award in awards:
            for sign in signs(award.person):
                self._by[sign][award.key] = award

    def of(self, person: Person) -> list[Earned]:
        found: dict[int, Earned] = {}
        for sign in signs(person):
            found |= self._by.get(sign, {})
        return [found[key] for key in sorted(found)]
