"""Statements in the shapes that real systems send, with invented people and courses. Pure; knows no LRS and no PARS.

Each function is one sender: what it leaves out (ids, results, times) and what it gets odd (single activities, scores as
text) is the point of it.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from connector.sandbox.world.people import LMS, OLD_LMS, Person

Json = dict[str, Any]

_ADL = "http://adlnet.gov/expapi/verbs/"
_COURSE = "http://adlnet.gov/expapi/activities/course"
_CMI5_COURSE = "https://w3id.org/xapi/cmi5/activitytype/course"
_CMI5_CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/"
_LMS_TYPE = "http://id.tincanapi.com/activitytype/lms"
_SPACE = uuid.UUID("6f0d5f0a-2a3e-4f39-9a51-6a7a0c0f2b11")


def named(name: str) -> str:
    """A statement id or registration that is the same in every run."""
    return str(uuid.uuid5(_SPACE, name))


def account(person: Person, name: str = "") -> Json:
    return {"objectType": "Agent", "account": {"homePage": person.home_page, "name": name or person.account}}


def mailbox(person: Person) -> Json:
    return {"name": f"{person.given} {person.family}", "mbox": f"mailto:{person.email}", "objectType": "Agent"}


def moodle_course_completed(person: Person, course: int, title: str, at: datetime, site: str = LMS) -> Json:
    """logstore_xapi 4.8 and later: no id, no result, no objectType on the actor."""
    return {
        "actor": _moodle_actor(person),
        "verb": {"id": f"{_ADL}completed", "display": {"en": "Completed"}},
        "object": _moodle_course(course, title, site),
        "timestamp": _seconds(at),
        "context": _moodle_context("\\core\\event\\course_completed", [_site(site)]),
    }


def moodle_module_completed(
    person: Person, module: int, course: tuple[int, str], at: datetime, *, success: bool
) -> Json:
    """One activity of a course, here a quiz: a failed one is sent under the verb completed as well."""
    statement = moodle_course_completed(person, *course, at)
    context = _moodle_context("\\core\\event\\course_module_completion_updated", [_site(LMS)])
    context["contextActivities"]["parent"] = [statement["object"]]
    quiz = {"type": "http://adlnet.gov/expapi/activities/assessment", "name": {"en": f"{course[1]}: quiz"}}
    return statement | {
        "object": {"id": f"{LMS}/mod/quiz/view.php?id={module}", "definition": quiz, "objectType": "Activity"},
        "result": {"completion": True, "success": success},
        "context": context,
    }


def moodle_quiz_attempt(person: Person, module: int, course: tuple[int, str], at: datetime, *, raw: int) -> Json:
    """A submitted attempt: `scaled` runs from -1 to 1, so that half the points are 0."""
    statement = moodle_module_completed(person, module, course, at, success=raw >= 70)
    quiz, context = statement["object"], _moodle_context("\\mod_quiz\\event\\attempt_submitted", [_site(LMS)])
    context["contextActivities"]["parent"] = [quiz, _moodle_course(*course)]
    attempt = {"type": "http://adlnet.gov/expapi/activities/attempt", "name": {"en": f"{course[1]}: quiz Attempt 1"}}
    score = {"raw": raw, "min": 0, "max": 100, "scaled": raw / 50 - 1}
    return statement | {
        "object": {
            "id": f"{LMS}/mod/quiz/attempt.php?attempt={module}1&cmid={module}",
            "definition": attempt,
            "objectType": "Activity",
        },
        "result": {"score": score, "completion": True, "success": raw >= 70, "duration": "PT412S"},
        "context": context,
    }


def moodle_enrolled(person: Person, course: int, title: str, at: datetime) -> Json:
    statement = moodle_course_completed(person, course, title, at)
    verb = {"id": "https://xapi.edlm/profiles/edlm-lms/concepts/verbs/enrolled", "display": {"en": "Enrolled"}}
    context = _moodle_context("\\core\\event\\user_enrolment_created", [_site(LMS)])
    return statement | {"verb": verb, "context": context}


def old_moodle_course_completed(person: Person, course: int, title: str, at: datetime) -> Json:
    """logstore_xapi up to 4.7: another course type, the site under grouping, the server's own UTC offset."""
    definition = {"type": f"{_LMS_TYPE}/course", "name": {"en": title}}
    source = {"id": "http://moodle.org", "definition": {"type": "http://id.tincanapi.com/activitytype/source"}}
    context = _moodle_context("\\core\\event\\course_completed", [source])
    del context["registration"]
    context["contextActivities"]["grouping"] = [_site(OLD_LMS)]
    return {
        "actor": _moodle_actor(person),
        "verb": {"id": f"{_ADL}completed", "display": {"en": "completed"}},
        "object": {"id": f"{OLD_LMS}/course/view.php?id={course}", "definition": definition},
        "timestamp": at.replace(microsecond=0).isoformat(),
        "context": context,
    }


