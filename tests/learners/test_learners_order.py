"""The same statements give the same awards, however they arrive (promises P2 and P4)."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.inquiry import ledger
from connector.store.states import LIVE, State
from connector.store.tables import Credit
from tests.learners.middle import ANNA, BORIS, MOC, RULE, Middle, account, laid_out, reopened, statement, voiding

QUIZ = RULE.replace("name: course", "name: quiz").replace("/course", "/mod/quiz").replace("{type: cme, amount: 1.25}",
    "{type: cme, amount: 1.00}") + MOC  # fmt: skip
QUIZ_ID = "https://lms.example.org/mod/quiz/view.php?id=9"
BORIS_SENT = account("4")
FACTS: list[dict[str, Any]] = [
    statement(1),
    statement(2),  # re-sent
    statement(3, timestamp="2026-03-10T20:00:00Z"),  # the same day, later
    statement(4, timestamp="2026-03-08T15:00:00Z"),  # earlier
    statement(5, object={"id": QUIZ_ID}, timestamp="2026-03-09T15:00:00Z"),
    statement(6, object={"id": QUIZ_ID}, timestamp="2026-03-10T15:04:05.000Z"),  # tied
    statement(7, actor=BORIS_SENT),
    statement(8, actor=BORIS_SENT, object={"id": QUIZ_ID}),
]
UNSENT = {State.HELD, State.READY}
VOIDABLE = st.sets(st.sampled_from(range(1, 9)), max_size=7)
Seen = list[tuple[str, ...]]


def outcome(place: Middle) -> Seen:
    """What PARS would be told, by learner."""
    dates = {award.id: str(award.completed_on) for award in place.awards()}
    with place.credits() as rows:
        return sorted(
            (row.credit_id, row.certification, str(row.amount), row.state, row.wanted, dates[row.award_id])
            for row in rows
            if row.wanted == "present"
        )


def arrived(order: list[dict[str, Any]], breaks: set[int]) -> Seen:
    """In this order, with a turn and a restart after each place in `breaks`."""
    folder = Path(tempfile.mkdtemp())
    place = laid_out(folder).rules(RULE + QUIZ)
    for number, one in enumerate(order):
        place.post(one)
        if number in breaks:
            place.run()
            place = reopened(place)
    place.run(later=timedelta(hours=2))
    whole = [one for one in ledger.prove(place.store) if one.wrong]
    assert whole == []
    seen = outcome(place)
    assert len({(row[0], row[1]) for row in seen}) == len(seen)
    place.store.dispose()
    shutil.rmtree(folder)
    return seen


@pytest.mark.proof
@settings(derandomize=True, deadline=None, max_examples=12, database=None)
@given(st.permutations(FACTS), VOIDABLE, st.sets(st.integers(0, 14), max_size=3), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_awards(
    order: list[dict[str, Any]], voided: set[int], breaks: set[int], chance: Any
) -> None:
    late = [voiding(100 + number, number) for number in sorted(voided)]
    mixed = list(order)
    for one in late:
        mixed.insert(chance.randint(0, len(mixed)), one)
    assert arrived(mixed, breaks) == arrived([*FACTS, *late], set())


SHEETS = {
    "right": [ANNA, BORIS],
    "mistaken": [ANNA | {"account": "4", "username": ""}],
    "alone": [ANNA],
    "reused": [BORIS | {"account": "3", "username": ""}],
}
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 8)),
        st.tuples(st.just("void"), st.integers(1, 8)),
        st.tuples(st.just("again"), st.integers(1, 8)),
        st.tuples(st.just("link"), st.sampled_from(sorted(SHEETS))),
        st.tuples(st.just("turn"), st.integers(0, 1)),
        st.tuples(st.just("send"), st.none()),
        st.tuples(st.just("withdraw"), st.none()),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.proof
@settings(derandomize=True, deadline=None, max_examples=20, database=None)
@given(EVENTS)
def test_whatever_happens_nobody_has_two_credits_for_one_thing_that_he_earned_as_one_learner(
    events: list[tuple[str, Any]],
) -> None:
    folder = Path(tempfile.mkdtemp())
    place = laid_out(folder).rules(RULE + QUIZ)
    for serial, (what, argument) in enumerate([*events, ("turn", 1), ("withdraw", None), ("turn", 1), ("turn", 0)]):
        match what:
            case "post":
                place.post(FACTS[argument - 1])
            case "again":
                place.post(FACTS[argument - 1] | {"id": f"00000000-0000-4000-9000-{serial:012d}"})
            case "void":
                place.post(voiding(200 + serial, argument))
            case "link":
                place.sheet(*SHEETS[argument])
            case "turn":
                place.run(later=timedelta(hours=argument))
                assert not _doubled_unsent(place)
                assert not _lost(place)
            case "send":
                place.send()
            case _:
                _withdraw(place)
    assert not [one for one in ledger.prove(place.store) if one.wrong]
    place.store.dispose()
    shutil.rmtree(folder)


def _doubled_unsent(place: Middle) -> list[tuple[object, ...]]:
    """Things for which a learner has a credit that may still be sent beside another one."""
    of = {award.id: (award.learner_id, award.activity_id, award.per) for award in place.awards()}
    with place.credits() as rows:
        present = [row for row in rows if row.wanted == "present" and row.state in UNSENT | LIVE]
    things = Counter((*of[row.award_id], row.certification) for row in present)
    unsent = [(*of[row.award_id], row.certification) for row in present if row.state in UNSENT]
    return [thing for thing in unsent if things[thing] > 1]


def _lost(place: Middle) -> list[tuple[int, str]]:
    """Standing completions without a credit that is wanted and not closed in favour of another one that is gone."""
    of = {award.id: (award.learner_id, award.activity_id, award.per) for award in place.awards()}
    with place.credits() as rows:
        going_on = {
            (*of[row.award_id], row.certification)
            for row in rows
            if not (row.state == State.CLOSED and row.reason == "award.same") and not _waits_for_withdrawal(row)
        }
    earned = [
        (row.award_id, offer["certification"])
        for row in place.evidence()
        if row.standing and row.award_id and row.completion
        for offer in row.completion["credits"]
    ]
    return [(award, name) for award, name in earned if (*of[award], name) not in going_on]


def _waits_for_withdrawal(row: Credit) -> bool:
    return row.wanted == "absent" and row.state in UNSENT


def _withdraw(place: Middle) -> None:
    """What submission does with credits that are no longer wanted."""
    with place.credits() as rows:
        absent = [(row.id, State(row.state), row.at_pars) for row in rows if row.wanted == "absent"]
    for number, state, _ in absent:
        if state in (State.HELD, State.READY):
            place.walk(number, State.CLOSED)
        elif state == State.CONFIRMED:
            place.walk(number, State.WITHDRAWING)
            place.walk(number, State.WITHDRAWN, at_pars="no")


def test_the_room_works_on_postgresql_too(tmp_path: Path, postgres: Callable[[], str]) -> None:
    store = {"url": postgres(), "rems_key": tmp_path / "rems.key"}
    place = laid_out(tmp_path, store=store).rules(RULE + QUIZ).sheet(ANNA | {"account": "", "username": ""}, BORIS)
    place.post(*FACTS, statement(9, actor=account("3")), voiding(10, 4)).run()
    place.send().post(voiding(11, 7)).sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    assert not [one for one in ledger.prove(place.store) if one.wrong]
    assert len({award.learner_id for award in place.awards()}) == 2
    place.store.dispose()
