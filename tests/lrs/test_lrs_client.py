"""client: every answer an LRS or something in front of it can give, over real sockets on loopback."""

from __future__ import annotations

import base64
import gzip
import socket
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import stamina
from pydantic import SecretStr

from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.http import TimedOut
from connector.lrs.client import LrsClient, MoreExpired, Page, Query, open_http
from connector.lrs.login import Basic
from connector.lrs.multipart import first_part
from tests.lrs.loopback import FakeLrs, Respond, Said, in_turn, page
from tests.lrs.samples import moodle, raw

PASSWORD = "pässwörd-日本"
QUERY = Query(since=datetime(2026, 3, 1, 9, 30, 0, 1999, tzinfo=UTC), limit=50)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


def client(endpoint: str, *, proxy: str = "", seconds: float = 2, **more: Any) -> LrsClient:
    http = open_http(timedelta(seconds=seconds), proxy=SecretStr(proxy) if proxy else None)
    return LrsClient(endpoint, Basic("usér", SecretStr(PASSWORD)), http, **more)


def ask(respond: Respond, more: str | None = None, **how: Any) -> Page:
    with FakeLrs(respond) as lrs, client(lrs.endpoint, **how) as one:
        return one.page(QUERY) if more is None else one.follow(more.format(origin=lrs.origin))


def refusal(respond: Respond, more: str | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        ask(respond, more)
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode()):
        assert secret not in f"{caught.value} {caught.value.hint}"
    return caught.value


def test_a_page_is_asked_for_as_the_specification_says() -> None:
    with FakeLrs(in_turn(page())) as lrs, client(lrs.endpoint + "/") as one:
        one.page(QUERY)
        one.page(Query(since=None, limit=1))
    first, second = lrs.asked
    assert first.path.startswith("/xapi/statements?")
    for part in ("since=2026-03-01T09%3A30%3A00.001Z", "ascending=true", "limit=50", "format=exact"):
        assert part in first.path
    assert "since" not in second.path
    login = base64.b64decode(first.headers["authorization"].removeprefix("Basic ")).decode()
    assert login == f"usér:{PASSWORD}"
    assert first.headers["x-experience-api-version"] == "1.0.3"
    assert "gzip" in first.headers["accept-encoding"]


def test_a_page_keeps_each_statement_byte_for_byte() -> None:
    odd = b'{"id" :  "x","a":"\\ud800"}'
    said = page([raw(moodle(1)), odd], more="/xapi/statements?c=2", consistent_through="2026-03-01T09:30:00.5Z")
    found = ask(in_turn(said))
    assert found.statements == (raw(moodle(1)), odd)
    assert found.more == "/xapi/statements?c=2"
    assert found.consistent_through == datetime(2026, 3, 1, 9, 30, 0, 500_000, tzinfo=UTC)
    assert found.server_date is not None


def test_clocks_that_cannot_be_read_are_no_clocks() -> None:
    found = ask(in_turn(page(consistent_through="soon", date=None)))
    assert (found.consistent_through, found.server_date) == (None, None)
    assert ask(in_turn(page(date="Fri, 31 Dec 9999 23:59:59 -1200"))).server_date is None
    found = ask(in_turn(page(date="Sun, 01 Mar 2026 09:30:00 -0000")))
    assert found.server_date == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_gzip_is_unpacked_and_null_more_is_the_end() -> None:
    body = gzip.compress(b'{"statements":[{}],"more":null}')
    found = ask(in_turn(Said(body, headers={"Content-Encoding": "gzip"})))
    assert (found.statements, found.more) == ((b"{}",), "")


