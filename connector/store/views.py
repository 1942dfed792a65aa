"""Rows as the values that rules, formats and questions are made of."""

from __future__ import annotations

from sqlmodel import Session, col, select

from connector.pars.exchange import LearnerQuery
from connector.pars.lookup import Seen
from connector.records import ActorKey, BirthDay, Identifier, LicenceNumber, RecordCredit, Statement
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
        identifier=identifier,
    )


def learner_query(credit: Credit, award: Award, birth_day: str) -> LearnerQuery | None:
    """How PARS is asked about this learner, activity and date; None where there is nobody to ask about (REMS)."""
    if credit.kind == "rems" or not credit.identifier_domain or not birth_day:
        return None
    return LearnerQuery(
        activity_id=award.activity_id,
        birth_day=BirthDay(birth_day),
        completed_on=award.completed_on,
        identifier=Identifier(domain=credit.identifier_domain, value=LicenceNumber(credit.identifier_value)),
    )


def is_reported_elsewhere(session: Session, seen: Seen) -> bool:
    """PARS holds this completion's credit under an id that is none of ours."""
    ids = {held.outcome.credit_id for held in seen.others}
    known = set(session.exec(select(Credit.credit_id).where(col(Credit.credit_id).in_(ids))).all())
    return bool(ids - known)
