"""The invented world: people, activities, statements, and the sheets a provider would have. Knows no server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from connector.sandbox.clock import CENTRAL
from connector.sandbox.pars.catalogue import Activity
from connector.sandbox.pars.learners import KnownLearner
from connector.sandbox.world import activities as acts
from connector.sandbox.world import statements as sends
from connector.sandbox.world.people import CAST, Person, known_learners, learners_csv

Json = dict[str, Any]

_STEWARDSHIP = (57, "Antibiotic Stewardship")
_OPIOID = (42, "Update in Opioid Prescribing")
_STROKE = (31, "Stroke Update")
_HYPERTENSION = ("hypertension-2026", "Hypertension in Primary Care")
_RISE = "8QpZrW0nVtXk_Gm5sYb2JcLhEuAd37Ff"


@dataclass(frozen=True)
class World:
    """Everything invented, counted from `today`: completions lie in the last days, activities half a year around it."""

    today: date

    @cached_property
    def activities(self) -> tuple[Activity, ...]:
        """PARS's catalogue."""
        return acts.activities(self.today)

    @cached_property
    def learners(self) -> tuple[KnownLearner, ...]:
        """Everybody PARS can match."""
        return known_learners()

    @property
    def people(self) -> dict[str, Person]:
        """The cast by user name; each person's `story` says what becomes of him or her."""
        return {person.username: person for person in CAST}

    def learners_csv(self) -> str:
        return learners_csv(str(self.today - timedelta(days=30)))

    def activities_csv(self) -> str:
        return acts.activities_csv(self.activities)

    def statements(self) -> list[Json]:
        """What the senders have sent, in the order of sending."""
        return [*self._moodle(), *self._cmi5(), *self._others()]

    def lax_statements(self, stored: datetime) -> list[bytes]:
        """What a strict LRS refuses and a lax one holds, as that one would show it: to be planted."""
        quiz = sends.grassblade_quiz(self.people["nkowalska"], "diabetes-update", "Diabetes Update")
        stamp = stored.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return [json.dumps(quiz | {"id": sends.named("lax/quiz"), "timestamp": stamp, "stored": stamp}).encode()]

    def late_statements(self) -> list[Json]:
        """What comes after the first run has reported: the LMS voids a completion that was confirmed."""
        kofi = self._storyline()
        return [sends.voiding(kofi["id"])]

    def _moodle(self) -> list[Json]:
        people = self.people
        joy = sends.moodle_course_completed(people["jbrown"], *_STEWARDSHIP, self._at(4, "20:15"))
        return [
            sends.moodle_enrolled(people["aoneill"], *_STEWARDSHIP, self._at(6, "09:00")),
            sends.moodle_quiz_attempt(people["aoneill"], 571, _STEWARDSHIP, self._at(5, "22:29"), raw=85),
            sends.moodle_module_completed(people["aoneill"], 571, _STEWARDSHIP, self._at(5, "22:29"), success=True),
            # half past ten in the evening in Chicago is the next day in UTC: the civil date must not move
            sends.moodle_course_completed(people["aoneill"], *_STEWARDSHIP, self._at(5, "22:30")),
            joy,
            dict(joy),  # the plugin sent its failed batch again, and there is no id to tell
            sends.moodle_course_completed(people["elind"], *_STEWARDSHIP, self._at(3, "10:00")),
            sends.moodle_course_completed(people["hsato"], *_STEWARDSHIP, self._at(3, "11:00")),
            sends.moodle_quiz_attempt(people["ipetrov"], 571, _STEWARDSHIP, self._at(3, "12:00"), raw=40),
            sends.moodle_module_completed(people["ipetrov"], 571, _STEWARDSHIP, self._at(3, "12:00"), success=False),
            sends.moodle_course_completed(people["lvogel"], *_OPIOID, self._at(2, "14:00")),
            sends.moodle_course_completed(people["oadeyemi"], *_STROKE, self._at(2, "15:00")),
            sends.moodle_course_completed(self.stranger, *_STEWARDSHIP, self._at(2, "16:00")),
            sends.old_moodle_course_completed(
                people["pjansen"], 7, "Wound Care Basics", self._at(4, "18:00", "Asia/Singapore")
            ),
        ]

    def _cmi5(self) -> list[Json]:
        learners = ("bachebe", "cricci", "dpatel", "fhaddad", "gmoreau")
        courses = [sends.cmi5_course(self.people[name], *_HYPERTENSION, self._at(3, "17:30")) for name in learners]
        reading = sends.cmi5_allowed_completed(self.people["ipetrov"], *_HYPERTENSION, self._at(3, "17:00"))
        return [reading, *(statement for course in courses for statement in course)]

    def _others(self) -> list[Json]:
        people = self.people
        return [
            self._storyline(),
            sends.rise_completed(people["wli"], _RISE, "Radiation Safety", self._at(2, "08:00")),
            sends.h5p_completed(people["suharti"], 17, "Sepsis Recognition"),
            sends.openedx_passed(
                people["mreyes"], "course-v1:ExampleCME+POCUS+2026", "Point-of-care Ultrasound", self._at(4, "07:45")
            ),
            sends.grassblade_completed(people["nkowalska"], "diabetes-update", "Diabetes Update"),
        ]

    def _storyline(self) -> Json:
        kofi = self.people["kmensah"]
        return sends.storyline_passed(kofi, "5mVbQzTt8Rw", "Hand Hygiene Essentials", self._at(2, "13:00"))

    @property
    def stranger(self) -> Person:
        """Somebody in the LMS whom no list of learners knows."""
        return Person("visitor", "99", "Alex", "Doe", "01-02")

    def _at(self, days_ago: int, clock: str, zone: str = CENTRAL.key) -> datetime:
        return datetime.combine(self.today - timedelta(days=days_ago), time.fromisoformat(clock), ZoneInfo(zone))
