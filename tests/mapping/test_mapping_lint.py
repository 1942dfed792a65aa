"""lint: rules that can never match, rules that take one statement, credits that leave apart, beside the sheets."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.findings import Finding
from connector.mapping.checks import Registered
from connector.mapping.checks.never import clash
from connector.mapping.language.conditions import Condition
from connector.mapping.loader import Defaults, Folder, _compile, lint
from connector.yamlfile import read_text

DONE = "{path: verb.id, is: completed}"
HERE = '{path: object.id, is: "urn:x"}'


def found(folder: Path, text: str, sheet: str = "", **sheets: Any) -> list[Finding]:
    (folder / "a.yaml").write_text(text)
    if sheet:
        (folder / "courses.csv").write_text(sheet)
    return lint(folder, sheets=sheets or None)


def said(folder: Path, text: str, sheet: str = "") -> list[tuple[str, str, int]]:
    return [(one.code, one.level, one.line) for one in found(folder, text, sheet)]


def when(*conditions: str) -> str:
    return f"[{', '.join(conditions)}]"


NEVER = {
    "two verbs": ["{path: verb.id, is: completed}", "{path: verb.id, is: passed}"],
    "a verb and its IRI's like": ["{path: verb.id, is: completed}", '{path: verb.id, is: "http://x.example/completed"}'],
    "is and is_not": ["{path: result.success, is: true}", "{path: result.success, is_not: true}"],
    "one_of apart": ["{path: object.id, one_of: [a, b]}", "{path: object.id, one_of: [c, d]}"],
    "one_of and is_not of each": [
        "{path: x, one_of: [1, 2]}", "{path: x, is_not: 1}", "{path: x, is_not: 2.0}",
    ],
    "bounds": ["{path: result.score.raw, at_least: 80}", "{path: result.score.raw, at_most: 79.5}"],
    "a value out of bounds": ["{path: result.score.raw, is: 70}", "{path: result.score.raw, at_least: 80}"],
    "there and not": ["{path: result, exists: true}", "{path: result, exists: false}"],
    "not there, and with a value": ["{path: result.success, exists: false}", "{path: result.success, is: true}"],
    "in what is not there": ["{path: result, exists: false}", "{path: result.score.raw, at_least: 80}"],
    "in what is not there, said after": ["{path: result.score.raw, at_least: 80}", "{path: result, exists: false}"],
    "two types": ["{path: object.definition.type, is: course}", "{path: object.definition.type, is: quiz}"],
    "two beginnings": ['{path: object.id, starts_with: "https://a/"}', '{path: object.id, starts_with: "https://b/"}'],
    "another beginning": [HERE, '{path: object.id, starts_with: "https://"}'],
    "another pattern": [HERE, '{path: object.id, matches: "urn:[0-9]+"}'],
    "other types of value": ["{path: result.success, is: true}", '{path: result.success, is: "true"}'],
    "in all": ["{all: [{path: result.success, is: true}, {path: result.success, is: false}]}"],
    "no branch of any": [
        HERE, '{any: [{path: object.id, is: "urn:y"}, {all: [{path: a, is: 1}, {path: a, is: 2}]}]}',
    ],
    "a group below a group": [HERE, '{any: [{all: [{any: [{path: object.id, is: "urn:y"}]}]}]}'],
    "a clever path": ['{path: "length(object.id)", is: 1}', '{path: "length(object.id)", is: 2}'],
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_rules_that_can_never_match(name: str) -> None:
    conditions = NEVER[name]
    text = make.text(make.rule(when="\n" + "".join(f"    - {one}\n" for one in conditions)))
    (finding,) = make.refused(text)
    assert (finding.code, finding.level) == ("mapping.never", "error")
    assert "`r` can never match" in finding.message
    first = text.splitlines().index(f"    - {conditions[0]}") + 1
    assert first <= finding.line < first + len(conditions)
    assert "any" in finding.message or "in line" in finding.message


MAY = [
    ["{path: verb.id, one_of: [completed, passed]}", "{path: verb.id, is_not: passed}"],
    ["{path: result.success, exists: false}", "{path: result.success, is_not: false}"],
    ["{path: result, exists: false}", "{path: result.success, is_not: false}"],
    ["{path: result.score.raw, at_least: 80}", "{path: result.score.raw, at_most: 80}"],
    ['{path: result.score.raw, is: "85"}', "{path: result.score.raw, at_least: 80}"],
    ['{path: object.id, starts_with: "https://a/"}', '{path: object.id, starts_with: "https://a/b"}'],
    [
        "{path: result.success, is: true}",
        "{any: [{path: result.success, is: false}, {path: result.completion, is: true}]}",
    ],
    ["{path: a, is_not: 1}", "{path: a, is_not: 2}"],
]


@pytest.mark.parametrize("conditions", MAY)
def test_rules_that_may_match(conditions: list[str]) -> None:
    assert make.is_accepted(make.rule(when=when(*conditions)))


VALUES = st.sampled_from([True, False, 1, 2, "1", "a", "ab", "b", None])
SCALARS = st.sampled_from([True, False, 1, 2, "1", "a", "ab", "b"])
PATHS = st.sampled_from(["x", "x.y", "z", "length(to_string(z))"])
LEAVES = st.one_of(
    st.builds(lambda path, word, test: {"path": path, test: word}, PATHS, SCALARS, st.sampled_from(["is", "is_not"])),
    st.builds(lambda path, words: {"path": path, "one_of": words}, PATHS, st.lists(SCALARS, min_size=1, max_size=2)),
    st.builds(lambda path, text: {"path": path, "starts_with": text}, PATHS, st.sampled_from(["a", "ab", "b"])),
    st.builds(lambda path, least: {"path": path, "at_least": least}, PATHS, st.integers(0, 3)),
    st.builds(lambda path, most: {"path": path, "at_most": most}, PATHS, st.integers(0, 3)),
    st.builds(lambda path, flag: {"path": path, "exists": flag}, PATHS, st.booleans()),
)  # fmt: skip
LINES = st.recursive(
    LEAVES, lambda below: st.builds(lambda kind, parts: {kind: parts}, st.sampled_from(["any", "all"]),
    st.lists(below, min_size=1, max_size=3)), max_leaves=5,
)  # fmt: skip
DOCUMENTS = st.dictionaries(
    st.sampled_from(["x", "z"]), VALUES | st.dictionaries(st.just("y"), VALUES, max_size=1), max_size=2
)


@settings(max_examples=60)
@given(st.lists(LINES, min_size=1, max_size=4), st.lists(DOCUMENTS, min_size=6, max_size=6))
def test_what_is_said_to_be_impossible_never_holds(
    lines: list[dict[str, Any]], documents: list[dict[str, Any]]
) -> None:
    conditions = [Condition.model_validate(line) for line in lines]
    if clash([(("when", at), one) for at, one in enumerate(conditions)]):
        for document in documents:
            assert not all(one.holds(document) for one in conditions)


def test_what_else_can_never_be_met(tmp_path: Path) -> None:
    both = "[{path: verb.id, is: submitted}, {path: verb.id, is: passed}]"
    text = make.text(
        make.rule(when=when(DONE, HERE), more=f"also_requires: [{{within: 0d, when: {both}}}]\nundone_by: {both}")
    )
    assert said(tmp_path, text) == [
        ("mapping.within", "warning", 9), ("mapping.never", "error", 9), ("mapping.never", "error", 10),
    ]  # fmt: skip
    long = make.rule(when=when(DONE, HERE), more="also_requires: [{within: 732d, when: [{path: verb.id, is: passed}]}]")
    (finding,) = found(tmp_path, make.text(long))
    assert (finding.code, finding.level) == ("mapping.within", "warning")
    endless = make.rule(
        when=when(DONE, HERE), more="also_requires: [{within: 99999999999999999d, when: [{path: a, is: 1}]}]"
    )
    assert said(tmp_path, make.text(endless)) == [("mapping.within", "error", 9)]


def test_the_defaults_of_the_file_count_with_their_own_place(tmp_path: Path) -> None:
    text = f"version: 1\ndefaults:\n  when:\n    - {DONE}\n  per: date\n" + make.text(
        make.rule(when=when("{path: verb.id, is: passed}", HERE))
    ).removeprefix("version: 1\n")
    (finding,) = found(tmp_path, text)
    assert (finding.code, finding.line) == ("mapping.never", 8)
    assert "the condition in line 4" in finding.message


# --- two rules ------------------------------------------------------------------------------------------------------


def overlaps(folder: Path, *rules: str, sheet: str = "") -> list[str]:
    return [one.level for one in found(folder, make.text(*rules), sheet) if one.code == "mapping.overlap"]


def test_a_general_rule_beside_a_specific_one(tmp_path: Path) -> None:
    site = make.rule("site", when(DONE, '{path: object.id, starts_with: "urn:"}'))
    assert overlaps(tmp_path, site, make.rule("one", when(DONE, HERE))) == ["error"]
    assert overlaps(tmp_path, make.rule("one", when(DONE, HERE)), site) == ["error"]
    elsewhere = make.rule("site", when(DONE, '{path: object.id, starts_with: "https:"}'))
    assert overlaps(tmp_path, elsewhere, make.rule("one", when(DONE, HERE))) == []
    course = "{path: object.definition.type, is: course}"
    kinds = make.rule("kinds", when(DONE, "{path: object.definition.type, one_of: [course, quiz]}"))
    assert overlaps(tmp_path, kinds, make.rule("one", when(DONE, HERE, course))) == ["error"]
    assert overlaps(tmp_path, kinds, make.rule("one", when(DONE, HERE))) == ["warning"]
    other = make.rule("one", when(DONE, HERE, "{path: object.definition.type, is: lesson}"))
    assert overlaps(tmp_path, kinds, other) == []
    anything = make.rule("any verb", when("{path: object.definition.type, is: course}"))
    assert overlaps(tmp_path, anything, make.rule("one", when(DONE, HERE, course))) == ["error"]


def test_rules_that_exclude_each_other_do_not_overlap(tmp_path: Path) -> None:
    passed = make.rule("passed", when(DONE, HERE, "{path: result.success, is: true}"))
    failed = make.rule("failed", when(DONE, HERE, "{path: result.success, is_not: true}"))
    assert overlaps(tmp_path, passed, failed) == []


HOLDS = st.sampled_from(
    [
        {"path": "verb.id", "is": "completed"},
        {"path": "verb.id", "one_of": ["completed", "passed"]},
        {"path": "verb.id", "is_not": "passed"},
        {"path": "object.id", "starts_with": "urn:"},
        {"path": "object.id", "matches": "urn:[a-z]"},
        {"path": "object.id", "one_of": ["urn:x", "urn:y"]},
        {"path": "object.definition.type", "one_of": ["course", "quiz"]},
        {"path": "object.definition.type", "is_not": "quiz"},
        {"path": "result", "exists": False},
        {"path": "result.success", "is_not": False},
    ]
)
FAILS = st.sampled_from([{"path": "verb.id", "is": "passed"}, {"path": "object.id", "is": "urn:y"}])
LINE = HOLDS | st.builds(lambda one, other: {"any": [other, one]}, HOLDS, FAILS | HOLDS)
TAKES = st.lists(LINE, min_size=1, max_size=3)


@settings(max_examples=40)
@given(TAKES, TAKES, st.sampled_from([{"is": "urn:x"}, {"one_of": ["urn:x", "urn:z"]}]))
def test_rules_that_take_one_statement_are_found(
    one: list[dict[str, Any]], other: list[dict[str, Any]], about: dict[str, Any]
) -> None:
    """Where one of them names objects: of two that name none only what is certain is said."""
    rules = [
        make.rule("one", json.dumps([*one, {"path": "object.id", **about}])),
        make.rule("other", json.dumps(other)),
    ]
    statement = make.statement(object={"id": "urn:x", "definition": {"type": make.COURSE}})
    assert all(make.judge(make.rules(rule), statement) for rule in rules)
    _, findings = _compile(Folder(Path(), [read_text("a.yaml", make.text(*rules))]), None)
    assert "mapping.overlap" in [finding.code for finding in findings]


CATALOGUE = """- name: {name}
  when: [{when}]
  completed_on: {{zone: America/Chicago}}
  catalogue: {{from: courses.csv{key}}}
{more}"""


def catalogue(name: str = "all", conditions: str = DONE, key: str = "", more: str = "") -> str:
    return CATALOGUE.format(name=name, when=conditions, key=key, more=f"  {more}\n" if more else "")


SHEET = "object_id,activity_id,credits\nurn:x,203512345,1.25\nurn:y,203512346,1\nurn:open,,1\n"


def test_a_catalogue_beside_a_rule(tmp_path: Path) -> None:
    assert said(tmp_path, make.text(catalogue()), SHEET) == [("mapping.catalogue_open", "warning", 4)]
    assert overlaps(tmp_path, catalogue(), make.rule("one", when(DONE, HERE)), sheet=SHEET) == ["error"]
    for free in ("urn:z", "urn:open"):
        one = make.rule("one", when(DONE, f'{{path: object.id, is: "{free}"}}'))
        assert overlaps(tmp_path, one, catalogue(), sheet=SHEET) == []
    assert overlaps(tmp_path, catalogue("a"), catalogue("b"), sheet=SHEET) == ["error"]
    by_platform = catalogue("b", key=", key: context.platform")
    assert overlaps(tmp_path, by_platform, make.rule("one", when(DONE, HERE)), sheet=SHEET) == ["warning"]


def test_rows_that_the_conditions_rule_out(tmp_path: Path) -> None:
    text = make.text(catalogue(conditions=f'{DONE}, {{path: object.id, starts_with: "urn:y"}}'))
    finding = next(one for one in found(tmp_path, text, SHEET) if one.path.endswith("a.yaml"))
    assert (finding.code, finding.level) == ("mapping.catalogue_unreached", "warning")
    assert "1 of 2 rows" in finding.message
    text = make.text(catalogue(conditions=f'{DONE}, {{path: object.id, starts_with: "https:"}}'))
    assert any("every row" in one.message for one in found(tmp_path, text, SHEET))


def test_a_row_and_a_rule_of_one_activity_agree_what_is_earned_once(tmp_path: Path) -> None:
    text = make.text(catalogue(), make.rule("b", when(DONE, '{path: object.id, is: "urn:z"}'), more="per: date"))
    codes = [code for code, _, _ in said(tmp_path, text, SHEET)]
    assert "mapping.per_differs" in codes
    other = text.replace("per: date", "per: activity")
    assert [code for code, _, _ in said(tmp_path, other, SHEET)] == ["mapping.catalogue_open"]
    two = make.text(catalogue("a", "{path: verb.id, is: passed}"), catalogue("b", more="per: session"))
    assert "mapping.per_differs" in [code for code, _, _ in said(tmp_path, two, SHEET)]


def test_cme_and_moc_of_one_activity_apart(tmp_path: Path) -> None:
    moc = "\n    - {type: moc, board: ABIM, amount: 1}\n"
    cme_rule = make.rule("a", when(DONE, HERE))
    moc_rule = make.rule("b", when("{path: verb.id, is: passed}", HERE), moc)
    assert said(tmp_path, make.text(cme_rule, moc_rule)) == [("mapping.credits_apart", "warning", 9)]
    both = make.rule("b", when("{path: verb.id, is: passed}", HERE), make.CREDITS + moc.lstrip("\n"))
    assert said(tmp_path, make.text(cme_rule, both)) == []
    elsewhere = moc_rule.replace("203512345", "203512347")
    assert said(tmp_path, make.text(cme_rule, elsewhere)) == []
    rows = "object_id,activity_id,credits,ABIM\nurn:x,203512345,1.25,\nurn:y,203512345,,1\n"
    (finding,) = found(tmp_path, make.text(catalogue()), rows)
    assert finding.code == "mapping.credits_apart"
    assert "two rows of the catalogue of `all`" in finding.message
    by_row = "object_id,activity_id,credits,ABIM\nurn:y,203512345,,1\n"
    assert [code for code, _, _ in said(tmp_path, make.text(cme_rule, catalogue()), by_row)] == [
        "mapping.credits_apart"
    ]


# --- one rule -------------------------------------------------------------------------------------------------------


def test_a_catalogue_by_object_id_is_a_condition_on_the_object(tmp_path: Path) -> None:
    full = SHEET.replace("urn:open,,1\n", "")
    assert said(tmp_path, make.text(catalogue()), full) == []
    assert said(tmp_path, make.text(catalogue(key=", key: context.platform")), full) == [
        ("mapping.no_object", "warning", 4)
    ]
    assert said(tmp_path, make.text(catalogue(key=", key: contxt.platform")), full) == [
        ("mapping.no_object", "warning", 4), ("mapping.unknown_path", "warning", 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "condition",
    [
        '{path: object.id, is: "https://lms.example.org/course/view.php?id=42"}',
        '{path: object.id, starts_with: "https://lms.example.org/mod/quiz/view.php"}',
        '{path: object.id, matches: "https://lms[.]example[.]org/mod/quiz/view\\\\.php.id=[0-9]+"}',
        '{path: object.definition.extensions."https://w3id.org/learning-analytics/learning-management-system", is: 2}',
    ],
)
def test_registrations_of_moodle_are_sessions(tmp_path: Path, condition: str) -> None:
    text = make.text(make.rule(when=when(DONE, condition), more="per: registration"))
    assert said(tmp_path, text) == [("mapping.per_session", "warning", 9)]
    assert [one.code for one in lint(tmp_path, Defaults(sessions=True))] == ["mapping.per_session"]
    assert said(tmp_path, text.replace("per: registration", "per: date")) == []


def test_registrations_of_others_are_not(tmp_path: Path) -> None:
    assert said(tmp_path, make.text(make.rule(when=when(DONE, HERE), more="per: registration"))) == []


def test_beside_the_activity_sheet(tmp_path: Path) -> None:
    credits_ = "\n    - {type: cme, amount: 1.25}\n    - {type: moc, board: ABIM, amount: 1}\n"
    text = make.text(make.rule(when=when(DONE, HERE), credits_=credits_, more="rems: {type: mycophenolate}"))
    (tmp_path / "a.yaml").write_text(text)

    def beside(activity: str, **facts: Any) -> list[tuple[str, str, int]]:
        whole: dict[str, Any] = {"most": Decimal(2), "boards": ("ABIM",), "rems_type": "Mycophenolate"}
        sheets = {"1234567": {activity: Registered(**whole | facts)}}
        defaults = Defaults({"1234567": "America/Chicago"})
        return [(one.code, one.level, one.line) for one in lint(tmp_path, defaults, sheets)]

    assert beside("203512345") == []
    assert beside("203512345", most=None) == []
    assert beside("203512345", most=Decimal(1)) == [("mapping.above_maximum", "warning", 8)]
    assert beside("203512345", boards=("ABP",)) == [("mapping.board_unregistered", "warning", 9)]
    assert beside("203512345", rems_type="") == [("mapping.rems_differs", "warning", 10)]
    assert beside("203512354") == [("mapping.activity_unknown", "warning", 5)]
    (finding,) = lint(tmp_path, Defaults({"1234567": "UTC"}), {"1234567": {}})
    assert finding.code == "mapping.activity_unknown"


def test_many_unknown_activities_of_a_catalogue_are_one_finding(tmp_path: Path) -> None:
    rows = "".join(f"urn:{n},2035123{n},1\n" for n in range(10, 40))
    (tmp_path / "courses.csv").write_text("object_id,activity_id,credits\n" + rows)
    (tmp_path / "a.yaml").write_text(make.text(catalogue()))
    (finding,) = lint(tmp_path, Defaults({"1234567": "UTC"}), {"1234567": {}})
    assert finding.message.endswith("203512310, 203512311, 203512312, 203512313, 203512314 and 25 more")
