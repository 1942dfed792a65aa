"""Learners from an endpoint of the house: by GET or POST, and an answer that is none is never taken for nobody."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx._transports import default

from connector.config import HttpEndpoint
from connector.errors import ConfigError, ConnectorError, NeedsOperator, RetryLater
from connector.learners.sources.http_json import HttpPeople
from connector.records import ActorKey
from tests.learners.house import ODD, Endpoint, settings
from tests.learners.middle import ANNA, BORIS, SITE

TRUST = ssl.create_default_context()
MAIL, ACCOUNT = ActorKey("mbox:anna@example.org"), ActorKey(f"account:{SITE}|3")
NOBODY = ActorKey("mbox:nobody@example.org")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Endpoint().serving() as endpoint:
        yield endpoint


@pytest.fixture
def asking(house: Endpoint) -> Callable[..., HttpPeople]:
    def make(by: str = "", **more: Any) -> HttpPeople:
        return HttpPeople(HttpEndpoint.model_validate(settings(house, by, **more)["http"]), "http:127.0.0.1")

    return make


def test_one_is_asked_for_by_a_quoted_address(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    odd = ActorKey(f"mbox:{ODD['email']}")
    found = asking("email").fetch([odd, MAIL, NOBODY, ACCOUNT])
    assert {*found} == {odd, MAIL}
    assert ("GET", ODD["email"]) in house.asked
    assert [one for _, one in house.asked if one.startswith("3")] == []
    assert found[odd].learner.family_name
    assert found[odd].learner.family_name.get_secret_value() == ODD["family_name"]


def test_many_are_asked_for_in_batches(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    people = [ANNA | {"email": f"p{n}@example.org", "account": str(100 + n), "username": f"p{n}"} for n in range(5)]
    house.people = people
    found = asking(batch=2).fetch([ActorKey(f"mbox:p{n}@example.org") for n in range(5)])
    assert len({key for key in found if key.startswith("mbox:")}) == 5
    assert max(len(said["emails"]) + len(said["accounts"]) for _, said in house.asked) == 2
    assert house.asked[0] == ("POST", {"emails": ["p0@example.org", "p1@example.org"], "accounts": []})


def test_paths_lead_to_people_and_their_columns(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    house.people = [{"email": "anna@example.org", "account": "3", "name": {"last": "Quixley"}, "npi": 1234567893}]
    house.wrap = lambda people: {"data": {"items": people}}
    source = asking(
        "email", people="data.items", fields={"family_name": "name.last", "npi": "npi", "state": "join(name, `1`)"}
    )
    (found,) = source.fetch([MAIL]).values()
    assert found.learner.family_name
    assert found.learner.family_name.get_secret_value() == "Quixley"
    assert found.learner.ids["NPI"].get_secret_value() == "1234567893"
    assert [problem.field for problem in source.prove(MAIL)] == ["state"]


def test_who_is_not_named_in_the_answer_is_whoever_was_asked_for(
    asking: Callable[..., HttpPeople], house: Endpoint
) -> None:
    fields = {"npi": "npi"}
    assert asking("account", fields=fields).fetch([ACCOUNT])[ACCOUNT].keys == (ACCOUNT,)
    assert MAIL in asking("email", fields=fields).fetch([MAIL])
    house.people = [ANNA, BORIS | {"email": ANNA["email"]}]
    assert asking("email", fields=fields).fetch([MAIL]) == {}, "an endpoint that does not filter names nobody"


def test_another_person_than_the_one_asked_for_is_nobody(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    house.wrap = lambda _: [BORIS]
    assert asking("email").fetch([MAIL]) == {}
    assert asking("account").fetch([ACCOUNT]) == {}
    assert asking().fetch([MAIL]) == {}
    house.wrap = lambda _: [ANNA, BORIS | {"email": ANNA["email"]}]
    assert MAIL not in asking().fetch([MAIL])


@pytest.mark.parametrize("nobody", [[], None, {}, {"error": "no such user"}, [{"email": None}]])
def test_an_answer_without_anybody(asking: Callable[..., HttpPeople], house: Endpoint, nobody: Any) -> None:
    house.wrap = lambda _: nobody
    for by, key in (("email", MAIL), ("account", ACCOUNT), ("", MAIL)):
        assert asking(by).fetch([key]) == {}


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ((200, b"<html>anna@example.org</html>", {"Content-Type": "text/html"}), NeedsOperator, "learner.unreadable"),
        ((200, b"[1]", JSON), NeedsOperator, "learner.unreadable"),
        ((200, b'"anna@example.org"', JSON), NeedsOperator, "learner.unreadable"),
        ((302, b"", {"Location": "/login"}), NeedsOperator, "learner.unreadable"),
        ((400, b"anna@example.org", {}), NeedsOperator, "learner.unreadable"),
        ((401, b"", {}), NeedsOperator, "learner.refused"),
        ((403, b"", {}), NeedsOperator, "learner.refused"),
        ((429, b"", {"Retry-After": "77"}), RetryLater, "learner.failing"),
        ((500, b"", {}), RetryLater, "learner.failing"),
        ((503, b"", {}), RetryLater, "learner.failing"),
    ],
)
@pytest.mark.parametrize("by", ["email", ""])
def test_what_is_no_answer_is_an_error_without_a_value(
    asking: Callable[..., HttpPeople], house: Endpoint, by: str, fault: Any, kind: type[ConnectorError], code: str
) -> None:
    house.fault = fault
    with pytest.raises(ConnectorError) as caught:
        asking(by).fetch([MAIL])
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert "anna" not in str(caught.value)
    if isinstance(caught.value, RetryLater):
        assert caught.value.wait == (77 if fault[0] == 429 else None)


def test_nobody_and_no_such_address_are_told_apart_by_the_way_of_asking(
    asking: Callable[..., HttpPeople], house: Endpoint
) -> None:
    house.fault = (404, b"", {})
    assert asking("email").fetch([MAIL]) == {}
    with pytest.raises(NeedsOperator) as caught:
        asking().fetch([MAIL])
    assert caught.value.code == "learner.unreadable"


def test_login_and_headers_go_with_every_request(
    asking: Callable[..., HttpPeople], house: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZQ", "pässword")
    login = {"user": "reader", "password": {"env": "ZQ"}}
    asking("email", login=login, headers={"X-Tenant": "cme", "X-Key": {"env": "ZQ"}}).fetch([MAIL])
    assert house.headers["x-tenant"] == "cme"
    assert house.headers["authorization"].startswith("Basic ")
    assert "x-key" in house.headers


def test_an_endpoint_that_is_down_is_waited_for(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    house.address = "http://127.0.0.1:9/staff"
    with pytest.raises(RetryLater) as caught:
        asking("email").fetch([MAIL])
    assert caught.value.code == "learner.unreachable"


@pytest.mark.parametrize(
    "wrong", [{"fields": {"npi_number": "npi"}}, {"fields": {"npi": "npi["}}, {"people": "items[["}]
)
def test_a_field_or_a_path_that_cannot_be_is_a_fault_of_the_file(
    asking: Callable[..., HttpPeople], wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        asking("email", **wrong)
    assert caught.value.code == "config.learner_path"


def test_only_askable_actors_wait_for_it(asking: Callable[..., HttpPeople]) -> None:
    strangers = {ActorKey("account:https://else.example|3"), ActorKey("openid:https://id.example/a")}
    every = {MAIL, ACCOUNT, ActorKey("mbox_sha1sum:" + 40 * "a"), *strangers}
    assert asking("email").speaks_for(every) == {MAIL}
    assert asking("account").speaks_for(every) == {ACCOUNT}
    assert asking().speaks_for(every) == {MAIL, ACCOUNT}
    assert asking("account", home_page="").speaks_for(every) == {ACCOUNT, ActorKey("account:https://else.example|3")}


def test_what_is_missing_of_a_known_learner_is_named(asking: Callable[..., HttpPeople], house: Endpoint) -> None:
    assert [problem.field for problem in asking("email", fields={"npi": "nppi"}).prove(MAIL)] == [""]
    house.people = [ANNA | {"npi": None}]
    source = asking(fields={"email": "email", "npi": "npi", "family_name": "family_name"})
    assert [problem.field for problem in source.prove(MAIL)] == ["npi"]
    assert "does not know" in source.prove(NOBODY)[0].message
