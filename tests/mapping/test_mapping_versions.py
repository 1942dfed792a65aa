"""Which rules are in force: files that settle, files that are bad, and two daemons with different files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from connector.errors import MappingError
from connector.mapping import rule_files, stage
from connector.mapping.versions import active, apply, differences
from connector.metrics import MAPPING_ACTIVATED, MAPPING_DIFFERS, MAPPING_VALID
from connector.store.open import open_store
from connector.store.tables import MappingVersion
from tests.learners.middle import COURSE, RULE, Middle, laid_out, statement
from tests.mapping.planned import agree, answers, foretold, happened, planned, snapshot, turn

MORE = RULE.replace("1.25", "1.50")
CATALOGUE = """
  - name: sheet
    when: [{path: verb.id, is: completed}, {path: object.id, starts_with: "https://lms.example.org/course"}]
    catalogue: {from: courses.csv}
"""


def beside(place: Middle, name: str = "other") -> Middle:
    """Another daemon on the same store, with a mapping folder of its own."""
    config = place.config.model_copy(update={"mappings": place.folder / name})
    if place.config.mappings != config.mappings:
        shutil.copytree(place.config.mappings, config.mappings, dirs_exist_ok=True)
    return Middle(place.folder, config, open_store(config), place.clock)


def now(*places: Middle, later: timedelta = timedelta(0)) -> None:
    """The clock as the files have it: a file's time of change cannot be set back."""
    for place in places:
        place.clock = datetime.now(UTC) + later


def in_force(place: Middle) -> str:
    with place.store.reading() as session:
        (row,) = session.exec(select(MappingVersion).where(col(MappingVersion.active).is_(True))).all()
    return row.hash


def said(place: Middle) -> list[str]:
    with capture_logs() as logs:
        turn(place)
    return [one["event"] for one in logs if one["event"].startswith("mapping.")]


@pytest.fixture(params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Middle, Middle]]:
    changes = {}
    if request.param == "postgres":
        changes = {"store": {"url": request.getfixturevalue("postgres")(), "rems_key": tmp_path / "rems.key"}}
    one = laid_out(tmp_path, **changes)
    other = beside(one)
    yield one, other
    one.store.dispose()
    other.store.dispose()


# --- two daemons ---


