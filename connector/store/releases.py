"""What a provider who begins is careful about: first records wait for a person, and every credit some days."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from connector.config import ProviderConfig
from connector.records import Actor, Frozen, Problem
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import ActivityRow, Award, Credit, EvidenceRow, Release, StatementRow

NOT_RELEASED = "activity.not_released"
SEND_AFTER = "credit.send_after"


class Waiting(Frozen):
    """One activity whose credits have passed every other gate."""

    provider: str
    activity: str
    title: str
    credits: int
    learners: int
    first: int  # the number of the oldest of these credits


def is_released(session: Session, provider_id: str, activity_id: str) -> bool:
    """A person has said so, or records of it left before anybody was to be asked."""
    if session.get(Release, (provider_id, activity_id)) is not None:
        return True
    left = select(Credit.id).join(Award, col(Award.id) == col(Credit.award_id))
    left = left.where(Award.provider_id == provider_id, Award.activity_id == activity_id)
    return session.exec(left.where(col(Credit.first_sent_at).is_not(None)).limit(1)).first() is not None


def _not_released(activity_id: str) -> Problem:
    """Why a credit of an activity that is not released waits."""
    return Problem(
        code=NOT_RELEASED,
        field="activity",
        message="a person looks at this activity's first records before they leave",
        hint=f"pars-connector release {activity_id}",
    )


def waiting(session: Session) -> list[Waiting]:
    """The activities that a release, and at most some days of `send_after`, keep from leaving."""
    held = select(Credit.id, Award.provider_id, Award.activity_id, Award.learner_id)
    held = held.join(Award, col(Award.id) == col(Credit.award_id))
    released = (Release.provider_id == Award.provider_id) & (Release.activity_id == Award.activity_id)
    held = held.where(~select(Release.activity_id).where(released).exists())
    held = held.where(Credit.state == State.HELD, Credit.reason == NOT_RELEASED, Credit.wanted == "present")
    grouped = defaultdict[tuple[str, str], list[tuple[int, int]]](list)
    for credit, provider, activity, learner in session.exec(held.order_by(col(Award.activity_id), col(Credit.id))):
        grouped[provider, activity].append((credit, learner))
    return [_waiting(session, *key, rows) for key, rows in grouped.items()]


def _waiting(session: Session, provider: str, activity: str, rows: list[tuple[int, int]]) -> Waiting:
    known = session.get(ActivityRow, (provider, activity))
    return Waiting(
        provider=provider,
        activity=activity,
        title=known.title if known else "",
        credits=len(rows),
        learners=len({learner for _, learner in rows}),
        first=rows[0][0],
    )


def release(session: Session, one: Waiting, *, by: str, now: datetime) -> None:
    """From now on its records leave by themselves; those that wait are judged with the next turn."""
    with suppress(IntegrityError), session.begin_nested():  # somebody else may be releasing it right now
        session.add(Release(provider_id=one.provider, activity_id=one.activity, by=by, at=now))
    held = select(Credit).join(Award, col(Award.id) == col(Credit.award_id))
    held = held.where(Award.provider_id == one.provider, Award.activity_id == one.activity)
    for credit in session.exec(held.where(Credit.state == State.HELD, Credit.reason == NOT_RELEASED)):
        credit.next_at = None
        session.add(credit)


def leaves_at(session: Session, provider: ProviderConfig, award: Award, now: datetime) -> datetime:
    """The earliest moment at which `send_after` lets an award's credits go: counted from the first statement that
    stands, so that a regrade waits anew and a repetition does not. An LRS's clock may be ahead of ours.
    """
    if not provider.send_after:
        return now
    first = select(func.min(StatementRow.stored))
    first = first.join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    stored = session.exec(first.where(EvidenceRow.award_id == award.id, col(EvidenceRow.standing).is_(True))).one()
    return min(stored or award.stored or now, now) + provider.send_after


def problems(session: Session, provider: ProviderConfig, award: Award, now: datetime) -> list[Problem]:
    """Why a credit of this award waits; the release first: a person may look while the days of `send_after` pass."""
    found = []
    if provider.release == "manual" and not is_released(session, provider.id, award.activity_id):
        found.append(_not_released(award.activity_id))
    if (leaves := leaves_at(session, provider, award, now)) > now:
        message = f"it leaves after {leaves:%Y-%m-%d %H:%M} UTC (send_after)"
        found.append(Problem(code=SEND_AFTER, field="completed_on", message=message, who=Actor.NOBODY))
    return found


def look_again(store: Store) -> None:
    """Settings may have changed: what waited for a release or for its days is judged with the next turn."""
    held = update(Credit).where(col(Credit.state) == State.HELD, col(Credit.reason).in_((NOT_RELEASED, SEND_AFTER)))
    with store.writing() as session:
        session.connection().execute(held.values(next_at=None))
