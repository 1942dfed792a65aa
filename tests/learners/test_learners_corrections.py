"""Evidence that a plan rewrote: what its awards offer now, compared with credits that were sent and that were not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.inquiry import ledger
from connector.learners import corrections, standing
from connector.learners import stage as learners
from connector.store.states import State
from connector.store.tables import Award, EvidenceRow
from tests.learners.middle import ACTIVITY, ANNA, MOC, RULE, Middle, account, laid_out, statement, voiding

OTHER = "203512346"
CME = {"kind": "cme", "certification": "AMA PRA Category 1", "amount": "1.25"}
ABIM = {"kind": "moc", "certification": "ABIM", "board": "ABIM", "amount": "1.25"}
KNOWLEDGE = ABIM | {
    "certification": "ABIM/Medical Knowledge",
    "credit_type": "Medical Knowledge",
    "board_total": "1.25",
}


def apply(place: Middle, number: int, *, outcome: str = "completion", **changes: Any) -> Middle:
    """One evidence row, by its place in the order of arrival, as an applied plan leaves it."""
    with place.at(), place.store.writing() as session:
        row = session.get_one(EvidenceRow, number)
        if outcome == "completion":
            row.completion = (row.completion or {}) | {"rule_hash": "corrected"} | changes
            row.rule, row.rule_hash = row.completion["rule"], "corrected"
        else:
            row.completion = None
        row.outcome, row.award_id, row.left_award = outcome, None, row.award_id or row.left_award
        row.reason, row.next_at = "", None
        session.add(row)
    return place


def amount(value: str) -> dict[str, Any]:
    return {"credits": [CME | {"amount": value}]}


def sent(place: Middle, *documents: dict[str, Any]) -> Middle:
    place.post(*documents or (statement(1),)).run()
    place.send()
    dates = {award.id: award.completed_on for award in place.awards()}
    with place.credits() as rows:
        for row in rows:
            row.reported_on = dates[row.award_id]
    return place


def terms(place: Middle) -> list[tuple[str, str, str, int | None]]:
    """State, what is wanted, amount and predecessor of every credit."""
    with place.credits() as rows:
        return [(row.state, row.wanted, str(row.amount), row.supersedes) for row in rows]


def left(place: Middle) -> list[int | None]:
    return [row.left_award for row in place.evidence()]


def test_another_hash_of_the_rule_changes_nothing(place: Middle) -> None:
    sent(place)
    apply(place, 1).run()
    assert (terms(place), left(place)) == ([("confirmed", "present", "1.25", None)], [None])
    assert place.awards()[0].rule_hash == "corrected"


def test_what_was_never_sent_takes_the_new_terms_in_place(place: Middle) -> None:
    place.post(statement(1)).run()
    apply(place, 1, completed_on="2026-03-08", **amount("1.00")).run()
    assert terms(place) == [("ready", "present", "1.00", None)]
    assert str(place.awards()[0].completed_on) == "2026-03-08"


def test_what_was_sent_is_replaced_and_its_successor_waits(place: Middle) -> None:
    sent(place)
    apply(place, 1, **amount("1.00")).run()
    assert terms(place) == [("confirmed", "absent", "1.25", None), ("held", "present", "1.00", 1)]
    with place.credits() as (old, new):
        assert (old.why_absent, new.reason) == ("mapping.corrected", "credit.predecessor")
        assert new.credit_id == f"{old.credit_id}-2"
    place.walk(1, State.WITHDRAWING, State.WITHDRAWN).walk(1, at_pars="no").run()
    assert terms(place)[1] == ("ready", "present", "1.00", 1)


def test_a_rule_under_a_new_name_replaces_nothing(place: Middle) -> None:
    sent(place)
    with place.store.writing() as session:
        old = session.get_one(EvidenceRow, 1)
        new = EvidenceRow(
            statement_pk=old.statement_pk, actor_key=old.actor_key, rule="renamed", rule_hash="2", outcome="completion"
        )
        new.completion = (old.completion or {}) | {"rule": "renamed", "rule_hash": "2"}
        session.add(new)
    apply(place, 1, outcome="ignored").run()
    assert terms(place) == [("confirmed", "present", "1.25", None)]
    assert place.awards()[0].rule == "renamed"


def test_a_board_more_is_opened_and_a_board_less_withdrawn(place: Middle) -> None:
    sent(place)
    apply(place, 1, credits=[CME, KNOWLEDGE]).run()
    assert place.states() == [("AMA PRA Category 1", "confirmed"), ("Medical Knowledge", "ready")]
    place.send()
    apply(place, 1, credits=[CME]).run()
    assert [one[:2] for one in terms(place)] == [("confirmed", "present"), ("confirmed", "absent")]


def test_a_boards_credit_under_another_type_waits_for_the_one_without(place: Middle) -> None:
    sent(place)
    apply(place, 1, credits=[ABIM]).run()
    place.send()
    apply(place, 1, credits=[KNOWLEDGE]).run()
    *_, untyped, typed = terms(place)
    assert (untyped[:2], typed[:2], typed[3]) == (("confirmed", "absent"), ("held", "present"), 2)


def test_another_activity_that_has_its_credit_already_needs_no_second(place: Middle) -> None:
    sent(place, statement(1))
    place.activity(ACTIVITY, ACTIVITY | {"activity_id": OTHER})
    place.post(statement(2, timestamp="2026-03-11T10:00:00Z")).run()
    apply(place, 2, activity_id=OTHER).run()
    place.send()
    apply(place, 1, activity_id=OTHER).run()
    assert [one[:2] for one in terms(place)] == [("confirmed", "absent"), ("confirmed", "present")]


def test_days_that_become_one_award_leave_one_credit(place: Middle) -> None:
    place.rules(RULE.replace("    credits:", "    per: date\n    credits:"))
    sent(place, statement(1), statement(2, timestamp="2026-03-11T10:00:00Z"))
    apply(place, 1, per="").run()
    apply(place, 2, per="").run()
    assert [one[1] for one in terms(place)] == ["absent", "absent", "present"]
    assert terms(place)[2][3] == 1


def test_nothing_is_followed_while_a_date_is_open(place: Middle) -> None:
    sent(place)
    apply(place, 1, completed_on=None)
    place.run()
    assert (terms(place), left(place)) == ([("confirmed", "present", "1.25", None)], [1])
    apply(place, 1, completed_on="2026-03-09").run()
    assert [one[1] for one in terms(place)] == ["absent", "present"]


def test_a_completion_that_now_waits_for_other_evidence_earns_nothing(place: Middle) -> None:
    sent(place)
    apply(place, 1, needs=[{"key": "evaluation", "within": "P90D"}]).run()
    assert terms(place)[0][:2] == ("confirmed", "absent")
    assert (place.evidence()[0].reason, left(place)) == ("evidence.missing", [None])
    apply(place, 1, needs=[]).run()
    assert terms(place) == [("confirmed", "present", "1.25", None)]


def test_a_late_arrival_stays_evidence_through_a_correction_of_others(place: Middle) -> None:
    sent(place)
    place.post(statement(2, timestamp="2026-03-08T10:00:00Z")).run()
    apply(place, 1, zone="UTC").run()
    assert terms(place) == [("confirmed", "present", "1.25", None)]
    assert str(place.awards()[0].completed_on) == "2026-03-10"


def test_a_void_beside_a_correction_withdraws_without_a_successor(place: Middle) -> None:
    sent(place)
    apply(place, 1, **amount("1.00"))
    place.post(voiding(2, 1)).run()
    assert terms(place) == [("confirmed", "absent", "1.25", None)]


def test_there_and_back_ends_where_it_began(place: Middle) -> None:
    sent(place)
    for value in ("1.00", "1.25", "1.00", "1.25"):
        apply(place, 1, **amount(value)).run()
    assert [one[:3] for one in terms(place)] == [
        ("confirmed", "present", "1.25"), ("held", "absent", "1.00"), ("held", "absent", "1.00")
    ]  # fmt: skip


def test_while_the_withdrawal_is_on_its_way_the_successor_takes_what_came_next(place: Middle) -> None:
    sent(place)
    apply(place, 1, **amount("1.00")).run()
    place.walk(1, State.WITHDRAWING)
    apply(place, 1, **amount("1.25")).run()
    assert terms(place) == [("withdrawing", "absent", "1.25", None), ("held", "present", "1.25", 1)]


@pytest.mark.parametrize("again", ["1.25", "1.00"])
@pytest.mark.parametrize("state", ["confirmed", "withdrawing", "withdrawal_refused", "withdrawn"])
def test_lost_and_earned_again_whatever_the_delete_has_come_to(place: Middle, state: str, again: str) -> None:
    """Its row left the award long ago, so that the completion comes as an ordinary one."""
    sent(place)
    completion = place.evidence()[0].completion or {}
    apply(place, 1, outcome="ignored").run()
    ways = {"confirmed": [], "withdrawing": [State.WITHDRAWING]}
    place.walk(1, *ways.get(state, [State.WITHDRAWING, State(state)]))
    place.walk(1, at_pars="no" if state == "withdrawn" else "yes")
    apply(place, 1, **completion | amount(again)).run()
    if (state, again) == ("confirmed", "1.25"):
        assert terms(place) == [("confirmed", "present", "1.25", None)]
    else:
        waits = ("held", "present", again, 1)
        new = ("ready", "present", again, None) if state == "withdrawn" else waits
        assert terms(place) == [(state, "absent", "1.25", None), new]


def test_a_merge_does_not_close_the_successor(place: Middle) -> None:
    place.sheet(ANNA | {"account": ""})
    sent(place, statement(1))
    apply(place, 1, **amount("1.00")).run()
    place.post(statement(2, actor=account("3"))).run()
    place.sheet(ANNA).run()
    assert ("held", "present", "1.00", 1) in terms(place)
    assert sum(one[1] == "present" and one[0] != "closed" for one in terms(place)) == 1


def test_a_correction_that_makes_us_stumble_is_told_once_and_stays_in_the_ledger(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(place)
    monkeypatch.setattr(corrections._Place, "settle", lambda _place: {}["x"])
    with capture_logs() as lines:
        apply(place, 1, **amount("1.00")).run()
        place.run()
    assert len([line for line in lines if line["event"] == "stage.poisoned"]) == 1
    assert terms(place) == [("confirmed", "present", "1.25", None)]
    assert [one.wrong for one in ledger.prove(place.store) if one.what == "corrections to be followed"] == [1]


def test_whoever_a_correction_concerns_is_asked_about_first(place: Middle) -> None:
    sent(place)
    place.sheet(ANNA | {"consent": "no"})
    apply(place, 1, **amount("1.00")).run()
    with place.credits() as (_, new):
        assert [problem["code"] for problem in new.gate] == ["learner.no_consent"]


def test_corrections_on_postgresql_too(tmp_path: Path, postgres: Callable[[], str]) -> None:
    place = laid_out(tmp_path, store={"url": postgres(), "rems_key": tmp_path / "rems.key"})
    sent(place.rules(RULE + MOC))
    apply(place, 1, activity_id=OTHER, credits=[CME, KNOWLEDGE | {"amount": "1.00", "board_total": "1.00"}])
    learners.run(place.store, place.config)
    assert [one[1:] for one in terms(place)] == [
        ("absent", "1.25", None), ("absent", "1.25", None), ("present", "1.25", 1), ("present", "1.00", 2)
    ]  # fmt: skip
    with place.store.reading() as session:
        assert len(session.exec(select(Award)).all()) == 2
    assert standing.CORRECTED == "mapping.corrected"
    place.store.dispose()
