"""The rehearsal Moodle answers as the recorded one does: refusals with status 200, silence where a right is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from connector.sandbox.moodle.site import ROLES, lost
from connector.sandbox.server import Sandbox

TODAY = date(2026, 3, 10)
USERS = "core_user_get_users_by_field"
ENROLLED = "core_enrol_get_enrolled_users"
COMPLETION = "core_completion_get_course_completion_status"


class Moodle:
    """A client of a few lines, independent of the connector's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.site = sandbox.moodle
        self.http = httpx.Client(base_url=sandbox.moodle_url, timeout=5)

    def post(self, function: str, **params: str) -> httpx.Response:
        form = {"wstoken": self.sandbox.moodle_token, "wsfunction": function, "moodlewsrestformat": "json"}
        return self.http.post("/webservice/rest/server.php", data=form | params)

    def call(self, function: str, **params: Any) -> Any:
        reply = self.post(function, **{name: str(value) for name, value in params.items()})
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].startswith("application/json")
        return reply.json()

    def users(self, field: str, *values: object) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            USERS, field=field, **{f"values[{at}]": value for at, value in enumerate(values)}
        )
        return found


@pytest.fixture
def moodle() -> Iterator[Moodle]:
    with Sandbox(today=TODAY) as sandbox:
        client = Moodle(sandbox)
        yield client
        client.http.close()


def fields(user: dict[str, Any]) -> dict[str, str]:
    return {one["shortname"]: one["value"] for one in user["customfields"]}


@pytest.mark.parametrize("own_site", [False, True])
def test_the_statements_name_the_worlds_site_or_this_one(*, own_site: bool) -> None:
    with Sandbox(today=TODAY, own_site=own_site) as sandbox:
        named = [str(one["object"].get("id", "")) for one in sandbox.lrs.statements()]
    assert any(one.startswith(f"{sandbox.moodle_url}/course/") for one in named) is own_site
    assert any(one.startswith("https://lms.example.org/course/") for one in named) is not own_site


def test_users_are_found_in_one_call_by_what_the_statements_name_and_unknown_ones_are_left_out(moodle: Moodle) -> None:
    assert [user["username"] for user in moodle.users("id", 3, 4, 4711, 3)] == ["aoneill", "jbrown"]
    assert [user["id"] for user in moodle.users("username", "aoneill")] == [3]
    assert [user["id"] for user in moodle.users("email", "AONEILL@example.org")] == [3]
    assert moodle.users("id", 4711) == []
    ana = moodle.sandbox.world.people["aoneill"]
    assert fields(moodle.users("id", 3)[0])["npi"] == ana.npi
    assert "npi" not in fields(moodle.users("id", 99)[0])  # blank ones are left out


@pytest.mark.parametrize(
    ("role", "seen", "profile", "by_mail"),
    [
        ("connector", {"username", "email", "idnumber"}, {"npi", "dob", "profession"}, 1),
        ("viewalldetails", {"username", "idnumber"}, {"npi", "dob", "profession"}, 0),
        ("min", set(), {"profession"}, 0),
    ],
)
def test_a_missing_right_is_no_error_but_looks_like_a_blank_field(
    moodle: Moodle, role: str, seen: set[str], profile: set[str], by_mail: int
) -> None:
    moodle.site.rights = ROLES[role]
    user = moodle.users("id", 3)[0]
    assert {"username", "email", "idnumber"} & set(user) == seen
    assert {"npi", "dob", "profession"} & set(fields(user)) == profile
    assert len(moodle.users("email", "aoneill@example.org")) == by_mail


def test_a_date_is_the_midnight_of_the_sites_zone(moodle: Moodle) -> None:
    for zone in ("UTC", "Europe/London", "America/Chicago"):
        moodle.site.zone = ZoneInfo(zone)
        user = moodle.users("id", 4)[0]
        born = datetime.fromtimestamp(int(fields(user)["dob"]), ZoneInfo(zone))
        assert (born.month, born.day, born.hour) == (7, 4, 0)
        assert user["timezone"] == zone


def test_a_deleted_user_is_still_found_by_number_and_nowhere_else(moodle: Moodle) -> None:
    moodle.site.delete(3)
    user = moodle.users("id", 3)[0]
    assert user["username"] == f"aoneill@example.org.{int(moodle.site.clock.now().timestamp())}"
    assert "@" not in user["email"]
    assert fields(user)["npi"]
    assert moodle.users("username", "aoneill") == moodle.users("email", "aoneill@example.org") == []
    assert moodle.call(COMPLETION, courseid=57, userid=3)["errorcode"] == "userdeleted"
    assert 3 not in [one["id"] for one in moodle.call(ENROLLED, courseid=57)]


def test_the_enrolled_are_listed_by_pages_and_with_the_fields_asked_for(moodle: Moodle) -> None:
    every = moodle.call(ENROLLED, courseid=57)
    assert [one["id"] for one in every] == [3, 4, 5, 6, 7, 13, 99]
    assert "displayvalue" not in every[0]["customfields"][0]
    assert {one["id"] for one in every[0]["enrolledcourses"]} == {57}
    wanted = {"options[0][name]": "userfields", "options[0][value]": "id,username"}
    page = {"options[1][name]": "limitfrom", "options[1][value]": 2, "options[2][name]": "limitnumber"}
    some = moodle.call(ENROLLED, courseid=57, **wanted, **page, **{"options[2][value]": 3})
    assert [one["id"] for one in some] == [5, 6, 7]
    assert set(some[0]) == {"id", "username", "fullname"}


