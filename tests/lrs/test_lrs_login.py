"""login: tokens by OAuth 2 client credentials, over real sockets; what must never travel is looked for everywhere."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
import stamina
from pydantic import SecretStr

from connector.config import SourceConfig
from connector.endpoints import open_client
from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.http import TimedOut
from connector.lrs.client import LrsClient, Query, open_http
from connector.lrs.login import ClientCredentials
from tests.lrs.loopback import Asked, FakeLrs, Said, in_turn, page

SECRET = "s3crét/+ "
ASK = Query(since=None, limit=1)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=2):
        yield


@dataclass
class Endpoint:
    """A token endpoint that gives `t1`, `t2`, ... each living `life`."""

    life: Any = 600
    given: list[str] = field(default_factory=list)

    def __call__(self, _asked: Asked) -> Said:
        self.given.append(f"t{len(self.given) + 1}")
        return granted(self.given[-1], self.life)


def granted(token: str, life: Any = 600, **more: Any) -> Said:
    return Said(orjson.dumps({"access_token": token, "token_type": "Bearer", "expires_in": life} | more))


class Clock:
    """Seconds, as a test sets them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def credentials(tokens: FakeLrs, clock: Clock, **more: Any) -> ClientCredentials:
    return ClientCredentials(
        tokens.origin + "/token", "cliént", lambda: SecretStr(SECRET), lambda: open_http(timedelta(seconds=2)),
        clock=clock, **more,
    )  # fmt: skip


def reading(lrs: FakeLrs, tokens: FakeLrs) -> LrsClient:
    return LrsClient(lrs.endpoint, credentials(tokens, Clock()), open_http(timedelta(seconds=2)))


def test_a_token_is_asked_for_as_rfc_6749_says_and_kept() -> None:
    with FakeLrs(Endpoint()) as tokens, FakeLrs(in_turn(page())) as lrs:
        login = credentials(tokens, Clock(), scope="statements/read all")
        for _ in range(2):
            with LrsClient(lrs.endpoint, login, open_http()) as client:
                client.page(ASK)
    (asked,) = tokens.asked
    assert (asked.method, asked.path) == ("POST", "/token")
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["statements/read all"]}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"cli%C3%A9nt:s3cr%C3%A9t%2F%2B+"
    assert [asked.headers["authorization"] for asked in lrs.asked] == ["Bearer t1", "Bearer t1"]


@pytest.mark.parametrize(
    ("life", "kept", "over"),
    [
        (600, 569, 571),
        ("600", 569, 571),
        (10, 8.9, 9.1),
        (1e-9, 8.9, 9.1),
        (None, 269, 271),
        (-5, 269, 271),
        ("soon", 269, 271),
        (True, 269, 271),
    ],
)
def test_a_token_is_given_up_shortly_before_it_ends(life: Any, kept: float, over: float) -> None:
    clock = Clock()
    with FakeLrs(Endpoint(life)) as tokens:
        login = credentials(tokens, clock)
        said = []
        for clock.now in (0, kept, over):
            said.append(login.authorization())
    assert said == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_refused_token_is_asked_for_anew_once() -> None:
    """t1 was withdrawn; t2 is good."""

    def judge(asked: Asked) -> Said:
        return Said(b"", 401) if asked.headers["authorization"] == "Bearer t1" else page([b"{}"])

    with FakeLrs(Endpoint()) as tokens, FakeLrs(judge) as lrs, reading(lrs, tokens) as client:
        assert client.page(ASK).statements == (b"{}",)
    assert len(lrs.asked) == 2


def test_a_token_that_was_refused_to_two_threads_is_asked_for_anew_once() -> None:
    with FakeLrs(Endpoint()) as tokens:
        login = credentials(tokens, Clock())
        first = login.authorization()
        login.renew(first)
        second = login.authorization()
        assert login.renew(first)  # the other thread's 401 comes later
        assert login.authorization() == second == "Bearer t2"


def test_a_token_endpoint_that_stays_silent_or_floods_is_not_taken_for_the_lrs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.lrs.login.MOST_BYTES", 1000)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        FakeLrs(in_turn(granted("t1", more="x" * 1000))) as flooding,
        FakeLrs(in_turn(page())) as lrs,
    ):
        for origin in (f"http://127.0.0.1:{silent.getsockname()[1]}", flooding.origin):
            login = ClientCredentials(origin, "c", lambda: SecretStr(SECRET), lambda: open_http(timedelta(seconds=0.2)))
            with LrsClient(lrs.endpoint, login, open_http()) as client, pytest.raises(RetryLater) as caught:
                client.page(ASK)
            assert (caught.value.code, isinstance(caught.value, TimedOut)) == ("lrs.token_timed_out", False)


