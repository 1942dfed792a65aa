"""The careful first weeks: what waits for `send_after`, what waits for a person's release."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connector.store import releases
from connector.store.session import Store
from connector.store.tables import Provider, Release
from tests.learners.middle import ACTIVITY, ANNA, NOON, RULE, Middle, account, laid_out, statement, voiding

DAYS = timedelta(days=3)
OTHER = ACTIVITY | {"activity_id": "203512346", "title": "Other"}
OTHER_RULE = RULE.replace("name: course", "name: other").replace("203512345", "203512346").replace("/course", "/other")


def careful(folder: Path, **provider: object) -> Middle:
    """A provider who begins; the statements of `middle` were stored two days before its noon."""
    return set_provider(laid_out(folder), **provider)


def set_provider(place: Middle, **changes: object) -> Middle:
    (provider,) = place.config.providers
    place.config = place.config.model_copy(update={"providers": (provider.model_copy(update=changes),)})
    return place


def release(place: Middle, activity: str) -> None:
    with place.at(), place.session() as session:
        (one,) = [one for one in releases.waiting(session) if one.activity == activity]
        releases.release(session, one, by="chris", now=place.clock)


def test_a_credit_leaves_when_its_days_have_passed_and_not_an_hour_later(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS)
    place.post(statement(1)).run()
    credit = place.only()
    assert (credit.state, credit.reason) == ("held", "credit.send_after")
    assert credit.problems[0]["message"] == "it leaves after 2026-03-13 15:04 UTC (send_after)"
    assert credit.problems[0]["who"] == "nobody"
    place.run(later=timedelta(hours=21))
    assert place.only().state == "held"
    place.run(later=place.only().next_at - place.clock)  # type: ignore[operator]
    assert (place.clock - NOON, place.only().state) == (timedelta(hours=21, minutes=4, seconds=6), "ready")


def test_a_void_within_those_days_closes_what_was_never_sent(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS)
    place.post(statement(1)).run()
    place.post(voiding(2, 1)).run(later=timedelta(hours=1))
    assert place.only().wanted == "absent"
    place.run(later=timedelta(days=7))
    assert (place.only().state, place.only().attempts) == ("held", 0)  # submission closes it


def test_other_problems_are_told_beside_the_wait_and_first(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS, release="manual").sheet(ANNA | {"npi": ""})
    place.post(statement(1)).run()
    codes = [one["code"] for one in place.only().problems]
    assert codes == ["learner.no_identifier", "activity.not_released", "credit.send_after"]
    with place.session() as session:
        assert releases.waiting(session) == []  # a release alone would not let it go


def test_the_first_records_of_each_activity_wait_for_a_person(tmp_path: Path) -> None:
    place = careful(tmp_path, release="manual").activity(ACTIVITY, OTHER).rules(RULE + OTHER_RULE)
    other = {"id": "https://lms.example.org/other"}
    place.post(statement(1), statement(2, actor=account("4")), statement(3, object=other)).run()
    assert [state for _, state in place.states()] == ["held"] * 3
    with place.session() as session:
        shown = [(one.activity, one.title, one.credits, one.learners, one.first) for one in releases.waiting(session)]
    assert shown == [("203512345", "Update", 2, 2, 1), ("203512346", "Other", 1, 1, 3)]
    release(place, "203512345")
    place.run()
    assert [state for _, state in place.states()] == ["ready", "ready", "held"]
    place.post(statement(4, actor=account("4"), object={"id": "https://lms.example.org/course/7"})).run()
    assert place.states()[2][1] == "held"


def test_later_records_of_a_released_activity_leave_by_themselves(tmp_path: Path) -> None:
    place = careful(tmp_path, release="manual")
    place.post(statement(1)).run()
    release(place, "203512345")
    place.run()
    place.post(statement(2, actor=account("4"))).run()
    assert [state for _, state in place.states()] == ["ready", "ready"]


@pytest.mark.parametrize("sent_before", [True, False])
def test_an_activity_that_has_been_reporting_is_not_stopped_by_the_setting(
    tmp_path: Path, *, sent_before: bool
) -> None:
    place = laid_out(tmp_path)
    place.post(statement(1)).run()
    if sent_before:
        with place.credits() as rows:
            rows[0].first_sent_at = place.clock
    set_provider(place, release="manual").post(statement(2, actor=account("4"))).run()
    assert place.states()[1][1] == ("ready" if sent_before else "held")


def test_a_regrade_waits_anew_and_a_repetition_does_not(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS)
    place.post(statement(1), statement(2, stored="2026-03-12T10:00:00Z", timestamp="2026-03-12T10:00:00Z")).run()
    assert "2026-03-13 15:04" in place.only().problems[0]["message"]
    place.post(voiding(3, 1)).run(later=timedelta(hours=2))
    assert "2026-03-15 10:00" in place.only().problems[0]["message"]


def test_two_people_release_one_activity_at_once(any_store: Store) -> None:
    one = releases.Waiting(provider="0001234", activity="203512345", title="", credits=1, learners=1, first=1)
    with any_store.writing() as session:
        session.add(Provider(id="0001234", environment="rehearsal", host="127.0.0.1"))
    for person in ("chris", "dana"):
        with any_store.writing() as session:
            releases.release(session, one, by=person, now=NOON)
    with any_store.reading() as session:
        assert session.get_one(Release, ("0001234", "203512345")).by == "chris"


def test_a_person_may_release_while_the_days_pass(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS, release="manual")
    place.post(statement(1)).run()
    release(place, "203512345")
    place.run()
    assert place.only().reason == "credit.send_after"
    place.run(later=DAYS)
    assert place.only().state == "ready"


def test_a_setting_that_is_taken_out_counts_with_the_next_start(tmp_path: Path) -> None:
    place = careful(tmp_path, send_after=DAYS, release="manual")
    place.post(statement(1)).run()
    set_provider(place, send_after=timedelta(0), release="automatic").run(later=timedelta(minutes=1))
    assert place.only().state == "held"
    releases.look_again(place.store)
    place.run()
    assert place.only().state == "ready"
