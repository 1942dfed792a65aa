"""The invented world: everything a demo must show is in it, and the sheets agree with what PARS holds."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.lrs.checks import VOIDED, Wrong, check
from connector.sandbox.pars.learners import is_npi
from connector.sandbox.server import Sandbox
from connector.sandbox.world.world import World

WORLD = World(date(2026, 3, 10))
NOON = datetime(2026, 3, 10, 18, tzinfo=UTC)
LEARNERS = {row["username"]: row for row in csv.DictReader(io.StringIO(WORLD.learners_csv()))}
ACTIVITIES = {row["activity_id"]: row for row in csv.DictReader(io.StringIO(WORLD.activities_csv()))}
KNOWN = {one.ref: one for one in WORLD.learners}


def test_a_strict_lrs_takes_what_is_sent_and_not_what_is_planted() -> None:
    for statement in [*WORLD.statements(), *WORLD.late_statements()]:
        check(statement)
    for raw in WORLD.lax_statements(NOON):
        with pytest.raises(Wrong, match="not a number"):
            check(orjson.loads(raw))


def test_every_sender_is_there() -> None:
    objects = {statement["object"]["id"] for statement in WORLD.statements()}
    senders = (
        "https://lms.example.org/course/view.php?id=57", "https://old-lms.example.org/course/view.php?id=7",
        "https://lms.example.org/cmi5/hypertension-2026", "urn:articulate:storyline:5mVbQzTt8Rw",
        "https://learn.example.org/wp-admin/admin-ajax.php?action=h5p_embed&id=17",
        "https://edx.example.org/course/course-v1:ExampleCME+POCUS+2026",
        "https://learn.example.org/courses/diabetes-update/",
    )  # fmt: skip
    assert set(senders) <= objects
    assert any(thing.endswith("_rise") for thing in objects)


def test_nothing_lies_in_the_future_and_nothing_is_older_than_a_week() -> None:
    for today in (date(2026, 1, 2), date(2026, 3, 10), date(2028, 2, 29)):
        noon = datetime.fromisoformat(f"{today}T18:00:00+00:00")
        for statement in World(today).statements():
            if "timestamp" in statement:
                assert noon - timedelta(days=7) < datetime.fromisoformat(statement["timestamp"]) < noon


def test_the_resent_batch_has_no_id_to_tell_it_by() -> None:
    texts = Counter(orjson.dumps(statement, option=orjson.OPT_SORT_KEYS) for statement in WORLD.statements())
    [twice] = [orjson.loads(text) for text, count in texts.items() if count == 2]
    assert "id" not in twice
    assert twice["actor"]["account"]["name"] == LEARNERS["jbrown"]["account"]


def test_the_late_statement_voids_one_that_was_sent() -> None:
    [voiding] = WORLD.late_statements()
    assert voiding["verb"]["id"] == VOIDED
    assert voiding["object"]["id"] in {statement.get("id") for statement in WORLD.statements()}


def test_a_completion_in_the_evening_is_the_next_day_in_utc() -> None:
    sent = [one["object"]["id"] for one in WORLD.statements() if one.get("timestamp") == "2026-03-06T04:30:00.000Z"]
    assert sent == ["https://lms.example.org/course/view.php?id=57"]


def test_the_provider_knows_everybody_but_one_stranger_and_pars_all_but_one_as_the_sheet_has_them() -> None:
    assert "visitor" not in LEARNERS
    differing = [name for name, row in LEARNERS.items() if KNOWN[name].birth.replace("-", "/") != row["birth_day"]]
    assert differing == ["elind"]
    assert all(is_npi(row["npi"]) for row in LEARNERS.values())
    lena = LEARNERS["lvogel"]
    assert (lena["state"], lena["licence"]) == ("NC;VA", "2011-00112;0101-112")


def test_names_are_as_odd_as_names_are() -> None:
    names = {one.given for one in WORLD.learners} | {one.family for one in WORLD.learners}
    for part in ("'", "-", "í", "李", "ß", "FNU"):
        assert any(part in name for name in names)


def test_fates_that_the_demo_shows() -> None:
    assert {name: KNOWN[name].fate for name in ("bachebe", "cricci", "dpatel")} == {
        "bachebe": "accepts", "cricci": "slow", "dpatel": "rejects",
    }  # fmt: skip
    assert {LEARNERS[name]["profession"] for name in ("fhaddad", "gmoreau")} == {"NP", "PA"}
    assert LEARNERS["hsato"]["consent"] == "no"
    assert LEARNERS["lvogel"]["rems_practice_area"] == "Pain"


def test_the_sheet_does_not_know_that_pars_has_closed_an_activity() -> None:
    held = {activity.activity_id: activity for activity in WORLD.activities}
    assert [held[one].title for one in ACTIVITIES if held[one].state == "Closed"] == ["Stroke Update"]
    assert ACTIVITIES["203512345"]["rems_type"] == "Opioid Analgesic"
    assert ACTIVITIES["203512346"]["boards"] == "ABIM"


def test_a_loaded_sandbox_holds_it_all_and_takes_what_comes_late() -> None:
    with Sandbox(today=WORLD.today) as sandbox:
        held = list(sandbox.lrs.statements())
        assert len(held) == len(WORLD.statements()) + len(WORLD.lax_statements(NOON))
        sandbox.post(sandbox.world.late_statements())
        assert sandbox.banner in sandbox.pars.ledger()["rehearsal"]


def test_without_a_day_the_clock_is_the_real_one() -> None:
    clock = Clock()
    first = clock.now()
    clock.advance(60)
    assert timedelta(seconds=60) <= clock.now() - first < timedelta(seconds=70)
