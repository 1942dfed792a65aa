"""Awards: one learner earns one thing once, whatever arrives, in whatever order."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerRow
from tests.learners.middle import (
    ANNA,
    BORIS,
    COURSE,
    MOC,
    RULE,
    Middle,
    account,
    reopened,
    statement,
    voiding,
)

REGISTRATION = "0de15ace-0000-4000-8000-00000000000"


def test_a_completion_becomes_one_award_with_its_credits_ready_to_leave(place: Middle) -> None:
    place.rules(RULE + MOC).post(statement(1)).run()
    assert place.states() == [("AMA PRA Category 1", "ready"), ("Medical Knowledge", "ready")]
    (award,) = place.awards()
    assert (award.anchor, award.completed_on, award.per) == ("mbox:anna@example.org", date(2026, 3, 10), "")


def test_a_duplicate_is_evidence_of_its_originals_award_even_under_another_registration(place: Middle) -> None:
    place.rules(RULE + "    per: registration\n")
    first = statement(1, context={"registration": REGISTRATION + "1"})
    again = statement(2, context={"registration": REGISTRATION + "2"})
    place.post(first, session_registration=True).run()
    place.post(again, session_registration=True).run()
    (award,) = place.awards()
    assert [row.award_id for row in place.evidence()] == [award.id, award.id]


def test_duplicates_of_what_was_voided_before_its_award_share_one(place: Middle) -> None:
    place.rules(RULE + "    per: registration\n")
    told = [statement(number, context={"registration": f"{REGISTRATION}{number}"}) for number in (1, 2, 3)]
    place.post(*told, voiding(9, 1), session_registration=True).run()
    place.post(statement(4, context={"registration": REGISTRATION + "4"}), session_registration=True).run()
    assert (len(place.awards()), place.states()) == (1, [("AMA PRA Category 1", "ready")])


def test_a_duplicate_finds_its_award_after_the_rule_was_renamed(place: Middle) -> None:
    place.rules(RULE + "    per: registration\n")
    place.post(statement(1, context={"registration": REGISTRATION + "1"}), session_registration=True).run()
    place.rules(RULE.replace("name: course", "name: course-2026") + "    per: registration\n")
    place.post(statement(2, context={"registration": REGISTRATION + "2"}), session_registration=True).run()
    assert len(place.awards()) == 1


@pytest.mark.parametrize(
    ("per", "second", "awards"),
    [
        ("activity", {"timestamp": "2026-03-11T15:00:00Z"}, 1),
        ("date", {"timestamp": "2026-03-10T23:00:00Z"}, 1),
        ("date", {"timestamp": "2026-03-11T15:00:00Z"}, 2),
        ("session", {"timestamp": "2026-03-11T15:00:00Z"}, 1),
        ("session", {"object": {"id": COURSE + "&session=2"}}, 2),
        ("registration", {"context": {"registration": REGISTRATION + "1"}, "timestamp": "2026-03-11T15:00:00Z"}, 1),
        ("registration", {"context": {"registration": REGISTRATION + "2"}, "timestamp": "2026-03-11T15:00:00Z"}, 2),
    ],
)
def test_what_can_be_earned_once(place: Middle, per: str, second: dict[str, object], awards: int) -> None:
    place.rules(RULE + f"    per: {per}\n")
    place.post(statement(1, context={"registration": REGISTRATION + "1"}))
    place.post(statement(2, **({"context": {"registration": REGISTRATION + "1"}} | second))).run()
    assert len(place.awards()) == awards
    assert all(state == "ready" for _, state in place.states())


def test_the_earliest_date_among_unsent_completions_wins(place: Middle) -> None:
    place.post(statement(1)).run()
    first = place.only().credit_id
    place.post(statement(2, timestamp="2026-03-05T15:00:00Z")).run()
    assert [award.completed_on for award in place.awards()] == [date(2026, 3, 5)]
    assert (place.only().credit_id, place.only().state) == (first, "ready")


def test_after_sending_a_later_arrival_changes_nothing(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send()
    before = place.only().model_dump()
    place.post(statement(2, timestamp="2026-03-05T15:00:00Z")).run()
    assert place.only().model_dump() == before
    assert [award.completed_on for award in place.awards()] == [date(2026, 3, 10)]
    assert len({row.award_id for row in place.evidence()}) == 1


def test_the_date_follows_when_the_earliest_completion_is_voided_before_anything_was_sent(place: Middle) -> None:
    place.post(statement(1), statement(2, timestamp="2026-03-05T15:00:00Z")).run()
    place.post(voiding(3, 2)).run()
    assert [award.completed_on for award in place.awards()] == [date(2026, 3, 10)]
    assert place.only().state == "ready"


def test_a_learner_who_is_not_eligible_for_moc_still_takes_the_earlier_date_for_cme(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"profession": "PA"})
    place.post(statement(1)).run()
    assert {state for _, state in place.states()} == {"closed"}
    place.post(statement(2, timestamp="2026-03-05T15:00:00Z")).run()
    assert [award.completed_on for award in place.awards()] == [date(2026, 3, 5)]


def test_voiding_before_the_statement_leaves_no_award(place: Middle) -> None:
    place.post(voiding(2, 1)).run()
    place.post(statement(1)).run()
    assert place.awards() == []
    assert [(row.outcome, row.standing) for row in place.evidence()] == [("completion", False)]


def test_voiding_one_of_two_duplicates_keeps_the_credit(place: Middle) -> None:
    place.post(statement(1), statement(2)).run()
    place.post(voiding(3, 1)).run()
    assert (place.only().state, place.only().wanted) == ("ready", "present")


def test_voiding_the_last_standing_statement_takes_an_unsent_credit_back_and_a_new_one_brings_it_again(
    place: Middle,
) -> None:
    place.post(statement(1)).run()
    place.post(voiding(2, 1)).run()
    credit = place.only()
    assert (credit.state, credit.wanted, credit.why_absent) == ("ready", "absent", "statement.voided")
    place.walk(credit.id, State.CLOSED)  # what submission does with it
    place.post(statement(3)).run()
    assert (place.only().state, place.only().wanted) == ("ready", "present")
    assert place.only().credit_id == credit.credit_id


def test_a_sent_credit_is_withdrawn_and_earned_again_under_a_new_id_and_the_new_date(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send().post(voiding(2, 1)).run()
    first = place.only()
    assert (first.state, first.wanted) == ("confirmed", "absent")
    place.walk(first.id, State.WITHDRAWING)
    place.post(statement(3, timestamp="2026-03-11T15:00:00Z")).run()
    assert place.only().wanted == "absent", "the withdrawal ends first"
    place.walk(first.id, State.WITHDRAWN, at_pars="no")
    place.run()
    with place.credits() as (old, new):
        assert (old.state, new.state) == ("withdrawn", "ready")
        assert new.credit_id == old.credit_id + "-2"
    assert [award.completed_on for award in place.awards()] == [date(2026, 3, 11)]
    assert place.run() == {}, "and it is left alone from then on"


def test_another_rule_of_the_same_activity_adds_what_it_earns(place: Middle) -> None:
    test = RULE.replace("name: course", "name: test").replace("/course", "/mod/quiz")
    test = test.replace("      - {type: cme, amount: 1.25}\n", MOC)
    place.rules(RULE + test).post(statement(1)).run()
    place.send().post(statement(2, object={"id": "https://lms.example.org/mod/quiz/9"})).run()
    assert place.states() == [("AMA PRA Category 1", "confirmed"), ("Medical Knowledge", "ready")]
    assert len(place.awards()) == 1


def test_an_edited_rule_adds_nothing_to_what_its_old_version_earned(place: Middle) -> None:
    place.rules(RULE + MOC).post(statement(1)).run()
    place.send().rules(RULE + MOC.replace("Medical Knowledge", "Patient Safety"))
    place.post(statement(2, timestamp="2026-03-11T15:00:00Z")).run()
    assert [state for _, state in place.states()] == ["confirmed", "confirmed"]


def test_voiding_what_one_rule_earned_leaves_what_the_other_did(place: Middle) -> None:
    test = RULE.replace("name: course", "name: test").replace("/course", "/mod/quiz")
    test = test.replace("      - {type: cme, amount: 1.25}\n", MOC)
    place.rules(RULE + test)
    place.post(statement(1), statement(2, object={"id": "https://lms.example.org/mod/quiz/9"})).run()
    place.post(voiding(3, 2)).run()
    with place.credits() as rows:
        assert [(row.kind, row.wanted) for row in rows] == [("cme", "present"), ("moc", "absent")]


def test_two_actor_keys_of_one_person_become_one_learner_with_one_award(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": ""})
    place.post(statement(1), statement(2, actor=account("3"), timestamp="2026-03-09T15:00:00Z")).run()
    anchors = [award.anchor for award in place.awards()]
    assert anchors == ["mbox:anna@example.org", "account:https://lms.example.org|3"]
    place.sheet(ANNA)
    place.run(later=timedelta(hours=1))
    with place.credits() as (elder, younger):
        assert (elder.state, younger.state, younger.reason) == ("ready", "closed", "award.same")
    assert [award.anchor for award in place.awards()] == anchors, "the anchor is written once"
    assert len({award.learner_id for award in place.awards()}) == 1
    assert place.awards()[0].completed_on == date(2026, 3, 9), "the earliest of both"


def test_after_a_merge_the_credit_that_was_sent_goes_on_even_if_it_is_the_younger(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": "", "consent": ""}, ANNA | {"email": ""})
    place.post(statement(1), statement(2, actor=account("3"))).run()
    assert [state for _, state in place.states()] == ["held", "ready"]
    place.send().sheet(ANNA).run(later=timedelta(hours=1))
    assert [state for _, state in place.states()] == ["closed", "confirmed"]


def test_after_a_merge_both_actors_statements_hold_the_credit_up(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": ""})
    place.post(statement(1), statement(2, actor=account("3"))).run()
    place.sheet(ANNA).run(later=timedelta(hours=1))
    place.post(voiding(3, 1)).run()
    with place.credits() as (elder, younger):
        assert (elder.state, elder.wanted, younger.state) == ("ready", "present", "closed")
    place.post(voiding(4, 2)).run()
    with place.credits() as (elder, younger):
        assert (elder.wanted, younger.wanted) == ("absent", "absent")
    place.walk(elder.id, State.CLOSED).post(statement(5, timestamp="2026-03-12T10:00:00Z")).run()
    assert [state for _, state in place.states()] == ["ready", "closed"], "one comes back, not both"


def test_a_merge_with_a_voided_award_does_not_lose_the_standing_one(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": ""})
    place.post(statement(1)).run()
    place.post(voiding(3, 1)).run()
    place.walk(1, State.CLOSED).post(statement(2, actor=account("3"))).run()
    place.sheet(ANNA).run(later=timedelta(hours=1))
    assert sorted(state for _, state in place.states()) == ["closed", "ready"]


def test_two_rows_with_one_mailbox_match_nobody_and_link_nobody(place: Middle) -> None:
    place.sheet(ANNA | {"email": "clinic@example.org"}, BORIS | {"email": "clinic@example.org"})
    place.post(statement(1, actor={"mbox": "mailto:clinic@example.org"}))
    place.post(statement(2, actor=account("3")), statement(3, actor=account("4"))).run()
    with place.credits() as rows:
        assert [(row.state, row.reason) for row in rows] == [
            ("held", "learner.not_found"),
            ("ready", ""),
            ("ready", ""),
        ]
    assert len({award.learner_id for award in place.awards()}) == 3


def test_a_key_given_to_the_wrong_person_moves_with_its_award_and_merges_nobody(place: Middle) -> None:
    place.sheet(ANNA | {"account": "4", "username": ""}, BORIS | {"account": "", "username": ""})
    place.post(statement(1), statement(2, actor=account("4"), timestamp="2026-03-09T15:00:00Z"))
    place.post(statement(3, actor={"mbox": "mailto:boris@example.org"}, timestamp="2026-03-08T15:00:00Z")).run()
    assert [award.learner_id for award in place.awards()] == [1, 2], "by mistake, account 4 was Anna's"
    place.sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    with place.store.reading() as session:
        names = {row.id: row.family_name for row in map(session.get_one, [LearnerRow] * 2, [1, 2])}
        owners = {one.anchor: names[one.learner_id] for one in map(session.get_one, [Award] * 2, [1, 2])}
    assert owners == {"mbox:anna@example.org": "Quixley", "mbox:boris@example.org": "Vantongeren"}
    place.post(statement(4, actor=account("4"), timestamp="2026-03-12T10:00:00Z")).run()
    assert [award.learner_id for award in place.awards()] == [1, 2]
    assert place.evidence()[-1].award_id == 2


def test_an_award_that_a_mistaken_key_opened_goes_to_its_person_under_its_old_id(place: Middle) -> None:
    place.rules(RULE + "    per: date\n")
    place.sheet(ANNA | {"account": "4", "username": ""}, BORIS | {"account": "", "username": ""})
    place.post(statement(1), statement(2, actor=account("4"), timestamp="2026-03-11T15:00:00Z")).run()
    ids = [credit.credit_id for credit in _credits(place)]
    place.sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    with place.credits() as (annas, boris):
        assert [annas.credit_id, boris.credit_id] == ids
        assert (annas.identifier_value, boris.identifier_value) == (ANNA["npi"], BORIS["npi"])
    assert [award.learner_id for award in place.awards()] == [1, 2]


def test_evidence_of_two_people_who_were_taken_for_one_is_parted_with_them(place: Middle) -> None:
    place.sheet(ANNA | {"account": "4", "username": ""}, BORIS | {"account": "", "username": ""})
    place.post(statement(1), statement(2, actor=account("4"), timestamp="2026-03-11T15:00:00Z")).run()
    place.post(voiding(3, 1)).run()
    assert (place.only().wanted, len(place.awards())) == ("present", 1), "held up by what Boris did"
    place.sheet(ANNA, BORIS).run(later=timedelta(hours=1))
    place.run()
    with place.credits() as (annas, boris):
        assert (annas.wanted, boris.wanted, boris.state) == ("absent", "present", "ready")
    assert [award.anchor for award in place.awards()] == ["mbox:anna@example.org", "account:https://lms.example.org|4"]
    assert place.awards()[1].completed_on == date(2026, 3, 11)


def test_a_restart_between_the_rooms_changes_nothing(place: Middle) -> None:
    place.post(statement(1), statement(2, actor=account("4"))).run()
    ids = [credit.credit_id for credit in _credits(place)]
    again = reopened(place)
    again.post(statement(3), statement(4, actor=account("4"))).run()
    assert [credit.credit_id for credit in _credits(again)] == ids
    again.store.dispose()


def _credits(place: Middle) -> list[Credit]:
    with place.credits() as rows:
        return list(rows)
