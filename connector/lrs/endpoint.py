"""What a handful of answers says about an LRS. Pure: judges what was asked by `discover`, and guesses nothing.

Every judgement is None where the answers do not decide it, mostly because the LRS holds too few statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from connector.lrs.client import Page, Whither
from connector.lrs.statement import read
from connector.records import Frozen

Order = Literal["stored", "timestamp", "descending", "none"]
TimeField = Literal["stored", "timestamp"]
Filter = Literal["works", "ignored", "finds nothing"]
Compared = Literal["stored", "timestamp", "nothing"]
Edge = Literal["inclusive", "exclusive"]
Clock = Literal["absent", "now", "behind", "ahead"]
Until = Literal["inclusive", "exclusive", "honoured", "ignored"]

DISTINCT = 3
"""Times that must differ before an order is one: two fall into it by chance."""
APART = timedelta(seconds=1)
"""Rounding, zones and slow clocks explain no more than this."""
_FIELDS: tuple[TimeField, ...] = ("stored", "timestamp")
MILLISECOND = timedelta(milliseconds=1)


class Endpoint(Frozen):
    """What an LRS does as far as it was seen. None or empty: not known."""

    versions: tuple[str, ...] = ()
    answers_as: str = ""
    consistent_through: Clock | None = None
    behind: timedelta | None = None
    order: Order | None = None
    page_asked: int
    page_got: int | None = None  # known only where there was more to be had
    more: Whither | None = None
    more_works: bool | None = None
    verb_filter: Filter | None = None
    since_compares: Compared | None = None
    since_edge: Edge | None = None
    until: Until | None = None
    looked_at: int = 0
    own_times: int = 0  # statements whose timestamp is another than their stored
    late: int = 0  # of these, the ones that came after the asked-for while
    latest: timedelta | None = None  # the longest way from timestamp to stored


@dataclass(frozen=True, slots=True)
class Seen:
    """As much of a statement as a judgement needs: nothing of a person."""

    id: str
    stored: datetime
    timestamp: datetime
    verb: str
    refers: bool  # to another statement, whose filters it then passes too

    def at(self, field: TimeField) -> datetime:
        return self.stored if field == "stored" else self.timestamp


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and whether there was more."""

    seen: tuple[Seen, ...]
    is_whole: bool

    def holds(self, one: Seen) -> bool:
        return any(other.id == one.id for other in self.seen)

    def reaches(self, moment: datetime, field: TimeField) -> bool:
        """True when a statement of exactly that moment came: one POST may have given it to many."""
        return any(other.at(field) == moment for other in self.seen)

    def is_newer(self, moment: datetime, field: TimeField) -> bool:
        """True when something came that is newer, by more than rounding explains."""
        return any(other.at(field) > moment + MILLISECOND for other in self.seen)


def answer(page: Page) -> Answer:
    """The statements whose two times can be read; others say nothing here."""
    reads = ((read(raw, "").statement, b"StatementRef" in raw) for raw in page.statements)
    seen = (
        Seen(one.id, one.stored, one.timestamp, one.verb, refers)
        for one, refers in reads
        if one.stored and one.timestamp
    )
    return Answer(tuple(seen), is_whole=not page.more)


def clock(page: Page) -> tuple[Clock | None, timedelta | None]:
    """Consistent-Through beside the same answer's Date, which is cut to the second."""
    if page.consistent_through is None:
        return "absent", None
    if page.server_date is None:
        return None, None
    behind = page.server_date - page.consistent_through
    if abs(behind) <= 2 * APART:
        return "now", None
    return ("behind", behind) if behind > timedelta() else ("ahead", -behind)


def order(asked_ascending: Sequence[Seen], asked_descending: Sequence[Seen]) -> Order | None:
    """How answers are sorted: one read forwards and then the other backwards is one way through the whole.

    Statements of one POST, with one `stored`, do not tell.
    """
    way = {one.id: one for one in (*asked_ascending, *reversed(asked_descending))}.values()
    each = {field: [one.at(field) for one in way] for field in _FIELDS}
    if len(set(each["stored"])) < DISTINCT:
        return None
    telling = {field: moments for field, moments in each.items() if len(set(moments)) >= DISTINCT}
    for field, moments in telling.items():
        if all(one <= other for one, other in pairwise(moments)):
            return field
    if any(all(one >= other for one, other in pairwise(moments)) for moments in telling.values()):
        return "descending"
    return "none"


def witness(seen: Iterable[Seen]) -> Seen | None:
    """The newest statement whose two times lie far enough apart to tell which of them `since` looks at; else any."""
    return max(seen, key=lambda one: (one.stored - one.timestamp > 3 * APART, one.stored), default=None)


def compares(said: Answer, late: Seen, since: datetime) -> Compared | None:
    """What `since` looks at; `late` was stored after it and happened, if it can tell anything, before it."""
    too_early = {name: any(one.at(name) < since - APART for one in said.seen) for name in _FIELDS}
    if all(too_early.values()):
        return "nothing"
    if too_early["timestamp"]:
        return "stored"
    is_missed = said.is_whole and not said.holds(late) and late.timestamp < since - APART
    if too_early["stored"] or is_missed:
        return "timestamp"
    return None


def is_exact(one: Seen, field: TimeField) -> bool:
    """True when `since` can name its time: it is written in milliseconds."""
    return one.at(field).microsecond % 1000 == 0


def since_edge(said: Answer, one: Seen, field: TimeField) -> Edge | None:
    """Whether `since` set to exactly the time of `one` returns it."""
    if any(other.at(field) < one.at(field) - MILLISECOND for other in said.seen):
        return None  # it has no effect at all
    if said.reaches(one.at(field), field):
        return "inclusive"
    return "exclusive" if said.is_whole else None


def until(said: Answer, without: Answer, one: Seen, field: TimeField) -> Until | None:
    """What `until` set to the time of `one` did; `without` answers the same question without it."""
    moment = one.at(field)
    if not without.is_newer(moment, field):
        return None  # nothing that it could keep away
    if said.is_newer(moment, field):
        return "ignored"
    if is_exact(one, field) and said.reaches(moment, field):
        return "inclusive"
    return "exclusive" if is_exact(one, field) and said.is_whole else "honoured"


def verb_filter(said: Answer, verb: str, to_nonsense: Answer) -> Filter:
    """What `verb=` did: once with a verb that is there, once with one that nobody uses."""
    strangers = [one for one in said.seen if one.verb != verb and not one.refers]
    if strangers or any(not one.refers for one in to_nonsense.seen):
        return "ignored"
    return "works" if said.seen else "finds nothing"


@dataclass(frozen=True, slots=True)
class Times:
    """How the times of some statements lie."""

    looked_at: int
    own: int
    late: int
    latest: timedelta | None


def times(seen: Iterable[Seen], late_after: timedelta) -> Times:
    """Each statement counted once; late is what reached the LRS more than `late_after` after its own time."""
    each = list({one.id: one for one in seen}.values())
    own = [one.stored - one.timestamp for one in each if one.stored != one.timestamp]
    return Times(len(each), len(own), sum(way > late_after for way in own), max(own, default=None))
