"""Records and replies for these tests, and hypothesis strategies for everything a learner can be called."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from connector.pars import vocabulary
from connector.pars.identifiers import identifier as check_identifier
from connector.pars.identifiers import is_clean
from connector.records import (
    BirthDay,
    Identifier,
    Learner,
    LearnerRecord,
    LicenceNumber,
    PersonName,
    RecordCredit,
    RemsAnswers,
    RemsParticipant,
    Reply,
)

CREATED = datetime(2026, 3, 2, 14, tzinfo=UTC)
SCHEMA = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "xsd" / "reports.xsd")))
HARD_NAMES = (
    "O'Brien",
    "Nguyễn",
    "李",
    '&<>"]]>',
    "=1+1",
    "José  María",
    " da Silva ",
    "&amp;",
    "🩺",
    "\u202eabc",
    "0",
    "Jose\u0301",  # a letter and its accent apart: it stays as it was given
    "Zo\xeb",
)


def credit(number: int = 1, **changes: Any) -> RecordCredit:
    given = {
        "credit_id": f"ccid:example.org:c{number}",
        "kind": "cme",
        "certification": vocabulary.CME_CERTIFICATION,
        "amount": Decimal("1.25"),
        "identifier": identifier("NPI", "1234567893"),
    }
    return RecordCredit(**(given | changes))


def moc(number: int = 2, board: str = "ABIM", credit_type: str = "Medical Knowledge", **changes: Any) -> RecordCredit:
    return credit(
        number,
        kind="moc",
        board=board,
        credit_type=credit_type,
        certification=f"{board}/{credit_type}".removesuffix("/"),
        **({"identifier": identifier(board, "123456")} | changes),
    )


def identifier(domain: str, value: str) -> Identifier:
    return Identifier(domain=domain, value=LicenceNumber(value))


def learner(given: str = "Ana", family: str = "Doe", birth_day: str = "09-10") -> Learner:
    return Learner(given_name=PersonName(given), family_name=PersonName(family), birth_day=BirthDay(birth_day))


def record(*held: RecordCredit, **changes: Any) -> LearnerRecord:
    given = {
        "provider_id": "0001234",
        "provider_name": "Example Provider",
        "activity_id": "203500000",
        "activity_title": "Heart & lung",
        "completed_on": date(2026, 3, 1),
        "action": "add",
        "learner": learner(),
        "credits": held or (credit(),),
    }
    return LearnerRecord(**(given | changes))


def rems_record(local_id: str = "5ca1ab1e", **changes: Any) -> LearnerRecord:
    answers = RemsAnswers(**({"type": "Opioid Analgesic", "profession": "Physician"} | changes))
    participant = RemsParticipant(local_id=local_id, domain="idd:example.org:rems", answers=answers)
    one = credit(
        kind="rems",
        certification="REMS/Opioid Analgesic",
        amount=Decimal(0),
        identifier=None,
        credit_id=f"ccid:example.org:{local_id}",
    )
    return record(one, learner=None, participant=participant)


def reply(body: bytes | str, status: int = 200, **changes: Any) -> Reply:
    content = body.encode() if isinstance(body, str) else body
    return Reply(**({"status": status, "content_type": "", "body": content} | changes))


clean_text = st.text(st.characters(codec="utf-8").filter(is_clean), min_size=1, max_size=30).filter(str.strip)
names = st.one_of(st.sampled_from(HARD_NAMES), clean_text)
birth_days = st.dates(date(1904, 1, 1), date(1904, 12, 31)).map(lambda day: f"{day:%m-%d}")
amounts = st.integers(0, 400).map(lambda quarters: Decimal(quarters) / 4)
domains = st.sampled_from(["NPI", *vocabulary.BOARDS, *vocabulary.STATES, *vocabulary.TERRITORIES])


def _is_no_spoilt_number(text: str) -> bool:
    """Numbers that a spreadsheet has changed are held, and are tried elsewhere."""
    found = check_identifier(identifier("CA", text))
    return found is None or not found.holds


@st.composite
def identifiers_(draw: st.DrawFn) -> Identifier:
    domain = draw(domains)
    return identifier(domain, "1234567893" if domain == "NPI" else draw(clean_text.filter(_is_no_spoilt_number)))


@st.composite
def credits_(draw: st.DrawFn) -> tuple[RecordCredit, ...]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        common = {"amount": draw(amounts), "identifier": draw(identifiers_())}
        board = draw(st.sampled_from(["", *vocabulary.BOARDS]))
        kinds = vocabulary.BOARDS[board].credit_types if board else ()
        kind = draw(st.sampled_from(kinds)).name if kinds else ""
        found.append(moc(number, board, kind, **common) if board else credit(number, **common))
    return tuple(found)


@st.composite
def records_(draw: st.DrawFn) -> LearnerRecord:
    return record(
        *draw(credits_()),
        provider_name=draw(names),
        activity_title=draw(names),
        completed_on=draw(st.dates(date(1990, 1, 1), date(2100, 1, 1))),
        action=draw(st.sampled_from(["add", "delete"])),
        learner=learner(draw(names), draw(names), draw(birth_days)),
    )


@st.composite
def rems_records(draw: st.DrawFn) -> LearnerRecord:
    return rems_record(
        draw(clean_text.filter(lambda text: ":" not in text)),
        profession=draw(st.sampled_from(vocabulary.REMS_PROFESSIONS)),
        practice_area=draw(st.sampled_from(["", *vocabulary.REMS_PRACTICE_AREAS])),
        state=draw(st.sampled_from(["", *vocabulary.STATES.values()])),
        dea_registration=draw(st.sampled_from(["", *vocabulary.REMS_DEA_REGISTRATIONS])),
        surgical_procedures=draw(st.sampled_from([None, True, False])),
        time_in_practice=draw(st.sampled_from(["", *vocabulary.REMS_TIMES_IN_PRACTICE])),
    )
