"""One page into the store, inside the caller's transaction: what is known is skipped, what is re-sent is linked.

Knows no LRS and no cursor; a statement is met once per source and remembered for ever. What we have written to an LRS
ourselves is left out: it completes nothing, whatever a rule says, and a source that tells nothing else is quiet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from connector.lrs.statement import Read
from connector.store.tables import Source, StatementRow, Voided, WrittenBack

CHUNK = 1000
"""Values in one question: PostgreSQL takes 65,535, and a page may hold more statements than were asked for."""


def page(session: Session, source: str, reads: Iterable[Read], *, now: datetime) -> dict[str, int]:
    """Insert what is new of one page; returns how many were stored, known, linked, problems, voids and our own."""
    told = list(reads)
    ours = _ours(session, told)
    listed = [read for read in told if read.voids or not (read.is_report or read.statement.id in ours)]
    counts = Counter[str]({"own": len(told) - len(listed)} if len(listed) < len(told) else {})
    for start in range(0, len(listed), CHUNK):
        counts.update(_chunk(session, source, listed[start : start + CHUNK], now))
    return counts


def _chunk(session: Session, source: str, reads: Sequence[Read], now: datetime) -> dict[str, int]:
    offered: dict[str, Read] = {}
    for read in reads:
        offered.setdefault(read.statement.id, read)
    known = _known(session, source, list(offered))
    fresh = [read for statement_id, read in offered.items() if statement_id not in known]
    if fresh:
        session.connection().execute(insert(StatementRow), [_row(read, now) for read in fresh])
    return {
        "stored": len(fresh),
        "known": len(reads) - len(fresh),
        "linked": _link(session, [read.content_key for read in fresh if read.content_key])
        + _link_forwarded(session, source, [read.statement.id for read in fresh]),
        "problems": sum(read.problem is not None for read in fresh),
        "voids": _remember_voids(session, source, [read for read in fresh if read.voids], now=now),
    }


def _ours(session: Session, reads: Sequence[Read]) -> set[str]:
    """The ids that we have written: an LRS may have cut our extension off."""
    found: set[str] = set()
    for start in range(0, len(reads), CHUNK):
        ids = [read.statement.id for read in reads[start : start + CHUNK]]
        written = select(WrittenBack.statement_id).where(col(WrittenBack.statement_id).in_(ids))
        found.update(session.exec(written))
    return found


def _known(session: Session, source: str, ids: list[str]) -> set[str]:
    query = select(StatementRow.statement_id).where(
        StatementRow.source_id == source, col(StatementRow.statement_id).in_(ids)
    )
    return set(session.exec(query))


def _row(read: Read, now: datetime) -> dict[str, Any]:
    statement = read.statement
    return {
        "source_id": statement.source,
        "statement_id": statement.id,
        "stored": statement.stored,
        "timestamp": statement.timestamp,
        "actor_key": statement.actor_key or "",
        "members": list(read.members) or None,
        "verb": statement.verb,
        "object_id": statement.object_id,
        "registration": statement.registration,
        "content_key": read.content_key,
        "voids": read.voids,
        "problem": read.problem.model_dump(mode="json") if read.problem else None,
        "received_at": now,
        "raw": statement.raw,
    }


def _link(session: Session, keys: list[str]) -> int:
    """Point each new statement whose content is already known, from any source, to the first one met.

    The first met and not the first stored: an award that was opened by it need not be looked for again.
    """
    if not keys:
        return 0
    repeated = session.exec(
        select(StatementRow.content_key, func.min(StatementRow.id))
        .where(col(StatementRow.content_key).in_(keys))
        .group_by(col(StatementRow.content_key))
        .having(func.count() > 1)
    ).all()
    linked = 0
    for key, oldest in repeated:
        result = session.connection().execute(
            update(StatementRow)
            .where(col(StatementRow.content_key) == key)
            .where(col(StatementRow.id) != oldest, col(StatementRow.duplicate_of).is_(None))
            .values(duplicate_of=oldest)
        )
        linked += result.rowcount
    return linked


def _link_forwarded(session: Session, source: str, ids: list[str]) -> int:
    """Point each new statement whose id another source has told already to that one, or to what that one repeats."""
    if not ids:
        return 0
    original = aliased(StatementRow)
    elsewhere = select(Source.id).where(Source.id != source)  # the index on ids begins with the source
    same = select(StatementRow.id, func.min(func.coalesce(original.duplicate_of, original.id))).join(
        original,
        (col(original.statement_id) == col(StatementRow.statement_id)) & col(original.source_id).in_(elsewhere),
    )
    same = same.where(StatementRow.source_id == source, col(StatementRow.statement_id).in_(ids))
    same = same.where(col(StatementRow.duplicate_of).is_(None)).group_by(col(StatementRow.id))
    pairs = [{"id": pk, "duplicate_of": first} for pk, first in session.exec(same) if first != pk]
    if pairs:
        session.execute(update(StatementRow), pairs)
    return len(pairs)


def _remember_voids(session: Session, source: str, voiding: list[Read], *, now: datetime) -> int:
    """Remember voided ids, also of statements that were not seen yet: order is not promised."""
    if not voiding:
        return 0
    first = {read.voids: read for read in reversed(voiding)}
    query = select(Voided.statement_id).where(Voided.source_id == source, col(Voided.statement_id).in_(list(first)))
    for known in session.exec(query).all():
        del first[known]
    by = _keys(session, source, [read.statement.id for read in first.values()])
    for target, read in first.items():
        at = read.statement.stored or now
        session.add(Voided(source_id=source, statement_id=target, by_statement=by[read.statement.id], at=at))
    return len(first)


def _keys(session: Session, source: str, ids: list[str]) -> dict[str, int]:
    query = select(StatementRow.statement_id, col(StatementRow.id)).where(
        StatementRow.source_id == source, col(StatementRow.statement_id).in_(ids)
    )
    return {statement_id: key for statement_id, key in session.exec(query) if key is not None}
