"""What other rules make of statements that were read already, beside the outcomes that they have. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlmodel import Session, col, select

from connector.errors import MappingError
from connector.mapping import rule_files
from connector.mapping.loader import Defaults, Ruleset
from connector.mapping.outcomes import Columns, outcomes_of, voided_among
from connector.records import Completion, Evidence
from connector.store import poison
from connector.store.tables import EvidenceRow, MappingVersion, StatementRow

GONE = "mapping.gone"
CHUNK = 500
_NEVER_SEEN = ("ignored", "problem")
_ASKED_OF = ("moodle.", poison.CODE)  # what the learners room found out about a completion after it was mapped


class Kind(StrEnum):
    """What a difference is for people's records."""

    ADDS = "adds"  # a completion where there was none
    CHANGES = "changes"  # another completion than before
    WITHDRAWS = "withdraws"  # a completion is none any more
    EVIDENCE = "evidence"  # what other completions may rest on is another, or gone
    QUIET = "quiet"  # no record can change: another reason, another hash


@dataclass(frozen=True, eq=False)
class Difference:
    """One outcome as it is (`row`, None: there is none) and as it would be (`columns`, None: none any more)."""

    statement: StatementRow
    actor_key: str
    rule: str
    row: EvidenceRow | None
    columns: Columns | None

    @cached_property
    def was(self) -> Completion | None:
        return Completion.model_validate(self.row.completion) if self.row and _earns(self.row.outcome) else None

    @cached_property
    def becomes(self) -> Completion | None:
        if self.columns is None or not _earns(self.columns["outcome"]) or not self.columns["standing"]:
            return None
        return Completion.model_validate(self.columns["completion"])

    @cached_property
    def is_same_thing(self) -> bool:
        """Only the rule's hash, or a reason's words, differ: what was made of it stays."""
        if self.row is None or self.columns is None or self.row.outcome != self.columns["outcome"]:
            return False
        kept = self.row.outcome in ("completion", "evidence")
        return not kept or _meaning(self.row.outcome, self.row.completion) == _meaning(
            self.columns["outcome"], self.columns["completion"]
        )

    @cached_property
    def kind(self) -> Kind:
        if self.is_same_thing:
            return Kind.QUIET
        if self.was or self.becomes:
            return Kind.CHANGES if self.was and self.becomes else Kind.ADDS if self.becomes else Kind.WITHDRAWS
        return Kind.EVIDENCE if self.row and self.row.outcome == "evidence" else Kind.QUIET

    @property
    def sign(self) -> tuple[Any, ...]:
        """What a plan's id is bound to: both sides, without moments."""
        row, columns = self.row, self.columns
        before = row and (row.outcome, row.rule_hash, row.reason, row.completion, row.award_id)
        after = columns and (columns["outcome"], columns["rule_hash"], columns["reason"], columns["completion"])
        return (self.statement.id, self.actor_key, self.rule, before, after)


def _earns(outcome: str) -> bool:
    return outcome == "completion"


def _meaning(outcome: str, completion: dict[str, Any] | None) -> Completion | Evidence:
    """All that records are made of: the hash says only which rule it was."""
    read = (Completion if outcome == "completion" else Evidence).model_validate(completion)
    return read.model_copy(update={"rule_hash": ""})


def compare(statement: StatementRow, rows: Sequence[EvidenceRow], fresh: Sequence[Columns]) -> Iterator[Difference]:
    """The differences of one statement. What no longer stands is history, and stays as it is."""
    before = {(row.rule, row.actor_key): row for row in rows}
    after = {(one["rule"], one["actor_key"]): one for one in fresh}
    for rule, actor_key in sorted(before.keys() | after.keys()):
        row, columns = before.get((rule, actor_key)), after.get((rule, actor_key))
        if row is not None and (not row.standing or _is_kept(row, columns)):
            continue
        if row is not None and columns is not None:
            columns = _with_known_date(row, columns)
            if _equal(row, columns):
                continue
        yield Difference(statement, actor_key, rule, row, columns)


def _is_kept(row: EvidenceRow, columns: Columns | None) -> bool:
    if columns is None:
        return row.outcome == "ignored" and row.reason == GONE
    found_out = bool(row.rule) and row.outcome == "problem" and row.reason.startswith(_ASKED_OF)
    return found_out and _earns(columns["outcome"]) and bool(columns["completion"]["rule_hash"] == row.rule_hash)


def _with_known_date(row: EvidenceRow, columns: Columns) -> Columns:
    """A date that Moodle has given stays, where the rule still leaves it to Moodle and to the same calendar."""
    if not (_earns(row.outcome) and _earns(columns["outcome"])):
        return columns
    old, new = Completion.model_validate(row.completion), Completion.model_validate(columns["completion"])
    if new.completed_on is not None or not old.by_moodle or old.zone != new.zone:
        return columns
    return columns | {"completion": new.dated(old.day).model_dump(mode="json"), "next_at": None}


