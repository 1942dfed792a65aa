"""Promise P1 on a live database: what came in equals what came of it, and no credit is anywhere it may not be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Numeric, Select, String, cast, text
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select

from connector.records import Frozen
from connector.store import poison
from connector.store.reasons import MISSING
from connector.store.session import Store
from connector.store.states import LIVE, MOVES, State
from connector.store.tables import ActivityRow, Award, Credit, Event, EvidenceRow, LearnerKey, StatementRow, Voided
from connector.store.tables.collected import OPEN, WAITING


class Sum(Frozen):
    """One line of the proof: `wrong` counts the rows that break it."""

    what: str
    count: int
    wrong: int = 0


def prove(store: Store) -> list[Sum]:
    """Every sum; the ledger is whole when none is wrong."""
    unmapped = select(StatementRow.id).where(col(StatementRow.mapped_with).is_(None))
    with store.reading() as session:
        return [
            Sum(what="statements stored", count=_count(session, select(StatementRow.id))),
            Sum(what="statements not mapped yet", count=_count(session, unmapped)),
            *_outcomes(session),
            _silent(session),
            *_completions(session),
            *_voided(session),
            _left(session),
            _mixed(session),
            _awards(session),
            *_states(session),
            _doubled(session),
            _merged(session),
            _above(session),
            _sending(session),
            _moves(session),
            _unwritten(session),
        ]


def _count(session: Session, query: Select[*tuple[Any, ...]]) -> int:
    return session.exec(select(func.count()).select_from(query.subquery())).one()


def _outcomes(session: Session) -> list[Sum]:
    grouped = select(EvidenceRow.outcome, func.count()).group_by(EvidenceRow.outcome)
    return [Sum(what=f"outcomes: {outcome}", count=count) for outcome, count in session.exec(grouped)]


def _silent(session: Session) -> Sum:
    """A statement that could not be read and was mapped has its outcome: a problem."""
    unreadable = select(StatementRow.id).where(col(StatementRow.mapped_with).is_not(None), StatementRow.voids == "")
    unreadable = unreadable.where(cast(StatementRow.problem, String) != "null")
    silent = unreadable.where(col(StatementRow.id).not_in(select(EvidenceRow.statement_pk)))
    return Sum(what="statements nobody can read", count=_count(session, unreadable), wrong=_count(session, silent))


def _completions(session: Session) -> list[Sum]:
    """A standing completion has an award, waits for the learners room's next turn, or lacks what its rule also
    requires: then it is known when its time is over, or its time is over."""
    upright = col(EvidenceRow.standing).is_(True)
    waiting = select(EvidenceRow.id).where(text(OPEN), upright)
    nothing = func.coalesce(cast(EvidenceRow.completion, String), "null") == "null"
    empty = select(EvidenceRow.id).where(EvidenceRow.outcome == "completion", nothing)
    missing = select(EvidenceRow.id).where(text(WAITING), upright, EvidenceRow.reason == MISSING)
    expired = select(EvidenceRow.id).where(text(WAITING), upright, EvidenceRow.reason == "evidence.expired")
    endless = _count(session, missing.where(col(EvidenceRow.next_at).is_(None)))
    early = _count(session, expired.where(col(EvidenceRow.next_at).is_not(None)))
    return [
        Sum(what="completions waiting for an award", count=_count(session, waiting), wrong=_count(session, empty)),
        Sum(what="completions waiting for evidence", count=_count(session, missing), wrong=endless),
        Sum(what="completions whose evidence did not come in time", count=_count(session, expired), wrong=early),
    ]


def _voided(session: Session) -> list[Sum]:
    """What a mapped statement voids stands no more, and its award was told."""
    by = aliased(StatementRow)
    void = select(EvidenceRow.id).join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    void = void.join(Voided, col(Voided.statement_id) == col(StatementRow.statement_id))
    void = void.join(by, col(by.id) == col(Voided.by_statement)).distinct()  # two sources may tell of one void
    void = void.where(EvidenceRow.outcome != "problem", col(by.mapped_with).is_not(None))
    upright = void.where(col(EvidenceRow.standing).is_(True))
    fallen = select(EvidenceRow.id).where(col(EvidenceRow.standing).is_(False), col(EvidenceRow.award_id).is_not(None))
    untold = fallen.where(EvidenceRow.reason == poison.CODE)
    return [
        Sum(what="outcomes voided", count=_count(session, void), wrong=_count(session, upright)),
        Sum(what="voids followed by an award", count=_count(session, fallen), wrong=_count(session, untold)),
    ]


def _left(session: Session) -> Sum:
    """What left its award because a rule was corrected waits for the learners room's next turn, or for a date."""
    left = select(EvidenceRow.id).where(col(EvidenceRow.left_award).is_not(None))
    untold = left.where(EvidenceRow.reason == poison.CODE)
    return Sum(what="corrections to be followed", count=_count(session, left), wrong=_count(session, untold))


