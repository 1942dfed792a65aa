"""What a person decides on the desk about one credit; the learners stage carries it out, so that all gates follow.

Asks nobody: what cannot be done any more when its turn comes is answered so, and changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners import mending, replacing, series, withdrawing
from connector.learners.award import Opening
from connector.records import Counts
from connector.store import poison, wishes
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Wish

SUM, CLOSE = "desk.sum", "desk.close"
DONE, GONE = "desk.done", "desk.gone"
SUMMED = "credit.summed"
KINDS = (SUM, CLOSE, wishes.FIX, wishes.RETRY, wishes.WITHDRAW)


def may_sum(session: Session, credit: Credit) -> Credit | None:
    """The credit in whose place the sum would be reported; None where there is nothing to sum."""
    return series.earlier(session, credit) if _waits(credit) else None


def carry_out(store: Store, config: Config, room: str, counts: Counts) -> None:
    """Each wish in a transaction of its own; one that makes us stumble is answered, not tried for ever."""
    with store.reading() as session:
        open_ = select(Wish.id).where(col(Wish.kind).in_(KINDS), col(Wish.done_at).is_(None))
        numbers = session.exec(open_.order_by(col(Wish.id))).all()
    for number in numbers:
        with store.writing() as session:
            alone(session, room)
            wish = session.get_one(Wish, number, with_for_update=True)
            if wish.done_at is None:
                _answer(session, Opening(config, datetime.now(UTC)), wish, counts)
                counts["decided"] += 1


def _answer(session: Session, opening: Opening, wish: Wish, counts: Counts) -> None:
    result = poison.CODE
    with poison.contained(session, "learners", None, now=opening.now):
        result = DONE if _act(session, opening, wish, counts) else GONE
    wishes.answer(session, wish, result, now=opening.now)


def _act(session: Session, opening: Opening, wish: Wish, counts: Counts) -> bool:
    if wish.kind == wishes.FIX:
        return mending.fix(session, opening, wish.args["learner"], wish.args["fields"], wish.by, counts)
    if wish.kind == wishes.WITHDRAW:
        return withdrawing.withdraw(session, opening, wish.args["credits"], wish.by)
    credit = session.get(Credit, wish.args["credit"], with_for_update=True)
    if credit is None:
        return False
    if wish.kind == SUM:
        return _sum(session, opening, credit)
    if wish.kind == wishes.RETRY:
        return mending.retry(session, opening, credit, counts, wish.by)
    return mending.close(session, opening, credit, wish.by)


def _sum(session: Session, opening: Opening, credit: Credit) -> bool:
    """The first is replaced by one that carries this date's sum; that one waits until the first is withdrawn."""
    first = may_sum(session, credit)
    if first is None:
        return False
    award = session.get_one(Award, first.award_id)
    if replacing.replace(session, opening, first, award, series.own_offer(first), SUMMED) is None:
        return False
    session.flush()
    series.settle(session, opening, [award.learner_id])
    return credit.summed_into is not None


def _waits(credit: Credit) -> bool:
    """Held because the board takes one credit a date, and one was sent."""
    return (credit.state, credit.wanted, credit.reason) == (State.HELD, "present", series.ONE_PER_DATE)
