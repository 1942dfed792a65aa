"""What changed rules would do to statements read before: foretold, bound to an id, and then exactly that happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.inquiry import ledger
from connector.inquiry import plan as told
from connector.mapping import outcomes
from connector.mapping import stage as mapping
from connector.mapping.versions import apply, differences
from connector.metrics import MAPPING_WAITS
from connector.store.states import State
from connector.store.tables import EvidenceRow, StatementRow
from tests.learners.middle import ACTIVITY, BORIS, COURSE, MOC, RULE, SITE, Middle, laid_out, statement, voiding
from tests.mapping.planned import agree, answers, foretold, happened, planned, snapshot, turn

QUIZ = f"{SITE}/mod/quiz/view.php?id=7"
OTHER = "203599999"
BORIS_IS = {"mbox": f"mailto:{BORIS['email']}"}
MORE = RULE.replace("1.25", "1.50")
MOVED = RULE.replace("203512345", OTHER)
RENAMED = RULE.replace("name: course", "name: the course")
STRICT = RULE.replace('/course"}]', '/course"}, {path: result.success, is: true}]')
TOKYO = RULE + "    completed_on: {path: timestamp, zone: Asia/Tokyo}\n"
QUIZZES = RULE.replace("name: course", "name: quiz").replace("/course", "/mod/quiz").replace("203512345", OTHER)
RIVAL = RULE.replace("name: course", "name: rival")
GONE = QUIZZES
CATALOGUE = """
  - name: sheet
    when: [{path: verb.id, is: completed}, {path: object.id, starts_with: "https://lms.example.org/course"}]
    catalogue: {from: courses.csv}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path).activity(ACTIVITY, ACTIVITY | {"activity_id": OTHER})
    laid.post(
        statement(1, timestamp="2026-03-09T20:00:00Z"),
        statement(2, actor=BORIS_IS, timestamp="2026-03-10T08:00:00Z"),
        statement(3, object={"id": QUIZ}),
        statement(4, object={"id": f"{SITE}/course/view.php?id=43"}, actor=BORIS_IS, timestamp="2026-03-08T08:00:00Z"),
    )
    yield laid
    laid.store.dispose()


def catalogue(place: Middle, *rows: tuple[str, str, str]) -> None:
    lines = [",".join(row) for row in (("object_id", "activity_id", "credits"), *rows)]
    (place.config.mappings / "courses.csv").write_text("\n".join(lines), encoding="utf-8")


def rows_of(place: Middle) -> list[tuple[str, str, str, int | None, int | None]]:
    return [(row.rule, row.outcome, row.reason, row.award_id, row.left_award) for row in place.evidence()]


# --- foretold and done ---

CASES = {
    "a new rule": (RULE, RULE + QUIZZES),
    "another amount": (RULE, MORE),
    "a new certification": (RULE, RULE + MOC),
    "another certification gone": (RULE + MOC, RULE),
    "another zone": (RULE, TOKYO),
    "another activity": (RULE, MOVED),
    "a rule gone": (RULE + QUIZZES, GONE),
    "a new name": (RULE, RENAMED),
    "a tighter condition": (RULE, STRICT),
    "a conflict": (RULE, RULE + RIVAL),
    "a new name and another activity": (RULE, RENAMED.replace("203512345", OTHER)),
    "per date": (RULE, RULE + "    per: date\n"),
    "all at once": (RULE + QUIZZES, MOVED.replace("1.25", "2.00") + QUIZZES.replace("1.25", "0.50")),
}


@pytest.mark.parametrize("sent", ["unsent", "sent"])
@pytest.mark.parametrize("case", CASES)
def test_what_the_plan_foretells_is_what_happens(place: Middle, case: str, sent: str) -> None:
    before_rules, after_rules = CASES[case]
    place.rules(before_rules).run()
    if sent == "sent":
        place.send()
    before = snapshot(place)
    place.rules(after_rules)
    found = planned(place)
    place.run()
    assert happened(before, snapshot(place)) == {}, "new rules alone touch nothing"
    assert planned(place).id == found.id
    agree(place, found)
    place.run()
    place.run()
    assert answers(place) == [apply.APPLIED]
    assert happened(before, snapshot(place)) == foretold(found)
    assert planned(place).is_empty


