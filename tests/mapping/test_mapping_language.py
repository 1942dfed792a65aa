"""The keys that join, undo, group and share: also_requires, undone_by, sessions, amounts, defaults."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import mapping_samples as make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.mapping.evaluate import Judged
from connector.mapping.loader import Defaults, Ruleset, from_texts
from connector.records import Completion, Evidence, Ignored, Need, Problem

SITE = "https://campus.example.edu"
UNCOMPLETED = "https://xapi.edlm/profiles/edlm-lms/concepts/verbs/uncompleted"
SUBMITTED = "http://activitystrea.ms/schema/1.0/submit"


def moodle(verb: str, path: str, kind: str, **changes: Any) -> dict[str, Any]:
    """A statement as Moodle's plugin writes it: an account by its number, a session's registration, the site above."""
    around = {
        "platform": "Moodle",
        "registration": "1f0e4a55-7c1b-5e0a-9a5c-2b7d8f6c3e21",
        "contextActivities": {"category": [{"id": SITE, "objectType": "Activity"}]},
    }
    return make.statement(
        actor={"account": {"homePage": SITE, "name": "7"}, "name": "Ines Ferrante"},
        verb={"id": verb, "display": {"en": "said"}},
        object={
            "id": f"{SITE}{path}",
            "definition": {"type": kind, "name": {"en": "Sepsis"}},
            "objectType": "Activity",
        },
        context=around,
        **changes,
    )


COURSE = moodle(make.COMPLETED, "/course/view.php?id=9", make.COURSE)
FEEDBACK = moodle(SUBMITTED, "/mod/feedback/view.php?id=31", "http://id.tincanapi.com/activitytype/survey")
BOOK = f"{SITE}/mod/book/view.php?id=5"
BOOK_DONE = moodle(make.COMPLETED, "/mod/book/view.php?id=5", "http://id.tincanapi.com/activitytype/book")
BOOK_UNDONE = moodle(UNCOMPLETED, "/mod/book/view.php?id=5", "http://id.tincanapi.com/activitytype/book")

ON_COURSE = f'\n    - {{path: verb.id, is: completed}}\n    - {{path: object.id, is: "{SITE}/course/view.php?id=9"}}\n'
EVALUATION = f"""also_requires:
  - within: 90d
    when: [{{path: verb.id, is: "{SUBMITTED}"}}, {{path: object.id, starts_with: "{SITE}/mod/feedback/"}}]"""


def only(ruleset: Ruleset, document: Any) -> Judged:
    (judged,) = make.judge(ruleset, document)
    return judged


# --- also_requires ---


def test_what_is_also_required_comes_out_as_evidence_and_is_what_the_completion_needs() -> None:
    ruleset = make.rules(make.rule("sepsis", ON_COURSE, more=EVALUATION + "\nprovider: '0001234'"))
    done, evidence = only(ruleset, COURSE).outcome, only(ruleset, FEEDBACK).outcome
    assert isinstance(done, Completion)
    assert isinstance(evidence, Evidence)
    assert done.needs == (Need(key=evidence.meets[0], within=timedelta(days=90)),)
    assert (evidence.rule, evidence.provider, evidence.undoes) == ("sepsis", "0001234", "")
    assert evidence.rule_hash == ruleset.rules[0].hash


def test_other_statements_are_no_evidence() -> None:
    ruleset = make.rules(make.rule("sepsis", ON_COURSE, more=EVALUATION))
    assert make.judge(ruleset, FEEDBACK | {"object": {"id": f"{SITE}/mod/quiz/view.php?id=1"}}) == ()
    assert make.judge(ruleset, FEEDBACK | {"verb": {"id": "urn:viewed"}}) == ()


def test_what_the_statement_itself_meets_is_not_waited_for() -> None:
    passed = """also_requires:
  - {within: 30d, when: [{path: result.score.scaled, at_least: 0.8}]}
  - {within: 1d, when: [{path: verb.id, is: attended}]}"""
    ruleset = make.rules(make.rule("sepsis", ON_COURSE, more=passed))
    needs = {
        score: [
            need.within.days
            for need in make.completion(ruleset, COURSE | {"result": {"score": {"scaled": score}}}).needs
        ]
        for score in (0.79, 0.8)
    }
    assert needs == {0.79: [30, 1], 0.8: [1]}


def test_the_key_of_a_need_is_that_of_its_conditions_in_whatever_rule_and_window() -> None:
    other = EVALUATION.replace("90d", "36h").replace(f'"{SUBMITTED}"', f"'{SUBMITTED}'")
    about = ON_COURSE.replace("id=9", "id=10")
    ruleset = make.rules(make.rule("a", ON_COURSE, more=EVALUATION), make.rule("b", about, more=other))
    met = [one.outcome.meets for one in make.judge(ruleset, FEEDBACK) if isinstance(one.outcome, Evidence)]
    assert len(met) == 2
    assert met[0] == met[1]


def test_a_rule_that_is_outranked_still_finds_its_evidence() -> None:
    any_submission = f'\n    - {{path: verb.id, is: "{SUBMITTED}"}}\n'
    both = [
        make.rule("low", any_submission, more=EVALUATION.replace("90d", "1d")),
        make.rule("high", any_submission, more="priority: 1"),
    ]
    outcomes = {one.rule: one.outcome for one in make.judge(make.rules(*both), FEEDBACK)}
    assert isinstance(outcomes["high"], Completion)
    assert isinstance(outcomes["low"], Evidence)


# --- undone_by ---

UNDONE = "undone_by: [{path: verb.id, is: uncompleted}]"


def book(more: str = UNDONE, when: str = f'{{path: object.id, is: "{BOOK}"}}') -> Ruleset:
    return make.rules(make.rule("book", f"[{{path: verb.id, is: completed}}, {when}]", more=more))


def test_what_undoes_a_completion_names_the_same_key() -> None:
    done, undone = only(book(), BOOK_DONE).outcome, only(book(), BOOK_UNDONE).outcome
    assert isinstance(done, Completion)
    assert isinstance(undone, Evidence)
    assert undone.undoes == done.undone_by != ""
    assert undone.meets == ()
    assert make.completion(book(more=""), BOOK_DONE).undone_by == ""


@pytest.mark.parametrize(
    "when",
    [f'{{path: object.id, is: "{BOOK}"}}', f'{{path: object.id, starts_with: "{SITE}/mod/book/"}}',
     f'{{any: [{{path: object.id, is: "{BOOK}"}}, {{path: object.id, is: "urn:x"}}]}}'],
)  # fmt: skip
def test_what_is_about_another_object_undoes_nothing(when: str) -> None:
    ruleset = book(when=when)
    assert isinstance(only(ruleset, BOOK_UNDONE).outcome, Evidence)
    assert make.judge(ruleset, BOOK_UNDONE | {"object": {"id": f"{SITE}/mod/page/view.php?id=5"}}) == ()


def test_a_thousand_rules_are_not_asked_about_one_undoing() -> None:
    ruleset = make.rules(
        *(
            make.rule(f"r{n}", f'[{{path: verb.id, is: completed}}, {{path: object.id, is: "urn:{n}"}}]', more=UNDONE)
            for n in range(20)
        )
    )
    assert [active.rule.name for active in ruleset.candidates(UNCOMPLETED, "urn:7")] == ["r7"]


# --- sessions: one activity, credit per session attended ---


def attended(session: int, duration: str) -> dict[str, Any]:
    return make.statement(
        verb={"id": "http://adlnet.gov/expapi/verbs/attended"},
        object={"id": f"https://events.example.org/occurrences/{session}"},
        context={"contextActivities": {"parent": {"id": "https://events.example.org/series/267"}}},
        result={"duration": duration, "completion": True},
    )


def test_a_series_is_one_activity_with_credit_for_each_session() -> None:
    when = """
    - {path: verb.id, is: attended}
    - {path: "context.contextActivities.parent[0].id", is: "https://events.example.org/series/267"}
