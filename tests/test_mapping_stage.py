"""Statements become outcomes once, under the rules in force; a bad rule never goes live (promise P7)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.errors import MappingError
from connector.mapping import outcomes as outcomes_
from connector.mapping import rule_files, stage
from connector.metrics import MAPPING_VALID
from connector.store.tables import Event, MappingVersion, StatementRow
from tests.learners.middle import RULE, Middle, configured, laid_out, statement, voiding

OTHER = RULE.replace("name: course", "name: other").replace("/course", "/mod/quiz")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    yield laid
    laid.store.dispose()


def turn(place: Middle) -> Any:
    with place.at():
        return stage.run(place.store, place.config)


def outcomes(place: Middle) -> list[tuple[str, str, bool]]:
    return [(row.rule, row.outcome, row.standing) for row in place.evidence()]


def versions(place: Middle) -> list[tuple[int, bool]]:
    with place.store.reading() as session:
        return [(row.id, row.active) for row in session.exec(select(MappingVersion).order_by(col(MappingVersion.id)))]


def valid() -> float:
    return MAPPING_VALID._value.get()


def mapped_with(place: Middle) -> list[int | None]:
    with place.store.reading() as session:
        return list(session.exec(select(StatementRow.mapped_with).order_by(col(StatementRow.id))))


# --- outcomes ---


def test_a_statement_has_one_outcome_for_each_rule_that_could_care(place: Middle) -> None:
    failed = RULE.replace("name: course", "name: passed").replace("}]", "}, {path: result.success, is: true}]")
    failed += "    priority: 1\n"
    place.rules(RULE + OTHER + failed).post(statement(1), statement(2, object={"id": "https://lms.example.org/x"}))
    turn(place)
    assert sorted(outcomes(place)) == [
        ("course", "completion", True),
        *[("course", "ignored", True), ("other", "ignored", True), ("other", "ignored", True)],
        *[("passed", "ignored", True), ("passed", "ignored", True)],
    ]
    assert "not met: `result.success` is true (seen: nothing)" in [row.reason for row in place.evidence()]
    assert mapped_with(place) == [1, 1]
    assert turn(place) == {}


def test_what_nobody_can_read_has_one_outcome_under_no_rule(place: Middle) -> None:
    place.post(statement(1, actor={"name": "nobody"}))
    assert turn(place)["problem"] == 1
    (row,) = place.evidence()
    assert (row.rule, row.outcome, row.reason) == ("", "problem", "lrs.bad_actor")


def test_a_statement_that_makes_the_rules_stumble_is_a_problem_and_the_page_goes_on(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = outcomes_.evaluate

    def explode(rules: Any, one: Any, document: Any) -> Any:
        return {}[document] if one.id.endswith("1") else plain(rules, one, document)

    monkeypatch.setattr(outcomes_, "evaluate", explode)
    place.post(statement(1), statement(2))
    turn(place)
    assert [(row.outcome, row.reason) for row in place.evidence()] == [
        ("problem", "connector.unexpected"),
        ("completion", ""),
    ]
    assert turn(place) == {}


@pytest.mark.parametrize("turns", [0, 1])
def test_a_voided_completion_does_not_stand_whichever_came_first(place: Middle, turns: int) -> None:
    for order in ([statement(1), voiding(2, 1)], [voiding(4, 3), statement(3)]):
        for one in order:
            place.post(one)
            for _ in range(turns):
                turn(place)
    turn(place)
    assert outcomes(place) == [("course", "completion", False)] * 2


def test_a_void_by_a_group_without_a_readable_time_takes_effect(place: Middle) -> None:
    staff = {"actor": {"objectType": "Group", "mbox": "mailto:staff@example.org"}, "timestamp": "2026-03-01T09:30:00"}
    place.post(statement(1), voiding(2, 1) | staff)
    turn(place)
    assert outcomes(place) == [("course", "completion", False)]


def test_a_void_waits_while_another_process_maps_what_it_voids(tmp_path: Path, postgres: Callable[[], str]) -> None:
    """The other one looked for voids before this one came, and its outcome is not to be seen yet."""
    place = laid_out(tmp_path, store={"url": postgres(), "rems_key": tmp_path / "rems.key"})
    place.post(statement(1))
    with place.store.writing() as other:
        other.exec(select(StatementRow).with_for_update()).one()
        place.post(voiding(2, 1), statement(3, timestamp="2026-03-11T08:00:00Z"))
        turn(place)
        assert mapped_with(place) == [None, None, 1]
    turn(place)
    assert mapped_with(place) == [1, 1, 1]
    assert sorted(one.standing for one in place.evidence()) == [False, True]
    place.store.dispose()


# --- the rules in force ---


def test_a_bad_file_never_goes_live(place: Middle) -> None:
    place.post(statement(1))
    turn(place)
    assert valid() == 1
    place.rules(RULE.replace("amount: 1.25", "amount: many"))
    place.post(statement(2))
    with capture_logs() as logs:
        assert turn(place)["completion"] == 1
        turn(place)
        turn(place)
    (line,) = [one for one in logs if one["event"] == "mapping.refused"]
    assert line["where"] == f"{place.config.mappings}/rules.yaml:7:29"
    assert (valid(), versions(place), mapped_with(place)) == (0, [(1, True)], [1, 1])
    place.rules(RULE)
    turn(place)
    assert (valid(), versions(place)) == (1, [(1, True)])


def test_a_second_fault_is_said_too(place: Middle) -> None:
    turn(place)
    with capture_logs() as logs:
        for text in ("\n  - nonsense", "\n  - other: nonsense"):
            place.rules(text)
            turn(place)
    assert [one["event"] for one in logs] == ["mapping.refused"] * 2


def test_the_old_rules_run_on_after_a_restart_with_a_bad_file(place: Middle) -> None:
    turn(place)
    place.rules("\n  - nonsense")
    rule_files._load.cache_clear()
    place.post(statement(1))
    assert turn(place)["completion"] == 1


def test_without_any_rules_nothing_starts(place: Middle) -> None:
    place.rules("\n  - nonsense")
    with pytest.raises(MappingError) as caught:
        stage.active(place.store, place.config)
    assert caught.value.findings
    (place.config.mappings / "rules.yaml").unlink()
    with pytest.raises(MappingError, match="no mapping file"):
        stage.active(place.store, place.config)


def test_a_comment_makes_no_new_version_and_redoes_nothing(place: Middle) -> None:
    place.post(statement(1))
    turn(place)
    place.rules("\n  # changed nothing\n" + RULE)
    assert turn(place) == {}
    assert versions(place) == [(1, True)]
    assert len(place.evidence()) == 1


def test_a_changed_rule_counts_from_now_on_and_an_old_one_can_come_back(place: Middle) -> None:
    place.post(statement(1))
    turn(place)
    place.rules(RULE.replace("1.25", "1.50")).post(statement(2))
    turn(place)
    assert (versions(place), mapped_with(place)) == ([(1, False), (2, True)], [1, 2])
    assert len({row.rule_hash for row in place.evidence()}) == 2
    place.rules(RULE).post(statement(3))
    turn(place)
    assert (versions(place), mapped_with(place)) == ([(1, True), (2, False)], [1, 2, 1])
    with place.store.reading() as session:
        events = session.exec(select(Event.subject_id).where(Event.subject == "mapping")).all()
    assert events == ["1", "2", "1"]


def test_a_provider_that_config_no_longer_names_stops_the_old_rules_with_a_reason(place: Middle) -> None:
    place.rules(RULE + '    provider: "0001234"\n')
    turn(place)
    other = place.config.providers[0].model_copy(update={"id": "0009999"})
    place.config = configured(place.folder).model_copy(update={"providers": (other,)})
    with pytest.raises(MappingError, match="provider"):
        turn(place)


# --- reading the folder ---


def test_the_files_are_parsed_again_only_when_one_changed(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    plain = rule_files.load
    monkeypatch.setattr(rule_files, "load", lambda *args: loads.append(args) or plain(*args))
    for _ in range(3):
        turn(place)
    assert len(loads) == 1
    place.rules(RULE + OTHER)
    turn(place)
    assert len(loads) == 2
    (place.config.mappings / "more.yml").write_text(
        "version: 1\nrules:" + RULE.replace("course", "c2"), encoding="utf-8"
    )
    turn(place)
    assert len(loads) == 3
    os.utime(place.config.mappings / "more.yml", ns=(1, 1))
    turn(place)
    (place.config.mappings / "notes.txt").write_text("x", encoding="utf-8")
    turn(place)
    assert len(loads) == 4


def test_a_bad_file_is_not_parsed_again_at_every_turn(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(place)
    place.rules("\n  - nonsense")
    turn(place)
    for name in ("load", "from_texts"):
        monkeypatch.setattr(rule_files, name, lambda *_args: pytest.fail("parsed again"))
    turn(place)


def test_another_zone_in_config_is_seen_at_once(place: Middle) -> None:
    place.post(statement(1, timestamp="2026-03-10T03:00:00Z"))
    turn(place)
    provider = place.config.providers[0].model_copy(update={"zone": "Asia/Tokyo"})
    place.config = place.config.model_copy(update={"providers": (provider,)})
    place.post(statement(2, timestamp="2026-03-10T03:00:01Z"))
    turn(place)
    dates = [(row.completion or {})["completed_on"] for row in place.evidence()]
    assert dates == ["2026-03-09", "2026-03-10"]


def test_a_file_that_is_being_written_is_left_alone_for_two_seconds(place: Middle) -> None:
    turn(place)
    path = place.config.mappings / "rules.yaml"
    place.rules(OTHER)
    os.utime(path, (place.clock.timestamp(),) * 2)
    place.post(statement(1))
    assert turn(place)["completion"] == 1
    assert versions(place) == [(1, True)]
    place.clock += timedelta(seconds=2)
    turn(place)
    assert versions(place) == [(1, False), (2, True)]


def test_whoever_starts_the_connector_need_not_wait(place: Middle) -> None:
    place.clock += timedelta(days=1)
    with place.at():
        stage.active(place.store, place.config)
        place.rules(OTHER)
        os.utime(place.config.mappings / "rules.yaml", (place.clock.timestamp(),) * 2)
        assert stage.active(place.store, place.config)[0] == 2
        place.post(statement(1, object={"id": "https://lms.example.org/mod/quiz/1"}))
        assert stage.run(place.store, place.config)["completion"] == 1


def test_a_link_to_nowhere_is_a_finding(place: Middle) -> None:
    turn(place)
    (place.config.mappings / "gone.yaml").symlink_to(place.folder / "nothing.yaml")
    with capture_logs() as logs:
        turn(place)
    assert [one["code"] for one in logs if one["event"] == "mapping.refused"] == ["config.unreadable"]
