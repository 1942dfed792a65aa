"""Rows of a sheet that was imported before and has been corrected: the statement they correct no longer stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from sqlmodel import Session, col, select

from connector.config import SHEET
from connector.lrs import own
from connector.lrs.statement import read
from connector.records import Statement
from connector.store.session import Store
from connector.store.tables import StatementRow, Voided


def newest(store: Store, raws: Sequence[bytes], *, overrule: bool) -> tuple[list[bytes], int]:
    """A sheet's statements as they are to be kept, and of how many rows another sheet has corrected what they say.

    An older sheet that is imported again and one that corrects a row back say the same: only a person can tell them
    apart. With `overrule` such a row stands again, under a new id; without, it stays corrected and is counted.
    """
    kept, stale = list[bytes](), 0
    with store.reading() as session:
        for raw in raws:
            said, is_news = _standing(session, raw)
            stays = said != raw and is_news and not overrule
            kept.append(raw if stays else said)
            stale += stays
    return kept, stale


def _standing(session: Session, raw: bytes) -> tuple[bytes, bool]:
    """The row under the first of its ids that was not taken back, and whether that would be news."""
    said, serials = raw, count(1)
    while session.get(Voided, (SHEET, read(said, SHEET).statement.id)):
        said = own.again(raw, next(serials))
    known = select(StatementRow.id).where(StatementRow.source_id == SHEET)
    return said, session.exec(known.where(StatementRow.statement_id == read(said, SHEET).statement.id)).first() is None


def voids(store: Store, raws: Sequence[bytes], *, now: datetime) -> list[bytes]:
    """A voiding statement for each older statement of a sheet that tells the same fact in other words.

    Older than the row's own, if that is known already: a first sheet that is imported again takes nothing back.
    """
    with store.reading() as session:
        stale = {one for raw in raws for one in _corrected(session, read(raw, SHEET).statement)}
    return [own.voiding(one, stored=now) for one in sorted(stale)]


def _corrected(session: Session, statement: Statement) -> Sequence[str]:
    """The ids of what stands and is about the same person, verb, object, time and registration."""
    of_sheet = StatementRow.source_id == SHEET
    mine = select(StatementRow.id).where(of_sheet, StatementRow.statement_id == statement.id)
    before = session.exec(mine).first()
    gone = select(Voided.statement_id).where(Voided.source_id == SHEET)
    same = select(StatementRow.statement_id).where(
        of_sheet,
        StatementRow.actor_key == statement.actor_key,
        StatementRow.verb == statement.verb,
        StatementRow.object_id == statement.object_id,
        StatementRow.registration == statement.registration,
        StatementRow.timestamp == statement.timestamp,
        StatementRow.statement_id != statement.id,
        col(StatementRow.statement_id).not_in(gone),
    )
    return session.exec(same if before is None else same.where(col(StatementRow.id) < before)).all()
