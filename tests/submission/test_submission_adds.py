"""The happy ways to PARS, and what is written down before anything leaves."""

from __future__ import annotations

from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery


def test_a_cme_credit_is_taken_and_confirmed(either: Delivery) -> None:
    [cme] = either.ready()
    either.send()
    either.ask()
    assert either.state(cme) == "confirmed"
    assert either.at_pars() == {either.credit(cme).credit_id: "Accepted"}
    assert either.is_clean()


def test_cme_and_moc_leave_in_one_record_and_the_board_answers_later(either: Delivery) -> None:
    cme, moc = either.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    either.send()
    either.ask()
    assert (either.state(cme), either.state(moc), len(either.saves())) == ("confirmed", "pending", 1)
    either.pass_by(hours=25)
    either.ask()
    assert either.state(moc) == "confirmed"
    assert either.is_clean()


def test_a_rems_record_goes_alone_and_names_nobody(delivery: Delivery) -> None:
    [cme] = delivery.ready("lvogel", activity=OPIOID, offers=(("cme", "AMA PRA Category 1", "", "", "1.25"),))
    [rems] = delivery.ready("lvogel", (REMS,), OPIOID)
    delivery.send()
    assert [delivery.state(pk) for pk in (cme, rems)] == ["confirmed", "confirmed"]
    payload = delivery.submissions()[1].payload or b""
    assert b"Vogel" not in payload
    assert b"Lena" not in payload
    assert not delivery.credit(rems).sent_as
    assert delivery.is_clean()
