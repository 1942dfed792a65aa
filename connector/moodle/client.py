"""Moodle's web service, asked for the least: who is enrolled, who a user is, and since when a course is complete.

Knows no store, no rule and no statement. Moodle's own messages may hold names: only its error codes are repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

import orjson
from pydantic import SecretStr

from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.http import Closing, Http, HttpAnswer
from connector.moodle import answers
from connector.moodle.answers import Course, CourseCompletion, Profile, State, User

CONNECT_SECONDS = 10.0
MOST_BYTES = 8 * 1024 * 1024
"""Of one answer: what is made of it is thirty times as large."""
BATCH = 50
"""Values of one question for users or courses."""
ROSTER_PAGE = 500
MOST_USERS = 100_000
"""Of one course: what is beyond is no course, or no Moodle."""

SITE_INFO: Final = "core_webservice_get_site_info"
USERS: Final = "core_user_get_users_by_field"
ENROLLED: Final = "core_enrol_get_enrolled_users"
COMPLETION: Final = "core_completion_get_course_completion_status"
COURSES: Final = "core_course_get_courses_by_field"

RIGHTS: Final[Mapping[str, str]] = {
    SITE_INFO: "webservice/rest:use",
    USERS: "moodle/user:viewdetails, moodle/user:viewalldetails, moodle/site:viewuseridentity, moodle/course:useremail",
    ENROLLED: "moodle/course:view, moodle/course:viewparticipants, moodle/site:accessallgroups",
    COMPLETION: "moodle/course:view, report/completion:view, moodle/site:accessallgroups",
    COURSES: "moodle/course:view, moodle/course:viewhiddencourses",
}
"""Every function that is called, and the capabilities of the role that it needs."""

Field = Literal["id", "username", "email"]

_ERROR_CODE = re.compile(r"[A-Za-z0-9_]{1,60}")

# What Moodle says about the course or user that was asked for: an answer, no failure.
_ABOUT: Final[Mapping[str, State]] = {
    "nocriteriaset": "no_criteria",
    "userdeleted": "gone",
    "invaliduser": "gone",
    "invaliduserid": "gone",
    "usernotconfirmed": "gone",
    "guestsarenotallowed": "gone",
    "usernotenroled": "not_enrolled",
    "notenroled": "not_enrolled",
    "invalidcourseid": "no_course",
    "invalidrecord": "no_course",
    "invalidrecordunknown": "no_course",
}
_TOKEN = frozenset({"invalidtoken", "invalidtimedtoken", "missingparam"})
_ACCOUNT = frozenset(
    {
        "wsaccessuserdeleted", "wsaccessuserexpired", "wsaccessusernologin", "wsaccessusersuspended",
        "wsaccessuserunconfirmed", "forcepasswordchangenotice", "passwordisexpired", "sitepolicynotagreed",
        "usernotfullysetup",
    }
)  # fmt: skip
_NO_RIGHT = frozenset(
    {
        "nopermissions",
        "nopermission",
        "cannotviewprofile",
        "cannotviewreport",
        "errorcoursecontextnotvalid",
        "requireloginerror",
    }
)
_OFF = frozenset({"servicenotavailable", "enablewsdescription", "webservicesnotenabled"})


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the site says of itself: its address, its release and the functions that the token may call."""

    site: str
    release: str
    functions: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """The functions that the connector calls, and the token's service does not have."""
        return sorted(RIGHTS.keys() - self.functions)


class _Said(Exception):
    """One of Moodle's own error codes about what was asked for; never leaves this module."""

    def __init__(self, errorcode: str) -> None:
        super().__init__(errorcode)
        self.errorcode = errorcode


