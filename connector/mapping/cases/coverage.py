"""Which rules and conditions the cases of a folder have tried. Runs no case and knows no credit.

A condition is tried when some passing case shows that it holds and another that it fails, each time as the one that
decides: with the other answer of this condition alone, the rule would have judged the statement the other way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector.mapping.cases.files import places
from connector.mapping.cases.run import Tried
from connector.mapping.language.conditions import Condition
from connector.mapping.language.rules import Rule
from connector.mapping.loader import Ruleset
from connector.yamlfile import Document, Loc

Located = Sequence[tuple[Loc, Condition]]
"""Conditions that must all hold, each with its place in the file."""


@dataclass
class Spot:
    """A rule, or one line of its conditions, and what the cases have shown of it. A rule cannot fail: only `held`."""

    file: str
    line: int
    column: int
    rule: str
    condition: str = ""
    held: bool = False
    failed: bool = False

    @property
    def covered(self) -> bool:
        return self.held and (self.failed or not self.condition)

    @property
    def missing(self) -> str:
        if self.covered:
            return ""
        if not self.condition:
            return "no passing test completes it"
        if self.held:
            return "no test fails by it alone"
        return "no test passes by it" if self.failed else "no test decides by it"

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Coverage:
    """What was tried of all rules and all of their conditions."""

    rules: tuple[Spot, ...]
    conditions: tuple[Spot, ...]

    @property
    def open(self) -> list[Spot]:
        """What is not covered, in the order of the files."""
        return sorted(
            (one for one in (*self.rules, *self.conditions) if not one.covered),
            key=lambda one: (one.file, one.line, one.column),
        )

    @property
    def percent(self) -> int:
        """The smaller of the two shares, rounded down; 100 only where all is covered."""
        return min(_percent(self.rules), _percent(self.conditions))

    def __str__(self) -> str:
        rules, conditions = (sum(one.covered for one in spots) for spots in (self.rules, self.conditions))
        return f"rules {rules} of {len(self.rules)}, conditions {conditions} of {len(self.conditions)} both ways"


def _percent(spots: Sequence[Spot]) -> int:
    return 100 * sum(one.covered for one in spots) // len(spots) if spots else 100


@dataclass
class _Board:
    """The spots by rule, or by file and place: the rules of one file share those of its defaults."""

    rules: dict[str, Spot] = field(default_factory=dict)
    conditions: dict[tuple[str, Loc], Spot] = field(default_factory=dict)
    lists: dict[str, tuple[str, list[Located]]] = field(default_factory=dict)

    def add(self, document: Document, place: int, rule: Rule) -> None:
        at: Loc = ("rules", place)
        self.rules[rule.name] = Spot(document.name, *document.where(at), rule.name)
        located = list(_lists(document, place, rule))
        self.lists[rule.name] = document.name, located
        for loc, condition in (one for conditions in located for one in _leaves(conditions)):
            name = rule.name if loc[:2] == at else ""
            spot = Spot(document.name, *document.where(loc), name, str(condition))
            self.conditions.setdefault((document.name, loc), spot)

    def note(self, rule: str, statement: Any) -> None:
        file, located = self.lists[rule]
        for loc, holds in (seen for conditions in located for seen in _deciding(conditions, statement)):
            spot = self.conditions[file, loc]
            spot.held, spot.failed = spot.held or holds, spot.failed or not holds


def coverage(ruleset: Ruleset, documents: Mapping[str, Document], tried: Iterable[Tried]) -> Coverage:
    """What the cases that passed have shown; one that failed shows nothing."""
    board = _Board()
    for active, place in places(ruleset):
        board.add(documents[active.file], place, active.rule)
    for one in tried:
        if one.result.passed:
            for rule in [one.result.rule] if one.result.rule else board.lists:
                for statement in one.statements:
                    board.note(rule, statement)
            if one.completes:
                board.rules[one.completes].held = True
    return Coverage(tuple(board.rules.values()), tuple(board.conditions.values()))


def _lists(document: Document, place: int, rule: Rule) -> Iterator[Located]:
    """Each list of conditions; what the file's defaults say stands there, not in the rule."""
    raw: dict[str, Any] = document.value["rules"][place]
    at: Loc = ("rules", place)
    common = len(rule.when) - len(raw["when"])
    own = _located((*at, "when"), rule.when[common:])
    yield [*_located(("defaults", "when"), rule.when[:common]), *own]
    for number, one in enumerate(rule.also_requires):
        yield _located((*at, "also_requires", number, "when"), one.when)
    yield _located((*(at if "undone_by" in raw else ("defaults",)), "undone_by"), rule.undone_by)


def _located(loc: Loc, conditions: Sequence[Condition]) -> list[tuple[Loc, Condition]]:
    return [((*loc, number), condition) for number, condition in enumerate(conditions)]


def _parts(loc: Loc, condition: Condition) -> Located:
    return _located((*loc, condition.test), condition.parts)


def _leaves(located: Located) -> Iterator[tuple[Loc, Condition]]:
    for loc, condition in located:
        if condition.parts:
            yield from _leaves(_parts(loc, condition))
        else:
            yield loc, condition


def _deciding(located: Located, statement: Any, *, enough: bool = False) -> Iterator[tuple[Loc, bool]]:
    """The conditions whose answer decides alone, with it: of a list where all must hold, or where one is `enough`."""
    answers = []
    for loc, condition in located:
        answers.append((loc, condition, condition.holds(statement)))
        if sum(holds is enough for _, _, holds in answers) > 1:
            return
    settled = [loc for loc, _, holds in answers if holds is enough]
    for loc, condition, holds in answers:
        if settled in ([], [loc]):
            if condition.parts:
                yield from _deciding(_parts(loc, condition), statement, enough=condition.test == "any")
            else:
                yield loc, holds
