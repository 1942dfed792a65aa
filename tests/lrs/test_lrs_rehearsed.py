"""discover, login and client against the rehearsal LRS, which shows the manners of real products by its switches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import stamina

from connector.config import SourceConfig
from connector.endpoints import open_client
from connector.lrs.client import Query
from connector.lrs.discover import discover
from connector.sandbox.server import Sandbox
from tests.collection.settings import PASSWORD_IN, source_for
from tests.lrs.samples import moodle


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Twelve statements, a minute apart, each two hours after its own time, of two verbs."""
    with Sandbox(today=date(2026, 3, 1), load=False) as sandbox:
        for number in range(12):
            verb = {"verb": {"id": f"http://adlnet.gov/expapi/verbs/{('completed', 'passed')[number % 2]}"}}
            happened = sandbox.clock.now() - timedelta(hours=2)
            statement = moodle(number + 1) | verb | {"timestamp": happened.isoformat()}
            sandbox.post([{name: value for name, value in statement.items() if name not in ("stored", "authority")}])
            sandbox.clock.advance(60)
        yield sandbox


@pytest.fixture
def rehearsal(shared: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv(PASSWORD_IN, shared.credentials.lrs_password)
    with stamina.set_testing(True, attempts=1):
        yield shared
    shared.switches.clear()


def source(rehearsal: Sandbox, **changes: Any) -> SourceConfig:
    return source_for(rehearsal.lrs_url, **{"timeout": "10s", "page": 50} | changes)


def oauth(rehearsal: Sandbox) -> dict[str, Any]:
    own = rehearsal.credentials
    return {"token_url": rehearsal.token_url, "client_id": own.lrs_client, "client_secret": {"env": "LRS_SECRET"}}


RIGHT = {
    "consistent_through": "now", "order": "stored", "more": "relative", "more_works": True, "verb_filter": "works",
    "since_compares": "stored", "since_edge": "exclusive", "until": "inclusive", "page_got": None, "looked_at": 12,
}  # fmt: skip


@pytest.mark.parametrize(
    ("switch", "otherwise"),
    [
        ("", {}),
        ("since-inclusive", {"since_edge": "inclusive"}),
        ("until-exclusive", {"until": "exclusive"}),
        ("since-by-timestamp", {"since_compares": "timestamp"}),
        ("order-by-timestamp", {}),  # here both orders are one
        ("ignore-until", {"until": "ignored"}),
        ("ignore-verb", {"verb_filter": "ignored"}),
        ("deaf-verb", {"verb_filter": "finds nothing"}),
        ("ignore-ascending", {"order": "descending"}),
        ("ascending-per-page", {"order": "descending"}),
        ("absolute-more", {"more": "own"}),
        ("absolute-more-http", {"more": "elsewhere", "more_works": None}),
        ("foreign-more", {"more": "elsewhere", "more_works": None}),
        ("expired-more", {"more_works": False}),
        ("looping-more", {"more_works": False}),
        ("no-consistent-through", {"consistent_through": "absent"}),
        ("consistent-lag", {"consistent_through": "behind"}),
        ("multipart", {}),
    ],
)
def test_a_rehearsed_manner_is_found_out(rehearsal: Sandbox, switch: str, otherwise: dict[str, Any]) -> None:
    if switch:
        rehearsal.switch(switch, times=None)
    with open_client(source(rehearsal)) as client:
        found = discover(client, 50, timedelta(minutes=2)).model_dump()
    assert {name: found[name] for name in RIGHT} == RIGHT | otherwise


def test_a_page_that_is_cut_is_noticed(rehearsal: Sandbox) -> None:
    rehearsal.switch("page-cap", times=None, count=5)
    with open_client(source(rehearsal)) as client:
        found = discover(client, 50, timedelta(minutes=2))
    assert (found.page_asked, found.page_got, found.more_works) == (50, 5, True)


def test_version_2_is_asked_for_and_answered(rehearsal: Sandbox) -> None:
    rehearsal.switch("version-2", times=None)
    with open_client(source(rehearsal, version="2.0.0")) as client:
        assert client.page(Query(since=None, limit=1)).version == "2.0.0"


@pytest.mark.parametrize("switch", ["absolute-more-http", "foreign-more"])
def test_an_inner_name_in_more_is_read_at_home(rehearsal: Sandbox, switch: str) -> None:
    rehearsal.switch(switch, times=None)
    with open_client(source(rehearsal, product="trax")) as client:
        first = client.page(Query(since=None, limit=7))
        assert client.whither(first.more) == "elsewhere"
        assert len(first.statements + client.follow(first.more).statements) == 12


def test_a_token_that_is_forgotten_is_asked_for_anew(rehearsal: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_SECRET", rehearsal.credentials.lrs_secret)
    with open_client(source(rehearsal, login=oauth(rehearsal))) as client:
        assert len(client.page(Query(since=None, limit=50)).statements) == 12
        rehearsal.switch("expire-token")
        assert len(client.page(Query(since=None, limit=50)).statements) == 12
