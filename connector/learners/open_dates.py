"""Completions whose date only Moodle knows: it is asked with no transaction open, and fills them before any award.

Knows no learner, and of awards only that one was left. What Moodle cannot say yet waits with its reason; what it will
never say is a Problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, text, update
from sqlmodel import Session, col, select

from connector.config import Config, MoodleConfig
from connector.errors import ConfigError, ConnectorError, NeedsOperator, RetryLater
from connector.learners import corrections
from connector.learners.moodle_users import account_of, course_of, forms, number_of, open_moodle
from connector.logs import log
from connector.moodle.answers import CourseCompletion, User
from connector.moodle.client import Moodle
from connector.records import Actor, ActorKey, Completion, Counts, Problem
from connector.store import poison
from connector.store.reasons import STUMBLED
from connector.store.session import Store
from connector.store.tables import Event, EvidenceRow, StatementRow
from connector.store.tables.collected import OPEN

BATCH = 200
SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=6)
LEEWAY = timedelta(hours=1)
"""A completion is told when it has happened: what Moodle dates later than its statement is another one."""
NOT_COMPLETE = "moodle.not_complete"
NO_RIGHT = "moodle.no_right"

_OPEN = text(OPEN)
_NO_DATE = {
    "no_criteria": "the course has no criteria of completion any more",
    "not_enrolled": "the user is no longer enrolled in the course",
    "gone": "the user was deleted",
    "no_course": "the course was deleted",
    "complete": "the course is complete, and its criteria have no time",
}


@dataclass(frozen=True)
class Waiting:
    """One completion with an open date; `told` is its statement's own time, `since` when it came."""

    evidence: int
    source: str
    statement: str
    actor: ActorKey
    object_id: str
    told: datetime
    since: datetime


@dataclass(frozen=True)
class Answer:
    """What Moodle makes of one: a moment, a reason to wait, or a Problem."""

    at: datetime | None = None
    waits: str = ""
    problem: Problem | None = None


def fill(store: Store, config: Config, counts: Counts) -> None:
    """Ask for every open date that is due, at most a batch in a turn: a backfill must not hold up the others."""
    now = datetime.now(UTC)
    settings = {source.name: source.moodle for source in config.sources}
    for source, rows in groupby(_due(store, now), key=lambda row: row.source):
        if store.stopping.is_set():
            return
        waiting = list(rows)
        asking = _Asking(waiting, settings.get(source))
        asking.run()
        with store.writing() as session:
            if asking.stumbled:
                poison.note(session, "learners", asking.stumbled, now)
            for row in waiting:
                if row.evidence in asking.said:
                    with poison.contained(session, "learners", None, now=now):
                        _write(session, row, asking.said[row.evidence], now, counts)
                        continue
                    session.get_one(EvidenceRow, row.evidence).next_at = now + poison.PAUSE
            if asking.stops:
                _put_off(session, source, asking.stops, now)
            _tell(session, source, asking.error, now)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Also what would wait longer than anything of ours does: our own clock was ahead when it was written. Who waits
    because of his learner needs no date."""
    return (col(EvidenceRow.reason) != STUMBLED) & or_(
        col(EvidenceRow.next_at) <= now, col(EvidenceRow.next_at) > now + LATEST
    )


def _due(store: Store, now: datetime) -> list[Waiting]:
    rows = select(EvidenceRow, StatementRow).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(_OPEN, col(EvidenceRow.standing).is_(True), _is_due(now))
    rows = rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_open", "sqlite")
    with store.reading() as session:
        found = session.exec(rows.order_by(col(EvidenceRow.next_at), col(EvidenceRow.id)).limit(BATCH)).all()
    waiting = [
        Waiting(
            evidence=evidence.id,
            source=statement.source_id,
            statement=statement.statement_id,
            actor=ActorKey(evidence.actor_key),
            object_id=statement.object_id,
            told=statement.timestamp or statement.stored or statement.received_at or now,
            since=statement.received_at or now,
        )
        for evidence, statement in found
    ]
    return sorted(waiting, key=lambda row: row.source)


@dataclass
class _Asking:
    """One site's turn. `error` is what went wrong last; `stops`, if that is true of every question to this site."""

    waiting: Sequence[Waiting]
    settings: MoodleConfig | None
    said: dict[int, Answer] = field(default_factory=dict)
    error: ConnectorError | None = None
    stops: ConnectorError | None = None
    stumbled: Exception | None = None  # at what nobody has foreseen: the other sources' awards go on
    _known: dict[tuple[int, int], CourseCompletion] = field(default_factory=dict)
    _rosters: dict[int, list[User] | NeedsOperator] = field(default_factory=dict)
    _barred: dict[int, NeedsOperator] = field(default_factory=dict)

    def run(self) -> None:
        try:
            settings = _asked_where(self.settings)
            with open_moodle(settings) as moodle:
                users = _users(moodle, settings, self.waiting)
                for row in self.waiting:
                    self.said[row.evidence] = self._ask(moodle, settings, users, row)
        except ConnectorError as error:
            self.error = self.stops = error
        except Exception as unknown:
            self.stumbled = unknown
            self.stops = RetryLater(poison.CODE, "the learners room stumbled over what this Moodle answered")

    def _ask(
        self, moodle: Moodle, settings: MoodleConfig, users: Mapping[ActorKey, User | None], row: Waiting
    ) -> Answer:
        course = course_of(settings, row.object_id)
        if course is None:
            return _problem("moodle.no_course", "object", "the statement is not about a course of this Moodle")
        try:
            user = users[row.actor] if row.actor in users else self._on_roster(moodle, settings, course, row.actor)
            return _in_words(self._completion(moodle, course, user), row.told) if user else _NO_USER
        except NeedsOperator as error:
            if error.code != NO_RIGHT:
                raise
            self.error = error  # the role may be given for some courses only: the others are asked for
            return Answer(waits=NO_RIGHT)

    def _completion(self, moodle: Moodle, course: int, user: User) -> CourseCompletion:
        if course in self._barred:
            raise self._barred[course]
        try:
            if (course, user.id) not in self._known:
                self._known[course, user.id] = moodle.course_completion(course, user.id)
        except NeedsOperator as error:
            self._barred[course] = error  # of one user as of all
            raise
        return self._known[course, user.id]

    def _on_roster(self, moodle: Moodle, settings: MoodleConfig, course: int, key: ActorKey) -> User | None:
        """A user whom no question by name found: by a mailbox's hash, or because Moodle shows this token no names."""
        if course not in self._rosters:
            self._rosters[course] = _roster(moodle, course)
        roster = self._rosters[course]
        if isinstance(roster, NeedsOperator):
            raise roster
        shows_what_it_takes = any(user.username if key.startswith("account:") else user.email for user in roster)
        if roster and not shows_what_it_takes:
            raise hidden_names("user names" if key.startswith("account:") else "e-mail addresses")
        return next((user for user in roster if key in forms(settings, user)), None)