def cmi5_course(person: Person, slug: str, title: str, at: datetime) -> list[Json]:
    """One learner's way through a course of one unit: completed and passed by the content, satisfied by the LMS."""
    session = _cmi5_context(person, slug, moveon=True)
    unit = {"objectType": "Activity", "id": f"{LMS}/cmi5/{slug}/au/1", "definition": {"name": {"en-US": title}}}
    completed = {"completion": True, "duration": "PT38M20S"}
    passed = {"success": True, "score": {"scaled": 0.9, "raw": 90, "min": 0, "max": 100}, "duration": "PT38M20S"}
    course = {
        "objectType": "Activity",
        "id": f"{LMS}/cmi5/{slug}",
        "definition": {"name": {"en-US": title}, "type": _CMI5_COURSE},
    }
    told = {"actor": account(person), "timestamp": _millis(at)}
    of_unit = told | {"object": unit, "context": session}
    prefix = f"{slug}/{person.username}"
    satisfied = {"id": "https://w3id.org/xapi/adl/verbs/satisfied", "display": {"en-US": "satisfied"}}
    context = _cmi5_context(person, slug, moveon=False)
    return [
        of_unit | {"id": named(f"{prefix}/completed"), "verb": _verb("completed", "und"), "result": completed},
        of_unit | {"id": named(f"{prefix}/passed"), "verb": _verb("passed", "und"), "result": passed},
        told | {"id": named(f"{prefix}/satisfied"), "verb": satisfied, "object": course, "context": context},
    ]


def cmi5_allowed_completed(person: Person, slug: str, title: str, at: datetime) -> Json:
    """A cmi5-allowed statement: `completed` for a part of the unit, without the cmi5 category. It must not count."""
    context = _cmi5_context(person, slug, moveon=False)
    del context["contextActivities"]["category"]
    context["contextActivities"]["parent"] = [{"objectType": "Activity", "id": f"{LMS}/cmi5/{slug}/au/1"}]
    part = {"objectType": "Activity", "id": f"{LMS}/cmi5/{slug}/au/1/reading", "definition": {"name": {"en-US": title}}}
    return {
        "id": named(f"{slug}/{person.username}/allowed"),
        "actor": account(person),
        "verb": _verb("completed", "und"),
        "object": part,
        "result": {"completion": True},
        "context": context,
        "timestamp": _millis(at),
    }


def storyline_passed(person: Person, course: str, title: str, at: datetime) -> Json:
    """The course ends with passed or completed, never both; the course is its own parent."""
    own = {"id": f"urn:articulate:storyline:{course}", "objectType": "Activity"}
    return {
        "id": named(f"storyline/{course}/{person.username}"),
        "actor": account(person) | {"name": f"{person.given} {person.family}"},
        "verb": _verb("passed", "en-US"),
        "object": own | {"definition": {"type": _COURSE, "name": {"und": title}}},
        "result": {
            "score": {"scaled": 0.92, "raw": 92, "min": 0, "max": 100},
            "success": True,
            "completion": True,
            "duration": "PT17M3S",
        },
        "context": {
            "registration": named(f"storyline/{person.username}"),
            "contextActivities": {"parent": [own], "grouping": [own]},
        },
        "timestamp": _millis(at),
    }


def rise_completed(person: Person, course: str, title: str, at: datetime) -> Json:
    """Upper case and an underscore in the host; this LMS launched it under the user's name in place of the number."""
    own = {"id": f"http://{course}_rise", "objectType": "Activity"}
    return {
        "id": named(f"rise/{course}/{person.username}"),
        "actor": account(person, person.username),
        "verb": _verb("completed", "en-US"),
        "object": own | {"definition": {"type": _COURSE, "name": {"und": title}}},
        "result": {"completion": True, "duration": "PT21M1.37S"},
        "context": {"registration": named(f"rise/{person.username}"), "contextActivities": {"parent": [own]}},
        "timestamp": _millis(at),
    }


def h5p_completed(person: Person, content: int, title: str) -> Json:
    """No id and no timestamp: both are the LRS's."""
    definition = {"extensions": {"http://h5p.org/x-api/h5p-local-content-id": content}, "name": {"en-US": title}}
    library = {"id": "http://h5p.org/libraries/H5P.QuestionSet-1.20", "objectType": "Activity"}
    return {
        "actor": mailbox(person),
        "verb": _verb("completed", "en-US"),
        "object": {
            "id": f"https://learn.example.org/wp-admin/admin-ajax.php?action=h5p_embed&id={content}",
            "objectType": "Activity",
            "definition": definition,
        },
        "context": {"contextActivities": {"category": [library]}},
        "result": {
            "score": {"min": 0, "max": 8, "raw": 7, "scaled": 0.875},
            "completion": True,
            "success": True,
            "duration": "PT96.2S",
        },
    }


