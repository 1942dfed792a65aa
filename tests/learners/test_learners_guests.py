"""Two people on one mailbox or account: what one completes joins nothing of the other's, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlmodel import select

from connector.learners import decisions
from connector.store import fixes, wishes
from connector.store.states import State
from connector.store.tables import LearnerFix, Record, Wish
from tests.learners.middle import ANNA, REMS, RULE, Middle, statement, voiding

HOUR = timedelta(hours=1)
ONLY_REMS = RULE.replace("    credits:\n      - {type: cme, amount: 1.25}\n", REMS)


def by(name: str, number: int, **changes: Any) -> dict[str, Any]:
    """Each a minute later: two people do nothing in the same second."""
    at = {"timestamp": f"2026-03-10T15:{number:02d}:00.000Z"} | changes
    return statement(number, actor={"mbox": "mailto:anna@example.org", "name": name}, **at)


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
    assert [state for state, _ in fates(place)] == ["held"] * 2


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


UNKNOWN = ANNA | {"email": "somebody@example.org", "account": "77", "username": "else"}


def test_of_two_whom_nobody_knew_yet_each_keeps_his_own(place: Middle) -> None:
    place.sheet(UNKNOWN).post(by("Boris Smith", 1, timestamp="2026-03-01T15:00:00Z"), by("Zanna Quixley", 2)).run()
    assert fates(place) == [("held", "learner.not_found")] * 2
    place.sheet(ANNA).run(later=HOUR)
    assert fates(place) == [("held", "learner.name_differs"), ("ready", "")]
    assert [str(award.completed_on) for award in place.awards()] == ["2026-03-01", "2026-03-10"]
    place.post(voiding(3, 2)).run()
    with place.credits() as (_, zanna):
        assert zanna.wanted == "absent"  # it does not stand on the other's completion


def test_one_whom_nobody_knew_yet_under_two_spellings_is_reported_once(place: Middle) -> None:
    place.sheet(UNKNOWN).post(by("Quixley, Z.", 1), by("Zanna Quixley", 2)).run()
    place.sheet(ANNA).run(later=HOUR)
    assert sorted(state for state, _ in fates(place)) == ["closed", "ready"]


def test_a_correction_that_is_taken_back_parts_them_again(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Boris Smith", 2)).run()
    correct(place, given_name="Boris", family_name="Smith")
    assert fates(place) == [("held", "learner.name_differs"), ("ready", "")]
    correct(place, given_name="Zanna", family_name="Quixley")
    assert fates(place) == [("ready", ""), ("held", "learner.name_differs")]


def test_a_name_said_to_be_his_and_taken_back_gives_the_other_his_own_again(place: Middle) -> None:
    place.post(by("Zanna Quixley", 1), by("Zanna Vantongeren", 2)).run()
    same_person(place, "Zanna Vantongeren")
    place.post(by("Zanna Vantongeren", 3)).run()
    with place.at(), place.session() as session:
        for fix in session.exec(select(LearnerFix)):
            fix.ended_at = place.clock
            session.add(fix)
    correct(place, birth_day="02-28")  # whatever makes the learners room look again
    assert fates(place) == [("ready", ""), ("held", "learner.name_differs")]
    assert [row.award_id for row in place.evidence()] == [1, 2, 2]


def test_a_statement_sent_again_under_a_new_name_stays_with_its_original(place: Middle) -> None:
    place.rules(RULE.replace("    credits:\n      - {type: cme, amount: 1.25}\n", REMS)).post(
        by("Zanna Quixley", 1)
    ).run()
    place.walk(1, State.SENDING, State.PENDING, State.CONFIRMED)
    place.post(by("Zanna Smith", 2, timestamp="2026-03-10T15:01:00.000Z")).run()
    assert [state for _, state in place.states()] == ["confirmed"]


def test_two_people_on_one_mailbox_are_two_rems_participants_until_they_are_one(place: Middle) -> None:
    place.rules(ONLY_REMS)
    place.post(by("Zanna Quixley", 1), by("Zanna Smith", 2)).run()
    with place.session() as session:
        assert len(set(session.exec(select(Record.local_id)))) == 2
    assert [state for _, state in place.states()] == ["ready", "ready"]
    same_person(place, "Zanna Smith")
    assert sorted(state for _, state in place.states()) == ["closed", "ready"]


def correct(place: Middle, **fields: str) -> None:
    with place.at(), place.session() as session:
        wishes.wish(session, wishes.FIX, {"learner": 1, "fields": fields}, by="rosa", now=place.clock)
    place.run()


FORM = {"verb": {"id": "http://activitystrea.ms/schema/1.0/submit"}, "object": {"id": "https://lms.example.org/form"}}
RESET = {"verb": {"id": "https://lms.example.org/verbs/reset"}}
BOUND = RULE.replace(
    '    activity: "203512345"\n',
    f'    also_requires: [{{within: 30d, when: [{{path: verb.id, is: "{FORM["verb"]["id"]}"}}]}}]\n'
    f'    undone_by: [{{path: verb.id, is: "{RESET["verb"]["id"]}"}}]\n    activity: "203512345"\n',
)


def test_the_guests_form_and_the_guests_reset_are_not_the_owners(place: Middle) -> None:
    place.rules(BOUND).post(by("Zanna Quixley", 1), by("Boris Smith", 2, **FORM)).run()
    assert fates(place) == []
    place.post(by("Quixley, Z.", 3, **FORM)).run()
    assert fates(place) == [("ready", "")]
    place.post(by("Boris Smith", 4, **RESET)).run()
    with place.credits() as (owner,):
        assert (owner.state, owner.wanted) == ("ready", "present")
    place.post(statement(5, timestamp="2026-03-10T16:00:00Z", **RESET)).run()  # it names nobody
    with place.credits() as (owner,):
        assert owner.wanted == "absent"


def test_a_form_under_a_name_that_is_his_too_counts_once_a_person_has_said_so(place: Middle) -> None:
    place.rules(BOUND).post(by("Zanna Quixley", 1), by("Zanna Vantongeren", 2, **FORM)).run()
    assert fates(place) == []
    assert same_person(place, "Zanna Vantongeren") == decisions.DONE
    assert fates(place) == [("ready", "")]
