"""ACCME's test learners: read from its sheet, kept in the store, and the credit that each can have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from sqlmodel import select
from sqlmodel.sql.expression import SelectOfScalar

from connector.config import ProviderConfig
from connector.errors import ConfigError
from connector.learners.sources.fields import learner
from connector.learners.sources.sheet import ALIASES
from connector.pars import forms, vocabulary
from connector.records import BirthDay, Learner, LicenceNumber, PersonName, RecordCredit
from connector.sheets import SheetRow, read_sheet
from connector.sheets.rows import CELL, refuse_all
from connector.store.session import Store
from connector.store.tables import TestLearner
from connector.validation import checks

COLUMNS: Final = ("given_name", "family_name", "birth_day", "npi", "state", "licence", "board", "board_id")
_AMOUNT: Final = Decimal("0.25")


def load(store: Store, provider: ProviderConfig, path: Path, sheet: str = "") -> int:
    """Take over the sheet in place of the one before; how many it has. Raises ConfigError with every cell."""
    only_test(provider)
    rows = read_sheet(path, required=COLUMNS[:3], optional=COLUMNS[3:], aliases=ALIASES, strict=False, sheet=sheet).rows
    findings = [
        row.finding(_column(problem.field), CELL, problem.message, problem.hint)
        for row in rows
        for who in [_of(row)]
        for problem in checks.of_learner(who, credit_of(who), provider.identifier_order)
    ]
    refuse_all(findings)
    found_rows = {_sign(row): row for row in (_row(provider, row) for row in rows)}
    now = datetime.now(UTC)
    with store.writing() as session:
        known = {_sign(row): row for row in session.exec(mine(provider))}
        for sign, row in known.items():
            if sign not in found_rows and row.tried_on is None:
                session.delete(row)
        for sign, row in found_rows.items():
            if sign not in known:
                row.imported_at = now
                session.add(row)
    return len(found_rows)


def only_test(provider: ProviderConfig) -> None:
    if provider.environment != "test":
        message = f"provider {provider.id} has `environment: {provider.environment}`"
        raise ConfigError("config.not_test", message, "test learners exist on ACCME's test site only")


def mine(provider: ProviderConfig) -> SelectOfScalar[TestLearner]:
    return select(TestLearner).where(TestLearner.provider_id == provider.id)


def _of(row: SheetRow) -> Learner:
    return learner({name: row[name] for name in COLUMNS}, "test learners")


def _row(provider: ProviderConfig, row: SheetRow) -> TestLearner:
    who = _of(row)
    return TestLearner(
        provider_id=provider.id,
        given_name=forms.plain(who.given_name),
        family_name=forms.plain(who.family_name),
        birth_day=forms.plain(who.birth_day),
        ids={domain: forms.plain(value) for domain, value in who.ids.items()},
    )


def as_learner(row: TestLearner) -> Learner:
    return Learner(
        given_name=PersonName(row.given_name),
        family_name=PersonName(row.family_name),
        birth_day=BirthDay(row.birth_day),
        ids={domain: LicenceNumber(value) for domain, value in row.ids.items()},
    )


def _sign(row: TestLearner) -> tuple[str, str, str, str]:
    return (row.given_name, row.family_name, row.birth_day, str(sorted(row.ids.items())))


def names_of(row: TestLearner) -> dict[str, str]:
    ids = {value: f"[{domain} {row.id}]" for domain, value in row.ids.items()}
    return {row.given_name: f"Given{row.id}", row.family_name: f"Family{row.id}", **ids}


def credit_of(who: Learner) -> RecordCredit:
    """CME where the learner can have it, else a quarter point of his board."""
    boards = [domain for domain in who.ids if domain in vocabulary.BOARDS]
    if boards and len(boards) == len(who.ids):
        board = vocabulary.BOARDS[boards[0]]
        kind = board.credit_types[0].name if board.credit_types else ""
        name = f"{board.code}/{kind}" if kind else board.code
        return RecordCredit(
            credit_id="", kind="moc", certification=name, board=board.code, credit_type=kind, amount=_AMOUNT,
            board_total=_AMOUNT,
        )  # fmt: skip
    return RecordCredit(credit_id="", kind="cme", certification=vocabulary.CME_CERTIFICATION, amount=_AMOUNT)


def _column(field: str) -> str:
    """The column of a sheet for a field of a learner."""
    domain = field.removeprefix("ids.")
    if domain == "NPI":
        return "npi"
    if field == domain:
        return field
    return "board_id" if domain in vocabulary.BOARDS else "licence"
