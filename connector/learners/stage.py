"""Stage 3: completions and identities become awards with their credits, and the learners room's gates are judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlmodel import Session, col, or_, select

from connector.config import Config
from connector.learners import award as awards
from connector.learners import directory, people, rems
from connector.learners.eligibility import NOT_ELIGIBLE, gate
from connector.records import ActorKey, Completion, Counts, Found, Learner, Problem, RemsAnswers
from connector.store import poison
from connector.store.moves import move
from connector.store.people import as_learner
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow

BATCH = 200
_OPEN = (State.HELD, State.READY, State.REFUSED, State.UNMATCHED)


def run(store: Store, config: Config) -> Counts:
    """Refresh the learners whose credits wait, open awards for new completions, follow what was voided."""
    counts = Counts()
    asked = directory.sources(config, store)
    now = datetime.now(UTC)
    for learners in _batches(_stale(store, config, now)):
        _refresh(store, config, asked, learners, counts)
    while _join(store, config, asked, counts):
        pass
    _follow(store, config, counts)
    return counts


def _join(store: Store, config: Config, asked: list[directory.Source], counts: Counts) -> bool:
    """One batch of completions that have no award yet; False when there is none."""
    open_ones = select(EvidenceRow).where(EvidenceRow.outcome == "completion", col(EvidenceRow.award_id).is_(None))
    open_ones = open_ones.where(col(EvidenceRow.standing).is_(True)).order_by(col(EvidenceRow.id))
    with store.reading() as session:
        waiting = session.exec(open_ones.limit(BATCH)).all()
    if not waiting:
        return False
    keys = {ActorKey(row.actor_key) for row in waiting}
    found = directory.fetch(asked, keys)
    now = datetime.now(UTC)
    with store.writing() as session:
        for key in sorted(keys):
            _remember(session, config, key, found.get(key), now, counts)
        opening = awards.Opening(config, now)
        for row in waiting:
            _attach_safely(session, opening, session.get_one(EvidenceRow, row.id), counts)
    return True


def _attach_safely(session: Session, opening: awards.Opening, row: EvidenceRow, counts: Counts) -> None:
    """A completion that makes us stumble ends as a problem of its own; the others go on."""
    with poison.contained(session, "learners", None, now=opening.now):
        _attach(session, opening, row, counts)
        return
    session.refresh(row)
    row.outcome, row.reason = "problem", "connector.unexpected"
    session.add(row)
    counts["problem"] += 1


def _attach(session: Session, opening: awards.Opening, row: EvidenceRow, counts: Counts) -> None:
    learner = people.of_key(session, ActorKey(row.actor_key))
    if learner is None or row.award_id is not None:
        return
    award, is_new = awards.attach(session, opening, row, learner, Completion.model_validate(row.completion))
    awards.follow_evidence(session, opening, award)
    counts["opened" if is_new else "joined"] += 1
    _judge(session, opening.config, learner, opening.now, counts, changed=False)


def _remember(
    session: Session, config: Config, key: ActorKey, found: Found | None, now: datetime, counts: Counts
) -> LearnerRow:
    """Bring one learner up to date; when anything about him changed, every gate is judged again."""
    known = people.of_key(session, key)
    before = as_learner(session, known) if known else None
    row = people.remember(session, key, found, now)
    session.flush()
    awards.close_same(session, row.id, now)
    changed = before is not None and as_learner(session, row) != before
    _judge(session, config, row, now, counts, changed=changed)
    return row


def _judge(session: Session, config: Config, row: LearnerRow, now: datetime, counts: Counts, *, changed: bool) -> None:
    learner = as_learner(session, row)
    mine = select(Credit).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    for credit in session.exec(mine).all():
        if credit.kind == "rems":
            _complete_rems(session, session.get_one(Award, credit.award_id), learner)
        problems = gate(learner, credit.kind, config.learners, found=row.found)
        _apply(session, credit, problems, now, counts, changed=changed)


def _apply(
    session: Session, credit: Credit, problems: Sequence[Problem], now: datetime, counts: Counts, *, changed: bool
) -> None:
    """What the gate says moves a credit only while it is unsent, or after PARS's immediate no."""
    gate_rows = [problem.model_dump(mode="json") for problem in problems]
    barred = any(problem.code == NOT_ELIGIBLE for problem in problems)
    differs = gate_rows != credit.gate
    if credit.state == State.CLOSED and credit.reason == NOT_ELIGIBLE and not barred:
        move(session, credit, State.HELD, now=now, code="learner.changed", by="learners")
    elif credit.state in (State.HELD, State.READY) and barred:
        move(session, credit, State.CLOSED, now=now, code=NOT_ELIGIBLE, by="learners")
        credit.problems = gate_rows
        counts["not_eligible"] += 1
    elif (credit.state == State.READY and (problems or changed)) or (
        credit.state in (State.REFUSED, State.UNMATCHED) and changed and credit.at_pars == "no"
    ):
        move(session, credit, State.HELD, now=now, code="learner.changed", by="learners")
    elif credit.state == State.HELD and (differs or changed):
        credit.next_at = None
    credit.gate = gate_rows
    session.add(credit)


def _complete_rems(session: Session, award: Award, learner: Learner) -> None:
    if award.rems is not None:
        answers = rems.complete(RemsAnswers.model_validate(award.rems), learner).model_dump(mode="json")
        if answers != award.rems:
            award.rems = answers
            session.add(award)


def _stale(store: Store, config: Config, now: datetime) -> list[int]:
    """Learners with credits that wait for a change, not asked about for `learners.refresh`."""
    barred = (col(Credit.state) == State.CLOSED) & (col(Credit.reason) == NOT_ELIGIBLE)
    with store.reading() as session:
        due = select(LearnerRow.id).join(Award, col(Award.learner_id) == col(LearnerRow.id))
        due = due.join(Credit, col(Credit.award_id) == col(Award.id))
        due = due.where(or_(col(Credit.state).in_(_OPEN), barred))
        due = due.where(col(LearnerRow.fetched_at) <= now - config.learners.refresh).distinct()
        return list(session.exec(due).all())


def _refresh(
    store: Store, config: Config, asked: list[directory.Source], learners: Collection[int], counts: Counts
) -> None:
    with store.reading() as session:
        keys = people.keys_of(session, learners)
    found = directory.fetch(asked, {key for mine in keys.values() for key in mine})
    now = datetime.now(UTC)
    with store.writing() as session:
        for mine in keys.values():
            known = next((key for key in mine if key in found), mine[0])
            _remember(session, config, known, found.get(known), now, counts)
    counts["refreshed"] += len(keys)


def _follow(store: Store, config: Config, counts: Counts) -> None:
    """Awards that lost a statement to voiding, and withdrawn ones that were earned again."""
    voided = (col(EvidenceRow.standing).is_(False)) & (col(Credit.wanted) == "present")
    again = (
        (col(EvidenceRow.standing).is_(True))
        & (col(Credit.state) == State.WITHDRAWN)
        & (col(Credit.why_absent) == awards.VOIDED)
    )
    with store.reading() as session:
        touched = select(EvidenceRow.award_id).join(Credit, col(Credit.award_id) == col(EvidenceRow.award_id))
        ids = [one for one in session.exec(touched.where(or_(voided, again)).distinct()) if one is not None]
    for award_id in ids:
        with store.writing() as session:
            opening = awards.Opening(config, datetime.now(UTC))
            counts["voided"] += awards.follow_evidence(session, opening, session.get_one(Award, award_id))


def _batches(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
