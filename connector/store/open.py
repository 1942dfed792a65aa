"""Opens a configuration's store: schema up to date, the environment it was made for, the REMS key present."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from sqlmodel import select

from connector.config import Config, ProviderConfig
from connector.errors import ConfigError, ConnectorError
from connector.store import rems_key
from connector.store.session import Store
from connector.store.tables import Award, Provider


def open_store(config: Config) -> Store:
    """Raises ConfigError when the store belongs to another environment, or its REMS key is gone or another."""
    store = Store(config.store.url)
    try:
        store.upgrade()
        for provider in config.providers:
            _claim(store, config, provider)
        with store.reading() as session:
            rems_key.prove(session, config.store.rems_key)
    except ConnectorError:
        store.dispose()
        raise
    return store


def _claim(store: Store, config: Config, provider: ProviderConfig) -> None:
    """The first use writes environment and host; a rehearsal's rows must never reach a real PARS."""
    tables = config.tables(provider)
    table = tables.json_service if provider.channel == "json-service" else tables.xml_service
    host = urlsplit(provider.base_url or table.base_url).hostname or ""
    with store.writing() as session:
        row = session.get(Provider, provider.id)
        if row is None:
            now = datetime.now(UTC)
            session.add(Provider(id=provider.id, environment=provider.environment, host=host, first_used_at=now))
        elif (row.environment, row.host) == (provider.environment, host):
            return
        elif session.exec(select(Award.id).where(Award.provider_id == provider.id).limit(1)).first() is None:
            row.environment, row.host = provider.environment, host  # nothing was earned in it yet
            session.add(row)
        else:
            raise ConfigError(
                "config.other_environment",
                f"this store was made for {row.environment} at {row.host}, not for {provider.environment} at {host}",
                "name another store, one for each environment: store: {url: sqlite:///data/NAME.db}",
            )
