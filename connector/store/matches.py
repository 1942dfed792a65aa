"""What PARS answered to "would you know this learner?", for whom it was asked, and what follows. Asks nobody."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from connector.config import Config
from connector.pars import identifiers
from connector.pars.exchange import MatchAnswer
from connector.pars.identity import Person, bare
from connector.records import Actor, Frozen, Identifier, Learner, Problem
from connector.store import fixes
from connector.store.tables import LearnerFix, LearnerMatch, LearnerRow

UNCLEAR = "unclear"
"""Asked, and no readable answer: it never holds."""
YES, NO, SEVERAL = "yes", "no", "several"

MATCH_NO: Final = "learner.match_no"
MATCH_SEVERAL: Final = "learner.match_several"
MAY_BE_NEW: Final = "learner.id_may_be_new"
MATCH_YES: Final = "learner.match_yes"
TOLD: Final = (MATCH_NO, MATCH_SEVERAL)
DOUBTS: Final = (*TOLD, MAY_BE_NEW)
"""Problems that rest on a kept answer, and on nothing else."""

AGAIN = timedelta(days=1)


class Asked(Frozen):
    """Who PARS is asked about, by which provider, and under which identifier. Its repr names a number."""

    learner_id: int
    provider_id: str
    learner: Learner
    identifier: Identifier

    @property
    def identity(self) -> str:
        return identity_of(self.learner, self.identifier)


def identity_of(learner: Learner, identifier: Identifier) -> str:
    """A hash of all that PARS compares: whatever of it changes makes another, and an old answer holds no more."""
    names = (learner.given_name, learner.family_name, learner.birth_day)
    given, family, birth = (value.get_secret_value() if value else "" for value in names)
    return _hash(given, family, birth, identifier.domain, identifier.value.get_secret_value())


def identity_of_person(person: Person, domain: str) -> str:
    """The same, under the number of this domain that is known of him."""
    return _hash(person.given_name, person.family_name, person.birth_day, domain, person.ids.get(domain, ""))


def _hash(given: str, family: str, birth: str, domain: str, number: str) -> str:
    return hashlib.sha256("\n".join((given, family, birth, domain, bare(number))).encode()).hexdigest()[:32]


def mode(config: Config, provider_id: str) -> Literal["off", "warn", "hold"]:
    """What `learners.prevalidate` means for this provider: the JSON service has no such question."""
    return config.learners.prevalidate if config.provider(provider_id).channel == "xml-service" else "off"


def may_hold(config: Config, provider_id: str) -> bool:
    """Does a no stop a credit? A warning does where `validation.strict` lets all of them."""
    how = mode(config, provider_id)
    return how == "hold" or (how == "warn" and config.validation.strict)


def kept(
    session: Session, learner_id: int, provider_id: str, learner: Learner, identifier: Identifier
) -> LearnerMatch | None:
    """PARS's answer about this learner as he is known now; None where it was not asked about him."""
    row = session.get(LearnerMatch, (learner_id, provider_id, identifier.domain))
    return row if row is not None and row.identity == identity_of(learner, identifier) else None


def answer_about(session: Session, asked: Asked | None) -> LearnerMatch | None:
    """None as well where there is nobody to ask about."""
    if asked is None:
        return None
    return kept(session, asked.learner_id, asked.provider_id, asked.learner, asked.identifier)


def is_open(row: LearnerMatch | None, now: datetime) -> bool:
    """Is PARS to be asked before a credit of this learner leaves? Where its answer was unclear, after a day again."""
    return row is None or (row.next_at is not None and row.next_at <= now)


def doubt(row: LearnerMatch | None, config: Config) -> Problem | None:
    """What a kept answer says against a credit. While a number may simply be too new for PARS, nobody need act."""
    if row is None or row.found not in (NO, SEVERAL):
        return None
    holds = may_hold(config, row.provider_id)
    if row.told_at is None:
        message = "PARS does not know this learner yet; the number is new here, and PARS is asked about it daily"
        field = f"ids.{row.domain}"
        return Problem(code=MAY_BE_NEW, field=field, message=message, who=Actor.NOBODY, holds=holds)
    hint = "compare names, birth day and number with the learner's own words; once corrected, PARS is asked anew"
    if row.found == NO:
        message = "PARS, asked beforehand, knows no such learner"
        return Problem(code=MATCH_NO, field="identity", message=message, hint=hint, holds=holds)
    message = "PARS, asked beforehand, knows several such learners"
    return Problem(code=MATCH_SEVERAL, field="identity", message=message, hint=hint, holds=holds)


def keep(session: Session, asked: Asked, answer: MatchAnswer | None, new_id: timedelta, now: datetime) -> LearnerMatch:
    """Write an answer down; None: there was no readable one, which says nothing against an earlier no.

    An answer about somebody he no longer is counts for nothing.
    """
    row = _locked(session, asked)
    if row.identity != asked.identity:
        row.identity, row.found, row.code, row.words, row.asked, row.told_at = asked.identity, UNCLEAR, "", "", 0, None
    row.asked, row.asked_at = row.asked + 1, now
    if answer is not None and answer.found != "unknown":
        row.found, row.code, row.words = answer.found, answer.code, answer.words
    elif row.found not in (NO, SEVERAL):
        row.found, row.code, row.words = UNCLEAR, answer.code if answer else "", answer.words if answer else ""
    _plan(session, row, asked, new_id, now)
    return row


def _locked(session: Session, asked: Asked) -> LearnerMatch:
    """The row, made at first use: two daemons may come to it at the same moment."""
    key = asked.learner_id, asked.provider_id, asked.identifier.domain
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    empty = LearnerMatch(learner_id=key[0], provider_id=key[1], domain=key[2], identity="", found=UNCLEAR)
    session.execute(dialect.insert(LearnerMatch).values(empty.model_dump()).on_conflict_do_nothing())
    return session.get_one(LearnerMatch, key, with_for_update=True, populate_existing=True)


def _plan(session: Session, row: LearnerMatch, asked: Asked, new_id: timedelta, now: datetime) -> None:
    """When it is asked again, and whether somebody is told."""
    row.next_at = None
    if row.found == UNCLEAR:
        row.next_at = now + AGAIN
    elif row.found == NO:
        until = _new_until(session, asked, new_id)
        if until is not None and now < until:
            row.next_at = min(now + AGAIN, until)
        row.told_at = None if row.next_at else (row.told_at or now)
    else:
        row.told_at = (row.told_at or now) if row.found == SEVERAL else None
    session.add(row)


def _new_until(session: Session, asked: Asked, new_id: timedelta) -> datetime | None:
    """As long as the number may be too new for PARS; None where nobody knows its age, and for a number whose own form
    is wrong: no new one's is."""
    domain = asked.identifier.domain
    if identifiers.identifier(asked.identifier) is not None:
        return None
    rows = select(LearnerFix.at).where(LearnerFix.learner_id == asked.learner_id, col(LearnerFix.ended_at).is_(None))
    rows = rows.where(LearnerFix.field == fixes.IDS + domain).order_by(col(LearnerFix.id).desc())
    corrected = session.exec(rows.limit(1)).first()
    if corrected is not None:
        return corrected + new_id
    since = (session.get_one(LearnerRow, asked.learner_id).ids_since or {}).get(domain)
    return datetime.fromisoformat(since) + new_id if since else None
