"""Stage 5: ready credits leave, withdrawals leave, an outage stops the channel and parks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from sqlmodel import Session, col, select

from connector import channels
from connector.config import Config, ProviderConfig, ServiceKind
from connector.errors import NeedsOperator, RetryLater
from connector.pars.exchange import Unclear
from connector.records import Counts
from connector.store import circuit, poison
from connector.store.session import Store, StoreUnavailable
from connector.store.states import State
from connector.store.tables import Channel, Credit
from connector.submission import adds, deletes, leaving, prevalidation, send_off, wishes
from connector.submission.web_service import Answer, Desk

_TO_LEAVE = (State.READY, State.WITHDRAWING)


def run(store: Store, config: Config) -> Counts:
    """One turn for every provider."""
    return channels.every_provider(config, partial(_turn, store, config))


def _turn(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    wishes.carry_out(store, config, provider.id, counts)
    adds.delay_rems(store, config, provider.id)
    if provider.send == "off" or provider.service is None:
        send_off.say_daily(store, provider)
    if provider.send == "off":
        return
    for kind in channels.services(store, provider):
        _by_service(store, config, provider, kind, counts)


def _by_service(store: Store, config: Config, provider: ProviderConfig, kind: ServiceKind, counts: Counts) -> None:
    """Withdrawals leave by the channel by which their credits left; everything new by the provider's present one."""
    channel = channels.row_of(store, provider, kind)
    if not circuit.is_closed(channel, datetime.now(UTC)):
        return
    going, coming = _due(store, provider, channel)
    unknown = _unknown(store, config, provider) if kind == provider.channel else []
    if not (going or coming or unknown or channel.circuit == "open"):
        return
    client = channels.client_of(store, config, provider, channel, kind)
    if client is None:
        return
    with client:
        desk = Desk(store, config, client, channel.id, provider.id, kind, counts, bool(channel.code))
        if channel.circuit == "open":
            with store.lines[channel.id]:
                if not _probe(desk):
                    return
        if _each(desk, going, deletes.withdraw_record) and _each(desk, coming, adds.send_record):
            prevalidation.ask_daily(desk, unknown)


def _due(store: Store, provider: ProviderConfig, channel: Channel) -> tuple[list[int], list[int]]:
    """Records with a withdrawal that is due, and with an add."""
    now = datetime.now(UTC)
    with store.reading() as session:
        going = deletes.due_withdrawals(session, provider.id, now, channel.id)
        return going, leaving.due_records(session, provider.id, now) if channel.kind == provider.channel else []


def _unknown(store: Store, config: Config, provider: ProviderConfig) -> list[tuple[int, str]]:
    """Learners about whom PARS is to be asked though nothing of theirs is about to leave."""
    with store.reading() as session:
        return prevalidation.due(session, config, provider.id, datetime.now(UTC))


def _each(desk: Desk, record_ids: Iterable[int], send: Callable[[Desk, int], Answer | None]) -> bool:
    """One after the other, one in flight; False when the channel stopped."""
    for record_id in record_ids:
        with channels.in_line(desk.store, desk.channel_id) as flows:
            if not (flows and _one(desk, record_id, send)):
                return False
    return True


def _one(desk: Desk, record_id: int, send: Callable[[Desk, int], Answer | None]) -> bool:
    try:
        answer = send(desk, record_id)
    except StoreUnavailable:
        raise  # our own trouble, not the channel's
    except (RetryLater, NeedsOperator) as error:  # the question before the send
        channels.stop(desk.store, desk.config, desk.channel_id, error)
        return False
    except Exception as error:
        _set_aside(desk, record_id, error)
        return True
    return answer is None or _goes_on(desk, answer)


def _set_aside(desk: Desk, record_id: int, error: Exception) -> None:
    """A poisonous record waits an hour; what may have left is under its lease and is asked about."""
    now = datetime.now(UTC)
    with desk.store.writing() as session:
        poison.note(session, "submission", error, now)
        rows = select(Credit).where(Credit.record_id == record_id, col(Credit.state).in_(_TO_LEAVE))
        for credit in session.exec(rows.where(Credit.lease_owner == "").with_for_update()):
            credit.reason, credit.next_at = poison.CODE, now + poison.PAUSE
            session.add(credit)


def _goes_on(desk: Desk, answer: Answer) -> bool:
    """After a save that left its credit in doubt, PARS's own answer to a harmless read decides about the channel."""
    if isinstance(answer.error, RetryLater | NeedsOperator):
        channels.stop(desk.store, desk.config, desk.channel_id, answer.error)
        return False
    if answer.error is not None:
        return _probe(desk)
    if desk.on_trial:
        with desk.store.writing() as session:
            circuit.recover(session, session.get_one(Channel, desk.channel_id), now=datetime.now(UTC))
        desk.on_trial = False
    return True


def _probe(desk: Desk) -> bool:
    """May the channel go on? A stopped one is well when there is nothing to prove it with, else on trial."""
    try:
        desk.client.probe()
    except Unclear:
        pass  # an answer, if an odd one
    except (RetryLater, NeedsOperator) as error:
        channels.stop(desk.store, desk.config, desk.channel_id, error)
        return False
    with desk.store.writing() as session:
        channel = session.get_one(Channel, desk.channel_id)
        if channel.circuit == "open" and _has_work(session, desk):
            circuit.try_again(session, channel)
        elif channel.circuit == "open":
            circuit.recover(session, channel, now=datetime.now(UTC))
        desk.on_trial = bool(channel.code)
    return True


def _has_work(session: Session, desk: Desk) -> bool:
    rows = select(Credit.id).where(Credit.provider_id == desk.provider_id, col(Credit.state).in_(_TO_LEAVE))
    return session.exec(rows.limit(1)).first() is not None
