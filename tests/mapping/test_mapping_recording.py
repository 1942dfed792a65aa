"""A case from a stored statement: nothing of the learner stays, and what the rules make of it does; else no case."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mapping_samples as make
import pytest
import yaml

from connector.errors import ConnectorError
from connector.mapping.cases.recording import Written, record
from connector.mapping.cases.run import run_tests
from connector.mapping.loader import Defaults
from connector.store.session import Store
from connector.store.tables import Source, StatementRow

ID = "3a1f27d2-58a1-4a8e-9d3f-0c6b6a6f1a01"
SESSION = "8e7c3b52-0d10-4f2b-a0f3-5a1d9f6b7c20"
Call = Callable[..., Written]


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    """Stores the statement, lays down one rule with these keys, and records it."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.upgrade()
    folder = tmp_path / "mappings"
    folder.mkdir()

    def run(
        document: Any, file: str, rule: str = "", into: Path | None = None, zone: str = "", house: str = "", **row: Any
    ) -> Written:
        (folder / "a.yaml").write_text(file)
        raw = document if isinstance(document, bytes | None) else json.dumps(document).encode()
        part = {
            key: document.get(key) or {} if isinstance(document, dict) else {} for key in ("verb", "object", "context")
        }
        names = {"verb": part["verb"].get("id", ""), "object_id": part["object"].get("id", "")}
        names["registration"] = part["context"].get("registration", "")
        with store.writing() as session:
            if session.get(Source, "moodle") is None:
                session.add(Source(id="moodle", fingerprint="f", start_from=datetime(2026, 1, 1, tzinfo=UTC)))
                session.flush()
                session.add(StatementRow(source_id="moodle", statement_id=ID, raw=raw, **names, **row))
        return record(
            store,
            folder,
            Defaults({"0001234": house} if house else {}, {"moodle": zone} if zone else {}),
            ID.upper(),
            rule,
            into,
        )

    yield run
    store.dispose()


def text_of(tmp_path: Path) -> str:
    return (tmp_path / "mappings" / "recorded.test.yaml").read_text(encoding="utf-8")


def case_of(tmp_path: Path) -> dict[str, Any]:
    (case,) = yaml.safe_load(text_of(tmp_path))["tests"]
    return dict(case)


# --- what is written ---


def test_a_case_that_passes(tmp_path: Path, call: Call) -> None:
    written = call(make.statement(), make.text(make.rule()))
    assert written.where == f"{tmp_path}/mappings/recorded.test.yaml:4:5"
    assert text_of(tmp_path).startswith("# Tests written by `pars-connector test --record`")
    assert case_of(tmp_path) == {
        "name": "recorded 1: completion of r",
        "statement": {
            "actor": {"mbox": "mailto:learner-1@example.org"},
            "verb": {"id": make.COMPLETED},
            "object": {"id": "https://lms.example.org/invented/1", "definition": {"type": make.COURSE}},
            "timestamp": "2026-03-10T15:04:05.000Z",
        },
        "expect": {"credits": {"cme": 1.25}, "date": yaml.safe_load("2026-03-10")},
    } | {"expect": {"credits": {"cme": 1.25}, "date": "2026-03-10"}}
    assert [one.message for one in run_tests(tmp_path / "mappings")] == [""]


def test_more_cases_go_below_and_comments_stay(tmp_path: Path, call: Call) -> None:
    file = make.text(make.rule())
    path = tmp_path / "mappings" / "mine.test.yaml"
    path.write_text("# mine\nversion: 1\ntests:\n- name: first # one\n  statement: {verb: {}}\n  expect: ignored # end")
    before = path.read_text()
    call(make.statement(), file, into=Path("mine.test.yaml"))
    written = call(make.statement(), file, rule="r", into=path)
    assert path.read_text().startswith(before + "\n- name: ")
    assert (written.name, "  rule: r\n" in path.read_text()) == ("recorded 3: completion of r", True)
    assert [one.passed for one in run_tests(tmp_path / "mappings")] == [True] * 3


