"""A person says that a file was not uploaded: what stood in it waits for the next one. Asks PARS nothing."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from connector.errors import NeedsOperator
from connector.store import journal
from connector.store.leases import free
from connector.store.moves import move
from connector.store.states import State
from connector.store.tables import Credit, ExportFile, Submission, SubmissionCredit

UNDONE = "export.undone"


def refusal(session: Session, file: ExportFile) -> NeedsOperator | None:
    """Why this file cannot be undone any more."""
    if file.undone_at is not None:
        return NeedsOperator("export.undone", f"file {file.id} is undone already")
    lines = select(SubmissionCredit).where(SubmissionCredit.submission_id == file.submission_id)
    if session.exec(lines.where(SubmissionCredit.verdict != "").limit(1)).first() is not None:
        hint = "what PARS has is corrected one by one: `withdraw`"
        return NeedsOperator("export.answered", f"PARS has answered about file {file.id}: it was uploaded", hint)
    if (later := _later(session, file)) is not None:
        hint = f"pars-connector export {file.kind} --undo {later.id}"
        return NeedsOperator("export.later_file", f"file {later.id} takes back what file {file.id} reports", hint)
    return None


def _later(session: Session, file: ExportFile) -> ExportFile | None:
    """A later file that deletes one of its credits, and was not undone itself."""
    mine = select(SubmissionCredit.credit_pk).where(SubmissionCredit.submission_id == file.submission_id)
    rows = select(ExportFile).join(
        SubmissionCredit, col(SubmissionCredit.submission_id) == col(ExportFile.submission_id)
    )
    rows = rows.join(Submission, col(Submission.id) == col(ExportFile.submission_id))
    rows = rows.where(Submission.action == "delete", col(ExportFile.id) > file.id, col(ExportFile.undone_at).is_(None))
    return session.exec(rows.where(col(SubmissionCredit.credit_pk).in_(mine)).order_by(col(ExportFile.id))).first()


def undo(session: Session, file: ExportFile, *, by: str, now: datetime) -> int:
    """How many credits wait again. Raises NeedsOperator where it is too late."""
    if error := refusal(session, file):
        raise error
    row = session.get_one(Submission, file.submission_id)
    lines = select(SubmissionCredit.credit_pk).where(SubmissionCredit.submission_id == row.id)
    credits_ = session.exec(select(Credit).where(col(Credit.id).in_(lines)).order_by(col(Credit.id)).with_for_update())
    count = 0
    for credit in credits_.all():
        count += 1
        _as_before(session, credit, is_add=row.action == "add", by=by, now=now)
    journal.answer(session, row, None, code=UNDONE, now=now)
    file.undone_at, file.undone_by = now, by
    session.add(file)
    return count


def _as_before(session: Session, credit: Credit, *, is_add: bool, by: str, now: datetime) -> None:
    """How it left stays known: should somebody have uploaded the file all the same, its result finds the credit."""
    if not is_add:
        free(credit)
    elif credit.state == State.EXPORTED:
        credit.at_pars = "no"
        move(session, credit, State.READY, now=now, code=UNDONE, by=by)
    elif credit.state == State.WITHDRAWING:
        credit.at_pars = "no"
        move(session, credit, State.WITHDRAWN, now=now, code=credit.why_absent, by=by)
    session.add(credit)
