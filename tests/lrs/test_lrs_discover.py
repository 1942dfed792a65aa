"""discover: what cannot be told is not told. What the rehearsal LRS can show is in test_lrs_rehearsed.py."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from connector.errors import ConnectorError
from connector.lrs.client import LrsClient, open_http
from connector.lrs.discover import discover
from connector.lrs.endpoint import Endpoint
from connector.lrs.login import Basic
from tests.lrs.loopback import FakeLrs, Said
from tests.lrs.product import NOON, Manners, campus, held

PATIENCE = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


def found(manners: Manners, page: int = 100) -> Endpoint:
    with FakeLrs(manners) as lrs:
        login = Basic("u", SecretStr("p"))
        with LrsClient(lrs.endpoint, login, open_http(timedelta(seconds=5))) as client:
            return discover(client, page, PATIENCE)


def test_a_right_lrs_is_found_right() -> None:
    manners = Manners(campus())
    assert found(manners) == Endpoint(
        versions=("1.0.3", "2.0.0"),
        answers_as="1.0.3",
        consistent_through="now",
        order="stored",
        page_asked=100,
        more="relative",
        more_works=True,
        verb_filter="works",
        since_compares="stored",
        since_edge="exclusive",
        until="inclusive",
        looked_at=6,
        own_times=6,
        late=6,
        latest=timedelta(hours=1),
    )
    assert len(manners.questions) <= 10


@pytest.mark.parametrize(
    ("manners", "expected"),
    [
        ({"since": "timestamp"}, {"since_compares": "timestamp", "since_edge": "exclusive", "order": "stored"}),
        ({"since": "nothing"}, {"since_compares": "nothing", "since_edge": None}),
        ({"cap": 4}, {"page_got": 4, "since_compares": "stored"}),
        ({"refuses_verbs": True}, {"verb_filter": None, "order": "stored"}),
        ({"behind": timedelta(seconds=3)}, {"consistent_through": "behind", "behind": timedelta(seconds=3)}),
        ({"behind": timedelta(hours=-1)}, {"consistent_through": "ahead", "behind": timedelta(hours=1)}),
        ({"about": b"<html>", "version": None}, {"versions": (), "answers_as": ""}),
    ],
)
def test_a_products_manner_is_found_out(manners: dict[str, Any], expected: dict[str, Any]) -> None:
    said = found(Manners(campus(), **manners)).model_dump()
    assert {name: said[name] for name in expected} == expected


def test_an_order_of_none_is_called_none() -> None:
    shuffled = campus(12)
    random.Random(3).shuffle(shuffled)
    assert found(Manners(shuffled, sorts=False)).order == "none"


def test_an_order_by_timestamp_is_told_from_one_by_stored() -> None:
    mixed = [held(one, NOON - timedelta(minutes=one), timedelta(hours=2, minutes=-3 * one)) for one in range(1, 7)]
    said = found(Manners(mixed, since="timestamp"))
    assert (said.order, said.since_compares) == ("timestamp", "timestamp")


def test_a_busy_lrs_that_compares_timestamp_is_still_found_out() -> None:
    """What came since would fill the page: it says nothing of the late ones, which the pages show first."""
    late = [held(one, NOON + timedelta(seconds=one), timedelta(days=2)) for one in range(1, 6)]
    busy = [held(one, NOON + timedelta(hours=one)) for one in range(10, 40)]
    assert found(Manners(late + busy, since="timestamp", sorts=False), page=5).since_compares == "timestamp"


def test_the_statements_of_one_post_tell_no_order() -> None:
    assert found(Manners([held(one, NOON, timedelta(minutes=one * one % 7)) for one in range(1, 12)])).order is None


@pytest.mark.parametrize("since", ["stored", "timestamp", "nothing"])
def test_an_empty_lrs_says_nothing_of_its_manners(since: str) -> None:
    said = found(Manners([], since=since))
    unknown = (
        "order",
        "page_got",
        "more",
        "more_works",
        "verb_filter",
        "since_compares",
        "since_edge",
        "until",
        "latest",
    )
    assert [getattr(said, name) for name in unknown] == [None] * len(unknown)
    assert (said.looked_at, said.versions) == (0, ("1.0.3", "2.0.0"))


def test_one_statement_tells_no_order_and_no_until() -> None:
    said = found(Manners(campus(1)))
    assert (said.order, said.until, said.more) == (None, None, None)
    assert (said.since_compares, said.since_edge) == ("stored", "exclusive")


def test_without_times_of_their_own_nobody_knows_what_since_looks_at() -> None:
    """H5P: the LRS fills in the timestamp, and both times are one."""
    said = found(Manners(campus(late=timedelta())))
    assert (said.own_times, said.late, said.latest) == (0, 0, None)
    assert (said.since_compares, said.since_edge, said.until) == (None, "exclusive", "inclusive")
    assert found(Manners(campus(late=timedelta()), since="nothing")).since_compares == "nothing"


def test_a_time_in_microseconds_tells_no_edge() -> None:
    said = found(Manners(campus(micro=7)))
    assert (said.since_compares, said.since_edge, said.until) == ("stored", None, "honoured")


def test_more_newcomers_than_a_page_leave_the_edge_open() -> None:
    """Every statement of one POST has one `stored`: the witness may stand behind the page's end."""
    ties = [held(one, NOON, timedelta(hours=1)) for one in range(1, 30)]
    said = found(Manners(ties), page=5)
    assert (said.order, said.until) == (None, None)
    assert (said.since_compares, said.since_edge) == ("stored", "exclusive")


def test_a_refusal_of_what_a_poll_asks_is_no_discovery() -> None:
    with (
        FakeLrs(lambda _asked: Said(b"", 400)) as lrs,
        LrsClient(lrs.endpoint, Basic("u", SecretStr("p")), open_http()) as client,
        pytest.raises(ConnectorError) as caught,
    ):
        discover(client, 100, PATIENCE)
    assert caught.value.code == "lrs.refused"


def test_statements_that_cannot_be_read_do_not_stop_it() -> None:
    odd = campus(5)
    odd[2] = type(odd[2])(odd[2].stored, odd[2].timestamp, b'{"id":7,"stored":"yesterday"}', odd[2].verb)
    said = found(Manners(odd))
    assert (said.looked_at, said.order, said.since_compares) == (4, "stored", "stored")
