"""Withdrawals: exactly the credit ids to go, under the identity they left under, and never in bulk without a person."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.pars.exchange import CannotSend
from connector.records import Counts, Problem
from connector.store.states import State
from connector.store.tables import LearnerRow
from connector.submission import deletes, wishes
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery
from tests.store.rows import credit_in


def confirmed(delivery: Delivery, *arguments: object, **named: object) -> list[int]:
    pks = delivery.ready(*arguments, **named)
    delivery.send()
    delivery.ask()
    return pks


def test_one_credit_goes_and_the_other_of_its_record_stays(either: Delivery) -> None:
    cme, moc = confirmed(either, "bachebe", (CME_2, MOC), HYPERTENSION)
    either.unwant(moc)
    either.go_on()
    assert (either.state(cme), either.state(moc)) == ("confirmed", "withdrawn")
    assert either.at_pars() == {either.credit(cme).credit_id: "Accepted", either.credit(moc).credit_id: "Deleted"}
    assert either.is_clean(moc)


def test_another_award_of_the_same_learner_is_untouched(delivery: Delivery) -> None:
    [going] = confirmed(delivery)
    [learner] = [row.id for row in learners(delivery)]
    [staying] = confirmed(
        delivery, learner=learner, activity=OPIOID, offers=(("cme", "AMA PRA Category 1", "", "", "1.25"),)
    )
    delivery.unwant(going)
    delivery.go_on()
    assert delivery.held_live() == [delivery.credit(staying).credit_id]
    assert delivery.is_clean(going)


def learners(delivery: Delivery) -> list[LearnerRow]:
    with delivery.store.reading() as session:
        return list(session.exec(select(LearnerRow)))


def test_a_rems_credit_is_withdrawn_by_its_id_and_stays_nameless(delivery: Delivery) -> None:
    [rems] = confirmed(delivery, "lvogel", (REMS,), OPIOID)
    delivery.unwant(rems)
    delivery.send()
    assert delivery.state(rems) == "withdrawn"
    assert delivery.is_clean(rems)


def test_the_identity_as_it_was_sent_is_named_although_the_directory_has_another_now(delivery: Delivery) -> None:
    [cme] = confirmed(delivery)
    with delivery.store.writing() as session:
        row = session.exec(select(LearnerRow)).one()
        row.family_name, row.birth_day = "Changed", "01-01"
        session.add(row)
    delivery.unwant(cme)
    delivery.send()
    assert delivery.state(cme) == "withdrawn"
    assert b"Changed" not in (delivery.submissions()[-1].payload or b"")
    assert delivery.is_clean(cme)


def test_credits_of_one_record_that_left_under_two_names_go_under_each(delivery: Delivery) -> None:
    cme, moc = confirmed(delivery, "bachebe", (CME_2, MOC), HYPERTENSION)
    sent_as = delivery.credit(moc).sent_as or {}
    delivery.change(moc, sent_as=sent_as | {"given_name": "BEN"})
    delivery.unwant(cme, moc)
    delivery.go_on()
    assert [delivery.state(pk) for pk in (cme, moc)] == ["withdrawn", "withdrawn"]
    assert len(delivery.saves("delete")) == 2
    assert delivery.is_clean(cme, moc)


def test_a_refused_withdrawal_waits_for_a_person_who_is_told(delivery: Delivery) -> None:
    [cme] = confirmed(delivery)
    delivery.unwant(cme)
    delivery.sandbox.switch("refuse")
    with capture_logs() as lines:
        delivery.go_on()
    assert (delivery.state(cme), len(delivery.saves("delete"))) == ("withdrawal_refused", 1)
    assert [line["event"] for line in lines if line["event"].startswith("withdrawal")] == ["withdrawal.refused"]


@pytest.mark.parametrize("fault", ["cut-before-body", "cut-after-body", "error-500", "time-out", "html-200"])
def test_a_doubtful_withdrawal_that_did_not_happen_is_made_again(delivery: Delivery, fault: str) -> None:
    [cme] = confirmed(delivery)
    delivery.unwant(cme)
    delivery.switch(fault, operation="save")
    delivery.go_on()
    assert delivery.moves(cme)[-4:] == ["withdrawing", "withdrawal_in_doubt", "withdrawing", "withdrawn"]
    assert delivery.held_live() == []
    assert delivery.is_clean(cme)


@pytest.mark.parametrize("fault", ["cut-before-reply", "cut-in-reply", "error-500-stored", "truncated"])
def test_a_doubtful_withdrawal_that_happened_is_believed_after_two_negatives(delivery: Delivery, fault: str) -> None:
    [cme] = confirmed(delivery)
    delivery.unwant(cme)
    delivery.sandbox.switch(fault, operation="save")
    delivery.go_on()
    assert delivery.moves(cme)[-3:] == ["withdrawing", "withdrawal_in_doubt", "withdrawn"]
    assert len(delivery.saves("delete")) == 1
    assert delivery.is_clean(cme)


def test_a_withdrawal_that_never_gets_an_answer_is_parked_and_not_sent_for_ever(delivery: Delivery) -> None:
    [cme] = confirmed(delivery)
    delivery.unwant(cme)
    delivery.sandbox.switch("error-500", operation="save", times=None)
    delivery.go_on(hours=6, step=10)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("withdrawal_in_doubt", "pars.three_doubts")
    assert len(delivery.saves("delete")) == 3
    assert delivery.is_clean()


def test_a_withdrawal_that_cannot_be_written_waits_and_does_not_pass_for_a_bug(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    [bad], [good] = confirmed(delivery), confirmed(delivery, "jbrown")
    delivery.unwant(bad, good)
    assemble = deletes.assemble

    def gate(session: object, config: object, record: object, credits_: list[object], action: str) -> object:
        if credits_[0].id == bad:
            raise CannotSend([Problem(code="learner.missing", field="given_name", message="nothing is known")])
        return assemble(session, config, record, credits_, action)

    monkeypatch.setattr(deletes, "assemble", gate)
    with capture_logs() as lines:
        delivery.go_on(hours=3)
    assert (delivery.state(bad), delivery.credit(bad).reason) == ("withdrawing", "learner.missing")
    assert [line["event"] for line in lines if line["event"] != "stage.done"] == ["withdrawal.put_off"]
    assert delivery.state(good) == "withdrawn"
    monkeypatch.undo()
    delivery.go_on(hours=1.5)
    assert delivery.state(bad) == "withdrawn"


@pytest.mark.parametrize("state", ["held", "ready"])
def test_what_never_left_is_closed(delivery: Delivery, state: str) -> None:
    [cme] = delivery.ready(state=state)
    delivery.unwant(cme)
    delivery.go_on()
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("closed", "statement.voided")
    assert delivery.at_pars() == {}


def test_what_was_refused_is_closed(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("refuse")
    delivery.send()
    assert delivery.state(cme) == "refused"
    delivery.unwant(cme)
    delivery.send()
    assert delivery.state(cme) == "closed"


def test_what_could_not_be_matched_is_closed(delivery: Delivery) -> None:
    [cme] = delivery.ready("elind")
    delivery.send()
    assert (delivery.state(cme), delivery.credit(cme).at_pars) == ("unmatched", "no")
    delivery.unwant(cme)
    delivery.send()
    assert delivery.state(cme) == "closed"


@pytest.mark.parametrize("fault", ["cut-after-body", "cut-before-reply"])
def test_voided_while_in_doubt(delivery: Delivery, fault: str) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch(fault, operation="save")
    delivery.send()
    delivery.unwant(cme)
    delivery.go_on()
    was_stored = fault == "cut-before-reply"
    assert delivery.state(cme) == ("withdrawn" if was_stored else "closed")
    assert (delivery.held_live(), len(delivery.saves())) == ([], 1)
    assert delivery.is_clean(cme)


def test_voided_while_the_save_is_on_its_way(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.pars.client import ParsClient

    [cme] = delivery.ready()
    send = ParsClient.send

    def void_meanwhile(client: ParsClient, payload: object) -> object:
        monkeypatch.undo()
        assert delivery.state(cme) == "sending"
        delivery.unwant(cme)
        return send(client, payload)

    monkeypatch.setattr(ParsClient, "send", void_meanwhile)
    delivery.go_on()
    assert delivery.moves(cme) == ["sending", "confirmed", "withdrawing", "withdrawn"]
    assert delivery.is_clean(cme)


def test_voided_while_the_board_has_not_answered(delivery: Delivery) -> None:
    cme, moc = confirmed(delivery, "bachebe", (CME_2, MOC), HYPERTENSION)
    assert delivery.state(moc) == "pending"
    delivery.unwant(cme, moc)
    delivery.send()
    assert [delivery.state(pk) for pk in (cme, moc)] == ["withdrawn", "withdrawn"]
    assert len(delivery.saves("delete")) == 1
    assert delivery.is_clean(cme, moc)


def many(delivery: Delivery, count: int) -> list[int]:
    """Confirmed credits of one learner, on as many days."""
    pks = []
    learner = 0
    for day in range(count):
        more = {"learner": learner} if learner else {}
        pks += delivery.ready(completed_on=date(2026, 3, 5) - timedelta(days=day), **more)
        learner = learner or learners(delivery)[0].id
    delivery.send()
    assert {delivery.state(pk) for pk in pks} == {"confirmed"}
    return pks


def test_more_than_ten_withdrawals_at_once_wait_for_a_person(delivery: Delivery) -> None:
    pks = many(delivery, 12)
    [unsent] = delivery.ready("jbrown", state="held")
    delivery.unwant(*pks[:11], unsent)
    with capture_logs() as lines:
        delivery.go_on(hours=2)
    assert {delivery.state(pk) for pk in pks} == {"confirmed"}
    assert delivery.state(unsent) == "closed"
    assert [line["count"] for line in lines if line["event"] == "withdrawals.stopped"] == [11]
    delivery.configure(most_withdrawals=11)
    delivery.send()
    assert {delivery.state(pk) for pk in pks[:11]} == {"withdrawn"}
    assert delivery.is_clean(*pks[:11])


def test_ten_withdrawals_at_once_are_an_ordinary_day(delivery: Delivery) -> None:
    pks = many(delivery, 10)
    delivery.unwant(*pks)
    delivery.send()
    assert {delivery.state(pk) for pk in pks} == {"withdrawn"}


def test_a_wish_that_no_move_can_fulfil_does_not_stop_the_others(delivery: Delivery) -> None:
    [odd], [good] = confirmed(delivery), confirmed(delivery, "jbrown")
    delivery.change(odd, at_pars="no")
    delivery.unwant(odd, good)
    delivery.go_on(hours=0.2)
    assert (delivery.state(odd), delivery.state(good)) == ("confirmed", "withdrawn")


def test_one_per_cent_of_what_pars_holds_may_go_if_that_is_more(delivery: Delivery) -> None:
    delivery.configure(most_withdrawals=1)
    with delivery.store.writing() as session:
        for _ in range(300):
            credit_in(session, State.CONFIRMED, at_pars="yes")
        pks = [credit_in(session, State.CONFIRMED, at_pars="yes").id for _ in range(4)]
    delivery.unwant(*pks)
    wishes.carry_out(delivery.store, delivery.config, delivery.provider, Counts())
    assert {delivery.state(pk) for pk in pks} == {"confirmed"}
    delivery.change(pks[3], wanted="present")
    wishes.carry_out(delivery.store, delivery.config, delivery.provider, Counts())
    assert [delivery.state(pk) for pk in pks] == ["withdrawing"] * 3 + ["confirmed"]


def test_voids_that_drip_in_turn_by_turn_are_one_run(delivery: Delivery) -> None:
    pks = many(delivery, 14)
    for at in range(0, 14, 2):
        delivery.unwant(*pks[at : at + 2])
        delivery.send()
        delivery.pass_by(seconds=5)
    states = [delivery.state(pk) for pk in pks]
    assert (states.count("withdrawn"), states.count("confirmed")) == (10, 4)
