"""What rules read of a statement: by which of their paths, and in what way. Changes nothing.

What is only compared with the words of a rule's own file is needed as far as that file says it; what a pattern or a
credit is taken from is needed itself; and of what must exist it is enough that something is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from connector.mapping.language.conditions import Condition
from connector.mapping.language.offers import CmeCredit, Computed, Credit, Read
from connector.mapping.language.paths import Query
from connector.mapping.language.rules import Rule
from connector.mapping.loader import ActiveRule

_READABLE: Final = frozenset({"object", "result", "context", "stored", "timestamp", "verb", "version"})
_NEVER: Final = frozenset({"contextAgents", "contextGroups", "member", "registration", "statement"})


def conditions_of(rule: Rule) -> Iterator[Condition]:
    """Every line, also those inside groups and those that other statements must fulfil."""
    for when in (rule.when, *(one.when for one in rule.also_requires), rule.undone_by):
        for condition in when:
            yield from _with_parts(condition)


def _with_parts(condition: Condition) -> Iterator[Condition]:
    yield condition
    for part in condition.parts:
        yield from _with_parts(part)


def compared(active: ActiveRule) -> Iterator[Query]:
    """Every path whose value is only compared with texts that the files say."""
    tests = ("is", "is_not", "one_of", "starts_with")
    yield from (one.path for one in conditions_of(active.rule) if one.path and one.test in tests)
    if active.rule.catalogue:
        yield active.rule.catalogue.key


def taken(active: ActiveRule) -> Iterator[Query]:
    """Every path whose value counts in itself, and those to verbs and types, which are kinds of things."""
    rule = active.rule
    tests = ("matches", "at_least", "at_most")
    yield from (one.path for one in conditions_of(rule) if one.path and (one.test in tests or one.path.is_a_kind))
    yield rule.completed_on.path
    for credit in (*rule.credits, *(one for entry in active.rows.values() for one in entry.credits)):
        yield from _amounts(credit)
    answers = [getattr(rule.rems, name) for name in type(rule.rems).model_fields] if rule.rems else []
    yield from (answer.path for answer in answers if isinstance(answer, Read))


def asked(rule: Rule) -> Iterator[Query]:
    """Paths of which the rule asks only whether something is there."""
    yield from (condition.path for condition in conditions_of(rule) if condition.path and condition.exists is not None)


def _amounts(credit: Credit) -> Iterator[Query]:
    amounts = [credit.amount, *(() if isinstance(credit, CmeCredit) else credit.of_which.values())]
    yield from (amount.path for amount in amounts if isinstance(amount, Computed))


def keys_of_clever_paths(rules: Sequence[ActiveRule]) -> frozenset[str]:
    """All keys of the paths that are more than plain chains."""
    queries = (one for active in rules for one in (*taken(active), *compared(active), *asked(active.rule)))
    return frozenset[str]().union(*(query.keys for query in queries if not query.is_plain))


def chains(queries: Iterable[Query]) -> Iterator[tuple[str | int, ...]]:
    """Their chains of keys, without those that lead to people."""
    for query in dict.fromkeys(queries):
        for steps in query.chains if not query.is_personal else ():
            if steps[0] in _READABLE and not _NEVER & set(steps) and steps[:2] != ("object", "name"):
                yield steps


def spoken(document: dict[str, Any], rules: Sequence[ActiveRule]) -> Iterator[str]:
    """What the rules' files say already is no secret."""
    for active in rules:
        for condition in conditions_of(active.rule):
            if condition.test in ("is", "is_not", "one_of"):
                yield from (word for word in condition.wanted if isinstance(word, str))
                words = condition.expected if condition.test == "one_of" else (condition.expected,)
                yield from (str(word) for word in words if isinstance(word, int | Decimal))
        catalogue = active.rule.catalogue
        key = str(catalogue.key.of(document)) if catalogue else ""
        if key in active.rows:
            yield key


def prefixes(rules: Sequence[ActiveRule]) -> list[str]:
    conditions = (condition for active in rules for condition in conditions_of(active.rule))
    return [condition.expected for condition in conditions if condition.test == "starts_with"]