def _asked_where(settings: MoodleConfig | None) -> MoodleConfig:
    if settings is not None:
        return settings
    raise ConfigError(
        "config.no_moodle",
        "a rule asks Moodle for its dates, and the source of its statements has no `moodle`",
        "write `moodle: {site: ..., token: ...}` below the source, and restart",
    )


def _roster(moodle: Moodle, course: int) -> list[User] | NeedsOperator:
    """A refusal is remembered like a roster: it is the same for everybody in the course."""
    try:
        return list(moodle.enrolled_users(course))
    except NeedsOperator as error:
        return error


def hidden_names(what: str) -> NeedsOperator:
    return NeedsOperator(
        NO_RIGHT,
        f"Moodle shows this token no {what}, so that nobody can be found by them",
        "allow in the role, at system level: moodle/user:viewalldetails, moodle/site:viewuseridentity, "
        "moodle/course:useremail",
    )


def _users(moodle: Moodle, settings: MoodleConfig, waiting: Iterable[Waiting]) -> dict[ActorKey, User | None]:
    """The users of these actors as far as a question by name finds exactly one; None for actors of another site."""
    keys = {row.actor for row in waiting}
    found: dict[ActorKey, User | None] = {
        key: User(number) for key in keys if (number := number_of(settings, key)) is not None
    }
    names = {key: name for key in keys - found.keys() if (name := account_of(settings, key))}
    found |= _by_name(names, {user.username: user for user in moodle.users_by_field("username", names.values())})
    mailboxes = {key: key.removeprefix("mbox:") for key in keys if key.startswith("mbox:")}
    answers = moodle.users_by_field("email", mailboxes.values())
    addresses = [user.email.strip().lower() for user in answers]
    uses = Counter(addresses)
    alone = {one: user for one, user in zip(addresses, answers, strict=True) if uses[one] == 1}
    found |= _by_name(mailboxes, alone)
    strangers = (key for key in keys if key.startswith("account:") and account_of(settings, key) is None)
    return found | dict.fromkeys(strangers)


def _by_name(names: Mapping[ActorKey, str], users: Mapping[str, User]) -> dict[ActorKey, User | None]:
    return {key: users[name] for key, name in names.items() if name in users}


