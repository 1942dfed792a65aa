"""The learners room on a real store: gates, refreshes, outages, and rows that make it stumble."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from structlog.testing import capture_logs

from connector import pipeline
from connector.learners import award, directory, judging, people, stage, standing
from connector.learners.sources.sheet import SheetFile
from connector.mapping import stage as mapping
from connector.store import fixes
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, EvidenceRow, LearnerRow, Run
from connector.validation import stage as validation
from tests.learners.middle import (
    ANNA,
    BORIS,
    MOC,
    NOON,
    REMS,
    RULE,
    Middle,
    account,
    configured,
    count,
    laid_out,
    reopened,
    statement,
    voiding,
)

HOUR = timedelta(hours=1)
NURSE = ANNA | {"profession": "NP"}
STRANGER = {"mbox": "mailto:stranger@example.org"}


def codes(place: Middle) -> list[list[str]]:
    with place.credits() as rows:
        return [[problem["code"] for problem in row.problems] for row in rows]


# --- consent and profession ---


@pytest.mark.parametrize("word", ["", "no", "withdrawn"])
def test_without_permission_a_credit_is_held_and_goes_out_by_itself_once_it_is_given(place: Middle, word: str) -> None:
    place.sheet(ANNA | {"consent": word}).post(statement(1)).run()
    held = place.only()
    assert (held.state, held.reason) == ("held", "learner.no_consent")
    place.sheet(ANNA).run(later=timedelta(seconds=1))
    assert (place.only().state, place.only().credit_id) == ("ready", held.credit_id)


def test_a_permission_withdrawn_stops_what_is_ready_and_never_what_was_sent(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send()
    place.rules(RULE + "    per: date\n").post(statement(2, timestamp="2026-03-11T15:00:00Z")).run()
    place.sheet(ANNA | {"consent": "no"}).run(later=HOUR)
    with place.credits() as (sent, unsent):
        assert (sent.state, sent.wanted) == ("confirmed", "present")
        assert (unsent.state, unsent.reason) == ("held", "learner.no_consent")


@pytest.mark.parametrize("profession", ["NP", "PA"])
def test_who_has_no_board_is_closed_as_not_eligible_and_comes_back_with_another_profession(
    place: Middle, profession: str
) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"profession": profession}).post(statement(1)).run()
    with place.credits() as rows:
        assert [(row.state, row.reason) for row in rows] == [("closed", "learner.not_eligible")] * 2
        ids = [row.credit_id for row in rows]
    assert place.run() == {}, "and nobody is told again"
    place.sheet(ANNA).run(later=HOUR)
    with place.credits() as rows:
        assert [(row.state, row.credit_id) for row in rows] == [("ready", ids[0]), ("ready", ids[1])]


def test_a_refused_credit_of_somebody_who_turns_out_to_be_a_nurse_is_closed_at_once(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.REFUSED).sheet(NURSE).run(later=HOUR)
    assert (place.only().state, place.only().reason) == ("closed", "learner.not_eligible")


# --- when the directory changes ---


@pytest.mark.parametrize(
    ("before", "state"),
    [({"birth_day": ""}, "held"), ({"npi": "123"}, "held"), ({"profession": "NP"}, "closed")],
)
def test_a_change_in_the_directory_sends_the_credit_under_the_same_id(
    place: Middle, before: dict[str, str], state: str
) -> None:
    place.sheet(ANNA | before).post(statement(1)).run()
    first = place.only()
    assert first.state == state
    place.sheet(ANNA).run(later=HOUR)
    assert (place.only().state, place.only().credit_id) == ("ready", first.credit_id)


def test_an_unmatched_credit_goes_again_when_the_learner_changes_and_not_before(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.UNMATCHED)
    place.sheet(ANNA, BORIS | {"npi": ""}).run(later=HOUR)
    assert place.only().state == "unmatched", "another learner's change is none of his"
    place.sheet(ANNA | {"birth_day": "03-01"}).run(later=HOUR)
    assert place.only().state == "ready"


def left(place: Middle, **changes: Any) -> Middle:
    """Anna's credit, sent as she was known then."""
    place.post(statement(1)).run()
    sent_as = {"given_name": ANNA["given_name"], "family_name": ANNA["family_name"], "birth_day": ANNA["birth_day"]}
    place.walk(1, State.SENDING, State.PENDING, sent_as=sent_as)
    return place.walk(1, State.UNMATCHED, at_pars="yes", **changes)


