"""What a backfill would bring: reads the LRS and evaluates, writes nothing. The rules are those in force.

A learner is counted once under all keys that the directory or the store knows of him, an award once for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from connector.config import Config
from connector.inquiry.windows import Tell, Window, pages
from connector.learners import directory
from connector.lrs.statement import Read
from connector.mapping import rule_files
from connector.mapping.evaluate import evaluate
from connector.mapping.loader import Ruleset, load
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions.active import active_row
from connector.records import ActorKey, Completion, Counts, Frozen
from connector.store.session import Store
from connector.store.tables import Award, LearnerKey, StatementRow, Voided

CHUNK = 500


class Estimate(Frozen):
    """Of one source: statements in the window, and what their completions would do to the awards."""

    source: str
    read: int = 0
    known: int = 0
    new: int = 0
    problems: int = 0
    adds: int = 0
    joins: int = 0


@dataclass(frozen=True)
class _Earned:
    """One completion of one learner by a statement that is not stored yet."""

    source: str
    statement_id: str
    content_key: str
    actor_key: ActorKey
    completion: Completion


@dataclass
class _Found:
    """What the readings of all sources have met."""

    rules: Ruleset
    counts: dict[str, Counts] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    voided: set[str] = field(default_factory=set)
    earned: list[_Earned] = field(default_factory=list)


def estimate(store: Store, config: Config, windows: Sequence[Window], tell: Tell) -> list[Estimate]:
    """What reading these windows again would bring. Raises what the LRS's client raises."""
    found = _Found(rules_in_force(store, config))
    for window in windows:
        counts = found.counts.setdefault(window.source.name, Counts())
        for way, reads in pages(window):
            _look(store, window, reads, found)
            tell(window.source.name, way, counts["read"])
    _weigh(store, config, found)
    return [Estimate(source=name, **counts) for name, counts in found.counts.items()]


def rules_in_force(store: Store, config: Config) -> Ruleset:
    """The active version; before the first one, the files on disk."""
    with store.reading() as session:
        row = active_row(session)
    defaults = defaults_of(config)
    return rule_files.stored(row.hash, row.files, defaults) if row else load(config.mappings, defaults)


def _look(store: Store, window: Window, reads: Sequence[Read], found: _Found) -> None:
    """Count one page; only what no source has told yet is evaluated."""
    fresh = {one.statement.id: one for one in reads if one.statement.id not in found.ids}
    found.ids |= fresh.keys()
    with store.reading() as session:
        here = StatementRow.source_id == window.source.name
        known = _among(session, col(StatementRow.statement_id), fresh, here)
    new = [one for name, one in fresh.items() if name not in known]
    found.voided |= {one.voids for one in new if one.voids}
    found.counts[window.source.name].update(read=len(fresh), known=len(fresh) - len(new), new=len(new))
    for one in new:
        _evaluate(window.source.name, one, found)


def _evaluate(source: str, one: Read, found: _Found) -> None:
    keys = one.members or ((one.statement.actor_key,) if one.statement.actor_key else ())
    if one.voids or (one.problem and not one.members):
        found.counts[source]["problems"] += one.problem is not None
        return
    try:
        outcomes = [judged.outcome for judged in evaluate(found.rules, one.statement, orjson.loads(one.statement.raw))]
    except Exception:  # as in the mapping: it is this statement's own problem, and its text may be personal
        found.counts[source]["problems"] += 1
        return
    completions = [outcome for outcome in outcomes if isinstance(outcome, Completion)]
    found.earned += [
        _Earned(source, one.statement.id, one.content_key, key, completion)
        for completion in completions
        for key in keys
    ]


def _weigh(store: Store, config: Config, found: _Found) -> None:
    """Which completions would open an award, and which would join one that is there or opened before."""
    answers = _Learners(store, config, {one.actor_key for one in found.earned})
    with store.reading() as session:
        voided = found.voided | _among(session, col(Voided.statement_id), {one.statement_id for one in found.earned})
        contents = {one.content_key for one in found.earned if one.content_key}
        repeated = _among(session, col(StatementRow.content_key), contents)
    opened: set[tuple[object, ...]] = set()
    for one in found.earned:
        if one.statement_id in voided:
            continue
        key = (one.completion.provider, one.completion.activity_id, one.completion.per)
        learner = answers.learner_of(one.actor_key)
        what = (learner, *key)
        again = (one.content_key, one.actor_key, *key[:2])
        joins = what in opened or answers.has(learner, key) or one.content_key in repeated or again in opened
        found.counts[one.source]["joins" if joins else "adds"] += 1
        opened |= {what, again} if one.content_key else {what}


class _Learners:
    """Who the actors are, as far as the store and the directory know, and which awards they have."""

    def __init__(self, store: Store, config: Config, keys: Collection[ActorKey]) -> None:
        self._answers = directory.Answers(
            [source.fetch(chunk) for source in directory.sources(config, store) for chunk in _chunks(keys)]
        )
        wanted = self._answers.keys() | set(keys)
        with store.reading() as session:
            self._of_key = dict[str, int]()
            for chunk in _chunks(wanted):
                links = select(LearnerKey).where(col(LearnerKey.actor_key).in_(chunk))
                self._of_key |= {link.actor_key: link.learner_id for link in session.exec(links)}
            self._awards = _awards(session, set(self._of_key.values()))

    def learner_of(self, key: ActorKey) -> object:
        """A learner's number, or one of his keys while nobody of his is known."""
        found = self._answers.about([key])
        keys = sorted({key, *(found.keys if found else ())})
        return next((self._of_key[one] for one in keys if one in self._of_key), keys[0])

    def has(self, learner: object, key: tuple[str, str, str]) -> bool:
        return (learner, *key) in self._awards


def _awards(session: Session, learners: Collection[int]) -> set[tuple[object, ...]]:
    found: set[tuple[object, ...]] = set()
    for chunk in _chunks(learners):
        rows = select(Award.learner_id, Award.provider_id, Award.activity_id, Award.per)
        found |= {tuple(row) for row in session.exec(rows.where(col(Award.learner_id).in_(chunk)))}
    return found


def _among(
    session: Session, column: Any, values: Collection[str] | Mapping[str, object], *where: ColumnElement[bool] | bool
) -> set[str]:
    """Those of the values that the column holds."""
    found: set[str] = set()
    for chunk in _chunks(values):
        found.update(session.exec(select(column).where(column.in_(chunk), *where)))
    return found


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    listed = sorted(values)
    return (listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK))
