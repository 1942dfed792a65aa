"""Every broken client is caught by name, and the right ones pass clean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import wrong_conduct
import wrong_documents
import wrong_rems
from broken import ALL, Broken
from papers import Caller

from connector.sandbox.pars.ledger import CODES
from connector.sandbox.server import Sandbox

FAMILIES = (wrong_documents, wrong_rems, wrong_conduct)


@pytest.fixture
def pars() -> Iterator[Caller]:
    with Sandbox(today=date(2026, 3, 10), load=False) as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()


@pytest.mark.parametrize("client", ALL, ids=lambda client: client.name)
def test_a_broken_client_is_caught_by_name(pars: Caller, client: Broken) -> None:
    before = len(pars.sandbox.pars.credits)
    reply = client.act(pars)
    if client.code:
        assert client.code in {violation.code for violation in pars.sandbox.check()}
        return
    assert reply is not None
    assert reply.status == client.status or (reply.status, client.status) in ((400, 200), (409, 200))
    if client.status == 401:
        assert client.message in reply.text
        assert len(pars.sandbox.pars.credits) == before
        return
    assert reply.only.reason == client.reason
    assert client.message in reply.only.message


def test_there_are_enough_of_them_and_each_is_told_apart() -> None:
    assert len(FAMILIES) == 3
    assert len({client.name for client in ALL}) == len(ALL) >= 20


def test_every_code_of_the_ledger_check_is_shown_by_some_client_or_named_here() -> None:
    shown_elsewhere = {"after-claim-date"}
    assert {client.code for client in ALL if client.code} | shown_elsewhere == set(CODES)
