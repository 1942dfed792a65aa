"""Repeated credit waits while one that is to leave PARS still takes its room: the activity's maximum holds at any hour.

Knows no shares: those are the learners room's, and reckon with what is to leave as if it were gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sqlmodel import Session, col, or_, select

from connector.records import Actor, Problem
from connector.store import elsewhere
from connector.store.reasons import ROOM_FIRST
from connector.store.states import LIVE, State
from connector.store.succession import waits_for
from connector.store.tables import ActivityRow, Award, Credit


def check(session: Session, credit: Credit, award: Award, activity: ActivityRow | None) -> list[Problem]:
    """A delete may be refused and a void taken back: whoever reported into its room would stand above the maximum.

    While PARS holds more than the maximum anyway, what replaces a credit of its own needs no room but that one's.
    """
    if not award.per or credit.kind == "rems" or activity is None or activity.credits is None:
        return []
    replaced, others = {old.id for old in waits_for(session, credit)}, _others(session, credit, award)
    if replaced and _total(others) > activity.credits:
        return []
    if _total([*(row for row in others if row.id not in replaced), credit]) <= activity.credits:
        return []
    message = "a credit that is to be withdrawn still takes its room within the activity's maximum"
    return [Problem(code=ROOM_FIRST, field="amount", message=message, who=Actor.NOBODY)]


def _others(session: Session, credit: Credit, award: Award) -> list[Credit]:
    """What PARS holds or may hold of this learner in this activity, or is about to hear, for the same board or CME."""
    rows = select(Credit).join(Award, col(Award.id) == col(Credit.award_id))
    rows = rows.where(Award.learner_id == award.learner_id, Award.provider_id == award.provider_id)
    rows = rows.where(Award.activity_id == award.activity_id, Credit.kind == credit.kind, Credit.board == credit.board)
    told = (col(Credit.state) == State.CLOSED) & (col(Credit.reason) == elsewhere.CODE)
    soon = or_(col(Credit.state) == State.READY, told) & (col(Credit.wanted) == "present")
    held = or_(col(Credit.state).in_(LIVE), col(Credit.at_pars) == "yes", soon)
    return list(session.exec(rows.where(held, Credit.id != credit.id)))


def _total(rows: Iterable[Credit]) -> Decimal:
    """The credit types of one award share its board's total."""
    of_award = defaultdict[int, Decimal](Decimal)
    for row in rows:
        of_award[row.award_id] = max(of_award[row.award_id], row.amount if row.board_total is None else row.board_total)
    return sum(of_award.values(), Decimal(0))
