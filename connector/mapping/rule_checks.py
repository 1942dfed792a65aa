"""What lint says of rules that can be read: words nobody published, and rules that match too much or the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final, Literal

from connector.findings import Finding, did_you_mean
from connector.mapping.conditions import OBJECT_ID, VERB_ID, Condition
from connector.mapping.offers import MocCredit
from connector.mapping.paths import read_path
from connector.mapping.rules import MappingFile, Rule
from connector.mapping.short_names import VERBS
from connector.pars import vocabulary
from connector.yamlfile import Document, Loc

STATEMENT_KEYS: Final = (
    "actor", "attachments", "authority", "context", "id", "object", "result", "stored", "timestamp", "verb", "version",
)  # fmt: skip
_EVERY: Final = "every object"


def check_file(document: Document, file: MappingFile) -> Iterator[Finding]:
    """Warnings about each rule alone."""
    for place, rule in enumerate(file.rules):
        loc: Loc = ("rules", place)
        yield from _nothing_earned(document, rule, loc)
        yield from _credit_types(document, rule, loc)
        yield from _too_wide(document, rule, loc)
        yield from _unknown_roots(document, document.value["rules"][place], loc)


def _nothing_earned(document: Document, rule: Rule, loc: Loc) -> Iterator[Finding]:
    """Asked of the complete rule: its file's defaults may give the credits, and a catalogue does."""
    if not (rule.credits or rule.rems or rule.catalogue):
        message = f"the rule `{rule.name}` earns nothing: it has neither `credits` nor `rems`"
        yield document.finding("mapping.no_credits", document.where(loc), message)


def _credit_types(document: Document, rule: Rule, loc: Loc) -> Iterator[Finding]:
    """ACCME does not publish the boards' lists, so an unknown type is a warning."""
    for place, credit in enumerate(rule.credits):
        if not isinstance(credit, MocCredit):
            continue
        for name in credit.of_which:
            known = [one.name for one in vocabulary.BOARDS[credit.board].credit_types]
            if known and not vocabulary.credit_type(credit.board, name):
                where = document.where((*loc, "credits", place, "of_which", name), key=True)
                hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
                message = f'"{name}" is not a credit type that {credit.board} is known for'
                yield document.finding("mapping.unknown_credit_type", where, message, hint, "warning")


def _too_wide(document: Document, rule: Rule, loc: Loc) -> Iterator[Finding]:
    verbs = [texts for texts in (condition.pins(VERB_ID) for condition in rule.when) if texts is not None]
    where = document.where((*loc, "when"), key=True)
    if not any(condition.asks("verb") for condition in rule.when):
        message = f"the rule `{rule.name}` asks for no verb: looking at a course would count as completing it"
        yield document.finding("mapping.no_verb", where, message, "add {path: verb.id, is: completed}", "warning")
    elif any(texts & VERBS["completed"] for texts in verbs) and not any(one.asks("object") for one in rule.when):
        message = f"the rule `{rule.name}` asks for `completed` of any object: in Moodle that is four different facts"
        hint = "add a condition on object.id or object.definition.type"
        yield document.finding("mapping.no_object", where, message, hint, "warning")


def _unknown_roots(document: Document, value: Any, loc: Loc) -> Iterator[Finding]:
    """Paths that start at a key which no statement has."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, below in value.items() if isinstance(value, dict) else ():
        if key == "path":
            root = read_path(below).steps[:1]
            if root and root[0] not in STATEMENT_KEYS:
                hint = did_you_mean(str(root[0]), STATEMENT_KEYS) or f"keys: {', '.join(STATEMENT_KEYS)}"
                message = f"no statement has the key `{root[0]}`"
                yield document.finding("mapping.unknown_path", document.where((*loc, key)), message, hint, "warning")
        elif key != "tests":
            yield from _unknown_roots(document, below, (*loc, key))


def check_names(documents: list[tuple[Document, MappingFile]]) -> Iterator[Finding]:
    """A rule's name stands in records and reports: it is given once in the whole folder."""
    first: dict[str, str] = {}
    for document, file in documents:
        for place, rule in enumerate(file.rules):
            loc: Loc = ("rules", place, "name")
            where = f"{document.name}:{document.where(loc)[0]}"
            if first.setdefault(rule.name, where) != where:
                message = f"the name `{rule.name}` is already used at {first[rule.name]}"
                yield document.finding("mapping.duplicate_rule", document.where(loc), message, "rename one of them")


