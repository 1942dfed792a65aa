"""Clients whose documents are right and whose conduct is not: the ledger check tells on them, or they are shut out."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import httpx
from broken import denied, refused, told_on
from papers import CME_PAPER, MOC_CREDIT, MOC_PAPER, REMS_PAPER, XML, Caller, Paper, Reply

SAVE = "SaveLearnerActivity"
ANOTHER_ID = replace(CME_PAPER, credits=(replace(CME_PAPER.credits[0], credit_id="ccid:cme.example.org:again"),))


@denied("not in the query")
def password_in_the_query(pars: Caller) -> Reply:
    """It would stand in every access log on the way."""
    params, pars.headers = pars.headers, {}
    return pars.xml(SAVE, CME_PAPER.xml(), **params)


@denied("missing or wrong in the header")
def password_in_the_body(pars: Caller) -> Reply:
    """It would be stored with the document."""
    login = "".join(f"<{name}>{value}</{name}>" for name, value in pars.headers.items()).encode()
    pars.headers = {}
    return pars.save_bytes(CME_PAPER.xml().replace(b"<ActivityReports", login + b"<ActivityReports", 1))


@denied("missing or wrong in the header")
def basic_authentication(pars: Caller) -> Reply:
    own = pars.sandbox.credentials
    pars.headers = dict(httpx.Request("POST", pars.sandbox.pars_url).headers)
    auth = next(httpx.BasicAuth(own.user, own.password).auth_flow(httpx.Request("POST", pars.sandbox.pars_url)))
    pars.headers = {"Authorization": auth.headers["Authorization"]}
    return pars.save(CME_PAPER)


@denied("Password missing or wrong")
def wrong_password(pars: Caller) -> Reply:
    pars.headers["Password"] = "guess"
    return pars.save_json(CME_PAPER)


@told_on("kept-knocking")
def keeps_knocking(pars: Caller) -> None:
    """Retries a wrong password as if it were an outage, until the account is locked."""
    pars.headers["Password"] = "guess"
    for _ in range(8):
        pars.save(CME_PAPER)


@told_on("ignored-retry-after")
def ignores_retry_after(pars: Caller) -> None:
    pars.sandbox.switch("too-many")
    assert pars.xml(SAVE, CME_PAPER.xml()).status == 429
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_on_500(pars: Caller) -> None:
    """Takes a 500 for "nothing was stored"."""
    pars.sandbox.switch("error-500-stored")
    assert pars.xml(SAVE, CME_PAPER.xml()).status == 500
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_on_500_as_json(pars: Caller) -> None:
    pars.sandbox.switch("error-500")
    assert pars.save_json(CME_PAPER).status == 500
    pars.save_json(CME_PAPER)


@told_on("doubled-credit")
def new_credit_id_after_a_cut(pars: Caller) -> None:
    """Mints a credit id for each attempt."""
    pars.sandbox.switch("cut-before-reply")
    pars.save_and_lose_the_answer(CME_PAPER)
    pars.save(ANOTHER_ID)


@told_on("resent-without-asking")
def new_credit_id_after_a_time_out(pars: Caller) -> None:
    pars.http.timeout = httpx.Timeout(0.05)
    pars.sandbox.switch("time-out", stored=True)
    pars.save_and_lose_the_answer(CME_PAPER)
    pars.http.timeout = httpx.Timeout(5)
    pars.save(ANOTHER_ID)


@told_on("resent-without-asking")
def resends_on_a_proxys_page(pars: Caller) -> None:
    pars.sandbox.switch("proxy-502", stored=True)
    assert pars.xml(SAVE, CME_PAPER.xml()).status == 502
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_on_html(pars: Caller) -> None:
    """Cannot read the answer and takes that for a no."""
    pars.sandbox.switch("html-200", stored=True)
    pars.xml(SAVE, CME_PAPER.xml())
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_what_the_reply_leaves_out(pars: Caller) -> None:
    pars.sandbox.switch("missing-outcomes")
    assert not pars.save(CME_PAPER).outcomes
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_a_rems_record(pars: Caller) -> None:
    """Nobody can ask for it by learner; it must still be asked for by its credit id."""
    pars.sandbox.switch("cut-before-reply")
    pars.save_and_lose_the_answer(REMS_PAPER)
    pars.save(REMS_PAPER)


@told_on("resent-without-asking")
def asks_for_another_credit(pars: Caller) -> None:
    """Asks after something else, and takes that answer."""
    pars.sandbox.switch("error-500-stored")
    pars.xml(SAVE, CME_PAPER.xml())
    pars.ask(MOC_CREDIT.credit_id)
    pars.save(CME_PAPER)


@told_on("resent-without-asking")
def resends_after_already_exists(pars: Caller) -> None:
    """Insists, in place of asking whose it is."""
    pars.sandbox.switch("already-exists", stored=True)
    assert pars.save(CME_PAPER).only.reason == "Report already exists"
    pars.save(CME_PAPER)


@told_on("sent-again")
def sends_again_what_was_taken(pars: Caller) -> None:
    """Forgets after a restart what it has sent."""
    pars.save(CME_PAPER)
    pars.save(CME_PAPER)


@told_on("credit-id-reused")
def credit_id_reused(pars: Caller) -> None:
    """Derives the credit id from the learner alone."""
    pars.save(CME_PAPER)
    pars.save(replace(CME_PAPER, completed="2026-03-06T00:00:00"))


@told_on("doubled-credit")
def credit_id_from_the_statement(pars: Caller) -> None:
    """Derives the credit id from the statement's id: a completion that Moodle sends again becomes two credits."""
    pars.save(CME_PAPER)
    pars.save(ANOTHER_ID)


