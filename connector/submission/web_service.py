"""One save or delete over a web service: the journal's row first, then the request, then its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sqlmodel import Session

from connector.config import Config
from connector.errors import ConnectorError, InDoubt, NeedsOperator, RetryLater
from connector.metrics import CREDITS_SENT
from connector.pars.client import ParsClient
from connector.records import Counts, Outcome, Payload, Reply, Verdict
from connector.store import journal
from connector.store.session import Store
from connector.store.tables import Credit, Submission

Action = Literal["add", "delete"]


@dataclass
class Desk:
    """What every send of one provider's turn shares: the open channel and the counts."""

    store: Store
    config: Config
    client: ParsClient
    channel_id: int
    kind: str
    counts: Counts
    doubts: int = 0  # saves without a readable answer in this turn


@dataclass
class Answer:
    """What came of one request: an outcome per credit, or the error that stands for all of them."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reply: Reply | None = None
    error: ConnectorError | None = None

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""

    @property
    def nothing_happened(self) -> bool:
        """PARS provably stored nothing: it was not reached, or it refused the caller before reading."""
        return isinstance(self.error, RetryLater | NeedsOperator)

    def about(self, credit: Credit) -> Outcome:
        """The outcome of one credit; without a readable answer it is in doubt."""
        doubtful = Outcome(credit_id=credit.credit_id, verdict=Verdict.UNREADABLE, code=self.code or "pars.unreadable")
        return self.outcomes.get(credit.credit_id, doubtful)


def carry(desk: Desk, payload: Payload, sent_ids: Sequence[str], action: Action) -> Answer:
    """Send and read; no transaction is open meanwhile."""
    answer = Answer()
    try:
        answer.reply = desk.client.send(payload)
        outcomes = desk.client.read_save(answer.reply, sent_ids, action)
        answer.outcomes = {outcome.credit_id: outcome for outcome in outcomes}
    except (RetryLater, NeedsOperator, InDoubt) as error:
        answer.error = error
    CREDITS_SENT.labels(channel=desk.kind).inc(len(sent_ids))
    desk.doubts += isinstance(answer.error, InDoubt)
    return answer


def keep(session: Session, submission_id: int, answer: Answer, credits_: Sequence[Credit]) -> None:
    """The journal's second half, in the transaction that also moves the credits."""
    row = session.get_one(Submission, submission_id)
    journal.answer(session, row, answer.reply, code=answer.code, now=datetime.now(UTC))
    if not answer.nothing_happened:
        for credit in credits_:
            journal.outcome(session, row, credit, answer.about(credit))