@pytest.mark.parametrize(
    ("more", "changes", "expect"),
    [
        ("", {"verb": {"id": "urn:x"}}, "ignored"),
        ("", {"timestamp": None}, {"problem": "mapping.no_time"}),
        ("", {"timestamp": "last week"}, {"problem": "mapping.bad_time"}),
        ("also_requires: [{within: 1d, when: [{path: verb.id, is: submitted}]}]", {}, "waiting"),
        ("undone_by: [{path: verb.id, is: uncompleted}]", {"verb": {"id": "http://uncompleted.example/"}}, "ignored"),
        ('undone_by: [{path: verb.id, is: "urn:undo"}]', {"verb": {"id": "urn:undo"}}, "undoes"),
        (
            "rems: {type: mycophenolate, profession: Physician}",
            {},
            {"credits": {"cme": 1.25}, "date": "2026-03-10", "rems": {"type": "Mycophenolate"}},
        ),
        ("completed_on: {from: moodle}", {}, {"credits": {"cme": 1.25}, "date": "open"}),
    ],
)
def test_what_the_rules_make_of_it_is_expected(
    tmp_path: Path, call: Call, more: str, changes: dict[str, Any], expect: Any
) -> None:
    provider = 'provider: "0001234"\n' if "moodle" in more else ""
    file = make.text(make.rule(more=provider + more))
    if "moodle" in more:
        file = file.replace("from: moodle}", "from: moodle, zone: America/Chicago}")
    call(make.statement(**changes), file)
    assert case_of(tmp_path)["expect"] == expect


def test_numbers_and_signs_come_back_as_they_were(tmp_path: Path, call: Call) -> None:
    name = {"en-US": 'Say "no"\\yes: #1, {a} \u00a0\u2028\U0001f600 caf\u00e9', "de": "yes"}
    shared = make.statement(
        object={"id": make.OBJECT, "definition": {"type": make.COURSE, "name": name}},
        result={"score": {"scaled": 1e-7, "raw": 85, "min": -0.5}, "success": True, "duration": "PT1H"},
    )
    when = """\
    - {path: result.score.scaled, at_most: 0.1}
    - {path: 'object.definition.name."en-US"', matches: '(?s).*'}
    - {path: object.definition.name.de, matches: '.*'}
"""
    call(shared, make.text(make.rule(when=make.WHEN + when)))
    statement = case_of(tmp_path)["statement"]
    assert statement["object"]["definition"]["name"] == name
    assert statement["result"] == shared["result"]


def test_values_that_a_rule_reads_are_kept(tmp_path: Path, call: Call) -> None:
    credits_ = '[{type: cme, amount: {path: result.extensions."urn:hours", function: quarter_hours, most: 6}}]'
    when = (
        make.WHEN
        + """\
    - {path: 'context.extensions."urn:items"[1].code', is: b}
    - {path: attachments, exists: false}
    - {path: result.extensions."urn:block", exists: true}
    - {path: result.extensions."urn:there", exists: true}
    - {path: result.success, exists: true}
"""
    )
    seen = make.statement(
        timestamp=None, stored="2026-03-11T00:00:00Z",
        result={
            "extensions": {"urn:hours": 3.3, "urn:block": {"secret": "Nora"}, "urn:other": "x", "urn:there": "y"},
            "success": True,
        },
        context={"extensions": {"urn:items": [{"code": "a"}, {"code": "b", "more": "c"}], "urn:x": 1}},
    )  # fmt: skip
    more = 'completed_on: {path: "timestamp || stored", zone: America/Chicago}'
    call(seen, make.text(make.rule(when=when, credits_=credits_, more=more)))
    case = case_of(tmp_path)
    assert case["statement"]["result"] == {
        "extensions": {"urn:hours": 3.3, "urn:block": {}, "urn:there": "another text"},
        "success": True,
    }
    assert case["statement"]["context"] == {"extensions": {"urn:items": [{}, {"code": "b"}]}}
    assert case["expect"] == {"credits": {"cme": 3.25}, "date": "2026-03-10"}


def test_the_session_of_a_statement_is_invented_and_still_counts(tmp_path: Path, call: Call) -> None:
    document = make.statement(context={"registration": SESSION})
    call(document, make.text(make.rule(more="per: registration")))
    assert case_of(tmp_path)["statement"]["context"] == {"registration": "00000000-0000-4000-8000-000000000001"}


@pytest.mark.parametrize(
    ("actor", "kept"),
    [
        ({"mbox_sha1sum": "a" * 40}, {"mbox_sha1sum"}),
        ({"openid": "https://id.clinic.example/nora"}, {"openid"}),
        (
            {"objectType": "Agent", "account": {"homePage": "https://a.example", "name": "n1"}},
            {"objectType", "account"},
        ),
        ({"objectType": "Group", "member": [{"mbox": "mailto:a@b.example"}] * 3}, {"objectType", "member"}),
    ],
)
def test_the_actor_is_invented_with_the_same_identifier(
    tmp_path: Path, call: Call, actor: dict[str, Any], kept: set[str]
) -> None:
    call(make.statement(actor=actor), make.text(make.rule()))
    invented = case_of(tmp_path)["statement"]["actor"]
    assert set(invented) == kept
    assert all(invented[key] != actor[key] for key in kept - {"objectType"})