@pytest.mark.proof
@pytest.mark.parametrize("between", [MOVED, GONE, STRICT])
@pytest.mark.parametrize("sent", ["unsent", "sent"])
def test_the_way_back_is_foretold_too(place: Middle, between: str, sent: str) -> None:
    place.rules(RULE).run()
    if sent == "sent":
        place.send()
    for rules in (between, RULE):
        before = snapshot(place)
        found = planned(place.rules(rules))
        agree(place, found)
        for _ in range(3):
            place.run()
        assert happened(before, snapshot(place)) == foretold(found)
        assert planned(place).is_empty


def test_what_pars_refused_is_not_withdrawn(place: Middle) -> None:
    place.rules(RULE).run()
    for number in (1, 2):
        place.walk(number, State.SENDING, State.REFUSED, attempts=1)
    found = planned(place.rules(MORE))
    assert (foretold(found), found.moved) == ({"changed_unsent": 2}, [])
    found = planned(place.rules(MOVED))
    assert (foretold(found), found.moved) == ({"new_credits": 2, "closed": 2}, [])


def test_a_row_of_a_catalogue_changes_only_its_own(place: Middle) -> None:
    catalogue(place, (COURSE, "203512345", "1.25"), (f"{SITE}/course/view.php?id=43", OTHER, "1.00"))
    place.rules(CATALOGUE).run()
    before = snapshot(place)
    catalogue(place, (COURSE, "203512345", "1.50"), (f"{SITE}/course/view.php?id=43", OTHER, "1.00"))
    found = planned(place)
    assert [(group.activity, group.changed, group.changed_unsent) for group in found.groups] == [("203512345", 2, 2)]
    place.run()
    agree(place, found)
    place.run()
    assert happened(before, snapshot(place)) == foretold(found) == {"changed_unsent": 2}


def test_a_wrong_activity_is_a_case_of_its_own_once_records_went_out(place: Middle) -> None:
    place.rules(RULE).run()
    place.rules(MOVED)
    assert planned(place).moved == []
    place.rules(RULE)
    place.send()
    place.rules(MOVED)
    found = planned(place)
    assert found.moved == [OTHER]
    (group,) = found.groups
    assert (group.was_activity, group.activity, group.reported_again) == ("203512345", OTHER, 2)
    assert group.examples[0].was == "203512345 on 2026-03-09"
    assert group.examples[0].becomes == f"{OTHER} on 2026-03-09"


def test_what_joins_an_award_without_effect_is_counted_so(place: Middle) -> None:
    place.rules(RULE.replace('/course"', '/course/view.php?id=42"')).run()
    place.send()
    place.rules(RULE)
    (group,) = planned(place).groups
    assert (group.added, group.joins, group.new_credits) == (1, 1, 0)


def test_rows_are_rewritten_in_place_and_name_the_award_that_they_left(place: Middle) -> None:
    place.rules(RULE + QUIZZES).run()
    place.rules(MORE.replace("name: course", "name: course"))
    found = planned(place)
    turn(place)
    agree(place, found)
    turn(place)
    assert sorted(rows_of(place), key=str) == sorted(
        [("course", "completion", "", None, award) for award in (1, 2, 2)]
        + [("course", "ignored", *rows[2:]) for rows in rows_of(place) if rows[:2] == ("course", "ignored")]
        + [("quiz", "ignored", differences.GONE, None, 3)],
        key=str,
    )
    place.run()
    assert {row[4] for row in rows_of(place)} == {None}
    assert planned(place).is_empty


def test_a_comment_or_a_test_case_makes_no_plan(place: Middle) -> None:
    place.rules(RULE).run()
    place.rules("\n  # a word" + RULE)
    assert planned(place).statements == 0


def test_a_rule_that_only_gives_way_earlier_changes_no_record(place: Middle) -> None:
    place.rules(RULE).run()
    place.send()
    before = snapshot(place)
    place.rules(RULE + "    priority: 3\n")
    found = planned(place)
    assert found.is_empty
    turn(place)
    agree(place, found)
    place.run()
    assert happened(before, snapshot(place)) == {}
    assert planned(place).statements == 0
    assert {row.rule_hash for row in place.evidence() if row.outcome == "completion"} == {
        (row.completion or {})["rule_hash"] for row in place.evidence() if row.outcome == "completion"
    }
    assert len({row.rule_hash for row in place.evidence()}) == 1


# --- what stays as it is ---


def test_what_was_voided_stays_history(place: Middle) -> None:
    place.rules(RULE).post(voiding(9, 1)).run()
    place.rules(MORE)
    found = planned(place)
    assert (found.waits["changes"], foretold(found)) == (2, {"changed_unsent": 1})
    turn(place)
    agree(place, found)
    place.run()
    assert planned(place).is_empty
    assert [row.completion["credits"][0]["amount"] for row in place.evidence() if not row.standing] == ["1.25"]


