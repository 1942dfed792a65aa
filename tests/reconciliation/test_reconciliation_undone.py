"""Credits whose completion was undone while PARS may have held them: a person decides, or nothing is left to decide."""

from __future__ import annotations

from tests.delivery.workplace import Delivery

UNDONE = "statement.undone"


def test_a_doubt_that_pars_knows_nothing_of_closes_instead_of_being_sent_again(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("cut-in-body", operation="save")
    delivery.send()
    assert delivery.state(cme) == "in_doubt"
    delivery.change(cme, attention=UNDONE)
    delivery.go_on(hours=4)
    credit = delivery.credit(cme)
    assert (credit.state, credit.wanted, credit.why_absent) == ("closed", "absent", UNDONE)
    assert (credit.attention, credit.at_pars) == ("", "no")
    assert delivery.at_pars() == {}


def test_a_doubt_that_pars_holds_stays_there_and_on_the_desk(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("cut-before-reply", operation="save")
    delivery.send()
    delivery.change(cme, attention=UNDONE)
    delivery.go_on(hours=4)
    credit = delivery.credit(cme)
    assert (credit.state, credit.wanted, credit.attention) == ("confirmed", "present", UNDONE)
    assert delivery.saves("delete") == []


def test_what_was_undone_before_it_left_does_not_leave(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.change(cme, attention=UNDONE)
    delivery.turns(2)
    assert delivery.saves() == []
