"""What all sources share that are elsewhere: answers are kept for a while, and one that is away is silent, not empty.

Knows no kind of source. What is kept are people: it stays in memory, and no line of the log holds any of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol

from connector.errors import ConfigError, ConnectorError, NeedsOperator, RetryLater
from connector.logs import log
from connector.records import ActorKey, Found, Problem
from connector.store import poison
from connector.store.circuit import back_off, is_due

MOST_KEPT = 50_000
"""Answers of one source; about 100 MB. The oldest are forgotten."""
FIRST, LONGEST = timedelta(seconds=15), timedelta(minutes=15)
"""Between two tries while a source is silent."""
MOST_SKIPPED = 3
"""Actors of one asking at whom a source may stumble; more is an outage."""
_OUTAGES = (".unreachable", ".no_answer", ".tls", ".refused", ".malformed")


class Asked(Protocol):
    """A source that is elsewhere; `fetch` may answer for more keys than it was asked by."""

    @property
    def name(self) -> str: ...

    def speaks_for(self, keys: Collection[ActorKey], /) -> set[ActorKey]:
        """Those of these keys that it may know: the others do not wait for it."""
        ...

    def fetch(self, keys: Collection[ActorKey], /) -> dict[ActorKey, Found]: ...

    def prove(self, key: ActorKey, /) -> list[Problem]: ...


@dataclass
class _Silence:
    code: str
    tries: int
    until: datetime


@dataclass
class Memory:
    """Of one source, from turn to turn. `spoken` counts how often it fell silent and spoke again; `skipped` are actors
    about whom it fails though it answers about others, and until when they are left out."""

    answers: dict[ActorKey, tuple[datetime, Found | None]] = field(default_factory=dict, repr=False)
    silence: _Silence | None = None
    spoken: int = 0
    skipped: dict[ActorKey, datetime] = field(default_factory=dict, repr=False)
    tried: set[ActorKey] = field(default_factory=set, repr=False)  # one by one and in vain, while it is silent

    def keep(self, key: ActorKey, answer: Found | None, now: datetime) -> None:
        self.answers.pop(key, None)  # so that the oldest stand first
        self.answers[key] = (now, answer)
        while len(self.answers) > MOST_KEPT:
            del self.answers[next(iter(self.answers))]

    def is_silent(self, now: datetime) -> bool:
        """Is it not even tried now?"""
        return self.silence is not None and not is_due(self.silence.until, now)


@dataclass
class _Turn:
    """What one asking has brought: those who were answered about, and how many it stumbled at."""

    learnt: set[ActorKey] = field(default_factory=set)
    skipped: int = 0


@dataclass(frozen=True)
class Heard:
    """What a source says, and the keys that it may know and could not be asked about."""

    answers: dict[ActorKey, Found]
    silent: set[ActorKey]


@dataclass(frozen=True)
class Remote:
    """A source with its memory. `nobody`: how long it is believed that it does not know somebody.

    `since` is set where answers must be new: those of an earlier moment do not count.
    """

    asked: Asked
    memory: Memory
    cache: timedelta
    nobody: timedelta
    batch: int
    stopping: Event
    since: datetime | None = None

    @property
    def name(self) -> str:
        return self.asked.name

    def stamp(self) -> object:
        """Another one when it speaks again: those who waited for it are looked at then."""
        return self.memory.spoken

    def anew(self) -> Remote:
        return replace(self, since=datetime.now(UTC))

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        """Past memory and silence: raises what is wrong."""
        wanted = self.asked.speaks_for(keys)
        found: dict[ActorKey, Found] = {}
        for chunk in self._chunks(sorted(wanted)):
            found |= self.asked.fetch(chunk)
        return {key: found[key] for key in wanted & found.keys()}

    def prove(self, key: ActorKey) -> list[Problem]:
        return self.asked.prove(key)

    def ask(self, keys: Collection[ActorKey]) -> Heard:
        """From memory where that is fresh enough; raises nothing."""
        wanted = self.asked.speaks_for(keys)
        now = datetime.now(UTC)
        known = {key for key in wanted if self._is_fresh(key, now)}
        left = [key for key in wanted - known if is_due(self.memory.skipped.get(key), now)]
        left.sort(key=lambda key: (key in self.memory.tried, key))  # or one at whom it stumbles were always the probe
        turn = _Turn()
        probe = 1 if self.memory.silence else 0
        for chunk in (left[:probe], *self._chunks(left[probe:])):
            if chunk and not self._learn(chunk, turn):
                break
        kept = {key: self.memory.answers[key][1] for key in (known | turn.learnt) & self.memory.answers.keys()}
        return Heard({key: answer for key, answer in kept.items() if answer}, wanted - kept.keys())

    def _is_fresh(self, key: ActorKey, now: datetime) -> bool:
        if key not in self.memory.answers:
            return False
        at, answer = self.memory.answers[key]
        good_for = self.cache if answer else min(self.cache, self.nobody)
        return timedelta(0) <= now - at < good_for and (self.since is None or at >= self.since)

    def _learn(self, keys: Sequence[ActorKey], turn: _Turn) -> bool:
        """Ask, and keep what is answered; False when it is of no use to ask on.

        Who answered a moment ago and fails now stumbles at one of these: halved until it is found who it is.
        """
        if self.stopping.is_set() or self.memory.is_silent(datetime.now(UTC)):
            return False
        error = self._try(keys, turn)
        if error is None:
            return True
        if not turn.learnt or turn.skipped >= MOST_SKIPPED or _is_outage(error):
            self._fell_silent(error)
            self.memory.tried.update(keys if len(keys) == 1 else ())
            return False
        if len(keys) > 1:
            half = len(keys) // 2
            return self._learn(keys[:half], turn) and self._learn(keys[half:], turn)
        turn.skipped += 1
        self._skip(keys[0], error)
        return True

    def _try(self, keys: Sequence[ActorKey], turn: _Turn) -> ConnectorError | None:
        try:
            found = self.asked.fetch(keys)
        except ConnectorError as error:
            return error
        except Exception as unknown:
            message = f"the learners room stumbled over its answer: {poison.describe(unknown)}"
            return RetryLater(poison.CODE, message)
        now = datetime.now(UTC)
        for key in {*found, *keys}:
            self.memory.keep(key, found.get(key), now)
            self.memory.skipped.pop(key, None)
        turn.learnt.update(keys)
        if self.memory.silence:
            self.memory.silence = None
            self.memory.tried.clear()
            self.memory.spoken += 1
            log.info("learner.source_speaks", source=self.name)
        return None

    def _skip(self, key: ActorKey, error: ConnectorError) -> None:
        """Said once of each actor, without him: statements in the store have his key."""
        if key not in self.memory.skipped:
            log.warning(
                "learner.source_skips", source=self.name, code=error.code, error=error.message, hint=error.hint,
                who="administrator",
            )  # fmt: skip
        self.memory.skipped[key] = datetime.now(UTC) + poison.PAUSE

    def _fell_silent(self, error: ConnectorError) -> None:
        """Said once, and again when the reason is another one."""
        before = self.memory.silence
        tries = before.tries + 1 if before else 1
        asked_for = timedelta(seconds=error.wait or 0) if isinstance(error, RetryLater) else timedelta(0)
        until = datetime.now(UTC) + max(asked_for, back_off(tries, FIRST, LONGEST))
        self.memory.silence = _Silence(error.code, tries, until)
        if before and before.code == error.code:
            return
        who = {NeedsOperator: "operator", ConfigError: "administrator"}.get(type(error), "")
        log.warning(
            "learner.source_silent", source=self.name, code=error.code, error=error.message, hint=error.hint, who=who
        )

    def _chunks(self, keys: Sequence[ActorKey]) -> Iterator[Sequence[ActorKey]]:
        return (keys[start : start + self.batch] for start in range(0, len(keys), self.batch))


def _is_outage(error: ConnectorError) -> bool:
    """Is this of everybody, whoever is asked about?"""
    return isinstance(error, ConfigError) or error.code.endswith(_OUTAGES)
