"""An outage is not a data error: channels stop, say so once and recover by themselves; no credit is parked."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from connector import channels
from connector.errors import RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import Unclear
from connector.records import Payload, Reply
from connector.sandbox.pars.pars import Account
from connector.sandbox.server import Sandbox
from connector.store import circuit
from connector.store.session import StoreUnavailable
from connector.submission import adds
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, NOON, Delivery

MINUTE = timedelta(minutes=1)


def channel_lines(lines: list[dict[str, str]]) -> list[str]:
    return [f"{one['event']} {one.get('code', '')}".strip() for one in lines if one["event"].startswith("channel")]


@pytest.mark.parametrize(("fault", "code"), [("wrong-password", "pars.login"), ("forbidden", "pars.forbidden")])
def test_a_refused_login_stops_the_channel_once_and_parks_nothing(either: Delivery, fault: str, code: str) -> None:
    pks = [either.ready()[0], either.ready("jbrown")[0]]
    either.sandbox.switch(fault, times=3)
    with capture_logs() as lines:
        either.send()
        assert [either.state(pk) for pk in pks] == ["ready", "ready"]
        assert (either.channel().circuit, either.channel().code) == ("open", code)
        either.go_on(hours=1, step=1)
    assert channel_lines(lines) == [f"channel.stopped {code}", "channel.recovered"]
    assert [either.state(pk) for pk in pks] == ["confirmed", "confirmed"]
    assert either.is_clean()


def test_a_wrong_path_for_saves_is_said_once_although_reads_are_answered(delivery: Delivery) -> None:
    """A 404 is the normal answer to the probe: it must not pass for a recovery."""
    [cme] = delivery.ready()
    right = delivery.config.wire
    calls = right.xml_service.calls.model_copy(update={"save": "POST /SaveLearnerActivities"})
    wrong = right.model_copy(update={"xml_service": right.xml_service.model_copy(update={"calls": calls})})
    delivery.set(wire=wrong)
    with capture_logs() as lines:
        delivery.turns(12)
        assert channel_lines(lines) == ["channel.stopped pars.wrong_path"]
        assert delivery.state(cme) == "ready"
        delivery.set(wire=right)
        delivery.go_on(hours=2)
    assert channel_lines(lines) == ["channel.stopped pars.wrong_path", "channel.recovered"]
    assert delivery.state(cme) == "confirmed"
    assert delivery.is_clean()


def test_a_password_mended_in_its_file_is_used_without_a_restart(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    secret = delivery.folder / "pars.password"
    right = secret.read_text()
    secret.write_text("a wrong one")
    delivery.send()
    assert (delivery.state(cme), delivery.channel().code) == ("ready", "pars.login")
    secret.write_text(right)
    delivery.go_on()
    assert delivery.state(cme) == "confirmed"


def test_a_missing_secret_stops_that_channel_and_is_said_once(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    (delivery.folder / "pars.password").rename(delivery.folder / "elsewhere")
    with capture_logs() as lines:
        delivery.go_on()
    assert channel_lines(lines) == ["channel.stopped config.secret_missing"]
    (delivery.folder / "elsewhere").rename(delivery.folder / "pars.password")
    delivery.go_on()
    assert delivery.state(cme) == "confirmed"


def test_retry_after_is_honoured(either: Delivery) -> None:
    [cme] = either.ready()
    either.sandbox.switch("too-many", operation="save", seconds=1800)
    either.send()
    assert (either.state(cme), either.credit(cme).reason) == ("ready", "pars.busy")
    either.turns(29, step=1)
    assert len(either.saves()) == 1
    either.go_on()
    assert either.state(cme) == "confirmed"
    assert either.is_clean()


def test_no_connection_is_no_doubt_and_pauses_grow_within_bounds(delivery: Delivery) -> None:
    delivery.prevalidate("off")
    [cme] = delivery.ready()
    delivery.sandbox._pars_server.stop()
    pauses = []
    for _ in range(12):
        delivery.send()
        assert (delivery.state(cme), delivery.credit(cme).reason) == ("ready", "pars.unreachable")
        next_at = delivery.channel().next_at
        assert next_at is not None
        pauses.append((next_at - NOON).total_seconds())
        delivery.clock.move_to(next_at)
        pauses[-1] -= sum(pauses[:-1])
    patience = delivery.config.pars
    bounds = [min(patience.retry_first * 2**at, patience.probe).total_seconds() for at in range(12)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    assert delivery.credit(cme).attempts == 1, "a stopped channel is probed with a question, not with a save"


def test_the_pause_doubles_with_half_of_it_left_to_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    for chance, share in ((0.0, 0.5), (0.5, 0.75)):
        monkeypatch.setattr(random, "random", lambda chance=chance: chance)
        spans = [circuit.back_off(attempt, MINUTE, 10 * MINUTE) / MINUTE for attempt in (1, 2, 3, 4, 5, 99)]
        assert spans == [share * full for full in (1, 2, 4, 8, 10, 10)]


def test_credits_put_back_leave_together_again(delivery: Delivery) -> None:
    delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION, wait=timedelta(0))
    delivery.sandbox.switch("too-many", operation="save", seconds=1)
    delivery.turns(60, step=0.05)
    assert len(delivery.saves()) == 2
    assert delivery.is_clean()


def test_pending_credits_are_asked_again_after_an_outage_although_nothing_is_due_to_send(delivery: Delivery) -> None:
    _, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    delivery.ask()
    delivery.pass_by(hours=25)
    delivery.sandbox.switch("error-500", times=2)
    delivery.ask()
    assert (delivery.state(moc), delivery.channel().circuit) == ("pending", "open")
    delivery.go_on()
    assert (delivery.state(moc), delivery.channel().circuit, delivery.channel().code) == ("confirmed", "closed", "")


def test_a_question_that_pars_cannot_answer_about_one_credit_does_not_stop_the_others(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = delivery.ready()[0], delivery.ready("jbrown")[0]
    delivery.sandbox.switch("cut-before-reply", operation="save", times=2)
    delivery.send()
    stumble_over(monkeypatch, delivery, bad)
    delivery.go_on()
    assert (delivery.state(bad), delivery.state(good), delivery.channel().code) == ("in_doubt", "confirmed", "")
    assert [event.subject_id for event in delivery.events("unclear")] == [str(bad)]


def stumble_over(monkeypatch: pytest.MonkeyPatch, delivery: Delivery, pk: int) -> None:
    """PARS answers 500 to every question about this credit."""
    app, name = delivery.sandbox._pars_server.application, delivery.credit(pk).credit_id.encode()
    act = app.act

    def broken(request: object) -> object:
        if app.operation(request).startswith("status") and name in request.body:
            return dataclasses.replace(act(request), status=500)
        return act(request)

    monkeypatch.setattr(app, "act", broken)


def test_a_poisonous_record_waits_an_hour_and_the_others_go(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = delivery.ready()[0], delivery.ready("jbrown")[0]
    assemble = adds.assemble

    def poisoned(session: object, config: object, record: object, credits_: list[object], action: str) -> object:
        if credits_[0].id == bad:
            raise KeyError("a value")
        return assemble(session, config, record, credits_, action)

    monkeypatch.setattr(adds, "assemble", poisoned)
    delivery.send()
    assert (delivery.state(bad), delivery.state(good)) == ("ready", "confirmed")
    assert (delivery.credit(bad).reason, delivery.credit(bad).next_at) == ("connector.unexpected", NOON + 60 * MINUTE)
    monkeypatch.undo()
    delivery.clock.move_to(NOON + 61 * MINUTE)
    delivery.send()
    assert delivery.state(bad) == "confirmed"


def test_trouble_with_our_own_store_is_not_blamed_on_the_channel(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery.ready()

    def gone(*_: object) -> None:
        raise StoreUnavailable("store.unavailable", "the store does not answer")

    monkeypatch.setattr(adds, "_claim", gone)
    with pytest.raises(StoreUnavailable):
        delivery.send()
    assert delivery.channel().circuit == "closed"


def test_sending_stops_between_two_records_when_the_process_is_to_end(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = delivery.ready()[0], delivery.ready("jbrown")[0]
    send = ParsClient.send

    def and_stop(client: ParsClient, payload: object) -> object:
        delivery.store.stopping.set()
        return send(client, payload)

    monkeypatch.setattr(ParsClient, "send", and_stop)
    delivery.send()
    assert (delivery.state(first), delivery.state(second)) == ("confirmed", "ready")


def test_no_transaction_is_open_during_a_request(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    carry = ParsClient._carry
    open_ones: list[int] = []

    def watched(client: ParsClient, *args: object, **named: object) -> object:
        open_ones.append(delivery.store.engine.pool.checkedout())
        return carry(client, *args, **named)

    monkeypatch.setattr(ParsClient, "_carry", watched)
    [cme] = delivery.ready(stored=timedelta(days=2))
    delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    delivery.ask()
    delivery.unwant(cme)
    delivery.send()
    assert len(open_ones) >= 6
    assert set(open_ones) == {0}


def test_the_outage_of_one_provider_does_not_stop_another(delivery: Delivery) -> None:
    with Sandbox(load=False) as other:
        theirs = second_provider(delivery, other)
        delivery.sandbox._pars_server.stop()
        [here] = delivery.ready()
        delivery.provider = theirs
        [there] = delivery.ready("jbrown")
        delivery.send()
        assert (delivery.state(here), delivery.state(there)) == ("ready", "confirmed")
        assert other.check() == []


def test_a_slow_provider_does_not_delay_another(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first provider's save gets its answer only after the second provider's has had one."""
    other_is_done = threading.Event()
    send = ParsClient.send

    def in_turn(client: ParsClient, payload: Payload) -> Reply:
        if b"0005678" not in payload.body:
            assert other_is_done.wait(10)
        reply = send(client, payload)
        other_is_done.set()
        return reply

    monkeypatch.setattr(ParsClient, "send", in_turn)
    with Sandbox(load=False) as other:
        theirs = second_provider(delivery, other)
        [here] = delivery.ready()
        delivery.provider = theirs
        [there] = delivery.ready("jbrown")
        delivery.send()
    assert (delivery.state(here), delivery.state(there)) == ("confirmed", "confirmed")


