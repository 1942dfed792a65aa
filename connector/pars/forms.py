"""How dates, amounts and choices are written in both dialects. Pure; knows no element."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from connector.pars.exchange import CannotSend
from connector.pars.wire.services import Regulation, Rems
from connector.records import BirthDay, LearnerRecord, Problem, RemsAnswers

CENTRAL: Final = ZoneInfo("America/Chicago")  # ACCME reads a time without zone as its own


def plain(secret: SecretStr | None) -> str:
    """A masked value on its way into a document; "" for none."""
    return secret.get_secret_value() if secret else ""


def created_at(moment: datetime) -> str:
    """Central time without zone (confirmed: ACCME assumes it).

    >>> from datetime import UTC
    >>> created_at(datetime(2026, 3, 2, 14, tzinfo=UTC))
    '2026-03-02T08:00:00'
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(CENTRAL).strftime("%Y-%m-%dT%H:%M:%S")


def created_on(moment: datetime) -> str:
    """Midnight of that Central day: a REMS document's second would join it to the learner's identified one.

    >>> from datetime import UTC
    >>> created_on(datetime(2026, 3, 2, 3, 14, 15, tzinfo=UTC))
    '2026-03-01T00:00:00'
    """
    return created_at(moment)[:10] + "T00:00:00"


def completed(day: date) -> str:
    """The civil date with an empty time: a time of day would move it when PARS converts it.

    >>> completed(date(2026, 3, 1))
    '2026-03-01T00:00:00'
    """
    return f"{day.isoformat()}T00:00:00"


def birth_date(day: BirthDay | None, filler_year: int) -> str:
    """The birth day in the year that stands for none."""
    return f"{filler_year}-{plain(day)}" if day else ""


def asked_birth(day: BirthDay | None, form: Literal["MM-DD", "YYYY-MM-DD"], filler_year: int) -> str:
    """The birth day as a question writes it."""
    return plain(day) if form == "MM-DD" else birth_date(day, filler_year)


def number(amount: Decimal) -> str:
    """The shortest decimal form.

    >>> [number(Decimal(text)) for text in ("1.25", "2.00", "0.50", "10.00", "0.00")]
    ['1.25', '2', '0.5', '10', '0']
    """
    return format(amount.normalize(), "f")


def read_number(text: str) -> Decimal | None:
    """An amount as PARS writes it, or None when it is no number."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def regulation(answers: RemsAnswers, rems: Rems) -> Regulation:
    """What a REMS record complies with. Raises CannotSend when the table does not know it."""
    found = rems.opioid_analgesic if answers.type == "Opioid Analgesic" else rems.mycophenolate
    if found is None:
        hint = "put its regulation under `wire.xml_service.rems` in config.yaml"
        message = "the wire table has no regulation for this REMS"
        raise CannotSend([Problem(code="pars.not_supported", field="rems.type", message=message, hint=hint)])
    return found


def without_trace(records: Sequence[LearnerRecord]) -> list[LearnerRecord]:
    """Identified records as given; REMS records by their local id, so that their order tells nothing."""
    return sorted(records, key=lambda record: record.participant.local_id if record.participant else "")
