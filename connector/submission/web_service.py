"""One save or delete over a web service: the journal's row first, then the request, then its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from connector.config import Config
from connector.errors import ConnectorError, InDoubt, NeedsOperator, RetryLater
from connector.http import MAX_BODY_SECONDS
from connector.metrics import CREDITS_SENT
from connector.pars.client import ParsClient
from connector.records import Counts, Outcome, Payload, Reply, Verdict
from connector.store import journal
from connector.store.circuit import back_off
from connector.store.leases import lease
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Channel, Credit, Record, Submission

Action = Literal["add", "delete"]

LEASE_MARGIN = timedelta(minutes=2)


@dataclass
class Desk:
    """What every send of one provider's turn shares: the open channel and the counts."""

    store: Store
    config: Config
    client: ParsClient
    channel_id: int
    provider_id: str
    kind: str
    counts: Counts
    on_trial: bool = False  # the channel was stopped; the next answer to a save proves that it is well again


@dataclass(frozen=True)
class Claim:
    """One request about to leave: written down, its credits under the lease that names it."""

    submission_id: int
    payload: Payload
    ids: tuple[str, ...]
    lease: str


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


def lock_record(session: Session, record_id: int) -> Record | None:
    """A record is claimed whole or, when another daemon has it, not at all."""
    return session.exec(select(Record).where(Record.id == record_id).with_for_update(skip_locked=True)).first()


def claim(
    session: Session, desk: Desk, action: Action, payload: Payload, credits_: Sequence[Credit], now: datetime
) -> Claim:
    """The journal's row and the leases, in the transaction before the request."""
    channel = session.get_one(Channel, desk.channel_id)
    row = journal.write(session, channel, action, payload, credits_, now)
    holder = f"{desk.store.owner} submission {row.id}"
    for credit in credits_:
        credit.attempts += 1
        credit.negatives, credit.first_negative_at = 0, None
        credit.asked = 0  # the questions about this request begin anew, and with the short pauses
        lease(credit, holder, now=now, length=_longest_request(desk.config) + LEASE_MARGIN)
        session.add(credit)
    return Claim(row.id, payload, tuple(credit.credit_id for credit in credits_), holder)


def _longest_request(config: Config) -> timedelta:
    """Sending the body and waiting for the answer's head may each take `pars.timeout`, its body what http.py allows."""
    return 2 * config.pars.timeout + timedelta(seconds=MAX_BODY_SECONDS)


def carry(desk: Desk, claimed: Claim, action: Action) -> Answer:
    """Send and read; no transaction is open meanwhile."""
    answer = Answer()
    try:
        answer.reply = desk.client.send(claimed.payload)
        outcomes = desk.client.read_save(answer.reply, claimed.ids, action)
        answer.outcomes = {outcome.credit_id: outcome for outcome in outcomes}
    except (RetryLater, NeedsOperator, InDoubt) as error:
        answer.error = error
    if not answer.nothing_happened:
        CREDITS_SENT.labels(channel=desk.kind).inc(len(claimed.ids))
    return answer


def still_mine(session: Session, claimed: Claim, state: State) -> Sequence[Credit]:
    """The credits that this answer may move: once the lease has run out and PARS was asked, it comes too late."""
    rows = select(Credit).where(Credit.lease_owner == claimed.lease, Credit.state == state)
    return session.exec(rows.order_by(col(Credit.id)).with_for_update()).all()


def keep(session: Session, claimed: Claim, answer: Answer, credits_: Sequence[Credit]) -> None:
    """The journal's second half, in the transaction that also moves the credits."""
    now = datetime.now(UTC)
    row = session.get_one(Submission, claimed.submission_id)
    journal.answer(session, row, answer.reply, code=answer.code, now=now)
    if not answer.nothing_happened:
        for credit in credits_:
            journal.outcome(session, row, credit, answer.about(credit))
    if answer.reply is not None:
        channel = session.get_one(Channel, row.channel_id)
        channel.last_word_at = now
        session.add(channel)


def pause(desk: Desk, credits_: Sequence[Credit]) -> timedelta:
    """One pause for all credits of a record: each with its own, they would leave apart."""
    attempts = max((credit.attempts for credit in credits_), default=1)
    return back_off(attempts, desk.config.pars.retry_first, desk.config.pars.retry_most)