def test_a_new_rule_takes_no_voided_statement(place: Middle) -> None:
    place.rules(QUIZZES).post(voiding(9, 1)).run()
    place.rules(RULE + QUIZZES)
    found = planned(place)
    turn(place)
    agree(place, found)
    place.run()
    assert sorted(row.standing for row in place.evidence() if row.outcome == "completion") == [False, True, True, True]
    assert planned(place).is_empty


def test_a_statement_whose_bytes_are_gone_is_kept_as_it_is(place: Middle) -> None:
    place.rules(RULE).run()
    with place.session() as session:
        session.exec(select(StatementRow).where(StatementRow.id == 1)).one().raw = None
    place.rules(MORE)
    found = planned(place)
    assert (found.kept, found.waits["changes"]) == (1, 2)
    turn(place)
    agree(place, found)
    place.run()
    again = planned(place)
    assert (again.kept, again.is_empty, again.statements) == (1, True, 1)
    assert place.evidence()[0].completion["credits"][0]["amount"] == "1.25"


def test_a_statement_that_makes_the_rules_stumble_keeps_its_outcome(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.rules(RULE).run()
    plain = outcomes.evaluate
    monkeypatch.setattr(outcomes, "evaluate", lambda *args: {}[1] if args[1].id.endswith("1") else plain(*args))
    place.rules(MORE)
    found = planned(place)
    assert (found.stumbled, found.waits["changes"]) == (1, 2)
    turn(place)
    agree(place, found)
    turn(place)
    assert [row.left_award for row in place.evidence() if row.outcome == "completion"].count(None) == 1


def test_each_member_of_a_group_has_an_outcome_of_his_own(tmp_path: Path) -> None:
    place = laid_out(tmp_path)
    members = [{"mbox": "mailto:anna@example.org"}, BORIS_IS]
    place.post(statement(1, object={"id": QUIZ}))
    with place.session() as session:
        row = session.exec(select(StatementRow)).one()
        row.members = [f"mbox:{one['mbox'].removeprefix('mailto:')}" for one in members]
    place.rules(RULE).run()
    place.rules(QUIZZES.replace(OTHER, "203512345"))
    found = planned(place)
    assert foretold(found) == {"new_credits": 2}
    before = snapshot(place)
    turn(place)
    agree(place, found)
    place.run()
    assert happened(before, snapshot(place)) == foretold(found)
    assert planned(place).is_empty
    place.store.dispose()


def test_an_open_date_is_counted_apart_and_one_that_moodle_gave_is_kept(place: Middle) -> None:
    place.rules(RULE).run()
    asks = RULE + "    completed_on: {from: moodle}\n"
    place.rules(asks)
    found = planned(place)
    assert [(group.changed, group.open_dates) for group in found.groups] == [(3, 3)]
    assert foretold(found) == {}
    turn(place)
    agree(place, found)
    turn(place)
    with place.session() as session:
        for row in session.exec(select(EvidenceRow).where(EvidenceRow.outcome == "completion")):
            assert row.next_at is not None
            row.completion = {**row.completion, "completed_on": "2026-03-07", "by_moodle": True}
            row.next_at = None
    assert planned(place).is_empty
    place.rules(asks.replace("1.25", "1.75"))
    found = planned(place)
    assert [(group.changed, group.open_dates) for group in found.groups] == [(3, 0)]
    turn(place)
    agree(place, found)
    turn(place)
    dates = {row.completion["completed_on"] for row in place.evidence() if row.outcome == "completion"}
    assert dates == {"2026-03-07"}


def test_evidence_that_a_rule_no_longer_asks_for_is_looked_at_once_more(place: Middle) -> None:
    passed = '[{path: verb.id, is: completed}, {path: object.id, starts_with: "https://lms.example.org/mod/quiz"}]'
    asks = RULE + "    also_requires: [{within: 90d, when: " + passed + "}]\n"
    place.rules(asks).run()
    place.rules(RULE)
    found = planned(place)
    assert (found.waits["evidence"], found.waits["changes"]) == (1, 3)
    before = snapshot(place)
    turn(place)
    agree(place, found)
    turn(place)
    assert [row.outcome for row in place.evidence() if row.next_at is not None] == ["ignored"]
    place.run()
    assert happened(before, snapshot(place)) == foretold(found)
    assert planned(place).is_empty
    place.rules(asks)
    again = planned(place)
    before = snapshot(place)
    assert sum(group.wait_for_evidence for group in again.groups) == 2, "Boris passed no quiz"
    turn(place)
    agree(place, again)
    place.run()
    assert happened(before, snapshot(place)) == foretold(again)
    assert planned(place).is_empty


# --- agreed to, and carried out ---


@pytest.mark.parametrize("moves", ["the rules", "a credit"])
def test_a_plan_is_refused_once_either_side_has_moved(place: Middle, moves: str) -> None:
    place.rules(RULE).run()
    place.rules(MORE)
    found = planned(place)
    turn(place)
    agree(place, found)
    if moves == "the rules":
        place.rules(MOVED)
    else:
        place.send(1)
    with capture_logs() as logs:
        turn(place)
    assert answers(place) == [apply.MOVED]
    assert [one["event"] for one in logs if one["event"].startswith("mapping.plan")] == ["mapping.plan_refused"]
    assert {row.left_award for row in place.evidence()} == {None}


def test_beside_a_daemon_the_plan_says_what_is_wrong_with_the_files_on_disk(place: Middle) -> None:
    place.rules(RULE).run()
    assert told.other_files(place.store, place.config) == ""
    place.rules(MORE)
    assert told.other_files(place.store, place.config).startswith("the files on disk are not the rules in force;")
    place.rules(RULE.replace("amount: 1.25", "amount: 1.20"))
    assert "have errors: `pars-connector lint`;" in told.other_files(place.store, place.config)


def test_only_what_is_new_leaves_changes_for_later(place: Middle) -> None:
    place.rules(RULE).run()
    before = snapshot(place)
    place.rules(MORE + QUIZZES)
    found = planned(place)
    assert foretold(found) == {"new_credits": 1, "changed_unsent": 2}
    new = planned(place, adds_only=True)
    assert (foretold(new), new.id, new.is_empty) == ({"new_credits": 1}, found.id, False)
    turn(place)
    agree(place, found, adds_only=True)
    place.run()
    assert happened(before, snapshot(place)) == {"new_credits": 1}
    left = planned(place)
    assert foretold(left) == {"changed_unsent": 2}
    nothing = planned(place, adds_only=True)
    assert (nothing.is_empty, nothing.groups) == (True, ())
    agree(place, left)
    place.run()
    assert happened(before, snapshot(place)) == foretold(found)
    assert planned(place).is_empty


def test_killed_between_two_batches_it_goes_on_where_it_was(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    place.rules(RULE).run()
    before = snapshot(place)
    place.rules(MORE)
    found = planned(place)
    turn(place)
    agree(place, found)
    monkeypatch.setattr(differences, "CHUNK", 1)
    plain, written = apply._write, []

    def dies(*args: object, **kwargs: object) -> object:
        counts = plain(*args, **kwargs)
        written.append(counts)
        if len(written) == 2:
            raise KeyboardInterrupt
        return counts

    monkeypatch.setattr(apply, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        turn(place)
    assert len([row for row in place.evidence() if row.left_award]) == 1
    place.run()
    assert answers(place) == [apply.APPLIED]
    assert happened(before, snapshot(place)) == foretold(found)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_nothing_waits_and_the_ledger_is_whole(place: Middle, seed: int) -> None:
    chance = random.Random(seed)
    texts = sorted({text for pair in CASES.values() for text in pair})
    for number in range(5):
        place.rules(chance.choice(texts)).post(statement(20 + number, object={"id": f"{COURSE}{number}"})).run()
        if chance.random() < 0.5:
            place.send()
        if chance.random() < 0.3:
            place.post(voiding(50 + number, chance.choice([1, 2, 3, 20]))).run()
        found = planned(place)
        if not found.is_empty:
            agree(place, found)
        place.run()
        assert planned(place).is_empty
    assert set(answers(place)) == {apply.APPLIED}
    assert [one for one in ledger.prove(place.store) if one.wrong] == []


def test_what_waits_is_said_once_for_each_version(place: Middle) -> None:
    place.rules(RULE).run()
    place.rules(MORE + QUIZZES)
    turn(place)
    with capture_logs() as logs, place.at():
        for _ in range(2):
            mapping.count_waiting(place.store, place.config)
    (line,) = [one for one in logs if one["event"] == "mapping.plan_waits"]
    assert line["counts"] == {"adds": 1, "changes": 3, "withdraws": 0, "evidence": 0}
    assert MAPPING_WAITS.labels(what="changes")._value.get() == 3
    agree(place, planned(place))
    turn(place)
    with capture_logs() as logs, place.at():
        mapping.count_waiting(place.store, place.config)
    assert logs == []