def _mixed(session: Session) -> Sum:
    """An award's evidence is its own learner's; what opened it may be told by a key that is somebody else's by now."""
    joined = select(EvidenceRow.id).join(Award, col(Award.id) == col(EvidenceRow.award_id))
    foreign = joined.join(LearnerKey, col(LearnerKey.actor_key) == col(EvidenceRow.actor_key))
    foreign = foreign.where(LearnerKey.learner_id != Award.learner_id, EvidenceRow.actor_key != Award.anchor)
    return Sum(what="completions in awards", count=_count(session, joined), wrong=_count(session, foreign))


def _awards(session: Session) -> Sum:
    empty = select(Award.id).where(col(Award.id).not_in(select(Credit.award_id)))
    return Sum(what="awards", count=_count(session, select(Award.id)), wrong=_count(session, empty))


def _states(session: Session) -> list[Sum]:
    grouped = select(Credit.state, func.count()).group_by(Credit.state)
    known = {state.value for state in State}
    return [
        Sum(what=f"credits: {state}", count=count, wrong=0 if state in known else count)
        for state, count in session.exec(grouped)
    ]


def _doubled(session: Session) -> Sum:
    """At most one live credit per award and certification (promise P2)."""
    live = select(Credit.award_id, Credit.certification).where(col(Credit.state).in_(LIVE))
    doubled = live.group_by(col(Credit.award_id), col(Credit.certification)).having(func.count() > 1)
    return Sum(what="live credits", count=_count(session, live), wrong=_count(session, doubled))


def _merged(session: Session) -> Sum:
    """Sent for two actors before they were known as one person: not wrong, but a person should look."""
    live = select(Award.learner_id).join(Credit, col(Credit.award_id) == col(Award.id))
    live = live.where(col(Credit.state).in_(LIVE))
    thing = (Award.learner_id, Award.provider_id, Award.activity_id, Award.per, Credit.certification)
    doubled = live.group_by(*map(col, thing)).having(func.count() > 1)
    return Sum(what="live credits that a merge has doubled", count=_count(session, doubled))


def _above(session: Session) -> Sum:
    """Not wrong in itself: the sheet may have had a larger maximum. After a merge a person should look."""
    total = func.max(cast(cast(func.coalesce(Credit.board_total, Credit.amount), String), Numeric(10, 2)))
    own, of = (Award.learner_id, Award.provider_id, Award.activity_id), (Credit.kind, Credit.board)
    whose = [col(one) for one in (*own, *of)]
    each = columns(*whose, total.label("total")).select_from(Award).join(Credit, col(Credit.award_id) == col(Award.id))
    each = each.where(col(Credit.state).in_(LIVE), col(Credit.kind) != "rems", col(Credit.wanted) == "present")
    used = each.group_by(*whose, col(Award.id)).subquery()
    thing = (used.c.learner_id, used.c.provider_id, used.c.activity_id, used.c.kind, used.c.board)
    mine = select(used.c.learner_id).join(
        ActivityRow,
        (col(ActivityRow.provider_id) == used.c.provider_id) & (col(ActivityRow.activity_id) == used.c.activity_id),
    )
    most = cast(cast(col(ActivityRow.credits), String), Numeric(10, 2))
    above = mine.group_by(*thing, col(ActivityRow.credits)).having(func.sum(used.c.total) > most)
    return Sum(what="learners above an activity's maximum", count=_count(session, above))


def _sending(session: Session) -> Sum:
    sending = select(Credit.id).where(Credit.state == State.SENDING)
    return Sum(
        what="credits being sent",
        count=_count(session, sending),
        wrong=_count(session, sending.where(Credit.lease_owner == "")),
    )


def _moves(session: Session) -> Sum:
    """No state moved illegally: every move in the events is one of the set."""
    moved = select(Event.from_state, Event.to_state, func.count()).where(
        Event.subject == "credit", Event.what == "moved"
    )
    legal = {(str(source), str(target)) for source, target in MOVES}
    rows = session.exec(moved.group_by(Event.from_state, Event.to_state)).all()
    wrong = sum(count for source, target, count in rows if (source, target) not in legal)
    return Sum(what="moves", count=sum(count for _, _, count in rows), wrong=wrong)


def _unwritten(session: Session) -> Sum:
    """A credit stands where its last event says: nothing moved it behind the store's back."""
    last = select(func.max(Event.id).label("id")).where(Event.subject == "credit")
    newest = last.group_by(Event.subject_id).subquery()
    known = select(Event.subject_id, Event.to_state).join(newest, col(Event.id) == newest.c.id).subquery()
    credits_ = select(Credit.id).outerjoin(known, known.c.subject_id == cast(Credit.id, String))
    astray = credits_.where(or_(known.c.to_state.is_(None), known.c.to_state != Credit.state))
    return Sum(what="credits with a history", count=_count(session, credits_), wrong=_count(session, astray))
