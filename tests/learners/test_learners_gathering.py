"""Completions that need other statements of the same learner, and statements that undo them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.inquiry import ledger
from connector.learners import standing
from connector.store.states import State
from connector.store.tables import LearnerRow
from tests.learners.middle import ANNA, BORIS, SITE, Middle, account, reopened, statement, voiding

FORM = f"{SITE}/mod/feedback/view.php?id=7"
SUBMITTED = "http://activitystrea.ms/schema/1.0/submit"
TAKEN_BACK = f"{SITE}/verbs/uncompleted"
MAIL_ONLY = ANNA | {"account": "", "username": ""}
RULES = f"""
  - name: course
    when: [{{path: verb.id, is: completed}}, {{path: object.id, starts_with: "{SITE}/course"}}]
    also_requires:
      - within: 30d
        when: [{{path: verb.id, is: "{SUBMITTED}"}}, {{path: object.id, starts_with: "{SITE}/mod/feedback"}}]
    undone_by: [{{path: verb.id, is: "{TAKEN_BACK}"}}]
    activity: "203512345"
    credits:
      - {{type: cme, amount: 1.25}}
"""
TWO = RULES.replace(
    "    undone_by", f'      - {{within: 60d, when: [{{path: verb.id, is: "{SITE}/verbs/attended"}}]}}\n    undone_by'
)
UNDOABLE = RULES[: RULES.index("    also")] + RULES[RULES.index("    undone") :]


def form(number: int, **changes: Any) -> dict[str, Any]:
    return statement(number, **{"verb": {"id": SUBMITTED}, "object": {"id": FORM}} | changes)


def undo(number: int, day: int = 11, **changes: Any) -> dict[str, Any]:
    when = f"2026-03-{day:02}T08:00:00.000Z"
    return statement(number, **{"verb": {"id": TAKEN_BACK}, "timestamp": when, "stored": when} | changes)


def again(number: int, day: int, **changes: Any) -> dict[str, Any]:
    when = f"2026-03-{day:02}T09:00:00.000Z"
    return statement(number, timestamp=when, stored=when, **changes)


@pytest.fixture
def place(place: Middle) -> Middle:
    return place.rules(RULES)


def reasons(place: Middle) -> list[str]:
    return [row.reason for row in place.evidence() if row.outcome == "completion"]


def seen(place: Middle) -> list[tuple[str, str, str, str]]:
    with place.credits() as rows:
        return [(row.state, row.wanted, row.why_absent, row.attention) for row in rows]


READY = ("ready", "present", "", "")
DESK = ("confirmed", "present", "", "statement.undone")


def _learners(place: Middle) -> list[LearnerRow]:
    with place.session() as session:
        return list(session.exec(select(LearnerRow).order_by(col(LearnerRow.id))))


def whole(place: Middle) -> bool:
    return not [one for one in ledger.prove(place.store) if one.wrong]


def test_a_completion_waits_for_its_evidence_and_remembers_its_learner(place: Middle) -> None:
    counts = place.post(statement(1)).run()
    assert reasons(place) == ["evidence.missing"]
    assert place.awards() == []
    assert counts["waiting"] == 1
    with place.session() as session:
        assert [row.family_name for row in session.exec(select(LearnerRow))] == ["Quixley"]
    sums = {one.what: one.count for one in ledger.prove(place.store)}
    assert (sums["completions waiting for evidence"], sums["completions waiting for an award"]) == (1, 0)
    place.post(form(2)).run()
    assert seen(place) == [READY]
    assert reasons(place) == [""]
    assert [row.next_at for row in place.evidence()] == [None, None], "and nothing is looked at again"
    assert whole(place)


@pytest.mark.parametrize("actor", [None, account("3")])
def test_evidence_that_came_first_counts_under_any_key_of_the_learner(place: Middle, actor: dict[str, Any]) -> None:
    place.post(form(1, actor=actor or {"mbox": "mailto:anna@example.org"})).run()
    reopened(place).post(statement(2)).run()
    assert seen(place) == [READY]


@pytest.mark.parametrize(
    ("actor", "when"),
    [
        ({"mbox": "mailto:boris@example.org"}, "2026-03-10T16:00:00Z"),
        (account("3"), "2026-04-09T15:04:05.001Z"),
        (account("3"), "2026-02-08T15:04:04.999Z"),
    ],
)
def test_another_learners_evidence_or_one_outside_the_window_does_not(
    place: Middle, actor: dict[str, Any], when: str
) -> None:
    place.post(statement(1), form(2, actor=actor, timestamp=when)).run()
    assert reasons(place) == ["evidence.missing"]


@pytest.mark.parametrize("when", ["2026-04-09T15:04:05Z", "2026-02-08T15:04:05Z"])
def test_the_window_has_two_sides_and_its_ends_belong_to_it(place: Middle, when: str) -> None:
    place.post(statement(1, timestamp="2026-03-10T15:04:05Z"), form(2, timestamp=when)).run()
    assert seen(place) == [READY]


def test_what_has_no_time_has_the_time_at_which_it_was_stored(place: Middle) -> None:
    place.post(statement(1), form(2, timestamp=None, stored="2026-04-01T00:00:00Z")).run()
    assert seen(place) == [READY]


def test_a_window_ends_with_a_days_grace_and_opens_again_for_late_data(place: Middle) -> None:
    place.post(statement(1)).run()
    until = place.evidence()[0].next_at
    assert until is not None
    assert until.isoformat() == "2026-04-10T15:04:05+00:00"
    place.run(later=until - place.clock - timedelta(seconds=1))
    assert reasons(place) == ["evidence.missing"]
    assert place.run(later=timedelta(seconds=1))["expired"] == 1
    assert reasons(place) == ["evidence.expired"]
    assert place.run() == {}, "and nobody spins over it"
    sums = {one.what: one.count for one in ledger.prove(place.store)}
    assert sums["completions whose evidence did not come in time"] == 1
    assert whole(place)
    place.post(form(2, timestamp="2026-03-20T00:00:00Z")).run(later=timedelta(days=100))
    assert [state for state, *_ in seen(place)] != []
    assert place.awards()[0].completed_on.isoformat() == "2026-03-10"


def test_an_old_completion_that_comes_today_is_waited_for_too(place: Middle) -> None:
    place.post(statement(1, timestamp="2025-01-05T00:00:00Z")).run()
    assert reasons(place) == ["evidence.missing"]
    place.run(later=timedelta(days=1))
    assert reasons(place) == ["evidence.expired"]


def test_each_need_is_met_by_itself_and_the_longest_that_is_missing_is_waited_for(place: Middle) -> None:
    place.rules(TWO).post(statement(1)).run()
    (row,) = place.evidence()
    assert str(row.next_at) == "2026-05-10 15:04:05+00:00"
    place.post(statement(2, verb={"id": f"{SITE}/verbs/attended"}, object={"id": SITE})).run()
    assert str(place.evidence()[0].next_at) == "2026-04-10 15:04:05+00:00"
    assert reasons(place) == ["evidence.missing"]
    place.post(form(3)).run()
    assert seen(place) == [READY]


def test_keys_that_are_linked_later_bring_their_evidence(place: Middle) -> None:
    place.sheet(MAIL_ONLY, BORIS).post(statement(1), form(2, actor=account("3"))).run()
    assert reasons(place) == ["evidence.missing"]
    place.sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    assert seen(place) == [READY]


def test_two_learners_who_turn_out_to_be_one_are_joined_with_their_evidence(place: Middle) -> None:
    place.sheet(MAIL_ONLY, BORIS).post(statement(1), statement(2, actor=account("3")), form(3, actor=account("3")))
    place.run()
    assert len(place.awards()) == 1
    place.sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    place.run()
    assert sorted(reasons(place)) == ["", ""]
    assert seen(place) == [READY]
    assert whole(place)


def test_the_actor_of_evidence_is_asked_about_while_somebody_waits_for_it(place: Middle) -> None:
    place.sheet(MAIL_ONLY, BORIS).post(statement(1)).run()
    place.sheet(ANNA, BORIS)
    with place.session() as session:
        session.get_one(LearnerRow, 1).fetched_at = place.clock
    place.post(form(2, actor=account("3"))).run()
    assert seen(place) == [READY]


def test_strangers_with_evidence_open_no_learner(place: Middle) -> None:
    place.post(statement(1), form(2, actor=account("4")), form(3, actor=account("99"))).run()
    with place.session() as session:
        assert len(session.exec(select(LearnerRow)).all()) == 1
    assert all(row.next_at is None for row in place.evidence() if row.outcome == "evidence")


def test_voided_evidence_takes_the_award_with_it_and_other_evidence_keeps_it(place: Middle) -> None:
    place.post(statement(1), form(2), form(3, timestamp="2026-03-12T00:00:00Z")).run()
    place.post(voiding(4, 2)).run()
    assert seen(place) == [READY]
    place.post(voiding(5, 3)).run()
    assert seen(place) == [("ready", "absent", "statement.voided", "")]
    place.walk(1, State.CLOSED)
    place.post(form(6)).run()
    assert seen(place) == [READY]


def test_a_sent_credit_whose_only_evidence_is_voided_is_withdrawn(place: Middle) -> None:
    place.post(statement(1), form(2)).run()
    place.send().post(voiding(3, 2)).run()
    assert seen(place) == [("confirmed", "absent", "statement.voided", "")]


def test_a_sent_credit_whose_evidence_is_somebody_elses_by_now_goes_to_the_desk(place: Middle) -> None:
    place.post(statement(1), form(2, actor=account("3"))).run()
    place.send().sheet(MAIL_ONLY, BORIS | {"account": "3", "username": ""})
    place.post(again(5, 12, actor=account("3"))).run()
    assert [row.family_name for row in _learners(place)] == ["Quixley", "Vantongeren"]
    assert seen(place)[0] == ("confirmed", "present", "", "evidence.missing")


@pytest.mark.parametrize("first", ["completion", "undo"])
def test_an_undone_completion_earns_nothing_until_it_is_completed_again(place: Middle, first: str) -> None:
    one, two = (statement(1), undo(2)) if first == "completion" else (undo(2), statement(1))
    place.rules(UNDOABLE).post(one).run()
    place.post(two).run()
    assert [(row[1], row[2]) for row in seen(place)] == [("absent", "statement.undone")]
    place.post(again(3, 12)).run()
    assert [row[1] for row in seen(place)] == ["present"]
    assert place.awards()[0].completed_on.day == 12
    assert whole(place)


def test_what_is_undone_earlier_or_elsewhere_or_by_another_learner_stays(place: Middle) -> None:
    place.rules(UNDOABLE).post(
        statement(1),
        undo(2, day=9),
        undo(3, object={"id": f"{SITE}/course/view.php?id=43"}),
        undo(4, actor=account("4")),
    ).run()
    assert seen(place) == [READY]


@pytest.mark.parametrize(("stored", "kept"), [("2026-03-10T15:04:05.500Z", True), ("2026-03-10T15:04:07Z", False)])
def test_of_two_in_one_instant_the_one_stored_later_counts(place: Middle, stored: str, *, kept: bool) -> None:
    place.rules(UNDOABLE).post(statement(1), undo(2, timestamp="2026-03-10T15:04:05.000Z", stored=stored)).run()
    assert [row[1] for row in seen(place)] == ["present" if kept else "absent"]


def test_an_undo_that_was_voided_was_never_said(place: Middle) -> None:
    place.rules(UNDOABLE).post(statement(1), undo(2)).run()
    place.post(voiding(3, 2)).run()
    assert seen(place) == [READY]


def test_an_undo_under_a_key_that_only_the_directory_links_is_found(place: Middle) -> None:
    place.rules(UNDOABLE).sheet(MAIL_ONLY, BORIS).post(statement(1)).run()
    place.send().sheet(ANNA, BORIS).post(undo(2, actor=account("3"))).run()
    assert seen(place) == [DESK]


def test_a_sent_credit_goes_to_the_desk_once_and_leaves_it_when_completed_again(place: Middle) -> None:
    place.rules(UNDOABLE).post(statement(1)).run()
    with capture_logs() as logs:
        place.send().post(undo(2)).run()
        place.post(undo(3, day=13)).run()
    assert seen(place) == [DESK]
    (line,) = [line for line in logs if line["event"] == "credit.attention"]
    assert (line["credit"], line["code"], line["who"]) == (1, "statement.undone", "coordinator")
    place.post(again(4, 14)).run()
    assert seen(place) == [("confirmed", "present", "", "")]
    assert place.awards()[0].completed_on.day == 10, "what was sent keeps its date"


def test_a_void_of_what_was_undone_withdraws_it(place: Middle) -> None:
    place.rules(UNDOABLE).post(statement(1)).run()
    place.send().post(undo(2)).run()
    place.post(voiding(3, 1)).run()
    assert seen(place) == [("confirmed", "absent", "statement.voided", "")]


def test_what_turns_out_not_to_be_at_pars_is_not_sent_any_more(place: Middle) -> None:
    place.rules(UNDOABLE).post(statement(1)).run()
    place.walk(1, State.SENDING, at_pars="unknown", attempts=1)
    place.post(undo(2)).run()
    assert seen(place) == [("sending", "present", "", "statement.undone")]
    place.walk(1, State.READY, at_pars="no").run()
    assert seen(place) == [("ready", "absent", "statement.undone", "")]


def test_evidence_that_makes_us_stumble_is_looked_at_again_after_a_pause(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.post(statement(1), form(2)).run()
    place.send()
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(standing, "_fall", lambda *_args: {}["x"])
        place.post(voiding(3, 2)).run()
        place.run(later=timedelta(minutes=5))
    assert [line["event"] for line in logs].count("stage.poisoned") == 1
    assert seen(place) == [("confirmed", "present", "", "")]
    place.run(later=timedelta(hours=1))
    assert seen(place) == [("confirmed", "absent", "statement.voided", "")]


def test_a_turn_asks_indexes_and_not_everything_that_waits_or_has_expired(place: Middle) -> None:
    asked: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, sql: str, values: Any, *_rest: Any) -> None:
        if "FROM evidence" in sql and sql.startswith("SELECT"):
            asked.append((sql, values))

    place.post(statement(1), form(2), statement(3, actor=account("4"))).run()
    event.listen(place.store.engine, "before_cursor_execute", keep)
    place.post(form(4, actor=account("99"))).run(later=timedelta(hours=2))
    event.remove(place.store.engine, "before_cursor_execute", keep)
    with place.store.engine.connect() as connection:
        plans = {sql: str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", v).all()) for sql, v in asked}
    assert len(plans) > 5
    full = [sql for sql, plan in plans.items() if re.search(r"SCAN evidence(?! USING)", plan)]
    assert full == []
    open_or_due = [plan for sql, plan in plans.items() if "evidence.missing" in sql or "next_at" in sql]
    assert all("ix_evidence" in plan or "PRIMARY KEY" in plan for plan in open_or_due)


def test_a_completion_at_the_end_of_time_waits_like_any_other(place: Middle) -> None:
    place.rules(RULES).post(statement(1, timestamp="9999-12-31T10:00:00Z")).run()
    (row,) = place.evidence()
    assert (row.outcome, row.reason) == ("completion", "evidence.missing")
