"""From rows to the LearnerRecord that leaves: identity and date of now for an add, those it left with for a delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlmodel import Session

from connector.config import Config
from connector.records import BirthDay, Learner, LearnerRecord, PersonName, RemsAnswers, RemsParticipant
from connector.store.people import as_learner
from connector.store.tables import ActivityRow, Award, Credit, LearnerRow, Record
from connector.store.views import as_record_credit, reported_on

REMS_DOMAIN = "idd:{domain}:rems"


def assemble(
    session: Session, config: Config, record: Record, credits_: Sequence[Credit], action: Literal["add", "delete"]
) -> LearnerRecord:
    """One record with exactly these credits. Those of a delete left under one identity and one date."""
    award = session.get_one(Award, record.award_id)
    provider = config.provider(record.provider_id)
    activity = session.get(ActivityRow, (award.provider_id, award.activity_id))
    return LearnerRecord(
        provider_id=provider.id,
        provider_name=provider.name,
        activity_id=award.activity_id,
        activity_title=activity.title if activity else award.activity_id,
        completed_on=award.completed_on if action == "add" else reported_on(credits_[0], award),
        action=action,
        learner=None if record.kind == "rems" else _learner(session, award, credits_, action),
        participant=_participant(record, award, provider.domain) if record.kind == "rems" else None,
        credits=tuple(as_record_credit(credit) for credit in credits_),
    )


def _learner(session: Session, award: Award, credits_: Sequence[Credit], action: str) -> Learner:
    sent = next((credit.sent_as for credit in credits_ if credit.sent_as), None)
    if action == "delete" and sent:
        return Learner(
            given_name=PersonName(sent["given_name"]),
            family_name=PersonName(sent["family_name"]),
            birth_day=BirthDay(sent["birth_day"]),
        )
    return as_learner(session, session.get_one(LearnerRow, award.learner_id))


def _participant(record: Record, award: Award, domain: str) -> RemsParticipant:
    return RemsParticipant(
        local_id=record.local_id,
        domain=REMS_DOMAIN.format(domain=domain),
        answers=RemsAnswers.model_validate(award.rems),
    )
