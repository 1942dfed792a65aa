"""load, lint, from_texts: all findings with their places, hashes that change only with the rule."""

from __future__ import annotations

from pathlib import Path

import mapping_samples as make
import pytest

from connector.errors import MappingError
from connector.mapping.loader import Defaults, from_texts, lint, load


def codes(file: str, defaults: Defaults | None = None) -> list[str]:
    return [finding.code for finding in make.refused(file, defaults)]


def warnings(tmp_path: Path, file: str) -> list[tuple[str, int, int, str]]:
    (tmp_path / "a.yaml").write_text(file)
    load(tmp_path)
    found = lint(tmp_path)
    assert {finding.level for finding in found} <= {"warning"}
    return [(finding.code, finding.line, finding.column, finding.hint) for finding in found]


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(make.text(make.rule("b")))
    (tmp_path / "a.yml").write_text(make.text(make.rule("a", more="priority: 1")))
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.yaml").write_text("no")
    ruleset = load(tmp_path)
    assert [active.rule.name for active in ruleset.rules] == ["a", "b"]
    assert [Path(active.file).name for active in ruleset.rules] == ["a.yml", "b.yaml"]
    assert set(ruleset.files) == {"a.yml", "b.yaml"}
    again = from_texts(ruleset.files)
    assert again.hash == ruleset.hash
    assert [active.hash for active in again.rules] == [active.hash for active in ruleset.rules]