def _equal(row: EvidenceRow, columns: Columns) -> bool:
    if (row.outcome, row.rule_hash) != (columns["outcome"], columns["rule_hash"]):
        return False
    if row.outcome in ("completion", "evidence"):
        return bool(row.completion == columns["completion"])
    return bool(row.reason == columns["reason"])


def additions(differences: Sequence[Difference]) -> list[Difference]:
    """Those that touch nothing that a record rests on. What takes over from a completion that ends is none of them: the
    old record would stay beside the new one."""
    others = [one for one in differences if not _is_addition(one)]
    moved = {(one.statement.id, one.actor_key) for one in others}
    return [
        one
        for one in differences
        if one.is_same_thing or (_is_addition(one) and (one.statement.id, one.actor_key) not in moved)
    ]


def _is_addition(one: Difference) -> bool:
    return one.is_same_thing or one.row is None or (one.row.outcome in _NEVER_SEEN and one.row.left_award is None)


@dataclass
class Seen:
    """One chunk of statements: those that can be mapped anew, with their differences."""

    last: int
    looked: int = 0
    kept: int = 0  # their bytes are gone
    stumbled: int = 0
    done: list[int] = field(default_factory=list)  # statements that the rules can still judge, or that none cares about
    differences: list[Difference] = field(default_factory=list)


@dataclass
class Changed:
    """The rules that are new, changed or gone since each older version: only what they reach is looked at."""

    rules: Ruleset
    version_id: int | None
    _since: dict[int, Ruleset | None]

    @classmethod
    def to(cls, session: Session, rules: Ruleset, defaults: Defaults) -> Changed:
        """As against every version that statements were mapped with."""
        same = session.exec(select(MappingVersion.id).where(MappingVersion.hash == rules.hash)).first()
        named = select(StatementRow.id).where(StatementRow.mapped_with == MappingVersion.id).exists()
        versions = session.exec(select(MappingVersion).where(named)).all()
        since = {row.id: _between(row, rules, defaults) for row in versions if row.id != same}
        return cls(rules, same, since)

    def reaches(self, version: int, verb: str, object_id: str) -> bool:
        between = self._since.get(version)
        return between is None or bool(between.reached(verb, object_id))


def _between(row: MappingVersion, rules: Ruleset, defaults: Defaults) -> Ruleset | None:
    """The rules of either that the other has not; None where the configuration no longer fits the old ones."""
    try:
        old = rule_files.stored(row.hash, row.files, defaults).rules
    except MappingError:
        return None
    before, after = {one.hash for one in old}, {one.hash for one in rules.rules}
    gone, new = (one for one in old if one.hash not in after), (one for one in rules.rules if one.hash not in before)
    return Ruleset((*gone, *new), {})


def look(session: Session, changed: Changed, after: int, *, upto: int | None = None, lock: bool = False) -> Seen | None:
    """The next chunk of statements that an older version has mapped; None when there are none after this one.

    `lock` them where they are to be written; `upto` is the last of them.
    """
    ids = select(StatementRow.id, StatementRow.mapped_with, StatementRow.verb, StatementRow.object_id)
    ids = ids.where(col(StatementRow.mapped_with).is_not(None), StatementRow.id > after)
    if changed.version_id is not None:
        ids = ids.where(StatementRow.mapped_with != changed.version_id)
    if upto is not None:
        ids = ids.where(StatementRow.id <= upto)
    found = session.exec(ids.order_by(col(StatementRow.id)).limit(CHUNK)).all()
    if not found:
        return None
    seen = Seen(last=found[-1][0], looked=len(found))
    reached = [one for one, version, verb, object_id in found if changed.reaches(version or 0, verb, object_id)]
    seen.done = sorted({one for one, *_ in found} - set(reached))
    if reached:
        _judge(session, changed, reached, seen, lock=lock)
    return seen


def _judge(session: Session, changed: Changed, ids: Sequence[int], seen: Seen, *, lock: bool) -> None:
    statements = select(StatementRow).where(col(StatementRow.id).in_(ids)).order_by(col(StatementRow.id))
    outcomes = select(EvidenceRow).where(col(EvidenceRow.statement_pk).in_(ids)).order_by(col(EvidenceRow.id))
    if lock:
        statements, outcomes = statements.with_for_update(), outcomes.with_for_update()
    rows = session.exec(statements).all()
    fallen = voided_among(session, rows)
    of: dict[int, list[EvidenceRow]] = {row.id: [] for row in rows}
    for outcome in session.exec(outcomes):
        of[outcome.statement_pk].append(outcome)
    for row in rows:
        if row.raw is None and not row.voids and row.problem is None:
            seen.kept += 1
            continue
        try:
            fresh = outcomes_of(row, changed.rules, standing=row.id not in fallen, noting=lock)
        except Exception:  # it has its outcome, and keeps it
            seen.stumbled += 1
            continue
        seen.differences += compare(row, of[row.id], fresh)
        seen.done.append(row.id)
