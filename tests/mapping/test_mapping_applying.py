"""A plan that is stopped, overtaken, agreed to in part or too early: nothing is half done, nothing is doubled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from connector.learners import corrections
from connector.learners import stage as learners
from connector.mapping import rule_files
from connector.mapping import stage as mapping
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions import active, apply, differences, plan
from connector.metrics import MAPPING_WAITS
from connector.records import Counts
from connector.store.states import LIVE
from connector.store.tables import Award, Credit, EvidenceRow
from connector.validation import stage as validation
from tests.learners.middle import ACTIVITY, RULE, Middle, laid_out, statement
from tests.mapping.planned import agree, answers, foretold, planned, turn
from tests.mapping.test_mapping_plan import BORIS_IS, MORE, MOVED, OTHER, RENAMED

NAMED_AND_MOVED = RENAMED.replace("203512345", OTHER)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path).activity(ACTIVITY, ACTIVITY | {"activity_id": OTHER})
    laid.post(statement(1, timestamp="2026-03-09T20:00:00Z"), statement(2, actor=BORIS_IS))
    yield laid
    laid.store.dispose()


def standing_for(place: Middle) -> list[tuple[int, str]]:
    """Learner and activity of all that is wanted and at PARS, or ready to leave."""
    with place.store.reading() as session:
        rows = select(Award.learner_id, Award.activity_id, Credit.state, Credit.wanted).join(Credit)
        found = session.exec(rows).all()
    return sorted((who, what) for who, what, state, _ in found if state in LIVE or state == "ready")


def killed(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of applying, after one statement."""
    monkeypatch.setattr(differences, "CHUNK", 1)
    plain, times = apply._write, []

    def dies(*args: Any, **more: Any) -> Any:
        times.append(1)
        if len(times) > 1:
            raise KeyboardInterrupt
        return plain(*args, **more)

    monkeypatch.setattr(apply, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        turn(place)
    monkeypatch.setattr(apply, "_write", plain)


@pytest.mark.parametrize("next_rules", [RULE, RULE.replace("203512345", OTHER).replace("1.25", "1.50")])
def test_what_is_begun_is_finished_whatever_rules_came_since(
    place: Middle, monkeypatch: pytest.MonkeyPatch, next_rules: str
) -> None:
    place.rules(RULE).run()
    place.send().rules(MOVED)
    agree(place, planned(place))
    turn_first = planned(place)
    killed(place, monkeypatch)
    place.rules(next_rules)
    place.clock += timedelta(minutes=1)
    touched = place.clock.timestamp() - 10
    os.utime(place.config.mappings / "rules.yaml", (touched, touched))
    place.post(statement(9, timestamp="2026-03-11T20:00:00Z"))
    place.run()
    assert answers(place) == [apply.APPLIED]
    assert {row.left_award for row in place.evidence()} == {None}
    assert {row.completion["activity_id"] for row in place.evidence()[:2] if row.completion} == {OTHER}
    assert turn_first.target != planned(place).target


def test_only_what_is_new_never_stands_beside_what_it_takes_over(place: Middle) -> None:
    place.rules(RULE).run()
    place.send().rules(NAMED_AND_MOVED)
    found = planned(place, adds_only=True)
    assert found.is_empty
    turn(place)
    agree(place, found, adds_only=True)
    place.run()
    place.run()
    assert answers(place) == [apply.APPLIED]
    assert {what for _, what in standing_for(place)} == {"203512345"}
    assert foretold(planned(place)) == {"reported_again": 2}


def test_a_new_name_waits_until_all_is_applied(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rules(RULE).run()
    place.send().rules(NAMED_AND_MOVED)
    agree(place, planned(place))
    killed(place, monkeypatch)
    with place.at():
        learners.run(place.store, place.config)
        validation.run(place.store, place.config)
    assert {what for _, what in standing_for(place)} == {"203512345"}
    place.run()
    place.run()
    assert {what for _, what in standing_for(place.send())} == {"203512345"}  # the new ones wait for its withdrawal


def test_a_new_name_waits_where_its_correction_makes_us_stumble(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rules(RULE).run()
    place.send().rules(NAMED_AND_MOVED)
    agree(place, planned(place))
    monkeypatch.setattr(corrections, "correct", lambda *_: {}[1])
    place.run()
    place.run()
    assert {what for _, what in standing_for(place)} == {"203512345"}


def test_stopped_while_it_looks_it_asks_again(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rules(RULE).run()
    place.rules(MORE)
    agree(place, planned(place))
    plain = plan.look

    def look(*args: Any, **more: Any) -> Any:
        place.store.stopping.set()
        return plain(*args, **more)

    monkeypatch.setattr(plan, "look", look)
    turn(place)
    assert answers(place) == [""]
    place.store.stopping.clear()
    monkeypatch.setattr(plan, "look", plain)
    turn(place)
    assert answers(place) == [apply.APPLIED]


def test_a_daemon_that_has_not_seen_the_new_rules_leaves_it_alone(place: Middle) -> None:
    place.rules(RULE).run()
    with place.store.reading() as session:
        row = active.active_row(session)
    assert row
    old = rule_files.stored(row.hash, row.files, defaults_of(place.config))
    place.rules(MORE)
    turn(place)
    agree(place, planned(place))
    with place.at():
        apply.carry_out(place.store, place.config, old, Counts())
    assert answers(place) == [""]
    turn(place)
    assert answers(place) == [apply.APPLIED]


def test_a_plan_for_files_that_are_being_written_waits_for_them(place: Middle) -> None:
    place.clock = datetime.now(UTC)
    place.rules(RULE).run()
    place.rules(MORE)
    place.clock = datetime.now(UTC)
    agree(place, planned(place))
    turn(place)
    assert answers(place) == [""]
    place.clock += timedelta(seconds=10)
    turn(place)
    assert answers(place) == [apply.APPLIED]


def test_the_metric_falls_when_a_plan_is_carried_out(place: Middle) -> None:
    place.rules(RULE).run()
    place.rules(MORE)
    turn(place)
    mapping.count_waiting(place.store, place.config)
    assert MAPPING_WAITS.labels(what="changes")._value.get() == 2
    agree(place, planned(place))
    place.run()
    mapping.count_waiting(place.store, place.config)
    assert MAPPING_WAITS.labels(what="changes")._value.get() == 0


def test_an_open_date_of_what_was_sent_is_a_move_of_its_own(place: Middle) -> None:
    place.rules(RULE).run()
    place.send().rules(MOVED + "    completed_on: {from: moodle}\n")
    found = planned(place)
    assert found.moved == [OTHER]
    with place.credits() as rows:
        rows[0].wanted = "absent"
    assert planned(place).id != found.id


def test_where_moodle_knows_nobody_nothing_moves_and_a_person_is_called(place: Middle) -> None:
    place.rules(RULE).run()
    place.send().rules(MOVED)
    agree(place, planned(place))
    turn(place)
    with place.session() as session:
        for row in session.exec(select(EvidenceRow)):
            row.outcome, row.reason = "problem", "moodle.no_user"
            corrections.call_person(session, row.left_award or 0, row.reason, place.clock)
    place.run()
    with place.credits() as rows:
        assert {(row.state, row.wanted, row.attention) for row in rows} == {("confirmed", "present", "moodle.no_user")}
