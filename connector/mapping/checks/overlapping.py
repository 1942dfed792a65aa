"""What lint says of two rules that take one statement, of which neither then counts. Knows no activity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from connector.findings import Finding
from connector.mapping.checks.implied import Certain, certain, implied
from connector.mapping.checks.never import clash
from connector.mapping.checks.placed import Level, Placed, leaves, possible
from connector.mapping.checks.rivals import Narrowed, Rivals, Values, narrowed
from connector.mapping.language.conditions import OBJECT_ID, VERB_ID, Condition

MOST_LINES = 200_000
"""Lines of conditions that are laid beside one another, of rules that share a value, and as many again of others."""

Decided = tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class _Taker:
    """A rule as the search for rivals sees it: each thing is worked out once, for thousands of pairs."""

    placed: Placed

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """By their text in one spelling."""
        when = self.placed.rule.when
        return {one.model_dump_json(by_alias=True, exclude_defaults=True): one for one in when}

    @cached_property
    def certain(self) -> Certain:
        return certain(self.placed.rule.when)

    @cached_property
    def lines(self) -> int:
        return sum(1 for condition in self.placed.rule.when for _ in leaves(condition))

    @cached_property
    def by_path(self) -> dict[str, tuple[str | int, ...] | None]:
        """Of each condition the one path that decides it; None where there are several."""
        steps = {text: {leaf.query.steps for leaf in leaves(one)} for text, one in self.conditions.items()}
        return {text: next(iter(found)) if len(found) == 1 else None for text, found in steps.items()}

    @cached_property
    def rest(self) -> dict[Decided, tuple[str, ...]]:
        """The conditions that are still open when the verb, the object, both or neither are known."""
        known: list[Decided] = [(), (VERB_ID,), (OBJECT_ID,), (VERB_ID, OBJECT_ID)]
        return {one: tuple(text for text, steps in self.by_path.items() if steps not in one) for one in known}

    @property
    def is_general(self) -> bool:
        """Does it name no object?"""
        return self.placed.objects is None

    @property
    def narrowed(self) -> Narrowed:
        """What it takes of each path, where it says so."""
        found = narrowed(self.placed.rule.when)
        named = {VERB_ID: self.placed.verbs, OBJECT_ID: self.placed.objects}
        return found | {key: Values(exact=set(texts)) for key, texts in named.items() if texts is not None}


def check_overlaps(rules: Sequence[Placed]) -> Iterator[Finding]:
    """Rules of one provider and priority that take one statement: an error when every statement of one (with a verb
    and an object that both take) surely fulfils the other; a warning when they differ in what else they ask, and
    either names the object, or both name the verb."""
    groups: dict[tuple[str, int], list[_Taker]] = {}
    for placed in rules:
        if not placed.clash:
            groups.setdefault((placed.provider, placed.rule.priority), []).append(_Taker(placed))
    for takers in groups.values():
        yield from _overlaps(takers)


def _overlaps(takers: Sequence[_Taker]) -> Iterator[Finding]:
    rivals = Rivals([taker.narrowed for taker in takers])
    near, open_ = _Budget(), _Budget()
    for place, taker in enumerate(takers):
        sharing, others = rivals.of(place)
        yield from _worst(taker, chain(near.allows(taker, takers, sharing), open_.allows(taker, takers, others)))
    if first := near.first or open_.first:
        message = "there are too many rules that may take one statement: from this one on not all were compared"
        hint = "name the object in each rule, or give one rule a `catalogue`"
        yield first.placed.finding("mapping.not_compared", (*first.placed.loc, "name"), message, hint, "info")


@dataclass
class _Budget:
    """How much may still be compared; `first` is the rule with which it ended."""

    left: int = field(default_factory=lambda: MOST_LINES)
    first: _Taker | None = None

    def allows(self, one: _Taker, takers: Sequence[_Taker], places: Iterable[int]) -> Iterator[_Taker]:
        """Those of the others that may still be compared with it."""
        for at in () if self.first else places:
            self.left -= one.lines + takers[at].lines
            if self.left < 0:
                self.first = one
                return
            yield takers[at]


def _worst(taker: _Taker, rivals: Iterable[_Taker]) -> Iterator[Finding]:
    doubt: _Taker | None = None
    for other in rivals:
        level = _level(taker, other)
        if level == "error":
            yield _overlap(taker, other, "error")
            return
        doubt = doubt or (other if level else None)
    if doubt:
        yield _overlap(taker, doubt, "warning")


def _overlap(taker: _Taker, other: _Taker, level: Level) -> Finding:
    word = "match" if level == "error" else "can match"
    first, second = other.placed.rule.name, taker.placed.rule.name
    message = f"the rules `{first}` and `{second}` both {word} one statement, with the same priority"
    hint = "delete one, or give one of them the higher `priority`"
    return taker.placed.finding("mapping.overlap", (*taker.placed.loc, "name"), message, hint, level)


def _level(one: _Taker, other: _Taker) -> Level | None:
    verbs = _shared(one, other, VERB_ID)
    objects = _shared(one, other, OBJECT_ID)
    if verbs == frozenset() or objects == frozenset():
        return None
    decided: Decided = (*((VERB_ID,) if verbs is not None else ()), *((OBJECT_ID,) if objects is not None else ()))
    if _includes(one, other, decided) or _includes(other, one, decided):
        return "error"
    if objects is None and (one.placed.verbs is None or other.placed.verbs is None):
        return None
    return None if clash([*one.placed.when, *other.placed.when]) else "warning"


def _shared(one: _Taker, other: _Taker, steps: tuple[str, str]) -> frozenset[str] | None:
    """The texts that both take; None where neither names any."""
    mine, theirs = ((taker.placed.verbs if steps == VERB_ID else taker.placed.objects) for taker in (one, other))
    if mine is not None and theirs is not None:
        return mine & theirs
    if mine is not None:
        return possible(other.placed.rule.when, steps, mine)
    return None if theirs is None else possible(one.placed.rule.when, steps, theirs)


def _includes(wide: _Taker, narrow: _Taker, decided: Decided) -> bool:
    """Does every statement of `narrow`, with a verb and object that both take, fulfil `wide`?"""
    if (narrow.is_general and not wide.is_general) or _has_other_rows(wide):
        return False
    return all(
        text in narrow.conditions or implied(wide.conditions[text], narrow.certain) for text in wide.rest[decided]
    )


def _has_other_rows(taker: _Taker) -> bool:
    """A catalogue whose key is no object: which statements it has a row for, nobody can tell."""
    catalogue = taker.placed.rule.catalogue
    return catalogue is not None and catalogue.key.steps != OBJECT_ID