PARTS = (
    b"--b (0)\r\nCONTENT-type: application/json\r\n\r\n"
    b'{"statements":[{"id":"1"}],"more":""}\r\n--b (0) \r\nX-Experience-API-Hash: 1\r\n\r\n'
    b"\x00\xff--b (0)\n\r\n--b (0)x\r\n\r\n\x80\r\n--b (0)--\r\n"
)
MIXED = 'multipart/mixed; charset=x; boundary="b (0)"'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MIXED, PARTS),
        (MIXED, b"A preamble\r\n" + PARTS + b"and an epilogue"),
        (MIXED, PARTS.replace(b"\r\n", b"\n")),
        (MIXED, PARTS.replace(b"CONTENT-type: application/json\r\n", b"")),
        (' Multipart/Mixed;BOUNDARY="b (0)"; type="application/json"', PARTS.removesuffix(b"\r\n")),
        ("multipart/mixed; boundary=b.0", PARTS.replace(b"b (0)", b"b.0")),
    ],
)
def test_attachments_are_read_past(kind: str, body: bytes) -> None:
    said = Said(body, headers={"Content-Type": kind})
    assert ask(in_turn(said)).statements == (b'{"id":"1"}',)


@pytest.mark.parametrize("end", [b"\r\n--b (0)--", b"\r\n--b (0) ", b'"1"}', b"\r\n\r\n{"])
def test_a_multipart_answer_that_was_cut_off_is_an_error(end: bytes) -> None:
    cut = PARTS[: PARTS.index(end)]
    assert refusal(in_turn(Said(cut, headers={"Content-Type": MIXED}))).code == "lrs.not_statements"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, NeedsOperator, "lrs.refused"),
        (400, NeedsOperator, "lrs.refused"),
        (401, NeedsOperator, "lrs.login"),
        (403, NeedsOperator, "lrs.login"),
        (404, NeedsOperator, "lrs.wrong_endpoint"),
        (408, RetryLater, "lrs.failing"),
        (407, NeedsOperator, "lrs.proxy"),
        (429, RetryLater, "lrs.busy"),
        (500, RetryLater, "lrs.failing"),
        (503, RetryLater, "lrs.busy"),
    ],
)
def test_a_status_says_who_must_act(status: int, kind: type[ConnectorError], code: str) -> None:
    error = refusal(in_turn(Said(b"<p>Learner 1</p>", status, {"Location": "http://127.0.0.1:1/"})))
    assert isinstance(error, kind)
    assert error.code == code
    assert "Learner" not in str(error)


def test_a_login_page_is_no_proof_that_a_statement_was_stored() -> None:
    with FakeLrs(in_turn(Said(b"\n<html>Log in</html>"), Said(b""))) as lrs, client(lrs.endpoint) as one:
        with pytest.raises(NeedsOperator, match="answers a PUT with a page"):
            one.put("1", b"{}")
        assert one.put("1", b"{}") == "stored"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_carried(status: int) -> None:
    error = refusal(in_turn(Said(b"", status, {"Retry-After": "17"})))
    assert isinstance(error, RetryLater)
    assert error.wait == 17


@pytest.mark.parametrize(
    "said",
    [
        Said(b"<html>Log in, Learner 1</html>", headers={"Content-Type": "text/html"}),
        Said(b""),
        Said(b"[]"),
        Said(b'{"more":""}'),
        Said(b'{"statements":[{"a":1}'),
        Said(b'{"statements":[],"more":5}'),
        Said(b'{"statements":[],"more":"\\ud800"}'),
        Said(b"--", headers={"Content-Type": "multipart/mixed"}),
        Said(b"no boundary", headers={"Content-Type": "multipart/mixed; boundary=x"}),
    ],
)
def test_a_200_without_statements_is_an_error_not_an_empty_page(said: Said) -> None:
    error = refusal(in_turn(said))
    assert isinstance(error, RetryLater)
    assert error.code == "lrs.not_statements"
    assert "Learner" not in str(error)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("/xapi/statements?more=1&x=%2F", "/xapi/statements?more=1&x=%2F"),
        ("statements/more/1", "/xapi/statements/more/1"),
        ("{origin}/elsewhere?y=1", "/elsewhere?y=1"),
        ("/xapi/statements?since=2026-03-01 é#x", "/xapi/statements?since=2026-03-01%20%C3%A9"),
    ],
)
def test_more_is_followed_as_given_on_its_own_origin(more: str, path: str) -> None:
    with FakeLrs(in_turn(page())) as lrs, client(lrs.endpoint) as one:
        one.follow(more.format(origin=lrs.origin))
    assert lrs.asked[0].path == path
    assert "authorization" in lrs.asked[0].headers


