"""PARS is asked whether it would know a learner before the first credit leaves: off, warn, hold, and new numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector import activities
from connector.config import ValidationConfig
from connector.sandbox.pars.learners import Known
from connector.sandbox.server import Sandbox
from connector.store import fixes, matches
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, LearnerMatch, LearnerRow
from connector.submission import prevalidation
from connector.submission import stage as submission
from connector.validation import stage as validation
from tests.delivery.model_pars import Killed
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery
from tests.submission.test_submission_outage import second_provider

STRANGER = "elind"  # PARS has another birth day
ODD = [
    ("html-200", ""), ("empty-200", ""), ("truncated", ""), ("error-500", ""), ("proxy-502", ""), ("time-out", ""),
    ("cut-before-reply", ""), ("match-word", "Perhaps"), ("match-word", ""),
]  # fmt: skip


def requests(delivery: Delivery) -> list[str]:
    return [one.operation for one in delivery.sandbox.pars.log]


def asked(delivery: Delivery) -> int:
    return requests(delivery).count("match")


def turn(delivery: Delivery) -> None:
    validation.run(delivery.store, delivery.config)
    delivery.send()


def says(delivery: Delivery, word: str) -> None:
    """From now on, whoever is asked about."""
    delivery.sandbox.switches.clear()
    delivery.sandbox.switch("match-word", times=None, message=word)


def learner_of(delivery: Delivery, pk: int) -> int:
    with delivery.store.reading() as session:
        return session.get_one(Award, delivery.credit(pk).award_id).learner_id


def change(delivery: Delivery, pk: int, **values: Any) -> None:
    """As the directory does: a learner who changed has his held credits judged at once."""
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, learner_of(delivery, pk))
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
    if delivery.state(pk) == "held":
        delivery.change(pk, next_at=None)


def new(delivery: Delivery, person: str = "aoneill", **more: Any) -> int:
    """A ready credit of somebody whose number nobody had seen before."""
    [pk] = delivery.ready(person, **more)
    change(delivery, pk, ids_since={"NPI": datetime.now(UTC).isoformat()})
    return pk


def kept(delivery: Delivery) -> list[LearnerMatch]:
    from sqlmodel import select

    with delivery.store.reading() as session:
        return list(session.exec(select(LearnerMatch).order_by(LearnerMatch.asked_at)))


def codes(delivery: Delivery, pk: int) -> list[str]:
    return [problem["code"] for problem in delivery.credit(pk).problems]


def matching(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["event"], line.get("reason", "")) for line in lines if line["event"].startswith("learner.")]


def test_a_learner_is_asked_about_once_before_his_first_credit_leaves(delivery: Delivery) -> None:
    [first] = delivery.ready()
    learner = learner_of(delivery, first)
    delivery.ready(learner=learner)
    delivery.send()
    delivery.pass_by(days=30)
    delivery.ready(learner=learner)
    delivery.send()
    assert [one for one in requests(delivery) if not one.startswith("status")] == ["match", "save", "save", "save"]
    assert [(row.found, row.asked, row.next_at) for row in kept(delivery)] == [("yes", 1, None)]


def test_each_identifier_that_a_record_leaves_under_is_asked_about(delivery: Delivery) -> None:
    delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    assert requests(delivery) == ["match", "match", "save"]
    assert sorted(row.domain for row in kept(delivery)) == ["ABIM", "NPI"]


def test_switched_off_nothing_is_asked(delivery: Delivery) -> None:
    delivery.prevalidate("off")
    delivery.ready()
    delivery.send()
    assert (requests(delivery), kept(delivery)) == (["save"], [])


@pytest.mark.parametrize("how", ["warn", "hold"])
def test_the_json_service_has_no_such_question(delivery_on: Callable[[str], Delivery], how: str) -> None:
    delivery = delivery_on("json-service")
    delivery.prevalidate(how)
    [cme] = delivery.ready()
    delivery.send()
    assert (requests(delivery), delivery.state(cme), codes(delivery, cme)) == (["save"], "pending", [])


def test_nobody_is_asked_about_for_rems_or_without_permission(delivery: Delivery) -> None:
    delivery.ready("lvogel", (REMS,), OPIOID)
    [cme] = delivery.ready()
    with delivery.store.writing() as session:
        session.add(ConsentRow(learner_id=learner_of(delivery, cme), given=False, origin="a test"))
    delivery.send()
    assert requests(delivery) == ["save"]


def test_two_providers_ask_each_for_itself(delivery: Delivery) -> None:
    with Sandbox(load=False) as other:
        [here] = delivery.ready()
        delivery.provider = second_provider(delivery, other)
        delivery.ready(learner=learner_of(delivery, here))
        delivery.send()
        assert [one.operation for one in other.pars.log] == ["match", "save"]
    assert requests(delivery) == ["match", "save"]
    assert sorted(row.provider_id for row in kept(delivery)) == ["0001234", "0005678"]


@pytest.mark.parametrize(("word", "code"), [("No", "learner.match_no"), ("Multiple", "learner.match_several")])
def test_warned_of_a_credit_leaves_all_the_same(delivery: Delivery, word: str, code: str) -> None:
    [cme] = delivery.ready()
    says(delivery, word)
    with capture_logs() as lines:
        delivery.send()
    assert (delivery.state(cme), codes(delivery, cme)) == ("confirmed", [code])
    assert not delivery.credit(cme).problems[0]["holds"]
    assert matching(lines) == []
    assert kept(delivery)[0].found == "yes", "PARS took it: that says more than a match"


def test_held_until_the_learner_is_corrected_and_said_once(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    [cme] = delivery.ready(STRANGER)
    with capture_logs() as lines:
        for _ in range(4):
            turn(delivery)
            delivery.pass_by(days=3)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("held", "learner.match_no")
    assert (requests(delivery), codes(delivery, cme)) == (["match"], ["learner.match_no"])
    assert matching(lines) == [("learner.unmatched", "learner.match_no")]
    assert "Lindqvist" not in str(lines)
    change(delivery, cme, birth_day="04-12")
    with capture_logs() as lines:
        turn(delivery)
    assert (asked(delivery), delivery.state(cme), codes(delivery, cme)) == (2, "confirmed", [])
    assert matching(lines) == [("learner.matched", "")]
    assert delivery.is_clean()


def test_a_correction_that_does_not_help_is_asked_about_and_not_said_again(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    [cme] = delivery.ready(STRANGER)
    with capture_logs() as lines:
        turn(delivery)
        change(delivery, cme, given_name="Eric")
        turn(delivery)
        turn(delivery)
    assert (asked(delivery), delivery.state(cme)) == (2, "held")
    assert matching(lines) == [("learner.unmatched", "learner.match_no")]


def test_of_a_record_nothing_leaves_while_one_number_is_unknown(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    change(delivery, cme, ids={"NPI": delivery.credit(cme).identifier_value, "ABIM": "410999"})
    delivery.change(moc, identifier_value="410999")
    delivery.send()
    assert (delivery.state(cme), delivery.state(moc), delivery.saves()) == ("ready", "held", [])
    delivery.pass_by(days=8)
    turn(delivery)
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "held"), "record.wait has passed"


def test_strict_holds_what_warns(delivery: Delivery) -> None:
    delivery.set(validation=ValidationConfig(strict=True))
    [cme] = delivery.ready(STRANGER)
    turn(delivery)
    turn(delivery)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("held", "learner.match_no")


@pytest.mark.parametrize(("fault", "word"), ODD)
def test_an_unreadable_answer_never_holds(delivery: Delivery, fault: str, word: str) -> None:
    delivery.prevalidate("hold")
    delivery.switch(fault, operation="match", times=None, message=word)
    [cme] = delivery.ready()
    delivery.send()
    assert (delivery.state(cme), delivery.channel().circuit) == ("confirmed", "closed")
    assert asked(delivery) == 1
    [again] = delivery.ready(learner=learner_of(delivery, cme))
    delivery.send()
    assert (delivery.state(again), asked(delivery)) == ("confirmed", 1), "PARS took the first"


def test_an_unclear_answer_is_asked_again_not_before_a_day(delivery: Delivery) -> None:
    says(delivery, "Perhaps")
    [cme] = delivery.ready("oadeyemi")  # refused for another reason: that says nothing about who he is
    delivery.sandbox.switch("refuse", times=None)
    delivery.send()
    assert (delivery.state(cme), kept(delivery)[0].found) == ("refused", "unclear")
    for days, times in ((0.9, 1), (0.2, 2)):
        delivery.pass_by(days=days)
        delivery.ready("oadeyemi", learner=learner_of(delivery, cme))
        delivery.send()
        assert asked(delivery) == times


def test_a_no_that_was_read_stands_when_the_next_answer_cannot_be(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery)
    says(delivery, "No")
    turn(delivery)
    says(delivery, "Perhaps")
    delivery.pass_by(days=1.1)
    turn(delivery)
    assert (asked(delivery), delivery.state(cme), kept(delivery)[0].found) == (2, "held", "no")


def test_a_wrong_path_of_the_match_stops_the_channel_and_nothing_leaves(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    right = delivery.config.wire
    calls = right.xml_service.calls.model_copy(update={"match": "POST /GetLearnersMatch"})
    delivery.set(wire=right.model_copy(update={"xml_service": right.xml_service.model_copy(update={"calls": calls})}))
    with capture_logs() as lines:
        delivery.turns(12)
    assert [line["code"] for line in lines if line["event"] == "channel.stopped"] == ["pars.wrong_path"]
    assert (delivery.state(cme), delivery.saves()) == ("ready", [])
    delivery.set(wire=right)
    delivery.go_on(hours=2)
    assert delivery.state(cme) == "confirmed"


def test_an_outage_while_asking_stops_the_channel_and_parks_nothing(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    [cme] = delivery.ready()
    delivery.sandbox.switch("error-500", times=None)
    delivery.send()
    assert (delivery.state(cme), delivery.channel().circuit, delivery.saves()) == ("ready", "open", [])
    assert kept(delivery) == []
    delivery.sandbox.switches.clear()
    delivery.go_on(hours=2)
    assert delivery.state(cme) == "confirmed"


def test_a_new_number_is_asked_about_daily_and_nobody_is_told_for_a_week(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery, STRANGER)
    with capture_logs() as lines:
        for day in range(7):
            for _ in range(3):
                turn(delivery)
                delivery.pass_by(minutes=1)
            assert (asked(delivery), delivery.credit(cme).reason) == (day + 1, "learner.id_may_be_new"), day
            delivery.pass_by(days=1)
    assert matching(lines) == []
    assert [problem["who"] for problem in delivery.credit(cme).problems] == ["nobody"]
    with capture_logs() as lines:
        for _ in range(5):
            turn(delivery)
            delivery.pass_by(days=1)
    assert matching(lines) == [("learner.unmatched", "learner.match_no")]
    assert (asked(delivery), delivery.credit(cme).reason) == (8, "learner.match_no")


def test_a_yes_at_a_daily_question_frees_the_credit_and_nobody_hears_of_it(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery)
    says(delivery, "No")
    with capture_logs() as lines:
        for _ in range(3):
            turn(delivery)
            delivery.pass_by(days=1, minutes=1)
        delivery.sandbox.switches.clear()
        turn(delivery)
        turn(delivery)
    assert (delivery.state(cme), matching(lines), delivery.moves(cme)[0]) == ("confirmed", [], "held")
    assert [(row.found, row.next_at) for row in kept(delivery)] == [("yes", None)]


def test_a_number_with_a_wrong_check_digit_is_no_new_one(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery)
    slip = f"{int(delivery.credit(cme).identifier_value) + 1}"
    change(delivery, cme, ids={"NPI": slip})
    delivery.change(cme, identifier_value=slip)
    with capture_logs() as lines:
        turn(delivery)
    assert matching(lines) == [("learner.unmatched", "learner.match_no")]


def test_a_corrected_number_is_as_old_as_its_correction(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    [cme] = delivery.ready(STRANGER)
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, learner_of(delivery, cme))
        number, row.ids = row.ids["NPI"], {"NPI": "1999999984"}
        fixes.put(session, row, "ids.NPI", number, by="a coordinator", now=datetime.now(UTC))
    turn(delivery)
    assert delivery.credit(cme).reason == "learner.id_may_be_new"


def unknown_for(delivery: Delivery, **span: float) -> None:
    """PARS knows nobody before this time has passed."""
    everybody, delivery.sandbox.pars.learners = delivery.sandbox.pars.learners, Known([])
    turn(delivery)
    delivery.pass_by(**span)
    turn(delivery)
    delivery.sandbox.pars.learners = everybody


def test_what_pars_refused_under_a_new_number_is_sent_again_when_pars_knows_it(delivery: Delivery) -> None:
    cme = new(delivery)
    with capture_logs() as lines:
        unknown_for(delivery, days=1.5)
        assert (delivery.state(cme), asked(delivery)) == ("unmatched", 2)
        delivery.pass_by(days=1)
        turn(delivery)
        turn(delivery)
    assert delivery.moves(cme) == ["sending", "unmatched", "held", "ready", "sending", "confirmed"]
    assert matching(lines) == [("learner.unmatched", "pars.no_match"), ("learner.matched", "")]
    assert len({delivery.credit(cme).credit_id}) == 1
    assert delivery.is_clean()


def test_what_pars_refused_under_an_old_number_is_left_to_a_person(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    unknown_for(delivery, days=2)
    delivery.pass_by(days=2)
    turn(delivery)
    assert (delivery.state(cme), asked(delivery)) == ("unmatched", 1)


def test_a_no_to_the_credit_counts_where_the_question_drew_no_answer(delivery: Delivery) -> None:
    cme = new(delivery)
    delivery.sandbox.switch("html-200", operation="match")
    unknown_for(delivery, hours=1)
    assert [(row.found, row.code) for row in kept(delivery)] == [("no", "pars.no_match")]
    delivery.pass_by(days=1.1)
    turn(delivery)
    turn(delivery)
    assert delivery.state(cme) == "confirmed"


def test_a_yes_that_the_save_contradicts_is_not_followed_for_ever(delivery: Delivery) -> None:
    cme = new(delivery, STRANGER)
    says(delivery, "Yes")
    for _ in range(20):
        turn(delivery)
        delivery.pass_by(days=0.5)
    assert (delivery.state(cme), len(delivery.saves()), asked(delivery)) == ("unmatched", 1, 1)


def test_so_many_daily_questions_a_turn_and_none_without_permission(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery.prevalidate("hold")
    pks = [new(delivery, person) for person in ("aoneill", "hsato", "bachebe")]
    says(delivery, "No")
    turn(delivery)
    delivery.pass_by(days=1)
    with delivery.store.writing() as session:
        session.add(ConsentRow(learner_id=learner_of(delivery, pks[1]), given=False, origin="a test"))
    monkeypatch.setattr(prevalidation, "QUESTIONS", 1)
    counts = [asked(delivery)]
    for _ in range(3):
        delivery.send()
        counts.append(asked(delivery))
    assert counts == [3, 4, 5, 5], "what is ready by the next turn waits for one question; who said no is left out"


def test_a_voided_credit_is_not_asked_about_daily(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery, STRANGER)
    turn(delivery)
    delivery.unwant(cme)
    delivery.pass_by(days=2)
    turn(delivery)
    assert (asked(delivery), delivery.state(cme)) == (1, "closed")


def test_nothing_is_withdrawn_for_a_correction_whose_learner_pars_does_not_know(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    [old] = delivery.ready()
    turn(delivery)
    [heir] = delivery.ready(learner=learner_of(delivery, old), state=State.HELD)
    delivery.change(heir, supersedes=old)
    change(delivery, heir, family_name="Elsewhere")
    delivery.unwant(old)
    for _ in range(4):
        turn(delivery)
    assert (delivery.state(old), delivery.saves("delete"), asked(delivery)) == ("confirmed", [], 2)
    assert delivery.credit(old).attention == "credit.replacement_held"
    change(delivery, heir, family_name="O'Neill-García")
    delivery.pass_by(days=1)
    for _ in range(4):
        turn(delivery)
    assert (delivery.state(old), delivery.state(heir)) == ("withdrawn", "confirmed")
    assert delivery.is_clean(old)


@pytest.mark.parametrize("daily", [False, True])
def test_killed_between_the_answer_and_its_row_it_asks_again(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, *, daily: bool
) -> None:
    delivery.prevalidate("hold")
    cme = new(delivery)
    if daily:
        says(delivery, "No")
        turn(delivery)
        delivery.sandbox.switches.clear()
        delivery.pass_by(days=1)

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(matches, "_plan", dies)
        with pytest.raises(Killed):
            delivery.send()
    before = asked(delivery)
    with delivery.elsewhere():
        delivery.send()
        turn(delivery)
    assert (asked(delivery) - before, delivery.state(cme)) == (1, "confirmed")
    assert delivery.is_clean()


def test_several_daemons_ask_about_one_learner_and_none_stumbles(
    delivery: Delivery, postgres: Callable[[], str]
) -> None:
    config = delivery.config.model_copy(update={"store": delivery.config.store.model_copy(update={"url": postgres()})})
    delivery.store.dispose()
    delivery.config, delivery.store = config, open_store(config)
    activities.load(config, delivery.store)
    delivery.prevalidate("hold")
    cme = new(delivery, per="")
    learner = learner_of(delivery, cme)
    pks = [cme, *(delivery.ready(learner=learner, per="", completed_on=date(2026, 3, day))[0] for day in range(1, 6))]
    says(delivery, "No")
    side_by_side(delivery, 3)
    delivery.pass_by(days=1)
    delivery.sandbox.switches.clear()
    side_by_side(delivery, 3)
    turn(delivery)
    assert {delivery.state(pk) for pk in pks} == {"confirmed"}
    assert len(delivery.held_live()) == len(pks)


def side_by_side(delivery: Delivery, daemons: int) -> None:
    """One turn of validation and of submission in each of so many processes on one store."""
    failed: list[BaseException] = []

    def run(store: Store) -> None:
        try:
            validation.run(store, delivery.config)
            submission.run(store, delivery.config)
        except BaseException as error:
            failed.append(error)
        store.dispose()

    stores = [Store(str(delivery.config.store.url)) for _ in range(daemons)]
    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
