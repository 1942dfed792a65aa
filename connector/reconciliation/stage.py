"""Stage 6: leases that ran out become doubts, and every credit that is not settled is asked about."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session, col, or_, select

from connector import channels
from connector.config import Config, ProviderConfig
from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import Unclear
from connector.pars.lookup import Seen, look
from connector.reconciliation import status
from connector.records import Counts
from connector.store import circuit, poison
from connector.store.leases import free, has_run_out
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Channel, Credit
from connector.store.views import as_record_credit, learner_query

_ASKED = (State.IN_DOUBT, State.WITHDRAWAL_IN_DOUBT, State.PENDING)


def run(store: Store, config: Config) -> Counts:
    """Settle what can be settled, provider by provider."""
    counts = Counts()
    _give_up_leases(store, counts)
    for provider in config.providers:
        _turn(store, config, provider, counts)
    return counts


def _give_up_leases(store: Store, counts: Counts) -> None:
    """Only a lease that has run out makes a doubt: a process that starts knows nothing about its neighbours."""
    now = datetime.now(UTC)
    with store.writing() as session:
        leased = select(Credit).where(
            col(Credit.state).in_((State.SENDING, State.WITHDRAWING)), Credit.lease_owner != ""
        )
        for credit in session.exec(leased.with_for_update(skip_locked=True)):
            if has_run_out(credit, now):
                free(credit)
                target = State.IN_DOUBT if credit.state == State.SENDING else State.WITHDRAWAL_IN_DOUBT
                move(session, credit, target, now=now, code="pars.lease_ran_out", by="reconciliation")
                counts["in_doubt"] += 1


def _turn(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    now = datetime.now(UTC)
    with store.reading() as session:
        due = _due(session, provider, now)
    if not due:
        return
    with store.writing() as session:
        channel = channels.row_of(session, provider, provider.channel)
    if channel.circuit == "open":
        return  # submission probes it
    with channels.open_client(config, provider, provider.channel) as client:
        for credit_id in due:
            if store.stopping.is_set() or not _settle(store, config, client, channel.id, credit_id, counts):
                return


def _due(session: Session, provider: ProviderConfig, now: datetime) -> list[int]:
    rows = select(Credit.id).where(Credit.provider_id == provider.id, col(Credit.state).in_(_ASKED))
    rows = rows.where(or_(col(Credit.next_at).is_(None), col(Credit.next_at) <= now))
    return list(session.exec(rows.order_by(col(Credit.next_at), col(Credit.id))).all())


def _settle(store: Store, config: Config, client: ParsClient, channel_id: int, credit_pk: int, counts: Counts) -> bool:
    """Ask about one credit and apply the answer; False when the channel stopped."""
    with store.reading() as session:
        credit = session.get_one(Credit, credit_pk)
        award = session.get_one(Award, credit.award_id)
    try:
        seen = _look(client, credit, award)
    except Unclear:
        _later(store, config, credit_pk)
        return True
    except (RetryLater, NeedsOperator) as error:
        _stop(store, config, channel_id, error)
        return False
    now = datetime.now(UTC)
    with store.writing() as session:
        fresh = session.get_one(Credit, credit_pk)
        before = fresh.state
        with poison.contained(session, "reconciliation", fresh, now=now):
            if before == credit.state:
                status.read(session, fresh, award, seen, config.pars, now)
        counts["asked"] += 1
        counts[fresh.state] += fresh.state != before
    return True


def _look(client: ParsClient, credit: Credit, award: Award) -> Seen:
    """By id; for a doubtful add also by learner, activity and date."""
    birth_day = (credit.sent_as or {}).get("birth_day", "")
    query = learner_query(credit, award, birth_day) if credit.state == State.IN_DOUBT else None
    return look(client, as_record_credit(credit), query)


def _later(store: Store, config: Config, credit_pk: int) -> None:
    with store.writing() as session:
        credit = session.get_one(Credit, credit_pk)
        credit.next_at = datetime.now(UTC) + config.pars.ask_every
        session.add(credit)


def _stop(store: Store, config: Config, channel_id: int, error: ConnectorError) -> None:
    with store.writing() as session:
        channel = session.get_one(Channel, channel_id)
        now = datetime.now(UTC)
        circuit.stop(session, channel, error, now=now, first=config.pars.retry_first, most=config.pars.probe)
