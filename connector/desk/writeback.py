"""Tells an LRS what became of the credits that its statements earned. Knows no name and no number of a learner.

A row is written for each move before anything leaves; the statement's id is made of the move, so that twice is once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from connector.config import Config, SourceConfig
from connector.endpoints import open_client
from connector.errors import ConnectorError, NeedsOperator
from connector.logs import log
from connector.lrs import own
from connector.lrs.client import LrsClient
from connector.metrics import WRITTEN_BACK
from connector.records import Counts
from connector.store import circuit
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Event, EvidenceRow, StatementRow, WrittenBack

TOLD: Final = (State.CONFIRMED, State.UNMATCHED, State.WITHDRAWN)
FIRST: Final = timedelta(hours=1)
"""How far back the first turn looks: what happened before this was switched on is not told."""
LATE: Final = timedelta(days=7)
"""How long a daemon may have been off, and still tells what it had done before."""
LOOK_BACK: Final = 1000
"""Events of PostgreSQL get their numbers before they are committed: so many numbers are looked at again."""
BATCH: Final = 500
RETRY_FIRST, RETRY_MOST = timedelta(minutes=1), timedelta(hours=1)

ELSEWHERE, GONE, OUTDATED, REFUSED = "elsewhere", "gone", "outdated", "lrs.write_refused"
_OVER: Final = (ELSEWHERE, GONE, OUTDATED, REFUSED)
"""Nothing of this kind is ever posted: no LRS of ours has told of it, its bytes are gone, a newer word is there."""


def run(store: Store, config: Config) -> Counts:
    """Write down what is new, then post what is due; an LRS that fails keeps neither the others nor the desk."""
    counts = Counts()
    settings = config.desk.write_back
    if settings is None:
        return counts
    targets = [one for one in config.polled if not settings.sources or one.name in settings.sources]
    while not store.stopping.is_set() and _note_moves(store, {one.name for one in targets}) == BATCH:
        pass
    for source in targets:
        _deliver(store, source, settings.verb, counts)
    return counts


def _note_moves(store: Store, names: Collection[str]) -> int:
    """A row for each move that none has yet; how many there were."""
    now = datetime.now(UTC)
    with store.writing() as session:
        alone(session, "desk.write_back")
        moves = _new_moves(session, now)
        for move in moves:
            credit = session.get_one(Credit, int(move.subject_id))
            found = None if credit.kind == "rems" else _told_by(session, credit, names)  # a REMS record has nobody
            row = WrittenBack(
                event_id=move.id,
                credit_pk=credit.id,
                source_id=found[0].source_id if found else "",
                statement_id=own.report_id(credit.credit_id, move.to_state, f"{move.at}") if found else "",
                code="" if found else ELSEWHERE,
            )
            session.add(_in_place_of_older(session, row))
            session.flush()
    return len(moves)


def _new_moves(session: Session, now: datetime) -> Sequence[Event]:
    first, last = session.exec(select(func.min(WrittenBack.event_id), func.max(WrittenBack.event_id))).one()
    moves = select(Event).where(Event.subject == "credit", Event.what == "moved", col(Event.to_state).in_(TOLD))
    if last is None:
        moves = moves.where(col(Event.at) >= now - FIRST)
    else:
        moves = moves.where(col(Event.at) >= now - LATE, col(Event.id) > max(first, last - LOOK_BACK))
    known = select(WrittenBack.event_id).where(WrittenBack.event_id == Event.id)
    return session.exec(moves.where(~known.exists()).order_by(col(Event.id)).limit(BATCH)).all()


def _told_by(session: Session, credit: Credit, names: Collection[str]) -> tuple[StatementRow, str] | None:
    """The statement of one of these sources that earned the credit, best the one that opened its award, and of whom."""
    award = session.get_one(Award, credit.award_id)
    told = select(StatementRow, EvidenceRow.actor_key)
    told = told.join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    told = told.where(EvidenceRow.award_id == award.id, EvidenceRow.outcome == "completion")
    told = told.where(col(StatementRow.source_id).in_(names))
    other = col(EvidenceRow.actor_key) != award.anchor
    return session.exec(told.order_by(other, ~col(EvidenceRow.standing), col(StatementRow.id)).limit(1)).first()


def _in_place_of_older(session: Session, row: WrittenBack) -> WrittenBack:
    """What was not posted yet is no longer true; an outage that it met goes on with the new one."""
    for older in _open(session, WrittenBack.credit_pk == row.credit_pk):
        if row.source_id == older.source_id and older.attempts:
            row.attempts, row.next_at, row.code = older.attempts, older.next_at, older.code
        older.code = OUTDATED
        session.add(older)
    return row


def _open(session: Session, *which: object) -> Sequence[WrittenBack]:
    rows = select(WrittenBack).where(col(WrittenBack.posted_at).is_(None), col(WrittenBack.code).not_in(_OVER))
    return session.exec(rows.where(*which).order_by(col(WrittenBack.event_id))).all()  # type: ignore[arg-type]


def _deliver(store: Store, source: SourceConfig, verb: str, counts: Counts) -> None:
    """In the order of the moves; the first failure ends the turn of this LRS."""
    with store.reading() as session:
        waiting = _open(session, WrittenBack.source_id == source.name)
    if not waiting or not all(circuit.is_due(row.next_at, datetime.now(UTC)) for row in waiting):
        return
    head = waiting[0].event_id
    try:
        with open_client(source) as lrs:
            for row in waiting:
                head = row.event_id
                if store.stopping.is_set():
                    return
                counts[_post(store, source, lrs, head, verb)] += 1
    except ConnectorError as error:
        if error.code.startswith(("store.", "config.store")):
            raise
        _stop(store, source, head, error)
        counts["failed"] += 1


def _post(store: Store, source: SourceConfig, lrs: LrsClient, event_id: int, verb: str) -> str:
    """One statement; what came of it."""
    with store.reading() as session:
        row = session.get_one(WrittenBack, event_id)
        raw = _statement(session, row, verb)
    if raw is None:
        _settle(store, row, GONE)
        return "not_written"
    answer = lrs.put(row.statement_id, raw)
    if answer == "stored":
        _settle(store, row, "")
        WRITTEN_BACK.labels(source=source.name).inc()
        return "written_back"
    _settle(store, row, REFUSED)
    return "not_written"


def _statement(session: Session, row: WrittenBack, verb: str) -> bytes | None:
    """None where the bytes of what it refers to are gone, or name no activity and nobody."""
    credit, move = session.get_one(Credit, row.credit_pk), session.get_one(Event, row.event_id)
    found = _told_by(session, credit, [row.source_id])
    if found is None or found[0].raw is None or found[0].problem is not None or move.at is None:
        return None
    statement, actor_key = found
    award = session.get_one(Award, credit.award_id)
    said = {"certification": credit.certification, "amount": float(credit.amount), "activity": award.activity_id}
    try:
        return own.report(
            row.statement_id,
            about=statement.raw or b"",
            actor_key=actor_key,
            verb=f"{verb}-{move.to_state}",
            at=move.at,
            credit=said,
        )
    except (ValueError, KeyError):
        return None


def _settle(store: Store, row: WrittenBack, code: str) -> None:
    """It is posted, or it never will be; says that an outage is over, and the first of several refusals."""
    now = datetime.now(UTC)
    with store.writing() as session:
        kept = session.get_one(WrittenBack, row.event_id, with_for_update=True)
        stuck = _open(session, WrittenBack.source_id == row.source_id, col(WrittenBack.attempts) > 0)
        was_down = bool(stuck) and code != GONE
        is_news = code == REFUSED and _last_word(session, row) != REFUSED
        kept.code, kept.next_at = code, None
        kept.posted_at = None if code else now
        session.add(kept)
        for one in stuck if was_down else ():
            one.attempts, one.next_at, one.code = 0, None, code if one is kept else ""
            session.add(one)
    if was_down:
        log.info("write_back.recovered", source=row.source_id)
    if is_news:
        hint = "its own log says why; what it refused is not written again"
        log.warning(
            "write_back.refused", source=row.source_id, credit=row.credit_pk, code=code, hint=hint, who="operator"
        )


def _last_word(session: Session, row: WrittenBack) -> str:
    """What came of the one before at the same LRS."""
    settled = (col(WrittenBack.posted_at).is_not(None)) | (WrittenBack.code == REFUSED)
    before = select(WrittenBack.code).where(WrittenBack.source_id == row.source_id, settled)
    before = before.where(col(WrittenBack.event_id) < row.event_id)
    return session.exec(before.order_by(col(WrittenBack.event_id).desc()).limit(1)).first() or ""


def _stop(store: Store, source: SourceConfig, event_id: int, error: ConnectorError) -> None:
    """The LRS is down or refuses us: said once, tried again at growing pauses."""
    with store.writing() as session:
        row = session.get_one(WrittenBack, event_id)
        is_news = row.code != error.code
        row.attempts, row.code = row.attempts + 1, error.code
        row.next_at = datetime.now(UTC) + circuit.back_off(row.attempts, RETRY_FIRST, RETRY_MOST)
        session.add(row)
    if is_news:
        log.warning(
            "write_back.stopped",
            source=source.name,
            code=error.code,
            error=error.message,
            hint=error.hint,
            who="operator" if isinstance(error, NeedsOperator) else "",
        )
