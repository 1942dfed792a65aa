"""A save without a readable answer: PARS is asked before anything is sent again, and holds exactly one credit after."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery

NOT_STORED: list[tuple[str, dict[str, Any]]] = [
    ("cut-before-body", {}),
    ("cut-in-body", {}),
    ("cut-after-body", {}),
    ("error-500", {}),
    ("proxy-502", {}),
    ("time-out", {}),
    ("html-200", {}),
    ("empty-200", {}),
]
STORED: list[tuple[str, dict[str, Any]]] = [
    ("cut-before-reply", {}),
    ("cut-in-reply", {}),
    ("error-500-stored", {}),
    ("proxy-502", {"stored": True}),
    ("time-out", {"stored": True}),
    ("html-200", {"stored": True}),
    ("empty-200", {"stored": True}),
    ("truncated", {}),
    ("missing-outcomes", {}),
]
SETTLE = timedelta(minutes=15)


def shown(value: Any) -> str:
    return value if isinstance(value, str) else "stored" if value else ""


def fail_next_save(delivery: Delivery, fault: str, **settings: Any) -> None:
    delivery.switch(fault, side="pars", operation="save", **settings)


@pytest.mark.parametrize(("fault", "settings"), NOT_STORED, ids=shown)
def test_what_pars_never_stored_is_sent_again_once_after_two_negatives(
    either: Delivery, fault: str, settings: dict[str, Any]
) -> None:
    pks = either.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    fail_next_save(either, fault, **settings)
    either.send()
    assert [either.state(pk) for pk in pks] == ["in_doubt", "in_doubt"]
    either.go_on()
    assert either.moves(pks[0])[:4] == ["sending", "in_doubt", "ready", "sending"]
    assert [either.state(pk) for pk in pks] == ["confirmed", "pending"]
    first, second = either.saves()
    assert second - first >= SETTLE
    assert len(either.held_live()) == 2
    assert either.is_clean()


@pytest.mark.parametrize(("fault", "settings"), STORED, ids=shown)
def test_what_pars_stored_is_adopted_and_never_sent_again(
    either: Delivery, fault: str, settings: dict[str, Any]
) -> None:
    pks = either.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    fail_next_save(either, fault, **settings)
    either.go_on()
    assert [either.moves(pk) for pk in pks] == [
        ["sending", "in_doubt", "confirmed"],
        ["sending", "in_doubt", "pending"],
    ]
    assert len(either.saves()) == 1
    assert len(either.held_live()) == 2
    assert either.is_clean()


@pytest.mark.parametrize("fault", ["cut-after-body", "cut-before-reply"])
def test_a_rems_credit_is_asked_about_by_its_id_alone(delivery: Delivery, fault: str) -> None:
    [rems] = delivery.ready("lvogel", (REMS,), OPIOID)
    fail_next_save(delivery, fault)
    delivery.go_on()
    assert delivery.state(rems) == "confirmed"
    about_nobody = {"match"}  # is this PARS at all? Asked with an invented learner
    assert {one.operation for one in delivery.sandbox.pars.log} - about_nobody == {"save", "status-by-credit"}
    assert delivery.is_clean()


def test_an_identified_credit_is_asked_about_by_id_and_by_learner_both_times(delivery: Delivery) -> None:
    delivery.ready()
    fail_next_save(delivery, "cut-after-body")
    delivery.go_on(hours=1)
    questions = [one for one in delivery.sandbox.pars.log if one.operation.startswith("status")]
    by_learner = [one.at for one in questions if one.operation == "status-by-learner"]
    assert len(by_learner) == 2
    assert by_learner[1] - by_learner[0] >= SETTLE


def test_a_second_negative_that_comes_too_soon_does_not_count(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    fail_next_save(delivery, "cut-after-body")
    delivery.turns(1, step=14)
    delivery.change(cme, next_at=None)
    delivery.turns(1, step=1)
    assert (delivery.state(cme), delivery.credit(cme).negatives) == ("in_doubt", 1)
    delivery.turns(2, step=1)
    assert delivery.state(cme) == "confirmed"


def test_already_exists_is_a_question_and_ours_is_adopted(either: Delivery) -> None:
    [cme] = either.ready()
    fail_next_save(either, "already-exists", stored=True)
    either.send()
    assert either.state(cme) == "in_doubt"
    either.go_on(hours=1)
    assert either.moves(cme) == ["sending", "in_doubt", "confirmed"]
    assert len(either.saves()) == 1


def test_already_exists_that_asking_does_not_confirm_is_parked_and_not_sent_for_ever(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    fail_next_save(delivery, "already-exists", times=None)
    delivery.go_on(hours=6, step=10)
    assert (len(delivery.saves()), delivery.credit(cme).reason) == (3, "pars.three_doubts")


def test_three_doubtful_saves_park_the_credit_and_only_that_one(either: Delivery) -> None:
    [doubtful] = either.ready()
    fail_next_save(either, "error-500", times=3)
    either.go_on(hours=6, step=10)
    [good] = either.ready("jbrown")
    either.go_on(hours=1, step=10)
    assert (either.state(doubtful), either.credit(doubtful).reason) == ("in_doubt", "pars.three_doubts")
    assert len(either.events("parked")) == 1
    assert either.state(good) == "confirmed"
    assert len(either.saves()) == 4
    assert either.is_clean()


def test_a_parked_credit_that_appears_after_all_is_adopted(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    fail_next_save(delivery, "error-500", times=2)
    fail_next_save(delivery, "store-after-cut", seconds=3 * 3600)
    delivery.go_on(hours=28, step=20)
    assert delivery.state(cme) == "confirmed"
    assert delivery.is_clean()


@pytest.mark.parametrize("seconds", [5, 300, 890])
def test_pars_that_stores_after_the_cut_is_given_time(either: Delivery, seconds: int) -> None:
    [cme] = either.ready()
    fail_next_save(either, "store-after-cut", seconds=seconds)
    either.go_on(hours=2, step=1)
    assert either.state(cme) == "confirmed"
    assert len(either.saves()) == 1
    assert either.is_clean()


def test_a_status_read_that_lags_behind_does_not_double_the_credit(either: Delivery) -> None:
    [cme] = either.ready()
    fail_next_save(either, "cut-before-reply")
    fail_next_save(either, "lag-status", seconds=800)
    either.go_on(hours=2, step=1)
    assert either.moves(cme) == ["sending", "in_doubt", "confirmed"]
    assert len(either.saves()) == 1


def test_pars_that_stores_late_and_shows_it_later_still(either: Delivery) -> None:
    [cme] = either.ready()
    fail_next_save(either, "store-after-cut", seconds=240)
    fail_next_save(either, "lag-status", seconds=600)
    for _ in range(20):
        either.turns(1, step=1)
        either.sandbox.pars.tick()
    assert either.moves(cme) == ["sending", "in_doubt", "confirmed"]
    assert len(either.saves()) == 1
    assert either.is_clean()


def test_somebody_elses_credit_is_believed_only_when_ours_can_no_longer_come(delivery: Delivery) -> None:
    """Ours is on its way when the question is asked: closed at once, it would double the other unseen."""
    [cme] = delivery.ready()
    foreign(delivery, cme)
    fail_next_save(delivery, "store-after-cut", seconds=300)
    delivery.go_on(hours=2, step=1)
    assert delivery.state(cme) == "confirmed"


def test_a_doubtful_credit_that_somebody_else_reported_is_closed(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    foreign(delivery, cme)
    fail_next_save(delivery, "cut-after-body")
    delivery.go_on(hours=1, step=1)
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("closed", "pars.reported_elsewhere")
    assert len(delivery.saves()) == 2


def foreign(delivery: Delivery, pk: int) -> None:
    """PARS comes to hold this completion's credit under an id that is none of ours."""
    ours = delivery.credit(pk).credit_id
    delivery.change(pk, credit_id="ccid:other.example:theirs")
    delivery.send()
    delivery.change(pk, credit_id=ours, state="ready", at_pars="no", next_at=None, asked=0, asked_at=None)


