"""From a source's settings to a connection with its LRS. Knows no cursor and no row."""

from __future__ import annotations

from functools import partial
from typing import Any

from pydantic import SecretStr

from connector.config import OAuth2, SourceConfig
from connector.http import Http
from connector.lrs.client import LrsClient, open_http
from connector.lrs.login import Basic, ClientCredentials, Login

_TOKENS: dict[Any, ClientCredentials] = {}
"""A connection lives for one reading, a token for an hour: asking anew each time would look like an attack."""


def open_client(source: SourceConfig) -> LrsClient:
    """A connection to the source's LRS; ConfigError when one of its secrets is not where the file says."""
    headers = {
        name: SecretStr(value) if isinstance(value, str) else value.reveal() for name, value in source.headers.items()
    }
    login = _login(source)
    return LrsClient(
        source.endpoint,
        login,
        _http(source),
        version=source.version,
        headers=headers,
        rewrite_more=source.rewrite_more,
    )


def _http(source: SourceConfig) -> Http:
    ca_bundle = str(source.ca_bundle) if source.ca_bundle else ""
    return open_http(source.timeout, ca_bundle=ca_bundle, proxy=source.proxy.reveal() if source.proxy else None)


def _login(source: SourceConfig) -> Login:
    said = source.login
    if not isinstance(said, OAuth2):
        return Basic(said.user, said.password.reveal())
    key = (source.name, said, source.proxy, source.ca_bundle, source.timeout)
    return _TOKENS.setdefault(
        key,
        ClientCredentials(
            said.token_url, said.client_id, said.client_secret.reveal, partial(_http, source), scope=said.scope
        ),
    )
