"""`send: off` and `release: manual` at the last door: nothing leaves, nothing is lost, and the log says what waits."""

from __future__ import annotations

from structlog.testing import capture_logs

from connector.store.tables import Release
from tests.delivery.workplace import CME, HYPERTENSION, NOON, STEWARDSHIP, Delivery


def set_provider(delivery: Delivery, **changes: str) -> None:
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
    assert [delivery.state(pk) for pk in [*waiting, *confirmed]] == ["ready"] * 3 + ["withdrawing"]

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
