"""What the store knows of a learner beside his values: what speaks for another one. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session, col, select

from connector.desk.near_misses import Known
from connector.pars.identity import Person, Relation, relation, signs
from connector.pars.names import divide
from connector.store import fixes
from connector.store.tables import Award, Credit, LearnerRow, Reported, ReportedSign

_MOST = 20


def gather(session: Session, person: Person, award: Award, *, code: str, domain: str) -> Known:
    """All that may speak for another value of this award's learner."""
    row = session.get_one(LearnerRow, award.learner_id)
    earlier = [*_vouched(session, row), *_source(row), *_merged(session, row), *_sent(session, row)]
    earlier += _reported(session, person)
    different = {one.model_dump_json(): one for one in earlier if one != person}
    his = award.actor_name in fixes.actor_names(session, row.id)
    return Known(
        person=person,
        code=code,
        domain=domain,
        profession=fixes.standing(session, [row.id])[row.id].get("profession", row.profession),
        actor_name="" if his else award.actor_name,
        earlier=tuple(different.values()),
    )


def _vouched(session: Session, row: LearnerRow) -> Iterator[Person]:
    """Names in statements that a person said are his."""
    for name in sorted(fixes.actor_names(session, row.id)):
        given, family = divide(name)
        if given and family:
            yield Person(given_name=given, family_name=family)


def _source(row: LearnerRow) -> Iterator[Person]:
    """As the sources have him, where a person corrected something."""
    yield Person(
        given_name=row.given_name or "", family_name=row.family_name or "", birth_day=row.birth_day or "",
        ids=dict(row.ids),
    )  # fmt: skip


def _merged(session: Session, row: LearnerRow) -> Iterator[Person]:
    """Rows that turned out to be his."""
    for other in session.exec(select(LearnerRow).where(LearnerRow.merged_into == row.id).limit(_MOST)):
        yield from _source(other)


def _sent(session: Session, row: LearnerRow) -> Iterator[Person]:
    """Under which names PARS has taken a credit of his."""
    taken = select(Credit.sent_as, Credit.identifier_domain, Credit.identifier_value)
    taken = taken.join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    taken = taken.where(Credit.at_pars == "yes", col(Credit.state).in_(("pending", "confirmed")))
    for sent, domain, value in session.exec(taken.order_by(col(Credit.id).desc()).limit(_MOST)):
        if sent:
            yield Person(**sent, ids={domain: value} if domain else {})


def _reported(session: Session, person: Person) -> Iterator[Person]:
    """Rows of imported sheets that are or may be his."""
    signed = select(ReportedSign.reported_id).where(col(ReportedSign.sign).in_(sorted(signs(person)))).distinct()
    rows = select(Reported).where(col(Reported.id).in_(session.exec(signed.limit(_MOST)).all()))
    for one in session.exec(rows):
        said = Person(
            given_name=one.given_name, family_name=one.family_name, birth_day=one.birth_day, ids=dict(one.ids)
        )
        if relation(person, said) is not Relation.OTHER:
            yield said
