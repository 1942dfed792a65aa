"""An LRS whose manners a test chooses, each as some product has them; statements are handed in, not stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from connector.lrs import moments
from tests.lrs.loopback import Asked, Said, page
from tests.lrs.samples import moodle, raw

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


@dataclass(frozen=True)
class Held:
    """A statement as it lies there."""

    stored: datetime
    timestamp: datetime
    raw: bytes
    verb: str


def held(number: int, stored: datetime, late: timedelta = timedelta(), verb: str = "completed") -> Held:
    iri = f"http://adlnet.gov/expapi/verbs/{verb}"
    said = {"stored": stored.isoformat(), "timestamp": (stored - late).isoformat(), "verb": {"id": iri}}
    return Held(stored, stored - late, raw(moodle(number) | said), iri)


@dataclass
class Manners:
    """Right by default; each field is what some product does instead."""

    statements: Sequence[Held]
    since: str = "stored"  # timestamp, nothing
    sorts: bool = True
    cap: int = 1000
    refuses_verbs: bool = False
    behind: timedelta = timedelta()  # Consistent-Through's distance from Date
    about: bytes = b'{"version":["1.0.3","2.0.0"]}'
    version: str | None = "1.0.3"
    questions: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Said:
        parts = urlsplit(asked.path)
        if parts.path.endswith("/about"):
            return Said(self.about)
        query = dict(parse_qsl(parts.query))
        self.questions.append(query)
        said = Said(b"", 400) if "verb" in query and self.refuses_verbs else self._statements(query)
        said.headers |= {
            "Date": format_datetime(NOON, usegmt=True),
            "X-Experience-API-Consistent-Through": moments.render(NOON - self.behind),
            "X-Experience-API-Version": self.version,
        }
        return said

    def _statements(self, query: dict[str, str]) -> Said:
        found = [one for one in self.statements if self._passes(one, query)]
        if self.sorts:
            found.sort(key=self._at, reverse=query["ascending"] == "false")
        skip, limit = int(query.get("skip", 0)), min(int(query["limit"]), self.cap)
        more = "/xapi/statements?" + urlencode(query | {"skip": skip + limit})
        return page([one.raw for one in found[skip : skip + limit]], more if len(found) > skip + limit else "")

    def _at(self, one: Held) -> datetime:
        return one.timestamp if self.since == "timestamp" else one.stored

    def _passes(self, one: Held, query: dict[str, str]) -> bool:
        is_in = self.since == "nothing" or "since" not in query or self._at(one) > moments.parse(query["since"])
        until = "until" not in query or self._at(one) <= moments.parse(query["until"])
        return is_in and until and query.get("verb", one.verb) == one.verb


def campus(number: int = 6, late: timedelta = timedelta(hours=1), micro: int = 0) -> list[Held]:
    """One statement a minute up to noon, each `late`; of two verbs."""
    return [
        held(one, NOON - timedelta(minutes=number - one, microseconds=-micro), late, ("completed", "passed")[one % 2])
        for one in range(1, number + 1)
    ]
