"""The provider's activity sheet: what PARS knows of each activity, as far as the gates need it. Sends nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from connector.config import Config, ProviderConfig
from connector.errors import ConfigError
from connector.findings import Finding, did_you_mean
from connector.pars import identifiers
from connector.pars.point_columns import POINT_COLUMNS
from connector.pars.vocabulary import BOARDS
from connector.records import Counts, RemsAnswers
from connector.sheets import SheetRow, read_sheet
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import ActivityRow, Award, Credit, LearnerRow

REQUIRED = ("activity_id", "title", "start", "end", "credits")
REMS_TYPES: tuple[str, ...] = get_args(RemsAnswers.model_fields["type"].annotation)
OPTIONAL = ("boards", "credit_claim_date", "rems_type", "rems_rpc_id", "format")
OTHERS = ("object_id", *POINT_COLUMNS)
"""Not read here: with them the sheet can be the catalogue of a rule too."""


def load(config: Config, store: Store) -> int:
    """As `run`, at the start: how many activities the sheets hold. Raises ConfigError with all findings."""
    run(store, config)
    return sum(len(_rows(provider)) for provider in config.providers)


def run(store: Store, config: Config) -> Counts:
    """Take over what has changed in the sheets since the last turn; a bad sheet leaves the store as it was."""
    counts = Counts()
    for provider in config.providers:
        if provider.activities is not None:
            counts += _take_over(store, provider, _rows(provider))
    return counts


def _rows(provider: ProviderConfig) -> tuple[ActivityRow, ...]:
    return _parsed(provider, *_stamp(provider.activities)) if provider.activities else ()


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat() if path.is_file() else None
    return (stat.st_mtime_ns, stat.st_size) if stat else (0, 0)


@lru_cache(maxsize=32)
def _parsed(provider: ProviderConfig, _changed_at: int, _size: int) -> tuple[ActivityRow, ...]:
    """The sheet's rows, read again only when the file has changed; never given to a session themselves."""
    return tuple(read(provider))


def _take_over(store: Store, provider: ProviderConfig, rows: Sequence[ActivityRow]) -> Counts:
    with store.reading() as session:
        known = {row.activity_id: row for row in session.exec(_of(provider))}
    changed = [row for row in rows if row.activity_id not in known or _facts(row) != _facts(known[row.activity_id])]
    gone = known.keys() - {row.activity_id for row in rows}
    if not (changed or gone):
        return Counts()
    now = datetime.now(UTC)
    with store.writing() as session:
        for row in changed:
            session.merge(ActivityRow(**_facts(row), loaded_at=now))
        for row in session.exec(_of(provider).where(col(ActivityRow.activity_id).in_(gone))):
            session.delete(row)
        _judge_again(session, provider, {row.activity_id for row in changed} | gone, now)
        limits = {row.activity_id: (row.credits, row.format) for row in known.values()}
        other = {row.activity_id for row in changed if limits.get(row.activity_id) != (row.credits, row.format)}
        _share_again(session, provider, other | gone, now)
    return Counts(changed=len(changed), gone=len(gone))


def _of(provider: ProviderConfig) -> SelectOfScalar[ActivityRow]:
    return select(ActivityRow).where(ActivityRow.provider_id == provider.id)


def _facts(row: ActivityRow) -> dict[str, Any]:
    return row.model_dump(exclude={"loaded_at"})


def _judge_again(session: Session, provider: ProviderConfig, activity_ids: Collection[str], now: datetime) -> None:
    """A changed activity may be what a held credit waited for, or what PARS refused one for."""
    theirs = select(Credit).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.provider_id == provider.id)
    theirs = theirs.where(col(Award.activity_id).in_(activity_ids), Credit.wanted == "present")
    for credit in session.exec(theirs.where(col(Credit.state).in_((State.HELD, State.REFUSED)))):
        if credit.state == State.HELD:
            credit.next_at = None
            session.add(credit)
        elif credit.at_pars == "no":
            move(session, credit, State.HELD, now=now, code="activity.changed", by="activities")
            award = session.get_one(Award, credit.award_id)
            if award.per:  # while it was refused, others may have taken its share
                session.get_one(LearnerRow, award.learner_id).fetched_at = None


def _share_again(session: Session, provider: ProviderConfig, activity_ids: Collection[str], now: datetime) -> None:
    """Who earns one of these again and again has another maximum now: the learners room looks at him anew, and
    validation waits for that. What is ready does not leave before."""
    theirs = (Award.provider_id == provider.id, Award.per != "", col(Award.activity_id).in_(activity_ids))
    who = select(Award.learner_id).where(*theirs)
    for learner in session.exec(select(LearnerRow).where(col(LearnerRow.id).in_(who))):
        learner.fetched_at = None
        session.add(learner)
    ready = select(Credit).where(Credit.state == State.READY, Credit.kind != "rems", Credit.wanted == "present")
    ready = ready.where(col(Credit.award_id).in_(select(Award.id).where(*theirs)))
    for credit in session.exec(ready.with_for_update()).all():
        move(session, credit, State.HELD, now=now, code="credit.series", by="activities")


def read(provider: ProviderConfig) -> list[ActivityRow]:
    """One provider's sheet as rows. Raises ConfigError with every finding, by line and column."""
    assert provider.activities is not None  # noqa: S101 - asked only for providers with a sheet
    found: list[Finding] = []
    sheet = read_sheet(provider.activities, required=REQUIRED, optional=(*OPTIONAL, *OTHERS)).rows
    rows = [_activity(provider, row, found) for row in sheet]
    found += _twice(sheet)
    if found:
        first = found[0]
        raise ConfigError("config.activities", first.message, first.hint, where=first.where, findings=tuple(found))
    return rows


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
