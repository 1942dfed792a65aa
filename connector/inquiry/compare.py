"""What Moodle has and no statement ever told: its plugin loses completions while the LRS is down. Writes nothing.

Asks Moodle only about users of whom no statement tells; shows them by their number, because a list ends up in a mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn

import orjson
from sqlmodel import Session, col, select

from connector.config import AnySource, Config, InletConfig, MoodleConfig
from connector.errors import ConfigError
from connector.learners.moodle_users import actor, course_of, course_url, forms, open_moodle
from connector.learners.open_dates import hidden_names
from connector.lrs import own
from connector.lrs.quirks import MOODLE_INFO
from connector.lrs.statement import read
from connector.mapping.evaluate import evaluate
from connector.mapping.language.conditions import pinned
from connector.mapping.language.short_names import VERBS
from connector.mapping.loader import Ruleset
from connector.moodle.answers import Course, User
from connector.moodle.client import Moodle
from connector.records import Completion, Frozen, Ignored
from connector.store.session import Store
from connector.store.tables import Source, StatementRow

ON_ITS_WAY = timedelta(hours=1)
"""A younger completion may still be in the queue of Moodle's plugin, or at the LRS."""
COURSE_TYPE = "https://w3id.org/xapi/cmi5/activitytype/course"
EVENT = "\\core\\event\\course_completed"
_EDLM = "https://w3id.org/learning-analytics/learning-management-system"

Tell = Callable[[str], None]
"""Told how far it has come."""


class Untold(Frozen):
    """One completion that Moodle has and nobody told; `raw` is the statement that tells it, empty without a time."""

    source: str
    course: int
    user: int
    completed_at: datetime | None
    raw: bytes = b""

    def plain(self) -> dict[str, Any]:
        """For --json."""
        return self.model_dump(mode="json", exclude={"raw"})


@dataclass(frozen=True)
class Compared:
    """One source's Moodle beside the store. `counts`: told, not complete, before the start, on its way, ..."""

    source: str
    courses: tuple[int, ...]
    gone: tuple[int, ...]
    untold: tuple[Untold, ...]
    counts: Counter[str]


@dataclass(frozen=True)
class Judgement:
    """What the rules in force make of statements that are not written yet."""

    taken: tuple[Untold, ...]
    rules: Counter[str]
    reasons: Counter[str]


def sources(config: Config, name: str | None) -> list[tuple[AnySource, MoodleConfig]]:
    """Those with a Moodle, or the one that is named; ConfigError when there is none."""
    wanted = [source for source in config.sources if name in (None, source.name)]
    found = [(source, source.moodle) for source in wanted if source.moodle]
    if not found:
        which = f"the source {name} has no `moodle`" if name else "no source of config.yaml has a `moodle`"
        message = f"{which}: there is nothing to compare with"
        raise ConfigError("config.no_moodle", message, "write `moodle: {site: ..., token: ...}` below a source")
    return found


def named_courses(rules: Ruleset, settings: MoodleConfig) -> list[int]:
    """The courses of this site that rules name in full."""
    objects = {one for active in rules.rules for one in pinned(active.rule.when)[1] if one}
    objects |= {key for active in rules.rules for key in active.rows}
    return sorted({course for one in objects if (course := course_of(settings, one)) is not None})


def compare(
    store: Store,
    source: AnySource,
    settings: MoodleConfig,
    courses: Collection[int],
    since: datetime | None,
    tell: Tell,
) -> Compared:
    """Ask Moodle about everybody in these courses of whom no statement says `completed`."""
    told = _told(store, [course_url(settings, course) for course in courses])
    with open_moodle(settings) as moodle:
        looking = _Looking(moodle, source.name, settings, moodle.site_info().release, since)
        there = {course.id: course for course in moodle.courses(courses)}
        untold = [one for course in there.values() for one in looking.course(course, told, tell)]
    gone = tuple(course for course in courses if course not in there)
    return Compared(source.name, tuple(there), gone, tuple(untold), looking.counts)


def since_of(store: Store, config: Config, source: AnySource, said: date | None) -> datetime | None:
    """From when on completions are the connector's business: what is said, else the source's own start.

    None is the beginning. Raises ConfigError where there is no start yet: nobody means all of Moodle's past by silence.
    """
    if said is not None:
        return _midnight(config, source, said)
    with store.reading() as session:
        row = session.get(Source, source.name)
        if row and (row.start_from or row.high_water):
            return row.start_from
        if isinstance(source, InletConfig):
            return _first_received(session, source.name) or _nobody_knows(source)
    if source.start_from == "now":
        return _nobody_knows(source)
    return None if source.start_from == "everything" else _midnight(config, source, source.start_from)


def _midnight(config: Config, source: AnySource, day: date) -> datetime:
    return datetime.combine(day, time.min, config.zone_of(config.providers[0], source)).astimezone(UTC)


