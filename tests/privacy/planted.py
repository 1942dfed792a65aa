"""Invented learners whose every value is unmistakable, and what counts as having seen one."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from connector.sandbox.clock import CENTRAL
from connector.sandbox.moodle.site import User
from connector.sandbox.pars.learners import KnownLearner
from connector.sandbox.server import Credentials
from connector.sandbox.world import statements as sends
from connector.sandbox.world.people import Person

Json = dict[str, Any]

CREDENTIALS = Credentials(
    lrs_user="zqlrsuser",
    lrs_password="zqlrssecret",
    user="zqparsuser",
    password="zqparssecret",
    moodle_token="zqmoodletoken",
)
YEAR = 1887
"""Of every planted birth, where a source says one: payloads carry another, the wire table's filler."""
BORN = date(YEAR, 12, 30)
EPOCH = int(datetime.combine(BORN, time(0), CENTRAL).timestamp())
NPI_IN = "https://lms.example.org/npi"
SEEN = {
    "a name, e-mail, licence, board number, user or password": re.compile("zq", re.IGNORECASE),
    "an NPI": re.compile(r"(?<![0-9a-f])17700\d{5}(?![0-9a-f])"),
    "a birth day": re.compile(r"(?<![\d-])12-30(?![\d:])|\d{4}-12-30T00:00:00|12/30|1904-12-30"),
    # the middle of a UUID is none, nor is a part of a longer number or of a moment
    "a birth year": re.compile(rf"(?<![\w.:])(?<![0-9a-f]-){YEAR}(?![\w.:])(?!-[0-9a-f]{{4}})|{EPOCH}(?!\d)"),
}
COLUMNS = (
    "username", "email", "account", "home_page", "given_name", "family_name", "birth_day", "npi", "state", "licence",
    "board", "board_id", "profession", "consent", "consent_at", "rems_practice_area",
)  # fmt: skip


def seen_in(text: str, *kinds: str) -> list[str]:
    """What of a planted learner stands in a text, with its surroundings; empty when all is well. `kinds`: only these,
    by a word of their names.
    """
    found = []
    wanted = {what: one for what, one in SEEN.items() if not kinds or any(kind in what for kind in kinds)}
    for what, pattern in wanted.items():
        if hit := pattern.search(text):
            found.append(f"{what}: ...{text[max(0, hit.start() - 150) : hit.end() + 50]}...")
    return found


def person(number: int, **changes: Any) -> Person:
    """The planted learner of that number, known to PARS and in the list unless a test leaves him out."""
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:03d}")
    planted = Person(
        f"zqmail{letters}",
        str(7000 + number),
        f"Zqgiven{letters}",
        f"Zqfamily-Ó{letters}",
        "12-30",
        number=77000000 + number,
        states=(("CA", f"ZQ{number:05d}"),),
        boards=(("ABIM", f"ZQB{number:04d}"),),
        practice_area="Pain",
    )
    return replace(planted, **changes)


def known(one: Person, **changes: Any) -> KnownLearner:
    ids = {"NPI": one.npi, **dict(one.states), **dict(one.boards)}
    return replace(KnownLearner(one.username, one.given, one.family, one.birth, ids), **changes)


def row(one: Person, *, born: str = "", consent: str = "yes") -> dict[str, str]:
    """What a learner source says of him, by column of a learner sheet."""
    (state, licence), (board, board_id) = one.states[0], one.boards[0]
    who = (one.username, one.email, one.account, one.home_page, one.given, one.family)
    numbers = (born or one.birth.replace("-", "/"), one.npi, state, licence, board, board_id)
    said = (*who, *numbers, one.profession, consent, "2026-01-02" if consent else "", one.practice_area)
    return dict(zip(COLUMNS, said, strict=True))


def learners_csv(rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def moodle_user(one: Person) -> User:
    """The same in Moodle, which keeps the whole date of birth."""
    return User(one, int(one.account), one.username, one.email, f"ZQ-{one.account}", BORN)


def completions(one: Person) -> list[Json]:
    """The learner in every place of a statement where a person stands: name, mailbox, extension."""
    at = datetime.now(UTC) - timedelta(hours=2)
    moodle = sends.moodle_course_completed(one, 57, "Antibiotic Stewardship", at)
    moodle["actor"]["name"] = f"{one.given} {one.family}"
    moodle["context"].setdefault("extensions", {})[NPI_IN] = one.npi
    rems = sends.moodle_course_completed(one, 42, "Update in Opioid Prescribing", at)
    closed = sends.moodle_course_completed(one, 31, "Stroke Update", at)
    board = sends.cmi5_course(one, "hypertension-2026", "Hypertension", at)[-1]
    return [moodle, rems, closed, board, sends.grassblade_completed(one, "diabetes-update", "Diabetes Update")]


def broken_statements(one: Person) -> list[bytes]:
    """What only a lax LRS holds, with the learner in the broken place."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    good = completions(one)[0] | {"id": sends.named("broken"), "stored": stamp}
    broken: list[Any] = [
        f"{one.given} {one.family}",
        good | {"id": one.email},
        good | {"id": sends.named("b2"), "actor": {"name": one.given}},
        good | {"id": sends.named("b3"), "actor": {"mbox": f"mailto:{one.email}", "openid": one.npi}},
        good | {"id": sends.named("b4"), "timestamp": f"{one.given}-12-30"},
        good | {"id": sends.named("b5"), "verb": one.given},
        good | {"id": sends.named("b6"), "object": {"name": one.family}},
        good | {"id": sends.named("b7"), "actor": {"objectType": "Group", "member": [{"mbox": one.email}]}},
        good | {"id": sends.named("b8"), "timestamp": "2026-12-30T00:00:00"},
    ]
    lone = json.dumps(good | {"id": sends.named("b9")}).replace(one.given, one.given + "\\ud800")
    return [*(json.dumps(each).encode() for each in broken), lone.encode()]
