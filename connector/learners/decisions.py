"""What a person decides on the desk about one credit; the learners stage carries it out, so that all gates follow.

Asks nobody: what cannot be done any more when its turn comes is answered so, and changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session, col, select

from connector.config import Config
from connector.learners import replacing, series
from connector.learners.award import Opening
from connector.records import Counts
from connector.store import attention, poison, wishes
from connector.store.leases import alone
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Wish

SUM, CLOSE = "desk.sum", "desk.close"
DONE, GONE = "desk.done", "desk.gone"
BY_PERSON, SUMMED = "closed.by_person", "credit.summed"


def may_sum(session: Session, credit: Credit) -> Credit | None:
    """The credit in whose place the sum would be reported; None where there is nothing to sum."""
    return series.earlier(session, credit) if _waits(credit) else None


def may_close(credit: Credit) -> bool:
    return bool(credit.attention) or _waits(credit)


def carry_out(store: Store, config: Config, room: str, counts: Counts) -> None:
    """Each wish in a transaction of its own; one that makes us stumble is answered, not tried for ever."""
    with store.reading() as session:
        open_ = select(Wish.id).where(col(Wish.kind).in_((SUM, CLOSE)), col(Wish.done_at).is_(None))
        numbers = session.exec(open_.order_by(col(Wish.id))).all()
    for number in numbers:
        with store.writing() as session:
            alone(session, room)
            wish = session.get_one(Wish, number, with_for_update=True)
            if wish.done_at is None:
                _answer(session, Opening(config, datetime.now(UTC)), wish)
                counts["decided"] += 1


def _answer(session: Session, opening: Opening, wish: Wish) -> None:
    result = poison.CODE
    with poison.contained(session, "learners", None, now=opening.now):
        credit = session.get(Credit, wish.args["credit"], with_for_update=True)
        act = _sum if wish.kind == SUM else _close
        result = DONE if credit is not None and act(session, opening, credit, wish.by) else GONE
    wishes.answer(session, wish, result, now=opening.now)


def _sum(session: Session, opening: Opening, credit: Credit, _by: str) -> bool:
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


def _close(session: Session, opening: Opening, credit: Credit, by: str) -> bool:
    """Leave it: what waits is never sent, what only called for a person is left as it is."""
    if not may_close(credit):
        return False
    if credit.attention:
        attention.leave(session, credit, now=opening.now, by=by)
    if _waits(credit):
        move(session, credit, State.CLOSED, now=opening.now, code=BY_PERSON, by=by)
        series.settle(session, opening, [session.get_one(Award, credit.award_id).learner_id])
    return True


def _waits(credit: Credit) -> bool:
    """Held because the board takes one credit a date, and one was sent."""
    return (credit.state, credit.wanted, credit.reason) == (State.HELD, "present", series.ONE_PER_DATE)
