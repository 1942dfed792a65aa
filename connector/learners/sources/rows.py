"""From rows that a database or an endpoint answers with to learners, by the columns of a learner sheet. Asks nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connector.learners.sources.fields import lack, lacking, learner
from connector.learners.sources.sheet import COLUMNS, row_keys
from connector.lrs.actors import NotUsableError
from connector.records import Actor, ActorKey, Found, Problem

Cells = Mapping[str, str]
WHO = Actor.ADMINISTRATOR
_EXACT = 2**53
"""Above it a float of a whole number may be another number than was meant."""


def cells(values: Mapping[str, Any], home_page: str) -> dict[str, str]:
    """Text under every column; accounts are at `home_page` where the row does not say it."""
    texts = {column: text(values.get(column)) for column in COLUMNS}
    return texts | {"home_page": texts["home_page"] or home_page}


def text(value: Any) -> str:
    """As a sheet would hold it; what is neither text, number, date nor a yes or no is no value.

    >>> [text(value) for value in (Decimal("1234567893.00"), 7.0, True, date(1980, 2, 29), None, [1])]
    ['1234567893', '7', 'yes', '1980-02-29', '', '']
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return str(int(value)) if whole else str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, int):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else ""


def account_name(key: ActorKey, home_page: str) -> str | None:
    """The name of an account at this home page, at any where none is said; None for every other actor."""
    kind, _, value = key.partition(":")
    name = value.rpartition("|")[2]
    if kind != "account" or not home_page:
        return name if kind == "account" else None
    return value.removeprefix(f"{home_page}|") if value.startswith(f"{home_page}|") else None


def keys_of(row: Cells) -> list[ActorKey]:
    """Every key that the row names; none where one of them is no identifier."""
    try:
        return row_keys(row)
    except NotUsableError:
        return []


def answered(
    ask: Callable[[set[ActorKey]], Sequence[Cells]],
    keys: Collection[ActorKey],
    speaks_for: Callable[[Collection[ActorKey]], set[ActorKey]],
    origin: str,
) -> dict[ActorKey, Found]:
    """What a source says that is asked for many at once.

    It is asked a second time, by the other keys of those it found: a mailbox that somebody else has too is nobody's.
    """
    asked = speaks_for(keys)
    if not asked:
        return {}
    rows = [row for row in ask(asked) if not asked.isdisjoint(keys_of(row))]  # or it answers with everybody it has
    others = speaks_for({key for row in rows for key in keys_of(row)}) - asked
    if others:
        rows += ask(others)
    return index(rows, origin, asked | others, speaks_for)


def index(
    rows: Iterable[Cells],
    origin: str,
    asked: Collection[ActorKey],
    speaks_for: Callable[[Collection[ActorKey]], set[ActorKey]],
) -> dict[ActorKey, Found]:
    """The answers to the keys that were asked: a key of several rows answers for none of them.

    The same row twice is one, as a join makes it. A mailbox is his only where the source was asked by it: two people
    may share it. An account is somebody's own.
    """
    distinct = list({tuple(sorted(row.items())): row for row in rows}.values())
    theirs = [keys_of(row) for row in distinct]
    uses = Counter(key for mine in theirs for key in mine)
    found: dict[ActorKey, Found] = {}
    for row, mine in zip(distinct, theirs, strict=True):
        mailbox_is_proven = any(_is_mail(key) and key in asked and uses[key] == 1 for key in mine)
        own = tuple(
            key
            for key in mine
            if uses[key] == 1 and (mailbox_is_proven if _is_mail(key) else key in asked or not speaks_for([key]))
        )
        answer = Found(learner=learner(row, origin), keys=own)
        found.update({key: answer for key in own if key in asked})
    return found


def _is_mail(key: ActorKey) -> bool:
    return key.startswith(("mbox:", "mbox_sha1sum:"))


def proven(mine: Iterable[Cells], columns: Iterable[str], origin: str, why: str) -> list[Problem]:
    """What one learner's answer lacks of these columns; `mine` are the rows with his key, which should be one."""
    distinct = {tuple(sorted(row.items())): row for row in mine}
    if len(distinct) > 1:
        hint = "one row a person: several licences or boards stand in one row, with `;` between them"
        return [lack("", f"{origin} has several rows of this actor, and so it answers for none", hint, WHO)]
    for row in distinct.values():
        missing = lacking(learner(row, origin), columns)
        return [lack(column, f"{origin} says nothing under {column} of this learner", why, WHO) for column in missing]
    return [lack("", f"{origin} does not know this actor", "is the key in `learners.known` spelled right?", WHO)]