"""
    credits_ = "[{type: cme, amount: {path: result.duration, function: duration_quarter_hours, most: 1}}]"
    ruleset = make.rules(make.rule("rounds", when, credits_, "per: session"))
    first, second = (make.completion(ruleset, attended(n, "PT50M")) for n in (1, 2))
    assert (first.activity_id, first.credits) == (second.activity_id, second.credits)
    assert first.per != second.per
    assert first.credits[0].amount == Decimal("0.75")
    assert make.completion(ruleset, attended(1, "PT3H")).credits[0].amount == 1
    assert isinstance(make.outcome(ruleset, attended(1, "PT14M59S")), Ignored)


# --- amounts ---


@pytest.mark.parametrize(
    ("function", "found", "earned"),
    [
        ("share_of_most", 0.9, "3.50"),
        ("share_of_most", "1", "4.00"),
        ("percent_of_most", 90, "3.50"),
        ("quarter_hours", 2.9, "2.75"),
        ("quarter_hours", 8, "4.00"),
        ("duration_quarter_hours", "PT12M3S", "0"),
        ("duration_quarter_hours", "P0Y0M0DT1H20M", "1.25"),
        ("share_of_most", 90, None),
        ("percent_of_most", 101, None),
        ("duration_quarter_hours", 3600, None),
        ("quarter_hours", "PT1H", None),
    ],
)
def test_amounts_of_a_passed_package(function: str, found: Any, earned: str | None) -> None:
    when = '\n    - {path: verb.id, is: passed}\n    - {path: object.id, is: "urn:articulate:storyline:5Yw2"}\n'
    credits_ = f"""
    - {{type: moc, board: ABIM, amount: {{path: result.found, function: {function}, most: 4}}}}
