"""Wishes: what a command or page asks of the daemon, in one short transaction; a stage carries it out and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from connector.store.tables import Wish

PLAN = "plan"
"""What mapping carries out in several transactions; its `begun` says that the first was written."""

FIX, RETRY = "desk.fix", "desk.retry"
"""Carried out by the learners room. FIX: {learner, fields: {field: value}}, as `fixes.put` has them, or `consent`:
`yes` or `no`. RETRY: {credit}."""

WITHDRAW = "withdraw"
"""Carried out by the learners room: {credits: [numbers]}, exactly those that a person was shown and confirmed."""

LINK, UNLINK = "desk.link", "desk.unlink"
"""Carried out by the learners room. LINK: {actor, learner}. UNLINK: {actor}."""


def wish(session: Session, kind: str, args: dict[str, Any], *, by: str, now: datetime) -> Wish:
    """Ask for it; the row's `result` will say what came of it."""
    row = Wish(kind=kind, args=args, by=by, at=now)
    session.add(row)
    session.flush()
    return row


def asked(session: Session, kind: str) -> Sequence[Wish]:
    """What nobody has carried out yet, the oldest first; under a lock that another daemon passes by."""
    rows = select(Wish).where(Wish.kind == kind, col(Wish.done_at).is_(None)).order_by(col(Wish.id))
    return session.exec(rows.with_for_update(skip_locked=True)).all()


def is_half_applied(session: Session) -> bool:
    """Has a plan written its first outcomes, and not yet its last? What one half of the statements earns anew, the
    other half would still hold."""
    plans = session.exec(select(Wish.args).where(Wish.kind == PLAN, col(Wish.done_at).is_(None)))
    return any(args.get("begun") for args in plans)


def answer(session: Session, row: Wish, result: str, *, now: datetime) -> None:
    """What came of it; a correction's values and a link's mailbox stand with the learner, and are not kept here too."""
    row.done_at, row.result = now, result
    if isinstance(row.args.get("fields"), dict):
        row.args = row.args | {"fields": dict.fromkeys(row.args["fields"], "")}
    if "actor" in row.args:
        row.args = row.args | {"actor": ""}
    session.add(row)