def test_what_kept_another_rule_away_is_kept_too(tmp_path: Path, call: Call) -> None:
    rival = make.rule("b", when=make.WHEN + '    - {path: result.extensions."urn:kind", is_not: rehearsal}\n')
    document = make.statement(result={"success": True, "extensions": {"urn:kind": "rehearsal", "urn:other": 1}})
    mine = make.rule("a", when=make.WHEN + "    - {path: result.success, is: true}\n")
    call(document, make.text(mine, rival))
    case = case_of(tmp_path)
    assert (case["name"], case["statement"]["result"]) == (
        "recorded 1: completion of a", {"success": True, "extensions": {"urn:kind": "rehearsal"}},
    )  # fmt: skip


def test_what_gives_a_rival_the_statement_is_kept_too(tmp_path: Path, call: Call) -> None:
    rival = make.rule("b", when=f'[{{path: verb.id, is: completed}}, {{path: object.id, is: "{make.OBJECT}"}}]')
    call(make.statement(), make.text(make.rule("a"), rival + "  priority: 1\n"), rule="a")
    case = case_of(tmp_path)
    assert (case["expect"], case["statement"]["object"]["id"]) == ("ignored", make.OBJECT)


# --- nothing of anybody stays ---

PERSON = {
    "name": "Nora Elise Lindqvist",
    "mbox": "mailto:Nora.Lindqvist@clinic.example",
    "account": {"homePage": "https://lms.example.org", "name": "nlq-40417"},
}
MAIL, NUMBER, LICENCE = "nora.lindqvist@clinic.example", "nlq-40417", "1987654328"
SHA1 = hashlib.sha1(b"mailto:nora.lindqvist@clinic.example", usedforsecurity=False).hexdigest()
PLANTED = [
    "Nora", "Elise", "Lindqvist", "clinic.example", NUMBER, "Pettersson", "petra", "Ward Nine", "smithee", LICENCE,
    "1984-02-29", SHA1, ID, SESSION, "my own words",
]  # fmt: skip


def everywhere() -> dict[str, Any]:
    """A statement with a person's values in every place that xAPI has, and in some that it has not."""
    agent = deepcopy(PERSON)
    other = {"name": "Petra Pettersson", "mbox": "mailto:petra@clinic.example"}
    tail = f"{quote(MAIL, safe='')}/{NUMBER}/{SHA1}/Nora-Elise-Lindqvist?u=NORA.LINDQVIST@CLINIC.EXAMPLE&s={SESSION}"
    activity = {
        "id": f"https://lms.example.org/a/{tail}",
        "definition": {
            "type": f"https://lms.example.org/t/{tail}",
            "name": {"en": f"Certificate of Nora Elise Lindqvist ({MAIL})", "Nora Lindqvist": "x"},
            "description": {"en": LICENCE},
            "extensions": {"urn:npi": LICENCE},
            "moreInfo": f"https://lms.example.org/{tail}",
        },
    }
    return {
        "id": ID,
        "actor": agent,
        "verb": {"id": make.COMPLETED, "display": {"en": "Nora completed"}},
        "object": activity | {"id": make.OBJECT, "definition": activity["definition"] | {"type": make.COURSE}},
        "result": {
            "success": "Nora says yes", "completion": f"{MAIL}", "response": "my own words",
            "duration": f"PT1H by {MAIL}", "score": {"raw": NUMBER, "scaled": 0.9, "note": LICENCE},
            "extensions": {"urn:npi": LICENCE, "urn:born": "1984-02-29"},
        },
        "context": {
            "registration": SESSION, "instructor": other,
            "team": {"objectType": "Group", "name": "Ward Nine", "member": [agent]},
            "platform": "Petra Pettersson's ward, for Lindqvist", "language": "nora", "revision": "Nora",
            "statement": {"objectType": "StatementRef", "id": ID},
            "contextActivities": {
                "parent": activity, "grouping": [activity, deepcopy(activity)], "category": ["Nora"],
                "Nora": [activity],
            },
            "contextAgents": [{"objectType": "contextAgent", "agent": {"mbox": "mailto:smithee@clinic.example"}}],
            "extensions": {"urn:npi": LICENCE, "urn:born": "1984-02-29", "urn:who": MAIL},
        },
        "timestamp": "2026-03-10T15:04:05.000Z",
        "stored": "2026-03-10T15:04:06.000Z",
        "authority": {"name": "Alan Smithee", "mbox": "mailto:alan@clinic.example"},
        "attachments": [{"display": {"en": "Nora's scan"}, "fileUrl": f"https://lms.example.org/{tail}"}],
        "version": "1.0.3",
        "Nora": MAIL,
    }  # fmt: skip


