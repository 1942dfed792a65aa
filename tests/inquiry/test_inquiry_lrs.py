"""check --lrs: what it says of an endpoint, of the settings in force, and of the two when they do not fit."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stamina

from connector.config import SourceConfig
from connector.inquiry import lrs_report
from connector.inquiry.check import CHECKS, Checked
from connector.lrs.endpoint import Endpoint
from tests.collection.settings import PASSWORD_IN, config_for, source_for
from tests.learners.middle import Middle
from tests.lrs.loopback import FakeLrs, Said
from tests.lrs.product import Manners, campus


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(PASSWORD_IN, "rehearsal-lrs-password")
    with stamina.set_testing(True, attempts=1):
        yield


def source(**changes: Any) -> SourceConfig:
    return source_for("https://lrs.example.org/xapi", **changes)


def endpoint(**changes: Any) -> Endpoint:
    return Endpoint.model_validate({"page_asked": 200, "since_compares": "stored"} | changes)


def codes(found: Endpoint, settings: SourceConfig) -> list[str]:
    return [one.code for one in lrs_report.disagreements(found, settings)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"cursor_field": "default", "page": "default", "sweep": "default", "overlap": "default"}),
        ({"product": "ralph"}, {"product": "config.yaml", "cursor_field": "product", "page": "product"}),
        ({"product": "ralph"}, {"sweep": "default", "look_back": "default"}),
        ({"product": "ralph", "page": 20}, {"cursor_field": "product", "page": "config.yaml"}),
        ({"cursor_field": "timestamp"}, {"cursor_field": "config.yaml", "sweep": "default", "look_back": "default"}),
        ({"cursor_field": "timestamp", "sweep": "30d"}, {"sweep": "config.yaml"}),
        ({"product": "trax"}, {"rewrite_more": "product"}),
        ({"product": "trax", "rewrite_more": False}, {"rewrite_more": "config.yaml"}),
    ],
)
def test_every_setting_in_force_says_where_it_comes_from(changes: dict[str, Any], expected: dict[str, str]) -> None:
    said = {one.name: one.because for one in lrs_report.settings(source(**changes))}
    assert {name: said[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("found", "settings", "code"),
    [
        ({"since_compares": "timestamp"}, {}, "lrs.since_by_timestamp"),
        ({"since_compares": "timestamp"}, {"product": "ralph"}, None),
        ({"since_compares": None}, {}, None),
        ({"since_compares": "stored"}, {"product": "ralph"}, None),
        ({"since_compares": "nothing"}, {}, "lrs.since_ignored"),
        ({"more": "elsewhere"}, {}, "lrs.more_elsewhere"),
        ({"more": "elsewhere", "more_works": True}, {"rewrite_more": True}, None),
        ({"more": "relative", "more_works": False}, {}, "lrs.more_broken"),
        ({"page_got": 50, "order": "none", "until": "ignored", "verb_filter": "ignored"}, {}, None),
        ({"latest": timedelta(days=500)}, {"product": "ralph"}, "lrs.later_than_sweep"),
        ({"latest": timedelta(days=500)}, {}, None),
    ],
)
def test_only_what_loses_or_stops_is_a_failed_check(
    found: dict[str, Any], settings: dict[str, Any], code: str | None
) -> None:
    assert codes(endpoint(**found), source(**settings)) == ([code] if code else [])


def test_it_says_how_late_is_too_late() -> None:
    (stored,) = [line for line in lrs_report.sentences(endpoint(), source()) if "only by `backfill`" in line]
    assert ("2m after it was stored" in stored, "7d by the daily sweep" in stored) == (True, True)
    ralph = list(lrs_report.sentences(endpoint(since_compares="timestamp"), source(product="ralph")))
    (late,) = [line for line in ralph if "only by `backfill`" in line]
    assert ("14d after its own timestamp" in late, "400d by the weekly sweep" in late) == (True, True)
    assert "known of ralph: since and until compare timestamp (ran)" in ralph


@pytest.mark.parametrize(
    ("found", "settings", "says"),
    [
        ({"since_compares": "timestamp"}, {}, False),
        ({"since_compares": "nothing"}, {}, False),
        ({"more": "elsewhere"}, {}, False),
        ({"more": "relative", "more_works": False}, {}, False),
        ({"latest": timedelta(days=500)}, {"product": "ralph"}, True),
    ],
)
def test_what_loses_statements_is_not_praised_for_finding_them(
    found: dict[str, Any], settings: dict[str, Any], *, says: bool
) -> None:
    lines = list(lrs_report.sentences(endpoint(**found), source(**settings)))
    assert any("is found by the next poll" in line for line in lines) is says


def test_what_is_not_known_is_said_and_never_guessed() -> None:
    lines = list(lrs_report.sentences(Endpoint(page_asked=200), source()))
    (unknown,) = [line for line in lines if line.startswith("not known")]
    assert all(name in unknown for name in ("order", "`since`", "`until`", "`more`", "`verb=`"))
    assert not [line for line in lines if line.startswith(("`since`", "`until`", "`more`", "oldest"))]


def asked(place: Middle, manners: Manners | Said, **changes: Any) -> list[Checked]:
    with FakeLrs(manners if isinstance(manners, Manners) else lambda _asked: manners) as lrs:
        config = config_for(source_for(lrs.endpoint, **changes))
        return list(CHECKS["lrs"](config, place.store))


def test_a_contradiction_is_a_failed_check_with_its_cure(place: Middle) -> None:
    (bad,) = asked(place, Manners(campus(), since="timestamp"))
    assert (bad.good, bad.code, "product: ralph" in bad.hint) == (False, "lrs.since_by_timestamp", True)
    assert "`since` looks at timestamp, not at stored" in bad.message
    assert (bad.facts["found"]["since_compares"], "is found by the next poll" in bad.message) == ("timestamp", False)
    assert [one.good for one in asked(place, Manners(campus(), since="timestamp"), product="ralph")] == [True]


def test_programs_get_the_same_and_nobody_gets_a_statement(place: Middle) -> None:
    (good,) = asked(place, Manners(campus()))
    assert good.facts["found"]["order"] == "stored"
    assert {"name": "page", "value": "200", "because": "default"} in good.facts["settings"]
    shown = good.model_dump_json()
    assert not any(word in shown for word in ("Learner", "moodle.example.org", "rehearsal-lrs-password"))


def test_a_login_that_is_refused_is_said(place: Middle) -> None:
    (refused,) = asked(place, Said(b"", 401))
    assert (refused.good, refused.code) == (False, "lrs.login")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(lrs_report).failed == 0
