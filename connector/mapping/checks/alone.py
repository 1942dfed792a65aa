"""What lint says of each rule by itself: words nobody published, conditions that never hold or hold too often."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from connector.findings import Finding, did_you_mean
from connector.mapping.checks.implied import certain, implied
from connector.mapping.checks.never import Clash, Line, clash
from connector.mapping.checks.placed import Placed, leaves, possible
from connector.mapping.language.conditions import OBJECT_ID, VERB_ID, Condition
from connector.mapping.language.offers import MocCredit
from connector.mapping.language.paths import read_path
from connector.mapping.language.short_names import VERBS
from connector.pars import vocabulary
from connector.yamlfile import Document, Loc

STATEMENT_KEYS: Final = (
    "actor", "attachments", "authority", "context", "id", "object", "result", "stored", "timestamp", "verb", "version",
)  # fmt: skip
LONGEST_WINDOW: Final = timedelta(days=731)
_MOODLE_PAGE = re.compile(r"/(course|mod/\w+)/view\\?\.php")
_MOODLE_WORDS: Final = ("w3id.org/learning-analytics/learning-management-system", "xapi.edlm/profiles/edlm-lms")
_TAKES: Final = ("verb", "object")


def check_rule(placed: Placed, *, sessions: bool) -> Iterator[Finding]:
    """What is wrong or doubtful about one rule, whatever the others say."""
    yield from _nothing_earned(placed)
    yield from _credit_types(placed)
    yield from _too_wide(placed)
    yield from _never(placed)
    yield from _undone_by_itself(placed)
    yield from _windows(placed)
    yield from _registrations(placed, sessions=sessions)
    yield from _unreached_rows(placed)


def _nothing_earned(placed: Placed) -> Iterator[Finding]:
    """Asked of the complete rule: its file's defaults may give the credits, and a catalogue does."""
    if not (placed.rule.credits or placed.rule.rems or placed.rule.catalogue):
        message = f"the rule `{placed.rule.name}` earns nothing: it has neither `credits` nor `rems`"
        yield placed.finding("mapping.no_credits", placed.loc, message)


def _credit_types(placed: Placed) -> Iterator[Finding]:
    """ACCME does not publish the boards' lists, so an unknown type is a warning."""
    for place, credit in enumerate(placed.rule.credits):
        if not isinstance(credit, MocCredit):
            continue
        for name in credit.of_which:
            known = [one.name for one in vocabulary.BOARDS[credit.board].credit_types]
            if known and not vocabulary.credit_type(credit.board, name):
                where = placed.at("credits", place, "of_which", name)
                hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
                message = f'"{name}" is not a credit type that {credit.board} is known for'
                yield placed.finding("mapping.unknown_credit_type", where, message, hint, "warning", key=True)


def _too_wide(placed: Placed) -> Iterator[Finding]:
    rule, where = placed.rule, placed.at("when")
    plain = any(leaf.query.steps == VERB_ID for condition in rule.when for leaf in leaves(condition))
    completes = plain and possible(rule.when, VERB_ID, VERBS["completed"])
    asked = {key for key in _TAKES if any(_settles(condition, key) for condition in rule.when)}
    if rule.catalogue and "object" in rule.catalogue.key.keys:
        asked.add("object")
    if "verb" not in asked:
        message = f"the rule `{rule.name}` asks for no verb: looking at a course would count as completing it"
        hint = "add {path: verb.id, is: completed}"
        yield placed.finding("mapping.no_verb", where, message, hint, "warning", key=True)
    elif completes and "object" not in asked:
        message = f"the rule `{rule.name}` asks for `completed` of any object: in Moodle that is four different facts"
        hint = "add a condition on object.id or object.definition.type"
        yield placed.finding("mapping.no_object", where, message, hint, "warning", key=True)


def _settles(condition: Condition, key: str) -> bool:
    """Does this ask for something of the verb or object, whichever line of an `any` holds? To be another one, or no
    agent, says little of which one it is."""
    if condition.any_:
        return all(_settles(part, key) for part in condition.any_)
    if condition.all_:
        return any(_settles(part, key) for part in condition.all_)
    keys, excludes = condition.query.keys, condition.test == "is_not" or condition.exists is False
    return key in keys and "objectType" not in keys and not excludes


def _undone_by_itself(placed: Placed) -> Iterator[Finding]:
    """A statement that completes is a completion, and takes none back."""
    undone_by, lines = placed.rule.undone_by, certain(placed.rule.when)
    if undone_by and all(implied(condition, lines) for condition in undone_by):
        message = f"every completion of the rule `{placed.rule.name}` fulfils its own `undone_by`"
        hint = "name the verb that takes it back: {path: verb.id, is: uncompleted}"
        yield placed.finding("mapping.undone_by", placed.at("undone_by"), message, hint, "warning", key=True)