@told_on("withdrew-without-asking")
def deletes_before_asking(pars: Caller) -> None:
    pars.sandbox.switch("cut-before-reply")
    pars.save_and_lose_the_answer(CME_PAPER)
    pars.save(replace(CME_PAPER, action="delete"))


@told_on("withdrew-without-asking")
def deletes_again_without_asking(pars: Caller) -> None:
    pars.save(CME_PAPER)
    pars.sandbox.switch("error-500-stored")
    pars.xml(SAVE, replace(CME_PAPER, action="delete").xml())
    pars.save(replace(CME_PAPER, action="delete"))


@told_on("withdrew-second-credit")
def withdraws_a_second_credit(pars: Caller) -> None:
    """Deletes the whole record to correct its MOC, then brings the CME back as it was."""
    pars.save(MOC_PAPER)
    pars.save(replace(MOC_PAPER, action="delete"))
    cme, moc = (replace(credit, credit_id=credit.credit_id + "-2") for credit in MOC_PAPER.credits)
    pars.save(replace(MOC_PAPER, credits=(cme, replace(moc, amount="1.00"))))


@told_on("withdrew-by-learner")
def withdraws_by_learner_id(pars: Caller) -> None:
    """Uses the draft's DELETE, which names a learner and not a credit."""
    pars.save_json(CME_PAPER)
    url = f"{pars.sandbox.pars_json_url}/learner-activities/{CME_PAPER.credits[0].identifier}"
    assert pars.http.delete(url, headers=pars.headers).status_code == 204


@refused("Invalid data", "belongs to another learner")
def withdraws_anothers_credit(pars: Caller) -> Reply:
    pars.save(MOC_PAPER)
    return pars.save(replace(CME_PAPER, action="delete", credits=(MOC_CREDIT,)))


@refused("Invalid data", "belongs to another learner")
def withdraws_from_another_date(pars: Caller) -> Reply:
    pars.save(CME_PAPER)
    return pars.save(replace(CME_PAPER, action="delete", completed="2026-03-06T00:00:00"))


@refused("No match", "no such credit")
def withdraws_what_is_not_there(pars: Caller) -> Reply:
    return pars.save(replace(CME_PAPER, action="delete"))


@refused("Operation not supported", "asks the other way", status=400)
def asks_by_credit_where_learners_are_asked_for(pars: Caller) -> Reply:
    body = b"<LearnerStatusRequest><CreditID>ccid:cme.example.org:1</CreditID></LearnerStatusRequest>"
    return pars.xml("GetLearnerStatusByLearner", body)


@told_on("sent-apart")
def cme_and_moc_in_two_records(pars: Caller) -> None:
    """PARS derives CME from MOC by itself: two records may become three credits."""
    for credit in MOC_PAPER.credits:
        pars.save(replace(MOC_PAPER, credits=(credit,)))


@told_on("above-maximum-in-sum")
def several_parts_above_the_maximum(pars: Caller) -> None:
    for day in ("04", "05"):
        credit = replace(CME_PAPER.credits[0], credit_id=f"ccid:cme.example.org:part-{day}", amount="1.00")
        pars.save(Paper((credit,), completed=f"2026-03-{day}T00:00:00"))


@told_on("outside-activity-dates")
def completion_before_the_activity(pars: Caller) -> None:
    pars.save(replace(CME_PAPER, completed="2025-03-05T00:00:00"))


@told_on("window-closed")
def completion_of_long_ago(pars: Caller) -> None:
    pars.save(replace(CME_PAPER, completed="2023-03-05T00:00:00"))


@told_on("resent-without-asking")
def resends_after_a_cut_in_the_body(pars: Caller) -> None:
    """Knows that the body was not whole when the connection broke, and so believes that nothing can have arrived."""
    pars.sandbox.switch("cut-in-body")
    with contextlib.suppress(httpx.TransportError):
        pars.xml(SAVE, CME_PAPER.xml(), content_type=XML)
    pars.save(CME_PAPER)
