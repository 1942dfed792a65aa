"""The last gate before a document is rendered: what no format may carry. Knows no format and asks nobody.

Validation has judged these records before; this repeats only what would make a document wrong or unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.pars import identifiers, vocabulary
from connector.pars.exchange import CannotSend
from connector.records import Learner, LearnerRecord, Problem, RecordCredit, RemsParticipant


def gate(records: Sequence[LearnerRecord]) -> None:
    """Raises CannotSend with every problem; ValueError when the caller mixed what must not share a document."""
    _one_kind(records)
    if problems := [problem for record in records for problem in problems_of(record)]:
        raise CannotSend(problems)


def _one_kind(records: Sequence[LearnerRecord]) -> None:
    if not records or not all(record.credits for record in records):
        raise ValueError("a document needs a record, and a record a credit")
    if any((record.learner is None) == (record.participant is None) for record in records):
        raise ValueError("a record is either identified or REMS")
    if any((credit.kind == "rems") == (record.participant is None) for record in records for credit in record.credits):
        raise ValueError("a REMS credit in an identified record, or an identified credit in a REMS one")
    if len({record.participant is None for record in records}) > 1:
        raise ValueError("identified and REMS records never share a document")
    if len({record.action for record in records}) > 1:
        raise ValueError("one document adds or deletes, never both")
    ids = [credit.credit_id for record in records for credit in record.credits]
    if len(set(ids)) < len(ids):
        raise ValueError("a credit id stands twice in one document")


def problems_of(record: LearnerRecord) -> list[Problem]:
    """Everything that keeps this one record from being rendered."""
    found: list[Problem | None] = [
        identifiers.provider_id(record.provider_id),
        identifiers.activity_id(record.activity_id),
        _filled(record.provider_name, "provider_name"),
        _filled(record.activity_title, "activity_title"),
        *(_of_learner(record.learner) if record.learner else ()),
        *(_of_participant(record.participant) if record.participant else ()),
        *(problem for credit in record.credits for problem in _of_credit(credit)),
    ]
    return [problem for problem in found if problem and problem.holds]


def _of_learner(learner: Learner) -> Iterator[Problem | None]:
    for field, name in (("given_name", learner.given_name), ("family_name", learner.family_name)):
        yield _filled(name.get_secret_value() if name else "", field)
    yield identifiers.birth_day(learner.birth_day) if learner.birth_day else _missing("birth_day")


def _of_credit(credit: RecordCredit) -> Iterator[Problem | None]:
    yield identifiers.credit_id(credit.credit_id)
    yield identifiers.text(credit.credit_id, "credit_id")
    yield identifiers.text(credit.credit_type, "credit_type")
    board = vocabulary.BOARDS.get(credit.board)
    if credit.identifier:
        yield identifiers.identifier(credit.identifier)
    elif credit.kind != "rems" and not (board and board.id_optional):
        yield _missing(f"ids.{credit.board or 'NPI'}")


def _of_participant(participant: RemsParticipant) -> Iterator[Problem | None]:
    answers = participant.answers
    yield _filled(participant.local_id, "local_id")
    if not vocabulary.REMS_ID_DOMAIN_FORMAT.fullmatch(participant.domain):
        yield Problem(code="config.rems_domain", field="domain", message="a REMS id's domain is idd:<domain>:<kind>")
    for field, answer, known in (
        ("profession", answers.profession, vocabulary.REMS_PROFESSIONS),
        ("practice_area", answers.practice_area, vocabulary.REMS_PRACTICE_AREAS),
        ("state", answers.state, tuple((vocabulary.STATES | vocabulary.TERRITORIES).values())),
        ("dea_registration", answers.dea_registration, vocabulary.REMS_DEA_REGISTRATIONS),
        ("time_in_practice", answers.time_in_practice, vocabulary.REMS_TIMES_IN_PRACTICE),
    ):
        if answer not in known and (answer or field == "profession"):
            yield Problem(
                code="learner.rems_answer", field=f"rems.{field}", message="not one of the answers REMS knows"
            )


def _filled(value: str, field: str) -> Problem | None:
    return identifiers.text(value, field) if value.strip() else _missing(field)


def _missing(field: str) -> Problem:
    return Problem(code="learner.missing", field=field, message="nothing is known here, and PARS needs it")