"""
    package = make.statement(
        verb={"id": "http://adlnet.gov/expapi/verbs/passed"},
        object={
            "id": "urn:articulate:storyline:5Yw2",
            "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
        },
        result={"found": found, "success": True},
    )
    outcome = make.outcome(make.rules(make.rule("p", when, credits_)), package)
    if earned is None:
        assert isinstance(outcome, Problem)
        assert (outcome.code, outcome.field) == ("mapping.bad_amount", "result.found")
    elif earned == "0":
        assert isinstance(outcome, Ignored)
    else:
        assert isinstance(outcome, Completion)
        assert outcome.credits[0].amount == outcome.credits[0].board_total == Decimal(earned)


def test_parts_may_be_computed_and_each_stays_within_the_total() -> None:
    credits_ = """
    - type: moc
      board: ABIM
      amount: {path: result.score.raw, function: percent_of_most, most: 4}
      of_which: {Medical Knowledge: {path: result.score.scaled, function: share_of_most, most: 4}, Patient Safety: 0.25}
"""
    ruleset = make.rules(make.rule(credits_=credits_))

    def earned(raw: float, scaled: float) -> Any:
        return make.outcome(ruleset, make.statement(result={"score": {"raw": raw, "scaled": scaled}}))

    assert [(one.credit_type, one.amount) for one in earned(100, 0.5).credits] == [
        ("Medical Knowledge", Decimal("2.00")),
        ("Patient Safety", Decimal("0.25")),
    ]
    assert earned(40, 0.9).code == "mapping.bad_amount"


# --- defaults ---

DEFAULTS = """version: 1
defaults:
  provider: "0001234"
  when: [{path: context.platform, is: Moodle}]
  undone_by: [{path: verb.id, is: uncompleted}]
  completed_on: {zone: Asia/Kathmandu}
  per: date
  priority: 3
  credits: [{type: cme, amount: 1}]
rules:
  - name: common
    when: [{path: verb.id, is: completed}]
    activity: "203512345"
  - name: own
    when: [{path: verb.id, is: passed}]
    activity: "203512346"
    completed_on: {path: stored}
    undone_by: []
    per: activity
    priority: 0
    credits: [{type: moc, board: ABIM, amount: 2}]
"""
WRITTEN_OUT = """version: 1
rules:
  - name: common
    provider: 0001234
    when: [{path: context.platform, is: Moodle}, {path: verb.id, is: completed}]
    undone_by: [{path: verb.id, is: uncompleted}]
    activity: "203512345"
    completed_on: {path: timestamp, zone: Asia/Kathmandu}
    per: date
    priority: 3
    credits: [{type: cme, amount: 1.00}]
  - name: own
    provider: 0001234
    when: [{path: context.platform, is: Moodle}, {path: verb.id, is: passed}]
    activity: "203512346"
    completed_on: {path: stored, zone: Asia/Kathmandu}
    credits: [{type: moc, board: ABIM, amount: 2}]