def test_a_record_in_doubt_comes_back_together(either: Delivery) -> None:
    """Their second questions lie a turn apart: whoever is ready first waits for the other."""
    cme, moc = either.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    fail_next_save(either, "cut-after-body")
    either.send()
    either.ask()
    later = either.credit(moc).first_negative_at
    assert later is not None
    either.change(moc, first_negative_at=later + timedelta(minutes=3), next_at=later + timedelta(minutes=18))
    either.go_on(hours=1, step=1)
    assert len(either.saves()) == 2
    assert either.is_clean()
    assert either.state(cme) == "confirmed"


def test_a_missing_outcome_leaves_only_that_credit_in_doubt(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    gone = delivery.credit(moc).credit_id
    drop_line(monkeypatch, gone)
    delivery.send()
    assert (delivery.state(cme), delivery.state(moc)) == ("confirmed", "in_doubt")
    delivery.ask()
    assert delivery.state(moc) == "pending"


def drop_line(monkeypatch: pytest.MonkeyPatch, credit_id: str) -> None:
    from connector.sandbox.pars import dialect_xml as pars_xml

    render = pars_xml.render_saved
    monkeypatch.setattr(pars_xml, "render_saved", lambda lines: render([o for o in lines if o.credit_id != credit_id]))


def test_doubts_of_one_payload_do_not_stop_the_channel_while_pars_answers(either: Delivery) -> None:
    first, second = either.ready()[0], either.ready("jbrown")[0]
    fail_next_save(either, "error-500")
    either.send()
    assert (either.state(first), either.state(second)) == ("in_doubt", "confirmed" if is_xml(either) else "pending")


def test_a_doubt_with_a_silent_pars_stops_the_channel(either: Delivery) -> None:
    either.prevalidate("off")
    first, second = either.ready()[0], either.ready("jbrown")[0]
    either.sandbox.switch("error-500", times=None)
    either.send()
    assert (either.state(first), either.state(second), either.channel().circuit) == ("in_doubt", "ready", "open")
    either.sandbox.switches.clear()
    either.go_on(hours=2)
    assert (either.state(first), either.state(second)) == ("confirmed", "confirmed")
    assert either.is_clean()


def is_xml(delivery: Delivery) -> bool:
    return delivery.config.providers[0].channel == "xml-service"


def with_status_calls_at(delivery: Delivery, path: str) -> None:
    wire = delivery.config.wire
    calls = wire.xml_service.calls.model_copy(
        update={"status_by_credit": f"POST {path}", "status_by_learner": f"POST {path}"}
    )
    delivery.set(wire=wire.model_copy(update={"xml_service": wire.xml_service.model_copy(update={"calls": calls})}))


def test_a_wrong_status_path_is_not_believed_and_nothing_is_sent_twice(delivery: Delivery) -> None:
    [known] = delivery.ready("jbrown")
    delivery.send()
    assert delivery.state(known) == "confirmed"
    delivery.pass_by(hours=1)
    [doubtful] = delivery.ready()
    fail_next_save(delivery, "error-500-stored")
    right = delivery.config.wire
    with_status_calls_at(delivery, "/Nowhere")
    delivery.send()
    delivery.turns(30, step=5)
    assert (delivery.state(doubtful), delivery.credit(doubtful).negatives) == ("in_doubt", 0)
    assert [event.code for event in delivery.events("stopped")][-1] == "pars.status_blind"
    assert len(delivery.saves()) == 2
    delivery.set(wire=right)
    delivery.go_on()
    assert delivery.state(doubtful) == "confirmed"
    assert delivery.is_clean()
