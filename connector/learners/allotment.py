"""Shares out repeated credit: never above the activity's maximum, one sum a date where a board takes no more. Pure.

Knows no state and no table. What was sent is given as such, uses up the maximum first, and is never changed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

NONE = Decimal("0.00")
UNLIMITED = Decimal("Infinity")

Order = tuple[date, str, str, int]
"""Completion date, then what the statement says, then the award: nothing of it depends on when a statement came."""


@dataclass(frozen=True)
class Part:
    """One credit of one learner in one activity."""

    number: int
    award: int
    certification: str
    order: Order
    offered: Decimal  # what its own completion earns
    offered_total: Decimal  # of the board, all its credit types together; else as `offered`
    purse: str = ""  # what one maximum is counted for: a board, or a certification without one
    sum_on: date | None = None  # the board takes one credit a date: this date
    sent: Decimal | None = None  # PARS holds it, or may, with this amount
    sent_total: Decimal = NONE
    going: bool = False  # sent, and no longer wanted
    replaces: bool = False  # unsent, and it follows a sent one that makes room for it
    into: int | None = None  # the credit that carries it until now


@dataclass(frozen=True)
class Share:
    """What an unsent credit reports: nothing where the maximum is used up, or where another one carries it."""

    amount: Decimal
    total: Decimal
    into: int | None = None
    instead_of: int | None = None  # a sent sum that goes: this one may leave only when that is withdrawn


@dataclass
class _Sum:
    """One unsent credit with those that it carries."""

    carrier: Part
    members: list[Part]
    instead_of: int | None = None


def allot(parts: Sequence[Part], most: Decimal | None) -> dict[int, Share]:
    """The share of every unsent credit, by number; `most` None: the activity's maximum is not known.

    What is to be withdrawn takes no room: a credit cut for its sake would be sent cut, and never mended.
    """
    sent = {part.number: part for part in parts if part.sent is not None}
    shares = {part.number: Share(NONE, NONE, into=part.into) for part in parts if _is_reported(part, sent)}
    sums = list(_sums([part for part in parts if part.number not in sent.keys() | shares.keys()], sent.values()))
    for one in sums:
        shares |= {member.number: Share(NONE, NONE, into=one.carrier.number) for member in one.members}
    limit = UNLIMITED if most is None else most
    for purse in {one.carrier.purse for one in sums}:
        held = [part for part in sent.values() if part.purse == purse and not part.going]
        shares |= _within(limit, [one for one in sums if one.carrier.purse == purse], held)
    return shares


def shrunk(parts: Sequence[Part]) -> list[int]:
    """Sent sums that say more than what still stands of them: withdrawn and reported anew."""
    carried = defaultdict[int | None, Decimal](Decimal)
    for part in parts:
        carried[part.into] += part.offered
    standing = [part for part in parts if part.sent is not None and not part.going]
    return [one.number for one in standing if (one.sent or NONE) > one.offered + carried[one.number]]


def surplus(parts: Iterable[Part], most: Decimal | None) -> list[int]:
    """Sent ones that would not have been sent beside the older ones: above the maximum, or a second one of a date."""
    found, dates = [], set[tuple[date, str]]()
    used = defaultdict[str, dict[int, Decimal]](dict)
    for part in sorted(parts, key=lambda part: part.number):
        if part.sent is None or part.going:
            continue
        purse = used[part.purse]
        total = sum(purse.values(), NONE) + part.sent_total - purse.get(part.award, NONE)
        twice = part.sum_on is not None and (part.sum_on, part.certification) in dates
        if twice or (most is not None and total > most and total > sum(purse.values(), NONE)):
            found.append(part.number)
            continue
        purse[part.award] = max(part.sent_total, purse.get(part.award, NONE))
        if part.sum_on is not None:
            dates.add((part.sum_on, part.certification))
    return found


def _is_reported(part: Part, sent: Mapping[int, Part]) -> bool:
    """Was it sent, as a part of a sum that stands?"""
    carrier = sent.get(part.into) if part.into is not None else None
    return part.sent is None and carrier is not None and not carrier.going


def _sums(free: Sequence[Part], sent: Iterable[Part]) -> Iterator[_Sum]:
    """Those of one date in one sum; each alone beside one that was sent, for a person decides there."""
    taken = {(part.sum_on, part.certification) for part in sent if not part.going}
    leaving = {part.number for part in sent if part.going}
    dated = defaultdict[tuple[date, str], list[Part]](list)
    for part in free:
        if part.sum_on is None or (part.sum_on, part.certification) in taken:
            yield _Sum(part, [part])
        else:
            dated[part.sum_on, part.certification].append(part)
    for members in dated.values():
        carrier = min(members, key=lambda part: (not part.replaces, part.order))
        goes = next((part.into for part in members if part.into in leaving), None)
        yield _Sum(carrier, members, goes)


def _within(most: Decimal, sums: Sequence[_Sum], sent: Sequence[Part]) -> dict[int, Share]:
    """One purse: the credit types of one award share its total, awards take what is left in their order."""
    used = defaultdict[int, Decimal](Decimal)
    for part in sent:
        used[part.award] = max(used[part.award], part.sent_total)
    left = max(NONE, most - sum(used.values(), NONE))
    by_award = defaultdict[int, list[_Sum]](list)
    for one in sums:
        by_award[one.carrier.award].append(one)
    shares = {}
    for award in sorted(by_award, key=lambda award: min(one.carrier.order for one in by_award[award])):
        mine = by_award[award]
        wanted = _total([*(member for one in mine for member in one.members), *(p for p in sent if p.award == award)])
        total = used[award] + min(left, max(NONE, wanted - used[award]))
        left -= total - used[award]
        for one in mine:
            offered = sum((member.offered for member in one.members), NONE)
            shares[one.carrier.number] = Share(min(offered, total), min(wanted, total), instead_of=one.instead_of)
    return shares


def _total(parts: Iterable[Part]) -> Decimal:
    """Of one board: of each award its total, or its parts where they are less (another credit carries the rest)."""
    earned, totals = defaultdict[int, Decimal](Decimal), dict[int, Decimal]()
    for part in parts:
        earned[part.award] += part.offered
        totals[part.award] = part.offered_total
    return sum((min(total, earned[award]) for award, total in totals.items()), NONE)
