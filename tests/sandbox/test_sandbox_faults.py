"""Every switch does at the socket what it says; servers and threads end at once; nothing here sleeps."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from urllib.parse import urlsplit

import httpx
import pytest
from papers import CME_PAPER, MOC_CREDIT, MOC_PAPER, Caller
from test_sandbox_lrs import Reader, statement

from connector.sandbox.faults import FAULTS
from connector.sandbox.server import Sandbox

TODAY = date(2026, 3, 10)
CREDIT_ID = CME_PAPER.credits[0].credit_id
SAVE = "SaveLearnerActivity"


@pytest.fixture
def pars() -> Iterator[Caller]:
    with Sandbox(today=TODAY, load=False) as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()


@pytest.fixture
def lrs() -> Iterator[Reader]:
    with Sandbox(today=TODAY, load=False, page_limit=4) as sandbox:
        reader = Reader(sandbox)
        yield reader
        reader.http.close()


def by_socket(pars: Caller, body: bytes) -> bytes:
    """What comes back through a plain socket, up to the end of the connection."""
    host, _, port = urlsplit(pars.sandbox.pars_url).netloc.partition(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in pars.headers.items())
    request = (
        f"POST /services/ACCMELearnerService.svc/{SAVE} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{head}"
        f"Content-Type: application/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request.encode() + body)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
        return received


def lose(sandbox: Sandbox) -> None:
    caller = Caller(sandbox)
    caller.save_and_lose_the_answer(CME_PAPER)
    caller.close()


def is_held(pars: Caller) -> bool:
    return bool(pars.ask(CREDIT_ID).outcomes)


@pytest.mark.parametrize("fault", ["cut-before-body", "cut-in-body", "cut-after-body", "cut-before-reply"])
def test_a_cut_answers_nothing_and_only_the_last_has_stored(pars: Caller, fault: str) -> None:
    pars.sandbox.switch(fault)
    assert by_socket(pars, CME_PAPER.xml()) == b""
    assert is_held(pars) == (fault == "cut-before-reply")
    assert by_socket(pars, CME_PAPER.xml()).startswith(b"HTTP/1.1 200")  # fired once, and is off


def test_a_cut_in_the_reply_leaves_half_of_it(pars: Caller) -> None:
    pars.sandbox.switch("cut-in-reply")
    head, _, body = by_socket(pars, CME_PAPER.xml()).partition(b"\r\n\r\n")
    length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))[16:])
    assert len(body) == length // 2
    assert is_held(pars)


def test_a_cut_is_a_transport_error_to_a_client(pars: Caller) -> None:
    for fault in ("cut-before-body", "cut-in-body", "cut-after-body", "cut-before-reply", "cut-in-reply"):
        pars.sandbox.switch(fault)
        with pytest.raises(httpx.TransportError):
            pars.xml(SAVE, CME_PAPER.xml())


def test_store_after_cut_stores_once_the_clock_has_moved_on(pars: Caller) -> None:
    pars.sandbox.switch("store-after-cut", seconds=90)
    pars.save_and_lose_the_answer(CME_PAPER)
    pars.sandbox.clock.advance(89)
    assert not is_held(pars)
    pars.sandbox.clock.advance(1)
    assert is_held(pars)


def test_lag_status_hides_what_is_stored(pars: Caller) -> None:
    pars.sandbox.switch("lag-status", seconds=60)
    pars.save(CME_PAPER)
    assert not is_held(pars)
    assert pars.sandbox.pars.ledger()["credits"]
    pars.sandbox.clock.advance(60)
    assert is_held(pars)


ANSWERS = {
    "error-500": (500, "text/plain", False),
    "error-500-stored": (500, "text/plain", True),
    "proxy-502": (502, "text/html", False),
    "too-many": (429, "text/plain", False),
    "wrong-password": (401, "text/plain", False),
    "forbidden": (403, "text/plain", False),
    "html-200": (200, "text/html", False),
    "empty-200": (200, "text/plain", False),
    "truncated": (200, "application/xml; charset=utf-8", True),
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_a_wrong_answer_is_the_one_it_says(pars: Caller, fault: str) -> None:
    status, content_type, stored = ANSWERS[fault]
    pars.sandbox.switch(fault)
    headers = pars.headers | {"Content-Type": "application/xml; charset=utf-8"}
    response = pars.http.post(f"{pars.sandbox.pars_url}/{SAVE}", content=CME_PAPER.xml(), headers=headers)
    assert (response.status_code, response.headers["Content-Type"]) == (status, content_type)
    assert response.headers.get("Retry-After") == ("30" if fault == "too-many" else None)
    assert is_held(pars) == stored


@pytest.mark.parametrize("fault", ["proxy-502", "html-200", "empty-200"])
def test_some_faults_may_store_all_the_same(pars: Caller, fault: str) -> None:
    pars.sandbox.switch(fault, stored=True)
    by_socket(pars, CME_PAPER.xml())
    assert is_held(pars)


def test_truncated_json_is_half_a_document(pars: Caller) -> None:
    pars.sandbox.switch("truncated")
    with pytest.raises(ValueError, match="char"):
        pars.save_json(CME_PAPER)


@pytest.mark.parametrize("stored", [True, False])
def test_a_time_out_never_answers_and_ends_with_the_server(*, stored: bool) -> None:
    threads = threading.active_count()
    sandbox = Sandbox(today=TODAY, load=False).start()
    caller = Caller(sandbox)
    caller.http.timeout = httpx.Timeout(0.05)
    sandbox.switch("time-out", stored=stored)
    with pytest.raises(httpx.ReadTimeout):
        caller.save(CME_PAPER)
    assert bool(sandbox.pars.ledger()["credits"]) == stored
    sandbox.switch("time-out", times=None)
    held = threading.Thread(target=lose, args=(sandbox,))
    held.start()
    began = time.monotonic()
    sandbox.stop()
    held.join(timeout=5)
    assert time.monotonic() - began < 2
    caller.close()
    assert threading.active_count() == threads


def test_stopping_ends_idle_connections_too() -> None:
    threads = threading.active_count()
    sandbox = Sandbox(today=TODAY, load=False).start()
    caller = Caller(sandbox)
    caller.save(CME_PAPER)  # its connection stays open
    sandbox.stop()
    caller.close()
    assert threading.active_count() == threads


def test_missing_outcomes_names_no_credit_and_stores(pars: Caller) -> None:
    pars.sandbox.switch("missing-outcomes")
    assert pars.save(CME_PAPER).outcomes == {}
    pars.sandbox.switch("missing-outcomes")
    reply = pars.save_json(MOC_PAPER)
    assert (reply.status, reply.outcomes) == (201, {})
    assert len(pars.sandbox.pars.ledger()["credits"]) == 3


@pytest.mark.parametrize("stored", [True, False])
def test_already_exists_is_said_whether_it_does_or_not(pars: Caller, *, stored: bool) -> None:
    pars.sandbox.switch("already-exists", stored=stored)
    assert pars.save(CME_PAPER).only.reason == "Report already exists"
    assert is_held(pars) == stored


def test_refuse_says_no_in_given_words(pars: Caller) -> None:
    pars.sandbox.switch("refuse", message="not today")
    assert pars.save(CME_PAPER).only.message == "not today"
    assert not is_held(pars)


def test_slow_board_answers_later(pars: Caller) -> None:
    pars.sandbox.switch("slow-board", seconds=3600)
    pars.save(MOC_PAPER)
    pars.sandbox.pars.boards_answer()
    pars.sandbox.clock.advance(24 * 3600)
    assert pars.ask(MOC_CREDIT.credit_id).only.status == "Pending"
    pars.sandbox.clock.advance(3600)
    assert pars.ask(MOC_CREDIT.credit_id).only.status == "Accepted"


def test_draft_status_words_know_completed_only(pars: Caller) -> None:
    pars.save(MOC_PAPER)
    pars.sandbox.switch("draft-status-words")
    assert pars.ask_json(CreditId=MOC_CREDIT.credit_id).json()[0]["Status"] == "Completed"
    assert pars.ask_json(CreditId=MOC_CREDIT.credit_id).json()[0]["Status"] == "Pending"


# -- the LRS's own


def pages(lrs: Reader, most: int = 10, **params: str) -> list[httpx.Response]:
    """The chain as a careful reader follows it: on its own origin, `most` pages at the most."""
    found = [lrs.get(**{"ascending": "true"} | params)]
    while found[-1].status_code == 200 and found[-1].json()["more"] and len(found) < most:
        found.append(lrs.follow(found[-1]))
    return found


def ids(found: list[httpx.Response]) -> list[str]:
    return [one["id"] for page in found if page.status_code == 200 for one in page.json()["statements"]]


def fill(lrs: Reader, count: int = 10) -> list[str]:
    return lrs.post(*[statement() for _ in range(count)]).json()


def test_expired_more_is_404(lrs: Reader) -> None:
    fill(lrs)
    lrs.sandbox.switch("expired-more")
    assert [page.status_code for page in pages(lrs)] == [200, 404]
    assert len(ids(pages(lrs))) == 10


def test_equal_stored_ties_a_whole_request(lrs: Reader) -> None:
    lrs.sandbox.switch("equal-stored")
    written = fill(lrs, 4)
    assert len(set(lrs.stored())) == 1
    assert ids(pages(lrs)) == written


def test_late_rows_become_visible_with_an_earlier_stored(lrs: Reader) -> None:
    lrs.sandbox.switch("late-rows", seconds=30)
    [late] = lrs.post(statement()).json()
    [prompt] = lrs.post(statement()).json()
    assert ids(pages(lrs)) == [prompt]
    assert lrs.get(statementId=late).status_code == 404
    lrs.sandbox.clock.advance(30)
    assert ids(pages(lrs)) == [late, prompt]


def test_consistent_lag_lies_back_and_fired_once_goes_backwards(lrs: Reader) -> None:
    lrs.sandbox.switch("consistent-lag", operation="read", seconds=3600)
    told = [lrs.get().headers["X-Experience-API-Consistent-Through"] for _ in range(2)]
    assert told == ["2026-03-10T17:00:00.000Z", "2026-03-10T18:00:00.000Z"]


@pytest.mark.parametrize(("fault", "origin"), [("absolute-more", None), ("foreign-more", "http://lrs.example.net")])
def test_more_may_be_absolute(lrs: Reader, fault: str, origin: str | None) -> None:
    fill(lrs)
    lrs.sandbox.switch(fault)
    response = lrs.get(ascending="true")
    own = lrs.sandbox.lrs_url.removesuffix("/xapi")
    assert response.json()["more"].startswith(f"{origin or own}/xapi/statements/more/")
    if origin is None:
        assert lrs.follow(response).status_code == 200


def test_looping_more_leads_to_the_same_page(lrs: Reader) -> None:
    written = fill(lrs)
    lrs.sandbox.switch("looping-more", times=2)
    assert ids(pages(lrs))[:12] == written[:4] * 3


def test_empty_pages_go_on(lrs: Reader) -> None:
    written = fill(lrs)
    lrs.sandbox.switch("empty-pages", times=2)
    found = pages(lrs)
    assert [len(page.json()["statements"]) for page in found[:3]] == [0, 0, 4]
    assert ids(found) == written


def test_descending_ignores_what_was_asked(lrs: Reader) -> None:
    written = fill(lrs, 4)
    lrs.sandbox.switch("descending")
    assert ids(pages(lrs)) == written[::-1]


@pytest.mark.parametrize(("seconds", "stamp"), [(3600, "19:00:00.000Z"), (-3600, "17:00:00.000Z")])
def test_the_lrs_clock_jumps(lrs: Reader, seconds: float, stamp: str) -> None:
    lrs.sandbox.switch("clock-jump", seconds=seconds)
    lrs.post(statement())
    assert lrs.stored()[0].endswith(stamp)
    assert stamp[:8] in lrs.get().headers["Date"]


@pytest.mark.parametrize("fault", ["cut-before-reply", "error-500-stored", "too-many", "html-200"])
def test_the_faults_of_the_carrier_work_on_the_lrs_too(lrs: Reader, fault: str) -> None:
    fill(lrs, 1)
    lrs.sandbox.switch(fault, side="lrs", operation="read")
    try:
        response = lrs.get()
    except httpx.TransportError:
        assert fault == "cut-before-reply"
    else:
        assert response.status_code in (500, 429, 200)
        assert b"statements" not in response.content
    assert len(lrs.ids()) == 1


def test_an_lrs_may_store_after_the_cut(lrs: Reader) -> None:
    lrs.sandbox.switch("store-after-cut", seconds=10)
    with pytest.raises(httpx.TransportError):
        lrs.post(statement())
    assert lrs.ids() == []
    lrs.sandbox.clock.advance(10)
    assert len(lrs.ids()) == 1


# -- switches themselves


def test_a_switch_fires_for_its_side_and_operation_and_number_of_times(pars: Caller) -> None:
    pars.sandbox.switch("error-500", side="lrs")
    pars.sandbox.switch("error-500", side="pars", operation="status-by-credit", times=2)
    assert pars.save(CME_PAPER).status == 200
    assert [pars.ask(CREDIT_ID).status for _ in range(3)] == [500, 500, 200]


def test_a_switch_without_a_number_fires_for_ever_until_cleared(pars: Caller) -> None:
    pars.sandbox.switch("forbidden", times=None)
    assert {pars.save(CME_PAPER).status for _ in range(3)} == {403}
    pars.sandbox.switches.clear()
    assert pars.save(CME_PAPER).status == 200


def test_switches_are_set_over_http_and_unknown_ones_refused(pars: Caller) -> None:
    page = pars.sandbox.control_url
    assert pars.http.post(f"{page}/switch", json={"fault": "too-many", "seconds": 5}).json()["on"][0]["seconds"] == 5
    assert pars.xml(SAVE, replace(CME_PAPER).xml()).status == 429
    for wrong in ({"fault": "flood"}, {"fault": "too-many", "colour": "blue"}, {}):
        assert pars.http.post(f"{page}/switch", json=wrong).status_code == 400
    assert set(pars.http.get(f"{page}/switches").json()["known"]) == set(FAULTS)
    assert pars.http.delete(f"{page}/switches").json()["on"] == []


def test_the_pages_of_the_rehearsal_are_never_disturbed(pars: Caller) -> None:
    pars.sandbox.switch("error-500", times=None)
    page = pars.sandbox.control_url
    assert "rehearsal" in pars.http.get(page).json()["rehearsal"]
    assert pars.http.get(f"{page}/ledger/check").json()["violations"] == []
    assert pars.http.get(f"{page}/nothing").status_code == 404


def test_the_clock_and_the_boards_are_moved_over_http(pars: Caller) -> None:
    pars.save(MOC_PAPER)
    page = pars.sandbox.control_url
    assert pars.http.post(f"{page}/boards", content=b"").json() == {"answered": 1}
    assert pars.http.post(f"{page}/clock", json={"seconds": 86400}).json()["now"].startswith("2026-03-11T18:00")
    pars.save(replace(MOC_PAPER, action="delete"))
    check = pars.http.get(f"{page}/ledger/check", params={"withdrawn": MOC_CREDIT.credit_id}).json()
    assert [one["code"] for one in check["violations"]] == ["withdrew-second-credit"]


@pytest.mark.parametrize(
    ("header", "status"), [("Content-Length: 99999999999", 413), ("Transfer-Encoding: chunked", 411)]
)
def test_a_body_that_is_too_long_or_has_no_length_is_not_read(pars: Caller, header: str, status: int) -> None:
    host, _, port = urlsplit(pars.sandbox.pars_url).netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"POST /api/learner-activities HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(f"HTTP/1.1 {status}".encode())
