"""A statement with an invented learner: what no rule reads is invented too, or gone; the rest is masked.

Knows no store and judges nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.mapping.cases.masking import INVENTED_UUID, LARGE, Mask
from connector.mapping.cases.people import is_agent
from connector.mapping.cases.reading import asked, chains, compared, keys_of_clever_paths, prefixes, spoken, taken
from connector.mapping.loader import ActiveRule

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.,]{1,25} ?([Zz]|[+-][0-9:]{2,5})?")
_DURATION = re.compile(r"P[0-9YMWDTHS.,]{1,40}")
_FLAG = re.compile(r"(?i)true|false|yes|no|[01]")
_NUMBER = re.compile(r"-?[0-9]{1,5}([.,][0-9]{1,5})?")
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_SCORES: Final = ("scaled", "raw", "min", "max")
_ACTIVITIES: Final = ("parent", "grouping", "category", "other")
INVENTED_ACTOR: Final[dict[str, Any]] = {
    "account": {"homePage": "https://lms.example.org", "name": "learner-1"},
    "mbox": "mailto:learner-1@example.org",
    "mbox_sha1sum": hashlib.sha1(b"mailto:learner-1@example.org", usedforsecurity=False).hexdigest(),
    "openid": "https://id.example.org/learner-1",
}


@dataclass(frozen=True)
class _Rest:
    """What becomes of a text at a place of its own: masked where a path of the rules may reach it by none of their
    plain chains (`keys` are all that such paths name), else invented."""

    mask: Mask
    keys: frozenset[str]

    def value(self, key: str, found: Any) -> Any:
        return self.mask.value(found) if key in self.keys else self.mask.outline(found)

    def words(self, key: str, found: Any, invented: str) -> Any:
        return self.mask.value(found) if key in self.keys or not isinstance(found, str) else invented


def scrubbed(document: dict[str, Any], rules: Sequence[ActiveRule]) -> dict[str, Any]:
    """The statement as it may be shared; `rules` are those that read it."""
    mask = Mask(document, spoken(document, rules), prefixes(rules))
    rest = _Rest(mask, keys_of_clever_paths(rules))
    kept: dict[str, Any] = {
        "actor": _actor(document.get("actor")),
        "verb": _verb(document.get("verb"), mask),
        "object": _object(document.get("object"), rest),
        "result": _result(document.get("result"), mask),
        "context": _context(document.get("context"), rest),
        "timestamp": _time(document.get("timestamp"), mask),
    }
    kept = {key: value for key, value in kept.items() if value not in (None, {}) or key in document}
    for steps in chains(query for active in rules for query in compared(active)):
        kept = _copied(document, kept, steps, lambda found, _: mask.outline(found))
    for steps in chains(query for active in rules for query in taken(active)):
        kept = _copied(document, kept, steps, lambda found, _: _leaf(found, mask))
    for steps in chains(query for active in rules for query in asked(active.rule)):
        kept = _copied(document, kept, steps, _standing_in)
    return kept


def _actor(actor: Any) -> dict[str, Any] | None:
    """An invented one with identifiers of the same kinds; of a group one member."""
    if not isinstance(actor, dict):
        return None
    same = {name: value for name, value in INVENTED_ACTOR.items() if actor.get(name) is not None}
    members = actor.get("member")
    members = [members] if isinstance(members, dict) else members
    if isinstance(members, list):
        same["member"] = [_actor(member) for member in members[:1]]
    said = actor.get("objectType")
    return ({"objectType": said} if said in ("Agent", "Group") else {}) | same


def _verb(verb: Any, mask: Mask) -> dict[str, Any] | None:
    return {"id": mask.value(verb["id"])} if isinstance(verb, dict) and "id" in verb else None


def _object(found: Any, rest: _Rest) -> dict[str, Any] | None:
    if not isinstance(found, dict):
        return None
    if is_agent(found):
        return {"objectType": "Agent", "mbox": "mailto:person-1@example.org"}
    kept: dict[str, Any] = {}
    if found.get("objectType") in ("Activity", "StatementRef", "SubStatement"):
        kept["objectType"] = found["objectType"]
    if "id" in found:
        kept["id"] = INVENTED_UUID if kept.get("objectType") == "StatementRef" else rest.value("id", found["id"])
    definition = found.get("definition")
    if isinstance(definition, dict):
        kept["definition"] = {
            key: _name(definition[key], rest) if key == "name" else rest.mask.value(definition[key])
            for key in ("type", "name")
            if key in definition
        }
    return kept


def _name(name: Any, rest: _Rest) -> Any:
    """The languages stay."""
    if not isinstance(name, dict):
        return rest.words("name", name, "An activity")
    languages = [key for key in name if _LANGUAGE.fullmatch(key) and rest.mask.text(key) == key]
    return {key: rest.words("name", name[key], "An activity") for key in languages}


def _result(result: Any, mask: Mask) -> dict[str, Any] | None:
    if not isinstance(result, dict):
        return None
    forms = {"success": _FLAG, "completion": _FLAG, "duration": _DURATION}
    kept = {key: _of_form(form, result[key], mask) for key, form in forms.items() if key in result}
    score = result.get("score")
    if isinstance(score, dict):
        kept["score"] = {key: _of_form(_NUMBER, score[key], mask) for key in _SCORES if key in score}
    return kept


def _context(context: Any, rest: _Rest) -> dict[str, Any] | None:
    if not isinstance(context, dict):
        return None
    kept: dict[str, Any] = {"registration": INVENTED_UUID} if context.get("registration") else {}
    invented = {"platform": "A platform", "language": "en"}
    kept |= {key: rest.words(key, context[key], word) for key, word in invented.items() if key in context}
    activities = context.get("contextActivities")
    if isinstance(activities, dict):
        named = {key: _activities(activities[key], rest) for key in _ACTIVITIES if key in activities}
        kept["contextActivities"] = named
    return kept


def _activities(listed: Any, rest: _Rest) -> Any:
    """Ids and types; a single object stays single."""
    if isinstance(listed, list):
        return [_activities(one, rest) for one in listed]
    if not isinstance(listed, dict):
        return rest.mask.outline(listed)
    kept = {"id": rest.value("id", listed["id"])} if "id" in listed else {}
    definition = listed.get("definition")
    if isinstance(definition, dict) and "type" in definition:
        kept["definition"] = {"type": rest.mask.value(definition["type"])}
    return kept


def _time(found: Any, mask: Mask) -> Any:
    return _of_form(_TIME, found, mask)


def _of_form(form: re.Pattern[str], found: Any, mask: Mask) -> Any:
    """A text of this form is nobody's, whatever digits it holds, and so is a small number."""
    if isinstance(found, str):
        return found if form.fullmatch(found) else "another text"
    if isinstance(found, int | float) and abs(found) >= LARGE:
        return 1
    return mask.value(found)


