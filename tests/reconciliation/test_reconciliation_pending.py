"""Pending credits are asked about, ever more rarely, until PARS has a last word or a person must look."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from connector.pars import contract
from connector.pars.client import ParsClient
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, NOON, Delivery


def pending(delivery: Delivery, person: str = "bachebe") -> int:
    _, moc = delivery.ready(person, (CME_2, MOC), HYPERTENSION)
    delivery.send()
    delivery.ask()
    assert delivery.state(moc) == "pending"
    return moc


def test_a_board_that_accepts_confirms(either: Delivery) -> None:
    moc = pending(either)
    either.go_on(hours=60, step=30)
    assert either.moves(moc)[-1] == "confirmed"
    assert either.credit(moc).next_at is None


def test_a_board_that_rejects_has_its_words_kept(either: Delivery) -> None:
    moc = pending(either, "dpatel")
    either.go_on(hours=60, step=30)
    row = either.credit(moc)
    assert (row.state, row.at_pars, row.reason) == ("rejected", "yes", "pars.unspecified")
    assert "not enrolled" in row.pars_words


def test_a_board_that_does_not_know_the_learner_leaves_it_unmatched_and_withdrawable(delivery: Delivery) -> None:
    moc = pending(delivery)
    delivery.sandbox.pars.credits[delivery.credit(moc).credit_id].fate = "not found"
    with capture_logs() as lines:
        delivery.go_on(hours=60, step=30)
    row = delivery.credit(moc)
    assert (row.state, row.at_pars, row.reason) == ("unmatched", "yes", "pars.no_match")
    assert [line["event"] for line in lines if line["event"].startswith("learner")] == ["learner.unmatched"]
    delivery.unwant(moc)
    delivery.go_on()
    assert delivery.state(moc) == "withdrawn"


def test_questions_grow_rarer_up_to_half_a_day(delivery: Delivery) -> None:
    moc = pending(delivery, "cricci")
    asked: list[datetime] = [NOON]
    for _ in range(12):
        next_at = delivery.credit(moc).next_at
        assert next_at is not None
        delivery.clock.move_to(next_at)
        delivery.ask()
        asked.append(next_at)
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert timedelta(minutes=15) <= gaps[0] <= timedelta(minutes=30)
    assert timedelta(hours=6) <= gaps[-1] <= timedelta(hours=12)


def test_the_drafts_one_word_is_no_answer_of_a_board(delivery_on: object) -> None:
    delivery = delivery_on("json-service")
    moc = pending(delivery)
    delivery.sandbox.switch("draft-status-words", times=None)
    delivery.go_on(hours=30, step=60)
    assert (delivery.state(moc), delivery.credit(moc).at_pars) == ("pending", "yes")


def test_a_pending_credit_that_pars_no_longer_shows_is_said_once_and_never_sent_again(delivery: Delivery) -> None:
    moc = pending(delivery, "cricci")
    held = delivery.sandbox.pars.credits.pop(delivery.credit(moc).credit_id)
    with capture_logs() as lines:
        delivery.go_on(hours=80, step=60)
        assert (delivery.state(moc), delivery.credit(moc).reason) == ("pending", "pars.vanished")
        delivery.sandbox.pars.credits[held.credit_id] = held
        delivery.go_on(hours=13, step=60)
    assert delivery.credit(moc).reason == ""
    assert [line["event"] for line in lines if line["event"].startswith("credit")] == ["credit.vanished"]
    assert len(delivery.saves()) == 1


def test_an_answer_about_a_credit_that_moved_meanwhile_is_thrown_away(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    moc = pending(delivery)
    delivery.pass_by(hours=25)
    ask = ParsClient.ask_credit

    def withdraw_meanwhile(client: ParsClient, credit_id: str) -> object:
        monkeypatch.undo()
        seen = ask(client, credit_id)
        with delivery.elsewhere():
            delivery.unwant(moc)
            delivery.sandbox.switch("cut-before-reply", operation="save")
            delivery.send()
        return seen

    monkeypatch.setattr(ParsClient, "ask_credit", withdraw_meanwhile)
    delivery.ask()
    assert delivery.state(moc) == "withdrawal_in_doubt", "PARS showed it before the delete, which says nothing of after"
    delivery.go_on()
    assert delivery.state(moc) == "withdrawn"


def test_a_credit_that_no_question_can_be_made_of_does_not_stop_the_others(delivery: Delivery) -> None:
    bad, good = pending(delivery), pending(delivery, "dpatel")
    delivery.change(bad, amount=Decimal("0.10"))
    delivery.pass_by(hours=25)
    delivery.ask()
    assert (delivery.state(bad), delivery.state(good)) == ("pending", "rejected")
    assert delivery.credit(bad).next_at == NOON + timedelta(hours=26)


def test_rems_credits_are_asked_about_in_an_order_of_their_own(delivery: Delivery) -> None:
    """Asked beside its CME, a REMS credit would be known by its place in PARS's log."""
    from tests.delivery.workplace import CME, OPIOID, REMS

    pairs = []
    delivery.sandbox.switch("cut-before-reply", operation="save", times=None)
    for person, rems_id in (("aoneill", "b"), ("jbrown", "c"), ("lvogel", "a")):
        cme = delivery.ready(person, (CME,))
        rems = delivery.ready(person, (REMS,), OPIOID)
        delivery.change(rems[0], credit_id=f"ccid:example.org:{rems_id}")
        pairs.append((delivery.credit(cme[0]).credit_id, f"ccid:example.org:{rems_id}"))
    delivery.send()
    delivery.sandbox.switches.clear()
    delivery.ask()
    questions = [one.question for one in delivery.sandbox.pars.log if one.operation == "status-by-credit"]
    asked = [one.credit_id for one in questions if one and one.credit_id != contract.NO_CREDIT]
    assert asked == [cme for cme, _ in pairs] + ["ccid:example.org:a", "ccid:example.org:b", "ccid:example.org:c"]
