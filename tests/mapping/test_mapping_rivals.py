"""lint: which rules meet in one statement, among thousands, and what follows from what; hashes of one spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mapping_samples as make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.findings import Finding
from connector.mapping.checks import overlapping
from connector.mapping.checks.implied import certain, implied
from connector.mapping.checks.placed import possible
from connector.mapping.checks.rivals import Rivals, narrowed
from connector.mapping.language.conditions import OBJECT_ID, Condition
from connector.mapping.loader import from_texts, lint
from connector.records import Problem

DONE = "{path: verb.id, is: completed}"
COURSE = "{path: object.definition.type, is: course}"
HERE = '{path: object.id, is: "https://x/c/1"}'
STATEMENT = make.statement(
    object={"id": "https://x/c/1", "definition": {"type": make.COURSE}}, result={"score": {"scaled": 0.9, "raw": 70}}
)


def found(folder: Path, *rules: str) -> list[Finding]:
    (folder / "a.yaml").write_text(make.text(*rules))
    return lint(folder)


def rule(name: str, *conditions: str, more: str = "") -> str:
    return make.rule(name, f"[{', '.join(conditions)}]", more=more)


def starts(text: str) -> str:
    return f'{{path: object.id, starts_with: "{text}"}}'


SCORE = "{path: result.score.scaled, at_least: %s}"
COLLIDING = {
    "a beginning of a beginning": ([starts("https://x/")], [starts("https://x/c/")], "error"),
    "a pattern of a beginning": (
        [starts("https://x/c/")], ['{path: object.id, matches: "https://x/c/[0-9]+"}'], "error",
    ),
    "a bound in a bound": ([COURSE, SCORE % "0.5"], [COURSE, SCORE % "0.80"], "error"),
    "an upper bound": (
        ["{path: result.score.raw, at_most: 90}"], ["{path: result.score.raw, at_most: 80}"], "error",
    ),
    "a value that is there": (
        [COURSE, "{path: result.score.scaled, exists: true}"], [COURSE, SCORE % "0.5"], "error",
    ),
    "another beginning than what must not be": (
        ['{path: object.id, is_not: "https://y/"}', COURSE], [starts("https://x"), COURSE], "error",
    ),
    "a line of an any": ([f"{{any: [{starts('https://x/')}, {COURSE}]}}"], [starts("https://x/c/")], "error"),
    "all of an all": ([f"{{all: [{starts('https://x/')}, {COURSE}]}}"], [starts("https://x/c/"), COURSE], "error"),
    "a beginning and a type": ([starts("https://x/")], [COURSE], "warning"),
    "two patterns": (
        ['{path: object.id, matches: "https://x/c/[0-9]+"}'], ['{path: object.id, matches: "https://x/[a-z]/1"}'],
        "warning",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COLLIDING)
def test_two_general_rules_that_stop_each_other(tmp_path: Path, name: str) -> None:
    one, other, level = COLLIDING[name]
    rules = [rule("a", DONE, *one), rule("b", DONE, *other)]
    assert [type(judged.outcome) for judged in make.judge(make.rules(*rules), STATEMENT)] == [Problem, Problem]
    for both in (rules, rules[::-1]):
        overlaps = [finding.level for finding in found(tmp_path, *both) if finding.code == "mapping.overlap"]
        assert overlaps == [level]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([starts("https://x/c/")], [starts("https://x/d/")]),
        ([starts("https://x/c/")], ['{path: object.id, matches: "https://y/[0-9]+"}']),
        ([COURSE], ["{path: object.definition.type, is: quiz}"]),
        ([COURSE, SCORE % "0.8"], [COURSE, "{path: result.score.scaled, at_most: 0.5}"]),
    ],
)
def test_two_general_rules_that_never_meet(tmp_path: Path, one: list[str], other: list[str]) -> None:
    assert found(tmp_path, rule("a", DONE, *one), rule("b", DONE, *other)) == []
    assert found(tmp_path, rule("a", DONE, COURSE), rule("b", DONE, COURSE, more="priority: 1")) == []


def test_a_catalogue_without_rows_takes_nothing_from_others(tmp_path: Path) -> None:
    """Of a sheet that nobody has filled in yet, and of one whose rows have no activity."""
    by_sheet = f"- name: b\n  when: [{DONE}, {starts('https://x/')}]\n  catalogue: {{from: c.csv}}\n"
    for rows in ("", "https://x/c/1,,1\n"):
        (tmp_path / "c.csv").write_text(f"object_id,activity_id,credits\n{rows}")
        assert [one for one in found(tmp_path, rule("a", DONE, HERE), by_sheet) if one.level == "error"] == []


ASKED = {
    "a line of an any": ([DONE, f"{{any: [{HERE}, {SCORE % '0.8'}]}}"], "mapping.no_object"),
    "no agent": ([DONE, "{path: object.objectType, is_not: Agent}"], "mapping.no_object"),
    "another object": ([DONE, '{path: object.id, is_not: "urn:x"}'], "mapping.no_object"),
    "a verb by a pattern": (['{path: verb.id, matches: ".*/completed?"}'], "mapping.no_object"),
    "another verb": (["{path: verb.id, is_not: passed}", HERE], "mapping.no_verb"),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_does_not_narrow_the_verb_or_the_object(tmp_path: Path, name: str) -> None:
    conditions, code = ASKED[name]
    assert [(one.code, one.level) for one in found(tmp_path, rule("a", *conditions))] == [(code, "warning")]


def test_what_narrows_every_line(tmp_path: Path) -> None:
    lines = f"{{any: [{{all: [{DONE}, {HERE}]}}, {{all: [{{path: verb.id, is: passed}}, {COURSE}]}}]}}"
    assert found(tmp_path, rule("a", lines)) == []


def test_a_completion_that_would_undo_itself(tmp_path: Path) -> None:
    itself = rule("a", DONE, HERE, more=f"undone_by: [{DONE}]")
    assert [(one.code, one.level) for one in found(tmp_path, itself)] == [("mapping.undone_by", "warning")]
    failed = rule("a", DONE, HERE, more=f"undone_by: [{DONE}, {{path: result.success, is: false}}]")
    assert found(tmp_path, failed) == []


# --- thousands ------------------------------------------------------------------------------------------------------


SHAPES = {
    "one object each": lambda n: [f'{{path: object.id, is: "https://x/{n}"}}'],
    "one beginning each": lambda n: [starts(f"https://x/{n}/")],
    "one pattern each": lambda n: [f'{{path: object.id, matches: "https://x/{n}/[a-z]+"}}'],
    "one parent each": lambda n: [COURSE, f'{{path: "context.contextActivities.parent[0].id", is: "https://x/{n}"}}'],
    "groups": lambda n: [f'{{any: [{starts(f"https://x/{n}/")}, {{path: object.id, is: "https://y/{n}"}}]}}'],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_rules_that_are_told_apart_are_not_compared(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlapping, "MOST_LINES", 0)
    rules = [rule(f"r{n}", DONE, *SHAPES[shape](n)) for n in range(60)]
    assert found(tmp_path, *rules) == []


def test_too_many_that_may_meet_are_not_all_compared_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlapping, "MOST_LINES", 100)
    rules = [rule(f"r{n}", DONE, f"{{path: result.score.raw, is_not: {n}}}", COURSE) for n in range(20)]
    said = [one for one in found(tmp_path, *rules) if one.code == "mapping.not_compared"]
    assert [one.level for one in said] == ["info"]
    assert len(found(tmp_path, *rules)) < 20


def test_a_long_list_beside_a_long_group(tmp_path: Path) -> None:
    """All texts at once: each against each line would take minutes."""
    objects = [f'"https://x/{n}"' for n in range(4_000)]
    lines = ", ".join(f"{{path: object.id, is: {one}}}" for one in objects[2_000:])
    listed = f"{{path: object.id, one_of: [{', '.join(objects)}]}}"
    assert found(tmp_path, rule("a", DONE, listed, f"{{any: [{lines}]}}")) == []


# --- what follows from what, for any conditions ---------------------------------------------------------------------

PATHS = st.sampled_from(["object.id", "x", "x.y"])
SCALARS = st.sampled_from([True, 1, 2, "1", "a", "ab", "b"])
LEAVES = st.one_of(
    st.builds(lambda path, word, test: {"path": path, test: word}, PATHS, SCALARS, st.sampled_from(["is", "is_not"])),
    st.builds(lambda path, words: {"path": path, "one_of": words}, PATHS, st.lists(SCALARS, min_size=1, max_size=2)),
    st.builds(lambda path, text: {"path": path, "starts_with": text}, PATHS, st.sampled_from(["a", "ab", "b"])),
    st.builds(lambda path, text: {"path": path, "matches": text}, PATHS, st.sampled_from(["a", "ab?", "a|b", "[ab]+"])),
    st.builds(lambda path, n, test: {"path": path, test: n}, PATHS, st.integers(0, 3),
              st.sampled_from(["at_least", "at_most"])),
    st.builds(lambda path, flag: {"path": path, "exists": flag}, PATHS, st.booleans()),
)  # fmt: skip
LINES = LEAVES | st.builds(
    lambda kind, parts: {kind: parts}, st.sampled_from(["any", "all"]), st.lists(LEAVES, min_size=1, max_size=3)
)
RULES = st.lists(LINES, min_size=1, max_size=3).map(lambda lines: [Condition.model_validate(one) for one in lines])
VALUES = st.sampled_from([True, 1, 2, "1", "a", "ab", "b", "abb"])
DOCUMENTS = st.builds(
    lambda about, x: {"object": about} | x,
    st.builds(lambda value: {"id": value}, VALUES),
    st.builds(lambda value: {"x": value}, VALUES | st.builds(lambda y: {"y": y}, VALUES)) | st.just({}),
)


def holds(conditions: list[Condition], document: Any) -> bool:
    return all(one.holds(document) for one in conditions)


@settings(max_examples=80)
@given(RULES, RULES, st.lists(DOCUMENTS, min_size=12, max_size=12))
def test_what_is_said_of_two_rules_is_true_of_every_statement(
    one: list[Condition], other: list[Condition], documents: list[Any]
) -> None:
    follows = all(implied(condition, certain(one)) for condition in other)
    rivals = [place for places in Rivals([narrowed(one), narrowed(other)]).of(1) for place in places]
    for document in documents:
        if follows and holds(one, document):
            assert holds(other, document)
        if holds(one, document) and holds(other, document):
            assert rivals == [0]
        about = document["object"]["id"]
        if isinstance(about, str) and holds(one, document):
            assert possible(one, OBJECT_ID, {about, "other"}) >= {about}


# --- one spelling ---------------------------------------------------------------------------------------------------

SAME = [
    ("at_least: 0.8", "at_least: 0.80"),
    ("at_least: 1", "at_least: 1.0"),
    ("at_most: 100", "at_most: 100.00"),
    ("is: 1", "is: 1.0"),
    ("is_not: -0.0", "is_not: 0"),
    ("one_of: [a, 1, true]", "one_of: [true, 1.0, a]"),
]
OTHER = [
    ("is: 1", 'is: "1"'),
    ("is: 1", "is: true"),
    ("is: 0.123456789012345678", "is: 0.123456789012345679"),
    ("one_of: [a, b]", "one_of: [a, c]"),
    ("is: 0.8", "at_least: 0.8"),
    ('is: "0.80"', 'is: "0.8"'),
]


def keys(test: str) -> tuple[str, str, str]:
    """The rule's hash, and what evidence for it and against it names."""
    line = f"{{path: result.x, {test}}}"
    more = f"also_requires: [{{within: 1d, when: [{line}]}}]\nundone_by: [{line}]"
    (active,) = make.rules(rule("a", DONE, HERE, line, more=more)).rules
    return active.hash, active.rule.also_requires[0].key, active.rule.undone_key


def test_one_meaning_has_one_hash_and_another_has_another() -> None:
    for one, other in SAME:
        assert keys(one) == keys(other), other
    for one, other in OTHER:
        assert not set(keys(one)) & set(keys(other)), other


def test_a_credit_type_by_another_spelling_is_the_same() -> None:
    parts = "\n    - {{type: moc, board: ABIM, amount: 2, of_which: {{{}: 1}}}}\n"
    hashes = {
        make.rules(make.rule(credits_=parts.format(name))).rules[0].hash
        for name in ("Medical Knowledge", "medical knowledge")
    }
    assert len(hashes) == 1
    assert make.rules(make.rule(credits_=parts.format("Patient Safety"))).rules[0].hash not in hashes


# --- what is in force -----------------------------------------------------------------------------------------------


def test_rules_of_the_store_are_read_whatever_lint_says_today(tmp_path: Path) -> None:
    text = make.text(rule("a", DONE, HERE), rule("b", DONE, HERE), rule("c", DONE, HERE, f'{HERE[:-2]}0"}}'))
    (tmp_path / "a.yaml").write_text(text)
    assert {one.code for one in lint(tmp_path)} == {"mapping.overlap", "mapping.never"}
    assert len(from_texts({"a.yaml": text}).rules) == 3