def test_a_completion_has_its_times_with_its_criteria_only(moodle: Moodle) -> None:
    begun = moodle.call(COMPLETION, courseid=57, userid=7)["completionstatus"]
    assert begun["completed"] is False
    assert [one["timecompleted"] is None for one in begun["completions"]] == [False, True, True]
    at = datetime(2026, 3, 9, 4, 30, tzinfo=UTC)
    told = datetime(2026, 3, 9, 5, 30, tzinfo=UTC)
    statement = moodle.site.complete(7, 57, at, told)
    status = moodle.call(COMPLETION, courseid=57, userid=7)["completionstatus"]
    assert status["completed"] is True
    assert max(one["timecompleted"] for one in status["completions"]) == int(at.timestamp())
    assert statement["timestamp"] == "2026-03-09T05:30:00.000Z"
    assert statement["actor"]["account"] == {"homePage": moodle.sandbox.moodle_url, "name": "7"}
    assert statement["object"]["id"] == f"{moodle.sandbox.moodle_url}/course/view.php?id=57"
    moodle.sandbox.post([statement])  # the rehearsal LRS takes it


def test_every_completion_that_was_told_stands_in_it_and_one_that_was_not(moodle: Moodle) -> None:
    user, course, _ = lost(moodle.sandbox.world)
    assert moodle.site.is_complete(user, course)
    told = {(user, course) for user, course in moodle.site.reached if moodle.site.is_complete(user, course)}
    assert told - {(user, course)} == {(3, 57), (4, 57), (5, 57), (6, 57), (14, 42), (18, 31), (99, 57)}
    assert (user, course) in told


@pytest.mark.parametrize(
    ("function", "params", "code"),
    [
        (COMPLETION, {"courseid": 60, "userid": 3}, "nocriteriaset"),
        (COMPLETION, {"courseid": 42, "userid": 3}, "usernotenroled"),
        (COMPLETION, {"courseid": 4711, "userid": 3}, "invalidrecord"),
        (COMPLETION, {"courseid": 57, "userid": 4711}, "invaliduser"),
        (COMPLETION, {"courseid": 57}, "invalidparameter"),
        (COMPLETION, {"courseid": "x", "userid": 3}, "invalidparameter"),
        (COMPLETION, {"courseid": 57, "userid": 3, "user": 3}, "invalidparameter"),
        (USERS, {"field": "npi", "values[0]": 1}, "codingerror"),
        (USERS, {"field": "id", "values": 1}, "invalidparameter"),
        (ENROLLED, {"courseid": 57, "options[0][name]": "onlyactive", "options[0][value]": 1}, "nopermissions"),
        ("core_course_get_courses_by_field", {"field": "npi", "value": 1}, "invalidparameter"),
        ("core_user_delete_everybody", {}, "invalidrecord"),
    ],
)
def test_a_refusal_comes_with_status_200(moodle: Moodle, function: str, params: dict[str, Any], code: str) -> None:
    moodle.site.enrol(3, 60)
    reply = moodle.call(function, **params)
    assert reply["errorcode"] == code
    assert set(reply) >= {"exception", "message"}


@pytest.mark.parametrize(
    ("right", "function", "code"),
    [
        ("moodle/course:view", ENROLLED, "errorcoursecontextnotvalid"),
        ("moodle/course:viewparticipants", ENROLLED, "nopermissions"),
        ("moodle/course:view", COMPLETION, "requireloginerror"),
        ("report/completion:view", COMPLETION, "cannotviewreport"),
    ],
)
def test_a_right_that_is_missing_for_a_course_is_said(moodle: Moodle, right: str, function: str, code: str) -> None:
    params = {"courseid": 57} | ({"userid": 3} if function == COMPLETION else {})
    moodle.site.rights -= {right}
    assert moodle.call(function, **params)["errorcode"] == code
    moodle.site.rights = ROLES["connector"]
    assert "errorcode" not in moodle.call(function, **params)


def test_a_function_that_the_service_lacks_is_refused_and_not_listed(moodle: Moodle) -> None:
    moodle.site.functions.discard(ENROLLED)
    assert moodle.call(ENROLLED, courseid=57)["errorcode"] == "accessexception"
    info = moodle.call("core_webservice_get_site_info")
    assert ENROLLED not in [one["name"] for one in info["functions"]]
    assert info["siteurl"] == moodle.sandbox.moodle_url


def test_a_wrong_token_is_refused_with_status_200_and_a_token_in_the_address_is_not_taken(moodle: Moodle) -> None:
    assert moodle.post(USERS, wstoken="another").json()["errorcode"] == "invalidtoken"
    door = "/webservice/rest/server.php"
    assert moodle.http.post(door, json={"wstoken": moodle.sandbox.moodle_token}).status_code == 200
    assert "invalidtoken" in moodle.http.post(door, json={"wstoken": moodle.sandbox.moodle_token}).text
    assert moodle.http.get(door, params={"wstoken": moodle.sandbox.moodle_token}).status_code == 405
    assert moodle.site.calls == []


def test_without_the_format_it_answers_xml(moodle: Moodle) -> None:
    reply = moodle.post(USERS, moodlewsrestformat="xml", field="id", **{"values[0]": "3"})
    assert reply.headers["Content-Type"].startswith("application/xml")
    assert '<KEY name="username"><VALUE>aoneill</VALUE>' in reply.text
    refused = moodle.post(USERS, moodlewsrestformat="", wstoken="another")
    assert "<ERRORCODE>invalidtoken</ERRORCODE>" in refused.text


def test_the_switches_of_the_socket_work_on_its_side_only(moodle: Moodle) -> None:
    moodle.sandbox.switch("error-500", side="moodle")
    assert httpx.get(f"{moodle.sandbox.lrs_url}/about").status_code == 200
    assert moodle.post(USERS).status_code == 500
    moodle.sandbox.switch("html-200", side="moodle", operation="service")
    assert "<html>" in moodle.post(USERS).text
    assert moodle.users("id", 3)
