"""Completions, evidence, undoing, voids and links end in the same awards in whatever order and turns they arrive."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.inquiry import ledger
from tests.learners.middle import ANNA, BORIS, Middle, account, laid_out, reopened, statement, voiding
from tests.learners.test_learners_gathering import FORM, MAIL_ONLY, RULES, SUBMITTED, TAKEN_BACK

MAIL, THREE, BORIS_SENT = {"mbox": "mailto:anna@example.org"}, account("3"), account("4")
VERBS = {"form": SUBMITTED, "undo": TAKEN_BACK}
WORLD: dict[int, tuple[str, dict[str, Any], str]] = {
    1: ("done", MAIL, "2026-03-01T10:00:00+00:00"),
    2: ("done", THREE, "2026-03-10T10:00:00+00:00"),
    3: ("form", THREE, "2026-02-20T10:00:00+00:00"),
    4: ("form", MAIL, "2026-04-05T10:00:00+00:00"),  # in time for the second completion only
    5: ("form", BORIS_SENT, "2026-03-01T10:00:00+00:00"),
    6: ("undo", MAIL, "2026-03-05T10:00:00+00:00"),
    7: ("undo", THREE, "2026-03-10T10:00:00+00:00"),  # told in one instant with the second completion, stored later
    8: ("undo", BORIS_SENT, "2026-03-20T10:00:00+00:00"),
}
LINK = "link"
Move = int | tuple[str, int] | str


def fact(number: int) -> dict[str, Any]:
    what, actor, when = WORLD[number]
    stored = (datetime.fromisoformat(when) + timedelta(seconds=number)).isoformat()
    changes: dict[str, Any] = {"timestamp": when, "stored": stored}
    if what != "done":
        changes["verb"] = {"id": VERBS[what]}
    if what == "form":
        changes["object"] = {"id": FORM}
    return statement(number, actor=actor, **changes)


def ideal(told: set[int]) -> list[str]:
    """The completion dates of what Anna has, by the words of the rule alone: she is the two of them."""
    hers = {number: datetime.fromisoformat(WORLD[number][2]) for number in told if WORLD[number][1] != BORIS_SENT}
    of = {what: {at for number, at in hers.items() if WORLD[number][0] == what} for what in ("done", "form", "undo")}
    earned = [
        at
        for at in of["done"]
        if any(abs(form - at) <= timedelta(days=30) for form in of["form"]) and not any(u >= at for u in of["undo"])
    ]
    return [min(earned).astimezone(UTC).date().isoformat()] if earned else []


def arrived(moves: list[Move], breaks: set[int], store: dict[str, Any] | None = None) -> list[str]:
    folder = Path(tempfile.mkdtemp())
    place = laid_out(folder, **({"store": store} if store else {})).rules(RULES).sheet(MAIL_ONLY, BORIS)
    for number, one in enumerate(moves):
        if one == LINK:
            place.sheet(ANNA, BORIS)
        elif isinstance(one, int):
            place.post(fact(one))
        else:
            place.post(voiding(100 + int(one[1]), int(one[1])))
        if number in breaks:
            place.run(later=timedelta(minutes=5))
            place = reopened(place)
    place.run(later=timedelta(hours=2))
    assert [one for one in ledger.prove(place.store) if one.wrong] == []
    seen = credits_of(place)
    assert place.run() == {}, "and nothing is left to do"
    place.store.dispose()
    shutil.rmtree(folder)
    return seen


def credits_of(place: Middle) -> list[str]:
    dates = {award.id: award.completed_on.isoformat() for award in place.awards()}
    with place.credits() as rows:
        return [dates[row.award_id] for row in rows if row.wanted == "present" and row.reason != "award.same"]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Move], set[int], set[int]]:
    told = draw(st.sets(st.sampled_from(sorted(WORLD)), min_size=3))
    voided = draw(st.sets(st.sampled_from(sorted(told)), max_size=3))
    moves: list[Move] = [*sorted(told), *(("void", number) for number in sorted(voided)), LINK]
    return draw(st.permutations(moves)), draw(st.sets(st.integers(0, 10), max_size=4)), told - voided


@pytest.mark.proof
@settings(derandomize=True, deadline=None, max_examples=5, database=None)
@given(histories())
@example(([2, 3, ("void", 3), 4, LINK], {0, 1, 2, 3}, {2, 4}))
@example(([LINK, 7, 6, 1, 2, 3, ("void", 7)], {1, 3, 5}, {6, 1, 2, 3}))
def test_any_order_and_any_turns_end_as_the_rule_says(history: tuple[list[Move], set[int], set[int]]) -> None:
    moves, breaks, stands = history
    assert arrived(moves, breaks) == ideal(stands)


def test_evidence_is_joined_on_postgresql_too(tmp_path: Path, postgres: Callable[[], str]) -> None:
    moves: list[Move] = [2, 3, 1, 6, LINK, 7, ("void", 7), 8]
    store = {"url": postgres(), "rems_key": tmp_path / "rems.key"}
    assert arrived(moves, {0, 1, 3, 4, 5}, store) == ideal({1, 2, 3, 6}) == ["2026-03-10"]
