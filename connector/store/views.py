"""Rows as the values that rules, formats and questions are made of."""

from __future__ import annotations

from datetime import date, datetime

from connector.pars.exchange import LearnerQuery
from connector.records import (
    ActorKey,
    BirthDay,
    Held,
    Identifier,
    LicenceNumber,
    Outcome,
    RecordCredit,
    Statement,
    Verdict,
)
from connector.store.moves import DIFFERS
from connector.store.tables import Award, Credit, StatementRow


def as_statement(row: StatementRow) -> Statement:
    """A statement as the rules know it; its bytes are empty once retention has taken them."""
    return Statement(
        id=row.statement_id,
        source=row.source_id,
        stored=row.stored,
        timestamp=row.timestamp,
        actor_key=ActorKey(row.actor_key) if row.actor_key else None,
        verb=row.verb,
        object_id=row.object_id,
        registration=row.registration,
        raw=row.raw or b"",
    )


def place_in_time(timestamp: datetime | None) -> str:
    """What sorts statements by the time that they tell, those that tell none last."""
    return timestamp.isoformat() if timestamp else "~"


def as_record_credit(credit: Credit) -> RecordCredit:
    """A credit row as the value that formats know."""
    identifier = None
    if credit.identifier_domain:
        identifier = Identifier(domain=credit.identifier_domain, value=LicenceNumber(credit.identifier_value))
    return RecordCredit(
        credit_id=credit.credit_id,
        kind=credit.kind,
        certification=credit.certification,
        board=credit.board,
        credit_type=credit.credit_type,
        amount=credit.amount,
        board_total=credit.board_total,
        identifier=identifier,
    )


def reported_on(credit: Credit, award: Award) -> date:
    """The completion date that PARS knows, or is about to hear: a correction may have given the award another since."""
    return credit.reported_on or award.completed_on


def learner_query(credit: Credit, award: Award, birth_day: str) -> LearnerQuery | None:
    """How PARS is asked about this learner, activity and date; None where there is nobody to ask about (REMS)."""
    if credit.kind == "rems" or not credit.identifier_domain or not birth_day:
        return None
    return LearnerQuery(
        activity_id=award.activity_id,
        birth_day=BirthDay(birth_day),
        completed_on=reported_on(credit, award),
        identifier=Identifier(domain=credit.identifier_domain, value=LicenceNumber(credit.identifier_value)),
    )


def compared(credit: Credit, award: Award, held: Held) -> Outcome:
    """PARS's answer about ours; its yes counts as none where its copy shows another activity, date or amount."""
    said = held.outcome
    if said.verdict not in (Verdict.TAKEN, Verdict.ACCEPTED) or not _differs(credit, award, held):
        return said
    return said.model_copy(update={"verdict": Verdict.TAKEN, "code": DIFFERS})


def _differs(credit: Credit, award: Award, held: Held) -> bool:
    """Only what PARS shows, and shows readably, is compared."""
    return (
        (bool(held.activity_id) and held.activity_id != award.activity_id)
        or _day(held.completed_on) not in (None, reported_on(credit, award))
        or held.amount not in (None, credit.amount)
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
