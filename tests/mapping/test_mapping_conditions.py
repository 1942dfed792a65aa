"""The named conditions, their short names, and what they may show."""

from __future__ import annotations

import contextlib
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from connector.mapping.language.conditions import CONDITIONS, NAMES, Condition
from connector.mapping.language.paths import Nothing, read_path
from connector.mapping.language.patterns import read_pattern
from connector.mapping.language.short_names import ACTIVITY_TYPES, VERBS


def holds(document: Any, **test: Any) -> bool:
    return Condition.model_validate({"path": "a.b", **test}).holds(document)


def at(value: Any) -> dict[str, Any]:
    return {"a": {"b": value}}


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        ({"is": "x"}, ["x"], ["X", " x", None, 1, ["x"], {"x": 1}]),
        ({"is": True}, [True], [1, "true", False, None]),
        ({"is": 1}, [1, 1.0], [True, "1", 2]),
        ({"is": Decimal("0.1")}, [0.1, Decimal("0.10")], ["0.1", 0.11]),
        ({"is_not": False}, [None, True, 0, "false", []], [False]),
        ({"one_of": ["x", 2, False]}, ["x", 2.0, False], ["y", 0, None]),
        ({"starts_with": "https://a/"}, ["https://a/", "https://a/b"], ["http://a/b", None, 5]),
        ({"matches": r"https?://[^/]+/c\?id=\d+"}, ["http://h/c?id=42"], ["http://h/c?id=", "x http://h/c?id=4", 4]),
        ({"at_least": Decimal("0.8")}, [0.8, 1, "0.85", Decimal("0.8")], [0.79, True, "high", "1e9", None, [], 1e400]),
        ({"at_most": 10}, [10, -3, "9.5"], [10.01, False, float("nan"), float("-inf")]),
        ({"exists": True}, [None, False, 0, ""], []),
        ({"exists": False}, [], [None, False, 0, ""]),
    ],
)
def test_conditions(test: dict[str, Any], yes: list[Any], no: list[Any]) -> None:
    assert [holds(at(value), **test) for value in yes] == [True] * len(yes)
    assert [holds(at(value), **test) for value in no] == [False] * len(no)


def test_missing_null_and_false_differ() -> None:
    for nothing in ({}, {"a": {}}, {"a": None}, {"a": []}, [], None, "text"):
        assert holds(nothing, is_not=False)
        assert holds(nothing, exists=False)
        assert not holds(nothing, **{"is": False})
    assert holds(at(None), exists=True)
    assert holds(at(None), is_not=False)


def test_lists_and_cleverer_paths() -> None:
    document = {"list": [{"id": "x", "n": 1}, {"id": "y"}], "null": None}
    read = {path: read_path(path).of(document) for path in ("list[0].id", "list[-1].id", "list[2].id", "list.id")}
    assert read == {
        "list[0].id": "x",
        "list[-1].id": "y",
        "list[2].id": Nothing.MISSING,
        "list.id": Nothing.MISSING,
    }
    clever = Condition.model_validate({"path": "list[?id=='y'] | [0].id", "is": "y"})
    assert clever.holds(document)
    assert read_path("contains(list[].id, 'x')").of(document) is True
    assert read_path("list[0:1]").of(document) == [{"id": "x", "n": 1}]
    assert read_path("null || other").of(document) is Nothing.MISSING


def test_a_path_that_stumbles_fulfils_nothing() -> None:
    for test in ({"is": "x"}, {"is_not": "x"}, {"exists": False}, {"exists": True}, {"at_most": 5}):
        condition = Condition.model_validate({"path": "starts_with(a, 'x')", **test})
        assert not condition.holds({"a": 5})
    assert condition.look({"a": 5}).value == "unreadable"


def test_groups() -> None:
    both = {"all": [{"path": "a", "is": 1}, {"any": [{"path": "b", "is": 2}, {"path": "b", "is": 3}]}]}
    condition = Condition.model_validate(both)
    assert condition.holds({"a": 1, "b": 3})
    assert not condition.holds({"a": 1, "b": 4})
    seen = condition.look({"a": 1, "b": 4})
    assert [part.holds for part in seen.parts] == [True, False]
    assert [part.value for part in seen.parts[1].parts] == ["4", "4"]


