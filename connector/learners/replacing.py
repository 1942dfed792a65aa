"""One credit in another's place: the old is no longer wanted, the new one waits until PARS holds the old no more.

Decides nothing about when: the gates (validation) and the withdrawals (submission) read the link.
"""

from __future__ import annotations

from sqlmodel import Session

from connector.learners.award import Opening, add_credit
from connector.learners.standing import is_free
from connector.records import CreditOffer
from connector.store.moves import move, note, unwant
from connector.store.states import State
from connector.store.succession import follow_up
from connector.store.tables import Award, Credit


def replace(
    session: Session, opening: Opening, old: Credit, award: Award, offer: CreditOffer, code: str
) -> Credit | None:
    """A new credit of this offer in `award`, which may be another than the old one's; `code` says why.

    None where nothing of `old` is or can be at PARS: the caller changes its terms in place.
    """
    if is_free(old):
        return None
    unwant(session, old, code, now=opening.now, by="learners")
    new = add_credit(session, opening, award, offer, code=code)
    follow_up(session, new, old, now=opening.now, by="learners")
    return new


def want(session: Session, opening: Opening, credit: Credit, code: str) -> None:
    """What was not wanted is, again; closed only because it was not wanted, it opens."""
    closed_for = credit.why_absent
    credit.wanted, credit.why_absent, credit.next_at = "present", "", None
    if credit.state == State.CLOSED and credit.reason == closed_for:
        move(session, credit, State.HELD, now=opening.now, code=code, by="learners")
    else:
        note(session, credit, "wanted again", now=opening.now, code=code, by="learners")
    session.add(credit)