def test_two_refusals_stop_the_source() -> None:
    refusing = in_turn(Said(b"", 401))
    with (
        FakeLrs(Endpoint()) as tokens,
        FakeLrs(refusing) as lrs,
        reading(lrs, tokens) as client,
        pytest.raises(NeedsOperator) as caught,
    ):
        client.page(ASK)
    assert caught.value.code == "lrs.login"
    assert len(lrs.asked) == len(tokens.asked) == 2


def no(error: str, status: int = 400) -> Said:
    return Said(orjson.dumps({"error": error, "error_description": f"no {SECRET}"}), status)


@pytest.mark.parametrize(
    ("said", "kind", "code", "words"),
    [
        (no("invalid_client", 401), NeedsOperator, "lrs.token_refused", "(401: invalid_client)"),
        (no("invalid_scope"), NeedsOperator, "lrs.token_refused", "(400: invalid_scope)"),
        (no("<b>s3cr"), NeedsOperator, "lrs.token_refused", "(400)"),
        (Said(b"<html>", 403), NeedsOperator, "lrs.token_refused", "(403)"),
        (Said(b"<html>"), NeedsOperator, "lrs.token_unusable", "200"),
        (Said(b"[]"), NeedsOperator, "lrs.token_unusable", "200"),
        (Said(b"", 404), NeedsOperator, "lrs.token_unusable", "404"),
        (granted("t1", token_type="mac"), NeedsOperator, "lrs.token_unusable", "200"),
        (granted("t1\r\nX: y"), NeedsOperator, "lrs.token_unusable", "200"),
        (granted(""), NeedsOperator, "lrs.token_unusable", "200"),
        (Said(b"", 407), NeedsOperator, "lrs.proxy", "407"),
        (Said(b"", 503, {"Retry-After": "7"}), RetryLater, "lrs.token_failing", "503"),
        (Said(b"", 429), RetryLater, "lrs.token_failing", "429"),
    ],
)
def test_every_answer_of_a_token_endpoint_says_who_must_act(
    said: Said, kind: type[ConnectorError], code: str, words: str
) -> None:
    with (
        FakeLrs(in_turn(said)) as tokens,
        FakeLrs(in_turn(page())) as lrs,
        reading(lrs, tokens) as client,
        pytest.raises(kind) as caught,
    ):
        client.page(ASK)
    assert (caught.value.code, words in caught.value.message) == (code, True)
    assert not any(secret in f"{caught.value}" for secret in ("s3cr", "t1", "X: y"))
    assert lrs.asked == []


@pytest.mark.parametrize("status", [302, 307, 308])
def test_neither_secret_nor_token_follows_a_redirect(status: int) -> None:
    with FakeLrs(in_turn(granted("t9"))) as other:
        there = Said(b"", status, {"Location": other.origin + "/token"})
        with FakeLrs(in_turn(there)) as tokens, pytest.raises(NeedsOperator):
            credentials(tokens, Clock()).authorization()
        there.headers["Location"] = other.endpoint + "/statements"
        with (
            FakeLrs(Endpoint()) as tokens,
            FakeLrs(in_turn(there)) as lrs,
            reading(lrs, tokens) as client,
            pytest.raises(NeedsOperator),
        ):
            client.page(ASK)
    assert other.asked == []


def test_nothing_shows_itself() -> None:
    with FakeLrs(Endpoint()) as tokens:
        login = credentials(tokens, Clock())
        login.authorization()
    assert "t1" not in repr(login)
    assert "s3cr" not in repr(login)


def test_a_source_keeps_its_token_from_reading_to_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers of the file go to the LRS alone, and the client's secret to the token endpoint alone."""
    monkeypatch.setenv("LRS_SECRET", SECRET.strip())
    with FakeLrs(Endpoint()) as tokens, FakeLrs(in_turn(page())) as lrs:
        login = {"token_url": tokens.origin + "/token", "client_id": "c", "client_secret": {"env": "LRS_SECRET"}}
        said = {"name": "campus", "endpoint": lrs.endpoint, "login": login, "timeout": "2s"}
        source = SourceConfig.model_validate(said | {"headers": {"X-Key": {"env": "LRS_SECRET"}, "X-Tenant": "cme"}})
        for _ in range(2):
            with open_client(source) as client:
                client.page(ASK)
    assert len(tokens.asked) == 1
    assert {"x-key", "x-tenant"} & set(tokens.asked[0].headers) == set()
    assert {asked.headers["authorization"] for asked in lrs.asked} == {"Bearer t1"}
    assert {asked.headers["x-tenant"] for asked in lrs.asked} == {"cme"}


@pytest.mark.parametrize("name", ["authorization", "Host", "X-Experience-API-Version", "X Tenant", ""])
def test_no_header_of_the_file_takes_the_place_of_one_of_ours(name: str) -> None:
    login = {"user": "u", "password": {"env": "X"}}
    said = {"name": "campus", "endpoint": "https://lrs.example.org/xapi", "login": login, "headers": {name: "x"}}
    with pytest.raises(ValueError, match="no header of your own"):
        SourceConfig.model_validate(said)
