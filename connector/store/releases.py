"""Activities whose first records wait for a person (`release: manual`), and the word of that person."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlmodel import Session, col, select

from connector.records import Frozen, Problem
from connector.store.states import State
from connector.store.tables import ActivityRow, Award, Credit, Release

NOT_RELEASED = "activity.not_released"


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


def problem(activity_id: str) -> Problem:
    """Why a credit of an activity that is not released waits."""
    return Problem(
        code=NOT_RELEASED,
        field="activity",
        message="a person looks at this activity's first records before they leave",
        hint=f"pars-connector release {activity_id}",
    )


def waiting(session: Session) -> list[Waiting]:
    """The activities that only a release keeps from leaving."""
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
    session.merge(Release(provider_id=one.provider, activity_id=one.activity, by=by, at=now))
    held = select(Credit).join(Award, col(Award.id) == col(Credit.award_id))
    held = held.where(Award.provider_id == one.provider, Award.activity_id == one.activity)
    for credit in session.exec(held.where(Credit.state == State.HELD, Credit.reason == NOT_RELEASED)):
        credit.next_at = None
        session.add(credit)
