"""evaluate and explain: one outcome per candidate rule, values from the raw document, never a guess."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import mapping_samples as make
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.mapping.cases.run import as_statement
from connector.mapping.evaluate import evaluate, explain
from connector.mapping.loader import ActiveRule, Defaults, Ruleset
from connector.records import Actor, Completion, Ignored, Problem


def test_a_completion_with_all_that_the_rule_says() -> None:
    credits_ = """
    - {type: cme, amount: 1.25}
    - {type: moc, board: ABIM, amount: 1.25, of_which: {Medical Knowledge (Part II): 1.00, Patient Safety: 0.25}}
    - {type: moc, board: ABTS, amount: 0.5}
"""
    ruleset = make.rules(make.rule(credits_=credits_, more="provider: 1234567\nper: date"))
    done = make.completion(ruleset, make.statement())
    assert (done.rule, done.rule_hash, done.provider) == ("r", ruleset.rules[0].hash, "1234567")
    assert (done.activity_id, done.completed_on, done.zone) == ("203512345", date(2026, 3, 10), "America/Chicago")
    assert done.per == "2026-03-10"
    assert [offer.model_dump(exclude={"credit_type"}) for offer in done.credits] == [
        {"kind": kind, "certification": name, "board": board, "amount": Decimal(amount), "board_total": total}
        for kind, name, board, amount, total in [
            ("cme", "AMA PRA Category 1", "", "1.25", None),
            ("moc", "ABIM/Medical Knowledge", "ABIM", "1.00", Decimal("1.25")),
            ("moc", "ABIM/Patient Safety", "ABIM", "0.25", Decimal("1.25")),
            ("moc", "ABTS", "ABTS", "0.50", Decimal("0.50")),
        ]
    ]
    assert [offer.credit_type for offer in done.credits] == ["", "Medical Knowledge", "Patient Safety", ""]


def test_per() -> None:
    document = make.statement(context={"registration": "8a1f5c3e-6a57-4c39-9f2a-0b8e6e3d1c55"})
    seen = {
        per: make.completion(make.rules(make.rule(more=f"per: {per}")), document).per
        for per in ("activity", "date", "session", "registration")
    }
    assert seen == {
        "activity": "",
        "date": "2026-03-10",
        "session": make.OBJECT,
        "registration": "8a1f5c3e-6a57-4c39-9f2a-0b8e6e3d1c55",
    }
    stopped = make.problem(make.rules(make.rule(more="per: registration")), make.statement())
    assert (stopped.code, stopped.field, stopped.who) == ("mapping.no_per", "context.registration", Actor.ADMINISTRATOR)
    by_verb = make.rules(make.rule(when="[{path: verb.id, is: completed}]", more="per: session"))
    assert make.problem(by_verb, make.statement(object={"mbox": "mailto:x@y.example"})).field == "object.id"


def test_a_long_per_is_told_by_its_hash() -> None:
    by_verb = make.rules(make.rule(when="[{path: verb.id, is: completed}]", more="per: session"))
    long = [make.statement(object={"id": f"{make.OBJECT}/{'a' * 300}{end}"}) for end in ("", "b", "")]
    first, other, again = (make.completion(by_verb, document).per for document in long)
    assert first == again != other
    assert len(first) < 200


def test_the_reason_names_the_first_condition_that_failed() -> None:
    when = """
    - {path: verb.id, is: completed}
    - {path: object.definition.type, is: course}
    - {path: result.success, is_not: false}
    - {all: [{path: context.platform, is: Moodle}, {any: [{path: result.score.raw, at_least: 80}, {path: a, is: 1}]}]}
"""
    ruleset = make.rules(make.rule(when=when))

    def reason(**changes: Any) -> str:
        ignored = make.outcome(ruleset, make.statement(**changes))
        assert isinstance(ignored, Ignored)
        return ignored.reason

    assert reason(object={"id": make.OBJECT, "definition": {"type": "urn:quiz"}}) == (
        'not met: `object.definition.type` is course (seen: "urn:quiz")'
    )
    assert reason(result={"success": False}) == "not met: `result.success` is not false (seen: false)"
    assert reason(context={"platform": "nora@clinic.example"}) == (
        "not met: `context.platform` is Moodle (seen: another text)"
    )
    assert reason(context={"platform": "Moodle"}, result={"score": {"raw": 79}}) == (
        "none of these: not met: `result.score.raw` at least 80 (seen: 79), or not met: `a` is 1 (seen: nothing)"
    )


def test_only_rules_of_this_verb_and_object_are_asked() -> None:
    other = """
    - {path: verb.id, is: passed}
    - {path: object.id, is: "urn:x"}
