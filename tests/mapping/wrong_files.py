"""Mapping files with something changed at random, for properties that hold of any file."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import strategies as st

WHOLE: dict[str, Any] = {
    "version": 1,
    "defaults": {"provider": "1234567", "per": "date", "when": [{"path": "context.platform", "is": "Moodle"}]},
    "rules": [
        {
            "name": "a",
            "when": [
                {"path": "verb.id", "one_of": ["completed", "urn:done"]},
                {"path": "object.definition.type", "is": "course"},
                {"any": [{"path": "result.success", "is_not": False}, {"path": "result", "exists": False}]},
                {"all": [{"path": "object.id", "starts_with": "urn:"}, {"path": "object.id", "matches": "urn:[0-9]+"}]},
                {"path": "result.score.raw", "at_least": 80},
                {"path": "result.score.raw", "at_most": 99.5},
            ],
            "also_requires": [{"within": "90d", "when": [{"path": "verb.id", "is": "submitted"}]}],
            "undone_by": [{"path": "verb.id", "is": "uncompleted"}],
            "activity": "203512345",
            "completed_on": {"path": "timestamp", "zone": "America/Chicago"},
            "credits": [
                {"type": "cme", "amount": {"path": "result.duration", "function": "quarter_hours", "most": 6}},
                {"type": "moc", "board": "ABIM", "amount": 1.5, "of_which": {"Medical Knowledge": 1.25}},
            ],
            "rems": {"type": "mycophenolate", "profession": "Physician", "state": {"path": "context.extensions.s"}},
            "priority": 3,
            "tests": [
                {"name": "t", "statement": "examples/pass.json", "expect": {"credits": {"cme": 1.25}, "date": "open"}},
                {"name": "u", "statement": {"verb": {}}, "expect": "ignored"},
            ],
        },
        {
            "name": "b",
            "when": [{"path": "verb.id", "is": "passed"}, {"path": "object.id", "is": "urn:b"}],
            "catalogue": {"from": "courses.csv", "key": "object.id", "column": "object_id"},
            "completed_on": {"from": "moodle"},
        },
    ],
}

ODD = st.one_of(
    st.sampled_from([
        None, True, False, 0, 1, -1, 0.25, 1.1, 10**30, "", "1e999", "yes", "completed", "course", "urn:x", "\0",
        "(", "[[a]", "(a+)+", "a.", "`x`", "a[9999999999999999999]", "verb.id", "99999999999999d", "0s", "../a.yaml",
        "ABIM", [], {}, [None], [[]], {"path": "a"}, {"from": "moodle", "path": "a"}, {"": 1}, {"any": []},
    ]),
    st.text(max_size=8),
    st.integers(),
)  # fmt: skip
KEYS = st.sampled_from(
    ["path", "is", "any", "zone", "from", "activity", "catalogue", "amount", "when", "x", "", "expect"]
)


def places(value: Any, loc: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [loc, *(place for key, below in items for place in places(below, (*loc, key)))]


PLACES = places(WHOLE)[1:]


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """The whole file with one to three values replaced, deleted or added."""
    whole = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(PLACES))
        holder: Any = whole
        for key in above:
            try:
                holder = holder[key]
            except (LookupError, TypeError):
                break
        if not isinstance(holder, dict | list) or (isinstance(holder, list) and not 0 <= _number(last) < len(holder)):
            continue
        if isinstance(holder, dict) and draw(st.booleans()):
            holder[draw(KEYS)] = draw(ODD)
        elif isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(last, None)
        else:
            holder[last] = draw(ODD)
    return whole


def _number(key: Any) -> int:
    return key if isinstance(key, int) else -1


def as_yaml(whole: dict[str, Any]) -> str:
    return yaml.dump(whole, Dumper=yaml.SafeDumper, allow_unicode=True, sort_keys=False)


TEXT = as_yaml(WHOLE)
