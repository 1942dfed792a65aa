"""The journal of requests that change something at PARS: the row is written before the request leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, or_, select

from connector.records import Outcome, Payload, Reply
from connector.store.tables import Channel, Credit, Submission, SubmissionCredit

Action = Literal["add", "delete"]


def write(
    session: Session,
    channel: Channel,
    action: Action,
    payload: Payload,
    credits_: Sequence[Credit],
    now: datetime,
) -> Submission:
    """The row before the send, with one line for each credit in it."""
    row = Submission(
        channel_id=channel.id,
        action=action,
        payload=payload.body,
        payload_hash=hashlib.sha256(payload.body).hexdigest(),
        content_type=payload.content_type,
        created_at=now,
    )
    session.add(row)
    session.flush()
    for credit in credits_:
        session.add(SubmissionCredit(submission_id=row.id, credit_pk=credit.id))
    return row


def answer(session: Session, row: Submission, reply: Reply | None, *, code: str, now: datetime) -> None:
    """What came back, or the code of why nothing did."""
    row.answered_at = now
    row.duration_ms = int((now - row.created_at).total_seconds() * 1000) if row.created_at else None
    row.code = code
    if reply is not None:
        row.http_status, row.reply = reply.status, reply.body
    session.add(row)


def outcome(session: Session, row: Submission, credit: Credit, said: Outcome) -> None:
    line = session.get_one(SubmissionCredit, (row.id, credit.id))
    line.verdict, line.code = said.verdict, said.code
    session.add(line)


def doubtful(session: Session, credit: Credit, action: Action) -> int:
    """How many saves of this credit settled nothing: no readable answer, none at all because the process died, an
    *already exists* or a *no such credit* that asking did not confirm. Three park it for a person.
    """
    verdicts = ("unreadable", "exists") if action == "add" else ("unreadable", "refused")
    lines = select(SubmissionCredit).join(Submission, col(Submission.id) == col(SubmissionCredit.submission_id))
    found = lines.where(
        SubmissionCredit.credit_pk == credit.id,
        Submission.action == action,
        or_(col(SubmissionCredit.verdict).in_(verdicts), col(Submission.answered_at).is_(None)),
    )
    return len(session.exec(found).all())
