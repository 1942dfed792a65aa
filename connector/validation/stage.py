"""Stage 4: held credits become ready when every gate passes; all problems of a credit are kept together."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, or_, select

from connector.config import Config, ValidationConfig
from connector.pars.sent_under import choose_identifier
from connector.pars.vocabulary import CME_CERTIFICATION, JOURNAL_FORMAT
from connector.records import Counts, Identifier, Learner, Problem, RemsAnswers
from connector.store import matches, poison, releases
from connector.store.moves import move
from connector.store.people import as_learner
from connector.store.session import Store
from connector.store.states import LIVE, State
from connector.store.succession import PREDECESSOR
from connector.store.tables import ActivityRow, Award, Credit, LearnerRow
from connector.store.views import as_record_credit
from connector.validation import activity_checks, baseline, checks, matched, people, predecessor, room

BATCH = 200
NOT_FOUND = matched.NOT_FOUND


def run(store: Store, config: Config) -> Counts:
    """Judge every held credit that is due, each once."""
    counts = Counts()
    now = datetime.now(UTC)
    predecessor.call_up(store)
    matched.call_up(store)
    after = 0
    while not store.stopping.is_set() and (last := _batch(store, config, after, now, counts)):
        after = last
    return counts


def _batch(store: Store, config: Config, after: int, now: datetime, counts: Counts) -> int:
    """The number of the last credit judged; 0 when none is left."""
    due = select(Credit).where(Credit.state == State.HELD, Credit.wanted == "present", col(Credit.id) > after)
    due = due.where(col(Credit.provider_id).in_(config.provider_ids))
    due = due.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    with store.writing() as session:
        credits_ = session.exec(due.order_by(col(Credit.id)).limit(BATCH).with_for_update(skip_locked=True)).all()
        reported = people.reported(session, credits_)
        for credit in credits_:
            _judge_safely(session, config, credit, reported, now, counts)
        return credits_[-1].id if credits_ else 0


def _judge_safely(
    session: Session, config: Config, credit: Credit, reported: people.Reported, now: datetime, counts: Counts
) -> None:
    with poison.contained(session, "validation", credit, now=now):
        _judge(session, config, credit, reported, now, counts)
        return
    credit.reason = poison.CODE
    counts["poisoned"] += 1


def _judge(
    session: Session, config: Config, credit: Credit, reported: people.Reported, now: datetime, counts: Counts
) -> None:
    award = session.get_one(Award, credit.award_id)
    if baseline.closed(session, credit, award, now=now):
        counts["reported_elsewhere"] += 1
        return
    row = session.get_one(LearnerRow, award.learner_id)
    if award.per and row.fetched_at is None:
        return  # the learners room shares out anew what he earns again and again
    learner = as_learner(session, row)
    problems = [Problem.model_validate(row) for row in credit.gate]
    chosen = _identifier(config, credit, learner)
    said = matched.answer(session, config, award, learner, chosen)
    if not any(problem.code == NOT_FOUND for problem in problems):
        problems += _problems(session, config, credit, award, learner, now)
        problems += people.check(people.thing(award, credit, chosen), award.learner_id, reported)
        problems += matched.check(said, config)
        problems += baseline.check(session, credit, award)
        problems += releases.problems(session, config.provider(award.provider_id), award, now)
        problems += room.check(session, credit, award, _activity_of(session, award))
        problems += predecessor.check(session, credit)
    matched.tell(session, award, credit, problems, said, now)
    held = [problem for problem in problems if stops(problem, config.validation)]
    credit.problems = [problem.model_dump(mode="json") for problem in problems]
    if held:
        if held[0].code in (PREDECESSOR, *matches.DOUBTS):
            _name_identifier(credit, chosen)  # by which PARS is asked; the document is tried before a delete leaves
        credit.reason, credit.next_at = held[0].code, _again(session, config, award, now)
        session.add(credit)
        counts["held"] += 1
        return
    _name_identifier(credit, chosen)
    move(session, credit, State.READY, now=now, by="validation")
    people.remember(people.thing(award, credit, chosen), award.learner_id, reported)
    counts["ready"] += 1


def _again(session: Session, config: Config, award: Award, now: datetime) -> datetime:
    """When a held credit is judged again: sooner where only time has to pass."""
    leaves = releases.leaves_at(session, config.provider(award.provider_id), award, now)
    recheck = now + config.validation.recheck
    return min(leaves, recheck) if leaves > now else recheck


def stops(problem: Problem, config: ValidationConfig) -> bool:
    """A confirmed fact holds; an inferred one only when the provider wants it strictly."""
    return problem.holds or config.strict


def _identifier(config: Config, credit: Credit, learner: Learner) -> Identifier | None:
    order = config.provider(credit.provider_id).identifier_order
    return choose_identifier(as_record_credit(credit), learner, order)


def _name_identifier(credit: Credit, chosen: Identifier | None) -> None:
    """Which identifier the credit leaves under; kept from here on, because a withdrawal must name the same."""
    credit.identifier_domain = chosen.domain if chosen else ""
    credit.identifier_value = chosen.value.get_secret_value() if chosen else ""


def _problems(
    session: Session, config: Config, credit: Credit, award: Award, learner: Learner, now: datetime
) -> list[Problem]:
    provider = config.provider(credit.provider_id)
    today = now.astimezone(ZoneInfo(provider.zone)).date()
    activity = _activity_of(session, award)
    rems = RemsAnswers.model_validate(award.rems) if award.rems else None
    case = checks.Case(
        provider_id=credit.provider_id,
        activity_id=award.activity_id,
        completed_on=award.completed_on,
        today=today,
        system=provider.system,
        credit=as_record_credit(credit),
        learner=learner,
        identifier_order=provider.identifier_order,
        rems=rems,
        cme_amount=_cme_amount(session, award, credit),
        siblings=_siblings(session, award, credit),
        journal=activity is not None and activity.format == JOURNAL_FORMAT,
    )
    rems_type = rems.type if rems else ""
    seen = _activity(activity) if activity else None
    return checks.check(case) + activity_checks.check(seen, case.credit, award.completed_on, today, rems_type)


def _activity_of(session: Session, award: Award) -> ActivityRow | None:
    return session.get(ActivityRow, (award.provider_id, award.activity_id))


def _activity(row: ActivityRow) -> activity_checks.Activity:
    return activity_checks.Activity(
        title=row.title,
        start=row.start,
        end=row.end,
        credits=row.credits,
        boards=tuple(row.boards),
        credit_claim_date=row.credit_claim_date,
        rems_type=row.rems_type,
        rems_rpc_id=row.rems_rpc_id,
    )


def _cme_amount(session: Session, award: Award, credit: Credit) -> Decimal | None:
    """Of this completion; of all of them where the credit carries those of others."""
    carried = select(Credit.award_id).join(Award, col(Award.id) == col(Credit.award_id))
    carried = carried.where(Award.learner_id == award.learner_id, Credit.summed_into == credit.id)  # by an index
    earned = select(Credit).where(col(Credit.award_id).in_([award.id, *session.exec(carried)]))
    earned = earned.where(Credit.certification == CME_CERTIFICATION).order_by(col(Credit.id))
    newest = {cme.award_id: cme.amount for cme in session.exec(earned)}
    return sum(newest.values(), Decimal(0)) if newest else None


def _siblings(session: Session, award: Award, credit: Credit) -> tuple[checks.Sibling, ...]:
    """Live or ready credits of the same board, learner, activity and date in other awards."""
    if not credit.board:
        return ()
    others = select(Credit.board, Credit.credit_type, Credit.wanted).join(Award, col(Award.id) == col(Credit.award_id))
    others = others.where(
        Award.learner_id == award.learner_id,
        Award.provider_id == award.provider_id,
        Award.activity_id == award.activity_id,
        func.coalesce(Credit.reported_on, Award.completed_on) == award.completed_on,
        Credit.award_id != award.id,
        Credit.id != (credit.supersedes or 0),  # it goes before this one comes
        Credit.board == credit.board,
        or_(col(Credit.state).in_(LIVE), (col(Credit.state) == State.READY) & (col(Credit.wanted) == "present")),
    )
    return tuple(
        checks.Sibling(board=board, credit_type=kind, leaves=wanted == "absent")
        for board, kind, wanted in session.exec(others.distinct())
    )
