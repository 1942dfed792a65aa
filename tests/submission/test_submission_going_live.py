"""`send: off` and `release: manual` at the last door: nothing leaves, nothing is lost, and the log says what waits."""

from __future__ import annotations

from datetime import date, timedelta

from structlog.testing import capture_logs

from connector.store.tables import Release
from tests.delivery.workplace import CME, HYPERTENSION, NOON, STEWARDSHIP, Delivery


def set_provider(delivery: Delivery, **changes: object) -> None:
    (provider,) = delivery.config.providers
    delivery.set(providers=(provider.model_copy(update=changes),))


def test_nothing_leaves_while_sending_is_off_and_once_a_day_the_log_says_what_would(delivery: Delivery) -> None:
    confirmed = delivery.ready("jbrown")
    delivery.go_on()
    delivery.unwant(*confirmed)
    set_provider(delivery, send="off")
    before = len(delivery.sandbox.pars.log)
    waiting = [*delivery.ready(), *delivery.ready("kmensah"), *delivery.ready("bachebe", activity=HYPERTENSION)]
    with capture_logs() as lines:
        for _ in range(5):
            delivery.send()
            delivery.pass_by(hours=6)
    said = [line for line in lines if line["event"] == "send.off"]
    assert [line["counts"] for line in said] == [{STEWARDSHIP: 2, HYPERTENSION: 1, "add": 3, "delete": 1}] * 2
    assert len(delivery.sandbox.pars.log) == before
    assert [delivery.state(pk) for pk in [*waiting, *confirmed]] == ["ready"] * 3 + ["confirmed"]

    set_provider(delivery, send="on")
    delivery.go_on()
    assert [delivery.state(pk) for pk in [*waiting, *confirmed]] == ["confirmed"] * 3 + ["withdrawn"]
    assert delivery.is_clean(*confirmed)


def test_a_record_that_passed_its_gates_before_the_setting_waits_as_well(delivery: Delivery) -> None:
    (credit,) = delivery.ready(offers=(CME,))
    set_provider(delivery, release="manual")
    delivery.send()
    assert (delivery.state(credit), delivery.credit(credit).reason) == ("held", "activity.not_released")
    assert delivery.saves() == []
    with delivery.store.writing() as session:
        session.add(Release(provider_id=delivery.provider, activity_id=STEWARDSHIP, by="chris", at=NOON))
    delivery.change(credit, state="ready")
    delivery.go_on()
    assert delivery.state(credit) == "confirmed"


def test_a_void_that_is_taken_back_while_sending_is_off_costs_no_confirmed_credit(delivery: Delivery) -> None:
    (credit,) = delivery.ready()
    delivery.go_on()
    set_provider(delivery, send="off")
    delivery.unwant(credit)
    delivery.turns(3)
    delivery.change(credit, wanted="present", why_absent="")
    set_provider(delivery, send="on")
    delivery.go_on()
    assert delivery.state(credit) == "confirmed"
    assert list(delivery.at_pars().values()) == ["Accepted"]


def test_what_was_completed_long_ago_is_asked_about_however_new_its_statement(delivery: Delivery) -> None:
    """A sign-in sheet of last month, an adopted completion, an LMS that replays its past: a sheet may have told it."""
    delivery.ready(completed_on=date(2026, 3, 8))
    delivery.send()
    assert delivery.asked() > 0
    before = delivery.asked()
    delivery.ready("jbrown", completed_on=date(2026, 3, 9))  # yesterday by some calendar, and an hour ago by another
    delivery.send()
    assert delivery.asked() == before


def test_the_days_of_send_after_hold_also_what_had_passed_its_gates_before_the_setting(delivery: Delivery) -> None:
    (credit,) = delivery.ready()
    set_provider(delivery, send_after=timedelta(days=3))
    delivery.send()
    assert (delivery.state(credit), delivery.credit(credit).reason) == ("held", "credit.send_after")
    assert delivery.saves() == []


def test_a_day_without_anything_to_tell_keeps_its_line_for_later(delivery: Delivery) -> None:
    set_provider(delivery, send="off")
    with capture_logs() as lines:
        delivery.send()
        delivery.ready()
        delivery.send()
    assert [line["counts"]["add"] for line in lines if line["event"] == "send.off"] == [1]
