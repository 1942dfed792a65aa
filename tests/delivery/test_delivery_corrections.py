"""Corrections of what PARS holds: the delete waits for the gates of its replacement, the add for the delete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend
from connector.records import Problem
from connector.store.moves import move
from connector.store.states import State
from connector.store.tables import ActivityRow, Credit
from tests.delivery.correcting import AMA, HYPERTENSION, STEWARDSHIP, Course, consent, offers
from tests.delivery.workplace import Delivery

EIGHTH = date(2026, 3, 8)


@pytest.fixture
def course(delivery: Delivery) -> Course:
    return Course(delivery)


def reported(course: Course, **changes: object) -> int:
    number = course.tell(**changes)
    course.turn()
    assert course.states() == ["confirmed"]
    return number


def actions(course: Course) -> list[str]:
    return [row.action for row in course.delivery.submissions()]


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({"credits": offers("1.25")}, (STEWARDSHIP, "2026-03-10", AMA, "1.25")),
        ({"completed_on": EIGHTH}, (STEWARDSHIP, "2026-03-08", AMA, "1.5")),
        ({"activity_id": HYPERTENSION}, (HYPERTENSION, "2026-03-10", AMA, "1.5")),
        ({"per": "2026-03-10", "rule": "renamed"}, (STEWARDSHIP, "2026-03-10", AMA, "1.5")),
    ],
    ids=["amount", "date", "activity", "per"],
)
def test_what_was_sent_is_withdrawn_as_it_left_and_reported_anew(
    delivery: Delivery, change: dict[str, object], held: tuple[str, ...]
) -> None:
    course = Course(delivery)
    number = reported(course)
    course.apply(number, **change)
    course.turns(3)
    old, new = course.rows()
    assert course.states() == ["withdrawn", "confirmed"]
    assert (new.supersedes, old.why_absent, old.reported_on) == (old.id, "mapping.corrected", date(2026, 3, 10))
    assert actions(course) == ["add", "delete", "add"]
    assert b"2026-03-10" in (
        delivery.submissions()[1].payload or b""
    )  # the date that PARS knows, not the corrected one
    assert course.held() == [held]
    assert delivery.is_clean(old.id)


def test_the_new_credit_of_the_same_award_counts_on(course: Course) -> None:
    number = reported(course)
    for amount in ("1.25", "1.50", "1.00"):
        course.apply(number, credits=offers(amount))
        course.turns(3)
    ids = [row.credit_id for row in course.rows()]
    assert ids == [ids[0], f"{ids[0]}-2", f"{ids[0]}-3", f"{ids[0]}-4"]
    assert course.states() == ["withdrawn", "withdrawn", "withdrawn", "confirmed"]


def test_cme_and_moc_of_one_record_go_together_and_come_together(course: Course) -> None:
    number = course.tell("bachebe", activity_id=HYPERTENSION, credits=offers("2.00", "2.00"))
    course.turn()
    course.apply(number, activity_id=HYPERTENSION, credits=offers("1.50", "1.50"))
    course.turns(3)
    assert actions(course) == ["add", "delete", "add"]
    assert [one[3] for one in course.held()] == ["1.5", "1.5"]


@pytest.mark.parametrize("applied", ["while it was unsent", "after a refusal"])
def test_what_pars_never_held_needs_no_delete(course: Course, applied: str) -> None:
    number = course.tell()
    if applied == "after a refusal":
        course.delivery.sandbox.switch("refuse")
        course.turn()
        assert course.states() == ["refused"]
    else:
        course.judge()
    course.apply(number, credits=offers("1.25"))
    course.turns(3)
    assert course.states() == (["confirmed"] if applied == "while it was unsent" else ["closed", "confirmed"])
    assert "delete" not in actions(course)
    assert [one[3] for one in course.held()] == ["1.25"]


def blocked_by_consent(course: Course) -> Callable[[], None]:
    consent(course, "no")
    return lambda: consent(course, "yes")


def blocked_by_the_activity(course: Course) -> Callable[[], None]:
    with course.delivery.store.writing() as session:
        row = session.get_one(ActivityRow, ("0001234", STEWARDSHIP))
        kept = row.model_dump()
        session.delete(row)

    def put_back() -> None:
        with course.delivery.store.writing() as session:
            session.add(ActivityRow(**kept))

    return put_back


@pytest.mark.parametrize("block", [blocked_by_consent, blocked_by_the_activity])
def test_the_old_credit_stays_until_the_new_one_has_passed_every_gate(
    course: Course, block: Callable[[Course], Callable[[], None]]
) -> None:
    number = reported(course)
    free = block(course)
    course.apply(number, credits=offers("1.25"))
    with capture_logs() as lines:
        course.turns(4)
    told = [line for line in lines if line["event"] == "credit.attention"]
    assert [(line["credit"], line["code"]) for line in told] == [(1, "credit.replacement_held")]
    assert course.states() == ["confirmed", "held"]
    assert course.rows()[0].attention == "credit.replacement_held"
    assert (len(course.held()), actions(course)) == (1, ["add"])
    free()
    course.turns(4, minutes=30)
    assert course.states() == ["withdrawn", "confirmed"]
    assert course.rows()[0].attention == ""
    assert course.delivery.is_clean(1)


def test_a_gate_that_closes_while_the_channel_is_down_keeps_the_delete_from_leaving(course: Course) -> None:
    number = reported(course)
    course.apply(number, credits=offers("1.25"))
    course.delivery.sandbox.switch("too-many", times=1, operation="save")
    course.turn()
    assert (course.states(), len(course.held())) == (["withdrawing", "held"], 1)
    consent(course, "no")
    course.turns(4, minutes=10)
    assert (course.states(), len(course.held())) == (["withdrawing", "held"], 1)
    assert course.rows()[0].attention == "credit.replacement_held"
    consent(course, "yes")
    course.turns(4, minutes=30)
    assert course.states() == ["withdrawn", "confirmed"]


def test_a_document_that_cannot_be_written_keeps_the_delete_from_leaving(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = reported(course)
    render = ParsClient.render

    def refuse(client: ParsClient, records: list[object], created: object) -> object:
        if records[0].action == "add":  # type: ignore[attr-defined]
            raise CannotSend([Problem(code="pars.not_sendable", message="no")])
        return render(client, records, created)  # type: ignore[arg-type]

    monkeypatch.setattr(ParsClient, "render", refuse)
    course.apply(number, credits=offers("1.25"))
    course.turns(3)
    assert (course.states(), actions(course)) == (["withdrawing", "held"], ["add"])
    monkeypatch.undo()
    course.turns(3)
    assert course.states() == ["withdrawn", "confirmed"]


def test_a_correction_taken_back_before_the_delete_left_leaves_everything_as_it_was(course: Course) -> None:
    number = reported(course)
    consent(course, "no")
    course.apply(number, credits=offers("1.25"))
    course.turns(2)
    course.apply(number)
    course.turns(2)
    consent(course, "yes")
    course.turns(3, minutes=30)
    assert course.states() == ["confirmed", "closed"]
    assert (course.rows()[0].wanted, course.rows()[0].attention) == ("present", "")
    assert actions(course) == ["add"]


@pytest.mark.parametrize("back", [STEWARDSHIP, "203512345"], ids=["back", "on to a third"])
def test_another_activity_and_again_another_before_the_delete_left(course: Course, back: str) -> None:
    number = reported(course, credits=offers("1.25"))
    consent(course, "no")
    course.apply(number, activity_id=HYPERTENSION, credits=offers("1.25"))
    course.turns(2)
    course.apply(number, activity_id=back, credits=offers("1.25"))
    course.turns(2)
    assert (len(course.held()), actions(course)) == (1, ["add"])
    consent(course, "yes")
    course.turns(4, minutes=30)
    assert course.held() == [(back, "2026-03-10", AMA, "1.25")]
    assert course.states() == (["confirmed", "closed"] if back == STEWARDSHIP else ["withdrawn", "closed", "confirmed"])


def test_a_void_meanwhile_withdraws_and_reports_nothing_anew(course: Course) -> None:
    number = reported(course)
    consent(course, "no")
    course.apply(number, credits=offers("1.25"))
    course.turn()
    course.void(number)
    course.turns(3)
    assert (course.states(), course.held()) == (["withdrawn", "closed"], [])


def test_what_no_rule_earns_any_more_is_withdrawn_and_comes_back_under_the_next_number(course: Course) -> None:
    number = reported(course)
    course.apply(number, outcome="ignored")
    course.turns(2)
    assert (course.states(), course.held()) == (["withdrawn"], [])
    course.tell()  # the course was completed once more, and the rules of today count it
    course.turns(2)
    assert course.states() == ["withdrawn", "confirmed"]
    assert course.rows()[1].credit_id == f"{course.rows()[0].credit_id}-2"


@pytest.mark.parametrize("fault", ["cut-after-body", "cut-before-reply"])
def test_a_credit_in_doubt_is_replaced_when_pars_has_said_whether_it_holds_it(course: Course, fault: str) -> None:
    number = course.tell()
    course.delivery.sandbox.switch(fault, operation="save")
    course.judge()
    course.delivery.send()
    assert course.states() == ["in_doubt"]
    course.apply(number, credits=offers("1.25"))
    course.turns(8)
    assert course.states() == ["withdrawn" if fault == "cut-before-reply" else "closed", "confirmed"]
    assert [one[3] for one in course.held()] == ["1.25"]


@pytest.mark.parametrize("fault", ["cut-after-body", "cut-before-reply"])
def test_nothing_is_added_while_the_withdrawal_is_in_doubt(course: Course, fault: str) -> None:
    number = reported(course)
    course.apply(number, credits=offers("1.25"))
    course.delivery.sandbox.switch(fault, operation="save")
    course.judge()
    course.delivery.send()
    assert course.states() == ["withdrawal_in_doubt", "held"]
    assert not course.live_twice()
    course.turns(9)
    assert course.states() == ["withdrawn", "confirmed"]
    assert [one[3] for one in course.held()] == ["1.25"]


@pytest.mark.parametrize("ends", ["withdrawal_refused", "closed"])
def test_after_a_refused_withdrawal_nothing_is_added(course: Course, ends: str) -> None:
    number = reported(course)
    course.apply(number, credits=offers("1.25"))
    course.delivery.sandbox.switch("refuse", operation="save")
    with capture_logs() as lines:
        course.turn()
        if ends == "closed":
            with course.delivery.store.writing() as session:
                move(session, session.get_one(Credit, 1), State.CLOSED, now=datetime.now(UTC), code="closed.by_person")
        course.turns(4, minutes=30)
    assert [line["event"] for line in lines if line["event"].startswith("withdrawal")] == ["withdrawal.refused"]
    assert course.states() == [ends, "held"]
    assert (course.rows()[1].reason, course.rows()[1].problems[0]["who"]) == ("credit.predecessor", "operator")
    assert [one[3] for one in course.held()] == ["1.5"]


def test_an_add_that_does_not_follow_within_a_day_is_told_once_a_day_until_it_is_in(course: Course) -> None:
    number = reported(course)
    course.apply(number, credits=offers("1.25"))
    course.turn()
    assert course.states() == ["withdrawn", "held"]
    consent(course, "no")
    with capture_logs() as lines:
        course.turns(7, minutes=8 * 60)
    assert [line["credit"] for line in lines if line["event"] == "correction.late"] == [2, 2]
    assert (course.rows()[1].attention, course.rows()[1].reason) == ("credit.correction_late", "learner.no_consent")
    consent(course, "yes")
    course.turns(3, minutes=60)
    assert (course.states(), course.rows()[1].attention) == (["withdrawn", "confirmed"], "")


def test_a_rule_that_was_wrong_for_many_waits_for_a_person(course: Course) -> None:
    course.delivery.configure(most_withdrawals=1)
    numbers = [course.tell(), course.tell("jbrown")]
    course.turn()
    course.apply(*numbers, credits=offers("1.25"))
    with capture_logs() as lines:
        course.turns(2)
    assert [line["count"] for line in lines if line["event"] == "withdrawals.stopped"] == [2]
    assert course.states() == ["confirmed", "confirmed", "held", "held"]
    course.delivery.configure(most_withdrawals=2)
    course.turns(3)
    assert course.states() == ["withdrawn", "withdrawn", "confirmed", "confirmed"]


def test_with_send_off_nothing_goes_and_nothing_comes(course: Course) -> None:
    number = reported(course)
    [provider] = course.delivery.config.providers
    course.delivery.set(providers=[provider.model_copy(update={"send": "off"})])
    course.apply(number, credits=offers("1.25"))
    course.turns(2)
    assert (course.states(), course.rows()[0].attention) == (["confirmed", "held"], "")
    course.delivery.set(providers=[provider])
    course.turns(3)
    assert course.states() == ["withdrawn", "confirmed"]


def test_send_after_keeps_the_old_one_and_calls_nobody(course: Course) -> None:
    number = reported(course)
    [provider] = course.delivery.config.providers
    course.delivery.set(providers=[provider.model_copy(update={"send_after": timedelta(days=2)})])
    course.apply(number, credits=offers("1.25"))
    course.turns(2)
    assert (course.states(), course.rows()[0].attention) == (["confirmed", "held"], "")
    course.turns(4, minutes=24 * 60)
    assert course.states() == ["withdrawn", "confirmed"]
