"""Account names used again, people taken for one, and one person taken for two."""

from __future__ import annotations

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.store.states import State
from connector.store.tables import Event, LearnerRow
from tests.learners.middle import ANNA, BORIS, Middle, account, statement

REUSED = BORIS | {"account": "3"}
THREE = account("3")
SENT = (State.READY, State.SENDING, State.PENDING, State.CONFIRMED)
MAIL_ONLY = ANNA | {"account": "", "username": ""}
LATER = "2026-03-11T15:00:00Z"


def owners(place: Middle) -> list[str | None]:
    with place.session() as session:
        return [session.get_one(LearnerRow, award.learner_id).family_name for award in place.awards()]


def seen(place: Middle) -> list[tuple[str, str, str]]:
    with place.credits() as rows:
        return [(row.state, row.reason, row.identifier_value) for row in rows]


@pytest.mark.parametrize("anna", [ANNA, {name: ANNA[name] for name in ANNA if name not in ("email", "username")}])
def test_an_account_name_used_again_gives_nobody_the_former_persons_credit(place: Middle, anna: dict[str, str]) -> None:
    place.sheet(anna | {"consent": ""}).post(statement(1, actor=THREE)).run()
    place.sheet(REUSED).run()
    assert owners(place) == ["Quixley"]
    assert seen(place) == [("held", "learner.other_person", "")]
    place.run()
    assert place.run() == {}, "and nobody spins over it"


def test_a_ready_credit_of_the_former_person_stops(place: Middle) -> None:
    place.post(statement(1, actor=THREE)).run()
    place.sheet(REUSED).run()
    assert seen(place) == [("held", "learner.other_person", ANNA["npi"])]


def test_what_the_new_person_completes_joins_nothing_of_the_former_ones(place: Middle) -> None:
    place.post(statement(1, actor=THREE)).run()
    place.send().sheet(REUSED).post(statement(2, actor=THREE, timestamp=LATER)).run()
    assert owners(place) == ["Quixley", "Vantongeren"]
    assert seen(place) == [("confirmed", "", ANNA["npi"]), ("ready", "", BORIS["npi"])]
    with place.credits() as (former, new):
        assert new.credit_id == former.credit_id + "-2"


def test_a_row_that_was_mistaken_for_a_moment_gives_all_back(place: Middle) -> None:
    place.post(statement(1, actor=THREE)).run()
    place.sheet(REUSED).run()
    place.sheet(ANNA, BORIS).run()
    place.run()
    assert owners(place) == ["Quixley"]
    assert seen(place) == [("ready", "", ANNA["npi"])]


@pytest.mark.parametrize("change", [{"birth_day": "03-01"}, {"family_name": "Ray"}, {"npi": "1245319599"}])
def test_a_corrected_value_alone_makes_nobody_another_person(place: Middle, change: dict[str, str]) -> None:
    place.post(statement(1, actor=THREE)).run()
    place.sheet(ANNA | change).run()
    assert [state for state, _, _ in seen(place)] == ["ready"]


def test_a_credit_closed_in_favour_of_another_persons_comes_back_to_its_own(place: Middle) -> None:
    place.sheet(ANNA).post(statement(1), statement(2, actor=account("4"))).run()
    place.sheet(ANNA | {"account": "4", "username": ""}).run()
    assert [(state, reason) for state, reason, _ in seen(place)] == [("ready", ""), ("closed", "award.same")]
    place.sheet(ANNA, BORIS).run()
    assert owners(place) == ["Quixley", "Vantongeren"]
    assert seen(place) == [("ready", "", ANNA["npi"]), ("ready", "", BORIS["npi"])]


def test_the_one_left_behind_gets_his_own_back_too(place: Middle) -> None:
    place.sheet(MAIL_ONLY | {"consent": ""}, {"home_page": ANNA["home_page"], "account": "4", "consent": "yes"})
    place.post(statement(1), statement(2, actor=account("4"))).run()
    place.walk(2, *SENT, attempts=1).walk(2, at_pars="yes")
    place.sheet(ANNA | {"account": "4", "username": ""}).run()
    assert [(state, reason) for state, reason, _ in seen(place)] == [("closed", "award.same"), ("confirmed", "")]
    place.sheet(ANNA, BORIS).post(statement(3, actor=account("4"), timestamp=LATER)).run()
    assert [state for state, _, _ in seen(place)] == ["ready", "confirmed"]


def test_two_credits_sent_for_one_person_are_said_once_and_none_is_withdrawn(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": "", "npi": "", "state": "CA", "licence": "A1"})
    place.post(statement(1), statement(2, actor=THREE)).run()
    with capture_logs() as logs:
        place.send().sheet(ANNA).post(statement(3)).run()
        place.post(statement(4)).run()
    (line,) = [line for line in logs if line["event"] == "credit.doubled"]
    assert (line["log_level"], line["credit"]) == ("warning", 2)
    assert line["hint"].startswith("credit 1 ")
    assert {state for state, _, _ in seen(place)} == {"confirmed"}
    with place.session() as session:
        assert [one.subject_id for one in session.exec(select(Event).where(Event.what == "doubled"))] == ["2"]
