"""A person withdraws: exactly what was confirmed, and nothing that stands earns it again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.inquiry import withdrawals
from connector.records import Counts
from connector.store import wishes
from connector.store.states import State
from connector.submission import wishes as going
from tests.learners.middle import ANNA, BORIS, RULE, Middle, statement

TO_BORIS = {"actor": {"mbox": "mailto:boris@example.org"}}
BY_PERSON = "credit.withdrawn_by_person"


def withdraw(place: Middle, *numbers: int) -> None:
    with place.store.writing() as session:
        wishes.wish(session, wishes.WITHDRAW, {"credits": list(numbers)}, by="ana", now=place.clock)
    turn(place)


def turn(place: Middle) -> None:
    """Of the rooms that earn, and of that part of submission that closes what is not wanted."""
    place.run(later=timedelta(hours=2))
    with place.at():
        going.carry_out(place.store, place.config, "0001234", Counts())


def told(place: Middle) -> list[tuple[str, str]]:
    with place.credits() as rows:
        return [(row.state, row.why_absent) for row in rows]


def test_what_was_not_sent_is_closed_and_no_turn_brings_it_back(place: Middle) -> None:
    place.sheet(ANNA, BORIS).rules(RULE).post(statement(1), statement(2, **TO_BORIS)).run()
    with place.credits() as rows:
        first = rows[0].id
    withdraw(place, first)
    assert told(place) == [("closed", BY_PERSON), ("ready", "")]
    place.sheet(ANNA | {"given_name": "Hannah"}, BORIS).post(statement(3, timestamp="2026-03-11T10:00:00Z"))
    turn(place)
    place.rules(RULE.replace("1.25", "1.0"))
    turn(place)
    assert told(place)[0] == ("closed", BY_PERSON)
    withdraw(place, first)
    assert (told(place)[0], len(told(place))) == (("closed", BY_PERSON), 2)


@pytest.mark.parametrize("state", [State.PENDING, State.IN_DOUBT, State.CONFIRMED])
def test_what_pars_has_or_may_have_is_wanted_no_more(place: Middle, state: State) -> None:
    place.sheet(ANNA).rules(RULE).post(statement(1)).run()
    credit = place.only()
    place.walk(credit.id, State.SENDING, *([State.PENDING] if state is State.CONFIRMED else []), state)
    place.walk(credit.id, at_pars="yes" if state is not State.IN_DOUBT else "unknown")
    withdraw(place, credit.id)
    place.post(statement(2, timestamp="2026-03-11T10:00:00Z"))
    turn(place)
    found = place.only()
    assert found.state == (state if state is State.IN_DOUBT else State.WITHDRAWING)
    assert (found.wanted, found.why_absent) == ("absent", BY_PERSON)


def test_a_person_who_counted_them_is_not_stopped_by_the_bulk(place: Middle) -> None:
    pars = place.config.pars.model_copy(update={"most_withdrawals": 0})
    place.config = place.config.model_copy(update={"pars": pars})
    place.sheet(ANNA, BORIS).rules(RULE).post(statement(1), statement(2, **TO_BORIS)).run()
    place.send()
    with place.credits() as rows:
        first, second = rows[0].id, rows[1]
        second.wanted, second.why_absent = "absent", "statement.voided"
    withdraw(place, first)
    assert told(place) == [("withdrawing", BY_PERSON), ("confirmed", "statement.voided")]


def test_what_would_go_is_counted_by_target(place: Middle) -> None:
    place.sheet(ANNA, BORIS).rules(RULE).post(statement(1), statement(2, **TO_BORIS)).run()
    with place.credits() as rows:
        one, other = rows[0], rows[1]
    learner = place.awards()[0].learner_id

    def numbers(target: str) -> list[int] | None:
        found = withdrawals.find(place.store, target, None, place.clock)
        return None if found is None else [going.credit for going in found]

    assert numbers(str(one.id)) == numbers(one.credit_id) == numbers(f"record:{one.record_id}") == [one.id]
    assert numbers(f"learner:{learner}") == [one.id]
    assert numbers("activity:203512345") == [one.id, other.id]
    assert (numbers("activity:299999999"), numbers("4711")) == ([], [])
    assert (numbers("learner:4711"), numbers("nonsense"), numbers("record:x")) == (None, None, None)
    withdraw(place, one.id)
    assert numbers("activity:203512345") == [other.id]