"""


def test_a_rule_under_defaults_is_the_rule_written_out() -> None:
    short, long = from_texts({"a.yaml": DEFAULTS}), from_texts({"b.yaml": WRITTEN_OUT})
    assert [active.hash for active in short.rules] == [active.hash for active in long.rules]
    assert short.hash == long.hash
    assert [one.provider for one in short.rules] == ["0001234", "0001234"]
    done = make.completion(short, COURSE | {"timestamp": "2026-12-31T18:15:00Z"})
    assert (done.completed_on, done.per, done.zone) == (date(2027, 1, 1), "2027-01-01", "Asia/Kathmandu")
    assert make.judge(short, make.statement())[0].outcome.reason.startswith("not met: `context.platform`")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("common", "own", "path", "from_", "zone"),
    [
        ("{zone: Asia/Tokyo}", "{from: moodle}", "timestamp", "moodle", "Asia/Tokyo"),
        ("{from: moodle, zone: Asia/Tokyo}", "{path: stored}", "stored", None, "Asia/Tokyo"),
        ("{path: stored, zone: Asia/Tokyo}", "{zone: Asia/Seoul}", "stored", None, "Asia/Seoul"),
        ("{path: stored}", "{from: moodle, zone: Asia/Seoul}", "timestamp", "moodle", "Asia/Seoul"),
    ],
)
def test_a_rule_that_names_half_of_completed_on_keeps_the_other_half(
    common: str, own: str, path: str, from_: str | None, zone: str
) -> None:
    text = make.text(make.rule(more=f"completed_on: {own}")).replace(
        "rules:", f"defaults: {{completed_on: {common}}}\nrules:"
    )
    on = from_texts({"a.yaml": text}).rules[0].rule.completed_on
    assert (on.path.text, on.from_, on.zone) == (path, from_, zone)


def test_defaults_offer_each_certification_once_too() -> None:
    twice = "defaults: {credits: [{type: cme, amount: 1}, {type: cme, amount: 2}]}\nrules:"
    (finding,) = make.refused(make.text(make.rule()).replace("rules:", twice))
    assert (finding.code, finding.line, finding.column) == ("mapping.duplicate_credit", 2, 21)


KEYS: dict[str, Any] = {
    "provider": st.sampled_from(["0001234", "7654321"]),
    "when": st.sampled_from([[{"path": "verb.id", "is": "completed"}], [{"path": "result.success", "is_not": False}]]),
    "undone_by": st.sampled_from([[], [{"path": "verb.id", "is": "uncompleted"}]]),
    "completed_on": st.sampled_from([{"path": "stored"}, {"zone": "Asia/Tokyo"}, {"path": "stored", "zone": "UTC"}]),
    "per": st.sampled_from(["activity", "date", "session"]),
    "priority": st.integers(0, 2),
    "credits": st.sampled_from([[], [{"type": "cme", "amount": 2}], [{"type": "moc", "board": "ABTS", "amount": 2}]]),
}


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(st.fixed_dictionaries({}, optional=KEYS), st.fixed_dictionaries({}, optional=KEYS))
def test_defaults_are_the_same_as_written_out(common: dict[str, Any], own: dict[str, Any]) -> None:
    bare: dict[str, Any] = {"name": "r", "activity": "203512345", "rems": {"type": "mycophenolate"}}
    own = {"when": [{"path": "object.id", "is": "urn:x"}], **own}
    whole = common | own | {"when": [*common.get("when", []), *own["when"]]}
    if "completed_on" in common and "completed_on" in own:
        whole["completed_on"] = common["completed_on"] | own["completed_on"]
    short = from_texts({"a.yaml": json.dumps({"version": 1, "defaults": common, "rules": [bare | own]})})
    long = from_texts({"a.yaml": json.dumps({"version": 1, "rules": [bare | whole]})})
    assert short.rules[0].hash == long.rules[0].hash
    assert short.rules[0].provider == long.rules[0].provider


# --- what is wrong with the new keys ---


@pytest.mark.parametrize(
    ("rule", "code", "hint"),
    [
        ('also_requires: [{within: 90d}]\n    activity: "203512345"', "config.missing_key", ""),
        ('also_requires: [{within: soon, when: [{path: a, is: 1}]}]\n    activity: "203512345"', "mapping.within", ""),
        ('also_requires: [{within: 9d, when: []}]\n    activity: "203512345"', "mapping.empty", ""),
        ('also_require: []\n    activity: "203512345"', "config.unknown_key", 'did you mean "also_requires"?'),
        ("per: date", "mapping.no_activity", "write an activity id of 9 digits, or a `catalogue`"),
        ('catalogue: {from: a.csv}\n    activity: "203512345"', "mapping.no_activity",
         "write an activity id of 9 digits, or a `catalogue`"),
        ("catalogue: {from: /etc/courses.csv}", "mapping.catalogue_path",
         "write it from the mapping folder: ../courses.csv"),
        ("catalogue: {from: 'C:\\courses.csv'}", "mapping.catalogue_path", "write it with `/` between folders"),
        ('catalogue: {from: "a\\0.csv"}', "mapping.catalogue_path", "write it with `/` between folders"),
        ("catalogue: {from: a.csv, key: object..id}", "mapping.path", 'quote keys with signs: a."b-c"'),
        ("catalogue: {key: object.id}", "config.missing_key", ""),
        ("catalogue: {from: a.csv, colum: x}", "config.unknown_key", 'did you mean "column"?'),
        ("catalogue: {from: a.csv, column: '§'}", "config.sheet_column", "write it as it stands in the sheet's header"),
        ("catalogue: a.csv", "config.invalid", ""),
    ],
)  # fmt: skip
def test_faults_of_the_new_keys(rule: str, code: str, hint: str) -> None:
    file = f"version: 1\nrules:\n  - name: r\n    when: [{{path: verb.id, is: completed}}]\n    {rule}\n"
    found = make.refused(file + "    credits: [{type: cme, amount: 1}]\n", Defaults(providers={"0001234": "UTC"}))
    assert [finding.code for finding in found] == [code]
    assert not hint or found[0].hint == hint
    assert found[0].line >= 3
