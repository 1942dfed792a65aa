"""Several providers in one connector: whoever left the configuration, or is down, delays nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connector import pipeline
from connector.config import ProviderConfig
from connector.inquiry import check
from connector.store.open import open_store
from tests.delivery.workplace import Delivery


def only(delivery: Delivery, *providers: ProviderConfig) -> None:
    delivery.config = delivery.config.model_copy(update={"providers": providers})


def test_a_provider_who_left_keeps_his_credits_and_stops_nobody(delivery: Delivery) -> None:
    (mine,) = delivery.config.providers
    (held,) = delivery.ready("aoneill", state="held")
    (ready,) = delivery.ready("cricci")
    (sent,) = delivery.ready("bachebe")
    delivery.change(sent, state="pending", at_pars="yes")
    only(delivery, mine.model_copy(update={"id": "0009999"}))
    counts = pipeline.run(delivery.store, delivery.config, ("learners", "validation", "submission", "reconciliation"))
    assert not any(found.get("poisoned") for found in counts.values())
    assert [delivery.state(pk) for pk in (held, ready, sent)] == ["held", "ready", "pending"]
    (told,) = [one for one in check.pars(delivery.config, delivery.store) if one.code == "config.provider_gone"]
    assert (told.good, "3 credits" in told.message) == (False, True)
    only(delivery, mine)
    delivery.send()
    assert delivery.state(ready) == "confirmed"


class Hanging:
    """A PARS that answers nobody before `released`, and then refuses everybody."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            self.asked.set()
            self.released.wait(20)
            handler.send_error(401)

        methods: dict[str, Any] = {"do_POST": answer, "do_GET": answer, "log_message": lambda *_: None}
        handler = type("Handler", (BaseHTTPRequestHandler,), methods)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    server = Hanging()
    yield server
    server.stop()


def test_one_who_hangs_and_then_takes_no_password_delays_nobody(delivery: Delivery, hanging: Hanging) -> None:
    (mine,) = delivery.config.providers
    other = mine.model_copy(update={"id": "0009999", "base_url": hanging.url})
    only(delivery, other, mine)
    delivery.configure(timeout=timedelta(seconds=30))
    delivery.store.dispose()
    delivery.store = open_store(delivery.config)
    (good,) = delivery.ready("aoneill")
    delivery.provider = other.id
    (stuck,) = delivery.ready("cricci")
    turn = threading.Thread(target=delivery.send)
    turn.start()
    assert hanging.asked.wait(10)
    for _ in range(2000):  # while the other one still hangs
        if delivery.sandbox.pars.held() or not turn.is_alive():
            break
        turn.join(0.005)
    assert turn.is_alive()
    assert len(delivery.sandbox.pars.held()) == 1
    hanging.released.set()
    turn.join(20)
    assert (delivery.state(good), delivery.state(stuck)) == ("confirmed", "ready")
    delivery.provider = mine.id
    (later,) = delivery.ready("bachebe")
    delivery.send()
    assert (delivery.state(later), delivery.state(stuck)) == ("confirmed", "ready")
