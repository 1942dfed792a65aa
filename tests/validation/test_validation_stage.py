"""Validation on a real store: what is held, what is said, and what moves on by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.store.states import State
from tests.learners.middle import ACTIVITY, ANNA, BORIS, MOC, RULE, Middle, account, laid_out, statement, voiding

HOUR = timedelta(hours=1)
ABA = MOC.replace("ABIM", "ABA").replace("Medical Knowledge", "Lifelong Learning")
SESSIONS = "    per: session\n"


def problems(place: Middle) -> list[list[str]]:
    with place.credits() as rows:
        return [[one["code"] for one in row.problems] for row in rows]


def session(number: int, **changes: object) -> dict[str, object]:
    return statement(number, object={"id": f"https://lms.example.org/course/{number}"}, **changes)


def test_all_problems_of_a_credit_are_kept_together_the_learners_and_the_records(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"consent": "", "board_id": "", "birth_day": ""})
    with place.session() as one:
        one.connection().exec_driver_sql("DELETE FROM activity")
    place.post(statement(1)).run()
    assert problems(place) == [
        ["learner.no_consent", "learner.no_birth_day", "activity.unknown"],
        ["learner.no_consent", "learner.no_birth_day", "learner.no_board_id", "activity.unknown"],
    ]


def test_a_stranger_has_one_problem_and_not_a_list_of_all_that_is_not_known_of_him(place: Middle) -> None:
    place.post(statement(1, actor={"mbox": "mailto:stranger@example.org"})).run()
    assert problems(place)[0][0] == "learner.not_found"
    assert "learner.no_name" not in problems(place)[0]


def test_inferred_facts_warn_and_the_credit_goes(place: Middle) -> None:
    place.activity(ACTIVITY | {"credits": "1.00", "end": "2026-02-01"}).sheet(ANNA | {"npi": "1234567890"})
    place.post(statement(1)).run()
    assert place.only().state == "ready"
    assert problems(place) == [["learner.npi_check_digit", "activity.outside_dates", "activity.above_maximum"]]


def test_strict_holds_them(tmp_path: Path) -> None:
    place = laid_out(tmp_path, validation={"strict": True}).activity(ACTIVITY | {"credits": "1.00"})
    place.post(statement(1)).run()
    assert (place.only().state, place.only().reason) == ("held", "activity.above_maximum")
    place.store.dispose()


def test_a_credit_of_tomorrow_leaves_tomorrow_in_the_providers_zone(place: Middle) -> None:
    place.post(statement(1, timestamp="2026-03-14T03:00:00Z")).run()  # 13 March in Chicago
    assert place.only().reason == "credit.in_the_future"
    place.run(later=timedelta(hours=10))  # 04:00 UTC on the 13th is still the 12th there
    assert place.only().state == "held"
    place.run(later=timedelta(hours=2))
    assert place.only().state == "ready"


def test_a_board_that_takes_one_a_date_holds_the_second_until_the_first_is_gone(place: Middle) -> None:
    place.rules(RULE + ABA + SESSIONS).sheet(ANNA | {"board": "ABA"})
    place.activity(ACTIVITY | {"credits": "5.00"}).post(session(1)).run()
    place.send().post(session(2)).run()
    assert place.states()[1] == ("ABA/Lifelong Learning", "confirmed")
    assert problems(place)[3] == ["credit.one_per_date"]
    place.run(later=HOUR)
    assert place.states()[3][1] == "held"
    place.post(voiding(9, 1)).run(later=timedelta(minutes=1))
    assert problems(place)[3] == ["credit.withdrawal_first"]
    place.walk(2, State.WITHDRAWING).walk(2, State.WITHDRAWN, at_pars="no").run(later=timedelta(minutes=1))
    assert place.states()[3][1] == "ready"


def test_another_date_another_learner_and_another_activity_are_free(place: Middle) -> None:
    place.rules(RULE + ABA + SESSIONS).sheet(ANNA | {"board": "ABA"}, BORIS | {"board": "ABA"})
    place.post(session(1), session(2, timestamp="2026-03-11T15:00:00Z"), session(3, actor=account("4"))).run()
    assert {state for _, state in place.states()} == {"ready"}


def test_one_physician_in_two_rows_is_reported_once(place: Middle) -> None:
    place.sheet(ANNA, BORIS | {"npi": ANNA["npi"]})
    place.post(statement(1), statement(2, actor=account("4"))).run()
    assert [state for _, state in place.states()] == ["ready", "held"]
    assert problems(place)[1] == ["credit.same_person"]
    place.send().run(later=HOUR)
    assert problems(place)[1] == ["credit.same_person"]
    place.sheet(ANNA, BORIS).run()
    assert [state for _, state in place.states()] == ["confirmed", "ready"]


def test_one_physician_may_have_two_activities_and_two_dates(place: Middle) -> None:
    place.rules(RULE + "    per: date\n").sheet(ANNA, BORIS | {"npi": ANNA["npi"]})
    place.post(statement(1), statement(2, actor=account("4"), timestamp="2026-03-11T15:00:00Z")).run()
    assert {state for _, state in place.states()} == {"ready"}


def test_a_held_moc_credit_does_not_stop_its_cme(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"board_id": ""}).post(statement(1)).run()
    assert [state for _, state in place.states()] == ["ready", "held"]


def test_an_activity_that_is_registered_later_frees_its_credits_within_the_hour(place: Middle) -> None:
    place.rules(RULE + MOC).activity(ACTIVITY | {"boards": ""}).post(statement(1)).run()
    assert problems(place) == [[], ["activity.not_registered"]]
    place.activity(ACTIVITY).run(later=HOUR)
    assert [state for _, state in place.states()] == ["ready", "ready"]


def test_a_held_credit_is_looked_at_once_an_hour_and_not_every_second(place: Middle) -> None:
    place.sheet(ANNA | {"consent": ""}).post(statement(1)).run()
    assert place.run() == {}
    assert place.run(later=HOUR)["held"] == 1


def test_what_pars_did_not_match_is_solved_by_pars_and_not_by_passing_the_gates(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.UNMATCHED, attempts=1, unmatched_since=place.clock)
    with capture_logs() as logs:
        place.sheet(ANNA | {"birth_day": "03-01"}).run(later=HOUR)
    assert place.only().state == "ready"
    assert place.only().unmatched_since
    assert not [line for line in logs if line["event"] == "learner.matched"]


def test_a_credit_no_longer_wanted_is_not_judged(place: Middle) -> None:
    place.sheet(ANNA | {"consent": ""}).post(statement(1)).run()
    place.walk(1, wanted="absent", next_at=None)
    assert place.run() == {}


@pytest.mark.parametrize(("ids", "domain"), [({"npi": ""}, ""), ({}, "NPI")])
def test_the_identifier_a_credit_leaves_under_is_named_when_it_is_ready(
    place: Middle, ids: dict[str, str], domain: str
) -> None:
    place.sheet(ANNA | ids).post(statement(1)).run()
    assert place.only().identifier_domain == domain
