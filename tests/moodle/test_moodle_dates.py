"""`completed_on: {from: moodle}`: asked before the award is made, filled in the rule's calendar, never guessed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.inquiry import ledger
from connector.inquiry.explain import explain
from connector.learners import open_dates
from connector.sandbox.moodle.site import ROLES, Course
from connector.sandbox.server import Sandbox
from connector.store import circuit
from connector.store.tables import EvidenceRow
from tests.learners.middle import Middle, voiding
from tests.moodle.place import ANNA_ID, BORIS_ID, COURSE, placed, rule, sent

Beside = Callable[..., Middle]
LATE_EVENING = datetime(2026, 3, 10, 4, 30, tzinfo=UTC)  # the 9th in Chicago
CRON = datetime(2026, 3, 11, 8, tzinfo=UTC)
LATER = timedelta(hours=7)


def completed(
    sandbox: Sandbox, user: int = ANNA_ID, course: int = COURSE, at: datetime = LATE_EVENING
) -> dict[str, Any]:
    """In Moodle then, and told by a cron some 28 hours later."""
    return sandbox.moodle.complete(user, course, at, told=at - LATE_EVENING + CRON)


def days(place: Middle) -> list[date]:
    return [award.completed_on for award in place.awards()]


def open_rows(place: Middle) -> list[tuple[str, str]]:
    return [(row.outcome, row.reason) for row in place.evidence() if row.award_id is None]


def story(place: Middle, number: int = 1) -> str:
    statement = sent({}, number)["id"]
    return "\n".join(line.text for line in explain(place.store, place.config, statement))


def test_the_date_is_moodles_in_the_rules_calendar_and_not_the_crons(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(rule()).post(sent(completed(sandbox)))
    counts = place.run()
    assert (days(place), counts["dated"], counts["opened"]) == ([date(2026, 3, 9)], 1, 1)
    assert place.states() == [("AMA PRA Category 1", "ready")]
    assert "Moodle gave its date" in story(place)


@pytest.mark.parametrize(("zone", "day"), [("UTC", date(2026, 3, 10)), ("Pacific/Auckland", date(2026, 3, 10))])
def test_the_rules_zone_counts(sandbox: Sandbox, beside: Beside, zone: str, day: date) -> None:
    place = beside(rule(f"{{from: moodle, zone: {zone}}}", "    per: date")).post(sent(completed(sandbox)))
    place.run()
    assert [(award.completed_on, award.per) for award in place.awards()] == [(day, day.isoformat())]


@pytest.mark.parametrize(
    ("setting", "actor"),
    [
        ("id", {"account": {"homePage": "SITE", "name": "3"}}),
        ("email", {"account": {"homePage": "SITE", "name": "3"}}),  # the plugin's way out of a bad address
        ("email", {"mbox": "mailto:AOneill@example.org"}),
        ("id", {"mbox": "mailto:aoneill@example.org"}),
        ("username", {"account": {"homePage": "SITE", "name": "aoneill"}}),
        ("username", {"account": {"homePage": "https://clinic.example", "name": "aoneill"}}),
        ("id", {"mbox_sha1sum": hashlib.sha1(b"mailto:aoneill@example.org").hexdigest()}),
    ],
)
def test_the_learner_is_found_however_the_plugin_names_him(
    sandbox: Sandbox, beside: Beside, setting: str, actor: dict[str, Any]
) -> None:
    place = beside(rule(), actor=setting, home_page="https://clinic.example" if setting == "username" else "")
    if "account" in actor:
        actor = {
            "account": actor["account"] | {"homePage": actor["account"]["homePage"].replace("SITE", sandbox.moodle_url)}
        }
    place.post(sent(completed(sandbox), actor=actor))
    place.run()
    assert days(place) == [date(2026, 3, 9)]


def test_not_complete_yet_waits_longer_and_longer_and_says_so(sandbox: Sandbox, beside: Beside) -> None:
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place = beside(rule()).post(sent(statement))
    place.run()
    assert open_rows(place) == [("completion", "moodle.not_complete")]
    assert place.evidence()[0].next_at == place.clock + timedelta(minutes=15)
    assert "Moodle is asked when" in story(place)
    calls = len(sandbox.moodle.calls)
    place.run(later=timedelta(minutes=14))
    assert len(sandbox.moodle.calls) == calls
    place.run(later=timedelta(hours=8))
    assert place.evidence()[0].next_at == place.clock + timedelta(hours=8, minutes=14) / 4
    place.run(later=timedelta(days=30))
    assert place.evidence()[0].next_at == place.clock + timedelta(hours=6)
    completed(sandbox)
    place.run(later=LATER)
    assert days(place) == [date(2026, 3, 9)]


def test_whoever_asks_by_hand_need_not_wait(sandbox: Sandbox, beside: Beside) -> None:
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place = beside(rule()).post(sent(statement))
    place.run()
    completed(sandbox)
    with place.at():
        circuit.try_now(place.store)
    place.run()
    assert days(place) == [date(2026, 3, 9)]


def test_a_pause_that_our_own_clock_never_made_is_over(sandbox: Sandbox, beside: Beside) -> None:
    """The host was a year ahead when Moodle did not know the date yet."""
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place = beside(rule()).post(sent(statement))
    place.run()
    with place.store.writing() as session:
        session.get_one(EvidenceRow, place.evidence()[0].id).next_at = place.clock + timedelta(days=365)
    completed(sandbox)
    place.run()
    assert days(place) == [date(2026, 3, 9)]


def test_an_outage_parks_nothing_is_said_once_and_asked_about_once_in_a_while(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(rule()).post(
        *(sent(completed(sandbox, user), number) for number, user in ((1, ANNA_ID), (2, BORIS_ID)))
    )
    sandbox.switch("error-500", side="moodle", times=None)
    with capture_logs() as lines:
        place.run()
        place.run(later=timedelta(minutes=1))
        place.run(later=timedelta(minutes=15))
    assert [line["code"] for line in lines if line["event"] == "moodle.stopped"] == ["moodle.failing"]
    assert open_rows(place) == [("completion", "moodle.failing")] * 2
    sandbox.switches.clear()
    with capture_logs() as lines:
        place.run(later=timedelta(minutes=15))
    assert [line["source"] for line in lines if line["event"] == "moodle.recovered"] == ["campus"]
    assert days(place) == [date(2026, 3, 9)] * 2


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda site: setattr(site, "token", "another"), "moodle.token"),
        (lambda site: site.functions.discard("core_completion_get_course_completion_status"), "moodle.no_function"),
        (lambda site: setattr(site, "rights", site.rights - {"report/completion:view"}), "moodle.no_right"),
        (lambda site: setattr(site, "rights", site.rights - {"moodle/course:view"}), "moodle.no_right"),
    ],
)
def test_a_missing_right_stops_and_names_the_operator(
    sandbox: Sandbox, beside: Beside, break_it: Callable[[Any], object], code: str
) -> None:
    place = beside(rule()).post(sent(completed(sandbox)))
    break_it(sandbox.moodle)
    with capture_logs() as lines:
        place.run()
    (said,) = [line for line in lines if line["event"] == "moodle.stopped"]
    assert (said["code"], said["who"], bool(said["hint"])) == (code, "operator", True)
    assert open_rows(place) == [("completion", code)]


def test_names_that_the_token_may_not_see_are_a_missing_right_and_no_unknown_user(
    sandbox: Sandbox, beside: Beside
) -> None:
    place = beside(rule(), actor="email").post(sent(completed(sandbox), actor={"mbox": "mailto:aoneill@example.org"}))
    rights, sandbox.moodle.rights = sandbox.moodle.rights, sandbox.moodle.rights - {"moodle/site:viewuseridentity"}
    place.run()
    assert open_rows(place) == [("completion", "moodle.no_right")]
    sandbox.moodle.rights = rights
    place.run(later=LATER)
    assert days(place) == [date(2026, 3, 9)]


def test_what_the_token_may_not_see_of_one_holds_up_nobody_else(sandbox: Sandbox, beside: Beside) -> None:
    told = completed(sandbox)
    other = completed(sandbox, BORIS_ID, 42)
    sandbox.moodle.rights -= {"moodle/site:viewuseridentity", "moodle/course:viewparticipants"}
    hidden = (sent(told, number, actor={"mbox": f"mailto:{number}@example.org"}) for number in (1, 2))
    place = beside(rule()).post(*hidden, sent(told, 3), sent(other, 4))
    place.run()
    assert open_rows(place) == [("completion", "moodle.no_right")] * 2
    assert days(place) == [date(2026, 3, 9)] * 2
    assert sandbox.moodle.calls.count("core_enrol_get_enrolled_users") == 1
    with capture_logs() as lines:
        place.post(sent(completed(sandbox, 5), 5)).run()  # the others go on: neither a recovery nor another stop
        place.run(later=LATER)
        sandbox.moodle.rights = ROLES["connector"]
        place.run(later=LATER)
    said = [(line["event"], line.get("code")) for line in lines if line["event"].startswith("moodle.")]
    assert said == [("moodle.recovered", None)]


def test_on_postgres(sandbox: Sandbox, tmp_path: Path, postgres: Callable[[], str]) -> None:
    place = placed(tmp_path, sandbox, rule(), store=postgres())
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place.post(sent(statement))
    place.run()
    assert open_rows(place) == [("completion", "moodle.not_complete")]
    sandbox.switch("error-500", side="moodle")
    place.run(later=LATER)
    assert open_rows(place) == [("completion", "moodle.failing")]
    completed(sandbox)
    with place.at():
        circuit.try_now(place.store)
    place.run()
    assert days(place) == [date(2026, 3, 9)]
    place.store.dispose()


def test_a_user_without_a_date_is_the_administrators_problem(sandbox: Sandbox, beside: Beside) -> None:
    one, two = completed(sandbox), completed(sandbox, BORIS_ID)
    site = sandbox.moodle
    sandbox.moodle.courses[60] = Course(60, "Faculty Corner", "FACULTY")
    bare = site.complete(ANNA_ID, 60, LATE_EVENING)
    site.delete(ANNA_ID)
    site.unenrol(BORIS_ID, COURSE)
    site.enrol(BORIS_ID, 60)
    place = beside(rule()).post(sent(one, 1), sent(two, 2), sent(bare, 3, actor=two["actor"]))
    with capture_logs() as lines:
        place.run()
    assert open_rows(place) == [("problem", "moodle.no_date")] * 3
    assert [line["who"] for line in lines if line["event"] == "completion.undated"] == ["administrator"] * 3
    assert "the user was deleted" in story(place, 1)
    assert "no longer enrolled" in story(place, 2)
    assert "no criteria" in story(place, 3)


def test_what_is_no_course_or_no_user_of_this_moodle_is_a_problem_at_once(sandbox: Sandbox, beside: Beside) -> None:
    statement = completed(sandbox)
    module = {"id": f"{sandbox.moodle_url}/mod/quiz/view.php?id=5"}
    stranger = {"account": {"homePage": "https://elsewhere.example", "name": "3"}}
    place = beside(rule()).post(
        sent(statement, 1, object=module),
        sent(statement, 2, actor=stranger),
        sent(statement, 3, actor={"mbox": "mailto:nobody@example.org"}),
    )
    place.run()
    assert open_rows(place) == [
        ("problem", "moodle.no_course"), ("problem", "moodle.no_user"), ("problem", "moodle.no_user"),
    ]  # fmt: skip


def test_a_source_without_moodle_waits_until_it_has_one(sandbox: Sandbox, beside: Beside) -> None:
    place = beside(rule()).post(sent(completed(sandbox)))
    with_moodle = place.config
    (source,) = with_moodle.sources
    place.config = with_moodle.model_copy(update={"sources": (source.model_copy(update={"moodle": None}),)})
    with capture_logs() as lines:
        place.run()
    assert [line["code"] for line in lines if line["event"] == "moodle.stopped"] == ["config.no_moodle"]
    assert open_rows(place) == [("completion", "config.no_moodle")]
    place.config = with_moodle
    place.run(later=LATER)
    assert days(place) == [date(2026, 3, 9)]


@pytest.mark.parametrize("asked_in_time", [True, False])
def test_a_course_completed_again_dates_no_completion_before(
    sandbox: Sandbox, beside: Beside, *, asked_in_time: bool
) -> None:
    months = timedelta(days=60)
    first = sent(completed(sandbox, at=LATE_EVENING - months), 1)
    place = beside(rule(more="    per: date")).post(first)
    if asked_in_time:
        place.run()
    second = completed(sandbox)  # after a reset: Moodle forgets the first
    place.post(sent(second, 2)).run()
    if asked_in_time:
        assert (days(place), open_rows(place)) == ([date(2026, 1, 8), date(2026, 3, 9)], [])
        return
    assert (days(place), open_rows(place)) == ([date(2026, 3, 9)], [("problem", "moodle.other_completion")])
    assert "knows a later completion" in story(place)
    assert [row.what for row in ledger.prove(place.store) if row.wrong] == []


def test_what_is_voided_while_open_earns_nothing(sandbox: Sandbox, beside: Beside) -> None:
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place = beside(rule()).post(sent(statement))
    place.run()
    place.post(voiding(9, 1))
    completed(sandbox)
    calls = len(sandbox.moodle.calls)
    place.run(later=LATER)
    assert place.awards() == []
    assert len(sandbox.moodle.calls) == calls
    assert [row.what for row in ledger.prove(place.store) if row.wrong] == []


def test_what_is_sent_again_while_open_joins_one_award_also_when_the_first_was_voided(
    sandbox: Sandbox, beside: Beside
) -> None:
    statement = completed(sandbox)
    sandbox.moodle.reached.clear()
    place = beside(rule("{from: moodle}", "    per: date")).post(sent(statement, 1), sent(statement, 2))
    place.run()
    place.post(voiding(9, 1))
    completed(sandbox)
    place.run(later=LATER)
    assert days(place) == [date(2026, 3, 9)]
    place.post(sent(statement, 3))
    place.run()
    assert days(place) == [date(2026, 3, 9)]
    assert [row.what for row in ledger.prove(place.store) if row.wrong] == []


def test_of_two_courses_for_one_activity_the_earlier_date_wins_whichever_was_open_longer(
    sandbox: Sandbox, beside: Beside
) -> None:
    late, early = (
        completed(sandbox, course=one, at=LATE_EVENING + timedelta(days=day)) for one, day in ((57, 3), (42, 0))
    )
    kept = sandbox.moodle.reached.pop((ANNA_ID, 42))
    place = beside(rule()).post(sent(late, 1), sent(early, 2))
    place.run()
    assert days(place) == [date(2026, 3, 12)]
    sandbox.moodle.reached[ANNA_ID, 42] = kept
    place.run(later=LATER)
    assert days(place) == [date(2026, 3, 9)]
    assert place.states() == [("AMA PRA Category 1", "ready")]


def test_who_is_asked_about_twice_is_asked_once(sandbox: Sandbox, beside: Beside) -> None:
    statement = completed(sandbox)
    place = beside(rule()).post(*(sent(statement, number) for number in (1, 2, 3)))
    place.run()
    assert sandbox.moodle.calls.count("core_completion_get_course_completion_status") == 1


def test_what_nobody_foresaw_at_one_moodle_holds_up_nobody_else(
    sandbox: Sandbox, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_settings: object) -> object:
        raise TypeError("ana@example.org")

    own = rule("{path: timestamp}", "    priority: 1").replace("name: course", "name: other")
    own = own.replace('starts_with: "http"', f'is: "{sandbox.moodle_url}/course/view.php?id=99"')
    place = beside(rule() + own.replace("203512345", "203512346")).post(sent(completed(sandbox)))
    other = sent(completed(sandbox), 2)
    other["object"] = {**other["object"], "id": other["object"]["id"].replace(f"id={COURSE}", "id=99")}
    place.post(other)
    with capture_logs() as lines, monkeypatch.context() as broken:
        broken.setattr(open_dates, "open_moodle", stumble)
        place.run()
    assert [award.activity_id for award in place.awards()] == ["203512346"]
    assert ("completion", "connector.unexpected") in open_rows(place)
    assert "ana@" not in str(lines)
    place.run(later=LATER)
    assert len(place.awards()) == 2


def test_a_time_beyond_all_calendars_is_no_time_and_the_others_get_theirs(sandbox: Sandbox, beside: Beside) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    place = beside(rule("{from: moodle, zone: Pacific/Guam}"))
    place.post(sent(completed(sandbox, user=BORIS_ID), 2))
    place.post(sent(sandbox.moodle.complete(ANNA_ID, COURSE, far, told=CRON), 1))
    place.run()
    assert days(place) == [date(2026, 3, 10)]
    assert open_rows(place) == [("problem", "moodle.no_date")]
