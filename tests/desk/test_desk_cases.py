"""The desk's list and its cases in words, as the command line shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.desk import cases, stage
from connector.inquiry import unmatched
from connector.inquiry.unmatched import Filter
from connector.store import matches
from connector.store.states import State
from tests.delivery.workplace import HYPERTENSION, MOC, Delivery


@pytest.fixture
def place(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    monkeypatch.chdir(delivery.folder)
    return delivery


def sent_and_refused(place: Delivery) -> int:
    """Erik's birth day stands the wrong way round with his provider: PARS itself says no."""
    (pk,) = place.ready("elind")
    place.send()
    assert place.state(pk) == "unmatched"
    return pk


def hold(place: Delivery, code: str, who: str, person: str = "bachebe", **more: Any) -> int:
    (pk,) = place.ready(person, **more)
    place.change(pk, state=State.HELD, reason=code, problems=[_problem(code, who)])
    return pk


def _problem(code: str, who: str) -> dict[str, str]:
    return {"code": code, "field": "consent", "message": "it is missing", "who": who}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["unmatched", *arguments])


def listed(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in call("list", *arguments, "--json").stdout.splitlines()]


def test_the_list_has_age_deadline_and_suggestion(place: Delivery) -> None:
    pk = sent_and_refused(place)
    assert [(row["credit"], row["suggestion"]) for row in listed()] == [(pk, "none")]
    stage.run(place.store, place.config)
    place.pass_by(days=3, hours=1)
    (row,) = listed()
    assert (row["days"], row["who"], row["suggestion"]) == (3, "coordinator", "sure")
    assert (row["deadline"], row["deadline_kind"], row["deadlines_passed"]) == ("2026-04-09", "thirty_days", [])
    place.pass_by(days=40)
    (row,) = listed()
    assert (row["deadline"], row["deadline_kind"], row["deadlines_passed"]) == (
        "2027-03-31", "year_end", ["thirty_days"],
    )  # fmt: skip
    shown = call("list").stdout
    assert all(word in shown for word in ("43 d", "2027-03-31", "sure"))


def test_the_list_by_who_acts_by_activity_and_by_learner(place: Delivery) -> None:
    mine = sent_and_refused(place)
    theirs = hold(place, "learner.no_consent", "learner", activity=HYPERTENSION)
    assert [row["credit"] for row in listed()] == [mine, theirs]
    assert [row["credit"] for row in listed("--who", "learner")] == [theirs]
    assert [row["credit"] for row in listed("--activity", HYPERTENSION)] == [theirs]
    (row,) = listed("--who", "coordinator")
    assert [one["credit"] for one in listed("--learner", str(row["learner"]))] == [mine]
    assert listed("--learner", "99") == []
    assert "nobody waits" in call("list", "--who", "operator").stdout
    assert call("list", "--who", "somebody").exit_code == 2


def test_a_case_says_what_failed_what_was_sent_and_what_came_back(place: Delivery) -> None:
    pk = sent_and_refused(place)
    stage.run(place.store, place.config)
    told = call("show", str(pk)).stdout
    for words in (
        "what failed: PARS found no such learner (pars.no_match)",
        "field: names, birth day or number",
        "who can fix it: coordinator",
        "under NPI, with first name, last name, month and day of birth",
        "No match",
        "waits since then: 0 days",
        "next deadline: 2026-04-09, 30 days from the completion, in 30 days",
        "1. sure: PARS knows the learner with this: month and day of birth are exchanged (near.birth_day_swapped)",
        f"unmatched fix {pk} --suggestion 1",
        f"credit {pk} ccid:",
        "next: a person corrects the learner",
    ):
        assert words in told, words
    erik = place.sandbox.world.people["elind"]
    assert not [value for value in (erik.given, erik.family, erik.birth, erik.npi, "04-12") if value in told]


def test_values_are_shown_on_a_terminal_only(place: Delivery) -> None:
    pk = sent_and_refused(place)
    stage.run(place.store, place.config)
    for arguments in (("--values",), ("--values", "--json")):
        done = call("show", str(pk), *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "on a terminal only" in done.stderr
    now = datetime.now(UTC)
    told = [line.text for line in unmatched.told(place.store, place.config, pk, now, values=True)]
    erik = place.sandbox.world.people["elind"]
    assert {f"last name: {erik.family}", f"NPI: {erik.npi}", "month and day of birth: 04-12"} <= set(told)


def test_what_waits_for_nobody_has_its_story_alone(place: Delivery) -> None:
    (pk,) = place.ready("aoneill")
    told = call("show", str(pk))
    assert (told.exit_code, "waits for a person" in told.stdout) == (0, False)
    assert call("show", "99").exit_code == 1
    lines = [json.loads(line) for line in call("show", str(pk), "--json").stdout.splitlines()]
    assert lines[0]["text"].startswith(f"credit {pk} ccid:")


def test_a_number_that_may_be_too_new_is_nobodys_case_yet(place: Delivery) -> None:
    pk = hold(place, matches.MAY_BE_NEW, "nobody")
    assert listed() == []
    place.change(pk, reason=matches.MATCH_NO, problems=[_problem(matches.MATCH_NO, "coordinator")])
    assert [row["credit"] for row in listed()] == [pk]


@pytest.mark.parametrize(
    ("state", "code", "who", "is_case"),
    [
        ("held", "credit.same_person", "coordinator", True),
        ("held", "credit.amount", "administrator", True),
        ("held", "activity.not_released", "coordinator", False),
        ("held", "credit.send_after", "nobody", False),
        ("held", "credit.room_first", "nobody", False),
        ("held", "", "coordinator", False),
        ("refused", "pars.activity_closed", "coordinator", True),
        ("rejected", "pars.board_said_no", "coordinator", True),
    ],
)
def test_whatever_a_person_can_mend_is_a_case(
    place: Delivery, state: str, code: str, who: str, *, is_case: bool
) -> None:
    (pk,) = place.ready("bachebe")
    place.change(pk, state=state, reason=code, problems=[_problem(code, who)] if code else [])
    assert [row["credit"] for row in listed()] == ([pk] if is_case else [])
    assert ("waits for a person" in call("show", str(pk)).stdout) is is_case
    place.unwant(pk)
    assert listed() == [], "what nobody wants any more waits for nobody"


def test_a_boards_credit_has_the_activitys_claim_date(place: Delivery) -> None:
    pk = hold(place, "learner.no_consent", "learner", offers=(MOC,), activity=HYPERTENSION)
    with place.store.reading() as session:
        (case,) = cases.open_cases(session)
    assert (case.credit, case.board, case.claim_date is None) == (pk, "ABIM", False)
    (found,) = unmatched.listed(place.store, place.config, Filter(), datetime.now(UTC))
    kinds = {str(one.kind) for one in (*found.outlook.passed, found.outlook.next)}
    assert kinds <= {"thirty_days", "claim_date", "year_end"}
