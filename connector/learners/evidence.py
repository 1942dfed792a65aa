"""New, voided and late evidence finds the completions that it meets or undoes; those that wait, and for how long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

import orjson
from sqlalchemy import String, cast, or_, text, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners import gathering, people, series, standing
from connector.learners.award import Opening
from connector.learners.directory import Answers
from connector.learners.gathering import EXPIRED, Heard, Telling
from connector.records import ActorKey, Counts, Evidence, Need
from connector.store import poison
from connector.store.leases import alone
from connector.store.reasons import MISSING
from connector.store.session import Store
from connector.store.tables import Award, EvidenceRow, LearnerKey, LearnerRow, StatementRow
from connector.store.tables.collected import WAITING

BATCH = 200
_SPOKEN = ("evidence", "ignored", "problem")
"""What may have been evidence when it was last looked at: a changed rule makes it something else in its place."""
_WAITING = text(WAITING)


def listen(store: Store, config: Config, room: str, counts: Counts) -> None:
    """New and voided evidence, as far as its actors are known; and what was waited for in vain."""
    after = 0
    while not store.stopping.is_set():
        with store.reading() as session:
            found = [row.id for row in due(session, after)]
            ended = overdue(session, datetime.now(UTC))
        if not (found or ended):
            return
        with store.writing() as session:
            alone(session, room)
            opening = Opening(config, datetime.now(UTC))
            tell(session, opening, found, counts)
            expire(session, opening, ended, counts)
        after = max([after, *found])


def due(session: Session, after: int) -> Sequence[EvidenceRow]:
    """Evidence that nobody has looked at since it came, was voided or changed; what would wait longer than a pause too:
    our own clock was ahead when it was written."""
    now = datetime.now(UTC)
    rows = select(EvidenceRow).where(col(EvidenceRow.outcome).in_(_SPOKEN), col(EvidenceRow.next_at).is_not(None))
    rows = rows.where(or_(col(EvidenceRow.next_at) <= now, col(EvidenceRow.next_at) > now + poison.PAUSE))
    rows = rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_due", "sqlite")
    return session.exec(rows.where(col(EvidenceRow.id) > after).order_by(col(EvidenceRow.id)).limit(BATCH)).all()


def tell(session: Session, opening: Opening, ids: Sequence[int], counts: Counts) -> None:
    """What these rows mean to the learners who are known by their keys. Those rows stay due whose actor the directory
    may know by another key: somebody needs what they say."""
    rows = session.exec(select(EvidenceRow).where(col(EvidenceRow.id).in_(ids)).with_for_update()).all()
    links = select(LearnerKey).where(col(LearnerKey.actor_key).in_({row.actor_key for row in rows}))
    learner_of = {link.actor_key: link.learner_id for link in session.exec(links)}
    needed = _needed(session)
    _, stumbled = look(session, opening, set(learner_of.values()), counts)
    for row in rows:
        if learner_of.get(row.actor_key) in stumbled:
            row.next_at = opening.now + poison.PAUSE
        elif not (row.actor_key and row.standing and _may_matter(row, needed)):
            row.next_at = None
        session.add(row)
    counts["shared"] += series.settle(session, opening, set(learner_of.values()))


def _may_matter(row: EvidenceRow, needed: set[str]) -> bool:
    """Somebody waits for it, or it undoes: whoever it is, something of his may be undone."""
    evidence = Evidence.model_validate(row.completion) if row.outcome == "evidence" else None
    return evidence is not None and (bool(evidence.undoes) or not needed.isdisjoint(evidence.meets))


def _needed(session: Session) -> set[str]:
    """The keys of all that anybody waits for, or has waited for in vain."""
    needs = cast(col(EvidenceRow.completion)["needs"], String)
    rows = select(needs).where(_WAITING).distinct()
    rows = rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_waiting", "sqlite")
    return {str(need["key"]) for found in session.exec(rows) for need in orjson.loads(found or "[]")}


def of_learners(session: Session, keys: Iterable[ActorKey], answers: Answers) -> list[ActorKey]:
    """Those of these keys whose person, as the directory knows him, is a learner already: the others stay strangers
    until they complete something themselves."""
    found = []
    for key in sorted(keys):
        said = answers.about([key])
        linked = select(LearnerKey.actor_key).where(col(LearnerKey.actor_key).in_([key, *(said.keys if said else ())]))
        if session.exec(linked.limit(1)).first():
            found.append(key)
    return found


def done(session: Session, rows: Iterable[EvidenceRow]) -> None:
    """They were looked at; what was voided meanwhile is looked at again."""
    seen = update(EvidenceRow).where(col(EvidenceRow.id).in_([row.id for row in rows]), col(EvidenceRow.standing))
    session.execute(seen.values(next_at=None), execution_options={"synchronize_session": False})


def look(
    session: Session, opening: Opening, learners: Collection[int], counts: Counts
) -> tuple[list[EvidenceRow], set[int]]:
    """Judge again what these learners completed, as far as it needs or is undone by other statements.

    Awards are followed. Completions that have all they waited for are returned, open again: they have no award yet;
    and the learners with whom we stumbled.
    """
    complete: list[EvidenceRow] = []
    stumbled = set(learners)
    for learner in sorted(learners):
        with poison.contained(session, "learners", None, now=opening.now):
            complete += _look(session, opening, learner, counts)
            stumbled.remove(learner)
    return complete, stumbled


def _look(session: Session, opening: Opening, learner: int, counts: Counts) -> list[EvidenceRow]:
    for award_id in _awards(session, learner):
        counts["followed"] += standing.follow(session, opening, session.get_one(Award, award_id))
    waiting = _waiting(session, learner)
    heard = gathering.hear(session, [telling for _, telling in waiting])
    return [row for row, telling in waiting if not wait(session, opening, row, telling, heard, counts)]


def _awards(session: Session, learner: int) -> list[int]:
    rows = select(EvidenceRow.award_id, EvidenceRow.completion).join(Award, col(Award.id) == col(EvidenceRow.award_id))
    rows = rows.where(Award.learner_id == learner, EvidenceRow.outcome == "completion")
    found = session.exec(rows)
    return sorted({award or 0 for award, said in found if said and (said.get("needs") or said.get("undone_by"))})


def _waiting(session: Session, learner: int) -> list[tuple[EvidenceRow, Telling]]:
    """His completions that wait, or have waited in vain."""
    rows = select(EvidenceRow, StatementRow)
    rows = rows.join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.join(LearnerKey, col(LearnerKey.actor_key) == col(EvidenceRow.actor_key))
    rows = rows.where(_WAITING, col(EvidenceRow.standing).is_(True), LearnerKey.learner_id == learner)
    rows = rows.order_by(col(EvidenceRow.id)).with_for_update(of=EvidenceRow)
    found = session.exec(rows.options(defer(StatementRow.raw))).all()  # type: ignore[arg-type]
    return [(row, gathering.told(row, statement, learner)) for row, statement in found]


def waits(session: Session, opening: Opening, row: EvidenceRow, learner: LearnerRow, counts: Counts) -> bool:
    """Does this completion, not yet of any award, lack what its rule also requires? Then its row says so."""
    if not (row.completion or {}).get("needs"):
        return False
    telling = gathering.told(row, session.get_one(StatementRow, row.statement_pk), learner.id)
    return wait(session, opening, row, telling, gathering.hear(session, [telling]), counts)


def wait(session: Session, opening: Opening, row: EvidenceRow, telling: Telling, heard: Heard, counts: Counts) -> bool:
    """Does this completion, not yet of any award, lack anything? Its row says so, and until when it is waited for."""
    lacking = gathering.missing(telling, heard)
    before = row.reason
    row.reason, row.next_at = _standing_of(telling, lacking, opening.now)
    session.add(row)
    if row.reason != before:
        counts[{MISSING: "waiting", EXPIRED: "expired"}.get(row.reason, "complete")] += 1
    return bool(lacking)


def _standing_of(telling: Telling, lacking: Sequence[Need], now: datetime) -> tuple[str, datetime | None]:
    if not lacking:
        return "", None
    ends = gathering.waits_until(telling, lacking)
    return (MISSING, ends) if ends > now else (EXPIRED, None)


def overdue(session: Session, now: datetime) -> list[int]:
    """Completions whose time to wait is over."""
    rows = select(EvidenceRow.id).where(_WAITING, EvidenceRow.reason == MISSING, col(EvidenceRow.next_at) <= now)
    rows = rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_due", "sqlite")
    return list(session.exec(rows.order_by(col(EvidenceRow.id)).limit(BATCH)))


def expire(session: Session, opening: Opening, ids: Sequence[int], counts: Counts) -> None:
    """Nothing met them in time; they open again when something does after all. A voided one waits for nothing."""
    rows = select(EvidenceRow).where(col(EvidenceRow.id).in_(ids), _WAITING, EvidenceRow.reason == MISSING)
    for row in session.exec(rows.with_for_update()).all():
        learner = people.of_key(session, ActorKey(row.actor_key))
        row.reason, row.next_at = EXPIRED, None
        session.add(row)
        if row.standing and learner is not None:
            row.reason = ""
            waits(session, opening, row, learner, counts)


def who_wait(session: Session, asked_before: datetime | None) -> set[int]:
    """Learners with a completion that waits for evidence and who were asked about long ago (None: all of them, and
    those who waited in vain): another key of theirs may bring it."""
    rows = select(LearnerKey.learner_id).join(EvidenceRow, col(EvidenceRow.actor_key) == col(LearnerKey.actor_key))
    rows = rows.where(_WAITING)  # voided ones too, so that the index alone answers
    if asked_before is not None:
        rows = rows.join(LearnerRow, col(LearnerRow.id) == col(LearnerKey.learner_id))
        rows = rows.where(EvidenceRow.reason == MISSING, col(LearnerRow.fetched_at) <= asked_before)
    return set(session.exec(rows.with_hint(EvidenceRow, "INDEXED BY ix_evidence_waiting", "sqlite").distinct()))