@pytest.mark.parametrize(
    "path", ["verb.id", "object.definition.type", "context.contextActivities.parent[0].definition.type"]
)
def test_short_names_stand_for_every_iri_with_both_schemes(path: str) -> None:
    names = VERBS if path == "verb.id" else ACTIVITY_TYPES
    for name, iris in names.items():
        for test in ({"is": name}, {"one_of": [name, "urn:other"]}):
            assert Condition.model_validate({"path": path, **test}).wanted >= iris
        assert {iri.partition(":")[0] for iri in iris} == {"http", "https"}


def test_iris_are_exact_text_and_short_names_live_at_their_paths_only() -> None:
    exact = Condition.model_validate({"path": "verb.id", "is": "http://adlnet.gov/expapi/verbs/completed"})
    assert not exact.holds({"verb": {"id": "https://adlnet.gov/expapi/verbs/completed"}})
    assert not exact.holds({"verb": {"id": "http://ADLNET.gov/expapi/verbs/completed"}})
    assert Condition.model_validate({"path": "result.response", "is": "completed"}).wanted == {"completed"}
    not_failed = Condition.model_validate({"path": "verb.id", "is_not": "failed"})
    assert not not_failed.holds({"verb": {"id": "https://adlnet.gov/expapi/verbs/failed"}})


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"path": "a"}, "exactly one of is, is_not"),
        ({"path": "a", "is": 1, "exists": True}, "exactly one of"),
        ({"is": 1}, "`is` needs a `path`"),
        ({"path": "a", "is": None}, "`is` is empty"),
        ({"path": "a", "any": [{"path": "b", "is": 1}]}, "takes no `path`"),
        ({"any": []}, "must not be empty"),
        ({"path": "a", "one_of": []}, "must not be empty"),
        ({"path": "a", "is": [1]}, "must be one text"),
        ({"path": "a", "at_least": "5"}, "must be a number"),
        ({"path": "a", "at_least": True}, "must be a number"),
        ({"path": "a", "starts_with": ""}, "at least 1 character"),
        ({"path": "a", "matches": 5}, "must be a text"),
        ({"path": "a", "matches": "(x"}, "not a regular expression"),
        ({"path": "", "is": 1}, "1 to 500 characters"),
        ({"path": "a" * 501, "is": 1}, "1 to 500 characters"),
        ({"path": 5, "is": 1}, "1 to 500 characters"),
        ({"path": "a.b-c", "is": 1}, "at character 4"),
        ({"path": "a.b ~ c", "is": 1}, "not a JMESPath at character"),
        ({"path": "a[", "is": 1}, "not a JMESPath"),
        ({"path": "contain(a, 'b')", "is": 1}, "`contain` is not a JMESPath function"),
        ({"path": "verb.id", "is": "complete"}, '"complete" is no short name'),
        ({"path": "verb.id", "one_of": ["passed", "complted"]}, '"complted" is no short name'),
    ],
)
def test_refused(form: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Condition.model_validate(form)
    (error,) = caught.value.errors()
    assert words in error["msg"]


def test_a_long_path_of_brackets_is_refused_or_read() -> None:
    with pytest.raises(ValidationError, match="nests too deep"):
        Condition.model_validate({"path": "(" * 500, "is": 1})


@pytest.mark.filterwarnings("ignore:deprecated string literal")
@given(st.text("ab.[]{}()?*@&|'\"`\\ -019,:<=>!~\x00é", max_size=12))
def test_any_path_is_read_or_refused(path: str) -> None:
    with contextlib.suppress(PydanticCustomError):
        read_path(path).of({"a": {"b": [1]}})


@pytest.mark.parametrize(
    "pattern",
    ["", "x" * 501, "(a+)+", "(ab|a)*x", "(?:a{0,9}){0,9}", r"(a)(?:\1)+", ".*.*.*.*x", "a?" * 30, "(a|ab)" * 40,
     "(" * 200, "a{9999999999999}", "(?<=a+)b"],
)  # fmt: skip
def test_patterns_that_could_run_for_minutes_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|regular expression"):
        read_pattern(pattern)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@given(st.text("ab()[]{}?*+|\\^$.:<=!-P019,", max_size=12))
def test_any_pattern_is_read_or_refused(pattern: str) -> None:
    with contextlib.suppress(ValueError):
        read_pattern(pattern).fullmatch("ab" * 20)


def test_the_worst_accepted_pattern_ends_soon() -> None:
    condition = Condition.model_validate({"path": "a", "matches": "a*a*a*b"})
    began = time.monotonic()
    assert not condition.holds({"a": "a" * 500})
    assert not condition.holds({"a": "a" * 1_000_000 + "b"})
    assert time.monotonic() - began < 5
    assert Condition.model_validate({"path": "a", "matches": "(?:ab)+(c|d)"}).holds({"a": "ababd"})


def test_values_from_personal_places_are_never_shown() -> None:
    secret = "nora@clinic.example"
    document = {
        "actor": {"name": secret, "mbox": secret, "account": {"name": secret}},
        "object": {"id": "mailto:" + secret, "mbox": secret},
        "result": {"response": secret, "success": False},
        "context": {"instructor": {"name": secret}},
    }
    for path in (
        "actor.name", "actor.account.name", "actor", "object.id", "object.mbox", "result.response",
        "context.instructor.name", "to_string(@)", "@", "*.name | [0]", "values(actor) | [0]", "(actor || object).name",
        "[actor.name][0]",
    ):  # fmt: skip
        condition = Condition.model_validate({"path": path, "is_not": "x"})
        assert secret not in condition.look(document).value
    assert Condition.model_validate({"path": "result.success", "is": True}).look(document).value == "false"


def test_what_is_shown() -> None:
    document = {
        "verb": {"id": "v" * 300},
        "context": {"platform": "Moodle", "extensions": {"npi": 1234567893}},
        "object": {"id": "https://x/1?by=nora%40clinic.example"},
        "result": {"score": {"raw": 5}, "x": None, "npi": 1234567893},
    }

    def seen(path: str, *, strict: bool) -> str:
        return Condition.model_validate({"path": path, "exists": True}).look(document, strict=strict).value

    assert seen("context.platform", strict=False) == '"Moodle"'
    assert seen("context.platform", strict=True) == "another text"
    assert seen("result.score.raw", strict=True) == "5"
    assert seen("result.x", strict=True) == "null"
    assert seen("context.extensions.npi", strict=True) == "another value"
    assert seen("context.extensions.npi", strict=False) == "1234567893"
    assert seen("result.npi", strict=True) == "another value"
    assert seen("object.id", strict=True) == '"https://x/1?by=[hidden]"'
    assert seen("result", strict=True) == "a list or block"
    assert seen("verb.id", strict=True) == '"' + "v" * 120 + '"…'
    assert seen("result.none", strict=True) == "nothing"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"path": "a.b", "is": True}, "`a.b` is true"),
        ({"path": "a", "is_not": "x"}, "`a` is not x"),
        ({"path": "a", "one_of": [1, 2, 3, 4]}, "`a` one of 1, 2, 3, …"),
        ({"path": "a", "matches": "x+"}, "`a` matches x+"),
        ({"path": "a", "exists": False}, "`a` does not exist"),
        ({"path": "a", "exists": True}, "`a` exists"),
        ({"any": [{"path": "a", "is": 1}]}, "any of 1"),
    ],
)
def test_words(form: dict[str, Any], words: str) -> None:
    assert str(Condition.model_validate(form)) == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "id", "verb"]), inner, max_size=3)
    ),
    max_leaves=8,
)
TESTS = [
    {"is": "x"}, {"is": 1}, {"is_not": True}, {"one_of": ["x", 1]}, {"starts_with": "x"}, {"matches": "x*"},
    {"at_least": 1}, {"at_most": 1}, {"exists": True}, {"exists": False},
]  # fmt: skip


@given(st.sampled_from(TESTS), st.sampled_from(["a", "a.b", "a[0]", "a[*].b", "length(a)", "verb.id"]), JSON)
def test_any_document_is_answered(test: dict[str, Any], path: str, document: Any) -> None:
    if path == "verb.id" and set(test) & {"is", "one_of"}:
        return
    condition = Condition.model_validate({"path": path, **test})
    assert condition.look(document).holds == condition.holds(document)


def test_the_names() -> None:
    assert {*CONDITIONS, "any", "all"} == set(NAMES)
