"""What PARS answered to "would you know this learner?", and for whom it was asked. Asks nobody."""

from __future__ import annotations

import hashlib

from sqlmodel import Session

from connector.pars.identity import bare
from connector.records import Identifier, Learner
from connector.store.tables import LearnerMatch

UNCLEAR = "unclear"
"""Asked, and no readable answer: it never holds."""


def identity_of(learner: Learner, identifier: Identifier) -> str:
    """A hash of all that PARS compares: whatever of it changes makes another, and an old answer holds no more."""
    names = (learner.given_name, learner.family_name, learner.birth_day)
    parts = [value.get_secret_value() if value else "" for value in names]
    parts += [identifier.domain, bare(identifier.value.get_secret_value())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def kept(
    session: Session, learner_id: int, provider_id: str, learner: Learner, identifier: Identifier
) -> LearnerMatch | None:
    """PARS's answer about this learner as he is known now; None where it was not asked about him."""
    row = session.get(LearnerMatch, (learner_id, provider_id, identifier.domain))
    return row if row is not None and row.identity == identity_of(learner, identifier) else None
