"""A provider's folder whose one source has the rehearsal Moodle behind it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from connector.sandbox.moodle.site import User
from connector.sandbox.server import Sandbox
from tests.learners.middle import ANNA, BORIS, Middle, laid_out

ANNA_ID, BORIS_ID, COURSE = 3, 4, 57
OPEN = "{from: moodle}"


def rule(completed_on: str = OPEN, more: str = "") -> str:
    return f"""
  - name: course
    when: [{{path: verb.id, is: completed}}, {{path: object.id, starts_with: "http"}}]
    activity: "203512345"
    completed_on: {completed_on}
    credits: [{{type: cme, amount: 1.25}}]
{more}"""


def placed(folder: Path, sandbox: Sandbox, text: str, *, store: str = "", **moodle: Any) -> Middle:
    source = {
        "name": "campus",
        "endpoint": "http://127.0.0.1:9/xapi",
        "login": {"user": "u", "password": {"env": "NOWHERE"}},
        "moodle": {"site": sandbox.moodle_url, "token": {"env": "MOODLE_TOKEN"}, **moodle},
    }
    elsewhere = {"store": {"url": store, "rems_key": folder / "rems.key"}} if store else {}
    place = laid_out(folder, sources=[source], **elsewhere).rules(text)
    # the rehearsal's own people, in every form in which this Moodle can name them
    anna, boris = (sandbox.moodle.users[one] for one in (ANNA_ID, BORIS_ID))
    own = {"home_page": sandbox.moodle_url}
    return place.sheet(
        ANNA | own | named(anna) | {"account": str(anna.id), "username": anna.username, "email": anna.email},
        BORIS | own | named(boris) | {"account": str(boris.id), "username": boris.username, "email": boris.email},
    )


def named(user: User) -> dict[str, str]:
    return {"given_name": user.person.given, "family_name": user.person.family}


def sent(statement: dict[str, Any], number: int = 1, **changes: Any) -> dict[str, Any]:
    """What the plugin sends, as an LRS keeps it."""
    own = {"id": str(uuid.UUID(int=number, version=4)), "stored": "2026-03-12T17:59:59.500Z"}
    return statement | own | changes