def test_a_provider_without_a_secret_does_not_delay_another(delivery: Delivery) -> None:
    with Sandbox(load=False) as other:
        theirs = second_provider(delivery, other)
        delivery.ready()
        (delivery.folder / "pars.password").unlink()
        delivery.provider = theirs
        [there] = delivery.ready("jbrown")
        delivery.send()
        assert delivery.state(there) == "confirmed"


def test_both_stages_take_turns_and_never_have_two_requests_in_flight(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.go_on(hours=0.1)
    delivery.pass_by(hours=25)
    pks = [delivery.ready(person)[0] for person in ("aoneill", "jbrown", "kmensah")]
    carry, under_way, most = ParsClient._carry, [], []

    def counted(client: ParsClient, *args: object, **named: object) -> object:
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.02)
        try:
            return carry(client, *args, **named)
        finally:
            under_way.pop()

    monkeypatch.setattr(ParsClient, "_carry", counted)
    other = threading.Thread(target=delivery.ask)
    other.start()
    delivery.send()
    other.join()
    assert (len(most), max(most)) == (1 + 3 + 3, 1), "a status, and for each learner a match and a save"
    assert delivery.state(moc) == "confirmed"
    assert [delivery.state(pk) for pk in pks[:2]] == ["confirmed", "confirmed"]


