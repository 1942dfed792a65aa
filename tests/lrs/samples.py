"""Statements in the shapes that systems send; names, sites and times are invented."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

SITE = "https://moodle.example.org"
INFO = "http://lrs.learninglocker.net/define/extensions/info"


def moodle(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A course completion as logstore_xapi 5 writes it and an LRS returns it: about 2.3 kB with its context."""
    statement = {
        "id": str(uuid.UUID(int=number, version=4)),
        "stored": "2026-03-01T09:31:00.500Z",
        "actor": {"name": f"Learner {number}", "account": {"homePage": SITE, "name": str(number)}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "Completed"}},
        "object": _activity("/course/view.php?id=42", "https://w3id.org/xapi/cmi5/activitytype/course", "Update 2026"),
        "timestamp": "2026-03-01T09:30:00.000Z",
        "result": {"score": {"raw": 90, "min": 0, "max": 100, "scaled": 0.8}, "completion": True, "success": True},
        "context": {
            "platform": "Moodle",
            "language": "en",
            "registration": "0de15ace-0000-5000-8000-000000000001",
            "contextActivities": {
                "category": [_activity("", "http://id.tincanapi.com/activitytype/lms", "Example Campus")],
                "parent": [
                    _activity("/course/section.php?id=7", "http://id.tincanapi.com/activitytype/section", "Week 1"),
                    _activity(
                        "/mod/quiz/view.php?id=9", "http://adlnet.gov/expapi/activities/assessment", "Final quiz"
                    ),
                ],
            },
            "extensions": {
                INFO: {
                    "http://moodle.org": "4.5.6 (Build: 20260101)",
                    "https://github.com/xAPI-vle/moodle-logstore_xapi": "5.0.1",
                    "event_name": "\\core\\event\\course_completed",
                    "event_function": "\\src\\transformer\\events\\core\\course_completed",
                }
            },
        },
        "authority": {"objectType": "Agent", "account": {"homePage": "https://lrs.example.org", "name": "moodle"}},
        "version": "1.0.3",
    }
    return statement | changes


def _activity(path: str, kind: str, name: str) -> dict[str, Any]:
    definition = {"type": kind, "name": {"en": name}, "description": {"en": f"{name}: " + "what it is about, " * 5}}
    return {"objectType": "Activity", "id": SITE + path, "definition": definition}


def raw(statement: Any) -> bytes:
    return orjson.dumps(statement)


def voiding(target: str, number: int) -> dict[str, Any]:
    return moodle(number) | {
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
        "object": {"objectType": "StatementRef", "id": target},
    }
