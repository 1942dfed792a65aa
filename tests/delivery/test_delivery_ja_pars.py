"""A jointly accredited provider: a team's credit through JA-PARS's service, and nothing by default to PARS's host."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import time_machine

from connector import channels
from connector.errors import ConfigError
from connector.sandbox.server import Sandbox
from tests.delivery.workplace import CME, NOON, Delivery, lay_out

TEAM = [("cme", name, "", "", "1.50") for name in ("IPCE", "Nursing", "Dietetic CPEU")]


@pytest.fixture
def joint(tmp_path: Path) -> Iterator[Delivery]:
    with (
        Sandbox(today=date(2026, 3, 10), load=False, system="ja-pars") as sandbox,
        time_machine.travel(NOON, tick=False) as clock,
    ):
        place = lay_out(tmp_path, sandbox, clock)
        provider = place.config.providers[0].model_copy(update={"system": "ja-pars"})
        place.set(providers=(provider,))
        yield place
        place.store.dispose()


def test_each_profession_s_credit_is_sent_and_confirmed_under_its_own_word(joint: Delivery) -> None:
    pks = joint.ready("aoneill", (CME, *TEAM))
    joint.go_on(2)
    assert {joint.state(pk) for pk in pks} == {"confirmed"}
    assert sorted(one.certification for one in joint.sandbox.pars.held()) == sorted(
        ["AMA PRA Category 1", "IPCE", "Nursing", "Dietetic CPEU"]
    )
    assert joint.sandbox.check() == []


def test_a_credit_of_one_profession_is_withdrawn_alone(joint: Delivery) -> None:
    cme, ipce, *_ = joint.ready("aoneill", (CME, *TEAM))
    joint.go_on(2)
    joint.unwant(ipce)
    joint.go_on(2)
    assert (joint.state(cme), joint.state(ipce)) == ("confirmed", "withdrawn")


def test_without_an_address_of_ja_pars_nothing_goes_to_pars(joint: Delivery) -> None:
    provider = joint.config.providers[0].model_copy(update={"base_url": "", "environment": "production"})
    joint.set(providers=(provider,))
    assert joint.config.tables(provider).xml_service.base_url == ""
    with pytest.raises(ConfigError, match="no address for PARS"):
        channels.open_client(joint.config, provider, "xml-service")