def _copied(source: Any, kept: Any, steps: Sequence[str | int], leaf: Callable[[Any, Any], Any]) -> Any:
    """`kept` with what `leaf` makes of the value that `source` has at these steps; unchanged where it has none."""
    if not steps:
        return kept if isinstance(kept, dict | list) else leaf(source, kept)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = [source] if isinstance(source, dict) else source
        if not isinstance(items, list) or not -len(items) <= step < len(items):
            return kept
        same = kept if isinstance(kept, list) else [kept] if kept else []
        listed = [same[place] if place < len(same) else {} for place in range(len(items))]
        listed[step] = _copied(items[step], listed[step], rest, leaf)
        return listed
    if not isinstance(source, dict) or step not in source:
        return kept
    block = kept if isinstance(kept, dict) else {}
    below = _copied(source[step], block.get(step), rest, leaf)
    return block | {step: below} if below is not None or source[step] is None else kept


def _leaf(found: Any, mask: Mask) -> Any:
    return found if isinstance(found, str) and _TIME.fullmatch(found) else mask.value(found)


def _standing_in(found: Any, kept: Any) -> Any:
    """Something of the same kind, where nothing was kept."""
    if kept is not None or found is None or isinstance(found, bool):
        return found if kept is None else kept
    return "another text" if isinstance(found, str) else 1 if isinstance(found, int | float) else type(found)()
