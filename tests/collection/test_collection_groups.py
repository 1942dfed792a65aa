"""A group as actor: held for a person, or fanned out to its members, each with an outcome and a credit of his own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlmodel import col, select

from connector.collection import save, stage
from connector.inquiry import ledger
from connector.inquiry.explain import explain
from connector.lrs.actors import MOST_MEMBERS
from connector.lrs.statement import Read, read
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import StatementRow
from tests.collection.conftest import Configure
from tests.learners.middle import ANNA, BORIS, RULE, Middle, laid_out, statement, voiding
from tests.lrs.loopback import FakeLrs, in_turn, page

A, B = ({"mbox": f"mailto:{name}@example.org"} for name in ("anna", "boris"))
NOBODY = {"name": "somebody with a name alone"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    yield laid
    laid.store.dispose()


def group(*members: Any, **more: Any) -> dict[str, Any]:
    return {"objectType": "Group", "member": list(members)} | more


def fanned(actor: Any, **changes: Any) -> Read:
    return read(orjson.dumps(statement(1) | {"actor": actor} | changes), "campus", groups="fan_out")


def post(place: Middle, *documents: dict[str, Any], source: str = "campus") -> Middle:
    with place.at(), place.store.writing() as session:
        reads = [read(orjson.dumps(one), source, groups="fan_out") for one in documents]
        save.page(session, source, reads, now=place.clock)
    return place


def code(actor: Any) -> str:
    found = fanned(actor)
    assert found.members == ()
    assert found.problem is not None
    return found.problem.code


# --- reading ---


@pytest.mark.parametrize(
    "actor",
    [
        group(A, B),
        group(B, A, B, {"mbox": "MAILTO:Anna@example.org"}),
        group(A, B, mbox="mailto:staff@example.org"),
        {"objectType": "group", "member": [A, B]},
        {"member": [A, B]},
        group(A | {"objectType": "Agent", "member": None}, B),
    ],
)
def test_the_members_count_each_once(actor: dict[str, Any]) -> None:
    found = fanned(actor)
    assert set(found.members) == {"mbox:anna@example.org", "mbox:boris@example.org"}
    assert len(found.members) == 2
    assert (found.problem, found.statement.actor_key) == (None, None)


def test_a_single_member_need_not_stand_in_a_list() -> None:
    assert fanned({"objectType": "Group", "member": A}).members == ("mbox:anna@example.org",)


@pytest.mark.parametrize("bad", [NOBODY, A | {"openid": "https://a.example.org"}, group(B), "anna", None, 7, []])
def test_a_member_nobody_can_tell_is_a_problem_of_that_member_alone(bad: Any) -> None:
    found = fanned(group(A, bad))
    assert found.members == ("mbox:anna@example.org",)
    assert found.problem is not None
    assert (found.problem.code, found.problem.message) == (
        "lrs.bad_member",
        "1 of 2 members have no usable identifier",
    )
    assert "anna" not in found.problem.model_dump_json()


def test_a_group_of_nobody_is_a_problem() -> None:
    assert code({"objectType": "Group", "mbox": "mailto:staff@example.org"}) == "lrs.group_unknown"
    assert code(group()) == "lrs.group_unknown"
    assert code({"objectType": "Group", "member": "anna"}) == "lrs.group_unknown"
    assert code(group(NOBODY, NOBODY)) == "lrs.bad_member"


def test_a_group_is_bounded() -> None:
    many = [{"account": {"homePage": "https://x.org", "name": number}} for number in range(MOST_MEMBERS + 1)]
    assert len(fanned(group(*many[1:])).members) == MOST_MEMBERS
    assert code(group(*many)) == "lrs.group_too_large"


def test_agents_are_read_as_ever() -> None:
    found = fanned(A | {"member": None})
    assert (found.members, found.statement.actor_key) == ((), "mbox:anna@example.org")


def test_the_content_key_covers_the_members_in_any_order() -> None:
    one, turned, *others = [fanned(group(*members)).content_key for members in ([A, B], [B, A], [A], [B])]
    assert one == turned
    assert len({one, *others}) == 3
    assert "" not in (one, *others)


# --- the way to the credits ---


def test_a_group_is_held_unless_the_source_says_otherwise(place: Middle) -> None:
    place.post(statement(1, actor=group(A, B))).run()
    assert [(row.outcome, row.reason) for row in place.evidence()] == [("problem", "lrs.group_actor")]


def test_each_member_earns_a_credit_of_his_own(place: Middle) -> None:
    post(place, statement(1, actor=group(A, B, NOBODY))).run()
    assert sorted((row.actor_key, row.rule, row.outcome, row.reason) for row in place.evidence()) == [
        ("", "", "problem", "lrs.bad_member"),
        ("mbox:anna@example.org", "course", "completion", ""),
        ("mbox:boris@example.org", "course", "completion", ""),
    ]
    assert sorted(award.anchor for award in place.awards()) == ["mbox:anna@example.org", "mbox:boris@example.org"]
    assert len({award.learner_id for award in place.awards()}) == 2
    assert place.states() == [("AMA PRA Category 1", "ready")] * 2
    assert [one for one in ledger.prove(place.store) if one.wrong] == []
    told = [line.text for line in explain(place.store, place.config, statement(1)["id"])]
    assert "said of a group: an outcome for each of its 2 known members" in told
    assert "rule course: a completion" in told


def test_each_member_is_ignored_by_a_rule_that_does_not_want_the_statement(place: Middle) -> None:
    place.rules(RULE.replace("}]", "}, {path: result.success, is: true}]"))
    post(place, statement(1, actor=group(A, B))).run()
    assert [(row.rule, row.outcome) for row in place.evidence()] == [("course", "ignored")] * 2


def test_the_same_group_told_again_is_evidence_of_each_members_own_award(place: Middle) -> None:
    post(place, statement(1, actor=group(A, B))).run()
    post(place, statement(2, actor=group(B, A)), statement(3, actor=A, timestamp="2026-03-11T08:00:00Z")).run()
    with place.store.reading() as session:
        linked = session.exec(select(StatementRow.duplicate_of).order_by(col(StatementRow.id))).all()
    assert linked == [None, 1, None]
    anchors = {award.id: award.anchor for award in place.awards()}
    assert len(anchors) == 2
    assert all(anchors[row.award_id or 0] == row.actor_key for row in place.evidence())
    assert len(place.evidence()) == 5


def test_a_void_fells_the_outcome_of_every_member(place: Middle) -> None:
    post(place, statement(1, actor=group(A, B))).run()
    post(place, statement(3, actor=A, timestamp="2026-03-11T08:00:00Z")).run()
    place.send()
    post(place, voiding(2, 1)).run()
    assert [row.standing for row in place.evidence()] == [False, False, True]
    with place.credits() as rows:
        assert [(row.state, row.wanted) for row in rows] == [("confirmed", "present"), ("confirmed", "absent")]


def test_a_group_voided_before_it_came_gives_nobody_anything(place: Middle) -> None:
    post(place, voiding(2, 1), statement(1, actor=group(A, B))).run()
    assert place.awards() == []
    assert [row.standing for row in place.evidence()] == [False, False]


def test_what_a_groups_statement_says_of_the_group_is_said_of_no_member(tmp_path: Path) -> None:
    paths = {"npi": "context.npi", "given_name": "actor.name"}
    place = laid_out(tmp_path, learners={"sources": [{"sheet": tmp_path / "learners.csv"}, {"statement": paths}]})
    place.sheet({**ANNA, "npi": "", "given_name": ""}, BORIS)
    post(place, statement(1, actor=group(A, B, name="Ward 7"), context={"npi": "1234567893"})).run()
    with place.credits() as rows:
        assert [row.state for row in rows] == [State.HELD, State.READY]
        assert {problem["field"] for problem in rows[0].problems} >= {"given_name"}
    place.store.dispose()


@pytest.mark.parametrize("setting", ["hold", "fan_out"])
def test_the_setting_of_the_source_decides(store: Store, configure: Configure, setting: str) -> None:
    with FakeLrs(in_turn(page([orjson.dumps(statement(1, actor=group(A, B)))]))) as lrs:
        stage.collect(store, *configure(lrs.endpoint, groups=setting))
    with store.reading() as session:
        row = session.exec(select(StatementRow)).one()
    told = (row.actor_key, row.members, (row.problem or {}).get("code"))
    members = ["mbox:anna@example.org", "mbox:boris@example.org"]
    assert told == (("", members, None) if setting == "fan_out" else ("", None, "lrs.group_actor"))