def test_a_person_planted_everywhere_leaves_nothing(tmp_path: Path, call: Call) -> None:
    when = (
        make.WHEN
        + """\
    - {path: result.extensions, exists: true}
    - {path: context.platform, exists: true}
    - {path: context.extensions."urn:who", exists: true}
    - {path: object.definition.name.en, exists: true}
    - {path: authority.name, is_not: nobody}
    - {path: "context.contextActivities.grouping[1].id", starts_with: "https://lms.example.org/a/"}
"""
    )
    call(everywhere(), make.text(make.rule(when=when)))
    text = text_of(tmp_path)
    assert [word for word in PLANTED if word.lower() in text.lower()] == []
    assert re.findall(r"[\w.]+@(?!example\.org)", text) == []
    activities = case_of(tmp_path)["statement"]["context"]["contextActivities"]
    ids = [activities["parent"]["id"], *(one["id"] for one in activities["grouping"])]
    assert len(set(ids)) == 1  # the same text stands for the same text everywhere
    assert ids[0].startswith("https://lms.example.org/a/invented-")


@pytest.mark.parametrize("name", [7, "7", "ann"])
def test_a_short_account_name_is_no_part_of_other_words(tmp_path: Path, call: Call, name: Any) -> None:
    document = make.statement(actor={"account": {"homePage": "https://lms.example.org", "name": name}})
    document["object"]["definition"]["name"] = {"en": "Planning for 1977"}
    document["context"] = {"contextActivities": {"parent": [{"id": f"https://lms.example.org/user/{name}/page/77"}]}}
    when = "    - {path: object.definition.name.en, matches: '.*Plan.*'}\n"
    when += "    - {path: 'context.contextActivities.parent[0].id', matches: '.*/page/77'}\n"
    call(document, make.text(make.rule(when=make.WHEN + when)))
    statement = case_of(tmp_path)["statement"]
    assert statement["object"]["definition"]["name"] == {"en": "Planning for 1977"}
    (parent,) = statement["context"]["contextActivities"]["parent"]
    assert parent["id"] == "https://lms.example.org/user/learner-1/page/77"
    assert statement["timestamp"] == document["timestamp"]


def test_what_no_rule_reads_is_invented(tmp_path: Path, call: Call) -> None:
    """No program can know that these words are the name of an account's owner, or his licence number."""
    title = {"en": "Certificate of Zora Quist", "de-AT": "Urkunde, Zora Quist", "Zora": "x"}
    parents = [{"id": f"https://lms.example.org/npi/{LICENCE}/{one}"} for one in "aab"]
    document = make.statement(
        actor={"account": {"homePage": "https://lms.example.org", "name": "4711x"}},
        object={"id": "https://lms.example.org/zora", "definition": {"type": make.COURSE, "name": title}},
        context={"platform": "Portal of Zora", "language": "zora", "contextActivities": {"parent": parents}},
        result={"score": {"raw": int(LICENCE), "max": 100}},
    )
    call(document, make.text(make.rule()))
    statement = case_of(tmp_path)["statement"]
    assert [word for word in ("zora", "quist", LICENCE) if word in json.dumps(statement).lower()] == []
    assert statement["object"]["definition"]["name"] == {"en": "An activity", "de-AT": "An activity"}
    first, same, other = statement["context"]["contextActivities"]["parent"]
    assert (first == same, first == other) == (True, False)
    assert statement["result"] == {"score": {"raw": 1, "max": 100}}


def test_what_a_clever_path_reads_is_kept(tmp_path: Path, call: Call) -> None:
    when = "    - {path: \"contains(object.definition.name.en, 'Update')\", is: true}\n"
    document = make.statement(
        object={"id": "urn:x", "definition": {"type": make.COURSE, "name": {"en": "Nora's Update"}}}
    )
    call(document, make.text(make.rule(when=make.WHEN + when)))
    assert case_of(tmp_path)["statement"]["object"] == {
        "id": "https://lms.example.org/invented/1",
        "definition": {"type": make.COURSE, "name": {"en": "learner-1's Update"}},
    }


# --- refused, and nothing is written ---


def refused(tmp_path: Path, call: Call, *arguments: Any, **more: Any) -> str:
    with pytest.raises(ConnectorError) as caught:
        call(*arguments, **more)
    assert caught.value.code == "mapping.not_recorded"
    assert list((tmp_path / "mappings").glob("recorded*")) == []
    return str(caught.value)


