"""What Moodle's web service answers, as values: users, profiles, courses, completions. Reads only what it must.

Whatever is not in the shape that Moodle documents is `moodle.unreadable`: a login page or another service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from connector.errors import RetryLater

MOST_SHOWN = 100
"""Characters of what the site says of itself: it is shown to people."""

State = Literal["complete", "incomplete", "no_criteria", "not_enrolled", "gone", "no_course"]

_OWN_FIELDS = ("firstname", "lastname", "middlename", "alternatename", "idnumber", "institution", "department")
_ANY = 2  # Moodle's COMPLETION_AGGREGATION_ANY: one criterion is enough
_LAST_SECOND = 253_370_764_800  # 1 January 9999: every zone has the day of it


@dataclass(frozen=True, slots=True)
class User:
    """A user as far as statements name users; empty where Moodle shows this token no more."""

    id: int
    username: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ProfileField:
    """A field of a profile as it is kept: a date is seconds since 1970, a tick `1` or `0`, of a menu its words."""

    kind: str  # Moodle's: text, menu, checkbox, datetime, ...; "" for what every user has
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """A user with the fields that are not blank and that this token is shown, by their short names."""

    user: User
    zone: str  # the user's own, 99 for the site's
    fields: Mapping[str, ProfileField] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Course:
    """A course as the plugin's statements describe it."""

    id: int
    name: str
    short_name: str
    id_number: str


@dataclass(frozen=True, slots=True)
class CourseCompletion:
    """Where one user stands in one course; `at` is None also for a complete one whose criteria have no time."""

    state: State
    at: datetime | None = None


def completed_at(status: Mapping[str, Any]) -> datetime | None:
    """The moment at which enough of the criteria were fulfilled: the last of all, the first of any.

    Moodle gives no date of the completion itself, and its event is as late as its cron.
    """
    criteria = [
        one for one in listed(status.get("completions")) if isinstance(one, dict) and one.get("complete") is True
    ]
    times = [time for one in criteria if type(time := one.get("timecompleted")) is int and 0 < time <= _LAST_SECOND]
    if not times or (len(times) < len(criteria) and status.get("aggregation") != _ANY):
        return None
    return datetime.fromtimestamp(min(times) if status.get("aggregation") == _ANY else max(times), UTC)


def block(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise unreadable()
    return value


def listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise unreadable()
    return value


def text(value: Any, name: str) -> str:
    """A text of an entry, empty where it has none."""
    found = block(value).get(name)
    return found if isinstance(found, str) else ""


def shown(value: Any, name: str) -> str:
    """A text of an entry as a terminal may show it."""
    return "".join(one for one in text(value, name) if one.isprintable())[:MOST_SHOWN]


def number(value: Any) -> int:
    found = block(value).get("id")
    if not isinstance(found, int) or isinstance(found, bool):
        raise unreadable()
    return found


def user_of(value: Any) -> User:
    return User(number(value), text(value, "username"), text(value, "email"))


def profile_of(value: Any) -> Profile:
    own = {name: ProfileField("", said) for name in _OWN_FIELDS if (said := text(value, name).strip())}
    added = (one for one in listed(value.get("customfields") or []) if text(one, "value").strip())
    more = {text(one, "shortname"): ProfileField(text(one, "type"), text(one, "value").strip()) for one in added}
    return Profile(user_of(value), text(value, "timezone"), own | more)


def course_of(value: Any) -> Course:
    return Course(number(value), text(value, "fullname"), text(value, "shortname"), text(value, "idnumber"))


def unreadable() -> RetryLater:
    return RetryLater(
        "moodle.unreadable",
        "Moodle's answer is not what its web service answers",
        "a login page, a proxy's error page or another service may stand at this address",
    )