def _never(placed: Placed) -> Iterator[Finding]:
    """Every list of conditions that cannot be fulfilled; the sentence holds no value, which may be a person's."""
    name = placed.rule.name
    yield from _clash(placed, placed.clash, f"the rule `{name}` can never match")
    for at, needed in enumerate(placed.rule.also_requires):
        lines = _lines(placed.at("also_requires", at, "when"), needed.when)
        yield from _clash(placed, clash(lines), f"what the rule `{name}` also requires can never be met")
    lines = _lines(placed.at("undone_by"), placed.rule.undone_by)
    yield from _clash(placed, clash(lines), f"nothing can ever undo a completion of the rule `{name}`")


def _lines(loc: Loc, conditions: Sequence[Condition]) -> list[Line]:
    return [((*loc, at), condition) for at, condition in enumerate(conditions)]


def _clash(placed: Placed, found: Clash | None, what: str) -> Iterator[Finding]:
    if found:
        message = f"{what}: {_why(placed, found)}"
        yield placed.finding("mapping.never", found.loc, message, "correct or delete one of them")


def _why(placed: Placed, found: Clash) -> str:
    if found.other is None:
        return "no line of this `any` can hold together with the other conditions"
    line, _ = placed.document.where(found.other)
    return f"this cannot hold together with the condition in line {line}"


def _windows(placed: Placed) -> Iterator[Finding]:
    for at, needed in enumerate(placed.rule.also_requires):
        if not timedelta(0) < needed.within <= LONGEST_WINDOW:
            word = "is longer than two years" if needed.within else "is no time at all"
            message = f"the window of what the rule `{placed.rule.name}` also requires {word}"
            where = placed.at("also_requires", at, "within")
            yield placed.finding("mapping.within", where, message, "write it in days: 90d", "warning")


def _registrations(placed: Placed, *, sessions: bool) -> Iterator[Finding]:
    """A warning: a completion that is sent again has another session, and is another award."""
    if placed.rule.per == "registration" and (sessions or _is_moodle_shaped(placed)):
        whose = "every source's are sessions of the server" if sessions else "Moodle's are sessions of its server"
        message = f"the rule `{placed.rule.name}` counts registrations, and {whose}"
        hint = "write `per: activity`, `date` or `session`"
        yield placed.finding("mapping.per_session", placed.at("per"), message, hint, "warning", key=True)


def _is_moodle_shaped(placed: Placed) -> bool:
    lines = [line for condition in placed.rule.when for line in leaves(condition)]
    texts = [text for line in lines for text in _texts_of(line)]
    by_page = any(_MOODLE_PAGE.search(text) for text in [*texts, *(placed.objects or ())])
    return by_page or any(word in line.query.text for line in lines for word in _MOODLE_WORDS)


def _texts_of(line: Condition) -> list[str]:
    if line.query.steps[-2:] != OBJECT_ID:
        return []
    if line.test == "matches":
        return [line.expected.pattern]
    return [text for text in line.wanted if isinstance(text, str)] if line.test != "exists" else []


def _unreached_rows(placed: Placed) -> Iterator[Finding]:
    """Rows of the catalogue whose object the rule's own conditions never let through."""
    reached = placed.objects
    if placed.rule.catalogue is None or placed.rule.catalogue.key.steps != OBJECT_ID or reached is None:
        return
    finished = {key for key, entry in placed.rows.items() if entry.activity}
    if gone := len(finished - reached):
        count = "every row" if gone == len(finished) else f"{gone} of {len(finished)} rows"
        message = f"the conditions of the rule `{placed.rule.name}` rule out {count} of its catalogue"
        hint = "compare `object.id` in `when` with the sheet, character by character"
        yield placed.finding("mapping.catalogue_unreached", placed.at("catalogue"), message, hint, "warning", key=True)


def check_paths(document: Document, value: Any, loc: Loc = ()) -> Iterator[Finding]:
    """Paths that start at a key which no statement has."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, below in value.items() if isinstance(value, Mapping) else ():
        if isinstance(below, str) and (key == "path" or (key == "key" and loc[-1:] == ("catalogue",))):
            yield from _root(document, below, (*loc, key))
        elif key != "tests":
            yield from check_paths(document, below, (*loc, key))


def _root(document: Document, path: str, loc: Loc) -> Iterator[Finding]:
    root = read_path(path).steps[:1]
    if root and root[0] not in STATEMENT_KEYS:
        hint = did_you_mean(str(root[0]), STATEMENT_KEYS) or f"keys: {', '.join(STATEMENT_KEYS)}"
        message = f"no statement has the key `{root[0]}`"
        yield document.finding("mapping.unknown_path", document.where(loc), message, hint, "warning")
