"""Leases: only their own end makes a doubt, whoever starts meanwhile; an answer that comes later moves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from connector.http import MAX_BODY_SECONDS
from connector.pars.client import ParsClient
from connector.records import Payload, Reply
from connector.store.session import Store
from tests.delivery.workplace import NOON, Delivery

ROOT = Path(__file__).parents[2]
LONGEST = timedelta(seconds=MAX_BODY_SECONDS)


class Killed(BaseException):
    """Ends a turn where `kill -9` would: nothing of ours catches it."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process dies the moment its request has been carried; undo it to live again."""
    send = ParsClient.send

    def die(client: ParsClient, payload: Payload) -> Reply:
        send(client, payload)
        raise Killed

    monkeypatch.setattr(ParsClient, "send", die)
    return monkeypatch


def left_behind(delivery: Delivery, dying: pytest.MonkeyPatch) -> None:
    with pytest.raises(Killed):
        delivery.send()
    dying.undo()


def test_a_running_lease_is_left_alone_by_a_process_that_starts(delivery: Delivery, dying: pytest.MonkeyPatch) -> None:
    [cme] = delivery.ready()
    left_behind(delivery, dying)
    until = delivery.credit(cme).lease_until
    assert until is not None
    assert until - NOON > LONGEST
    delivery.store = Store(str(delivery.store.url))
    delivery.clock.move_to(until - timedelta(seconds=1))
    delivery.send()
    delivery.ask()
    assert delivery.state(cme) == "sending"
    delivery.store.dispose()


def test_a_lease_that_has_run_out_is_a_doubt_and_pars_is_asked(either: Delivery, dying: pytest.MonkeyPatch) -> None:
    [cme] = either.ready()
    left_behind(either, dying)
    either.go_on()
    assert either.moves(cme) == ["sending", "in_doubt", "confirmed"]
    assert len(either.saves()) == 1
    assert either.is_clean()


def test_a_withdrawal_left_behind_is_asked_about_too(either: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    [cme] = either.ready()
    either.go_on()
    either.unwant(cme)
    send = ParsClient.send

    def die(client: ParsClient, payload: Payload) -> Reply:
        send(client, payload)
        raise Killed

    monkeypatch.setattr(ParsClient, "send", die)
    left_behind(either, monkeypatch)
    either.send()
    assert (either.state(cme), len(either.saves("delete"))) == ("withdrawing", 1)
    either.go_on()
    assert either.moves(cme)[-3:] == ["withdrawing", "withdrawal_in_doubt", "withdrawn"]
    assert either.is_clean(cme)


def test_a_process_that_dies_three_times_over_one_payload_parks_it(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cme] = delivery.ready()

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(ParsClient, "send", die)
    for _ in range(3):
        with pytest.raises(Killed):
            delivery.send()
        for _ in range(8):
            delivery.pass_by(minutes=5)
            delivery.ask()
    assert (delivery.state(cme), delivery.credit(cme).reason) == ("in_doubt", "pars.three_doubts")


def test_an_answer_that_outlived_its_lease_moves_nothing(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease runs out while the request is under way, PARS says twice that it is not there, and it leaves again."""
    [cme] = delivery.ready()
    send = ParsClient.send

    def late(client: ParsClient, payload: Payload) -> Reply:
        monkeypatch.undo()
        with delivery.elsewhere():
            for minutes in (10, 16):
                delivery.pass_by(minutes=minutes)
                delivery.ask()
            assert delivery.state(cme) == "ready"
            delivery.sandbox.switch("cut-after-body", operation="save")
            delivery.send()
            assert delivery.state(cme) == "in_doubt"
            holder = f"{delivery.store.owner} submission 2"
        delivery.change(cme, state="sending", lease_owner=holder)  # as if the second were still under way
        return send(client, payload)

    monkeypatch.setattr(ParsClient, "send", late)
    delivery.send()
    assert delivery.moves(cme).count("confirmed") == 0


def test_kill_9_in_the_middle_of_a_save_leaves_one_credit_at_pars(delivery: Delivery) -> None:
    [cme] = delivery.ready()
    delivery.sandbox.switch("time-out", operation="save", stored=True)
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(delivery.folder)], cwd=ROOT)
    wait_until(lambda: len(delivery.saves()) == 1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert delivery.state(cme) == "sending"
    delivery.send()
    delivery.ask()
    assert delivery.state(cme) == "sending"
    delivery.go_on()
    assert (delivery.moves(cme), len(delivery.saves())) == (["sending", "in_doubt", "confirmed"], 1)
    assert delivery.is_clean()


_CHILD = """
import sys, pathlib, time_machine
from connector import config
from connector.store.open import open_store
from connector.submission import stage
from tests.delivery.workplace import NOON
with time_machine.travel(NOON, tick=False):
    loaded = config.load(pathlib.Path(sys.argv[1]) / "config.yaml")
    stage.run(open_store(loaded), loaded)
"""


def wait_until(is_so: object, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)
