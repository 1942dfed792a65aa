"""Statements that belong together by their learner: what a completion also requires, and what undoes it.

Knows no credit and changes no row: whoever follows an award asks here whether its completions stand. Where several
people use one mailbox, what one of them said counts for none of the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from connector.learners import naming, people
from connector.records import Completion, Evidence, Need
from connector.store import fixes
from connector.store.people import as_learner
from connector.store.reasons import MISSING, UNDONE, VOIDED
from connector.store.tables import EvidenceRow, LearnerRow, StatementRow

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
    statement: int
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
    statement: int
    actor_key: str
    object_id: str
    at: datetime
    stored: datetime
    standing: bool

    def may_matter(self, completion: Completion) -> bool:
        meets = any(need.key in self.evidence.meets for need in completion.needs)
        return meets or (bool(completion.undone_by) and self.evidence.undoes == completion.undone_by)


Pair = tuple[int, int, str]
"""A completion's learner, a statement, and the actor key under which it names somebody."""


@dataclass(frozen=True)
class Heard:
    """The evidence of some learners, by the actor keys that they have now; and who the names in statements are to a
    learner (`naming.guest`), where that makes a difference."""

    by_key: Mapping[str, Sequence[Said]]
    keys: Mapping[int, Collection[str]]
    guests: Mapping[Pair, str]

    def about(self, telling: Telling) -> Iterable[Said]:
        """What the same person said under any key of its learner, and under its own: that one may be somebody else's
        by now."""
        who = self.guests.get(_own(telling))
        for said in _spoken(telling, self.by_key, self.keys):
            if who is None or self.guests.get(_his(telling, said), who) == who:
                yield said


def _spoken(telling: Telling, by_key: Mapping[str, Sequence[Said]], keys: Mapping[int, Collection[str]]) -> list[Said]:
    mine = {telling.actor_key, *keys.get(telling.learner, ())}
    return [said for key in sorted(mine) for said in by_key.get(key, ())]


def _own(telling: Telling) -> Pair:
    return telling.learner, telling.statement, telling.actor_key


def _his(telling: Telling, said: Said) -> Pair:
    return telling.learner, said.statement, said.actor_key


def told(row: EvidenceRow, statement: StatementRow, learner: int) -> Telling:
    """A completion's row with its statement. The time is the statement's own, else the LRS's, else ours."""
    at, stored = _times(statement)
    return Telling(
        completion=Completion.model_validate(row.completion),
        statement=statement.id,
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
        said = Said(evidence, statement.id, row.actor_key, statement.object_id, at, stored, row.standing)
        by_key[row.actor_key].append(said)
    return Heard(by_key, keys, _guests(session, asking, by_key, keys))


def _guests(
    session: Session,
    asking: Iterable[Telling],
    by_key: Mapping[str, Sequence[Said]],
    keys: Mapping[int, Collection[str]],
) -> dict[Pair, str]:
    """Who is named, to each learner to whom statements that belong together give different names."""
    pairs: dict[int, set[Pair]] = defaultdict(set)
    for telling in asking:
        said = [one for one in _spoken(telling, by_key, keys) if one.may_matter(telling.completion)]
        if said:
            pairs[telling.learner] |= {_own(telling), *(_his(telling, one) for one in said)}
    names = _names(session, {pair[1:] for mine in pairs.values() for pair in mine})
    guests: dict[Pair, str] = {}
    for learner, mine in pairs.items():
        named = {pair: name for pair in mine if (name := names[pair[1:]])}
        if len(set(named.values())) > 1:
            guests |= _guests_of(session, learner, named)
    return guests


def _guests_of(session: Session, learner: int, named: Mapping[Pair, str]) -> dict[Pair, str]:
    row = session.get_one(LearnerRow, learner)
    known, his = as_learner(session, row), fixes.actor_names(session, learner)
    return {pair: naming.guest(name, known, his, found=row.found) for pair, name in named.items()}


def _names(session: Session, told: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """The names that these statements give to these actors; empty where none is given, or the text is kept no more."""
    if not told:
        return {}
    rows = select(StatementRow.id, StatementRow.raw).where(col(StatementRow.id).in_({number for number, _ in told}))
    raws = dict(session.exec(rows).all())
    return {(number, key): naming.spoken(raws.get(number), key) for number, key in told}


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