def test_two_daemons_with_different_files_agree(both: tuple[Middle, Middle]) -> None:
    one, other = both
    now(one, other, later=timedelta(seconds=10))
    assert said(one) == ["mapping.activated"]
    assert said(other) == []
    first = in_force(one)
    one.rules(MORE)
    now(one, other, later=timedelta(seconds=20))
    assert said(one) == ["mapping.activated"]
    second = in_force(one)
    assert second != first
    assert said(other) == ["mapping.other_files"]
    assert MAPPING_DIFFERS._value.get() == 1
    for _ in range(3):
        assert said(other) == said(one) == []
    other.post(statement(1))
    turn(other)
    assert in_force(one) == second
    assert [row.completion["credits"][0]["amount"] for row in other.evidence()] == ["1.50"]
    copied = other.config.mappings / "rules.yaml"
    copied.write_text((one.config.mappings / "rules.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    now(one, other, later=timedelta(seconds=30))
    assert said(other) == []
    assert MAPPING_DIFFERS._value.get() == 0


@pytest.mark.parametrize("both", ["sqlite"], indirect=True)
def test_files_that_were_touched_since_are_put_into_force_again(both: tuple[Middle, Middle]) -> None:
    one, other = both
    now(one, other, later=timedelta(seconds=-60))
    turn(one)
    first = in_force(one)
    one.rules(MORE)
    now(one, other)
    active.read_again(one.store)
    turn(one)
    later = time.time() + 1  # the clock of the file system may be some milliseconds behind
    os.utime(other.config.mappings / "rules.yaml", (later, later))
    now(one, other, later=timedelta(seconds=10))
    assert said(other) == ["mapping.activated"]
    assert in_force(one) == first
    assert said(one) == ["mapping.other_files"]
    for _ in range(2):
        assert said(one) == said(other) == []
    assert in_force(one) == first


@pytest.mark.parametrize("both", ["sqlite"], indirect=True)
def test_sighup_counts_as_a_touch(both: tuple[Middle, Middle]) -> None:
    one, other = both
    now(one, other, later=timedelta(seconds=10))
    turn(one)
    first = in_force(one)
    one.rules(MORE)
    now(one, other, later=timedelta(seconds=20))
    turn(one)
    stage.read_again(other.store)
    assert said(other) == ["mapping.activated"]
    assert in_force(one) == first
    assert said(other) == []
    assert said(one) == ["mapping.other_files"]


@pytest.mark.parametrize("both", ["sqlite"], indirect=True)
def test_files_from_the_future_do_not_make_two_daemons_quarrel(both: tuple[Middle, Middle]) -> None:
    one, other = both  # their clock stands in March, and the files were written since
    other.rules(MORE)
    turn(one)
    assert said(other) == ["mapping.activated"]
    assert said(one) == ["mapping.other_files"]
    last = in_force(one)
    for place in (one, other, one, other):
        assert said(place) == []
        assert in_force(one) == last


def test_two_daemons_activate_one_version_once(tmp_path: Path, postgres: Callable[[], str]) -> None:
    one = laid_out(tmp_path, store={"url": postgres(), "rems_key": tmp_path / "rems.key"})
    others = [beside(one, f"folder{number}") for number in range(4)]
    threads = [Thread(target=stage.active, args=(place.store, place.config)) for place in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with one.store.reading() as session:
        assert [row.active for row in session.exec(select(MappingVersion))] == [True]
    for place in (one, *others):
        place.store.dispose()


def test_two_daemons_carry_out_one_plan_once(both: tuple[Middle, Middle], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = both
    monkeypatch.setattr(differences, "CHUNK", 1)
    one.post(*(statement(number, object={"id": f"{COURSE}{number}"}) for number in range(1, 7))).run()
    before = snapshot(one)
    for place in both:
        place.rules(MORE)
    found = planned(one)
    turn(one)
    turn(other)
    agree(one, found)
    counts = []
    threads = [Thread(target=lambda place=place: counts.append(turn_alone(place))) for place in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(done["planned_changes"] for done in counts) == found.waits["changes"] == 6
    one.run()
    assert answers(one) == [apply.APPLIED]
    assert happened(before, snapshot(one)) == foretold(found)


def turn_alone(place: Middle) -> dict[str, int]:
    """Without the frozen clock, which belongs to one thread."""
    return stage.run(place.store, place.config)


# --- files that are not ready, and files that are bad ---


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    yield laid
    laid.store.dispose()


def test_activating_changes_no_outcome_of_what_was_read(place: Middle) -> None:
    place.post(statement(1)).run()
    before = [row.model_dump() for row in place.evidence()]
    for rules in (MORE, RULE.replace("/course", "/nothing"), RULE.replace("203512345", "203599999")):
        place.rules(rules).run()
        assert [row.model_dump() for row in place.evidence()] == before
        assert place.only().wanted == "present"


@pytest.mark.parametrize("fault", ["cut short", "gone", "empty", "folder gone"])
def test_what_is_half_there_leaves_the_old_rules_in_force(place: Middle, fault: str) -> None:
    turn(place)
    first = in_force(place)
    path = place.config.mappings / "rules.yaml"
    whole = path.read_text(encoding="utf-8")
    if fault == "cut short":
        path.write_text(whole[: whole.index("credits")], encoding="utf-8")
    elif fault == "empty":
        path.write_text("", encoding="utf-8")
    elif fault == "gone":
        path.unlink()
    else:
        shutil.rmtree(place.config.mappings)
    assert said(place) == ["mapping.refused"]
    assert said(place) == []
    assert (in_force(place), MAPPING_VALID._value.get()) == (first, 0)
    place.post(statement(1))
    assert turn(place)["completion"] == 1


def test_a_sheet_counts_as_part_of_the_rules(place: Middle) -> None:
    sheet = place.config.mappings / "courses.csv"
    sheet.write_text(f"object_id,activity_id,credits\n{COURSE},203512345,1.25\n", encoding="utf-8")
    place.rules(CATALOGUE)
    assert said(place) == ["mapping.activated"]
    first = in_force(place)
    sheet.write_text(f"object_id,activity_id,credits\n{COURSE},203512345,1.50\n", encoding="utf-8")
    os.utime(sheet, (place.clock.timestamp(),) * 2)
    assert said(place) == [], "somebody may still be writing it"
    place.clock += timedelta(seconds=2)
    assert said(place) == ["mapping.activated"]
    assert in_force(place) != first
    second = in_force(place)
    sheet.unlink()
    assert said(place) == ["mapping.refused"]
    sheet.write_text(f"object_id,activity_id,credits\n{COURSE},2035,1.50\n", encoding="utf-8")
    assert said(place) == ["mapping.refused"]
    assert in_force(place) == second


def test_cases_in_files_of_their_own_do_not_count(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(place)
    monkeypatch.setattr(rule_files, "load", lambda *_args: pytest.fail("read again"))
    (place.config.mappings / "rules.test.yaml").write_text("version: 1", encoding="utf-8")
    turn(place)


def test_what_is_written_while_it_is_read_waits(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(place)
    first = in_force(place)
    place.rules(MORE)
    plain = rule_files.load

    def torn(*args: object) -> object:
        found = plain(*args)
        place.rules(MORE + "\n  # more is coming")
        return found

    monkeypatch.setattr(rule_files, "load", torn)
    assert said(place) == []
    assert in_force(place) == first
    monkeypatch.setattr(rule_files, "load", plain)
    assert said(place) == ["mapping.activated"]


def test_sighup_says_what_is_wrong_again(place: Middle) -> None:
    turn(place)
    place.rules("\n  - nonsense")
    assert said(place) == ["mapping.refused"]
    stage.read_again(place.store)
    assert said(place) == ["mapping.refused"]
    assert said(place) == []


def test_sighup_waits_for_nobody(place: Middle) -> None:
    turn(place)
    place.rules(MORE)
    os.utime(place.config.mappings / "rules.yaml", (place.clock.timestamp(),) * 2)
    assert said(place) == []
    stage.read_again(place.store)
    assert said(place) == ["mapping.activated"]


def test_the_log_counts_the_rules(place: Middle) -> None:
    second = RULE.replace("name: course", "name: quiz").replace("/course", "/mod/quiz")
    third = second.replace("name: quiz", "name: page").replace("/mod/quiz", "/mod/page")
    place.rules(RULE + second)
    turn(place)
    place.rules(MORE + third)
    with capture_logs() as logs:
        turn(place)
    (line,) = [one for one in logs if one["event"] == "mapping.activated"]
    assert (line["rules"], line["counts"]) == (2, {"added": 1, "changed": 1, "gone": 1})
    assert MAPPING_ACTIVATED._value.get() == place.clock.timestamp()


def test_rules_that_this_configuration_refuses_are_no_rules(place: Middle) -> None:
    place.rules("\n  - nonsense")
    with place.at(), pytest.raises(MappingError):
        active.next_rules(place.store, place.config)
