"""Every switch that makes the rehearsal LRS behave like some real product; and OAuth 2, attachments, xAPI 2.0."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from typing import Any

import httpx
import pytest
from test_sandbox_faults import fill, ids, pages
from test_sandbox_lrs import COURSE, VERB, Reader, statement, void

from connector.sandbox import server
from connector.sandbox.faults import FAULTS
from connector.sandbox.lrs import quirks as lrs_quirks
from connector.sandbox.lrs import rows as lrs_rows

PASSED = "http://adlnet.gov/expapi/verbs/passed"
SECOND = {"X-Experience-API-Version": "2.0.0"}


@pytest.fixture
def lrs() -> Iterator[Reader]:
    with server.Sandbox(today=date(2026, 3, 10), load=False, page_limit=4) as sandbox:
        reader = Reader(sandbox)
        yield reader
        reader.http.close()


def told(lrs: Reader, *stamps: str) -> list[str]:
    """Statements with these timestamps, on 9 March 2026; their ids."""
    return lrs.post(*[statement(timestamp=f"2026-03-09T{stamp}:00Z") for stamp in stamps]).json()


def test_every_misreading_is_a_switch() -> None:
    assert {FAULTS[name].where for name in lrs_quirks.MISREADINGS} == {"lrs"}


def test_the_borders_of_the_window_may_lie_otherwise(lrs: Reader) -> None:
    written = fill(lrs, 3)
    middle = lrs.stored()[1]
    lrs.sandbox.switch("since-inclusive", times=None)
    lrs.sandbox.switch("until-exclusive", times=None)
    assert lrs.ids(ascending="true", since=middle) == written[1:]
    assert lrs.ids(ascending="true", until=middle) == written[:1]


def test_the_window_may_go_by_timestamp_and_leave_the_order_alone(lrs: Reader) -> None:
    noon, morning, _night = told(lrs, "12:00", "10:00", "02:00")
    lrs.sandbox.switch("since-by-timestamp", times=None)
    assert lrs.ids(ascending="true", since="2026-03-09T02:00:00Z") == [noon, morning]
    assert lrs.ids(ascending="true", since="2026-03-10T00:00:00Z") == []
    assert lrs.ids(ascending="true", until="2026-03-09T10:00:00Z", since="2026-03-09T03:00:00Z") == [morning]


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_the_order_may_go_by_timestamp_through_all_pages(lrs: Reader, ascending: str) -> None:
    written = told(lrs, "12:00", "10:00", "02:00", "11:00", "03:00", "03:00")
    by_time = [written[place] for place in (2, 4, 5, 1, 3, 0)]
    lrs.sandbox.switch("order-by-timestamp", times=None)
    lrs.sandbox.switch("since-by-timestamp", times=None)
    found = pages(lrs, ascending=ascending, limit="2", since="2026-03-09T02:00:00Z")
    assert ids(found) == (by_time[1:] if ascending == "true" else by_time[:0:-1])


def test_a_planted_statement_without_a_time_stands_at_its_stored(lrs: Reader) -> None:
    lrs.sandbox.lrs.plant(b'{"id": "none"}')
    [early] = told(lrs, "12:00")
    lrs.sandbox.switch("order-by-timestamp", times=None)
    assert ids(pages(lrs)) == [early, "none"]


def test_until_and_verb_may_not_be_heard(lrs: Reader) -> None:
    [first, second] = lrs.post(statement(), statement(verb={"id": PASSED})).json()
    lrs.sandbox.switch("ignore-until")
    assert lrs.ids(until="2020-01-01T00:00:00Z", ascending="true") == [first, second]
    lrs.sandbox.switch("ignore-verb")
    assert lrs.ids(verb=PASSED, ascending="true") == [first, second]
    lrs.sandbox.switch("deaf-verb", times=2)
    assert [lrs.ids(verb=PASSED), lrs.ids(ascending="true")] == [[], [first, second]]


def test_ascending_may_not_be_heard_in_a_whole_chain(lrs: Reader) -> None:
    written = fill(lrs)
    lrs.sandbox.switch("ignore-ascending")
    assert ids(pages(lrs)) == written[::-1]
    assert ids(pages(lrs)) == written


def test_ascending_may_turn_each_page_round(lrs: Reader) -> None:
    written = fill(lrs)
    lrs.sandbox.switch("ascending-per-page", times=None)
    assert ids(pages(lrs)) == [*written[3::-1], *written[7:3:-1], *written[:7:-1]]
    assert ids(pages(lrs, ascending="false")) == written


def test_a_page_may_be_shorter_than_asked(lrs: Reader) -> None:
    written = fill(lrs)
    lrs.sandbox.switch("page-cap", times=None, count=3)
    assert [len(page.json()["statements"]) for page in pages(lrs, limit="4")] == [3, 3, 3, 1]
    assert ids(pages(lrs, limit="0")) == written


def test_an_exact_multiple_may_end_with_an_empty_page_and_no_more_at_all(lrs: Reader) -> None:
    fill(lrs, 8)
    lrs.sandbox.switch("eager-more", times=None)
    lrs.sandbox.switch("absent-more", times=None)
    *_, last = found = [page.json() for page in pages_until_absent(lrs)]
    assert [len(page["statements"]) for page in found] == [4, 4, 0]
    assert "more" not in last


def pages_until_absent(lrs: Reader) -> Iterator[httpx.Response]:
    page = lrs.get(ascending="true")
    yield page
    while "more" in page.json():
        page = lrs.follow(page)
        yield page


def test_a_chain_may_be_frozen_at_its_first_page(lrs: Reader) -> None:
    written = fill(lrs, 6)
    lrs.sandbox.switch("frozen-more", times=None)
    first = lrs.get(ascending="true")
    later = fill(lrs, 1)
    rest = lrs.follow(first)
    assert ids([first, rest]) == written
    assert rest.json()["more"] == ""
    assert ids(pages(lrs)) == written + later


def test_more_may_be_an_inner_address(lrs: Reader) -> None:
    written = fill(lrs, 5)
    lrs.sandbox.switch("absolute-more-http")
    more = httpx.URL(lrs.get(ascending="true").json()["more"])
    assert (more.scheme, more.host, more.port) == ("http", "inner.lrs.example.org", 8080)
    rest = lrs.http.get(httpx.URL(lrs.sandbox.lrs_url).copy_with(raw_path=more.raw_path))
    assert ids([rest]) == written[4:]


def test_an_lrs_may_not_void(lrs: Reader) -> None:
    [target] = fill(lrs, 1)
    [voiding] = lrs.post(void(target)).json()
    lrs.sandbox.switch("no-voiding", times=None)
    assert lrs.ids(ascending="true") == [target, voiding]
    assert lrs.get(statementId=target).json()["id"] == target
    assert lrs.ids(voidedStatementId=target) == [voiding, target]


def test_consistent_through_may_be_missing(lrs: Reader) -> None:
    lrs.sandbox.switch("no-consistent-through")
    assert "X-Experience-API-Consistent-Through" not in lrs.get().headers
    assert "X-Experience-API-Consistent-Through" in lrs.get().headers


# -- xAPI 2.0


CONTEXT_AGENT = {
    "objectType": "contextAgent",
    "agent": {"mbox": "mailto:proctor@example.org"},
    "relevantTypes": ["https://example.org/proctor"],
}


@pytest.fixture
def second(lrs: Reader) -> Reader:
    lrs.sandbox.switch("version-2", times=None)
    return lrs


def test_an_lrs_of_2_0_says_so_and_takes_both_versions(second: Reader) -> None:
    for version in ("2.0.0", "1.0.3"):
        second.http.headers["X-Experience-API-Version"] = version
        assert second.get().headers["X-Experience-API-Version"] == "2.0.0"
    assert httpx.get(f"{second.sandbox.lrs_url}/about").json()["version"][-1] == "2.0.0"


def test_context_agents_belong_to_2_0_only(lrs: Reader) -> None:
    modern = statement(context={"contextAgents": [CONTEXT_AGENT]}, version="2.0.0")
    assert lrs.post(modern).status_code == 400
    lrs.sandbox.switch("version-2", times=None)
    assert lrs.post(modern, statement()).status_code == 200
    held = lrs.get(ascending="true").json()["statements"]
    assert held[0]["context"] == modern["context"]
    assert [one["version"] for one in held] == ["2.0.0", "2.0.0"]


@pytest.mark.parametrize(
    "wrong",
    [
        CONTEXT_AGENT,
        [CONTEXT_AGENT | {"objectType": "Agent"}],
        [CONTEXT_AGENT | {"relevantTypes": ["proctor"]}],
        [CONTEXT_AGENT | {"relevantTypes": 5}],
        [{"objectType": "contextAgent"}],
        [CONTEXT_AGENT | {"colour": "blue"}],
    ],
    ids=["no list", "type", "relevant type", "no list of types", "no agent", "unknown property"],
)
def test_a_wrong_context_agent_is_400(second: Reader, wrong: Any) -> None:
    assert second.post(statement(context={"contextAgents": wrong})).status_code == 400


# -- attachments


PICTURE = b"\x89PNG\r\n\r\n--\x00\xff\r\n"


def with_picture(**changes: Any) -> dict[str, Any]:
    attachment = {
        "usageType": "https://example.org/certificate",
        "display": {"en": "certificate"},
        "contentType": "image/png",
        "length": len(PICTURE),
        "sha2": hashlib.sha256(PICTURE).hexdigest(),
    }
    return statement(attachments=[attachment | changes])


def send_multipart(lrs: Reader, document: Any, *contents: bytes, told_hash: str = "") -> httpx.Response:
    heads = [
        f"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n"
        f"X-Experience-API-Hash: {told_hash or hashlib.sha256(content).hexdigest()}\r\n\r\n".encode()
        + content
        for content in contents
    ]
    parts = [b"Content-Type: application/json\r\n\r\n" + json.dumps(document).encode(), *heads]
    body = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts) + b"--cut--\r\n"
    headers = {"Content-Type": 'multipart/mixed; boundary="cut"'}
    return lrs.http.post(f"{lrs.sandbox.lrs_url}/statements", content=body, headers=headers)


def parts(response: httpx.Response) -> list[Any]:
    """The parts as Python's own reader of MIME sees them."""
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    return message_from_bytes(head + response.content).get_payload()