def _in_words(completion: CourseCompletion, told: datetime) -> Answer:
    if completion.state == "incomplete":
        return Answer(waits=NOT_COMPLETE)
    if completion.state != "complete" or not completion.at:
        return _problem("moodle.no_date", "completed_on", f"Moodle cannot say when: {_NO_DATE[completion.state]}")
    if completion.at > told + LEEWAY:
        message = "Moodle knows a later completion than the one that the statement tells"
        return _problem("moodle.other_completion", "completed_on", message)
    return Answer(at=completion.at)


def _problem(code: str, name: str, message: str) -> Answer:
    hint = "look at the course and the user in Moodle; where the date is known otherwise, report it in PARS by hand"
    return Answer(problem=Problem(code=code, field=name, message=message, hint=hint, who=Actor.ADMINISTRATOR))


_NO_USER = _problem("moodle.no_user", "actor", "the actor is nobody whom this Moodle knows")


def _write(session: Session, row: Waiting, answer: Answer, now: datetime, counts: Counts) -> None:
    """Into the row, unless it was voided or filled while Moodle was asked."""
    evidence = session.get_one(EvidenceRow, row.evidence, with_for_update=True)
    if evidence.next_at is None or not evidence.standing:
        return
    if answer.problem:
        evidence.outcome, evidence.reason, evidence.next_at = "problem", answer.problem.code, None
        evidence.problem = answer.problem.model_dump(mode="json")
        if evidence.left_award is not None:
            corrections.call_person(session, evidence.left_award, answer.problem.code, now)
        _warn(row, answer.problem)
        counts["problem"] += 1
    elif answer.at:
        completion = Completion.model_validate(evidence.completion)
        dated = completion.dated(answer.at.astimezone(ZoneInfo(completion.zone)).date())
        evidence.completion, evidence.reason, evidence.next_at = dated.model_dump(mode="json"), "", None
        counts["dated"] += 1
    else:
        evidence.reason, evidence.next_at = answer.waits, now + pause(now - row.since)
    session.add(evidence)


def pause(age: timedelta) -> timedelta:
    """Until the next question about a completion that has waited so long already.

    >>> pause(timedelta(hours=8))
    datetime.timedelta(seconds=7200)
    """
    return min(LATEST, max(SOONEST, age / 4))


def _warn(row: Waiting, problem: Problem) -> None:
    log.warning(
        "completion.undated",
        source=row.source,
        statement=row.statement,
        code=problem.code,
        error=problem.message,
        who=str(problem.who),
        command=f"pars-connector explain {row.statement}",
    )


def _put_off(session: Session, source: str, error: ConnectorError, now: datetime) -> None:
    """Nobody else's turn either: one question finds out whether this site answers again."""
    asked_for = timedelta(seconds=error.wait or 0) if isinstance(error, RetryLater) else timedelta(0)
    theirs = select(StatementRow.id).where(StatementRow.source_id == source)
    due = update(EvidenceRow).where(_OPEN, col(EvidenceRow.standing).is_(True), _is_due(now))
    due = due.where(col(EvidenceRow.statement_pk).in_(theirs))
    again = now + max(SOONEST, min(LATEST, asked_for))
    session.execute(due.values(next_at=again, reason=error.code), execution_options={"synchronize_session": False})


def _tell(session: Session, source: str, error: ConnectorError | None, now: datetime) -> None:
    """Once when Moodle stops answering, or stops for another reason; once when it answers again."""
    last = select(Event).where(Event.subject == "moodle", Event.subject_id == source).order_by(col(Event.id).desc())
    said = session.exec(last.limit(1)).first()
    stopped = said.code if said and said.what == "stopped" else ""
    if (error.code if error else "") == stopped or (error is None and _still_waits(session, source, stopped)):
        return
    what, code = ("stopped", error.code) if error else ("recovered", "")
    session.add(Event(at=now, subject="moodle", subject_id=source, what=what, code=code, by="learners"))
    if error is None:
        log.info("moodle.recovered", source=source)
        return
    who = "" if isinstance(error, RetryLater) else "operator"
    log.warning("moodle.stopped", source=source, code=code, error=error.message, hint=error.hint, who=who)


def _still_waits(session: Session, source: str, code: str) -> bool:
    """One course may be closed to us for weeks, while the others' dates come in: that is no recovery."""
    rows = select(EvidenceRow.id).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(_OPEN, col(EvidenceRow.standing).is_(True), col(EvidenceRow.next_at).is_not(None))
    rows = rows.where(EvidenceRow.reason == code, StatementRow.source_id == source)
    return session.exec(rows.limit(1)).first() is not None
