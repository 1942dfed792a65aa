"""Which ready credits may leave now, by a request or in a file, and what the last gates say. Asks PARS nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from connector.config import Config
from connector.records import Problem
from connector.store import releases, wishes
from connector.store.attention import UNEARNED
from connector.store.moves import move
from connector.store.people import newest_consent, no_consent
from connector.store.states import PARKED, State
from connector.store.succession import waits_for
from connector.store.tables import Award, Credit, EvidenceRow, LearnerRow, Record

ONE_DAY = timedelta(days=1)
LONGEST_DOUBT = ONE_DAY  # two questions `pars.settle` apart end a doubt; one that lasts is not waited for


def due_records(session: Session, provider_id: str, now: datetime) -> list[int]:
    """Records with a ready credit that is due; REMS records by their identifier, so that their order tells nothing."""
    rows = select(Record.id, Record.kind, Record.local_id).join(Credit, col(Credit.record_id) == col(Record.id))
    rows = rows.where(Record.provider_id == provider_id, Credit.state == State.READY, Credit.wanted == "present")
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    rows = rows.where(col(Record.id).not_in(waiting(now)), ~_is_left()).distinct()
    if wishes.is_half_applied(session):
        return []
    found = session.exec(rows.order_by(col(Record.kind), col(Record.local_id), col(Record.id)))
    return [record_id for record_id, _, _ in found]


def waiting(now: datetime) -> SelectOfScalar[int]:
    """CME and MOC of one completion leave together: until `record.wait` has passed one that is held, or paused, is
    waited for; and one that is in doubt, as far as that is a matter of minutes.
    """
    paused = and_(col(Credit.state) == State.READY, col(Credit.next_at) > now)
    unsent = and_(col(Record.wait_until) > now, or_(col(Credit.state) == State.HELD, paused))
    unsettled = and_(
        col(Credit.state).in_((State.SENDING, State.IN_DOUBT)),
        col(Credit.reason) != PARKED,
        col(Credit.state_since) > now - LONGEST_DOUBT,
    )
    rows = select(Credit.record_id).join(Record, col(Record.id) == col(Credit.record_id))
    return rows.where(Credit.wanted == "present", or_(unsent, unsettled))


def _is_left() -> ColumnElement[bool]:
    """A rule was corrected, and what its award earns now is yet to be told."""
    return col(Credit.award_id).in_(select(EvidenceRow.left_award).where(col(EvidenceRow.left_award).is_not(None)))


def ready(session: Session, record_id: int, now: datetime, *, lock: bool) -> list[Credit]:
    """Those that may leave: what stands for a credit that PARS still holds would double it."""
    if wishes.is_half_applied(session):
        return []
    rows = _due(record_id, now).where(~_is_left())
    found = session.exec(rows.with_for_update() if lock else rows)
    return [credit for credit in found.all() if not waits_for(session, credit)]


def _due(record_id: int, now: datetime) -> SelectOfScalar[Credit]:
    rows = select(Credit).where(Credit.record_id == record_id, Credit.state == State.READY, Credit.wanted == "present")
    rows = rows.where(col(Credit.attention).not_in(UNEARNED))  # undone since: the learners room closes it
    return rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now)).order_by(col(Credit.id))


def passed(session: Session, config: Config, record: Record, now: datetime) -> list[Credit]:
    """The credits of this record that leave now, under their locks; what a last gate says no to is held for it."""
    credits_ = ready(session, record.id, now, lock=True)
    waited_for = waiting(now).where(Credit.record_id == record.id)
    if not credits_ or session.exec(waited_for).first() is not None:
        return []
    if problems := held_back(session, config, record, now):
        hold(session, credits_, problems, None, now)
        return []
    if record.kind != "rems" and is_withdrawn(session, record):
        refused = no_consent(withdrawn=True)
        hold(session, credits_, [refused], None, now)
        for credit in credits_:
            credit.gate = [*credit.gate, refused.model_dump(mode="json")]  # until the learners room knows better
        return []
    return credits_


def is_young(award: Award, young: datetime) -> bool:
    """A sign-in sheet, an adopted completion and an LMS that replays its past store today what was completed long ago;
    the date is somebody's own, so that a day more is allowed for its zone.
    """
    completed = award.completed_on >= (young - ONE_DAY).date()
    return completed and award.stored is not None and award.stored >= young


def is_fresh(award: Award, patience: timedelta) -> bool:
    """Was it made of its statement at once, and of a completion of those days? Else a store that was lost since, or a
    sheet of the time before us, may have reported it.
    """
    if award.stored is None or award.opened_at is None:
        return False
    completed = award.completed_on >= (award.stored - patience - ONE_DAY).date()
    return completed and award.opened_at - award.stored <= patience


def held_back(session: Session, config: Config, record: Record, now: datetime) -> list[Problem]:
    """`release: manual` or `send_after` may have been written into the file after this record had passed its gates."""
    award = session.get_one(Award, record.award_id)
    return releases.problems(session, config.provider(record.provider_id), award, now)


def is_withdrawn(session: Session, record: Record) -> bool:
    """The gates passed some time ago: a permission to report may have been withdrawn since."""
    award = session.get_one(Award, record.award_id)
    consent = newest_consent(session, session.get_one(LearnerRow, award.learner_id))
    return consent is not None and not consent.given


def hold(
    session: Session, credits_: Sequence[Credit], problems: Sequence[Problem], again: datetime | None, now: datetime
) -> None:
    """A last gate said no: the credits wait with its reasons, the channel goes on."""
    for credit in credits_:
        move(session, credit, State.HELD, now=now, code=problems[0].code, by="submission")
        credit.problems = [problem.model_dump(mode="json") for problem in problems]
        credit.next_at = again
