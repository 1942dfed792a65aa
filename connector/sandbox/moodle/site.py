"""The invented Moodle site: users, courses, completions, and what its token may do. Knows no web service."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from connector.sandbox.clock import CENTRAL, Clock
from connector.sandbox.world.people import LMS, Person
from connector.sandbox.world.statements import moodle_course_completed
from connector.sandbox.world.world import World

Json = dict[str, Any]

SERVICE = (
    "core_webservice_get_site_info",
    "core_user_get_users_by_field",
    "core_course_get_courses_by_field",
    "core_enrol_get_enrolled_users",
    "core_completion_get_course_completion_status",
)
# each preset has webservice/rest:use and moodle/user:viewdetails besides: without them nothing can be asked at all
ROLES: dict[str, frozenset[str]] = {
    "min": frozenset(),
    "viewalldetails": frozenset({"moodle/user:viewalldetails"}),
    "connector": frozenset(
        {
            "moodle/user:viewalldetails",
            "moodle/site:viewuseridentity",
            "moodle/course:view",
            "moodle/course:viewparticipants",
            "report/completion:view",
        }
    ),
}
_YEAR = 1972  # of every invented birth: a leap year, for the one born on 29 February
_PROFESSIONS = {"MD": "Physician", "DO": "Physician", "NP": "Nurse Practitioner", "PA": "Physician Assistant"}


@dataclass(frozen=True)
class Criterion:
    """One activity that a course wants completed."""

    module: int
    kind: str
    title: str
    requirement: str = ""


@dataclass(frozen=True)
class Course:
    """A course; without criteria nobody can ever complete it."""

    id: int
    name: str
    short: str
    activity_id: str = ""
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True)
class User:
    """A user; `born` is a date of which Moodle keeps the midnight in the site's zone.

    With a `zone` of his own he has typed it himself: then it is the midnight there.
    """

    person: Person
    id: int
    username: str
    email: str
    idnumber: str
    born: date
    deleted: bool = False
    zone: ZoneInfo | None = None


@dataclass
class MoodleSite:
    """Everything in it may be changed while it is served: `zone`, `rights`, `functions`, `users`, `courses`."""

    clock: Clock
    token: str
    address: str = ""
    zone: ZoneInfo = CENTRAL
    rights: frozenset[str] = ROLES["connector"]
    functions: set[str] = field(default_factory=lambda: set(SERVICE))
    users: dict[int, User] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)
    enrolled: set[tuple[int, int]] = field(default_factory=set)
    reached: dict[tuple[int, int], list[datetime | None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def epoch(self, day: date, zone: ZoneInfo | None = None) -> int:
        """The midnight of that day here, or in that zone, as Moodle stores a date."""
        return int(datetime.combine(day, time(0), zone or self.zone).timestamp())

    def enrol(self, user: int, course: int) -> None:
        self.enrolled.add((user, course))

    def unenrol(self, user: int, course: int) -> None:
        """What he has reached stays, and nobody is shown it any more."""
        self.enrolled.discard((user, course))

    def reach(self, user: int, course: int, criterion: int, at: datetime) -> None:
        """One criterion of the course, counted from 0."""
        self.enrol(user, course)
        times = self.reached.setdefault((user, course), [None] * len(self.courses[course].criteria))
        times[criterion] = at.replace(microsecond=0)

    def complete(self, user: int, course: int, at: datetime, told: datetime | None = None) -> Json:
        """All criteria, the last at `at`; gives what the plugin then sends, stamped `told`: a site's cron runs late."""
        for criterion in range(len(self.courses[course].criteria)):
            self.reach(user, course, criterion, at)
        person = replace(self.users[user].person, home_page=self.address, account=str(user))
        return moodle_course_completed(person, course, self.courses[course].name, told or at, self.address)

    def is_complete(self, user: int, course: int) -> bool:
        times = self.reached.get((user, course))
        return bool(times) and all(times or ())

    def delete(self, user: int) -> None:
        """As Moodle does it: the row stays, without its names for logging in, and the enrolments go."""
        old = self.users[user]
        gone = f"{old.email}.{int(self.clock.now().timestamp())}"
        hashed = hashlib.md5(old.username.encode(), usedforsecurity=False).hexdigest()
        self.users[user] = replace(old, username=gone, email=hashed, idnumber="", deleted=True)
        self.enrolled = {(one, course) for one, course in self.enrolled if one != user}

    def fields(self, user: User) -> list[tuple[str, str, str, str, str]]:
        """His profile fields that are not blank: type, shortname, name, value and how it is shown."""
        who = user.person
        state, licence = who.states[0] if who.states else ("", "")
        born = f"{user.born.day} {user.born:%B} {user.born.year}"
        profession = _PROFESSIONS.get(who.profession, who.profession)
        npi = who.npi if who.number else ""
        every = [
            ("text", "npi", "NPI number", npi, npi),
            ("menu", "profession", "Profession", profession, profession),
            ("text", "licensestate", "License state", state, state),
            ("text", "licensenumber", "State license number", licence, licence),
            ("datetime", "dob", "Date of birth", str(self.epoch(user.born, user.zone)), born),
            ("text", "dobmmdd", "Birth month and day (MMDD)", f"{user.born:%m%d}", f"{user.born:%m%d}"),
            ("text", "abimid", "ABIM ID", dict(who.boards).get("ABIM", ""), dict(who.boards).get("ABIM", "")),
            ("checkbox", "mocconsent", "I consent to MOC reporting", *(("1", "Yes") if who.consent else ("0", "No"))),
        ]
        return [one for one in every if one[3]]


