"""Statements that belong together by their learner: what a completion also requires, and what undoes it.

Knows no credit and changes no row: whoever follows an award asks here whether its completions stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from connector.learners import people
from connector.records import Completion, Evidence, Need
from connector.store.reasons import MISSING, UNDONE, VOIDED
from connector.store.tables import EvidenceRow, StatementRow

EXPIRED = "evidence.expired"
GRACE = timedelta(days=1)
"""How long after a window's end, or after the completion came if that was later, a slow source may still tell."""
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime(9999, 12, 1, tzinfo=UTC)
"""Statements may bear any date; later than this nothing can be added to it."""


@dataclass(frozen=True)
class Telling:
    """A completion as its statement told it; `learner` is who has it, whatever became of the actor key."""

    completion: Completion
    actor_key: str
    learner: int
    object_id: str
    at: datetime
    stored: datetime
    received: datetime

    @property
    def stands_alone(self) -> bool:
        return not (self.completion.needs or self.completion.undone_by)


@dataclass(frozen=True)
class Said:
    """A statement that is evidence. One that was voided is remembered: what it met fell with it."""

    evidence: Evidence
    object_id: str
    at: datetime
    stored: datetime
    standing: bool


@dataclass(frozen=True)
class Heard:
    """The evidence of some learners, by the actor keys that they have now."""

    by_key: Mapping[str, Sequence[Said]]
    keys: Mapping[int, Collection[str]]

    def about(self, telling: Telling) -> Iterable[Said]:
        """Under any key of its learner, and under its own: that one may be somebody else's by now."""
        for key in {telling.actor_key, *self.keys.get(telling.learner, ())}:
            yield from self.by_key.get(key, ())


def told(row: EvidenceRow, statement: StatementRow, learner: int) -> Telling:
    """A completion's row with its statement. The time is the statement's own, else the LRS's, else ours."""
    at, stored = _times(statement)
    return Telling(
        completion=Completion.model_validate(row.completion),
        actor_key=row.actor_key,
        learner=learner,
        object_id=statement.object_id,
        at=at,
        stored=stored,
        received=statement.received_at or at,
    )


def hear(session: Session, tellings: Iterable[Telling]) -> Heard:
    """All that could matter to these completions; nothing is read where none of them needs anything."""
    asking = [telling for telling in tellings if not telling.stands_alone]
    keys = people.keys_of(session, {telling.learner for telling in asking}) if asking else {}
    wanted = {key for mine in keys.values() for key in mine} | {telling.actor_key for telling in asking}
    by_key = defaultdict[str, list[Said]](list)
    for row, statement in _evidence(session, wanted):
        at, stored = _times(statement)
        evidence = Evidence.model_validate(row.completion)
        by_key[row.actor_key].append(Said(evidence, statement.object_id, at, stored, row.standing))
    return Heard(by_key, keys)


def _evidence(session: Session, keys: Collection[str]) -> Sequence[tuple[EvidenceRow, StatementRow]]:
    if not keys:
        return []
    rows = select(EvidenceRow, StatementRow).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(EvidenceRow.outcome == "evidence", col(EvidenceRow.actor_key).in_(sorted(keys)))
    return session.exec(rows.options(defer(StatementRow.raw))).all()  # type: ignore[arg-type]


def _times(statement: StatementRow) -> tuple[datetime, datetime]:
    stored = statement.stored or statement.received_at or _NO_TIME
    return statement.timestamp or stored, stored


def missing(telling: Telling, heard: Heard) -> tuple[Need, ...]:
    """What no standing evidence meets, within its window on either side of the completion."""
    said = [one for one in heard.about(telling) if one.standing]
    return tuple(need for need in telling.completion.needs if not _is_met(need, telling, said))


def why_not(telling: Telling, heard: Heard) -> str:
    """Why a completion whose own statement stands does not count; empty when it does.

    `statement.voided` where only voided statements met what it needs. `evidence.missing` where that evidence is now
    another person's, or the rules no longer take it for evidence: nobody took anything back.
    """
    if _is_undone(telling, heard):
        return UNDONE
    lacking = missing(telling, heard)
    if not lacking:
        return ""
    said = list(heard.about(telling))
    return VOIDED if all(_is_met(need, telling, said) for need in lacking) else MISSING


def _is_met(need: Need, telling: Telling, said: Iterable[Said]) -> bool:
    return any(need.key in one.evidence.meets and abs(one.at - telling.at) <= need.within for one in said)


def _is_undone(telling: Telling, heard: Heard) -> bool:
    """Did the same learner undo it later? Of two that were told and stored in one instant nobody knows the order: a
    credit too few can be added."""
    key = telling.completion.undone_by
    return bool(key) and any(
        one.standing
        and one.evidence.undoes == key
        and one.object_id == telling.object_id
        and (one.at, one.stored) >= (telling.at, telling.stored)
        for one in heard.about(telling)
    )


def waits_until(telling: Telling, lacking: Iterable[Need]) -> datetime:
    """When it is no longer waited for: after the longest window of what is missing, with our grace."""
    ends = telling.at + min(max(need.within for need in lacking), _NEVER - telling.at)
    return max(ends, telling.received) + GRACE
