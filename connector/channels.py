"""A channel is a format times a carrier; a credit stays on the channel it first left by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from connector.config import SERVICES, ChannelKind, Config, ProviderConfig, ServiceKind
from connector.errors import ConfigError, ConnectorError
from connector.pars.client import ParsClient
from connector.pars.exchange import Credentials
from connector.pars.recording import Exchange
from connector.pars.wire import Tables
from connector.pars.wire.services import JsonWire, XmlWire
from connector.records import Counts
from connector.store import circuit
from connector.store.session import Store
from connector.store.tables import Channel

MOST_AT_ONCE = 8  # providers served side by side

Turn = Callable[[ProviderConfig, Counts], None]


def every_provider(config: Config, turn: Turn) -> Counts:
    """One turn for each provider, side by side: an outage of one, however slow, never delays another's credits."""

    def one(provider: ProviderConfig) -> Counts:
        counts = Counts()
        turn(provider, counts)
        return counts

    if len(config.providers) == 1:
        return one(config.providers[0])
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(config.providers))) as pool:
        return sum(pool.map(one, config.providers), Counts())


def wire_of(kind: ServiceKind, tables: Tables) -> XmlWire | JsonWire:
    """The table of one web service; a new one is one more line here."""
    services: dict[ServiceKind, XmlWire | JsonWire] = {
        "xml-service": tables.xml_service,
        "json-service": tables.json_service,
    }
    return services[kind]


def open_client(
    config: Config, provider: ProviderConfig, kind: ServiceKind, keep: Callable[[Exchange], None] | None = None
) -> ParsClient:
    """The carrier with this provider's credentials. Raises ConfigError when a secret or an address is missing."""
    login = provider.credentials
    if login is None:
        message = f"provider {provider.id} has no credentials for the {kind}"
        raise ConfigError("config.pars_credentials", message, "credits that left by it are asked about through it")
    credentials = Credentials(provider_id=login.provider_id, user=login.user, password=login.password.reveal())
    bundle: Path | None = config.pars.ca_bundle
    return ParsClient(
        wire_of(kind, config.tables(provider)),
        credentials,
        base_url=provider.base_url,
        read=config.pars.timeout.total_seconds(),
        ca_bundle=str(bundle) if bundle else "",
        keep=keep,
    )


def services(store: Store, provider: ProviderConfig) -> list[ServiceKind]:
    """The web services by which this provider's credits are asked about and withdrawn: the present one, and those by
    which some left before `channel` was changed."""
    with store.reading() as session:
        used = set(session.exec(select(Channel.kind).where(Channel.provider_id == provider.id)))
    return sorted((kind for kind in SERVICES if kind == provider.channel or kind in used), key=provider.channel.__ne__)


def client_of(
    store: Store, config: Config, provider: ProviderConfig, channel: Channel, kind: ServiceKind
) -> ParsClient | None:
    """The open carrier; None when a secret or an address is missing, which stops the channel."""
    try:
        return open_client(config, provider, kind)
    except ConfigError as error:
        stop(store, config, channel.id, error)
        return None


def row_of(store: Store, provider: ProviderConfig, kind: ChannelKind | None = None) -> Channel:
    """The row of the provider's channel, or of another of his, made at first use."""
    kind = kind or provider.channel
    with store.reading() as session:
        row = _find(session, provider.id, kind)
    return row or _make(store, provider, kind)


def _make(store: Store, provider: ProviderConfig, kind: ChannelKind) -> Channel:
    try:
        with store.writing() as session:
            row = _find(session, provider.id, kind) or Channel(provider_id=provider.id, kind=kind)
            session.add(row)
    except IntegrityError:  # another daemon, at the same moment
        return row_of(store, provider, kind)
    return row


def _find(session: Session, provider_id: str, kind: ChannelKind) -> Channel | None:
    return session.exec(select(Channel).where(Channel.provider_id == provider_id, Channel.kind == kind)).first()


@contextmanager
def in_line(store: Store, channel_id: int) -> Iterator[bool]:
    """One request in flight for each channel, whichever stage it comes from; False when the work is to end here: the
    channel was stopped meanwhile, or this process is.
    """
    with store.lines[channel_id]:
        with store.reading() as session:
            flows = session.get_one(Channel, channel_id).circuit == "closed"
        yield flows and not store.stopping.is_set()


def stop(store: Store, config: Config, channel_id: int, error: ConnectorError) -> None:
    """An outage, wrong credentials or a missing secret: the channel stops, its credits stay where they are."""
    with store.writing() as session:
        row = session.get_one(Channel, channel_id)
        now = datetime.now(UTC)
        circuit.stop(session, row, error, now=now, first=config.pars.retry_first, most=config.pars.probe)
