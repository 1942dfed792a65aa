"""Which credits are late, or will be within days: nobody may have looked at them, for nothing is wrong with them yet.

A clock runs until PARS has the credit; from then on, where there is a board, the board's answer has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from connector.config import Config
from connector.desk.deadlines import Deadline, Outlook, answer_due, deadlines, seen
from connector.logs import log
from connector.records import Actor, Counts, Frozen
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import ActivityRow, Award, Credit, Event

NEAR: Final = timedelta(days=7)
SAID: Final = "late"
EVERY: Final = timedelta(days=1)
_RUNNING: Final = (
    State.HELD, State.READY, State.SENDING, State.IN_DOUBT, State.EXPORTED, State.REFUSED, State.UNMATCHED,
    State.REJECTED, State.PENDING,
)  # fmt: skip


class Late(Frozen):
    """One credit whose clock has run out, or will soon: by its number, for a list ends up in a mail."""

    credit: int
    provider: str
    activity: str
    state: str
    outlook: Outlook

    @property
    def passed(self) -> Deadline | None:
        """The one that it missed last."""
        return self.outlook.passed[-1] if self.outlook.passed else None


def late(session: Session, config: Config, now: datetime) -> list[Late]:
    """Those that missed a deadline or have less than a week, by the day that is next or was last."""
    rows = select(Credit, Award, ActivityRow).join(Award, col(Award.id) == col(Credit.award_id))
    rows = rows.join(
        ActivityRow,
        (col(ActivityRow.provider_id) == Award.provider_id) & (col(ActivityRow.activity_id) == Award.activity_id),
        isouter=True,
    )
    rows = rows.where(Credit.wanted == "present", col(Credit.state).in_(_RUNNING)).order_by(col(Credit.id))
    found = [one for row in session.exec(rows) if (one := _late(config, *row, now))]
    return sorted(found, key=lambda one: (_when(one), one.credit))


def _late(config: Config, credit: Credit, award: Award, activity: ActivityRow | None, now: datetime) -> Late | None:
    running = list(_clocks(config, credit, award, activity))
    near = [one for one in running if one.at - now <= NEAR]
    if not near:
        return None
    return Late(
        credit=credit.id,
        provider=credit.provider_id,
        activity=award.activity_id,
        state=credit.state,
        outlook=seen(near, now),
    )


def _clocks(config: Config, credit: Credit, award: Award, activity: ActivityRow | None) -> Iterator[Deadline]:
    zone = config.zone_at(credit.provider_id)
    if credit.state == State.PENDING:
        if credit.board and credit.state_since:
            yield answer_due(credit.state_since, zone)
        return
    claim = activity.credit_claim_date if activity and credit.board else None
    yield from deadlines(award.completed_on, zone, claim, board=bool(credit.board))


def _when(one: Late) -> datetime:
    return one.outlook.next.at if one.outlook.next else one.outlook.passed[-1].at


def counted(found: list[Late]) -> Counter[str]:
    """How many have missed, and how many will miss, which deadline."""
    missed = (f"{one.passed.kind} passed" for one in found if one.passed)
    ahead = (f"{one.outlook.next.kind} near" for one in found if one.outlook.next)
    return Counter([*missed, *ahead])


def say_daily(store: Store, config: Config) -> Counts:
    """A line a day for each provider: it is told while it can still be met."""
    now = datetime.now(UTC)
    waiting = [provider.id for provider in config.providers if not _is_said(store, provider.id, now)]
    if not waiting:
        return Counts()
    with store.reading() as session:
        found = late(session, config, now)
    for provider_id in waiting:
        _say(store, provider_id, counted([one for one in found if one.provider == provider_id]), now)
    return Counts()


def _is_said(store: Store, provider_id: str, now: datetime) -> bool:
    said = select(Event.id).where(Event.subject == "provider", Event.subject_id == provider_id, Event.what == SAID)
    with store.reading() as session:
        return session.exec(said.where(col(Event.at) > now - EVERY).limit(1)).first() is not None


def _say(store: Store, provider_id: str, counts: Counter[str], now: datetime) -> None:
    with store.writing() as session:
        session.add(Event(at=now, subject="provider", subject_id=provider_id, what=SAID, by="desk"))
    if counts:
        log.warning(
            "credits.late",
            provider=provider_id,
            counts=dict(counts),
            who=str(Actor.COORDINATOR),
            command="pars-connector records --late",
        )
