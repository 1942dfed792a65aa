"""The provider's activity sheet: what PARS knows of each activity, as far as the gates need it. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import get_args

from sqlmodel import Session

from connector.config import Config, ProviderConfig
from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean
from connector.pars import identifiers
from connector.pars.vocabulary import BOARDS
from connector.records import RemsAnswers
from connector.sheets import SheetRow, read_csv
from connector.store.session import Store
from connector.store.tables import ActivityRow

REQUIRED = ("activity_id", "title", "start", "end", "credits")
REMS_TYPES: tuple[str, ...] = get_args(RemsAnswers.model_fields["type"].annotation)
OPTIONAL = ("boards", "credit_claim_date", "rems_type", "rems_rpc_id", "format")


def load(config: Config, store: Store) -> int:
    """Bring every provider's sheet into the store; how many activities. Raises ConfigError with all findings."""
    sheets = [(provider, read(provider)) for provider in config.providers if provider.activities]
    with store.writing() as session:
        for _, rows in sheets:
            _save(session, rows)
    return sum(len(rows) for _, rows in sheets)


def read(provider: ProviderConfig) -> list[ActivityRow]:
    """One provider's sheet as rows. Raises ConfigError with every finding, by line and column."""
    assert provider.activities is not None  # noqa: S101 - asked only for providers with a sheet
    found: list[Finding] = []
    sheet = read_csv(provider.activities, required=REQUIRED, optional=OPTIONAL)
    rows = [_activity(provider, row, found) for row in sheet]
    found += _twice(sheet)
    if found:
        first = found[0]
        raise ConfigError("config.activities", first.message, first.hint, where=first.where, findings=tuple(found))
    return rows


def _save(session: Session, rows: list[ActivityRow]) -> None:
    for row in rows:
        row.loaded_at = datetime.now(UTC)
        session.merge(row)


def _activity(provider: ProviderConfig, row: SheetRow, found: list[Finding]) -> ActivityRow:
    if problem := identifiers.activity_id(row["activity_id"]):
        found.append(row.finding("activity_id", problem.code, problem.message, problem.hint))
    if not row["title"]:
        found.append(row.finding("title", "activity.no_title", "the title is empty"))
    return ActivityRow(
        provider_id=provider.id,
        activity_id=row["activity_id"],
        title=row["title"],
        format=row["format"],
        start=_date(row, "start", found),
        end=_date(row, "end", found),
        credits=_credits(row, found),
        boards=_boards(row, found),
        credit_claim_date=_date(row, "credit_claim_date", found),
        rems_type=_rems_type(row, found),
        rems_rpc_id=row["rems_rpc_id"],
    )


def _date(row: SheetRow, column: str, found: list[Finding]) -> date | None:
    text = row[column]
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        found.append(row.finding(column, "activity.bad_date", "not a date", "write it as 2026-03-31"))
        return None


def _credits(row: SheetRow, found: list[Finding]) -> Decimal | None:
    try:
        amount = Decimal(row["credits"]) if row["credits"] else None
    except InvalidOperation:
        amount = Decimal(-1)
    if amount is not None and (not amount.is_finite() or amount < 0 or amount % Decimal("0.25")):
        found.append(row.finding("credits", "activity.bad_credits", "not a number in steps of 0.25"))
        return None
    return amount


def _boards(row: SheetRow, found: list[Finding]) -> list[str]:
    codes = [code.strip().upper() for code in row["boards"].split(";") if code.strip()]
    for code in codes:
        if code not in BOARDS:
            hint = "known boards: " + ", ".join(sorted(BOARDS))
            found.append(row.finding("boards", "activity.unknown_board", "a board PARS does not know", hint))
    return codes


def _rems_type(row: SheetRow, found: list[Finding]) -> str:
    """As PARS writes it, or as mapping files may: `opioid-analgesic`."""
    known = {name.lower(): name for name in REMS_TYPES}
    text = row["rems_type"]
    if text and text.replace("-", " ").lower() not in known:
        hint = did_you_mean(text, known.values()) or "known: " + ", ".join(REMS_TYPES)
        found.append(row.finding("rems_type", "activity.unknown_rems", "a REMS that PARS does not know", hint))
    return known.get(text.replace("-", " ").lower(), text)


def _twice(rows: Sequence[SheetRow]) -> list[Finding]:
    first = {row["activity_id"]: row for row in reversed(rows)}
    again = [row for row in rows if first[row["activity_id"]] is not row]
    message, hint = "this activity stands in an earlier row too", "keep one row an activity"
    return [row.finding("activity_id", "activity.twice", message, hint) for row in again]