def test_attachments_come_with_their_statement_and_leave_when_asked_for(lrs: Reader) -> None:
    [statement_id] = send_multipart(lrs, with_picture(), PICTURE).json()
    assert lrs.get().headers["Content-Type"] == "application/json"
    for response in (lrs.get(attachments="true"), lrs.get(statementId=statement_id, attachments="true")):
        document, picture = parts(response)
        assert statement_id in document.get_payload()
        assert picture["X-Experience-API-Hash"] == hashlib.sha256(PICTURE).hexdigest()
        assert PICTURE in response.content


def test_an_attachment_without_part_and_address_is_400(lrs: Reader) -> None:
    assert lrs.post(with_picture()).status_code == 400
    assert lrs.post(with_picture(fileUrl="https://example.org/certificate.png")).status_code == 200


@pytest.mark.parametrize(
    ("document", "told_hash"), [(statement(), ""), (with_picture(), "0" * 64)], ids=["undeclared", "other hash"]
)
def test_a_part_that_nobody_declared_is_400(lrs: Reader, document: Any, told_hash: str) -> None:
    assert send_multipart(lrs, document, PICTURE, told_hash=told_hash).status_code == 400
    assert lrs.ids() == []


def test_an_answer_may_be_multipart_unasked(lrs: Reader) -> None:
    written = fill(lrs, 1)
    lrs.sandbox.switch("multipart")
    document, attachment = parts(lrs.get())
    assert [one["id"] for one in json.loads(document.get_payload())["statements"]] == written
    assert attachment.get_content_type() == "image/png"