@pytest.mark.parametrize(
    "more",
    [
        "http://lrs.example.org/xapi/statements?x=1",
        "//lrs.example.org/xapi/statements",
        "https://127.0.0.1/xapi/statements",
        "http://127.0.0.1:1/xapi/statements",
        "http://127.0.0.1:99999/",
        "http://user@127.0.0.1:1/",
        "http://lrs.example.org\\@127.0.0.1:1/",
        "http://[/",
        "file:///etc/passwd",
        "/xapi/\n",
        "/x" * 10_000,
    ],
)
def test_credentials_never_follow_more_elsewhere(more: str) -> None:
    with FakeLrs(in_turn(page())) as lrs, client(lrs.endpoint) as one:
        with pytest.raises(NeedsOperator) as caught:
            one.follow(more)
        assert caught.value.code == "lrs.more_elsewhere"
    assert lrs.asked == []


@pytest.mark.parametrize(
    "more", ["http://inner.example:8080/xapi/statements?x=1", "//inner.example/xapi/statements?x=1"]
)
def test_a_more_of_an_inner_name_is_asked_for_at_home_when_the_file_says_so(more: str) -> None:
    with FakeLrs(in_turn(page())) as lrs, client(lrs.endpoint, rewrite_more=True) as one:
        one.follow(more)
        for odd in ("file:///etc/passwd", "http://[/", "http://inner.example/\n"):
            with pytest.raises(NeedsOperator):
                one.follow(odd)
    assert [asked.path for asked in lrs.asked] == ["/xapi/statements?x=1"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("more", [None, "/xapi/statements?x=1"])
def test_a_redirect_is_not_followed(status: int, more: str | None) -> None:
    with FakeLrs(in_turn(page())) as other:
        refusal(in_turn(Said(b"", status, {"Location": other.endpoint + "/statements"})), more)
    assert other.asked == []


def test_the_files_own_headers_go_along_and_the_version_is_the_asked_one() -> None:
    headers = {"X-Tenant": SecretStr("cmé")}
    with FakeLrs(in_turn(page(), page())) as lrs, client(lrs.endpoint, version="2.0.0", headers=headers) as one:
        one.page(QUERY)
        one.follow("/xapi/statements?x=1")
    assert [asked.headers["x-experience-api-version"] for asked in lrs.asked] == ["2.0.0", "2.0.0"]
    assert all(asked.headers["x-tenant"].encode("latin-1").decode() == "cmé" for asked in lrs.asked)


def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    headers = {"X-Tenant": SecretStr("k1ey\nk2ey")}
    with (
        FakeLrs(in_turn(page())) as lrs,
        client(lrs.endpoint, headers=headers) as one,
        pytest.raises(NeedsOperator) as caught,
    ):
        one.page(QUERY)
    assert (caught.value.code, "ey" in caught.value.message) == ("lrs.malformed", False)


def test_a_page_of_more_statements_than_anybody_asks_for_is_asked_for_in_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice costs fifty times its three bytes: 3 MB would be 2 GB when they are read."""
    monkeypatch.setattr("connector.lrs.client.MOST_STATEMENTS", 3)
    assert len(ask(in_turn(page([b"{}"] * 3))).statements) == 3
    error = refusal(in_turn(page([b"{}"] * 4)))
    assert isinstance(error, TimedOut)
    assert error.code == "lrs.timed_out"


def test_boundaries_without_end_fill_no_memory() -> None:
    body = b"--b" + b"\n--b" * 100_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="last boundary"):
            first_part(body, "multipart/mixed; boundary=b")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(body)


def test_the_answers_version_is_read_and_nothing_else_is_shown() -> None:
    said = page()
    said.headers["X-Experience-API-Version"] = "2.0.0"
    assert ask(in_turn(said)).version == "2.0.0"
    said.headers["X-Experience-API-Version"] = "<b>garbage"
    assert ask(in_turn(said)).version == ""


def private(proxy: FakeLrs) -> str:
    return proxy.origin.replace("//", "//ann:s3cret@")


def test_a_proxy_stands_between_and_only_it_sees_its_password() -> None:
    with FakeLrs(in_turn(page([b"{}"]))) as proxy, client("http://lrs.invalid/xapi", proxy=private(proxy)) as one:
        assert one.page(QUERY).statements == (b"{}",)
    assert proxy.asked[0].path.startswith("http://lrs.invalid/xapi/statements?")
    assert base64.b64decode(proxy.asked[0].headers["proxy-authorization"][6:]) == b"ann:s3cret"


@pytest.mark.parametrize("endpoint", ["http://lrs.invalid/xapi", "https://lrs.invalid/xapi"])
@pytest.mark.parametrize(("status", "code"), [(407, "lrs.proxy"), (403, None)])
def test_a_proxy_that_refuses_is_named(endpoint: str, status: int, code: str | None) -> None:
    expected = code or ("lrs.unreachable" if endpoint.startswith("https") else "lrs.login")
    answers = in_turn(Said(b"", status))
    with (
        FakeLrs(answers) as proxy,
        client(endpoint, proxy=private(proxy)) as one,
        pytest.raises(ConnectorError) as caught,
    ):
        one.page(QUERY)
    assert caught.value.code == expected
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "proxy", ["socks5://ann:s3cret@127.0.0.1:1", "ann:s3cret@127.0.0.1", "http://ann:s3cret@127.0.0.1:port", "x"]
)
def test_an_address_that_is_no_proxys_is_not_quoted(proxy: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        client("http://lrs.invalid/xapi", proxy=proxy)
    assert (caught.value.code, "s3cret" in str(caught.value)) == ("lrs.malformed", False)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_expired_more_is_told_apart(status: int) -> None:
    error = refusal(in_turn(Said(b"", status)), "/xapi/statements?more=1")
    assert isinstance(error, MoreExpired)
    assert error.code == "lrs.more_expired"


def test_a_wrong_password_on_a_more_still_stops_the_source() -> None:
    assert refusal(in_turn(Said(b"", 401)), "/xapi/statements?more=1").code == "lrs.login"


def test_nobody_there_is_tried_again_briefly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with client(f"http://127.0.0.1:{port}/xapi") as one, pytest.raises(RetryLater) as caught:
        one.page(QUERY)
    assert caught.value.code == "lrs.unreachable"


def test_a_hiccup_is_not_noticed() -> None:
    """The first answer is a closed connection, the second one a page."""

    def hang_up_once(_asked: object) -> Said:
        if len(lrs.asked) == 1:
            raise ConnectionAbortedError
        return page([b"{}"])

    with FakeLrs(hang_up_once) as lrs, client(lrs.endpoint) as one:
        assert one.page(QUERY).statements == (b"{}",)


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/xapi"
        with client(endpoint, seconds=0.1) as quick, pytest.raises(TimedOut) as caught:
            quick.page(QUERY)
    assert caught.value.code == "lrs.timed_out"


@pytest.mark.parametrize(
    ("said", "versions"),
    [
        (Said(b'{"version":["1.0.3","2.0.0"],"extensions":{}}'), ("1.0.3", "2.0.0")),
        (Said(b'{"version":"1.0.3"}'), ()),
        (Said(b"{}"), ()),
        (Said(b"[]"), ()),
        (Said(b"<html>"), ()),
        (Said(b"", 404), ()),
        (Said(b'{"version":["1.0.3\\u001b[2J","\\u202e1","Jane Doe",{"a":"1.0.1"},2,"2.0.0-rc1"]}'), ("2.0.0-rc1",)),
        (
            Said(orjson.dumps({"version": [f"1.0.{number}" for number in range(50)]})),
            tuple(f"1.0.{n}" for n in range(20)),
        ),
        (Said(b'{"version":["1.0.3"]}' + b" " * 256 * 1024), ()),
    ],
)
def test_about_is_a_help_not_a_need(said: Said, versions: tuple[str, ...]) -> None:
    with FakeLrs(in_turn(said)) as lrs, client(lrs.endpoint) as one:
        assert one.about() == versions
    assert lrs.asked[0].path == "/xapi/about"
