"""What PARS's own copy of a credit says: an unknown word, another date, "Deleted" - never a yes that is not one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.pars.client import ParsClient
from connector.records import Held, Verdict
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, Delivery

UNKNOWN = {"verdict": Verdict.TAKEN, "code": "pars.unknown_status", "status": "Marvellous"}


def shows(monkeypatch: pytest.MonkeyPatch, outcome: dict[str, Any] | None = None, **copy: Any) -> None:
    """PARS's copy of every credit that it holds, with these changes."""
    ask = ParsClient.ask_credit

    def changed(client: ParsClient, credit_id: str) -> Held | None:
        held = ask(client, credit_id)
        return held and held.model_copy(update={"outcome": held.outcome.model_copy(update=outcome or {}), **copy})

    monkeypatch.setattr(ParsClient, "ask_credit", changed)


def doubtful(delivery: Delivery) -> int:
    [cme] = delivery.ready()
    delivery.sandbox.switch("cut-before-reply", operation="save")
    delivery.send()
    assert delivery.state(cme) == "in_doubt"
    return cme


def said(lines: list[Any], event: str) -> list[tuple[int, str, str]]:
    return [(one["credit"], one["code"], one["who"]) for one in lines if one["event"] == event]


def test_an_unknown_word_confirms_nothing_is_said_once_and_asked_again(
    either: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    cme = doubtful(either)
    shows(monkeypatch, UNKNOWN)
    with capture_logs() as lines:
        either.turns(30, step=30)
    assert (either.state(cme), either.credit(cme).reason) == ("pending", "pars.unknown_status")
    assert said(lines, "credit.unclear") == [(cme, "pars.unknown_status", "operator")]
    assert len(either.events("unclear")) == 1
    monkeypatch.undo()
    either.turns(30, step=60)
    assert (either.state(cme), either.credit(cme).reason) == ("confirmed", "")
    assert len(either.saves()) == 1


def test_an_unknown_word_about_a_board_credit_is_said_and_forgotten_when_it_is_known(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, moc = delivery.ready("cricci", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    shows(monkeypatch, UNKNOWN)
    delivery.turns(3, step=60)
    assert (delivery.state(moc), delivery.credit(moc).reason) == ("pending", "pars.unknown_status")
    monkeypatch.undo()
    delivery.turns(10, step=60)
    assert (delivery.state(moc), delivery.credit(moc).reason) == ("pending", "")


@pytest.mark.parametrize(
    "copy",
    [{"activity_id": "203599999"}, {"completed_on": "2026-03-06"}, {"amount": Decimal(9)}],
    ids=lambda copy: next(iter(copy)),
)
def test_another_copy_than_ours_is_not_confirmed_said_once_and_asked_about_daily(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, copy: dict[str, Any]
) -> None:
    cme = doubtful(delivery)
    shows(monkeypatch, **copy)
    with capture_logs() as lines:
        delivery.turns(60, step=60)
    row = delivery.credit(cme)
    assert (row.state, row.reason, row.at_pars) == ("pending", "pars.differs", "yes")
    assert said(lines, "credit.differs") == [(cme, "pars.differs", "operator")]
    assert len(delivery.events("differs")) == 1
    assert row.next_at is not None
    assert row.asked_at is not None
    assert row.next_at - row.asked_at == timedelta(days=1)
    monkeypatch.undo()
    delivery.turns(30, step=60)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("confirmed", "")


def test_an_accepted_board_credit_with_another_date_is_not_confirmed(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    shows(monkeypatch, completed_on="2025-03-05")
    delivery.turns(60, step=60)
    assert (delivery.state(moc), delivery.credit(moc).reason) == ("pending", "pars.differs")


def test_a_date_that_is_none_is_not_compared(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    cme = doubtful(delivery)
    shows(monkeypatch, completed_on="5 March")
    delivery.ask()
    assert delivery.state(cme) == "confirmed"


def test_an_old_credit_that_pars_holds_otherwise_is_neither_confirmed_nor_sent(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cme] = delivery.ready(stored=timedelta(hours=2))
    delivery.send()
    delivery.change(cme, state="ready", at_pars="no", asked_at=None, next_at=None)
    shows(monkeypatch, amount=Decimal(9))
    delivery.turns(5)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("pending", "pars.differs")
    assert len(delivery.saves()) == 1


def test_deleted_means_that_a_doubtful_withdrawal_is_done(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    [cme] = delivery.ready()
    delivery.send()
    delivery.unwant(cme)
    delivery.sandbox.switch("cut-after-body", operation="save")
    delivery.send()
    assert delivery.state(cme) == "withdrawal_in_doubt"
    shows(monkeypatch, {"verdict": Verdict.DELETED, "status": "Deleted"})
    delivery.ask()
    assert (delivery.state(cme), delivery.credit(cme).at_pars) == ("withdrawn", "no")
    assert len(delivery.saves("delete")) == 1


def test_deleted_means_that_a_doubtful_add_is_not_held(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    cme = doubtful(delivery)
    shows(monkeypatch, {"verdict": Verdict.DELETED, "status": "Deleted"})
    delivery.ask()
    assert (delivery.state(cme), delivery.credit(cme).negatives) == ("in_doubt", 1)
