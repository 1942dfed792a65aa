"""Plans, voids, doubts and withdrawn permissions in any order: PARS ends with what stands, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from sqlmodel import select

from connector.store import wishes
from connector.store.tables import Submission, SubmissionCredit, Wish
from tests.delivery.correcting import AMA, HYPERTENSION, STEWARDSHIP, Course, consent, offers
from tests.delivery.workplace import Delivery

EIGHTH = date(2026, 3, 8)
VARIANTS: list[dict[str, Any]] = [
    {"credits": offers("1.25")},
    {"credits": offers("1.00")},
    {"credits": offers("1.25"), "completed_on": EIGHTH},
    {"credits": offers("1.25"), "activity_id": HYPERTENSION},
    {"credits": offers("1.00"), "activity_id": HYPERTENSION, "per": "2026-03-10"},
    {"outcome": "ignored"},
]
DOUBTS = ["cut-after-body", "cut-before-reply", "error-500-stored", "too-many"]


@dataclass
class Storm:
    """Whatever happens, in an order that a seed gives; every standing statement says what the last plan says."""

    course: Course
    chance: Random
    variant: dict[str, Any] = field(default_factory=lambda: VARIANTS[0])
    standing: list[int] = field(default_factory=list)
    fallen: list[int] = field(default_factory=list)
    faults: int = 2  # a third would park a credit for a person
    permitted: bool = True

    def step(self) -> None:
        self.chance.choice([self.tell, self.plan, self.plan, self.plan, self.void, self.doubt, self.permit])()
        before = len(self.course.delivery.submissions())
        self.course.turn(minutes=self.chance.choice([1, 10, 45]))
        assert not self.course.live_twice()
        if not self.permitted:
            assert not self.deleted_since(before) & self.replaced()

    def tell(self) -> None:
        if len(self.standing) < 3:
            number = self.course.tell(**{name: said for name, said in self.variant.items() if name != "outcome"})
            self.standing.append(number)
            if "outcome" in self.variant:
                self.course.apply(number, **self.variant)

    def plan(self) -> None:
        self.variant = self.chance.choice(VARIANTS)
        rows = self.standing + self.fallen
        self.chance.shuffle(rows)
        half = self.chance.randrange(len(rows) + 1)
        with self.begun():
            self.course.apply(*rows[:half], **self.variant)
            if self.chance.random() < 0.5:
                self.course.turn(minutes=1)  # an apply that was killed and goes on
            self.course.apply(*rows[half:], **self.variant)

    @contextmanager
    def begun(self) -> Iterator[None]:
        """As long as an apply has not come to its end, its wish stands open."""
        now = datetime.now(UTC)
        with self.course.delivery.store.writing() as session:
            number = wishes.wish(session, "plan", {"begun": True}, by="test", now=now).id
        yield
        with self.course.delivery.store.writing() as session:
            wishes.answer(session, session.get_one(Wish, number), "plan.applied", now=now)

    def void(self) -> None:
        if self.standing:
            self.fallen.append(self.standing.pop(self.chance.randrange(len(self.standing))))
            self.course.void(self.fallen[-1])

    def doubt(self) -> None:
        if self.faults:
            self.faults -= 1
            self.course.delivery.sandbox.switch(self.chance.choice(DOUBTS), times=1, operation="save")

    def permit(self) -> None:
        self.permitted = not self.permitted
        consent(self.course, "yes" if self.permitted else "no")

    def deleted_since(self, before: int) -> set[int]:
        with self.course.delivery.store.reading() as session:
            rows = select(SubmissionCredit.credit_pk).join(Submission).where(Submission.action == "delete")
            return set(session.exec(rows.where(Submission.id > before)))

    def replaced(self) -> set[int | None]:
        return {row.supersedes for row in self.course.rows() if row.wanted == "present" and row.state == "held"}

    def ideal(self) -> list[tuple[str, str, str, str]]:
        if not self.standing or "outcome" in self.variant:
            return []
        day, activity = self.variant.get("completed_on", "2026-03-10"), self.variant.get("activity_id", STEWARDSHIP)
        return [(activity, str(day), AMA, str(self.variant["credits"][0].amount.normalize()))]


@pytest.mark.parametrize("seed", [0, 4, 11])
def test_whatever_is_corrected_voided_and_doubted_pars_ends_with_what_stands(delivery: Delivery, seed: int) -> None:
    course = Course(delivery)
    course.delivery.configure(most_withdrawals=100)
    storm = Storm(course, Random(seed))
    storm.tell()
    course.turn()
    for _ in range(9):
        storm.step()
    if not storm.permitted:
        storm.permit()
    course.turns(8, minutes=40)
    assert course.held() == storm.ideal()
    assert course.delivery.is_clean(*(row.id for row in course.rows()))
