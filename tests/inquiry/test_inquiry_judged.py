"""Which rule came nearest and what stopped it; what a learner completed and no rule caught; what a completion needs."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from connector.cli import main
from connector.inquiry import explain, judged
from connector.mapping import stage as mapping
from connector.mapping.cases.run import as_statement
from connector.mapping.loader import from_texts
from tests.learners.middle import ANNA, COURSE, RULE, SITE, Middle, statement

PERSONAL = ("Zanna", "Quixley", ANNA["npi"], "anna@", "anna%40")
COURSES = """
  - name: first-course
    when: [{path: verb.id, is: completed}, {path: object.id, is: "https://lms.example.org/course/view.php?id=41"}]
    activity: "203512341"
    credits: [{type: cme, amount: 1}]
  - name: other-system
    when: [{path: verb.id, is: completed}, {path: object.id, is: "urn:other:system:1"}]
    activity: "203512342"
    credits: [{type: cme, amount: 1}]
"""
EVALUATED = """
    also_requires:
      - within: 30d
        when: [{path: verb.id, is: submitted}, {path: object.id, is: "https://lms.example.org/evaluation"}]
"""
SUBMITTED = {"id": "http://activitystrea.ms/schema/1.0/submit"}


def told(place: Middle, what: str) -> str:
    text = "\n".join(line.text for line in explain.explain(place.store, place.config, what))
    assert not [value for value in PERSONAL if value in text]
    return text


def id_of(number: int) -> str:
    return str(statement(number)["id"])


def test_of_equally_near_rules_the_one_for_the_most_similar_object(place: Middle) -> None:
    place.rules(COURSES).post(statement(1)).run()
    text = told(place, id_of(1))
    assert "rule first-course: ignored" in text
    assert "other-system" not in text
    assert f'NO  `object.id` is {SITE}/course/view.php?id=41 (saw "{COURSE}")' in text
    assert 'yes `verb.id` is completed (saw "http://adlnet.gov/expapi/verbs/completed")' in text


def test_of_many_rules_that_ignored_it_the_nearest_are_told(place: Middle) -> None:
    one = "  - name: r{n}\n    when: [{{path: verb.id, is: completed}}, {{path: result.score.raw, at_least: {n}}}]\n"
    one += '    activity: "20351234{n}"\n    credits: [{{type: cme, amount: 1}}]\n    priority: {n}\n'
    place.rules("\n" + "".join(one.format(n=n) for n in range(1, 9))).post(statement(1)).run()
    text = told(place, id_of(1))
    assert text.count(": ignored\n") == 5
    assert "and 3 rules more that came less near" in text


def test_groups_tell_each_line_below_them(place: Middle) -> None:
    either = "{any: [{path: result.completion, is: true}, {path: result.success, is: true}]}"
    place.rules(RULE.replace("}]", "}, " + either + "]")).post(statement(1, result={"success": False})).run()
    text = told(place, id_of(1))
    assert "NO  any of 2" in text
    assert "NO  `result.completion` is true (saw nothing)" in text
    assert "NO  `result.success` is true (saw false)" in text


def test_a_learners_completions_that_no_rule_caught(place: Middle) -> None:
    place.post(statement(1), statement(2, object={"id": f"{SITE}/mod/quiz/view.php?id=7&by=anna%40clinic.example"}))
    place.post(statement(3, verb={"id": "http://adlnet.gov/expapi/verbs/attempted"}, object={"id": "urn:x"})).run()
    text = told(place, "learner:1")
    assert "completions that no rule caught:" in text
    assert (
        f"statement {id_of(2)}: http://adlnet.gov/expapi/verbs/completed {SITE}/mod/quiz/view.php?id=7&by=[hidden]"
        in text
    )
    assert f"the nearest rule is course, stopped by: `object.id` starts with {SITE}/course" in text
    assert "&by=[hidden]" in told(place, id_of(2))
    assert id_of(3) not in text


def test_what_a_completion_also_requires_and_what_met_it(place: Middle) -> None:
    place.rules(RULE + EVALUATED)
    place.post(statement(1))
    with place.at():
        mapping.run(place.store, place.config)
    place.run()
    text = told(place, id_of(1))
    assert "also requires, 1: not met: no such statement within 30d of it" in text
    assert "until this moment; then it expires" in text
    assert "also requires within 30d:" in text
    assert "NO  `verb.id` is submitted" in text
    late = "2026-06-10T15:04:05.000Z"
    place.post(statement(2, verb=SUBMITTED, object={"id": f"{SITE}/evaluation"}, timestamp=late)).run()
    assert f"not met within 30d of it; statement {id_of(2)} lies outside, at 2026-06-10" in told(place, id_of(1))
    assert "it meets what completions of rule course also require" in told(place, id_of(2))
    place.post(statement(3, verb=SUBMITTED, object={"id": f"{SITE}/evaluation"})).run()
    assert "credit 1 ccid:example.org:" in told(place, id_of(1))


def test_what_undoes_a_completion_is_told_line_by_line() -> None:
    texts = {"a.yaml": "version: 1\nrules:" + COURSES + "    undone_by: [{path: verb.id, is: uncompleted}]\n"}
    document = statement(1, verb={"id": "https://xapi.edlm/profiles/edlm-lms/concepts/verbs/uncompleted"})
    document["object"] = {"id": "urn:other:system:1"}
    lines = [(one.depth, one.text) for one in judged.by_rules(from_texts(texts), as_statement(document), document, 0)]
    assert lines[3] == (1, "undone by:")
    assert lines[4][0] == 2
    assert lines[4][1].startswith("yes `verb.id` is uncompleted (saw ")


def asked(place: Middle, tmp_path: Path, text: str) -> Result:
    (tmp_path / "one.json").write_text(text, encoding="utf-8")
    config = place.folder / "config.yaml"
    return CliRunner().invoke(main, ["--config", str(config), "explain", str(tmp_path / "one.json")])


def test_a_file_that_is_none(place: Middle, tmp_path: Path) -> None:
    lines = explain.explain_document(place.config, statement(1))
    assert [line.text for line in lines][-2:] == [
        "completes activity 203512345 by rule course, date 2026-03-10 in America/Chicago",
        "1.25 x AMA PRA Category 1",
    ]
    for text, why in (("{", "is not JSON"), ("[1]", "holds no statement"), ("[]", "holds 0 statements")):
        result = asked(place, tmp_path, text)
        assert (result.exit_code, why in result.stderr) == (2, True), result.output
    assert (
        "holds 2 statements" in asked(place, tmp_path, json.dumps({"statements": [statement(1), statement(2)]})).stderr
    )
