"""Clocks run for every credit that PARS does not have; what is late is told while it can still be met."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.desk import clocks
from connector.desk.deadlines import Kind
from connector.inquiry import lateness
from connector.store.tables import ActivityRow
from tests.delivery.workplace import CME, CME_2, HYPERTENSION, MOC, NOON, STEWARDSHIP, Delivery


def kinds(delivery: Delivery, credit: int) -> tuple[str, list[str]]:
    """The next deadline and those that passed."""
    found = lateness.late(delivery.store, delivery.config, datetime.now(UTC)).get(credit)
    if found is None:
        return "", []
    return str(found.ahead.kind) if found.ahead else "", [str(one.kind) for one in found.missed]


def claim_by(delivery: Delivery, day: date) -> None:
    with delivery.store.writing() as session:
        row = session.exec(select(ActivityRow).where(ActivityRow.activity_id == STEWARDSHIP)).one()
        row.credit_claim_date = day
        session.add(row)


def test_what_waits_for_nobody_is_late_too(delivery: Delivery) -> None:
    cme, moc = delivery.ready(offers=(CME, MOC))
    assert kinds(delivery, cme) == ("", [])
    delivery.pass_by(days=24)
    assert kinds(delivery, cme) == ("thirty_days", [])
    claim_by(delivery, (NOON + timedelta(days=26)).date())
    assert kinds(delivery, moc) == ("claim_date", []), "the board's own deadline is nearer"
    assert kinds(delivery, cme) == ("thirty_days", [])
    delivery.pass_by(days=8)
    assert kinds(delivery, cme) == ("", ["thirty_days"])
    assert kinds(delivery, moc) == ("", ["claim_date", "thirty_days"])


def test_a_board_has_a_day_to_answer_and_its_year_ends_in_december(delivery: Delivery) -> None:
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    assert delivery.state(moc) == "pending"
    assert kinds(delivery, moc) == (Kind.BOARD_ANSWER, [])
    assert kinds(delivery, cme) == ("", []), "what PARS has is late for nobody"
    delivery.pass_by(hours=25)
    assert kinds(delivery, moc) == ("", [Kind.BOARD_ANSWER])
    delivery.change(moc, state="held", at_pars="no")
    delivery.pass_by(days=290)
    assert kinds(delivery, moc)[0] == Kind.BOARD_YEAR


@pytest.mark.parametrize("wanted", ["present", "absent"])
def test_it_is_said_once_a_day(delivery: Delivery, wanted: str) -> None:
    (cme,) = delivery.ready(offers=(CME,))
    delivery.change(cme, wanted=wanted)
    delivery.pass_by(days=25)
    with capture_logs() as lines:
        clocks.say_daily(delivery.store, delivery.config)
        clocks.say_daily(delivery.store, delivery.config)
        delivery.pass_by(days=1)
        clocks.say_daily(delivery.store, delivery.config)
    said = [line["counts"] for line in lines if line["event"] == "credits.late"]
    assert said == ([{"thirty_days near": 1}] * 2 if wanted == "present" else [])
