"""Stage 5: ready credits leave, withdrawals leave, an outage stops the channel and parks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sqlmodel import select

from connector import channels
from connector.config import Config, ProviderConfig
from connector.errors import ConnectorError, NeedsOperator, RetryLater
from connector.pars.exchange import Unclear
from connector.records import Counts
from connector.store import circuit, poison
from connector.store.session import Store
from connector.store.tables import Channel, Credit
from connector.submission import adds, deletes
from connector.submission.web_service import Answer, Desk


def run(store: Store, config: Config) -> Counts:
    """One turn for every provider; one provider's outage never delays another's credits."""
    counts = Counts()
    for provider in config.providers:
        deletes.carry_out_wishes(store, config, provider.id, counts)
        _turn(store, config, provider, counts)
    return counts


def _turn(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    with store.writing() as session:
        channel = channels.row_of(session, provider, provider.channel)
    if not circuit.is_closed(channel, datetime.now(UTC)):
        return
    if not (_due(store, provider) or channel.circuit == "open"):
        return
    with channels.open_client(config, provider, provider.channel) as client:
        desk = Desk(store, config, client, channel.id, provider.channel, counts)
        if channel.circuit == "open" and not _probe(desk):
            return
        _send_all(desk, provider)


def _due(store: Store, provider: ProviderConfig) -> bool:
    now = datetime.now(UTC)
    with store.reading() as session:
        return bool(deletes.due_withdrawals(session, provider.id, now) or adds.due_records(session, provider.id, now))


def _send_all(desk: Desk, provider: ProviderConfig) -> None:
    now = datetime.now(UTC)
    with desk.store.reading() as session:
        going = deletes.due_withdrawals(session, provider.id, now)
        coming = adds.due_records(session, provider.id, now)
    if _each(desk, going, deletes.withdraw_record):
        _each(desk, coming, adds.send_record)


def _each(desk: Desk, record_ids: Iterable[int], send: Callable[[Desk, int], Answer | None]) -> bool:
    """One after the other, one in flight; False when the channel stopped."""
    for record_id in record_ids:
        if desk.store.stopping.is_set():
            return False
        try:
            answer = send(desk, record_id)
        except Unclear:
            continue  # the question before the send settled nothing about this one: next turn
        except (RetryLater, NeedsOperator) as error:
            _stop(desk, error)
            return False
        except Exception as error:
            _set_aside(desk, record_id, error)
            continue
        if answer and answer.error and not _goes_on(desk, answer.error):
            return False
    return True


def _set_aside(desk: Desk, record_id: int, error: Exception) -> None:
    """A poisonous record waits an hour; what may have left is under its lease and is asked about."""
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        poison.note(session, "submission", error, now)
        for credit in session.exec(select(Credit).where(Credit.record_id == record_id)):
            credit.next_at = now + poison.PAUSE
            session.add(credit)


def _goes_on(desk: Desk, error: ConnectorError) -> bool:
    """After a save that left its credit in doubt, PARS's own answer to a harmless read decides about the channel."""
    if isinstance(error, RetryLater | NeedsOperator):
        _stop(desk, error)
        return False
    return _probe(desk)


def _probe(desk: Desk) -> bool:
    try:
        desk.client.probe()
    except Unclear:
        pass
    except (RetryLater, NeedsOperator) as error:
        _stop(desk, error)
        return False
    with desk.store.writing() as session:
        circuit.recover(session, session.get_one(Channel, desk.channel_id), now=datetime.now(UTC))
    return True


def _stop(desk: Desk, error: ConnectorError) -> None:
    patience = desk.config.pars
    with desk.store.writing() as session:
        channel = session.get_one(Channel, desk.channel_id)
        now = datetime.now(UTC)
        circuit.stop(session, channel, error, now=now, first=patience.retry_first, most=patience.probe)
