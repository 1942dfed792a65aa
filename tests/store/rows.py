"""The fewest rows around one credit."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerRow, Provider, Record

_serial = itertools.count(1)


def credit_in(session: Session, state: State, **values: Any) -> Credit:
    """A credit in that state, with the award and record it needs unless `award_id` is given."""
    award_id = values.pop("award_id", None) or _award(session)
    record = Record(provider_id="0001234", award_id=award_id, kind="identified")
    session.add(record)
    session.flush()
    fields: dict[str, Any] = {
        "kind": "cme",
        "certification": "AMA PRA Category 1",
        "amount": Decimal("1.50"),
        "credit_id": f"ccid:example.org:{next(_serial)}",
        "state_since": datetime.now(UTC),
    }
    credit = Credit(award_id=award_id, record_id=record.id, provider_id="0001234", state=state, **(fields | values))
    session.add(credit)
    session.flush()
    return credit


def _award(session: Session) -> int:
    if session.get(Provider, "0001234") is None:
        session.add(Provider(id="0001234", environment="rehearsal", host="127.0.0.1"))
    learner = LearnerRow()
    session.add(learner)
    session.flush()
    award = Award(
        provider_id="0001234",
        activity_id="203512345",
        learner_id=learner.id,
        anchor="mbox:a@example.org",
        rule="r",
        rule_hash="h",
        completed_on=date(2026, 3, 5),
    )
    session.add(award)
    session.flush()
    return award.id
