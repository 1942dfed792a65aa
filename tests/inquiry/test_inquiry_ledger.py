"""The ledger adds up on an honest store, and says so when somebody wrote behind its back (promise P1)."""

from __future__ import annotations

import pytest

from connector.inquiry import ledger
from connector.store.states import State
from tests.learners.middle import ANNA, BORIS, MOC, RULE, SITE, Middle, account, statement, voiding

PLANTED = {
    "statements nobody can read": "DELETE FROM evidence WHERE rule = ''",
    "completions waiting for an award": "UPDATE evidence SET completion = NULL WHERE outcome = 'completion'",
    "completions waiting for evidence": "UPDATE evidence SET award_id = NULL, reason = 'evidence.missing' "
    "WHERE standing AND outcome = 'completion'",
    "completions whose evidence did not come in time": "UPDATE evidence SET award_id = NULL, "
    "reason = 'evidence.expired', next_at = '2026-01-01 00:00:00' WHERE standing AND outcome = 'completion'",
    "outcomes voided": "UPDATE evidence SET standing = 1",
    "voids followed by an award": "UPDATE evidence SET reason = 'connector.unexpected' WHERE NOT standing",
    "completions in awards": "UPDATE evidence SET award_id = (SELECT max(id) FROM award) WHERE award_id = 1",
    "awards": "DELETE FROM credit WHERE award_id = 1",
    "credits: lost": "UPDATE credit SET state = 'lost' WHERE id = 1",
    "live credits": "INSERT INTO credit SELECT 99, award_id, record_id, provider_id, kind, certification, board, "
    "credit_type, amount, board_total, 'ccid:x:y', 'pending', {rest} FROM credit WHERE state = 'confirmed' LIMIT 1",
    "credits being sent": "UPDATE credit SET state = 'sending', lease_owner = '' WHERE id = 1",
    "moves": "UPDATE event SET from_state = 'closed', to_state = 'confirmed' WHERE id = "
    "(SELECT max(id) FROM event WHERE what = 'moved')",
    "credits with a history": "UPDATE credit SET state = 'ready' WHERE state = 'confirmed'",
}


def mixed(place: Middle) -> Middle:
    """Something of everything."""
    place.rules(RULE + MOC)
    place.post(statement(1), statement(2), statement(3, actor={"name": "nobody"}), statement(4, verb={"id": "x:y"}))
    place.post(statement(5, actor={"mbox": "mailto:stranger@example.org"}), statement(6, actor=account("4"))).run()
    place.send().post(voiding(7, 6), statement(8, object={"id": f"{SITE}/x"})).run()
    return place


def wrong(place: Middle) -> dict[str, int]:
    return {one.what: one.wrong for one in ledger.prove(place.store) if one.wrong}


def test_an_honest_store_adds_up(place: Middle) -> None:
    sums = {one.what: one.count for one in ledger.prove(mixed(place).store)}
    assert wrong(place) == {}
    assert sums["statements stored"] == 8
    assert sums["statements not mapped yet"] == 0
    assert sums["statements nobody can read"] == sums["outcomes: problem"] == 1
    assert sums["outcomes: completion"] == sums["completions in awards"] == 4
    assert sums["outcomes voided"] == sums["voids followed by an award"] == 1
    assert sums["awards"] == 3
    assert sums["credits: confirmed"] == sums["live credits"] == 4
    assert sums["credits with a history"] == 6


def test_work_that_is_under_way_is_not_wrong(place: Middle) -> None:
    place.post(statement(1))
    assert {one.what: one.count for one in ledger.prove(place.store)}["statements not mapped yet"] == 1
    assert wrong(place) == {}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault_is_named(place: Middle, what: str) -> None:
    mixed(place)
    with place.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("PRAGMA table_info(credit)").all()
        names = [row[1] for row in rows]
        rest = ", ".join(names[names.index("state") + 1 :])
        connection.exec_driver_sql("DROP INDEX uq_credit_live")
        connection.exec_driver_sql(PLANTED[what].format(rest=rest))
        connection.commit()
    assert what in wrong(place)


def test_credits_that_a_merge_has_doubled_are_counted(place: Middle) -> None:
    place.sheet(
        ANNA | {"account": "", "username": ""}, ANNA | {"email": "", "npi": "", "state": "CA", "licence": "A1"}, BORIS
    )
    place.post(statement(1), statement(2, actor=account("3"))).run()
    place.send().sheet(ANNA, BORIS).post(statement(3, timestamp="2026-03-11T15:00:00Z")).run()
    assert {one.what: one.count for one in ledger.prove(place.store)}["live credits that a merge has doubled"] == 1
    assert wrong(place) == {}
    with place.credits() as rows:
        assert {row.state for row in rows} == {State.CONFIRMED}
