"""The provider's activity sheet: what PARS knows of each activity, as far as the gates need it. Sends nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sqlmodel import Session

from connector.config import Config, ProviderConfig
from connector.errors import ConfigError
from connector.findings import Finding
from connector.pars import identifiers
from connector.pars.vocabulary import BOARDS
from connector.sheets import SheetRow, read_csv
from connector.store.session import Store
from connector.store.tables import ActivityRow

REQUIRED = ("activity_id", "title", "start", "end", "credits")
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
    rows = [
        _activity(provider, row, found) for row in read_csv(provider.activities, required=REQUIRED, optional=OPTIONAL)
    ]
    found += _twice(provider.activities, rows)
    if found:
        raise ConfigError("config.activities", "\n".join(str(finding) for finding in found))
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
        rems_type=row["rems_type"],
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
    if amount is not None and (amount < 0 or amount % Decimal("0.25")):
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


def _twice(path: Path, rows: list[ActivityRow]) -> list[Finding]:
    ids = [row.activity_id for row in rows]
    return [
        Finding(
            level="error",
            code="activity.twice",
            path=str(path),
            message=f"activity {one} stands in two rows",
            hint="keep one row an activity",
        )
        for one in sorted({one for one in ids if ids.count(one) > 1})
    ]
