"""What can become of a completion: each fate with a sentence for a newcomer, and how an example of it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from connector.store.states import State
from connector.store.tables import Credit, EvidenceRow, StatementRow


@dataclass(frozen=True)
class Fate:
    """`find` names an example for `explain`: a credit's number or a statement's id."""

    title: str
    means: str
    find: Callable[[Session], str | None]


def totals(session: Session) -> list[tuple[str, int, str]]:
    """How many credits are in each state, in the order of the states, with the reasons of those that have one."""
    grouped = session.exec(select(Credit.state, Credit.reason, func.count()).group_by(Credit.state, Credit.reason))
    counted = {(state, reason): count for state, reason, count in grouped}
    found = []
    for state in State:
        reasons = {reason: count for (one, reason), count in sorted(counted.items()) if one == state}
        if reasons:
            why = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if reason)
            found.append((str(state), sum(reasons.values()), why))
    return found


def _credit(**wanted: str) -> Callable[[Session], str | None]:
    def find(session: Session) -> str | None:
        query = select(Credit.id).order_by(col(Credit.id).desc())
        for name, value in wanted.items():
            query = query.where(getattr(Credit, name) == value)
        found = session.exec(query.limit(1)).first()
        return str(found) if found is not None else None

    return find


def _ignored(session: Session) -> str | None:
    query = select(StatementRow.statement_id).join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    return session.exec(query.where(EvidenceRow.outcome == "ignored").limit(1)).first()


def _duplicate(session: Session) -> str | None:
    linked = select(StatementRow.statement_id).where(col(StatementRow.duplicate_of).is_not(None))
    return session.exec(linked.limit(1)).first()


FATES = (
    Fate(
        "confirmed",
        "PARS holds the credit and the learner's board has accepted it: done.",
        _credit(state=State.CONFIRMED, kind="moc"),
    ),
    Fate(
        "waiting for the board",
        "PARS took the credit; the board has not answered yet. It is asked about until it has.",
        _credit(state=State.PENDING),
    ),
    Fate(
        "refused by PARS",
        "PARS said no at once. The credit waits for a person to correct what PARS names; the others go on.",
        _credit(state=State.REFUSED),
    ),
    Fate(
        "rejected by the board",
        "PARS took the credit, the board said no later. A person decides what to do.",
        _credit(state=State.REJECTED),
    ),
    Fate(
        "learner not matched",
        "PARS knows nobody with this name, birth day and number. Correct the learner: it goes out again by itself.",
        _credit(state=State.UNMATCHED),
    ),
    Fate(
        "not eligible",
        "The profession earns no such credit, so it was never sent.",
        _credit(state=State.CLOSED, reason="learner.not_eligible"),
    ),
    Fate(
        "ignored by rule",
        "A statement that looked like a completion and is none: the first condition that failed is the reason.",
        _ignored,
    ),
    Fate(
        "duplicate linked",
        "The LMS sent one completion twice. It is evidence of the same award, and is reported once.",
        _duplicate,
    ),
    Fate(
        "voided and withdrawn",
        "The LMS took a completion back after it was reported, so the credit was withdrawn from PARS.",
        _credit(state=State.WITHDRAWN),
    ),
)
