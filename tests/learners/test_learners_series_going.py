"""Repeated credit while something is on its way out: its room is kept, a person is asked, nothing stays for ever."""

from __future__ import annotations

import pytest

from connector import activities
from connector.inquiry import ledger, listing
from connector.learners import decisions
from connector.records import Counts
from connector.store import wishes
from connector.store.states import State
from connector.store.tables import Wish
from connector.submission import leaving
from connector.submission import wishes as submission
from connector.validation import stage as validation
from tests.learners.middle import ANNA, BORIS, COURSE, MOC, RULE, Middle, account, voiding
from tests.learners.test_learners_gathering import TAKEN_BACK, UNDOABLE, undo
from tests.learners.test_learners_series import BOTH, HOUR, PHYSICIAN, RSS, maximum, session, shares, sums

UNDOABLE_SUM = BOTH.replace("    per:", f'    undone_by: [{{path: verb.id, is: "{TAKEN_BACK}"}}]\n    per:')


@pytest.fixture
def rss(place: Middle) -> Middle:
    return maximum(place.rules(RSS), "2.00")


@pytest.fixture
def dated(place: Middle) -> Middle:
    return maximum(place.rules(UNDOABLE_SUM).sheet(PHYSICIAN, BORIS), "9.00")


def leave(place: Middle) -> None:
    """What is not wanted sets out, as far as it may."""
    with place.at():
        submission.carry_out(place.store, place.config, "0001234", Counts())


def gone(place: Middle) -> None:
    """PARS has deleted what was on its way; the turn after that."""
    leave(place)
    with place.credits() as rows:
        going = [row.id for row in rows if row.state == State.WITHDRAWING]
    for number in going:
        place.walk(number, State.WITHDRAWN, at_pars="no")
    place.run(later=HOUR)


def decide(place: Middle, kind: str, credit: int) -> str:
    with place.at(), place.store.writing() as session_:
        number = wishes.wish(session_, kind, {"credit": credit}, by="carla", now=place.clock).id
    place.run()
    with place.store.reading() as session_:
        return session_.get_one(Wish, number).result


def desk(place: Middle) -> list[tuple[int, str]]:
    return [(row.credit, row.attention) for row in listing.unmatched(place.store)]


def above(place: Middle) -> int:
    return {one.what: one.count for one in ledger.prove(place.store)}["learners above an activity's maximum"]


def test_a_void_that_is_taken_back_leaves_nothing_above_the_maximum(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9), session(3, 10)).run()
    rss.send(2).walk(1, State.SENDING, attempts=1, at_pars="unknown").walk(1, State.IN_DOUBT)
    rss.post(voiding(9, 1)).run()
    assert shares(rss)[2] == ("1.00", "held", "credit.room_first")
    rss.post(session(21, 8, object={"id": f"{COURSE}&session=1"}, timestamp="2026-03-08T09:30:00Z")).run(later=HOUR)
    assert shares(rss)[2] == ("0.00", "closed", "credit.maximum")
    assert above(rss) == 0


def test_a_refused_withdrawal_keeps_its_room_and_lies_on_the_desk(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9), session(3, 10)).run()
    rss.send().post(voiding(9, 1)).run()
    leave(rss)
    rss.walk(1, State.WITHDRAWAL_REFUSED).run(later=HOUR)
    assert shares(rss)[2] == ("1.00", "held", "credit.room_first")
    assert desk(rss) == [(1, "")]


def test_corrections_beside_each_other_do_not_wait_for_one_anothers_room(dated: Middle) -> None:
    dated.post(session(1), session(2), session(3, 11), session(4, 11)).run()
    dated.send().run()
    maximum(dated, "2.00").post(voiding(8, 1), voiding(9, 3)).run(later=HOUR)
    for _ in range(3):
        gone(dated)
    assert [row for row in sums(dated) if row[1] == "ready"] == [("1.00", "ready", None)] * 2


def test_a_successor_without_a_share_keeps_no_voided_sum_at_pars(dated: Middle) -> None:
    maximum(dated, "1.00").post(session(1, 11), session(3, 11)).run()
    dated.send().post(session(4, 10), voiding(9, 1)).run(later=HOUR)
    for _ in range(2):
        gone(dated)
        dated.send()
    assert sums(dated)[0] == ("1.00", "withdrawn", None)


