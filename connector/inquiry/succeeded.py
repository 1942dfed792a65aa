"""How one credit came into another's place, by which plan, and what a person decided about it. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from connector.inquiry.story import Line, because, moment
from connector.learners import decisions, mending
from connector.learners.corrections import LEFT
from connector.learners.standing import CORRECTED
from connector.mapping.versions import apply
from connector.store import wishes
from connector.store.succession import line_before
from connector.store.tables import Award, Credit, Event, EvidenceRow, StatementRow, Wish

_MOST = 10
_DECISIONS = {decisions.SUM: "the sum of the date is to be reported", decisions.CLOSE: "it is to be left as it is"}


def told(session: Session, credit: Credit, depth: int) -> Iterator[Line]:
    """What it replaces, and what replaces it."""
    old = next(line_before(session, credit), None)
    if old is not None:
        yield Line(depth=depth, text=f"replaces {_named(session, old)}")
    for new in session.exec(select(Credit).where(Credit.supersedes == credit.id).order_by(col(Credit.id))):
        yield Line(depth=depth, text=f"replaced by {_named(session, new)}")


def _named(session: Session, credit: Credit) -> str:
    activity = session.get_one(Award, credit.award_id).activity_id
    return f"credit {credit.id}: {credit.amount} x {credit.certification}, activity {activity}, {credit.state}"


def left(session: Session, award: Award, depth: int) -> Iterator[Line]:
    """The statements that earned this award before a plan was applied, and what each of them earns now."""
    gone = select(Event).where(Event.subject == "award", Event.subject_id == str(award.id), Event.what == LEFT)
    for event in session.exec(gone.order_by(col(Event.id)).limit(_MOST)).all():
        row = session.get(EvidenceRow, int(event.from_state))
        if row is None or row.award_id == award.id:  # a later plan has brought it back
            continue
        statement = session.get_one(StatementRow, row.statement_pk)
        text = f"earned once by statement {statement.statement_id} from {statement.source_id}, {_now(session, row)}"
        yield Line(depth=depth, at=moment(statement.timestamp), text=text)


def _now(session: Session, row: EvidenceRow) -> str:
    same = select(EvidenceRow.award_id).where(EvidenceRow.statement_pk == row.statement_pk)
    same = same.where(EvidenceRow.actor_key == row.actor_key, col(EvidenceRow.standing).is_(True))
    numbers = session.exec(select(Credit.id).where(col(Credit.award_id).in_(same)).order_by(col(Credit.id))).all()
    return f"which earns credit {', '.join(map(str, numbers))} now" if numbers else "which earns nothing now"


def earned_before(session: Session, row: EvidenceRow) -> Sequence[Credit]:
    """The credits of awards that this outcome was evidence of, before a plan was applied."""
    gone = select(Event.subject_id).where(Event.subject == "award", Event.what == LEFT)
    awards = {int(one) for one in session.exec(gone.where(Event.from_state == str(row.id)))} - {row.award_id}
    return session.exec(select(Credit).where(col(Credit.award_id).in_(awards)).order_by(col(Credit.id))).all()


def after_plan(session: Session, event: Event) -> str:
    """The last plan that was applied before this correction, and who had agreed to it."""
    if event.code != CORRECTED:
        return ""
    done = select(Wish).where(Wish.kind == apply.KIND, Wish.result == apply.APPLIED, col(Wish.done_at) <= event.at)
    plan = session.exec(done.order_by(col(Wish.id).desc()).limit(1)).first()
    return f", after plan {plan.args['id']}, to which {plan.by} agreed at {moment(plan.at)}" if plan else ""


def decided(session: Session, credit: Credit) -> Iterator[tuple[datetime, str]]:
    """What was asked for at the desk, in the words of whoever did."""
    asked = select(Wish).where(col(Wish.kind).in_(_DECISIONS), col(Wish.args)["credit"].as_integer() == credit.id)
    for wish in session.exec(asked.order_by(col(Wish.id))):
        why = f': "{wish.args["why"]}"' if wish.args.get("why") else ""
        if wish.at:
            yield wish.at, f"{_DECISIONS[wish.kind]}, says {wish.by}{why}{because(wish.result)}"


def corrected(session: Session, award: Award) -> Iterator[tuple[datetime, str]]:
    """Which of its learner's fields people have corrected since it was earned, and who did; never to what."""
    if award.opened_at is None:
        return
    told = select(Event).where(Event.subject == "learner", Event.subject_id == str(award.learner_id))
    told = told.where(col(Event.what).startswith(mending.CORRECTED), col(Event.at) >= award.opened_at)
    for event in session.exec(told.order_by(col(Event.id))):
        if event.at:
            yield event.at, f"{event.what} of learner {award.learner_id}, by {event.by}"
    yield from _reasons(session, award)


def _reasons(session: Session, award: Award) -> Iterator[tuple[datetime, str]]:
    """The column `why` of corrected sheets."""
    asked = select(Wish).where(Wish.kind == wishes.FIX, col(Wish.args)["learner"].as_integer() == award.learner_id)
    for wish in session.exec(asked.where(col(Wish.at) >= award.opened_at).order_by(col(Wish.id))):
        if wish.at and wish.args.get("why"):
            yield wish.at, f'a sheet asks to correct learner {award.learner_id}, says {wish.by}: "{wish.args["why"]}"'
