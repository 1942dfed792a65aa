"""The right clients: the same documents without a mistake pass, so that strictness is not a no to everything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import httpx
import pytest
from papers import CME_PAPER, MOC_CREDIT, MOC_PAPER, REMS_PAPER, Caller, Credit, Paper, Reply

from connector.sandbox.server import Sandbox

Send = Callable[[Caller, Paper], Reply]
XML_AND_JSON = pytest.mark.parametrize("send", [Caller.save, Caller.save_json], ids=["xml", "json"])


@pytest.fixture
def pars() -> Iterator[Caller]:
    with Sandbox(today=date(2026, 3, 10), load=False) as sandbox:
        caller = Caller(sandbox)
        yield caller
        assert sandbox.check() == []
        caller.close()


def states(pars: Caller) -> dict[str, str]:
    return {credit["credit_id"]: credit["state"] for credit in pars.sandbox.pars.ledger()["credits"]}


@XML_AND_JSON
def test_cme_is_accepted_at_once(pars: Caller, send: Send) -> None:
    credit_id = CME_PAPER.credits[0].credit_id
    assert send(pars, CME_PAPER).only.status in ("Accepted", "Taken")
    assert pars.ask(credit_id).only.status == "Accepted"
    assert pars.ask_json(CreditId=credit_id).json()[0]["Status"] == "Completed"


@XML_AND_JSON
def test_moc_waits_for_its_board(pars: Caller, send: Send) -> None:
    send(pars, MOC_PAPER)
    assert pars.ask(MOC_CREDIT.credit_id).only.status == "Pending"
    pars.sandbox.clock.advance(24 * 3600)
    assert pars.ask(MOC_CREDIT.credit_id).only.status == "Accepted"
    assert pars.ask_json(CreditId=MOC_CREDIT.credit_id).json()[0]["Status"] == "Accepted"


@XML_AND_JSON
def test_one_credit_is_withdrawn_and_the_other_stays(pars: Caller, send: Send) -> None:
    cme = MOC_PAPER.credits[0].credit_id
    send(pars, MOC_PAPER)
    send(pars, replace(MOC_PAPER, action="delete", credits=(MOC_CREDIT,)))
    assert states(pars) == {cme: "Accepted", MOC_CREDIT.credit_id: "Deleted"}
    assert pars.sandbox.check(withdrawn=[MOC_CREDIT.credit_id]) == []
    assert pars.ask(MOC_CREDIT.credit_id).outcomes == {}


def test_a_rems_record_is_accepted_and_withdrawn(pars: Caller) -> None:
    assert pars.save(REMS_PAPER).only.status == "Accepted"
    assert pars.ask(REMS_PAPER.credit.credit_id).only.status == "Accepted"
    assert pars.save(replace(REMS_PAPER, action="delete")).only.status == "Deleted"


def test_only_what_is_required_of_a_rems_participant_will_do(pars: Caller) -> None:
    assert pars.save(replace(REMS_PAPER, answers="<Profession>Nurse</Profession>")).only.status == "Accepted"


@XML_AND_JSON
def test_a_lost_answer_is_asked_for_and_nothing_is_sent_twice(pars: Caller, send: Send) -> None:
    pars.sandbox.switch("cut-before-reply")
    with pytest.raises(httpx.TransportError):
        send(pars, CME_PAPER)
    assert pars.ask(CME_PAPER.credits[0].credit_id).only.status == "Accepted"


@XML_AND_JSON
def test_what_is_not_there_after_asking_may_be_sent_again(pars: Caller, send: Send) -> None:
    pars.sandbox.switch("cut-after-body")
    with pytest.raises(httpx.TransportError):
        send(pars, CME_PAPER)
    assert pars.ask_by_learner(CME_PAPER, "02-29").outcomes == {}
    assert send(pars, CME_PAPER).only.status in ("Accepted", "Taken")


@pytest.mark.parametrize(
    "fault", ["cut-before-body", "cut-in-body", "error-500", "proxy-502", "empty-200", "truncated"]
)
@XML_AND_JSON
def test_whatever_the_fault_asking_first_is_right(pars: Caller, send: Send, fault: str) -> None:
    pars.sandbox.switch(fault)
    with contextlib.suppress(httpx.TransportError, ValueError, ET.ParseError):
        send(pars, CME_PAPER)
    if not pars.ask(CME_PAPER.credits[0].credit_id).outcomes:
        send(pars, CME_PAPER)
    assert states(pars) == {CME_PAPER.credits[0].credit_id: "Accepted"}


@XML_AND_JSON
def test_a_refused_credit_may_come_again_under_its_id_once_it_is_right(pars: Caller, send: Send) -> None:
    assert send(pars, replace(CME_PAPER, given="Annie")).only.reason == "No match"
    assert send(pars, CME_PAPER).only.status in ("Accepted", "Taken")


def test_a_correction_is_a_delete_and_an_add_under_a_new_id(pars: Caller) -> None:
    pars.save(CME_PAPER)
    pars.save(replace(CME_PAPER, action="delete"))
    again = replace(CME_PAPER.credits[0], credit_id=CME_PAPER.credits[0].credit_id + "-2", amount="1.25")
    assert pars.save(replace(CME_PAPER, credits=(again,))).only.status == "Accepted"


def test_several_reports_in_one_document_are_judged_one_by_one(pars: Caller) -> None:
    wrong = replace(CME_PAPER, credits=(Credit("ccid:cme.example.org:wrong", amount="9"),))
    reply = pars.save(CME_PAPER, wrong, MOC_PAPER)
    assert [told.status for told in reply.outcomes.values()] == ["Accepted", "Refused", "Accepted", "Pending"]
    assert "<Result>Partial success</Result>" in reply.text


def test_abp_journal_articles_of_one_day_all_count(pars: Caller) -> None:
    one = next(learner for learner in pars.sandbox.pars.learners if learner.ref == "ABP-1")
    credit = Credit("ccid:cme.example.org:j1", "ABP", one.ids["ABP"], "Lifelong Learning and Self-Assessment", "0.25")
    paper = Paper((credit,), one.given, one.family, f"1904-{one.birth}", activity="203512350")
    assert pars.save(paper).only.status == "Pending"
    assert pars.save(replace(paper, completed="2026-03-06T00:00:00", credits=(
        replace(credit, credit_id="ccid:cme.example.org:j2"),
    ))).only.status == "Pending"  # fmt: skip