"""
    ruleset = make.rules(make.rule("a", other), make.rule("b"))
    assert [one.rule for one in make.judge(ruleset, make.statement())] == ["b"]
    assert make.judge(ruleset, make.statement(verb={"id": "urn:viewed"})) == ()
    hostiles: tuple[Any, ...] = (None, [], "text", 5, {}, {"verb": 5}, {"verb": {"id": ["x"]}})
    for hostile in hostiles:
        assert make.judge(ruleset, hostile) == ()


def test_priority() -> None:
    object_ = '\n    - {path: verb.id, is: completed}\n    - {path: object.id, is: "https://lms.example.org/course/view.php?id=42"}\n'
    general, special = make.rule("general"), make.rule("special", object_, more="priority: 1")
    outcomes = {one.rule: one.outcome for one in make.judge(make.rules(general, special), make.statement())}
    assert isinstance(outcomes["special"], Completion)
    assert isinstance(outcomes["general"], Ignored)
    assert outcomes["general"].reason == "the rule `special` matches too and has a higher priority"
    equals = make.rules(general, make.rule("special", object_))
    for one in make.judge(equals, make.statement()):
        assert isinstance(one.outcome, Problem)
        assert one.outcome.code == "mapping.conflict"


def test_rules_of_two_providers_do_not_compete() -> None:
    ruleset = make.rules(make.rule("a", more="provider: '0000001'"), make.rule("b", more="provider: '0000002'"))
    providers = [
        one.outcome.provider for one in make.judge(ruleset, make.statement()) if isinstance(one.outcome, Completion)
    ]
    assert providers == ["0000001", "0000002"]


def test_zone_of_rule_then_source_then_provider() -> None:
    zones = Defaults(providers={"1234567": "Asia/Tokyo"}, sources={"moodle": "America/Anchorage"})
    unzoned = make.rules(make.rule(more="completed_on: {path: timestamp}"), defaults=zones)
    named = make.rules(make.rule(), defaults=zones)
    document = make.statement()

    def zone(ruleset: Ruleset, source: str) -> str:
        statement = as_statement(document).model_copy(update={"source": source})
        (judged,) = evaluate(ruleset, statement, document)
        assert isinstance(judged.outcome, Completion)
        assert judged.outcome.provider == "1234567"
        return judged.outcome.zone

    assert zone(named, "moodle") == "America/Chicago"
    assert zone(unzoned, "moodle") == "America/Anchorage"
    assert zone(unzoned, "other") == "Asia/Tokyo"
    assert make.problem(make.rules(make.rule(more="completed_on: {}")), document).code == "mapping.no_zone"


# --- amounts and REMS ----------------------------------------------------------------------------------------------

CLAIM = """
    - {type: cme, amount: {path: result.hours, function: quarter_hours, most: 2}}
"""


@pytest.mark.parametrize(("hours", "earned"), [(1.4, "1.25"), ("0.3", "0.25"), (99, "2.00"), (2, "2.00")])
def test_claims(hours: Any, earned: str) -> None:
    done = make.completion(make.rules(make.rule(credits_=CLAIM)), make.statement(result={"hours": hours}))
    assert [offer.amount for offer in done.credits] == [Decimal(earned)]


def test_a_claim_of_nothing_earns_nothing() -> None:
    nothing = make.statement(result={"hours": 0.2})
    ignored = make.outcome(make.rules(make.rule(credits_=CLAIM)), nothing)
    assert isinstance(ignored, Ignored)
    assert ignored.reason == "the statement claims 0 credits"
    board = CLAIM + "    - {type: moc, board: ABIM, amount: 1}\n"
    done = make.completion(make.rules(make.rule(credits_=board)), nothing)
    assert [offer.certification for offer in done.credits] == ["ABIM"]


@pytest.mark.parametrize(
    ("hours", "code"),
    [(None, "mapping.no_amount")]
    + [(wrong, "mapping.bad_amount") for wrong in ("much", -1, True, [1], 1e400, "9" * 10**6)],
)
def test_unreadable_claims(hours: Any, code: str) -> None:
    stopped = make.problem(make.rules(make.rule(credits_=CLAIM)), make.statement(result={"hours": hours}))
    assert (stopped.code, stopped.field) == (code, "result.hours")


def test_without_a_function_the_amount_is_in_quarter_steps_already() -> None:
    plain = make.rules(make.rule(credits_="\n    - {type: cme, amount: {path: result.hours, most: 2}}\n"))
    assert make.completion(plain, make.statement(result={"hours": "0.75"})).credits[0].amount == Decimal("0.75")
    for hours in (0.8, 1e-300, -0.25, "x"):
        assert make.problem(plain, make.statement(result={"hours": hours})).code == "mapping.bad_amount"


def test_a_constant_part_is_at_most_a_computed_total() -> None:
    credits_ = """
    - {type: moc, board: ABIM, amount: {path: result.hours, most: 2}, of_which: {Medical Knowledge: 2}}
