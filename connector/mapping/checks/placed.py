"""A rule where it stands: what the checks ask of it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from connector.findings import Finding
from connector.mapping.catalogue import Entry
from connector.mapping.checks.never import Clash, Line, clash
from connector.mapping.language.conditions import CONDITIONS, OBJECT_ID, VERB_ID, Condition, pinned
from connector.mapping.language.offers import Credit
from connector.mapping.language.rules import MappingFile, Rule
from connector.yamlfile import Document, Loc

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, eq=False)
class Placed:
    """A complete rule, its place in its file, the provider that it reports for, and the rows of its catalogue."""

    document: Document
    file: MappingFile
    place: int
    provider: str
    rows: Mapping[str, Entry]

    @property
    def rule(self) -> Rule:
        return self.file.rules[self.place]

    @property
    def loc(self) -> Loc:
        return ("rules", self.place)

    def at(self, *keys: str | int) -> Loc:
        """Where this stands: in the rule, else in the defaults of its file."""
        common: Loc = ("defaults", *keys)
        in_rule = (*self.loc, keys[0]) in self.document.values
        return common if not in_rule and common[:2] in self.document.values else (*self.loc, *keys)

    def finding(
        self, code: str, loc: Loc, message: str, hint: str = "", level: Level = "error",
        *, key: bool = False,
    ) -> Finding:  # fmt: skip
        return self.document.finding(code, self.document.where(loc, key=key), message, hint, level)

    @cached_property
    def when(self) -> list[Line]:
        """The conditions of the defaults, then the rule's own."""
        common = len(self.file.defaults.when)
        places: list[Loc] = [("defaults", "when", at) for at in range(common)]
        places += [(*self.loc, "when", at) for at in range(len(self.rule.when) - common)]
        return list(zip(places, self.rule.when, strict=True))

    @cached_property
    def clash(self) -> Clash | None:
        """Why it can never match, if it cannot."""
        return clash(self.when)

    @cached_property
    def _pinned(self) -> tuple[frozenset[str | None], frozenset[str | None]]:
        return pinned(self.rule.when)

    @cached_property
    def verbs(self) -> frozenset[str] | None:
        """The only verbs that the rule takes; None when it does not say."""
        return _texts(self.rule.when, VERB_ID, self._pinned[0])

    @cached_property
    def objects(self) -> frozenset[str] | None:
        """The only objects that the rule takes, those of its catalogue's finished rows; None when it does not say."""
        named = self._pinned[1]
        if self.rule.catalogue and self.rule.catalogue.key.steps == OBJECT_ID:
            keys = frozenset(key for key, entry in self.rows.items() if entry.activity)
            named = keys if None in named else keys & named
        return _texts(self.rule.when, OBJECT_ID, named)

    def offers(self) -> Iterator[tuple[str, tuple[Credit, ...]]]:
        """Each activity that the rule can report, with what it earns there."""
        if self.rule.catalogue is None:
            yield self.rule.activity, self.rule.credits
        for entry in self.rows.values():
            if entry.activity:
                yield entry.activity, entry.credits


def _texts(when: tuple[Condition, ...], steps: tuple[str, str], named: frozenset[str | None]) -> frozenset[str] | None:
    if None in named:
        return None
    return possible(when, steps, {text for text in named if text is not None})


def possible(when: Iterable[Condition], steps: tuple[str, str], texts: AbstractSet[str]) -> frozenset[str]:
    """Those of the texts with which these conditions can hold, where `steps` is the text. Certain for what asks of
    nothing else. All texts at once: thousands of them may stand beside thousands of lines."""
    for condition in when:
        texts = _possible(condition, steps, texts)
    return frozenset(texts)


def _possible(condition: Condition, steps: tuple[str, str], texts: AbstractSet[str]) -> AbstractSet[str]:
    if condition.all_:
        return possible(condition.all_, steps, texts)
    if condition.any_:
        return _possible_of_any(condition.any_, steps, texts)
    if condition.query.steps != steps:
        return texts
    if condition.test in ("is", "one_of"):
        return condition.wanted & texts
    return {text for text in texts if CONDITIONS[condition.test](condition, text)}


def _possible_of_any(parts: Sequence[Condition], steps: tuple[str, str], texts: AbstractSet[str]) -> AbstractSet[str]:
    """Each line is asked only about what no line before it takes."""
    left = set(texts)
    starts = tuple(one.starts_with for one in parts if one.starts_with and one.query.steps == steps)
    left -= {text for text in left if text.startswith(starts)} if starts else frozenset()
    for part in parts:
        if left and not (part.starts_with and part.query.steps == steps):
            left -= _possible(part, steps, left)
    return texts - left


def leaves(condition: Condition) -> Iterator[Condition]:
    """The lines with a path, at any depth."""
    if not condition.parts:
        yield condition
    for part in condition.parts:
        yield from leaves(part)
