"""The sign-in sheet of a live day: each row becomes a statement of our own shape. Knows no store and no rule."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from connector.config import SHEET, LearnerField
from connector.findings import Finding
from connector.lrs import own
from connector.lrs.statement import read as read_statement
from connector.pars import identifiers
from connector.sheets import SheetRow, read_sheet
from connector.sheets.days import day, month_day
from connector.sheets.rows import CELL, refuse_all

REQUIRED: Final = ("completed_on",)
IDENTITY: Final[tuple[str, ...]] = get_args(LearnerField)
OPTIONAL: Final = (
    "email", "home_page", "account", "username", "activity_url", "session", "registration", "claimed_hours", *IDENTITY,
)  # fmt: skip
ALIASES: Final = {
    "e_mail": "email",
    "first_name": "given_name",
    "last_name": "family_name",
    "date_of_birth": "birth_day",
    "completion_date": "completed_on",
}
LEARNER: Final = "urn:pars-connector:learner"
"""The context extension with what the sheet says of the learner."""
ACTIVITY: Final = "urn:pars-connector:activity"
"""The context extension with the activity of a session, which then is the object."""
CLAIMED: Final = "urn:pars-connector:claimed-hours"
"""The result extension with the hours that the learner claims."""

LONG_AGO: Final = timedelta(days=3653)
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_MAILBOX = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
_HOURS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


@dataclass(frozen=True, repr=False)
class SignedIn:
    """One row and its statement."""

    row: SheetRow
    raw: bytes


@dataclass(frozen=True)
class Asked:
    """What holds for the whole sheet: its verb, its object where rows name none, the zone of its dates."""

    zone: ZoneInfo
    verb: str = own.ATTENDED
    activity_url: str = ""


def read(path: Path, asked: Asked, *, now: datetime, sheet: str = "") -> list[SignedIn]:
    """A statement for each row; of rows that say the same twice, one. Raises ConfigError with every finding."""
    rows = read_sheet(path, required=REQUIRED, optional=OPTIONAL, aliases=ALIASES, sheet=sheet).rows
    signed, findings = list[SignedIn](), list[Finding]()
    met: dict[tuple[Any, ...], tuple[SheetRow, dict[str, str]]] = {}
    for row in rows:
        reader = _Row(row, asked, now)
        one, wrong = reader.statement(), reader.findings
        before, said = met.setdefault(reader.fact, (row, reader.said))
        if one and before is row:
            signed.append(one)
        elif one and said != reader.said:
            message = f"line {before.line} has the same person, session or activity, and day with other cells"
            wrong = [row.finding("completed_on", CELL, message, "keep one of them")]
        findings += wrong
    refuse_all(findings)
    return signed


class _Row:
    """Reads one row and collects what is wrong with its cells."""

    def __init__(self, row: SheetRow, asked: Asked, now: datetime) -> None:
        self._row, self._asked, self._now = row, asked, now
        self.findings: list[Finding] = []
        self.said: dict[str, str] = {}
        self.fact: tuple[Any, ...] = (row.line,)

    def statement(self) -> SignedIn | None:
        """The row's statement; its id is made of all that the row says, so that a corrected row is another one."""
        actor, object_id, on = self._actor(), self._object(), self._completed_on()
        registration, hours, learner = self._registration(), self._hours(), dict(self._learner())
        if self.findings or on is None:
            return None
        of_session = {"activity": self._activity()} if self._row["session"] else {}
        self.said = {**learner, **of_session, "hours": hours}
        self.fact = (str(actor), object_id, on, registration)
        extensions: dict[str, Any] = {own.ORIGIN: SHEET}
        extensions |= {LEARNER: learner} if learner else {}
        extensions |= {ACTIVITY: self._activity()} if self._row["session"] and self._activity() else {}
        raw = own.completion(
            key=("sheet", self._asked.verb, *map(str, self.fact), str(sorted(self.said.items()))),
            actor={"objectType": "Agent", **actor},
            verb=self._asked.verb,
            activity={"id": object_id},
            timestamp=datetime.combine(on, time(12), self._asked.zone).astimezone(UTC),
            stored=self._now,
            extensions=extensions,
            result={"extensions": {CLAIMED: float(hours)}} if hours else None,
            registration=registration,
        )
        if problem := read_statement(raw, SHEET).problem:
            self._wrong("completed_on", f"no statement can be made of this row: {problem.message}")
            return None
        return SignedIn(self._row, raw)

    def _wrong(self, column: str, message: str, hint: str = "") -> None:
        self.findings.append(self._row.finding(column, CELL, message, hint))

    def _actor(self) -> dict[str, Any]:
        if email := self._row["email"].lower().removeprefix("mailto:").strip():
            if not _MAILBOX.fullmatch(email):
                self._wrong("email", "this is no mailbox")
            return {"mbox": f"mailto:{email}"}
        name = self._row["account"] or self._row["username"]
        if not (self._row["home_page"] and name):
            self._wrong("email", "the row names nobody", "fill in email, or home_page with account or username")
        elif not _IRI.fullmatch(self._row["home_page"]):
            self._wrong("home_page", "this is no address")
        return {"account": {"homePage": self._row["home_page"], "name": name}}

    def _activity(self) -> str:
        return self._row["activity_url"] or self._asked.activity_url

    def _object(self) -> str:
        """The session where the row names one, as rules with `per: session` see it; else the activity."""
        column = "session" if self._row["session"] else "activity_url"
        found = self._row["session"] or self._activity()
        if not found:
            self._wrong(column, "the row names no activity", "fill in activity_url, or give one with --object")
        elif not _IRI.fullmatch(found):
            self._wrong(column, "this is no address", "write the object's id as the rules have it: https://...")
        return found

    def _completed_on(self) -> date | None:
        found = day(self._row["completed_on"])
        today = self._now.astimezone(self._asked.zone).date()
        if found is None:
            self._wrong("completed_on", "this is no date", "format the column as a date, or write 2026-03-31")
        elif found > today:
            self._wrong("completed_on", "this date is in the future")
        elif found < today - LONG_AGO:
            self._wrong("completed_on", "this date is more than ten years ago: is it a birth date?")
        return found

    def _registration(self) -> str:
        text = self._row["registration"].lower()
        try:
            return str(uuid.UUID(text)) if text else ""
        except ValueError:
            self._wrong("registration", "this is no registration of xAPI's (a UUID)")
            return ""

    def _hours(self) -> str:
        text = self._row["claimed_hours"]
        if text and not (_HOURS.fullmatch(text) and 0 < Decimal(text) <= 100):
            self._wrong("claimed_hours", "this is no number of hours between 0 and 100", "write 1.5")
            return ""
        return str(Decimal(text).normalize()) if text else ""

    def _learner(self) -> Iterator[tuple[str, str]]:
        """What the sheet says of the learner beside the key; what is empty says nothing."""
        for name in IDENTITY:
            text = self._birth_day() if name == "birth_day" else self._row[name]
            if text:
                yield name, text
        if self._row["npi"] and (problem := identifiers.npi(self._row["npi"])) and problem.holds:
            self._wrong("npi", problem.message, "format the column as text")

    def _birth_day(self) -> str:
        """Month and day. Of `9/10` Excel makes a date of this year; a year before the last is a year of birth."""
        text = self._row["birth_day"]
        found = month_day(text) if text else ("", 0)
        if found is None:
            self._wrong("birth_day", "this is no month and day", "write 09/10")
            return ""
        if found[1] and found[1] < self._now.year - 1:
            hint = "write month and day alone: 09/10. The year is never needed, and not kept"
            self._wrong("birth_day", "a year of birth stands here", hint)
        return found[0]