def test_a_folder_without_rules(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(MappingError) as caught:
            load(folder)
        assert caught.value.code == "mapping.no_rules"
        assert [finding.code for finding in lint(folder)] == ["mapping.no_rules"]


def test_all_findings_of_all_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nrules: [\n")
    (tmp_path / "b.yaml").write_text(make.text(make.rule(more="colour: red")))
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    with pytest.raises(MappingError) as caught:
        load(tmp_path)
    found = [(Path(finding.path).name, finding.code) for finding in caught.value.findings]
    assert found == [("a.yaml", "config.syntax"), ("b.yaml", "config.unknown_key"), ("c.yaml", "config.encoding")]
    assert [(Path(finding.path).name, finding.code) for finding in lint(tmp_path)] == found
    with pytest.raises(MappingError, match=r"config\.syntax"):
        from_texts({"a.yaml": "version: 1\nrules: ["})


WRONG = """version: 1
rules:
  - name: a
    when:
      - {path: verb.id, is: complted}
      - {path: object.definition.typ-e, is: course}
      - {path: "result.success.", is: true}
      - {path: object.id, matches: "("}
      - {path: object.id, equals: "x"}
    activity: 20351234
    provider: 12345
    completed_on: {path: timestamp, zone: America/Chigaco}
    per: activty
    credits:
      - {type: cme, amount: 1.3}
      - {type: moc, board: ABMI, amount: 1}
      - {type: moc, board: ABIM, amount: 1, of_which: {Medical Knowledge: 1.25}}
      - {type: cme, amount: {path: a, function: quarter_hour, most: 2}}
      - {type: cme, amount: {path: a}}
      - {type: cem, amount: 1}
    rems: {type: opioid, profession: Physicist, practice_area: {pat: x}, surgical_procedures: 5}
  - name: b
    when: []
    activity: "203512345"
    credits: []
  - name: c
    when: [{path: a, is: 1}]
    activity: x
    credits: [{type: cme, amount: 0}]
    also_require: []
  - name: a
    activity: "203512345"
"""


def test_every_kind_of_mistake_has_its_place_and_a_suggestion() -> None:
    assert [(one.code, one.line, one.column, one.hint) for one in make.refused(WRONG)] == [
        ("mapping.unknown_name", 5, 29, 'did you mean "completed"?'),
        ("mapping.path", 6, 37, 'quote keys with signs: a."b-c"'),
        ("mapping.path", 7, 32, 'quote keys with signs: a."b-c"'),
        ("mapping.pattern", 8, 36, ""),
        ("config.unknown_key", 9, 27, make.refused(WRONG)[4].hint),
        ("mapping.activity_id", 10, 15, "put it in quotes, with its leading zeros"),
        ("mapping.provider_id", 11, 15, "put it in quotes, with its leading zeros"),
        ("mapping.unknown_zone", 12, 43, 'did you mean "America/Chicago"?'),
        ("config.invalid", 13, 10, 'did you mean "activity"?'),
        ("mapping.amount", 15, 29, ""),
        ("mapping.unknown_board", 16, 28, 'did you mean "ABIM"?'),
        ("mapping.of_which", 17, 75, ""),
        ("mapping.unknown_function", 18, 49, 'did you mean "quarter_hours"?'),
        ("config.missing_key", 19, 21, ""),
        ("config.invalid", 20, 9, 'did you mean "cme"?'),
        ("mapping.unknown_rems_answer", 21, 18, "types: opioid-analgesic, mycophenolate"),
        ("mapping.unknown_rems_answer", 21, 38, 'did you mean "Physician"?'),
        ("config.missing_key", 21, 49, ""),
        ("config.unknown_key", 21, 65, 'did you mean "path"?'),
        ("config.invalid", 21, 95, ""),
        ("mapping.empty", 23, 11, ""),
        ("mapping.activity_id", 28, 15, "put it in quotes, with its leading zeros"),
        ("mapping.amount", 29, 35, ""),
        ("config.unknown_key", 30, 5, make.refused(WRONG)[23].hint),
        ("config.missing_key", 31, 5, ""),
    ]


def test_single_mistakes() -> None:
    assert codes(make.text(make.rule(credits_=""))) == ["mapping.no_credits"]
    assert codes(make.text(make.rule(credits_=make.CREDITS * 2))) == ["mapping.duplicate_credit"]
    twice = "\n    - {type: moc, board: ABIM, amount: 1, of_which: {Patient Safety: 1, patient safety: 1}}\n"
    assert codes(make.text(make.rule(credits_=twice))) == ["mapping.duplicate_credit"]
    assert codes(make.text()) == ["config.invalid"]
    assert codes("version: 1\nrules: []") == ["mapping.empty"]
    assert codes("version: 2\nrules: []") == ["config.invalid", "mapping.empty"]
    assert codes("") == ["config.missing_key"]
    assert codes(make.text(make.rule(), make.rule())) == ["mapping.duplicate_rule", "mapping.overlap"]
    assert codes(make.text(make.rule(more="name: x"))) == ["config.duplicate_key"]
    assert codes(make.text(make.rule(more="priority: high"))) == ["config.invalid"]
    for amount in ("true", "-1", "0.1", "'1'", "[]", "1.250000001"):
        assert codes(make.text(make.rule(credits_=f"[{{type: cme, amount: {amount}}}]"))) == ["mapping.amount"], amount
    for test in ("{name: a, statement: 5, expect: ignored}", "{name: a, statement: x.json, expect: {}}",
                 "{name: a, statement: x.json, expect: {problem: x, date: y}}"):  # fmt: skip
        assert set(codes(make.text(make.rule(more=f"tests: [{test}]")))) == {"mapping.test"}
    assert codes(make.text(make.rule(more="tests: [{name: a, statement: x.json, expect: ignord}]"))) == [
        "config.invalid"
    ]
    for zone in ("UTC+1", "localtime", "../etc", ""):
        assert codes(make.text(make.rule(more=f"completed_on: {{zone: '{zone}'}}"))) == ["mapping.unknown_zone"]


def test_hints_list_what_there_is_when_nothing_is_close() -> None:
    hints = {
        finding.code: finding.hint
        for file in (
            make.rule(more="completed_on: {zone: Zzz}"),
            make.rule(credits_="[{type: moc, board: XQ, amount: 1}]"),
            make.rule(credits_="[{type: cme, amount: {path: a, function: zzz, most: 1}}]"),
            make.rule(more="rems: {type: zzz}"),
            make.rule(when="[{path: verb.id, is: zzzz}]"),
        )
        for finding in make.refused(make.text(file))
    }
    assert hints["mapping.unknown_zone"] == "write it as America/Chicago"
    assert "ABIM" in hints["mapping.unknown_board"]
    assert "quarter_hours" in hints["mapping.unknown_function"]
    assert "mycophenolate" in hints["mapping.unknown_rems_answer"]
    assert "completed" in hints["mapping.unknown_name"]
    (finding,) = make.refused(make.text(make.rule(more="rems: {type: mycophenolate, state: Zzz}")))
    assert "Maine" in finding.hint


def test_providers_of_the_configuration() -> None:
    two = Defaults(providers={"1234567": "UTC", "7654321": "UTC"})
    assert codes(make.text(make.rule()), two) == ["mapping.unknown_provider"]
    (finding,) = make.refused(make.text(make.rule(more="provider: 1234568")), two)
    assert finding.hint == 'did you mean "1234567"?'
    assert make.rules(make.rule(more="provider: 7654321"), defaults=two).rules[0].provider == "7654321"
    assert make.rules(make.rule(), defaults=Defaults(providers={"1234567": "UTC"})).rules[0].provider == "1234567"


def test_warnings(tmp_path: Path) -> None:
    verb_only = make.rule(when="[{path: verb.id, is: completed}, {path: result.success, is: true}]")
    assert warnings(tmp_path, make.text(verb_only))[0][:3] == ("mapping.no_object", 4, 3)
    no_verb = make.rule(when='[{path: object.id, is: "urn:x"}, {path: reslt.success, is_not: false}]')
    assert warnings(tmp_path, make.text(no_verb)) == [
        ("mapping.no_verb", 4, 3, "add {path: verb.id, is: completed}"),
        ("mapping.unknown_path", 4, 49, 'did you mean "result"?'),
    ]
    credits_ = """
    - {type: moc, board: ABIM, amount: 1, of_which: {Medical Knowlege: 1}}
    - {type: moc, board: ABTS, amount: 1, of_which: {Any: 1}}
"""
    found = warnings(tmp_path, make.text(make.rule(credits_=credits_)))
    assert [(code, hint) for code, _, _, hint in found] == [
        ("mapping.unknown_credit_type", 'did you mean "Medical Knowledge"?')
    ]
    nested = make.rule(when="[{path: verb.id, is: completed}, {any: [{path: object.id, starts_with: 'urn:'}]}]")
    assert warnings(tmp_path, make.text(nested)) == []
    clever = make.rule(when="[{path: verb.id, is: passed}, {path: \"contains(object.id, 'x')\", is: true}]")
    assert warnings(tmp_path, make.text(clever)) == []


def test_overlaps(tmp_path: Path) -> None:
    def about(object_id: str, *more: str) -> str:
        parts = ["{path: verb.id, is: completed}", f'{{path: object.id, is: "{object_id}"}}', *more]
        return f"[{', '.join(parts)}]"

    passed, high = "{path: result.success, is: true}", "{path: result.score.raw, at_least: 80}"
    certain = make.text(make.rule("a", about("urn:x")), make.rule("b", about("urn:x", passed)))
    (finding,) = make.refused(certain)
    assert (finding.code, finding.line) == ("mapping.overlap", 9)
    assert "the rules `a` and `b` both match one statement" in finding.message
    perhaps = make.text(make.rule("a", about("urn:x", high)), make.rule("b", about("urn:x", passed)))
    assert [code for code, *_ in warnings(tmp_path, perhaps)] == ["mapping.overlap"]
    whole = "[{path: verb.id, is: completed}]"
    prefix = "[{path: verb.id, one_of: [passed, completed]}, {path: object.id, starts_with: 'urn:'}]"
    for general in (whole, prefix.replace("]}, {path: object.id, starts_with: 'urn:'}", "]}")):
        for both in ([make.rule("a", general), make.rule("b", about("urn:x"))],
                     [make.rule("a", about("urn:x", passed)), make.rule("b", general)]):  # fmt: skip
            assert [finding.code for finding in make.refused(make.text(*both))] == ["mapping.overlap"]
    grouped = "[{path: verb.id, is: completed}, {all: [{path: object.id, is: 'urn:x'}, {path: result, exists: true}]}]"
    assert [
        code
        for code, *_ in warnings(tmp_path, make.text(make.rule("a", grouped), make.rule("b", about("urn:x", passed))))
    ] == ["mapping.overlap"]
    for fine in (
        make.text(make.rule("a", prefix), make.rule("b", about("https://x"))),
        make.text(make.rule("a", about("urn:x")), make.rule("b", about("urn:y"))),
        make.text(make.rule("a", about("urn:x")), make.rule("b", about("urn:x"), more="priority: 1")),
        make.text(make.rule("a", about("urn:x")), make.rule("b", about("urn:x"), more="provider: 1234567")),
    ):
        assert warnings(tmp_path, fine) == []


def test_rules_of_one_activity_agree_what_is_earned_once(tmp_path: Path) -> None:
    def about(name: str, more: str = "", object_id: str = "urn:x") -> str:
        when = f'[{{path: verb.id, is: completed}}, {{path: object.id, is: "{object_id}"}}]'
        return make.rule(name, when, more=more)

    text = make.text(about("a"), about("b", "per: date", "urn:y"), about("c", "per: activity", "urn:z"))
    (finding,) = make.refused(text)
    assert (finding.code, finding.level) == ("mapping.per_differs", "error")
    assert text.splitlines()[finding.line - 1].strip() == "per: date"
    assert "`a` (per: activity) and `b` (per: date)" in finding.message
    one = Defaults(providers={"1234567": "UTC"})
    alone = make.text(about("a"), about("b", "per: date\nprovider: 1234567", "urn:y"))
    assert codes(alone, one) == ["mapping.per_differs"]
    two = Defaults(providers={"1234567": "UTC", "7654321": "UTC"})
    apart = [about("a", "provider: 1234567"), about("b", "per: date\nprovider: 7654321", "urn:y")]
    assert len(make.rules(*apart, defaults=two).rules) == 2


def test_a_session_is_no_registration(tmp_path: Path) -> None:
    place = tmp_path / "rules.yaml"
    place.write_text(make.text(make.rule(more="per: registration")))
    found = [(one.code, one.level, one.line) for one in lint(tmp_path, Defaults(sessions=True))]
    line = place.read_text().splitlines().index("  per: registration") + 1
    assert found == [("mapping.per_session", "warning", line)]
    assert lint(tmp_path) == []


def test_hashes_change_with_the_rule_only() -> None:
    plain = make.rules(make.rule("a"), make.rule("b", more="priority: 1"))
    commented = from_texts(
        {
            "z.yaml": "# a comment\n" + make.text(make.rule("b", more="priority: 1")),
            "y.yaml": make.text(make.rule("a", more="per: activity\npriority: 0\ntests: []").replace("1.25", "1.250")),
        }
    )
    assert {active.rule.name: active.hash for active in plain.rules} == {
        active.rule.name: active.hash for active in commented.rules
    }
    assert plain.hash == commented.hash
    seen = {plain.rules[0].hash}
    for other in (
        make.rule("a", more="per: date"),
        make.rule("a", credits_="[{type: cme, amount: 1.5}]"),
        make.rule("a", when="[{path: verb.id, is: completed}, {path: x, is: 1.5}]"),
        make.rule("a", when='[{path: verb.id, is: completed}, {path: x, is: "1.5"}]'),
        make.rule("a", when='[{path: verb.id, is: completed}, {path: x, matches: "1.5"}]'),
        make.rule("a", when="[{path: verb.id, is: completed}, {any: [{path: x, at_least: 1.5}]}]"),
    ):
        changed = make.rules(other)
        assert changed.hash != plain.hash
        seen.add(changed.rules[0].hash)
    assert len(seen) == 7
