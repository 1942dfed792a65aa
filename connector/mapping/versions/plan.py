"""The plan: what the rules in force would add, change and withdraw among statements that were read before.

Reads in short transactions and writes nothing. Its id is bound to the rules, to every difference and to the state of
every credit concerned: whoever agrees to it agrees to what he saw.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlmodel import Session, col, func, select

from connector.config import Config
from connector.logs import log
from connector.mapping import rule_files
from connector.mapping.loader import Defaults, Ruleset
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions.active import active_row
from connector.mapping.versions.differences import Changed, Difference, Kind, additions, look
from connector.mapping.versions.effects import Effects, Place, Told, moment_of, weigh
from connector.metrics import MAPPING_WAITS
from connector.records import Evidence, Frozen
from connector.store.session import Store
from connector.store.tables import Credit, StatementRow

Tell = Callable[[int, int], None]
"""Told how many statements were looked at, and how many there are."""

_COUNTED: WeakKeyDictionary[Store, str] = WeakKeyDictionary()


class Example(Frozen):
    """One statement of a group; no personal value."""

    statement: str
    was: str = ""
    becomes: str = ""
    does: str


class Group(Frozen):
    """What one rule does about one activity; completions above, credits below.

    `was_activity` is the activity that the same completions had before.
    """

    rule: str
    activity: str
    was_activity: str = ""
    added: int = 0
    changed: int = 0
    ended: int = 0
    joins: int = 0  # added to an award that is there, without effect
    no_effect: int = 0
    open_dates: int = 0
    open_dates_sent: int = 0  # of records that went out
    wait_for_evidence: int = 0
    new_credits: int = 0
    changed_unsent: int = 0
    reported_again: int = 0
    closed: int = 0
    withdrawn: int = 0
    examples: tuple[Example, ...] = ()

    @property
    def moved_after_sending(self) -> bool:
        """Records went out under an activity that is wrong by these rules."""
        return bool(self.was_activity and (self.withdrawn or self.reported_again or self.open_dates_sent))


class Plan(Frozen):
    """All that would change; `waits` counts outcomes, by kind."""

    id: str
    target: str
    groups: tuple[Group, ...]
    waits: dict[str, int]
    statements: int
    unchanged: int
    kept: int
    stumbled: int

    @property
    def is_empty(self) -> bool:
        """Nothing that a person would have to agree to."""
        return not any(self.waits.values())

    @property
    def moved(self) -> list[str]:
        """The activities that records would move to after they went out under another."""
        return sorted({group.activity for group in self.groups if group.moved_after_sending})


@dataclass
class _Met:
    """Differences, as far as they are to be weighed."""

    tolds: list[Told] = field(default_factory=list)
    evidence: list[tuple[str, str, datetime]] = field(default_factory=list)
    waits: Counter[str] = field(default_factory=Counter)

    def take(self, one: Difference) -> None:
        if one.kind is not Kind.QUIET:
            self.waits[str(one.kind)] += 1
        if one.kind is not Kind.QUIET and (one.was or one.becomes):
            self.tolds.append(Told.of(one))
        if at := moment_of(one.statement):
            self.evidence += [(one.actor_key, key, at) for key in _met_by(one)]


@dataclass
class _Walk:
    """What the walk over the statements has met: everything, and what of it is only added."""

    sign: Any = field(default_factory=hashlib.sha256)
    counts: Counter[str] = field(default_factory=Counter)
    all: _Met = field(default_factory=_Met)
    new: _Met = field(default_factory=_Met)

    def take(self, differences: Sequence[Difference]) -> None:
        for one in differences:
            self.sign.update(json.dumps(one.sign, sort_keys=True, default=str).encode())
            self.all.take(one)
        for one in additions(differences):
            self.new.take(one)


def _met_by(one: Difference) -> Iterator[str]:
    columns = one.columns
    if columns and columns["outcome"] == "evidence" and columns["standing"]:
        yield from Evidence.model_validate(columns["completion"]).meets


def _nobody(_looked: int, _whole: int) -> None:
    """Nobody looks."""


def make(store: Store, rules: Ruleset, defaults: Defaults, tell: Tell = _nobody, *, adds_only: bool = False) -> Plan:
    """The plan for these rules, as of now; with `adds_only`, what of it would be done."""
    found, _ = made(store, rules, defaults, tell, adds_only=adds_only)
    return found


Concerned = dict[int, str]
"""The state of every credit that a plan concerns, by number."""


def made(
    store: Store, rules: Ruleset, defaults: Defaults, tell: Tell = _nobody, *, adds_only: bool
) -> tuple[Plan, Concerned]:
    walk, after = _Walk(), 0
    with store.reading() as session:
        changed = Changed.to(session, rules, defaults)
        whole = _to_look_at(session, changed)
    while not store.stopping.is_set():
        with store.reading() as session:
            seen = look(session, changed, after)
        if seen is None:
            break
        after = seen.last
        differing = {one.statement.id for one in seen.differences if one.kind is not Kind.QUIET}
        walk.counts.update(looked=seen.looked, kept=seen.kept, stumbled=seen.stumbled, differing=len(differing))
        walk.take(seen.differences)
        tell(walk.counts["looked"], whole)
    with store.reading() as session:
        effects = weigh(session, walk.all.tolds, walk.all.evidence)
        shown = weigh(session, walk.new.tolds, walk.new.evidence) if adds_only else effects
    waits = (walk.new if adds_only else walk.all).waits
    return _plan(rules, walk, effects, _groups(shown), waits), signs(effects.concerned.values())


def signs(credits_: Iterable[Credit]) -> Concerned:
    return {
        one.id: f"{one.state} {one.wanted} {one.amount} {one.at_pars} {one.award_id}"
        for one in sorted(credits_, key=lambda one: one.id)
    }


def _to_look_at(session: Session, changed: Changed) -> int:
    rows = select(func.count()).select_from(StatementRow).where(col(StatementRow.mapped_with).is_not(None))
    if changed.version_id is not None:
        rows = rows.where(StatementRow.mapped_with != changed.version_id)
    return session.exec(rows).one()


def _groups(effects: Effects) -> tuple[Group, ...]:
    return tuple(_group(place, effects) for place in sorted(effects.counts))


def _plan(rules: Ruleset, walk: _Walk, effects: Effects, groups: tuple[Group, ...], waits: Counter[str]) -> Plan:
    """The id is that of the whole, whatever is shown of it."""
    walk.sign.update(rules.hash.encode())
    walk.sign.update(json.dumps(signs(effects.concerned.values())).encode())
    walk.sign.update(json.dumps([group.model_dump() for group in _groups(effects)], sort_keys=True).encode())
    counts = walk.counts
    return Plan(
        id=walk.sign.hexdigest()[:10],
        target=rules.hash,
        groups=groups,
        waits={str(kind): waits[str(kind)] for kind in Kind if kind is not Kind.QUIET},
        statements=counts["looked"],
        unchanged=counts["looked"] - counts["kept"] - counts["stumbled"] - counts["differing"],
        kept=counts["kept"],
        stumbled=counts["stumbled"],
    )


def _group(place: Place, effects: Effects) -> Group:
    rule, activity, was = place
    examples = tuple(_example(told, does) for told, does in effects.examples[place])
    return Group(rule=rule, activity=activity, was_activity=was, examples=examples, **effects.counts[place])


def _example(told: Told, does: str) -> Example:
    was, becomes = (
        f"{one.activity_id} on {one.completed_on or 'a date that Moodle knows'}" if one else ""
        for one in (told.was, told.becomes)
    )
    return Example(statement=told.statement_id, was=was, becomes=becomes, does=does)


def count_again(store: Store) -> None:
    """A plan was carried out: less waits now."""
    _COUNTED.pop(store, None)


def count_waiting(store: Store, config: Config) -> None:
    """Say once for each version in force, in the log and in a metric, what waits for a person's word."""
    with store.reading() as session:
        row = active_row(session)
    if row is None or _COUNTED.get(store) == row.hash:
        return
    defaults = defaults_of(config)
    found = make(store, rule_files.stored(row.hash, row.files, defaults), defaults)
    if store.stopping.is_set():
        return
    _COUNTED[store] = row.hash
    for what, count in found.waits.items():
        MAPPING_WAITS.labels(what=what).set(count)
    if not found.is_empty:
        hint = "look at `pars-connector plan`; nothing of it happens before `pars-connector plan --apply`"
        log.info("mapping.plan_waits", version=row.hash[:12], counts=found.waits, hint=hint)
