"""Commands that run within the test speak plain HTTP on loopback."""

from __future__ import annotations

import ssl

import pytest
from httpx._transports import default

TRUST = ssl.create_default_context()


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the machine's certificates takes longer than all the rest of a turn, and loopback needs none."""
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