def check_per(documents: list[tuple[Document, MappingFile]], provider_of: Callable[[Rule], str]) -> Iterator[Finding]:
    """Rules of one activity must agree what is earned once: else a learner earns it by each of them."""
    first: dict[tuple[str, str], Rule] = {}
    for document, file in documents:
        for place, rule in enumerate(file.rules):
            other = first.setdefault((provider_of(rule), rule.activity), rule)
            if other.per != rule.per:
                message = (
                    f"the rules `{other.name}` (per: {other.per}) and `{rule.name}` (per: {rule.per}) report one "
                    f"activity: a learner would earn its credit by each of them"
                )
                where = document.where(("rules", place, "per"))
                yield document.finding("mapping.per_differs", where, message, "write the same `per` in both")


def check_overlaps(documents: list[tuple[Document, MappingFile]]) -> Iterator[Finding]:
    """Rules of one provider and priority that take the same verb, and the same object or any: an error when every
    statement of one surely fulfils the other, a warning when they name one object and differ in what else they ask."""
    seen: dict[tuple[Any, ...], list[Rule]] = {}
    for document, file in documents:
        for place, rule in enumerate(file.rules):
            verbs, objects = pinned(rule.when)
            keys = [(rule.provider, rule.priority, verb) for verb in verbs if verb]
            reach = {_EVERY} if None in objects else {*objects, None}
            rivals = {other.name: other for key in keys for object_ in reach for other in seen.get((*key, object_), ())}
            for key, object_ in product(keys, {*objects, _EVERY}):
                seen.setdefault((*key, object_), []).append(rule)
            yield from _overlap(document, ("rules", place, "name"), rule, list(rivals.values()))


def _overlap(document: Document, loc: Loc, rule: Rule, rivals: list[Rule]) -> Iterator[Finding]:
    certain = [other for other in rivals if _includes(rule, other) or _includes(other, rule)]
    possible = [other for other in rivals if not (_is_general(other) or _is_general(rule))]
    for other in (certain or possible)[:1]:
        word = "match" if certain else "can match"
        level: Literal["error", "warning"] = "error" if certain else "warning"
        message = f"the rules `{other.name}` and `{rule.name}` both {word} one statement, with the same priority"
        hint = "delete one, or give one of them the higher `priority`"
        yield document.finding("mapping.overlap", document.where(loc), message, hint, level)


def _is_general(rule: Rule) -> bool:
    return None in pinned(rule.when)[1]


def _includes(wide: Rule, narrow: Rule) -> bool:
    """Does every statement of `narrow`, with a verb and object that both take, fulfil `wide`?"""
    return _rest(wide) <= _rest(narrow) and (_is_general(wide) or not _is_general(narrow))


def _rest(rule: Rule) -> frozenset[str]:
    """What a rule asks beyond verb and object; a group may ask more than the verbs or objects that it names."""
    rest = (one for one in rule.when if one.parts or (one.pins(VERB_ID) is None and one.pins(OBJECT_ID) is None))
    return frozenset(one.model_dump_json(by_alias=True, exclude_defaults=True) for one in rest)


def pinned(when: tuple[Condition, ...]) -> tuple[frozenset[str | None], frozenset[str | None]]:
    """The only verbs and the only objects that can fulfil these conditions; {None} where they take any."""
    return _pinned(when, VERB_ID), _pinned(when, OBJECT_ID)


def _pinned(when: tuple[Condition, ...], steps: tuple[str, str]) -> frozenset[str | None]:
    texts = [pins for pins in (condition.pins(steps) for condition in when) if pins is not None]
    return frozenset(frozenset.intersection(*texts)) if texts else frozenset({None})