def _first_received(session: Session, source: str) -> datetime | None:
    mine = select(StatementRow.received_at).where(StatementRow.source_id == source)
    return session.exec(mine.order_by(col(StatementRow.id)).limit(1)).first()


def _nobody_knows(source: AnySource) -> NoReturn:
    message = f"the source {source.name} has no start yet: nobody knows what was reported before it"
    hint = "let the daemon read it once, or say from when on: compare --moodle --since 2026-07-01"
    raise ConfigError("config.no_start", message, hint)


def judge(rules: Ruleset, untold: Sequence[Untold]) -> Judgement:
    """The same question that the mapping will ask, before anything is written."""
    taken, names, reasons = [], Counter[str](), Counter[str]()
    for one in untold:
        outcomes = _outcomes(rules, one)
        matching = [name for name, outcome in outcomes if isinstance(outcome, Completion)]
        names.update(matching)
        if matching:
            taken.append(one)
        else:
            reasons[_why_not(outcomes)] += 1
    return Judgement(tuple(taken), names, reasons)


def _outcomes(rules: Ruleset, one: Untold) -> list[tuple[str, Any]]:
    statement = read(one.raw, one.source).statement
    return [(judged.rule, judged.outcome) for judged in evaluate(rules, statement, orjson.loads(one.raw))]


def _why_not(outcomes: Sequence[tuple[str, Any]]) -> str:
    if not outcomes:
        return "no rule names this course"
    name, outcome = outcomes[0]
    return f"{name}: {outcome.reason if isinstance(outcome, Ignored) else outcome.message}"


def _told(store: Store, urls: Collection[str]) -> dict[str, set[str]]:
    """For each course everybody of whom any statement said that he completed it: whatever became of it, it was told."""
    rows = select(StatementRow.object_id, StatementRow.actor_key).where(col(StatementRow.object_id).in_(urls))
    told: dict[str, set[str]] = {url: set() for url in urls}
    with store.reading() as session:
        for url, key in session.exec(rows.where(col(StatementRow.verb).in_(sorted(VERBS["completed"])))):
            told[url].add(key)
    return told


@dataclass
class _Looking:
    """One site's roster, course by course."""

    moodle: Moodle
    source: str
    settings: MoodleConfig
    release: str
    since: datetime | None
    counts: Counter[str] = field(default_factory=Counter)

    def course(self, course: Course, told: Mapping[str, set[str]], tell: Tell) -> Iterator[Untold]:
        known = told[course_url(self.settings, course.id)]
        roster = list(self.moodle.enrolled_users(course.id))
        if roster and all(actor(self.settings, user) is None for user in roster):
            raise hidden_names("user names" if self.settings.actor == "username" else "e-mail addresses")
        for place, user in enumerate(roster, start=1):
            tell(f"{self.source}: course {course.id}, {place} of {len(roster)} users")
            if not forms(self.settings, user).isdisjoint(known):
                self.counts["told"] += 1
            elif found := self._ask(course, user):
                yield found

    def _ask(self, course: Course, user: User) -> Untold | None:
        completion = self.moodle.course_completion(course.id, user.id)
        if completion.state != "complete":
            self.counts["not complete"] += 1
            return None
        at = completion.at
        if at is None or (named := actor(self.settings, user)) is None:
            self.counts["without a time" if at is None else "without a name"] += 1
            return Untold(source=self.source, course=course.id, user=user.id, completed_at=at)
        if self.since and at < self.since:
            self.counts["before the start"] += 1
            return None
        if at > datetime.now(UTC) - ON_ITS_WAY:
            self.counts["on its way"] += 1
            return None
        raw = self._statement(course, user, named, at)
        return Untold(source=self.source, course=course.id, user=user.id, completed_at=at, raw=raw)

    def _statement(self, course: Course, user: User, named: dict[str, Any], at: datetime) -> bytes:
        """What the plugin would have sent, so that the rules cannot tell the difference; and where it comes from."""
        url = course_url(self.settings, course.id)
        return own.completion(
            key=(self.settings.site, str(course.id), str(user.id), at.isoformat()),
            actor=named,
            verb=own.COMPLETED,
            activity={"id": url, "definition": _definition(course)},
            timestamp=at,
            stored=datetime.now(UTC),
            extensions={
                MOODLE_INFO: {"http://moodle.org": self.release, "event_name": EVENT},
                own.ORIGIN: {"kind": "compare --moodle", "site": self.settings.site},
            },
        )


def _definition(course: Course) -> dict[str, Any]:
    """With both numbers that the plugin can be told to send."""
    ids = {f"{_EDLM}/short-id": course.short_name, f"{_EDLM}/external-id": course.id_number}
    return {
        "type": COURSE_TYPE,
        "name": {"en": course.name},
        "extensions": {key: one for key, one in ids.items() if one},
    }
