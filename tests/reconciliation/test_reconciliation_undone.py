"""Credits whose completion was undone while PARS may have held them: a person decides, or nothing is left to decide."""

from __future__ import annotations

from tests.delivery.workplace import Delivery

UNDONE = "statement.undone"


def test_a_doubt_that_pars_knows_nothing_of_closes_instead_of_being_sent_again(either: Delivery) -> None:
    [cme] = either.ready()
    either.sandbox.switch("cut-in-body", operation="save")
    either.send()
    assert either.state(cme) == "in_doubt"
    either.change(cme, attention=UNDONE)
    either.go_on(hours=4)
    credit = either.credit(cme)
    assert (credit.state, credit.wanted, credit.why_absent) == ("closed", "absent", UNDONE)
    assert (credit.attention, credit.at_pars) == ("", "no")
    assert either.at_pars() == {}


def test_a_doubt_that_pars_holds_stays_there_and_on_the_desk(either: Delivery) -> None:
    [cme] = either.ready()
    either.sandbox.switch("cut-before-reply", operation="save")
    either.send()
    either.change(cme, attention=UNDONE)
    either.go_on(hours=4)
    credit = either.credit(cme)
    assert (credit.state, credit.wanted, credit.attention) == ("confirmed", "present", UNDONE)
    assert either.saves("delete") == []


def test_what_was_undone_before_it_left_does_not_leave(either: Delivery) -> None:
    [cme] = either.ready()
    either.change(cme, attention=UNDONE)
    either.turns(2)
    assert either.saves() == []
