"""Shapes that real systems send and xAPI allows, or that an LRS lets pass: what a path finds and a condition says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.mapping.language.conditions import Condition
from connector.mapping.language.functions import number, quarter_hours
from connector.mapping.language.paths import Nothing, read_path

SITE = "https://wp.example.org"
ASSESSMENT, COURSE = (f"http://adlnet.gov/expapi/activities/{kind}" for kind in ("assessment", "course"))


def activity(path: str, kind: str, name: Any) -> dict[str, Any]:
    return {"id": f"{SITE}/{path}", "objectType": "Activity", "definition": {"name": name, "type": kind}}


QUIZ, WHOLE = activity("quizzes/7/", ASSESSMENT, {"en-US": "Lab safety"}), activity("courses/3/", COURSE, "Safety")


def blade(parent: Any = None, grouping: Any = None, **result: Any) -> dict[str, Any]:
    """A passed quiz as GrassBlade writes it: single activities, a scaled score as text, no time, no id."""
    scored = {"score": {"min": 0, "raw": 17, "max": 20, "scaled": "0.85"}, "completion": True, "success": True}
    around = {"parent": parent or QUIZ, "grouping": grouping or WHOLE}
    return {"object": QUIZ, "result": scored | result, "context": {"contextActivities": around}, "version": "1.0.0"}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parent[0].id", QUIZ["id"]),
        ("parent[-1].id", QUIZ["id"]),
        ("parent[1].id", Nothing.MISSING),
        ('parent[0].definition.name."en-US"', "Lab safety"),
        ("grouping[0].definition.name", "Safety"),
        ("parent[].id", [QUIZ["id"]]),
        ("parent[*].id", [QUIZ["id"]]),
        ("parent[:1].id", [QUIZ["id"]]),
        ("parent[*].definition.type | [0]", ASSESSMENT),
        (f"grouping[?definition.type == '{COURSE}'].id | [0]", WHOLE["id"]),
        (f"grouping[?definition.type == '{ASSESSMENT}'].id | [0]", Nothing.MISSING),
        (f"contains(grouping[].id, '{WHOLE['id']}')", True),
        ("[parent, grouping][].definition.type", [ASSESSMENT, COURSE]),
        ("category[0].id", Nothing.MISSING),
        ("category[].id", Nothing.MISSING),
    ],
)
def test_a_single_activity_is_found_as_a_list_of_one(path: str, value: Any, *, listed: bool) -> None:
    document = blade(*([[one] for one in (QUIZ, WHOLE)] if listed else []))
    before = "context.contextActivities"
    path = f"{before} | {path}" if path.startswith(("contains(", "[parent")) else f"{before}.{path}"
    assert read_path(path).of(document) == value


def test_a_path_without_an_index_means_the_single_object_as_ever() -> None:
    query = read_path("context.contextActivities.parent.id")
    assert query.of(blade()) == QUIZ["id"]
    assert query.of(blade(parent=[QUIZ])) is Nothing.MISSING


@pytest.mark.parametrize("odd", [None, "a text", 7, True, [], {}])
def test_what_is_neither_a_list_nor_an_object_has_no_elements(odd: Any) -> None:
    document = {"parent": odd}
    assert read_path("parent[0].id").of(document) is Nothing.MISSING
    assert read_path("parent[].id").of(document) in (Nothing.MISSING, [])
    assert read_path("parent[?id == 'x'].id | [0]").of(document) is Nothing.MISSING


def holds(value: Any, **test: Any) -> bool:
    return Condition.model_validate({"path": "value", **test}).holds({"value": value})


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("87", Decimal(87)),
        ("0.5", Decimal("0.5")),
        ("-1", Decimal(-1)),
        ("87,5", None),
        ("1,234.50", None),
        ("87%", None),
        (" 87", None),
        ("", None),
        ("1e2", None),
        ("0x10", None),
        ("NaN", None),
        ("٨٧", None),
        ("9" * 10, None),
    ],
)
def test_a_score_as_text_is_a_number_where_numbers_are_compared(text: str, exact: Decimal | None) -> None:
    assert number(text) == exact
    assert holds(text, at_least=0) == (exact is not None and exact >= 0)
    assert holds(text, at_most=100) == (exact is not None)
    assert not holds(text, **{"is": 87})


def test_a_scaled_score_as_text_passes_the_bar() -> None:
    passed = Condition.model_validate({"path": "result.score.scaled", "at_least": Decimal("0.8")})
    assert passed.holds(blade())
    assert not passed.holds(blade(score={"scaled": "0.79"}))
    assert quarter_hours("1.40", Decimal(6)) == Decimal("1.25")


@pytest.mark.parametrize("word", ["true", "false", 1, 0])
def test_a_flag_as_text_or_number_is_no_flag(word: Any) -> None:
    assert not holds(word, **{"is": True})
    assert not holds(word, **{"is": False})
    assert holds(word, is_not=False)
    assert not holds(word, is_not=word)


def test_names_may_be_maps_or_texts_and_null_is_there() -> None:
    assert read_path('object.definition.name."en-US"').of(blade()) == "Lab safety"
    assert read_path('object.definition.name."en-US"').of({"object": WHOLE}) is Nothing.MISSING
    assert read_path("context.contextActivities").of({"context": {"contextActivities": None}}) is None
    assert read_path("context.contextActivities.parent[0].id").of({"context": None}) is Nothing.MISSING
