"""What lint says of rules beside one another: the same name, the same statement, the same activity in two ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Final, Literal

from connector.findings import Finding
from connector.mapping.checks.never import clash
from connector.mapping.checks.placed import Placed, could, leaves
from connector.mapping.language.conditions import CONDITIONS, OBJECT_ID, VERB_ID, Condition
from connector.mapping.language.offers import CmeCredit

_ALL: Final = "every rule"
Decided = tuple[tuple[str, str], ...]
Level = Literal["error", "warning"]


def check_names(rules: Sequence[Placed]) -> Iterator[Finding]:
    """A rule's name stands in records and reports: it is given once in the whole folder."""
    first: dict[str, str] = {}
    for placed in rules:
        name, loc = placed.rule.name, (*placed.loc, "name")
        where = f"{placed.document.name}:{placed.document.where(loc)[0]}"
        if first.setdefault(name, where) != where:
            message = f"the name `{name}` is already used at {first[name]}"
            yield placed.finding("mapping.duplicate_rule", loc, message, "rename one of them")


def check_per(rules: Sequence[Placed]) -> Iterator[Finding]:
    """Rules of one activity must agree what is earned once: else a learner earns it by each of them."""
    first: dict[tuple[str, str], Placed] = {}
    for placed in rules:
        activities = dict.fromkeys(activity for activity, _ in placed.offers())
        others = [first.setdefault((placed.provider, activity), placed) for activity in activities]
        other = next((one for one in others if one.rule.per != placed.rule.per), None)
        if other:
            message = (
                f"the rules `{other.rule.name}` (per: {other.rule.per}) and `{placed.rule.name}` "
                f"(per: {placed.rule.per}) report one activity: a learner would earn its credit by each of them"
            )
            yield placed.finding("mapping.per_differs", placed.at("per"), message, "write the same `per` in both")


def check_apart(rules: Sequence[Placed]) -> Iterator[Finding]:
    """PARS derives CME from MOC by itself: points that leave after the CME credit may be counted twice."""
    first: dict[tuple[str, str, bool], Placed] = {}
    for placed in rules:
        for activity, offered in placed.offers():
            kinds = {isinstance(credit, CmeCredit) for credit in offered}
            if len(kinds) != 1:
                continue
            (is_cme,) = kinds
            first.setdefault((placed.provider, activity, is_cme), placed)
            other = first.get((placed.provider, activity, not is_cme))
            if other:
                yield _apart(placed, other, activity)
                break


def _apart(placed: Placed, other: Placed, activity: str) -> Finding:
    rows = f"two rows of the catalogue of `{placed.rule.name}`"
    rules = f"the rules `{other.rule.name}` and `{placed.rule.name}`"
    message = f"{rows if other is placed else rules} give CME and MOC of the activity {activity} apart"
    hint = "write both in one: they then leave in one record, and PARS does not count the CME twice"
    return placed.finding("mapping.credits_apart", (*placed.loc, "name"), message, hint, "warning")


# --- two rules, one statement ---------------------------------------------------------------------------------------


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
    def named(self) -> dict[str, list[list[Any]]]:
        """By path, the only values that a condition takes."""
        found: dict[str, list[list[Any]]] = {}
        for line in self.conditions.values():
            if not line.parts and line.test in ("is", "one_of"):
                values = [word[1] if isinstance(word, tuple) else word for word in line.wanted]
                found.setdefault(line.query.text, []).append(values)
        return found

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

    @cached_property
    def is_general(self) -> bool:
        """Does it name no object?"""
        return self.placed.objects is None

    @cached_property
    def keys(self) -> tuple[frozenset[str | None], frozenset[str | None]]:
        verbs, objects = self.placed.verbs, self.placed.objects
        return (
            frozenset({None}) if verbs is None else frozenset(verbs),
            frozenset({None}) if objects is None else frozenset(objects),
        )


def check_overlaps(rules: Sequence[Placed]) -> Iterator[Finding]:
    """Rules of one provider and priority that take one statement: an error when every statement of one (with a verb
    and an object that both take) surely fulfils the other, a warning when one of them names an object that the other
    takes, and they differ in what else they ask."""
    seen: dict[tuple[Any, ...], list[_Taker]] = {}
    for placed in rules:
        if placed.clash:
            continue
        taker = _Taker(placed)
        common = (placed.provider, placed.rule.priority)
        found = product(*({_ALL} if None in own else {*own, None} for own in taker.keys))
        rivals = {id(one): one for key in found for one in seen.get((*common, *key), ())}
        for key in product(*({*own, _ALL} for own in taker.keys)):
            seen.setdefault((*common, *key), []).append(taker)
        yield from _overlap(taker, list(rivals.values()))


def _overlap(taker: _Taker, rivals: list[_Taker]) -> Iterator[Finding]:
    levels = [(level, other) for other in rivals if (level := _level(taker, other))]
    for level, other in sorted(levels, key=lambda one: one[0])[:1]:
        word = "match" if level == "error" else "can match"
        first, second = other.placed.rule.name, taker.placed.rule.name
        message = f"the rules `{first}` and `{second}` both {word} one statement, with the same priority"
        hint = "delete one, or give one of them the higher `priority`"
        yield taker.placed.finding("mapping.overlap", (*taker.placed.loc, "name"), message, hint, level)


def _level(one: _Taker, other: _Taker) -> Level | None:
    if one.is_general and other.is_general and not _either_includes(one, other, (VERB_ID,)):
        return None  # most pairs of thousands end here
    verbs = _shared(one, other, VERB_ID)
    objects = _shared(one, other, OBJECT_ID)
    if verbs == frozenset() or objects == frozenset():
        return None
    decided: Decided = (*((VERB_ID,) if verbs is not None else ()), *((OBJECT_ID,) if objects is not None else ()))
    if _either_includes(one, other, decided):
        return "error"
    if objects is None or clash([*one.placed.when, *other.placed.when]):
        return None
    return "warning"


def _shared(one: _Taker, other: _Taker, steps: tuple[str, str]) -> frozenset[str] | None:
    """The texts that both take; None where neither names any."""
    at = 0 if steps == VERB_ID else 1
    mine, theirs = one.keys[at], other.keys[at]
    if None not in mine and None not in theirs:
        return frozenset(text for text in mine & theirs if text is not None)
    if None in mine and None in theirs:
        return None
    named, open_ = (theirs, one) if None in mine else (mine, other)
    texts = (text for text in named if text is not None)
    return frozenset(text for text in texts if all(could(line, steps, text) for line in open_.placed.rule.when))


def _either_includes(one: _Taker, other: _Taker, decided: Decided) -> bool:
    return _includes(one, other, decided) or _includes(other, one, decided)


def _includes(wide: _Taker, narrow: _Taker, decided: Decided) -> bool:
    """Does every statement of `narrow`, with a verb and object that both take, fulfil `wide`?"""
    for text in wide.rest[decided]:
        if text not in narrow.conditions and not _implied(wide.conditions[text], narrow):
            return False
    return not ((narrow.is_general and not wide.is_general) or _has_other_rows(wide))


def _has_other_rows(taker: _Taker) -> bool:
    """A catalogue whose key is no object: which statements it has a row for, nobody can tell."""
    catalogue = taker.placed.rule.catalogue
    return catalogue is not None and catalogue.key.steps != OBJECT_ID


def _implied(condition: Condition, narrow: _Taker) -> bool:
    """Do the only values that `narrow` takes of this path all fulfil the condition?"""
    if condition.parts:
        return False
    named = narrow.named.get(condition.query.text, ())
    return any(all(CONDITIONS[condition.test](condition, value) for value in values) for values in named)
