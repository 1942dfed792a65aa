"""A credit in another's place, whatever state the two are in: PARS never holds both, and nobody loses both."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from connector.store.states import LIVE
from connector.store.tables import ActivityRow, EvidenceRow, Wish
from tests.delivery.correcting import AMA, HYPERTENSION, MARCH_10, STEWARDSHIP, Course, offers
from tests.delivery.workplace import Delivery

THIRD = "203512345"
BOTH = 2


@pytest.fixture
def course(delivery: Delivery) -> Course:
    return Course(delivery)


def activities(course: Course) -> list[str]:
    return [one[0] for one in course.held()]


def shut(course: Course, *names: str) -> None:
    """Nobody knows these activities: no credit of theirs passes its gates."""
    with course.delivery.store.writing() as session:
        for name in names:
            session.delete(session.get_one(ActivityRow, ("0001234", name)))


def test_a_credit_that_was_ready_to_leave_waits_for_the_one_it_replaces(course: Course) -> None:
    wrong = course.tell()
    course.turn()
    course.tell(activity_id=HYPERTENSION, rule="quiz")
    course.judge()
    course.apply(wrong, activity_id=HYPERTENSION)
    course.judge()
    old, new = course.rows()
    assert (old.wanted, new.state, new.supersedes) == ("absent", "held", old.id)
    course.turns(3)
    assert course.held() == [(HYPERTENSION, str(MARCH_10), AMA, "1.5")]


@pytest.mark.parametrize(
    ("state", "at"), [("refused", "no"), ("unmatched", "no"), ("rejected", "yes"), ("closed", "no")]
)
def test_the_old_one_stays_where_the_right_activity_has_a_dead_credit(course: Course, state: str, at: str) -> None:
    wrong = course.tell()
    course.turn()
    course.tell(activity_id=HYPERTENSION, rule="quiz")
    course.judge()
    old, new = course.rows()
    reason = "pars.duplicate" if state != "closed" else "closed.by_person"
    course.delivery.change(new.id, state=state, at_pars=at, attempts=1, reason=reason)
    course.apply(wrong, activity_id=HYPERTENSION)
    course.turns(2)
    old, new = course.rows()
    assert (old.state, old.attention) == ("confirmed", "credit.replacement_held")
    assert activities(course) == [STEWARDSHIP]


def test_where_pars_holds_the_right_one_the_wrong_one_goes_alone(course: Course) -> None:
    wrong = course.tell()
    course.tell(activity_id=HYPERTENSION, rule="quiz")
    course.turn()
    course.apply(wrong, activity_id=HYPERTENSION)
    course.turns(2)
    assert activities(course) == [HYPERTENSION]


def test_nothing_is_sent_for_evidence_that_has_left(course: Course) -> None:
    wrong = course.tell()
    course.judge()
    course.apply(wrong, activity_id=HYPERTENSION, completed_on=None)
    with course.delivery.store.writing() as session:
        session.get_one(EvidenceRow, wrong).next_at = datetime.now(UTC) + timedelta(hours=5)
    course.turns(2)
    assert course.states() == ["ready"]
    assert course.held() == []


def test_nothing_is_sent_while_a_plan_is_half_applied(course: Course) -> None:
    course.tell()
    course.judge()
    with course.delivery.store.writing() as session:
        session.add(Wish(kind="plan", args={"begun": True}, by="Zed", at=datetime.now(UTC)))
    course.turns(2)
    assert course.held() == []
    with course.delivery.store.writing() as session:
        session.exec(select(Wish)).one().done_at = datetime.now(UTC)
    course.turn()
    assert activities(course) == [STEWARDSHIP]


@pytest.mark.parametrize("closed", [(), (HYPERTENSION,), (THIRD,), (HYPERTENSION, THIRD)])
@pytest.mark.parametrize("day", [10, 8])
def test_activity_ids_that_slipped_by_one_row_lose_nobody_a_credit(
    course: Course, closed: tuple[str, ...], day: int
) -> None:
    """X becomes Y while Y becomes Z, for one learner who holds both."""
    one: dict[str, Any] = {"credits": offers("1.00")}
    other = one | {"rule": "quiz", "completed_on": date(2026, 3, day)}
    first, second = course.tell(**one), course.tell(activity_id=HYPERTENSION, **other)
    course.turn()
    shut(course, *closed)
    course.apply(first, activity_id=HYPERTENSION, **one)
    course.apply(second, activity_id=THIRD, **other)
    for _ in range(4):
        course.turn()
        assert len([row for row in course.rows() if row.state in LIVE]) <= BOTH
    assert len(course.held()) == BOTH
    if not closed:
        assert sorted(activities(course)) == sorted([HYPERTENSION, THIRD])


def test_two_wrong_activities_that_were_one_wait_for_the_right_one_both(course: Course) -> None:
    first, second = course.tell(), course.tell(activity_id=HYPERTENSION, rule="quiz")
    course.turn()
    shut(course, THIRD)
    course.apply(first, activity_id=THIRD)
    course.apply(second, activity_id=THIRD, rule="quiz")
    course.turns(3)
    assert sorted(activities(course)) == sorted([STEWARDSHIP, HYPERTENSION])
    assert course.states() == ["confirmed", "confirmed", "held"]