def test_a_channel_that_one_stage_stopped_is_stopped_for_the_other_at_once(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = delivery.ready()[0], delivery.ready("jbrown")[0]
    send = ParsClient.send

    def stopped_meanwhile(client: ParsClient, payload: Payload) -> Reply:
        channels.stop(delivery.store, delivery.config, delivery.channel().id, RetryLater("pars.busy", "later", wait=60))
        return send(client, payload)

    monkeypatch.setattr(ParsClient, "send", stopped_meanwhile)
    delivery.send()
    assert (delivery.state(first), delivery.state(second)) == ("confirmed", "ready")


def test_an_odd_answer_to_the_probe_is_an_answer(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("too-many", seconds=60)
    delivery.send()

    def odd(_: ParsClient) -> None:
        raise Unclear("pars.read_refused", "what a strange id")

    monkeypatch.setattr(ParsClient, "probe", odd)
    delivery.go_on()
    assert delivery.state(cme) == "confirmed"


def second_provider(delivery: Delivery, sandbox: Sandbox) -> str:
    """Another provider behind the first, at a PARS of its own, with a secret of its own."""
    from connector import activities
    from connector.config import Secret
    from connector.store.open import open_store

    own = sandbox.credentials
    number = "0005678"
    sandbox.pars.account = Account(number, own.provider_id, own.user, own.password)
    secret = delivery.folder / "second.password"
    secret.write_text(own.password)
    [first] = delivery.config.providers
    login = first.credentials.model_copy(update={"password": Secret(file=secret)})
    second = first.model_copy(update={"id": number, "base_url": sandbox.pars_url, "credentials": login})
    delivery.set(providers=(first, second))
    open_store(delivery.config).dispose()
    activities.load(delivery.config, delivery.store)
    return number