def test_whoever_is_not_eligible_any_more_keeps_no_voided_sum(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().sheet(PHYSICIAN | {"profession": "RN"}, BORIS).run(later=HOUR)
    dated.post(voiding(9, 1)).run(later=HOUR)
    gone(dated)
    assert sums(dated) == [("2.00", "withdrawn", None), ("1.00", "closed", None)]


def test_an_undone_part_of_a_sent_sum_waits_for_a_person(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().post(undo(5, object={"id": f"{COURSE}&session=2"})).run(later=HOUR)
    gone(dated)
    assert sums(dated) == [("2.00", "confirmed", None), ("0.00", "closed", 2)]
    assert desk(dated) == [(3, "statement.undone"), (4, "statement.undone")]
    assert decide(dated, decisions.CLOSE, 4) == decisions.DONE
    dated.post(undo(6, 12)).run(later=HOUR)
    gone(dated)
    assert desk(dated) == [(3, "statement.undone")], "left as it is"
    assert sums(dated) == [("2.00", "confirmed", None), ("0.00", "closed", 2)]


def test_what_is_undone_while_its_sum_is_corrected_holds_the_delete(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().post(voiding(9, 2)).run(later=HOUR)
    dated.post(undo(5, object={"id": f"{COURSE}&session=1"})).run(later=HOUR)
    gone(dated)
    assert sums(dated)[0] == ("2.00", "confirmed", None)
    assert (5, "statement.undone") in desk(dated)
    decide(dated, decisions.CLOSE, 5)
    gone(dated)
    assert [(row[0], row[1]) for row in sums(dated)] == [("2.00", "withdrawn"), ("0.00", "closed"), ("1.00", "ready")]


def test_what_is_undone_when_its_sum_has_gone_is_not_sent_again(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().post(voiding(9, 2)).run(later=HOUR)
    leave(dated)
    dated.post(undo(5, object={"id": f"{COURSE}&session=1"})).run()
    gone(dated)
    leave(dated)
    assert sums(dated)[2][:2] == ("1.00", "closed")


def test_what_a_person_has_left_comes_back_only_with_news(place: Middle) -> None:
    place.rules(UNDOABLE).post(session(1)).run()
    place.send().post(undo(2, object={"id": f"{COURSE}&session=1"})).run(later=HOUR)
    decide(place, decisions.CLOSE, 1)
    place.post(undo(3, 12, object={"id": f"{COURSE}&session=1"})).run(later=HOUR)
    assert desk(place) == []
    again = {"object": {"id": f"{COURSE}&session=1"}, "timestamp": "2026-03-12T12:00:00Z"}
    place.post(session(4, **again)).run(later=HOUR)
    place.post(undo(5, 13, object={"id": f"{COURSE}&session=1"})).run(later=24 * HOUR)
    assert desk(place) == [(1, "statement.undone")]


def test_a_held_replacement_that_a_person_has_left_stays_off_the_desk(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().run(later=HOUR)
    dated.sheet(PHYSICIAN | {"board_id": ""}, BORIS).post(voiding(9, 2)).run(later=HOUR)
    leave(dated)
    assert (2, "credit.replacement_held") in desk(dated)
    decide(dated, decisions.CLOSE, 2)
    leave(dated)
    assert (2, "credit.replacement_held") not in desk(dated)
    dated.sheet(PHYSICIAN, BORIS).run(later=HOUR)
    gone(dated)
    assert sums(dated)[0][1] == "withdrawn", "it goes on by itself when it can"


def test_a_smaller_maximum_lets_nothing_leave_uncut(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9)).run()
    maximum(rss, "1.00")
    with rss.at():
        activities.run(rss.store, rss.config)
        validation.run(rss.store, rss.config)
        with rss.store.reading() as session_:
            assert leaving.due_records(session_, "0001234", rss.clock) == []
    rss.run()
    assert [share[:2] for share in shares(rss)] == [("1.00", "ready"), ("0.00", "closed")]


def test_what_pars_never_held_is_shared_out_like_what_was_not_sent(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9)).run()
    for number in (1, 2):
        rss.walk(number, State.SENDING, attempts=1, at_pars="unknown").walk(number, State.REFUSED, at_pars="no")
    maximum(rss, "0.50").run()
    assert [share[:2] for share in shares(rss)] == [("0.50", "ready"), ("0.00", "closed")]


def test_a_second_session_joins_the_sum_that_pars_does_not_hold(dated: Middle) -> None:
    dated.post(session(1)).run()
    dated.walk(2, State.SENDING, attempts=1, at_pars="unknown").walk(2, State.UNMATCHED, at_pars="no")
    dated.post(session(2)).run()
    dated.sheet(PHYSICIAN | {"board_id": "410199"}, BORIS).run(later=HOUR)
    assert sums(dated) == [("2.00", "ready", None), ("0.00", "closed", 2)]


def test_two_who_were_sent_and_are_one_lie_on_the_desk(dated: Middle) -> None:
    apart = PHYSICIAN | {"account": "", "username": ""}
    other = PHYSICIAN | {"email": "", "npi": "1245319599", "board_id": "410109"}
    maximum(dated.sheet(apart, other), "1.00").post(session(1), session(2, actor=account("3"))).run()
    dated.send().sheet(PHYSICIAN).post(session(3, 12)).run(later=HOUR)
    assert len({award.learner_id for award in dated.awards()}) == 1
    assert desk(dated) == [(3, "credit.merged"), (4, "credit.merged")]
    assert above(dated) == 2


def test_a_refused_delete_shows_both_that_cannot_go_on(dated: Middle) -> None:
    dated.post(session(1)).run()
    dated.send().post(session(2)).run()
    assert decide(dated, decisions.SUM, 4) == decisions.DONE
    leave(dated)
    dated.walk(2, State.WITHDRAWAL_REFUSED).run(later=HOUR)
    assert [number for number, _ in desk(dated)] == [2, 5]


def test_an_account_that_is_somebody_elses_now_breaks_no_sum(place: Middle) -> None:
    otto = ANNA | {"email": "otto@example.org", "given_name": "Otto", "birth_day": "03-03", "npi": "1245319599"}
    place.rules(RULE + MOC).sheet(ANNA | {"email": ""}).post(session(5, actor=account("3"))).run()
    place.send().sheet(otto | {"username": "otto", "board_id": "410109"}).run(later=HOUR)
    place.post(session(6, actor=account("3"))).run(later=HOUR)
    assert [one for one in ledger.prove(place.store) if one.wrong] == []