def test_what_pars_holds_under_a_corrected_identity_is_replaced_and_waits_for_the_delete(place: Middle) -> None:
    left(place).sheet(ANNA | {"birth_day": "03-01"}).run(later=HOUR)
    with place.credits() as (old, new):
        assert (old.state, old.wanted, old.why_absent) == ("unmatched", "absent", "learner.changed")
        assert (new.state, new.reason, new.supersedes) == ("held", "credit.predecessor", old.id)
        assert new.credit_id == f"{old.credit_id}-2"
    place.sheet(ANNA).run(later=HOUR)  # once is enough
    assert len(place.states()) == 2


@pytest.mark.parametrize("change", [{"profession": "DO"}, {"board_id": "410199"}, {"consent": "no"}])
def test_what_pars_does_not_compare_replaces_nothing(place: Middle, change: dict[str, str]) -> None:
    left(place).sheet(ANNA | change).run(later=HOUR)
    assert [state for _, state in place.states()] == ["unmatched"]


def test_a_sheet_under_another_name_changes_nobody(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.UNMATCHED)
    (place.folder / "learners.csv").rename(place.folder / "other.csv")
    place.config = place.config.model_copy(
        update={"learners": place.config.learners.model_validate({"sources": [{"sheet": place.folder / "other.csv"}]})}
    )
    place.run(later=HOUR)
    assert place.only().state == "unmatched"


def test_a_ready_credit_leaves_under_the_identity_of_today(place: Middle) -> None:
    place.post(statement(1)).run()
    assert place.only().identifier_value == ANNA["npi"]
    place.sheet(ANNA | {"npi": "1245319599"})
    place.post(statement(2, timestamp="2026-03-11T15:00:00Z")).run()
    assert (place.only().state, place.only().identifier_value) == ("ready", "1245319599")


def test_a_learner_nobody_knew_is_said_once_and_solved_when_the_sheet_knows_him(place: Middle) -> None:
    with capture_logs() as logs:
        place.post(statement(1, actor=STRANGER)).run()
        place.run(later=HOUR)
        place.run(later=HOUR)
        assert place.only().reason == "learner.not_found"
        place.sheet(ANNA | {"email": "stranger@example.org", "consent": ""}).run(later=HOUR)
    lines = [(line["event"], line["log_level"]) for line in logs if line["event"].startswith("learner.")]
    assert lines == [("learner.unmatched", "warning"), ("learner.matched", "info")]
    assert place.only().reason == "learner.no_consent"


def test_a_stranger_who_turns_out_to_be_a_nurse_was_not_matched(place: Middle) -> None:
    with capture_logs() as logs:
        place.post(statement(1, actor=STRANGER)).run()
        place.sheet(NURSE | {"email": "stranger@example.org"}).run(later=HOUR)
    assert [line["event"] for line in logs if line["event"].startswith("learner.")] == ["learner.unmatched"]
    assert (place.only().reason, place.only().unmatched_since) == ("learner.not_eligible", None)


# --- when the sources are asked again ---


def test_a_source_without_a_stamp_is_asked_again_once_refresh_has_passed(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SheetFile, "stamp", lambda _self: None)
    place.sheet(ANNA | {"consent": ""}).post(statement(1)).run()
    place.sheet(ANNA).run(later=timedelta(minutes=59))
    assert place.only().state == "held"
    place.run(later=timedelta(minutes=1))
    assert place.only().state == "ready"


def test_a_sheet_that_did_not_change_asks_about_nobody(place: Middle) -> None:
    place.post(statement(1)).run()
    place.run()
    assert place.run() == {}


def test_a_permission_withdrawn_while_a_credit_is_in_doubt_stops_it_from_being_sent_again(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.SENDING, State.IN_DOUBT).sheet(ANNA | {"consent": "no"}).run()
    with place.session() as session:
        assert [row.given for row in session.exec(select(ConsentRow))] == [True, False]
    place.clock += timedelta(minutes=30)
    place.walk(1, why_absent="pars.not_there", negatives=2).walk(1, State.READY, why_absent="pars.not_there").run()
    assert (place.only().state, place.only().reason) == ("held", "learner.no_consent")


# --- merging ---


