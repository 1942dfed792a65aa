"""What PARS holds of people who turn out to be two: a credit that left under the other one's identity.

Withdraws nothing: a person looks at it first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlmodel import Session, col, select

from connector.learners.award import Opening
from connector.learners.judging import is_another
from connector.store import attention
from connector.store.people import as_learner
from connector.store.states import LIVE
from connector.store.tables import Award, Credit, LearnerRow

FORMER: Final = "credit.former_learner"
_HINT = "PARS holds it of somebody from whom this learner was parted: withdraw it there, then `unmatched close`"


def look(session: Session, opening: Opening, row: LearnerRow, awards: Collection[int] | None = None) -> None:
    """Tell a person of each credit of this learner (of these awards only, if they are named) that PARS holds, or may
    hold, under another identity than his."""
    learner = as_learner(session, row)
    mine = select(Credit).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    mine = mine.where(col(Credit.state).in_(LIVE), Credit.wanted == "present")
    if awards is not None:
        mine = mine.where(col(Award.id).in_(sorted(awards)))
    for credit in session.exec(mine.order_by(col(Credit.id)).with_for_update(of=Credit)).all():
        if is_another(opening.config, credit, learner):
            attention.call(session, credit, FORMER, now=opening.now, hint=_HINT, by="learners")


def reunited(session: Session, opening: Opening, row: LearnerRow) -> None:
    """Linked again with whom they left as: those credits need nobody any more."""
    told = select(Credit).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    for credit in session.exec(told.where(Credit.attention == FORMER).with_for_update(of=Credit)).all():
        if not is_another(opening.config, credit, as_learner(session, row)):
            attention.clear(session, credit, FORMER, now=opening.now, by="learners")
