"""What a file that came back means for credits: each row finds its own, or is listed; nothing is guessed."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from connector.pars import replies
from connector.pars.receipts import Receipt, Said
from connector.pars.replies import Line
from connector.pars.wire import Tables
from connector.pars.wire.values import lookup
from connector.reconciliation.receipt_rows import Found, How, found, index_of
from connector.records import Frozen, Outcome, Verdict
from connector.store import attention
from connector.store.leases import free
from connector.store.moves import move, settle
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import (
    Award,
    Credit,
    ExportFile,
    ReceiptFile,
    ReceiptRow,
    Submission,
    SubmissionCredit,
)
from connector.store.unmatched import follow_match

EXISTS: Final = "pars.already_exists"
_SETTLED_BY_STATUS: Final = (State.EXPORTED, State.IN_DOUBT, State.PENDING, State.CONFIRMED, State.READY)
_IN_A_FILE: Final = "export "
CHUNK: Final = 200
MOST: Final = 200  # characters of a word of PARS's that are kept


class Told(Frozen):
    """One row, and one credit of those that it is about."""

    line: int
    how: How
    credit: int | None = None
    verdict: str = ""
    code: str = ""


@dataclass
class Imported:
    """What a file said: row by row, and which credits of an answered file it leaves out."""

    told: list[Told] = field(default_factory=list)
    missing: dict[int, int] = field(default_factory=dict)  # file -> how many of its credits have no row
    earlier: datetime | None = None  # this very file was imported then

    @property
    def counts(self) -> Counter[str]:
        return Counter(str(one.how) for one in self.told)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plan(store: Store, provider_id: str, receipt: Receipt, tables: Tables) -> Imported:
    """What the file would do; nothing is changed."""
    with store.reading() as session:
        rows = list(found(receipt, index_of(session, provider_id)))
        told = [_judged(session, receipt, one, tables)[0] for one in rows]
        return Imported(told, _missing(session, receipt, told))


def take(
    store: Store, provider_id: str, receipt: Receipt, tables: Tables, hash_: str, *, by: str, now: datetime,
    tell: Callable[[str], None] = lambda _: None,
) -> Imported:  # fmt: skip
    """Apply it, some rows a transaction. The same file a second time changes nothing."""
    with store.writing() as session:
        known = select(ReceiptFile).where(ReceiptFile.provider_id == provider_id, ReceiptFile.hash == hash_)
        earlier = session.exec(known).first()
        if earlier is not None and earlier.counts is not None:
            return Imported(earlier=earlier.imported_at)
        row = earlier or ReceiptFile(provider_id=provider_id, hash=hash_, what=receipt.what, imported_at=now, by=by)
        session.add(row)
        session.flush()
        rows = list(found(receipt, index_of(session, provider_id)))
        number = row.id
    told: list[Told] = []
    for start in range(0, len(rows), CHUNK):
        with store.writing() as session:
            told += [_applied(session, receipt, one, tables, number, now) for one in rows[start : start + CHUNK]]
        tell(f"{len(told):,} of {len(rows):,} rows")
    with store.writing() as session:
        missing = _missing(session, receipt, told)
        session.get_one(ReceiptFile, number).counts = dict(Counter(str(one.how) for one in told))
    return Imported(told, missing)


def _judged(session: Session, receipt: Receipt, found: Found, tables: Tables) -> tuple[Told, Credit | None, Outcome]:
    """What the row means for its credit as it stands now."""
    nothing = Outcome(credit_id="", verdict=Verdict.UNREADABLE)
    line = found.said.line
    if found.candidate is None:
        return Told(line=line, how=found.how), None, nothing
    credit = session.get_one(Credit, found.candidate.pk, with_for_update=True)
    deletes = credit.state == State.WITHDRAWING
    outcome = _outcome(receipt, found.said, credit.credit_id, tables, deletes=deletes)
    how = found.how
    if how is How.SETTLED and not _is_news(credit, outcome, receipt):
        how = How.UNCHANGED
    if how is How.SETTLED and receipt.what == "status" and outcome.verdict is Verdict.DELETED and not deletes:
        how = How.CONTRADICTING
    told = Told(line=line, how=how, credit=credit.id, verdict=outcome.verdict, code=outcome.code)
    return told, credit, outcome


def _outcome(receipt: Receipt, said: Said, credit_id: str, tables: Tables, *, deletes: bool) -> Outcome:
    table, line = tables.xml_service, said.words._replace(credit_id=credit_id)
    if receipt.what == "status":
        return replies.status_of(line, table.words, table.reasons)
    word = lookup(tables.receipts.results, line.status)
    if word is None:  # the XML document has the service's own words
        return replies.saved(line, "delete" if deletes else "add", table.words, table.reasons)
    if word == "refused":
        return replies.refusal(line, table.reasons)
    verdict = Verdict.DELETED if deletes else Verdict.TAKEN
    return replies.saved(
        _in_service_words(line, verdict, tables), "delete" if deletes else "add", table.words, table.reasons
    )


def _in_service_words(line: Line, verdict: Verdict, tables: Tables) -> Line:
    words = tables.xml_service.words
    known = words.deleted if verdict is Verdict.DELETED else words.taken
    return line._replace(status=known[0] if known else line.status)


def _is_news(credit: Credit, outcome: Outcome, receipt: Receipt) -> bool:
    """Does it say anything of the credit as it stands now?"""
    if credit.state == State.WITHDRAWING:
        over = outcome.verdict is Verdict.DELETED or (receipt.what == "result" and outcome.verdict is Verdict.REFUSED)
        return over and credit.lease_owner.startswith(_IN_A_FILE)
    if receipt.what == "result":
        return _is_news_of_a_file(credit, outcome)
    if credit.state == State.CONFIRMED:
        return outcome.verdict is Verdict.REJECTED
    known = (credit.state, credit.pars_status, credit.pars_words) == (State.PENDING, outcome.status, outcome.words)
    no_of_a_file = outcome.verdict is Verdict.REFUSED and credit.state == State.EXPORTED
    shown = outcome.verdict in (Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REJECTED) or no_of_a_file
    return credit.state in _SETTLED_BY_STATUS and shown and not known


def _is_news_of_a_file(credit: Credit, outcome: Outcome) -> bool:
    """A file that somebody took back, and uploaded all the same: only a yes counts, for a no the next file asks."""
    if credit.state == State.READY:
        return outcome.verdict is Verdict.TAKEN
    told = outcome.verdict is Verdict.EXISTS and credit.reason == EXISTS
    return credit.state == State.EXPORTED and outcome.verdict is not Verdict.UNREADABLE and not told


def _applied(session: Session, receipt: Receipt, found: Found, tables: Tables, receipt_id: int, now: datetime) -> Told:
    told, credit, outcome = _judged(session, receipt, found, tables)
    session.add(ReceiptRow(receipt_id=receipt_id, line=told.line, credit_pk=told.credit, how=told.how,
                           verdict=told.verdict, code=told.code))  # fmt: skip
    if told.how is How.SETTLED and credit is not None:
        _note_answer(session, credit, outcome)
        if credit.state == State.WITHDRAWING:
            _withdrawn(session, credit, outcome, now)
        else:
            _settle(session, credit, outcome, receipt, now)
    return told


def _note_answer(session: Session, credit: Credit, outcome: Outcome) -> None:
    """On the newest request about it: an answered file cannot be undone."""
    action = "delete" if credit.state == State.WITHDRAWING else "add"
    lines = select(SubmissionCredit).join(Submission, col(Submission.id) == col(SubmissionCredit.submission_id))
    lines = lines.where(SubmissionCredit.credit_pk == credit.id, Submission.action == action)
    line = session.exec(lines.order_by(col(Submission.id).desc()).limit(1)).first()
    if line is not None:
        line.verdict, line.code = outcome.verdict, outcome.code
        session.add(line)


def _settle(session: Session, credit: Credit, outcome: Outcome, receipt: Receipt, now: datetime) -> None:
    if outcome.verdict is Verdict.EXISTS:
        credit.reason, credit.pars_reason, credit.pars_words = EXISTS, outcome.reason, outcome.words
        hint = "PARS has one like it, and cannot be asked whose: import a status export or Download All Learners"
        attention.call(session, credit, EXISTS, now=now, hint=hint, by="receipt")
        return
    settle(session, credit, outcome, now=now, by_status=receipt.what == "status", by="receipt")
    attention.clear(session, credit, EXISTS, now=now, by="receipt")
    follow_match(session, credit, session.get_one(Award, credit.award_id), outcome.code, now=now)


def _withdrawn(session: Session, credit: Credit, outcome: Outcome, now: datetime) -> None:
    credit.pars_status, credit.pars_reason, credit.pars_words = outcome.status, outcome.reason, outcome.words
    free(credit)
    if outcome.verdict is Verdict.DELETED:
        credit.at_pars = "no"
        move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by="receipt")
    else:
        move(session, credit, State.WITHDRAWAL_REFUSED, now=now, code=outcome.code, by="receipt")
    session.add(credit)


def _missing(session: Session, receipt: Receipt, told: Sequence[Told]) -> dict[int, int]:
    """Of the files whose results these are: how many credits nobody has answered about yet."""
    named = {one.credit for one in told if one.credit is not None}
    if receipt.what != "result" or not named:
        return {}
    mine = select(ExportFile.id, SubmissionCredit.credit_pk, SubmissionCredit.verdict)
    mine = mine.join(SubmissionCredit, col(SubmissionCredit.submission_id) == col(ExportFile.submission_id))
    lines = defaultdict[int, list[tuple[int, str]]](list)
    for file, credit, verdict in session.exec(mine.where(col(ExportFile.undone_at).is_(None))):
        lines[file].append((credit, verdict))
    about = {file: credits_ for file, credits_ in lines.items() if any(pk in named for pk, _ in credits_)}
    left = {file: sum(pk not in named and not verdict for pk, verdict in found) for file, found in about.items()}
    return {file: count for file, count in left.items() if count}