# -- OAuth 2


def grant(lrs: Reader, **changes: str) -> httpx.Response:
    own = lrs.sandbox.credentials
    form = {"grant_type": "client_credentials", "client_id": own.lrs_client, "client_secret": own.lrs_secret}
    return httpx.post(lrs.sandbox.token_url, data=form | changes)


@pytest.fixture
def bearer(lrs: Reader) -> Reader:
    """A reader with a token in place of a password."""
    answer = grant(lrs).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    lrs.http.auth = None
    lrs.http.headers["Authorization"] = f"Bearer {answer['access_token']}"
    return lrs


def test_a_token_opens_the_lrs_until_its_time_is_over(bearer: Reader) -> None:
    assert bearer.post(statement()).status_code == 200
    bearer.sandbox.clock.advance(3599)
    assert bearer.get().status_code == 200
    bearer.sandbox.clock.advance(1)
    refused = bearer.get()
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_may_end_before_its_time_and_another_is_given(bearer: Reader) -> None:
    bearer.sandbox.switch("expire-token")
    assert [bearer.get().status_code for _ in range(2)] == [401, 401]
    bearer.http.headers["Authorization"] = f"Bearer {grant(bearer).json()['access_token']}"
    assert bearer.get().status_code == 200


def test_a_client_may_name_itself_in_the_header(lrs: Reader) -> None:
    own = lrs.sandbox.credentials
    form = {"grant_type": "client_credentials", "scope": "statements/read"}
    answer = httpx.post(lrs.sandbox.token_url, data=form, auth=(own.lrs_client, own.lrs_secret))
    assert answer.json()["scope"] == "statements/read"
    both = httpx.post(lrs.sandbox.token_url, data=form | {"client_secret": "x"}, auth=(own.lrs_client, own.lrs_secret))
    assert (both.status_code, both.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
    ids=["secret", "client", "grant"],
)
def test_a_wrong_request_gets_no_token(lrs: Reader, changes: dict[str, str], status: int, error: str) -> None:
    answer = grant(lrs, **changes)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert httpx.get(lrs.sandbox.token_url).status_code == 400


# -- many statements


def test_a_page_costs_its_own_length_however_many_statements_there_are(lrs: Reader, monkeypatch: Any) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(5000):
        raw = b'{"id":"%b","verb":{"id":"%b"}}' % (str(uuid.UUID(int=number)).encode(), VERB.encode())
        lrs.sandbox.lrs.plant(raw, start + timedelta(minutes=number))
    looked_at: list[lrs_rows.Row] = []
    real = lrs_rows.Row.key
    monkeypatch.setattr(lrs_rows.Row, "key", lambda row, by: looked_at.append(row) or real(row, by))
    day = {"since": "2024-01-02T00:00:00Z", "until": "2024-01-02T00:05:00Z"}
    assert [len(page.json()["statements"]) for page in pages(lrs, **day)] == [4, 1]
    assert 0 < len(looked_at) < 100


def test_a_statement_of_ten_thousand_levels_can_be_planted(lrs: Reader) -> None:
    deep = b'{"id": "deep", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    lrs.sandbox.lrs.plant(deep)
    assert deep in lrs.get(ascending="true").content
    assert lrs.get(activity=COURSE).json()["statements"] == []
