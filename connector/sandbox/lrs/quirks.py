"""How products misread a question: each quirk is a switch and what it makes of a query. Pure; knows no statement.

A misreading is made when the question is asked and holds for its whole chain of pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connector.sandbox.faults import Switch
from connector.sandbox.lrs.rows import Query

MISREADINGS: dict[str, Callable[[Query, Switch], Query]] = {
    "since-inclusive": lambda query, _: replace(query, since_inclusive=True),
    "until-exclusive": lambda query, _: replace(query, until_exclusive=True),
    "since-by-timestamp": lambda query, _: replace(query, window="timestamp"),
    "order-by-timestamp": lambda query, _: replace(query, order="timestamp"),
    "ignore-until": lambda query, _: replace(query, until=None),
    "ignore-verb": lambda query, _: replace(query, filter=replace(query.filter, verb=None)),
    "deaf-verb": lambda query, _: replace(query, filter=replace(query.filter, verb=query.filter.verb and "")),
    "ignore-ascending": lambda query, _: replace(query, ascending=False),
    "ascending-per-page": lambda query, _: replace(query, ascending=True, turned=query.ascending),
    "page-cap": lambda query, switch: replace(query, limit=min(query.limit or switch.count, switch.count)),
    "eager-more": lambda query, _: replace(query, eager=True),
    "frozen-more": lambda query, _: replace(query, frozen=True),
    "no-voiding": lambda query, _: replace(query, shows_voided=True),
}


def understood(query: Query, take: Callable[[str], Switch | None]) -> Query:
    """The query as the product takes it; `take` gives the switch of that name if it fires."""
    for name, misread in MISREADINGS.items():
        if switch := take(name):
            query = misread(query, switch)
    return query