class Moodle(Closing):
    """A connection to one site, such as `https://moodle.example.edu`. Reads only."""

    def __init__(
        self, site: str, token: SecretStr, *, timeout: timedelta = timedelta(seconds=60), ca_bundle: str | None = None
    ) -> None:
        self.site = site.rstrip("/")
        self._token = token
        seconds = timeout.total_seconds()
        self._http = Http(blame="moodle", connect=min(CONNECT_SECONDS, seconds), read=seconds, verify=ca_bundle or True)

    def site_info(self) -> SiteInfo:
        said = answers.block(self._ask(SITE_INFO))
        names = [answers.text(one, "name") for one in answers.listed(said.get("functions"))]
        return SiteInfo(answers.shown(said, "siteurl").rstrip("/"), answers.shown(said, "release"), frozenset(names))

    def users_by_field(self, name: Field, values: Iterable[str]) -> list[User]:
        """All users with one of these values; whom Moodle does not know, or not show, is left out."""
        return [answers.user_of(one) for one in self._found(name, values)]

    def profiles(self, name: Field, values: Iterable[str]) -> list[Profile]:
        """The same users, and what their profiles say."""
        return [answers.profile_of(one) for one in self._found(name, values)]

    def _found(self, name: Field, values: Iterable[str]) -> Iterator[Any]:
        for some in _batches(list(dict.fromkeys(values))):
            listed = {f"values[{place}]": value for place, value in enumerate(some)}
            yield from answers.listed(self._ask(USERS, {"field": name, **listed}))

    def enrolled_users(self, course: int) -> Iterator[User]:
        """Everybody enrolled in a course, teachers and suspended enrolments included; nobody where there is none."""
        known: set[int] = set()
        while len(known) < MOST_USERS:
            try:
                listed = answers.listed(self._ask(ENROLLED, _roster(course, len(known))))
            except _Said as said:
                if _ABOUT[said.errorcode] != "no_course":
                    raise self._unexpected(said.errorcode) from None
                return
            fresh = [user for user in map(answers.user_of, listed) if user.id not in known]
            known.update(user.id for user in fresh)
            yield from fresh
            if not fresh or len(listed) < ROSTER_PAGE:
                return

    def course_completion(self, course: int, user: int) -> CourseCompletion:
        try:
            said = answers.block(self._ask(COMPLETION, {"courseid": str(course), "userid": str(user)}))
        except _Said as refusal:
            return CourseCompletion(_ABOUT[refusal.errorcode])
        status = answers.block(said.get("completionstatus"))
        if status.get("completed") is not True:
            return CourseCompletion("incomplete")
        return CourseCompletion("complete", answers.completed_at(status))

    def courses(self, ids: Iterable[int]) -> list[Course]:
        """Those of these courses that are there."""
        found: list[Course] = []
        for some in _batches([str(one) for one in ids]):
            said = answers.block(self._ask(COURSES, {"field": "ids", "value": ",".join(some)}))
            found += map(answers.course_of, answers.listed(said.get("courses")))
        return found

    def _ask(self, function: str, params: Mapping[str, str] | None = None) -> Any:
        """One call. The token goes in the body: an address would end up in logs."""
        secret = {"wstoken": self._token.get_secret_value()}
        form = {**secret, "wsfunction": function, "moodlewsrestformat": "json", **(params or {})}
        answer = self._http.read(
            "POST",
            f"{self.site}/webservice/rest/server.php",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode(),
            most=MOST_BYTES,
        )
        _judge(answer)
        try:
            said = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise answers.unreadable() from None
        if isinstance(said, dict) and ("exception" in said or "errorcode" in said):
            raise self._refused(function, said.get("errorcode"))
        return said

    def _refused(self, function: str, errorcode: Any) -> Exception:
        """Moodle answers its errors with 200."""
        code = errorcode if isinstance(errorcode, str) and _ERROR_CODE.fullmatch(errorcode) else "an error"
        if code in _ABOUT and function in (COMPLETION, ENROLLED):
            return _Said(code)
        for codes, refusal in _REFUSALS:
            if code in codes:
                return _barred(refusal, code, function)
        return self._unexpected(code)

    def _unexpected(self, errorcode: str) -> ConnectorError:
        return RetryLater("moodle.failing", f"Moodle answers with its error {errorcode}")

    def close(self) -> None:
        self._http.close()


def _roster(course: int, after: int) -> dict[str, str]:
    """A page of a roster in a lasting order, with no more of each user than his names in statements."""
    options = {
        "userfields": "id,username,email",
        "limitfrom": str(after),
        "limitnumber": str(ROSTER_PAGE),
        "sortby": "id",
    }
    params = {"courseid": str(course)}
    for place, (name, value) in enumerate(options.items()):
        params |= {f"options[{place}][name]": name, f"options[{place}][value]": value}
    return params


def _judge(answer: HttpAnswer) -> None:
    status = answer.status
    if status == 200:
        return
    if status in (429, 503):
        raise RetryLater("moodle.busy", f"Moodle asks for patience ({status})", wait=answer.retry_after)
    if status >= 500 or status == 408:
        raise RetryLater("moodle.failing", f"Moodle answers {status}", wait=answer.retry_after)
    if status == 403:
        raise _barred(_DISABLED, str(status))
    raise NeedsOperator(
        "moodle.wrong_site",
        f"there is no web service of a Moodle at this address ({status})",
        "`site` is the address of the site as a browser shows it, without index.php; no redirect is followed",
    )


_DISABLED = (
    "moodle.disabled",
    "Moodle's web services are off ({code})",
    "turn on: Advanced features > Enable web services; Manage protocols > REST; the external service itself",
)
_REFUSALS: tuple[tuple[frozenset[str], tuple[str, str, str]], ...] = (
    (
        _TOKEN,
        (
            "moodle.token",
            "Moodle does not know the token ({code})",
            "make one under Site administration > Server > Web services > Manage tokens, and put it where `token` says",
        ),
    ),
    (
        _ACCOUNT,
        (
            "moodle.account",
            "the account behind the token cannot be used ({code})",
            (
                "sign in as this user once: it must be confirmed, not suspended, with a password that need not be "
                "changed and every policy agreed to"
            ),
        ),
    ),
    (
        frozenset({"accessexception"}),
        (
            "moodle.no_function",
            "the token may not call {function} ({code})",
            (
                "add the function to the external service and its user to the authorised users; the role needs "
                "webservice/rest:use, and the token's IP restriction must let this machine in"
            ),
        ),
    ),
    (
        _NO_RIGHT,
        (
            "moodle.no_right",
            "the role of the token's user lacks a right for {function} ({code})",
            "allow in the role, at system level: {rights}",
        ),
    ),
    (_OFF, _DISABLED),
)
"""Moodle's own error codes, and what each means for whoever looks after the site: code, message and hint."""


def _barred(refusal: tuple[str, str, str], code: str, function: str = "") -> NeedsOperator:
    ours, message, hint = refusal
    rights = RIGHTS.get(function, "")
    return NeedsOperator(ours, message.format(code=code, function=function), hint.format(rights=rights))


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))
