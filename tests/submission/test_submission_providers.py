"""Several providers in one connector: whoever left the configuration, or is down, delays nobody else."""

from __future__ import annotations

from connector import pipeline
from connector.config import ProviderConfig
from connector.inquiry import check
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