def fill(site: MoodleSite, world: World, *, load: bool) -> None:
    """The people and courses of the world; with `load` what its statements tell, and one completion nobody told of."""
    for person in (*world.people.values(), world.stranger):
        if person.home_page == LMS:
            site.users[int(person.account)] = _user(person)
    for course in _courses():
        site.courses[course.id] = course
    if load:
        _complete_told(site, world)
        site.reach(7, 57, 0, datetime.combine(world.today, time(9), UTC))
        site.complete(*lost(world))


def lost(world: World) -> tuple[int, int, datetime]:
    """User, course and time of the completion whose statement the plugin has lost."""
    return 13, 57, datetime.combine(world.today - timedelta(days=1), time(3, 20), UTC)


def _complete_told(site: MoodleSite, world: World) -> None:
    for statement in world.statements():
        home = statement["object"]["id"].startswith(f"{LMS}/course/view.php")
        if home and statement["verb"]["id"].endswith("/completed"):
            course = int(parse_qs(urlsplit(statement["object"]["id"]).query)["id"][0])
            at = datetime.fromisoformat(statement["timestamp"])
            site.complete(int(statement["actor"]["account"]["name"]), course, at)


def _user(person: Person) -> User:
    number = int(person.account)
    born = date.fromisoformat(f"{_YEAR}-{person.birth}")
    return User(person, number, person.username, person.email, f"EMP-{1000 + number}", born)


def _courses() -> tuple[Course, ...]:
    def of(number: int, name: str, short: str, activity_id: str) -> Course:
        first = number * 10
        wanted = (
            Criterion(first, "page", "Module 1", "Viewing the page"),
            Criterion(first + 1, "quiz", "Post-test", "Achieving grade, Achieving passing grade"),
            Criterion(first + 2, "feedback", "Activity evaluation"),
        )
        return Course(number, name, short, activity_id, wanted)

    return (
        of(31, "Stroke Update", "STROKE", "203512353"),
        of(42, "Update in Opioid Prescribing", "OPIOID", "203512345"),
        of(57, "Antibiotic Stewardship", "STEWARD", "203512347"),
        Course(60, "Faculty Corner", "FACULTY"),
    )