def test_consents_and_fixes_move_with_a_merge(place: Middle) -> None:
    anna = ANNA | {"consent": "", "birth_day": ""}
    place.sheet(anna | {"account": "", "username": ""}, anna | {"email": ""})
    place.post(statement(1), statement(2, actor=account("3"))).run()
    with place.session() as session:
        session.add(ConsentRow(learner_id=2, given=True, origin="form"))
        fixes.put(session, session.get_one(LearnerRow, 2), "birth_day", "02-29", by="me", now=NOON)
    place.sheet(anna).run(later=HOUR)
    with place.session() as session:
        assert session.get_one(LearnerRow, 2).merged_into == 1
    assert [state for _, state in place.states()] == ["ready", "closed"]


def test_a_ready_credit_of_the_merged_learner_takes_the_others_identity(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": "", "npi": "", "state": "CA", "licence": "A1"})
    place.rules(RULE + "    per: date\n")
    place.post(statement(1), statement(2, actor=account("3"), timestamp="2026-03-09T15:00:00Z")).run()
    with place.credits() as rows:
        assert [row.identifier_domain for row in rows] == ["NPI", "CA"]
    place.sheet(ANNA).run(later=HOUR)
    with place.credits() as rows:
        assert [(row.state, row.identifier_domain) for row in rows] == [("ready", "NPI")] * 2


# --- REMS ---


def rems_place(place: Middle) -> Middle:
    return place.rules(RULE.replace("    credits:\n      - {type: cme, amount: 1.25}\n", REMS))


def test_a_rems_record_needs_no_consent_no_licence_and_nobody_known(place: Middle) -> None:
    rule = REMS.replace("opioid-analgesic", "opioid-analgesic, profession: Pharmacist")
    place.rules(RULE.replace("    credits:\n      - {type: cme, amount: 1.25}\n", rule))
    place.post(statement(1, actor=STRANGER)).run()
    assert place.states() == [("REMS/Opioid Analgesic", "ready")]


def test_a_rems_record_without_a_profession_is_held_until_the_directory_knows_it(place: Middle) -> None:
    rems_place(place).sheet(ANNA | {"profession": "", "consent": ""}).post(statement(1)).run()
    assert codes(place) == [["rems.no_profession"]]
    place.sheet(ANNA | {"consent": "", "rems_practice_area": "Pain"}).run(later=HOUR)
    assert place.only().state == "ready"
    assert place.awards()[0].rems["profession"] == "Physician"
    assert place.awards()[0].rems["practice_area"] == "Pain"


def test_an_answer_that_the_directory_corrects_is_corrected_before_the_send(place: Middle) -> None:
    rems_place(place).sheet(NURSE).post(statement(1)).run()
    assert place.awards()[0].rems["profession"] == "Advanced practice nurse"
    place.sheet(ANNA).run(later=HOUR)
    assert (place.awards()[0].rems["profession"], place.only().state) == ("Physician", "ready")


def test_a_lost_rems_key_stops_the_room_and_is_never_made_anew(place: Middle) -> None:
    rems_place(place).post(statement(1)).run()
    key = place.config.store.rems_key
    kept = key.read_bytes()
    key.unlink()
    place.post(statement(2, actor=account("4")))
    assert outage(place)["failed"] == 1
    assert not key.exists()
    key.write_bytes(kept)
    place.run()
    assert len(place.awards()) == 2


# --- a directory that is down, rows that explode ---


def outage(place: Middle) -> Any:
    with place.at():
        pipeline.run_stage(place.store, place.config, "mapping")
        return pipeline.run_stage(place.store, place.config, "learners")


def test_while_the_directory_is_down_completions_wait_and_voids_are_followed(place: Middle) -> None:
    place.post(statement(1)).run()
    (place.folder / "learners.csv").write_text("nonsense\n1\n", encoding="utf-8")
    place.post(statement(2, actor=account("4")), voiding(3, 1))
    with capture_logs() as logs:
        assert outage(place)["failed"] == 1
        assert outage(place)["failed"] == 1
    said = [line for line in logs if line["event"] == "stage.failed"]
    assert [(line["code"], line["stage"]) for line in said] == [("config.sheet_column", "learners")]
    assert place.only().wanted == "absent"
    place.sheet(ANNA, BORIS)
    outage(place)
    assert len(place.awards()) == 2


def test_what_is_voided_while_the_directory_is_asked_opens_no_award(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def voids_meanwhile(asked: Any, keys: Any) -> Any:
        answers = plain(asked, keys)
        place.post(voiding(9, 1))
        mapping.run(place.store, place.config)
        return answers

    plain = directory.fetch
    place.post(statement(1), statement(2, actor=account("4")))
    with place.at():
        mapping.run(place.store, place.config)
    monkeypatch.setattr(directory, "fetch", voids_meanwhile)
    place.run()
    assert [(row.standing, row.award_id is None) for row in place.evidence()] == [(False, True), (True, False)]
    assert place.only().state == "ready"


def test_what_is_voided_while_another_void_is_followed_has_its_own_turn(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def voids_meanwhile(session: Any, opening: Any, award: Any) -> int:
        changed = plain(session, opening, award)
        (second,) = [row for row in session.exec(select(EvidenceRow)) if row.standing]
        second.standing = False  # as another daemon's mapping would
        return changed

    plain = standing.follow
    place.post(statement(1), statement(2, timestamp="2026-03-11T15:00:00Z")).run()
    place.post(voiding(9, 1))
    with monkeypatch.context() as patch:
        patch.setattr(standing, "follow", voids_meanwhile)
        place.run()
    assert [row.reason for row in place.evidence()] == ["statement.voided", ""]
    place.run()
    assert place.only().wanted == "absent"


def test_two_daemons_that_meet_one_new_learner_open_him_once(tmp_path: Path, postgres: Callable[[], str]) -> None:
    place = laid_out(tmp_path, store={"url": postgres(), "rems_key": tmp_path / "rems.key"})
    place.post(statement(1), statement(2))
    with place.at():
        mapping.run(place.store, place.config)
        both = Barrier(2)

        def asks_beside_another(asked: Any, keys: Any) -> Any:
            answers = plain(asked, keys)
            both.wait(30)
            return answers

        plain = directory.fetch
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as daemons:
            patch.setattr(directory, "fetch", asks_beside_another)
            turns = [daemons.submit(stage.run, place.store, place.config) for _ in range(2)]
            opened = sorted(turn.result()["opened"] for turn in turns)
    with place.store.reading() as session:
        assert [row.error for row in session.exec(select(Run))] == []
        assert (count(session, LearnerRow), count(session, Award), opened) == (1, 1, [0, 1])
    assert [row.outcome for row in place.evidence()] == ["completion", "completion"]
    place.store.dispose()


def test_one_exploding_completion_ends_as_a_problem_and_the_others_go_on(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = award.find

    def explode(session: Any, learner: Any, *rest: Any) -> Any:
        if learner.family_name == "Quixley":
            raise ZeroDivisionError("Zanna")
        return plain(session, learner, *rest)

    monkeypatch.setattr(award, "find", explode)
    place.post(statement(1), statement(2, actor=account("4"))).run()
    assert [(row.outcome, row.reason) for row in place.evidence()] == [
        ("problem", "connector.unexpected"),
        ("completion", ""),
    ]
    assert place.only().state == "ready"
    with place.store.reading() as session:
        (run,) = [row for row in session.exec(select(Run)) if row.error]
    assert run.error.startswith("ZeroDivisionError at award.py")
    assert place.run() == {}


def test_a_completion_whose_learner_makes_us_stumble_is_tried_again(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = people.remember

    def explode(session: Any, key: str, *rest: Any) -> Any:
        return plain(session, key, *rest) if key != "mbox:anna@example.org" else {}[key]

    with monkeypatch.context() as patch:
        patch.setattr(people, "remember", explode)
        place.post(statement(1), statement(2, actor=account("4"))).run()
        assert place.run() == {}
    assert [(row.outcome, row.reason) for row in place.evidence()] == [
        ("completion", "learner.stumbled"),
        ("completion", ""),
    ]
    place.run(later=timedelta(hours=1))
    assert [state for _, state in place.states()] == ["ready", "ready"]
    assert [(row.reason, row.next_at) for row in place.evidence()] == [("", None)] * 2


def test_a_store_that_stumbles_is_no_completions_fault(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadlock(*_args: Any) -> None:
        raise OperationalError("", {}, Exception("deadlock detected"))

    place.post(statement(1))
    with monkeypatch.context() as patch:
        patch.setattr(award, "find", deadlock)
        assert outage(place)["failed"] == 1
    assert (place.evidence()[0].outcome, place.awards()) == ("completion", [])
    place.run()
    assert place.only().state == "ready"


def test_a_learner_that_explodes_stops_nobody_else_and_does_not_spin(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.sheet(ANNA | {"consent": ""}, BORIS | {"consent": ""})
    place.post(statement(1), statement(2, actor=account("4"))).run()
    plain = people._update

    def explode(session: Any, row: Any, *rest: Any) -> None:
        if row.family_name == "Quixley":
            raise ZeroDivisionError
        plain(session, row, *rest)

    monkeypatch.setattr(people, "_update", explode)
    place.sheet(ANNA, BORIS)
    with capture_logs() as logs:
        place.run(later=HOUR)
        place.run()
    assert sorted(state for _, state in place.states()) == ["held", "ready"]
    assert len([line for line in logs if line["event"] == "stage.poisoned"]) == 1


def test_a_credit_that_explodes_in_a_gate_waits_an_hour(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = judging.gate
    monkeypatch.setattr(judging, "gate", lambda learner, kind, *rest, **named: plain(learner, {}[kind], *rest, **named))
    place.post(statement(1)).run()
    assert place.evidence()[0].outcome == "completion"
    assert place.only().state == "held"
    monkeypatch.setattr(judging, "gate", plain)
    place.run(later=HOUR)
    assert place.only().state == "ready"


def test_an_exploding_credit_neither_stops_validation_nor_makes_it_loop(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = validation._problems
    monkeypatch.setattr(validation, "_problems", lambda *args: {}["x"] if args[2].id == 1 else plain(*args))
    place.post(statement(1), statement(2, actor=account("4"))).run()
    with place.credits() as (first, second):
        assert (first.state, first.reason, second.state) == ("held", "connector.unexpected", "ready")
    assert place.run() == {}
    monkeypatch.setattr(validation, "_problems", plain)
    place.run(later=HOUR)
    assert [state for _, state in place.states()] == ["ready", "ready"]


def test_a_void_that_cannot_be_followed_is_told_once_and_stays_in_the_ledger(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.post(statement(1)).run()
    monkeypatch.setattr(standing, "_fall", lambda *_args: {}["x"])
    place.post(voiding(2, 1)).run()
    assert place.evidence()[0].reason == "connector.unexpected"
    with capture_logs() as logs:
        place.run()
    assert not [line for line in logs if line["event"] == "stage.poisoned"]


def test_a_recheck_of_zero_seconds_does_not_spin(tmp_path: Any) -> None:
    place = laid_out(tmp_path, validation={"recheck": "0s"})
    place.sheet(ANNA | {"consent": ""}).post(statement(1)).run()
    assert place.run()["held"] == 1
    place.store.dispose()


def test_a_stop_is_heard_between_two_batches(place: Middle) -> None:
    place.post(statement(1))
    place.store.stopping.set()
    assert place.run() == {}
    place.store.stopping.clear()
    assert place.run()["opened"] == 1


def test_a_learner_with_hundreds_of_awards_is_judged_once_a_batch(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []
    plain = judging.gate
    monkeypatch.setattr(judging, "gate", lambda *args, **named: judged.append(1) or plain(*args, **named))
    place.rules(RULE + "    per: session\n")
    place.post(*(statement(n, object={"id": f"https://lms.example.org/course/{n}"}) for n in range(1, 451))).run()
    assert len(place.awards()) == 450
    assert len(judged) <= 200 + 400 + 450
    with place.session() as session:
        assert count(session, LearnerRow) == 1


def test_a_saved_sheet_touches_only_him_of_whom_it_says_something_else(place: Middle) -> None:
    others = [ANNA | {"email": f"{one}@example.org", "account": one, "username": ""} for one in ("10", "11", "12")]
    place.sheet(ANNA, *others).post(*(statement(at, actor=account(str(at))) for at in (10, 11, 12)), statement(1)).run()
    asked: list[str] = []
    event.listen(place.store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    place.sheet(*others, ANNA | {"profession": "DO"}).run(later=timedelta(minutes=5))
    written = [sql for sql in asked if sql.startswith("UPDATE learner ") and "profession" in sql]
    assert (len(written), sum("FROM learner_sign" in sql for sql in asked)) == (1, 1)


def test_what_the_gates_let_pass_by_a_new_setting_passes_though_no_source_says_more(place: Middle) -> None:
    place.sheet(NURSE).post(statement(1)).run()
    assert place.only().state == "closed"
    sheets = [{"sheet": place.folder / "learners.csv"}]
    place.config = configured(place.folder, learners={"sources": sheets, "cme_professions": ["NP"]})
    again = reopened(place)
    again.run(later=timedelta(minutes=5))
    assert again.only().state == "ready"
