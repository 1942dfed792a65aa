"""The desk: what lies on it, and what becomes of a person's decision, as far as the rehearsal's PARS."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from connector.cli import main, wishing
from connector.learners import decisions, replacing
from connector.records import CreditOffer
from connector.sandbox.world.activities import ROUNDS
from connector.sandbox.world.people import known_learners
from connector.store import attention, fixes
from connector.store.tables import Award, Credit, LearnerRow, Wish
from tests.delivery.correcting import AMA, Course
from tests.delivery.workplace import Delivery

LIFELONG = "ABA/Lifelong Learning"


def offers(amount: str = "1.00") -> tuple[CreditOffer, ...]:
    hours = Decimal(amount)
    moc = CreditOffer(
        kind="moc",
        certification=LIFELONG,
        board="ABA",
        credit_type="Lifelong Learning",
        amount=hours,
        board_total=hours,
    )
    return (CreditOffer(kind="cme", certification=AMA, amount=hours), moc)


@pytest.fixture
def course(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Course:
    """An anaesthetist at rounds, and the folder that the commands are called in."""
    known = next(one for one in known_learners() if one.ref == "ABA-1")
    path = delivery.folder / "learners.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows.append(rows[0] | {
        "username": "aba", "email": "aba@example.org", "account": "99", "given_name": known.given,
        "family_name": known.family, "birth_day": known.birth.replace("-", "/"), "npi": known.ids["NPI"],
        "state": "", "licence": "", "board": "ABA", "board_id": known.ids["ABA"],
    })  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    monkeypatch.chdir(delivery.folder)
    return Course(delivery)


def attend(course: Course, session: str, amount: str = "1.00") -> int:
    return course.tell("aba", activity_id=ROUNDS, per=session, credits=offers(amount))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["unmatched", *arguments])


def listed(*arguments: str) -> list[dict[str, Any]]:
    done = call(*arguments, "--json")
    return [json.loads(line) for line in done.stdout.splitlines()]


def board(course: Course) -> list[tuple[str, str, str]]:
    return [(str(row.amount), row.state, row.reason) for row in course.rows() if row.board]


def credited(course: Course) -> list[tuple[str, str]]:
    """Certification and amount of what PARS holds."""
    return [one[2:] for one in course.held()]


def results(course: Course) -> list[str]:
    with course.delivery.store.reading() as session:
        return [wish.result for wish in session.exec(select(Wish).order_by(Wish.id)) if wish.kind.startswith("desk.")]


@pytest.fixture
def doubled(course: Course) -> Course:
    """The first of a date is at PARS, the second lies on the desk."""
    attend(course, "morning")
    course.turn()
    attend(course, "noon", "1.25")
    course.turn()
    assert board(course) == [("1.00", "pending", ""), ("1.25", "held", "credit.one_per_date")]
    return course


def test_the_second_of_a_date_lies_on_the_desk_with_its_two_offers(doubled: Course) -> None:
    (row,) = listed("list")
    assert (row["credit"], row["reason"], row["problems"][0]["who"]) == (4, "credit.one_per_date", "coordinator")
    assert "unmatched fix" in row["problems"][0]["hint"]
    assert "credit.one_per_date" in call("list").stdout
    assert call("show", "4").exit_code == 0
    done = CliRunner().invoke(main, ["unmatched", "fix", "4", "--sum"], input="n\n")
    assert (done.exit_code, call("fix", "4").exit_code) == (1, 2), "what is to be done must be named"
    for arguments in (
        ("fix", "2", "--sum", "--yes"),
        ("fix", "99", "--sum", "--yes"),
        ("close", "2", "--why", "x"),
        ("fix", "4", "--not-same-person"),
        ("fix", "99", "--set", "npi=1234567893"),
        ("fix", "2", "--set", "npi=1234567893"),  # PARS has taken it
    ):
        assert call(*arguments).exit_code == 1
    assert results(doubled) == [], "nothing of this was a decision"


def test_a_name_said_to_be_his_is_taken_back(course: Course) -> None:
    attend(course, "morning")
    course.turn()
    with course.delivery.store.writing() as session:
        row = session.get_one(LearnerRow, session.get_one(Award, course.rows()[0].award_id).learner_id)
        fixes.put(session, row, fixes.ACTOR_NAME, "Zanna Ray", by="maria", now=datetime.now(UTC))
    assert call("fix", "1", "--same-person", "--not-same-person").exit_code == 2
    assert call("fix", "1", "--not-same-person").exit_code == 0
    course.judge()
    with course.delivery.store.reading() as session:
        assert fixes.actor_names(session, row.id) == set()
    assert call("fix", "1", "--not-same-person").exit_code == 1


def test_the_sum_is_reported_once_the_first_is_withdrawn(doubled: Course) -> None:
    done = call("fix", "4", "--sum", "--yes")
    assert (done.exit_code, "no daemon is running" in done.stderr) == (0, True)
    assert "1.00" in done.stdout
    assert "1.25" in done.stdout
    doubled.judge()
    assert board(doubled) == [
        ("1.00", "pending", ""), ("0.00", "closed", "credit.summed_into"), ("2.25", "held", "credit.predecessor"),
    ]  # fmt: skip
    assert (doubled.rows()[1].wanted, doubled.rows()[-1].supersedes) == ("absent", 2)
    assert results(doubled) == [decisions.DONE]
    doubled.turns(3)
    assert board(doubled)[0][1:2] + board(doubled)[2][:2] == ("withdrawn", "2.25", "pending")
    assert credited(doubled) == [(AMA, "1"), (AMA, "1.25"), ("Lifelong Learning", "2.25")]
    found = doubled.delivery.sandbox.check([doubled.rows()[1].credit_id])
    assert {one.code for one in found} == {"sent-apart"}, "one credit of a record was corrected, its CME was not"
    assert listed("list") == []


def test_two_sessions_of_one_date_reach_pars_as_one_credit_of_the_board(course: Course) -> None:
    attend(course, "morning")
    attend(course, "noon", "1.25")
    course.turn()
    assert credited(course) == [(AMA, "1"), (AMA, "1.25"), ("Lifelong Learning", "2.25")]
    found = course.delivery.sandbox.check()
    assert {one.code for one in found} == {"sent-apart"}, "the second CME has nothing of the board beside it"
    assert listed("list") == []


def test_leaving_it_closes_the_second_for_good(doubled: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    monkeypatch.setattr(wishing, "is_running", lambda _store: True)
    monkeypatch.setattr(wishing.time, "sleep", lambda seconds: (looked.append(seconds), doubled.turn()))
    done = call("close", "4", "--why", "agreed with the board", "--wait")
    assert (done.exit_code, looked, "done" in done.stderr) == (0, [0.1], True)
    assert board(doubled)[1] == ("1.25", "closed", "closed.by_person")
    doubled.turn(minutes=90)
    doubled.turn()
    assert board(doubled)[1][1] == "closed"
    assert (listed("list"), results(doubled)) == ([], [decisions.DONE])
    told = call("show", "4").stdout
    assert "it is to be left as it is, says " in told
    assert ': "agreed with the board" (desk.done)' in told


def test_a_wish_that_comes_too_late_or_stumbles_is_answered_and_changes_nothing(
    doubled: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = call("close", "4", "--why", "left", "--wait")
    assert (alone.exit_code, "no daemon is running" in alone.stderr) == (1, True), "nobody does it in the meantime"
    call("fix", "4", "--sum", "--yes")
    doubled.judge()
    assert results(doubled) == [decisions.DONE, decisions.GONE]
    attend(doubled, "night")
    doubled.turn()
    monkeypatch.setattr(replacing, "replace", lambda *_: {}["x"])
    call("fix", str(doubled.rows()[-1].id), "--sum", "--yes")
    doubled.judge()
    assert results(doubled)[2:] == ["connector.unexpected"]
    assert doubled.rows()[1].wanted == "present"


def test_a_credit_that_calls_for_a_person_leaves_the_desk_as_it_is(course: Course) -> None:
    attend(course, "morning")
    course.turn()
    with course.delivery.store.writing() as session:
        credit = session.get_one(Credit, 2)
        attention.call(session, credit, "credit.doubled", now=credit.created_at, hint="look", by="test")  # type: ignore[arg-type]
    (row,) = listed("list")
    assert (row["credit"], row["attention"], row["problems"][0]["code"]) == (2, "credit.doubled", "credit.doubled")
    assert "credit.doubled" in call("list").stdout
    assert call("close", "2", "--why", "both are right").exit_code == 0
    course.judge()
    assert (listed("list"), course.rows()[1].state, results(course)) == ([], "pending", [decisions.DONE])


def test_all_of_a_date_go_into_the_sum(doubled: Course) -> None:
    attend(doubled, "evening", "0.50")
    doubled.turn()
    assert [row["credit"] for row in listed("list")] == [4, 6]
    call("fix", "6", "--sum", "--yes")
    doubled.turns(3)
    assert credited(doubled)[-1] == ("Lifelong Learning", "2.75")
    assert board(doubled)[-1][:2] == ("2.75", "pending")
    assert {row.summed_into for row in doubled.rows() if row.reason == "credit.summed_into"} == {doubled.rows()[-1].id}


@pytest.mark.parametrize("arguments", [("fix", "--sum"), ("close", "--why", "x")])
def test_a_number_beyond_all_rows_is_no_credit(arguments: tuple[str, ...]) -> None:
    done = call(arguments[0], "9" * 20, *arguments[1:])
    assert (done.exit_code, "not in the range" in done.output) == (2, True)


def test_what_a_correction_brings_about_is_said_and_stands_in_the_story(course: Course) -> None:
    attend(course, "morning")
    course.judge()
    nurse = call("fix", "1", "--set", "profession=R.N.")
    assert (nurse.exit_code, "this closes his credits for CME and a board (MOC)" in nurse.stderr) == (0, True)
    course.judge()
    assert {(row.state, row.reason) for row in course.rows()} == {("closed", "learner.not_eligible")}
    doubtful = call("fix", "1", "--set", "profession=D.O.", "--set", "npi=1234567890")
    assert (doubtful.exit_code, "the NPI's check digit is wrong" in doubtful.stderr) == (0, True)
    assert "1234567890" not in doubtful.output
    course.judge()
    assert {row.state for row in course.rows()} == {"ready"}
    told = call("show", "1").stdout
    assert "corrected profession of learner 1, by " in told
    assert "corrected ids.NPI of learner 1, by " in told
    refused = call("fix", "1", "--set", "profession=Medical docter")
    assert (refused.exit_code, "docter" in refused.output) == (2, False)


def test_an_actor_whom_nobody_knows_has_nothing_to_correct(course: Course) -> None:
    course.tell("stranger")
    course.judge()
    done = call("fix", "1", "--set", "npi=1234567893")
    assert (done.exit_code, "learners link ACTOR LEARNER" in done.stderr) == (1, True)