def test_a_rule_that_rests_on_the_learner(tmp_path: Path, call: Call) -> None:
    when = make.WHEN + '    - any:\n        - {path: actor.account.name, starts_with: "staff-"}\n'
    actor = {"account": {"homePage": "https://lms.example.org", "name": "staff-12"}}
    said = refused(tmp_path, call, make.statement(actor=actor), make.text(make.rule(when=when)))
    assert "the rule `r` judges otherwise: `actor.account.name` starts with staff-" in said


def test_an_object_that_is_known_by_the_learner(tmp_path: Path, call: Call) -> None:
    when = '\n    - {path: verb.id, is: completed}\n    - {path: object.id, matches: ".*/nora/course"}\n'
    document = make.statement(object={"id": "https://lms.example.org/nora/course"})
    said = refused(tmp_path, call, document, make.text(make.rule(when=when)))
    assert "`object.id` matches .*/nora/course" in said


def test_a_zone_that_only_the_source_has(tmp_path: Path, call: Call) -> None:
    file = make.text(make.rule(more="completed_on: {path: timestamp}"))
    said = refused(tmp_path, call, make.statement(), file, zone="America/Chicago")
    assert "it gives mapping.no_zone" in said
    said = refused(tmp_path, call, make.statement(), file, zone="Pacific/Auckland", house="America/Chicago")
    assert "the rule `r` gives another completed_on, zone" in said


def test_an_amount_that_no_chain_of_keys_finds(tmp_path: Path, call: Call) -> None:
    credits_ = '[{type: cme, amount: {path: "to_number(result.extensions.hours)", function: quarter_hours, most: 6}}]'
    document = make.statement(result={"extensions": {"hours": "3"}})
    said = refused(tmp_path, call, document, make.text(make.rule(credits_=credits_)))
    assert "it gives mapping.no_amount" in said


def test_a_person_as_object(tmp_path: Path, call: Call) -> None:
    document = make.statement(object={"objectType": "Agent", "mbox": "mailto:a@b.example"})
    assert "about a person" in refused(tmp_path, call, document, make.text(make.rule()))


def test_a_person_as_object_where_no_rule_asks(tmp_path: Path, call: Call) -> None:
    document = make.statement(object={"objectType": "Agent", "mbox": "mailto:anna@b.example", "name": "Anna Berg"})
    call(document, make.text(make.rule(when="[{path: verb.id, is: completed}]")))
    assert not re.search("anna|berg|b.example", text_of(tmp_path), re.IGNORECASE)


@pytest.mark.parametrize(
    ("document", "row", "why"),
    [
        (None, {}, "retention has removed"),
        (b"{", {}, "no statement that can be read"),
        (b"[]", {}, "no statement that can be read"),
        ({}, {"voids": "x"}, "takes another one back"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, call: Call, document: Any, row: dict[str, Any], why: str) -> None:
    assert why in refused(tmp_path, call, document, make.text(make.rule()), **row)


def test_what_is_not_there_and_where_it_may_not_go(tmp_path: Path, call: Call) -> None:
    file = make.text(make.rule("course"))
    assert 'did you mean "course"' in refused(tmp_path, call, make.statement(), file, rule="curse")
    for into in (tmp_path / "x.test.yaml", Path("x.yaml"), Path("below/x.test.yaml")):
        assert "no *.test.yaml right in" in refused(tmp_path, call, make.statement(), file, into=into)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\ntests: [{name: t, statement: {}, expect: ignored}]",
        "tests:\n  - {name: t, statement: {}, expect: ignored}\nversion: 1\n",
    ],
)
def test_a_file_at_whose_end_no_case_can_stand(tmp_path: Path, call: Call, text: str) -> None:
    path = tmp_path / "mappings" / "mine.test.yaml"
    path.write_text(text)
    said = refused(tmp_path, call, make.statement(), make.text(make.rule()), into=path)
    assert ("cannot be added at the end" in said, path.read_text()) == (True, text)


def test_two_completions_ask_for_the_rule_that_is_meant(tmp_path: Path, call: Call) -> None:
    two = [make.rule(name, more=f'provider: "000{number}000"') for number, name in enumerate(("a", "b"), 1)]
    said = refused(tmp_path, call, make.statement(), make.text(*two))
    assert ("several rules take it" in said, "--rule" in said) == (True, True)
    call(make.statement(), make.text(*two), rule="b")
    assert case_of(tmp_path)["rule"] == "b"