def openedx_passed(person: Person, course: str, title: str, at: datetime) -> Json:
    """A passed course, without a result."""
    return {
        "id": named(f"edx/{course}/{person.username}"),
        "actor": account(person),
        "verb": {"id": f"{_ADL}passed", "display": {"en": "passed"}},
        "object": {
            "id": f"{person.home_page}/course/{course}",
            "objectType": "Activity",
            "definition": {"extensions": {}, "name": {"en": title}, "type": _COURSE},
        },
        "context": {
            "extensions": {
                "https://w3id.org/xapi/openedx/extension/transformer-version": "event-routing-backends@9.3.0"
            }
        },
        "timestamp": at.astimezone(UTC).isoformat(),
        "version": "1.0.3",
    }


def grassblade_completed(person: Person, slug: str, title: str) -> Json:
    """No id, no timestamp, and a single activity where a list is usual."""
    definition = {"name": {"en-US": title}, "type": _COURSE, "description": {"en-US": title}}
    course = {"id": f"https://learn.example.org/courses/{slug}/", "definition": definition, "objectType": "Activity"}
    return {
        "actor": mailbox(person),
        "verb": _verb("completed", "en-US"),
        "result": {"completion": True},
        "object": course,
        "context": {"contextActivities": {"parent": course, "grouping": course}},
        "version": "1.0.0",
    }


def grassblade_quiz(person: Person, slug: str, title: str) -> Json:
    """`scaled` is text: a strict LRS refuses this, a lax one keeps it."""
    statement = grassblade_completed(person, slug, title)
    quiz = {"type": "http://adlnet.gov/expapi/activities/assessment", "name": {"en-US": f"{title} quiz"}}
    about = {"id": f"https://learn.example.org/quizzes/{slug}/", "definition": quiz, "objectType": "Activity"}
    score = {"min": 0, "raw": 17, "max": 20, "scaled": "0.85"}
    result = {"completion": True, "success": True, "score": score, "duration": "PT182.4S"}
    return statement | {"verb": _verb("passed", "en-US"), "object": about, "result": result}


def voiding(statement_id: str) -> Json:
    return {
        "id": named(f"voids/{statement_id}"),
        "actor": {"objectType": "Agent", "name": "LMS administration", "mbox": "mailto:lms-admin@example.org"},
        "verb": {"id": f"{_ADL}voided", "display": {"en-US": "voided"}},
        "object": {"objectType": "StatementRef", "id": statement_id},
    }


def _verb(name: str, language: str) -> Json:
    return {"id": f"{_ADL}{name}", "display": {language: name}}


def _moodle_actor(person: Person) -> Json:
    return {
        "name": f"{person.given} {person.family}",
        "account": {"homePage": person.home_page, "name": person.account},
    }


def _moodle_course(course: int, title: str, site: str = LMS) -> Json:
    definition = {"type": _CMI5_COURSE, "name": {"en": title}}
    return {"objectType": "Activity", "id": f"{site}/course/view.php?id={course}", "definition": definition}


def _moodle_context(event: str, category: list[Json]) -> Json:
    info = {
        "http://moodle.org": "4.5.6 (Build: 20250811)",
        "https://github.com/xAPI-vle/moodle-logstore_xapi": "5.0.1",
        "event_name": event,
        "event_function": event.replace("\\event\\", "\\").replace("\\core", "\\src\\transformer\\events\\core"),
    }
    return {
        "platform": "Moodle",
        "language": "en",
        "registration": named("one cron run, so one session for everybody"),
        "contextActivities": {"category": category},
        "extensions": {"http://lrs.learninglocker.net/define/extensions/info": info},
    }


def _site(home_page: str) -> Json:
    return {"objectType": "Activity", "id": home_page, "definition": {"type": _LMS_TYPE, "name": {"en": "Example CME"}}}


def _cmi5_context(person: Person, slug: str, *, moveon: bool) -> Json:
    kinds = ("cmi5", "moveon") if moveon else ("cmi5",)
    publisher = {"objectType": "Activity", "id": f"https://content.example.org/{slug}"}
    return {
        "registration": named(f"{slug}/{person.username}/enrolment"),
        "contextActivities": {
            "grouping": [publisher],
            "category": [{"objectType": "Activity", "id": f"{_CMI5_CATEGORY}{kind}"} for kind in kinds],
        },
        "extensions": {
            "https://w3id.org/xapi/cmi5/context/extensions/sessionid": named(f"{slug}/{person.username}/session")
        },
    }


def _seconds(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _millis(at: datetime) -> str:
    at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
