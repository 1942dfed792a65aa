"""Moodle's web-service functions, as a real site answers them. Knows no HTTP; refuses by `Refused`.

Written from recorded answers of Moodle 4.5. What the token may not see is simply absent, like a blank field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connector.sandbox.moodle.site import Course, Criterion, MoodleSite, User

Json = dict[str, Any]
Params = Mapping[str, Any]

_RELEASE = ("4.5.6 (Build: 20250811)", "2024100706")
_SEARCHED = ("id", "idnumber", "username", "email", "auth")
_CLASS = "core\\exception\\moodle_exception"
_INVALID = "core\\exception\\invalid_parameter_exception"


class Refused(Exception):
    """What Moodle answers with status 200 in place of a result."""

    def __init__(self, code: str, message: str, kind: str = _CLASS, debug: str = "") -> None:
        super().__init__(code)
        self.body: Json = {"exception": kind, "errorcode": code, "message": message}
        if debug:
            self.body["debuginfo"] = debug


def call(site: MoodleSite, function: str, params: Params) -> Any:
    """The answer of that function; Refused where Moodle says no."""
    site.calls.append(function)
    if function not in _FUNCTIONS:
        raise _no_record("external_functions")
    if function not in site.functions:
        raise Refused("accessexception", "Access control exception", "core\\exception\\webservice_access_exception")
    handler, known = _FUNCTIONS[function]
    if unknown := sorted(set(params) - known):
        raise _invalid(f"Unexpected keys ({', '.join(unknown)}) detected in parameter array.")
    return handler(site, params)


def _site_info(site: MoodleSite, _: Params) -> Json:
    release, version = _RELEASE
    return {
        "sitename": "Example CME (rehearsal)",
        "username": "ws_connector",
        "firstname": "Web",
        "lastname": "Service",
        "fullname": "Web Service",
        "lang": "en",
        "userid": 2,
        "siteurl": site.address,
        "userpictureurl": f"{site.address}/theme/image.php/boost/core/1/u/f1",
        "functions": [{"name": name, "version": version} for name in sorted(site.functions)],
        "downloadfiles": 0,
        "uploadfiles": 0,
        "release": release,
        "version": version,
        "userissiteadmin": False,
    }


def _users_by_field(site: MoodleSite, params: Params) -> list[Json]:
    name, values = _needed(params, "field"), _needed(params, "values")
    if name not in _SEARCHED:
        message = "Coding error detected, it must be fixed by a programmer: invalid field parameter"
        debug = f"The search field '{name}' is not supported, look at the web service documentation"
        raise Refused("codingerror", message, "core\\exception\\coding_exception", debug)
    if not isinstance(values, dict):
        raise _invalid("Only arrays accepted. The bad value is: values")
    wanted = {str(value).strip().casefold() for value in values.values()}
    shown = (_details(site, site.users[number]) for number in sorted(site.users))
    # a field that the token may not see cannot be searched either
    return [user for user in shown if str(user.get(name, "")).casefold() in wanted - {""}]


def _details(site: MoodleSite, user: User) -> Json:
    everything = "moodle/user:viewalldetails" in site.rights
    names = {"username": user.username} if everything else {}
    mail = {"email": user.email} if "moodle/site:viewuseridentity" in site.rights else {}
    more = {"department": "", "idnumber": user.idnumber} if everything and user.idnumber else {}
    own = {"auth": "manual", "confirmed": True, "lang": "en", "theme": ""} if everything else {}
    visible = [one for one in site.fields(user) if everything or one[1] == "profession"]
    keys = ("type", "shortname", "name", "value", "displayvalue")
    return {
        "id": user.id,
        **names,
        "firstname": user.person.given,
        "lastname": user.person.family,
        "fullname": f"{user.person.given} {user.person.family}",
        **mail,
        **more,
        "firstaccess": 0,
        "lastaccess": 0,
        "suspended": False,
        **own,
        "timezone": (user.zone or site.zone).key,
        "country": "US",
        "profileimageurl": f"{site.address}/theme/image.php/boost/core/1/u/f1",
        "customfields": [dict(zip(keys, one, strict=True)) for one in visible],
    }


def _enrolled_users(site: MoodleSite, params: Params) -> list[Json]:
    course = _course(site, _number(params, "courseid"))
    if "moodle/course:view" not in site.rights:
        why = "The context error message was: Course or activity not accessible. (Not enrolled)"
        raise Refused("errorcoursecontextnotvalid", f"You cannot execute functions in the course context. {why}")
    if "moodle/course:viewparticipants" not in site.rights:
        raise _not_permitted("View participants")
    options = {one["name"]: one["value"] for one in params.get("options", {}).values()}
    if options.get("onlyactive", "0") != "0":
        raise _not_permitted("Review course enrolments")
    users = [site.users[user] for user, number in sorted(site.enrolled) if number == course.id]
    first = int(options.get("limitfrom", 0))
    last = first + int(options["limitnumber"]) if options.get("limitnumber", "0") != "0" else None
    return [_row(_participant(site, user), options.get("userfields", "")) for user in users[first:last]]


def _row(user: Json, fields: str) -> Json:
    """With the option userfields only what it names; id and full name always come."""
    wanted = {*fields.split(","), "id", "fullname"}
    return {name: value for name, value in user.items() if not fields or name in wanted}


def _participant(site: MoodleSite, user: User) -> Json:
    shown = _details(site, user)
    for own in ("auth", "suspended", "confirmed", "lang", "theme", "timezone"):
        shown.pop(own, None)
    for one in shown["customfields"]:
        del one["displayvalue"]
    courses = (site.courses[course] for one, course in sorted(site.enrolled) if one == user.id)
    return shown | {
        "roles": [{"roleid": 5, "name": "", "shortname": "student", "sortorder": 0}],
        "enrolledcourses": [{"id": one.id, "fullname": one.name, "shortname": one.short} for one in courses],
    }


def _completion(site: MoodleSite, params: Params) -> Json:
    course, number = _course(site, _number(params, "courseid")), _number(params, "userid")
    user = site.users.get(number)
    if user is None:
        raise Refused("invaliduser", "Invalid user", "core\\exception\\dml_missing_record_exception")
    if user.deleted:
        raise Refused("userdeleted", "The user account has been deleted")
    if "moodle/course:view" not in site.rights:
        raise Refused("requireloginerror", "Course or activity not accessible. (Not enrolled)")
    if "report/completion:view" not in site.rights:
        raise Refused("cannotviewreport", "You do not have permission to view this report")
    if (number, course.id) not in site.enrolled:
        raise Refused("usernotenroled", "This user is not enrolled in this course")
    if not course.criteria:
        raise Refused("nocriteriaset", "No completion criteria set for this course")
    rows = list(_criteria(site, number, course))
    status = {"completed": site.is_complete(number, course.id), "aggregation": 1, "completions": rows}
    return {"completionstatus": status, "warnings": []}


def _criteria(site: MoodleSite, user: int, course: Course) -> Iterator[Json]:
    times = site.reached.get((user, course.id), [None] * len(course.criteria))
    for criterion, at in zip(course.criteria, times, strict=True):
        yield {
            "type": 4,
            "title": "Activity completion",
            "status": "Yes" if at else "No",
            "complete": at is not None,
            "timecompleted": int(at.timestamp()) if at else None,
            "details": _criterion(site, criterion),
        }


def _criterion(site: MoodleSite, one: Criterion) -> Json:
    link = f'<a href="{site.address}/mod/{one.kind}/view.php?id={one.module}">{one.title}</a>'
    return {"type": "Activity completion", "criteria": link, "requirement": one.requirement, "status": ""}


def _courses_by_field(site: MoodleSite, params: Params) -> Json:
    name, value = params.get("field", ""), str(params.get("value", ""))
    wanted: dict[str, Callable[[Course], bool]] = {
        "": lambda _: True,
        "id": lambda one: str(one.id) == value,
        "ids": lambda one: str(one.id) in value.split(","),
        "shortname": lambda one: one.short.casefold() == value.casefold(),
    }
    if name not in wanted:
        raise _invalid("Invalid field name")
    found = [_shown_course(one) for _, one in sorted(site.courses.items()) if wanted[name](one)]
    return {"courses": found, "warnings": []}


def _shown_course(course: Course) -> Json:
    own = {"name": "ACCME activity ID", "shortname": "accmeactivityid", "type": "text"}
    value = {"valueraw": course.activity_id, "value": course.activity_id}
    return {
        "id": course.id,
        "fullname": course.name,
        "displayname": course.name,
        "shortname": course.short,
        "categoryid": 2,
        "categoryname": "CME",
        "summary": "",
        "customfields": [own | value] if course.activity_id else [],
        "format": "topics",
        "visible": 1,
        "enablecompletion": 1,
    }


def _course(site: MoodleSite, number: int) -> Course:
    if number not in site.courses:
        raise _no_record("course")
    return site.courses[number]


def _needed(params: Params, name: str) -> Any:
    if name not in params:
        raise _invalid(f"Missing required key in single structure: {name}")
    return params[name]


def _number(params: Params, name: str) -> int:
    text = _needed(params, name)
    if not str(text).isdecimal():
        raise _invalid(f"{name} => Invalid parameter value detected")
    return int(text)


def _invalid(debug: str) -> Refused:
    return Refused("invalidparameter", "Invalid parameter value detected", _INVALID, debug)


def _not_permitted(what: str) -> Refused:
    message = f"Sorry, but you do not currently have permissions to do that ({what})."
    return Refused("nopermissions", message, "core\\exception\\required_capability_exception")


def _no_record(table: str) -> Refused:
    message = f"Can't find data record in database table {table}."
    return Refused("invalidrecord", message, "core\\exception\\dml_missing_record_exception")


_FUNCTIONS: dict[str, tuple[Callable[[MoodleSite, Params], Any], frozenset[str]]] = {
    "core_webservice_get_site_info": (_site_info, frozenset()),
    "core_user_get_users_by_field": (_users_by_field, frozenset({"field", "values"})),
    "core_course_get_courses_by_field": (_courses_by_field, frozenset({"field", "value"})),
    "core_enrol_get_enrolled_users": (_enrolled_users, frozenset({"courseid", "options"})),
    "core_completion_get_course_completion_status": (_completion, frozenset({"courseid", "userid"})),
}
