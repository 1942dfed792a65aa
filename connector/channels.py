"""A channel is a format times a carrier; a credit stays on the channel it first left by."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, select

from connector.config import ChannelKind, Config, ProviderConfig
from connector.pars.client import ParsClient
from connector.pars.exchange import Credentials
from connector.pars.wire import JsonWire, Wire, XmlWire
from connector.store.tables import Channel


def wire_of(kind: ChannelKind, wire: Wire) -> XmlWire | JsonWire:
    """The table of one kind of channel; a new channel is one more line here."""
    tables: dict[ChannelKind, XmlWire | JsonWire] = {
        "xml-service": wire.xml_service,
        "json-service": wire.json_service,
    }
    return tables[kind]


def open_client(config: Config, provider: ProviderConfig, kind: ChannelKind) -> ParsClient:
    """The carrier with this provider's credentials. Raises ConfigError when a secret or an address is missing."""
    login = provider.credentials
    credentials = Credentials(provider_id=login.provider_id, user=login.user, password=login.password.reveal())
    bundle: Path | None = config.pars.ca_bundle
    return ParsClient(
        wire_of(kind, config.wire),
        credentials,
        base_url=provider.base_url,
        read=config.pars.timeout.total_seconds(),
        ca_bundle=str(bundle) if bundle else "",
    )


def row_of(session: Session, provider: ProviderConfig, kind: ChannelKind) -> Channel:
    """The channel's row, made at first use."""
    found = select(Channel).where(Channel.provider_id == provider.id, Channel.kind == kind)
    row = session.exec(found).first()
    if row is None:
        row = Channel(provider_id=provider.id, kind=kind)
        session.add(row)
        session.flush()
    return row
