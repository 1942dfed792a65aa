"""Several people at one mailbox or account: whose an award is when a name is learned, corrected, or said to be his too.

Decides nothing by itself about credits: awards that come together or part are followed as after a merge.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, col, select

from connector.learners import naming, standing
from connector.learners.award import Opening, family
from connector.records import Learner
from connector.store import fixes
from connector.store.tables import Award, EvidenceRow, LearnerRow, StatementRow


def sort_out(session: Session, opening: Opening, row: LearnerRow, learner: Learner, *, changed: bool) -> None:
    """Bring every award of this learner in line with what is known of his name now."""
    named = select(Award).where(Award.learner_id == row.id, Award.actor_name != "").order_by(col(Award.id))
    awards = session.exec(named).all()
    if not awards:
        return
    names = fixes.actor_names(session, row.id)
    touched: dict[int, Award] = {}
    for award in awards:
        guest = of(award, row, learner, names)
        if guest != award.guest:
            touched |= {one.id: one for one in family(session, award)}
            award.guest = guest
            session.add(award)
            session.flush()
            touched |= {one.id: one for one in family(session, award)}
    if changed:
        touched |= _part(session, row, learner, awards, names)
    for award in touched.values():
        standing.follow(session, opening, award)


def of(award: Award, row: LearnerRow, learner: Learner, names: Collection[str]) -> str:
    """Whose this award is by the name that opened it; empty: the learner's own."""
    return naming.guest(award.actor_name, learner, names, found=row.found)


def _part(
    session: Session, row: LearnerRow, learner: Learner, awards: Collection[Award], names: Collection[str]
) -> dict[int, Award]:
    """Completions that joined under a name which is another's now: they are joined anew. A statement that was sent
    again stays with its original, whatever name it bears."""
    by_id = {award.id: award for award in awards}
    rows = select(EvidenceRow, StatementRow.raw).join(StatementRow, col(StatementRow.id) == EvidenceRow.statement_pk)
    rows = rows.where(col(EvidenceRow.award_id).in_(by_id), col(StatementRow.duplicate_of).is_(None))
    touched = {}
    for evidence, raw in session.exec(rows):
        award = by_id[evidence.award_id or 0]
        name = naming.spoken(raw, evidence.actor_key)
        if name and naming.guest(name, learner, names, found=row.found) != award.guest:
            evidence.award_id = None
            session.add(evidence)
            touched[award.id] = award
    session.flush()
    return touched
