"""Whatever a statement holds: it can be scrubbed, nothing of the actor stays, and what is written is read as it was."""

from __future__ import annotations

import json
from typing import Any

import mapping_samples as make
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import yamlfile
from connector.mapping.cases.recording import in_yaml
from connector.mapping.cases.scrubbing import scrubbed

KEYS = [
    "id", "actor", "verb", "object", "definition", "name", "type", "result", "score", "scaled", "success", "extensions",
    "context", "contextActivities", "parent", "instructor", "team", "member", "mbox", "account", "homePage", "openid",
    "objectType", "registration", "statement", "timestamp", "stored", "en", "urn:x", "contextAgents", "authority",
]  # fmt: skip
WORDS = ["Agent", "Group", "StatementRef", "Zanna", "zanna quixley", "mailto:zanna@clinic.example", "urn:x", "true", ""]
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.decimals(-(10**6), 10**6, places=9).map(float))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.sampled_from(KEYS), below, max_size=5)),
    max_leaves=25,
)
STATEMENTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8)
RULES = make.rules(
    make.rule(
        when=make.WHEN
        + """\
    - {path: 'context.contextActivities.parent[0].id', is_not: "urn:y"}
    - {path: result.extensions."urn:x", exists: true}
    - {path: 'context.extensions."urn:x"[-1].name || verb.name', starts_with: z}
"""
    )
)


@settings(max_examples=50, deadline=None)
@given(STATEMENTS)
def test_any_statement_can_be_scrubbed(document: dict[str, Any]) -> None:
    actor = {"name": "Zanna Quixley", "mbox": "mailto:zanna@clinic.example"}
    kept = scrubbed(document | {"actor": actor}, RULES.rules)
    assert "zanna" not in json.dumps(kept).lower()
    assert set(kept) <= {"actor", "verb", "object", "result", "context", "timestamp", "stored"}
    assert isinstance(scrubbed(document, RULES.rules), dict)  # also where the actor is anything


@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    read = yamlfile.read_text("a.yaml", f"value: {in_yaml(value)}\n").value["value"]
    assert json.dumps(read, default=float) == json.dumps(value)


def test_a_number_without_end_is_rounded() -> None:
    assert in_yaml([1e-286, 1e-7, 85, 12.5, -1e15]) == (
        "[0.000000000000000000, 0.0000001, 85, 12.5, -1000000000000000.0]"
    )
