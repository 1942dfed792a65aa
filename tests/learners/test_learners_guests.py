"""Two people on one mailbox or account: what one completes joins nothing of the other's, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.learners import decisions
from connector.store import fixes, wishes
from connector.store.states import State
from connector.store.tables import Wish
from tests.learners.middle import ANNA, RULE, Middle, statement, voiding

HOUR = timedelta(hours=1)


def by(name: str, number: int, **changes: Any) -> dict[str, Any]:
    return statement(number, actor={"mbox": "mailto:anna@example.org", "name": name}, **changes)


def fates(place: Middle) -> list[tuple[str, str]]:
    with place.credits() as rows:
        return [(row.state, row.reason) for row in rows]


def same_person(place: Middle, name: str) -> str:
    with place.at(), place.session() as session:
        args = {"learner": 1, "fields": {fixes.ACTOR_NAME: name}}
        number = wishes.wish(session, wishes.FIX, args, by="rosa", now=place.clock).id
    place.run()
    with place.session() as session:
        return session.get_one(Wish, number).result


def test_the_owners_credit_goes_and_the_guests_waits_whoever_came_first(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Boris Quixley", 2)).run()
    assert fates(place) == [("ready", ""), ("held", "learner.name_differs")]
    with place.credits() as (owner, guest):
        assert owner.credit_id != guest.credit_id


def test_the_guest_first(place: Middle) -> None:
    place.post(by("Boris Quixley", 1)).run()
    place.post(by("Zanna Quixley", 2)).run()
    assert fates(place) == [("held", "learner.name_differs"), ("ready", "")]


def test_two_guests_are_two_and_one_guest_twice_is_one(place: Middle) -> None:
    place.post(by("Boris Quixley", 1), by("Mei Tanaka", 2), by("Tanaka, Mei", 3), by("Mei Tanaka", 4)).run()
    assert [state for state, _ in fates(place)] == ["held"] * 3  # written another way round it is told once more


def test_a_guest_who_is_the_owner_after_all_joins_and_is_reported_once(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Zanna Vantongeren", 2)).run()
    assert same_person(place, "Zanna Vantongeren") == decisions.DONE
    assert fates(place) == [("ready", ""), ("closed", "award.same")]
    place.post(by("Zanna Vantongeren", 3, timestamp="2026-03-11T15:00:00Z")).run()
    assert len(fates(place)) == 2  # from now on his


def test_of_two_that_turn_out_to_be_one_the_sent_one_goes_on(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Zanna Vantongeren", 2)).run()
    place.walk(1, State.SENDING, State.PENDING, State.CONFIRMED)
    assert same_person(place, "Zanna Vantongeren") == decisions.DONE
    assert [state for state, _ in fates(place)] == ["confirmed", "closed"]


def test_a_corrected_directory_takes_the_guest_in_without_a_person(place: Middle) -> None:
    place.sheet(ANNA | {"family_name": "Quixly"}).post(by("Zanna Vantongeren", 1)).run()
    assert fates(place) == [("held", "learner.name_differs")]
    place.sheet(ANNA | {"family_name": "Vantongeren"}).run(later=HOUR)
    assert fates(place) == [("ready", "")]


def test_a_guest_takes_no_share_of_the_owners_series(place: Middle) -> None:
    place.rules(RULE + "    per: date\n")
    days = [{"timestamp": f"2026-03-{day:02d}T15:00:00Z"} for day in (2, 3, 4)]
    place.post(by("Boris Quixley", 1, **days[0]), by("Zanna Quixley", 2, **days[1])).run()
    with place.credits() as rows:
        assert [(row.state, str(row.amount)) for row in rows] == [("held", "1.25"), ("ready", "1.25")]


def test_voiding_the_guests_statement_closes_his_credit_alone(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Boris Quixley", 2)).run()
    place.post(voiding(3, 2)).run()
    with place.credits() as (owner, guest):
        assert (owner.state, owner.wanted, guest.wanted) == ("ready", "present", "absent")
