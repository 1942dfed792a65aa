"""Repeated credit on a real store: up to the maximum, one a date, and nothing that was sent is opened again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector import activities
from connector.inquiry import ledger
from connector.learners import allotment
from connector.store.states import State
from tests.learners.middle import (
    ACTIVITY,
    ANNA,
    BORIS,
    COURSE,
    MOC,
    RULE,
    Middle,
    account,
    laid_out,
    statement,
    voiding,
)

HOUR = timedelta(hours=1)
RSS = RULE.replace("amount: 1.25", "amount: 1.00") + "    per: session\n"
ABA = MOC.replace("ABIM", "ABA").replace("Medical Knowledge", "Lifelong Learning").replace("1.25", "1.00")
BOTH = RSS.replace("    per:", ABA + "    per:")
PHYSICIAN = ANNA | {"board": "ABA"}


def session(number: int, day: int = 10, **more: Any) -> dict[str, Any]:
    """A session attended on this day of March, one hour after the one numbered before it."""
    changes = {"object": {"id": f"{COURSE}&session={number}"}, "timestamp": f"2026-03-{day:02}T{number + 8:02}:00:00Z"}
    return statement(number, **changes | more)


def maximum(place: Middle, credits_: str, **more: str) -> Middle:
    with place.at():
        return place.activity(ACTIVITY | {"credits": credits_} | more)


def shares(place: Middle, kind: str = "cme") -> list[tuple[str, str, str]]:
    """Amount, state and reason, by the hour of the session."""
    days = {award.id: (award.completed_on, award.per) for award in place.awards()}
    with place.credits() as rows:
        mine = sorted((row for row in rows if row.kind == kind), key=lambda row: (days[row.award_id], row.id))
        return [(str(row.amount), row.state, row.reason) for row in mine]


def whole(place: Middle) -> bool:
    return not [one for one in ledger.prove(place.store) if one.wrong]


@pytest.fixture
def rss(place: Middle) -> Middle:
    return maximum(place.rules(RSS), "2.50")


def test_sessions_are_credited_by_date_until_the_maximum_is_reached(rss: Middle) -> None:
    rss.post(session(3, 12), session(1, 10)).run()
    rss.post(session(2, 11), session(4, 12, actor=account("4"))).run()
    assert shares(rss)[:2] == [("1.00", "ready", ""), ("1.00", "ready", "")]
    assert sorted(shares(rss)[2:]) == [("0.50", "ready", ""), ("1.00", "ready", "")], "another learner has his own"
    rss.post(session(5, 13)).run()
    assert shares(rss)[-1] == ("0.00", "closed", "credit.maximum")
    assert whole(rss)


def test_a_session_that_comes_late_takes_from_later_ones_that_were_not_sent(rss: Middle) -> None:
    rss.post(session(2, 10), session(3, 11), session(4, 12)).run()
    rss.send(1).post(session(1, 8)).run()
    assert [share[:2] for share in shares(rss)] == [
        ("1.00", "ready"), ("1.00", "confirmed"), ("0.50", "ready"), ("0.00", "closed"),
    ]  # fmt: skip


def test_what_was_sent_is_never_opened_again(rss: Middle) -> None:
    rss.post(session(3, 11), session(4, 12)).run()
    rss.send().post(session(1, 8), session(2, 9)).run()
    assert shares(rss) == [
        ("0.50", "ready", ""),
        ("0.00", "closed", "credit.maximum"),
        ("1.00", "confirmed", ""),
        ("1.00", "confirmed", ""),
    ]


def test_a_void_makes_room_at_once(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9), session(3, 10), session(4, 11)).run()
    assert [share[0] for share in shares(rss)] == ["1.00", "1.00", "0.50", "0.00"]
    rss.post(voiding(9, 1)).run()
    assert [share[:2] for share in shares(rss)[1:]] == [("1.00", "ready"), ("1.00", "ready"), ("0.50", "ready")]


def test_a_sent_credit_makes_room_as_soon_as_it_is_to_go(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9), session(3, 10)).run()
    rss.send().post(session(4, 11), voiding(9, 1)).run()
    assert shares(rss)[3] == ("1.00", "held", "credit.room_first"), "cut now, it would be sent cut"
    rss.walk(1, State.WITHDRAWING).walk(1, State.WITHDRAWN, at_pars="no").run(later=HOUR)
    assert [share[:2] for share in shares(rss)] == [
        ("1.00", "withdrawn"), ("1.00", "confirmed"), ("0.50", "confirmed"), ("1.00", "ready"),
    ]  # fmt: skip


def test_another_maximum_in_the_sheet_counts_with_the_next_turn_and_nothing_passes_before_that(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9), session(3, 10), session(4, 11)).run()
    maximum(rss, "3.25").run()
    assert [share[:2] for share in shares(rss)] == [("1.00", "ready")] * 3 + [("0.25", "ready")]
    maximum(rss, "1.00").run()
    assert [share[1] for share in shares(rss)] == ["ready", "closed", "closed", "closed"]


def test_an_activity_that_comes_into_the_sheet_later_lets_nothing_pass_uncut(place: Middle) -> None:
    other = ACTIVITY | {"activity_id": "203512399", "credits": "1.50"}
    place.rules(RSS.replace("203512345", "203512399")).post(session(1, 8), session(2, 9)).run()
    assert {share[1] for share in shares(place)} == {"held"}
    with place.at():
        place.activity(ACTIVITY, other)
        activities.run(place.store, place.config)
        from connector.validation import stage as validation

        validation.run(place.store, place.config)  # before the learners room has seen the maximum
    assert {share[1] for share in shares(place)} == {"held"}
    place.run()
    assert [share[:2] for share in shares(place)] == [("1.00", "ready"), ("0.50", "ready")]


def test_what_stumbles_over_a_series_lets_nothing_pass(rss: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(allotment, "allot", lambda *_: {}["x"])
        rss.post(session(1, 8), session(2, 9), session(3, 10)).run()
    assert {share[1] for share in shares(rss)} == {"held"}
    rss.run()
    assert [share[:2] for share in shares(rss)] == [("1.00", "ready"), ("1.00", "ready"), ("0.50", "ready")]


def test_an_activity_without_a_maximum_and_one_award_an_activity_are_not_cut(place: Middle) -> None:
    maximum(place.rules(RULE), "1.00").post(statement(1)).run()
    assert shares(place) == [("1.25", "ready", "")]


def test_the_types_of_a_board_share_what_is_left_of_its_total(place: Middle) -> None:
    parts = "{Medical Knowledge: 1.00, Patient Safety: 0.25}"
    moc = MOC.replace("1.25", "1.00").replace("{Medical Knowledge: 1.00}", parts)
    maximum(place.rules(RSS.replace("    per:", moc + "    per:")), "1.50").post(session(1, 8), session(2, 9)).run()
    with place.credits() as rows:
        moc_rows = [(row.award_id, row.credit_type, row.amount, row.board_total) for row in rows if row.board]
    assert sorted(moc_rows) == [
        (1, "Medical Knowledge", Decimal(1), Decimal(1)),
        (1, "Patient Safety", Decimal("0.25"), Decimal(1)),
        (2, "Medical Knowledge", Decimal("0.5"), Decimal("0.5")),
        (2, "Patient Safety", Decimal("0.25"), Decimal("0.5")),
    ]


def test_a_rule_that_gives_more_meanwhile_is_cut_again(rss: Middle) -> None:
    rss.post(session(1, 8), session(2, 9)).run()
    rss.rules(RSS.replace("1.00", "1.50")).post(session(3, 10)).run()
    assert [share[0] for share in shares(rss)] == ["1.00", "1.00", "0.50"]


def test_whoever_is_not_eligible_gets_no_room_and_all_of_it_when_he_is(rss: Middle) -> None:
    rss.sheet(ANNA | {"profession": "RN"}).post(session(1, 8), session(2, 9), session(3, 10)).run()
    assert {share[2] for share in shares(rss)} == {"learner.not_eligible"}
    rss.sheet(ANNA).run()
    assert [share[:2] for share in shares(rss)] == [("1.00", "ready"), ("1.00", "ready"), ("0.50", "ready")]


# --- boards that take one credit a date ---


@pytest.fixture
def dated(place: Middle) -> Middle:
    return maximum(place.rules(BOTH).sheet(PHYSICIAN, BORIS), "9.00")


def sums(place: Middle) -> list[tuple[str, str, int | None]]:
    with place.credits() as rows:
        return [(str(row.amount), row.state, row.summed_into) for row in rows if row.kind == "moc"]


def test_the_earliest_of_a_date_carries_the_sum_and_cme_is_not_summed(dated: Middle) -> None:
    dated.post(session(3), session(2, 11), session(1)).run()
    assert sums(dated) == [("0.00", "closed", 6), ("1.00", "ready", None), ("2.00", "ready", None)]
    assert [share[:2] for share in shares(dated)] == [("1.00", "ready")] * 3
    with dated.credits() as rows:
        assert rows[1].reason == "credit.summed_into"
    dated.post(voiding(9, 1)).run()
    assert sums(dated)[0] == ("1.00", "ready", None), "what carried it fell away"
    assert whole(dated)


def reported(place: Middle) -> list[tuple[str, str, str, str]]:
    """What each session reports, whatever the numbers of its rows."""
    days = {award.id: award.per for award in place.awards()}
    with place.credits() as rows:
        return sorted((days[row.award_id], row.kind, str(row.amount), row.state) for row in rows)


def test_whatever_order_they_arrive_in_they_end_the_same(tmp_path: Path) -> None:
    told = [session(1), session(2), session(3, 9), session(4, 11), voiding(9, 2), session(5, 11), session(6, 12)]
    seen = []
    for at, order in enumerate((told, told[::-1])):
        folder = tmp_path / str(at)
        folder.mkdir()
        place = maximum(laid_out(folder).rules(BOTH).sheet(PHYSICIAN), "3.25")
        for start in (0, 2, 4):
            place.post(*order[start : start + (2 if start < 4 else 9)]).run()
        submission_closes(place)
        seen.append([row for row in reported(place) if "session=2" not in row[0]])
        place.store.dispose()
    assert seen[0] == seen[1]
    assert sum(Decimal(row[2]) for row in seen[0] if row[1] == "moc") == Decimal("3.25")


def submission_closes(place: Middle) -> None:
    """What is no longer wanted, in place of submission; then the rest is judged again."""
    with place.credits() as rows:
        gone = [row.id for row in rows if row.wanted == "absent" and row.state in ("held", "ready")]
    for number in gone:
        place.walk(number, State.CLOSED)
    place.run(later=HOUR)


def test_the_sum_stays_within_the_maximum(dated: Middle) -> None:
    maximum(dated, "1.75").post(session(1), session(2)).run()
    assert sums(dated) == [("1.75", "ready", None), ("0.00", "closed", 2)]


def test_a_journal_of_abp_needs_no_sum(place: Middle) -> None:
    abp = ABA.replace("ABA", "ABP").replace("Lifelong Learning", "Lifelong Learning and Self-Assessment")
    place.rules(RSS.replace("    per:", abp + "    per:")).sheet(ANNA | {"board": "ABP"})
    maximum(place, "9.00", format="Journal-based CE").post(session(1), session(2)).run()
    assert sums(place) == [("1.00", "ready", None), ("1.00", "ready", None)]
    maximum(place, "9.00", format="Other").run()
    assert sums(place) == [("2.00", "ready", None), ("0.00", "closed", 2)]


def test_the_second_of_a_date_waits_for_a_person_when_the_first_was_sent(dated: Middle) -> None:
    dated.post(session(1)).run()
    dated.send().post(session(2), session(3)).run()
    assert sums(dated) == [("1.00", "confirmed", None), ("1.00", "held", None), ("1.00", "held", None)]
    with dated.credits() as rows:
        assert [row.reason for row in rows if row.state == "held"] == ["credit.one_per_date"] * 2


def test_what_was_sent_in_a_sum_stays_in_it_and_falls_away_as_a_correction(dated: Middle) -> None:
    dated.post(session(1), session(2), session(3)).run()
    dated.send().run(later=HOUR)
    assert sums(dated) == [("3.00", "confirmed", None), ("0.00", "closed", 2), ("0.00", "closed", 2)]
    dated.post(voiding(9, 2)).run()
    with dated.credits() as rows:
        old, new = rows[1], rows[-1]
        assert (old.wanted, old.why_absent, new.supersedes) == ("absent", "credit.series", old.id)
        assert (str(new.amount), new.state, new.reason) == ("2.00", "held", "credit.predecessor")
        assert rows[5].summed_into == new.id
    dated.walk(2, State.WITHDRAWING).walk(2, State.WITHDRAWN, at_pars="no").run(later=HOUR)
    dated.send().run(later=HOUR)
    assert sums(dated)[-1] == ("2.00", "confirmed", None)
    assert whole(dated)


def test_a_sent_sum_whose_first_part_falls_away_is_followed_by_the_next(dated: Middle) -> None:
    dated.post(session(1), session(2), session(3)).run()
    dated.send().post(voiding(9, 1)).run()
    with dated.credits() as rows:
        assert (rows[1].wanted, rows[3].supersedes, rows[5].summed_into) == ("absent", 2, 4)
        assert (str(rows[3].amount), rows[3].reason) == ("2.00", "credit.predecessor")


def test_a_sum_that_is_earned_again_before_it_has_gone_ends_as_one_sum(dated: Middle) -> None:
    dated.post(session(1), session(2)).run()
    dated.send().post(voiding(9, 1)).run()
    dated.post(session(11, object={"id": f"{COURSE}&session=1"}, timestamp="2026-03-10T21:00:00Z")).run()
    dated.walk(2, State.WITHDRAWING).walk(2, State.WITHDRAWN, at_pars="no").run(later=HOUR)
    dated.send().run(later=HOUR)
    assert sums(dated) == [("2.00", "withdrawn", None), ("0.00", "closed", 5), ("2.00", "confirmed", None)]


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Middle]:
    get: Callable[[str], Any] = request.getfixturevalue
    store = (
        {"store": {"url": get("postgres")(), "rems_key": tmp_path / "rems.key"}} if request.param != "sqlite" else {}
    )
    place = laid_out(tmp_path, **store)
    yield place
    place.store.dispose()


def test_a_series_on_either_engine(engine: Middle) -> None:
    maximum(engine.rules(BOTH).sheet(PHYSICIAN), "3.50").post(session(1), session(2), session(3, 11)).run()
    assert sums(engine) == [("2.00", "ready", None), ("0.00", "closed", 2), ("1.00", "ready", None)]
    engine.send(1, 2).post(session(4, 12), session(5, 11)).run()
    assert sums(engine)[2:] == [("1.50", "ready", None), ("0.00", "closed", None), ("0.00", "closed", 6)]
    assert [share[0] for share in shares(engine)] == ["1.00", "1.00", "1.00", "0.50", "0.00"]
    assert whole(engine)