"""
    ruleset = make.rules(make.rule(credits_=credits_))
    for hours, amount in ((2, 2), (1, 1)):
        (offer,) = make.completion(ruleset, make.statement(result={"hours": hours})).credits
        assert (offer.amount, offer.board_total) == (amount, amount)
    assert isinstance(make.outcome(ruleset, make.statement(result={"hours": 0})), Ignored)


def test_a_computed_part_above_a_computed_total_is_a_problem() -> None:
    credits_ = """
    - type: moc
      board: ABIM
      amount: {path: result.hours, most: 2}
      of_which: {Medical Knowledge: {path: result.part, most: 2}}
"""
    ruleset = make.rules(make.rule(credits_=credits_))
    assert make.completion(ruleset, make.statement(result={"hours": 1, "part": 1})).credits[0].board_total == 1
    assert make.problem(ruleset, make.statement(result={"hours": 0.75, "part": 1})).code == "mapping.bad_amount"


REMS = """rems:
  type: opioid-analgesic
  profession: {path: result.profession}
  practice_area: Substance Use Disorder
  state: Maine
  surgical_procedures: {path: result.surgery}"""


def test_rems() -> None:
    ruleset = make.rules(make.rule(more=REMS))
    done = make.completion(ruleset, make.statement(result={"profession": "Nurse", "surgery": False}))
    assert done.rems is not None
    assert done.rems.model_dump() == {
        "type": "Opioid Analgesic",
        "profession": "Nurse",
        "practice_area": "Addiction",
        "state": "Maine",
        "dea_registration": "",
        "surgical_procedures": False,
        "time_in_practice": "",
    }
    assert [(offer.kind, offer.certification, offer.amount) for offer in done.credits] == [
        ("cme", "AMA PRA Category 1", Decimal("1.25")),
        ("rems", "REMS/Opioid Analgesic", Decimal(0)),
    ]
    empty = make.completion(ruleset, make.statement()).rems
    assert empty is not None
    assert (empty.profession, empty.surgical_procedures) == ("", None)
    alone = make.completion(make.rules(make.rule(credits_="", more="rems: {type: Mycophenolate}")), make.statement())
    assert [offer.certification for offer in alone.credits] == ["REMS/Mycophenolate"]


@pytest.mark.parametrize(
    "result",
    [{"profession": 5}, {"profession": "x" * 1_000_000}, {"profession": "a\x00b"}, {"profession": ["Nurse"]},
     {"surgery": "yes"}, {"surgery": 1}],
)  # fmt: skip
def test_unreadable_rems_answers(result: dict[str, Any]) -> None:
    assert make.problem(make.rules(make.rule(more=REMS)), make.statement(result=result)).code == "mapping.bad_answer"


# --- the index, explain, hostile input -----------------------------------------------------------------------------

VERBS = st.sampled_from(["completed", "passed", "urn:other"])
OBJECTS = st.sampled_from(["urn:a", "urn:b", "urn:c"])
CONDITIONS = st.one_of(
    VERBS.map(lambda verb: {"path": "verb.id", "is": verb}),
    st.lists(VERBS, min_size=1, max_size=2).map(lambda verbs: {"path": "verb.id", "one_of": verbs}),
    VERBS.map(lambda verb: {"path": "verb.id", "is_not": verb}),
    OBJECTS.map(lambda id_: {"path": "object.id", "is": id_}),
    st.lists(OBJECTS, min_size=1, max_size=2).map(lambda ids: {"path": "object.id", "one_of": ids}),
    OBJECTS.map(lambda id_: {"path": "object.id", "starts_with": id_}),
    st.just({"path": "object.id", "is": 5}),
    st.booleans().map(lambda success: {"path": "result.success", "is_not": success}),
)
GROUPED = CONDITIONS | st.builds(
    lambda kind, parts: {kind: parts}, st.sampled_from(["any", "all"]), st.lists(CONDITIONS, min_size=1, max_size=3)
)


@settings(derandomize=True, deadline=None, database=None, max_examples=80)
@given(
    st.lists(st.lists(GROUPED, min_size=1, max_size=3), min_size=1, max_size=5),
    st.sampled_from(
        ["http://adlnet.gov/expapi/verbs/completed", "https://adlnet.gov/expapi/verbs/passed", "urn:other"]
    ),
    OBJECTS,
    st.sampled_from([True, False]),
)
def test_the_index_leaves_out_only_rules_that_do_not_match(
    whens: list[list[dict[str, Any]]], verb: str, object_id: str, success: object
) -> None:
    texts = [make.rule(f"r{n}", json.dumps(when), more=f"priority: {n}") for n, when in enumerate(whens)]
    accepted = [text for text in texts if make.is_accepted(text)]  # what can never match is refused
    assume(accepted)
    ruleset = make.rules(*accepted)
    document = make.statement(verb={"id": verb}, object={"id": object_id}, result={"success": success})
    judged = {one.rule: one.outcome for one in make.judge(ruleset, document)}
    for active in ruleset.rules:
        matches = all(condition.holds(document) for condition in active.rule.when)
        assert not matches or active.rule.name in judged
    everything = Ruleset(ruleset.rules, {}, ruleset.defaults)
    everything.__dict__["_index"] = {(None, None): [(place, True) for place in range(len(ruleset.rules))]}
    brute = {one.rule: one.outcome for one in make.judge(everything, document)}
    assert all(brute[name] == outcome for name, outcome in judged.items())
    assert all(isinstance(brute[name], Ignored) for name in brute.keys() - judged.keys())


def test_a_thousand_rules_leave_few_candidates() -> None:
    one = make.rules(make.rule()).rules[0]

    def copy(n: int) -> ActiveRule:
        when = make.rules(make.rule(when=f'[{{path: verb.id, is: completed}}, {{path: object.id, is: "urn:{n}"}}]'))
        return ActiveRule("a.yaml", when.rules[0].rule.model_copy(update={"name": f"r{n}"}), "")

    ruleset = Ruleset((*(copy(n) for n in range(200)), one), {})
    assert [active.rule.name for active in ruleset.candidates(make.COMPLETED, "urn:7")] == ["r7", "r"]


def test_explain_tells_of_every_rule_what_it_saw() -> None:
    other = '\n    - {path: verb.id, is: passed}\n    - {path: actor.mbox, starts_with: "mailto:"}\n'
    ruleset = make.rules(make.rule("a", other), make.rule("b"))
    document = make.statement()
    first, second = explain(ruleset, as_statement(document), document)
    assert isinstance(first.outcome, Ignored)
    assert first.outcome.reason == f'not met: `verb.id` is passed (seen: "{make.COMPLETED}")'
    assert [seen.holds for seen in first.conditions] == [False, True]
    assert first.conditions[1].value == "a hidden value"
    assert isinstance(second.outcome, Completion)
    assert (second.rule, second.rule_hash) == ("b", ruleset.rules[1].hash)
    assert "nora" not in str((first, second)).lower()


def test_explain_when_the_statement_row_and_its_document_disagree() -> None:
    ruleset = make.rules(make.rule())
    (trace,) = explain(ruleset, as_statement({}), make.statement())
    assert isinstance(trace.outcome, Ignored)
    assert trace.outcome.reason == "another verb or object"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\x00") | st.just(1e400),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "success"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@settings(derandomize=True, deadline=None, database=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["object", "result", "context", "timestamp", "actor"], JSON)))
def test_any_completed_statement_has_an_outcome(changes: dict[str, Any]) -> None:
    when = """
    - {path: verb.id, is: completed}
    - {path: result.success, is_not: false}
    - {path: object.id, is_not: "urn:x"}
"""
    ruleset = make.rules(make.rule(when=when, credits_=CLAIM, more=REMS))
    (judged,) = make.judge(ruleset, make.statement(**changes))
    assert isinstance(judged.outcome, Completion | Ignored | Problem)


def test_deep_and_large_documents() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = {"a": [deep]}
    document = make.statement(result=deep, context={"x": "y" * 1_000_000})
    assert isinstance(make.outcome(make.rules(make.rule()), document), Completion)
    clever = make.rules(
        make.rule(when='[{path: verb.id, is: completed}, {path: "result.a[].a[] | [0]", exists: true}]')
    )
    assert isinstance(make.outcome(clever, document), Completion)
