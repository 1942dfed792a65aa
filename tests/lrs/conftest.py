"""Loopback needs no certificates, and loading the machine's takes longer than most of these tests."""

from __future__ import annotations

import pytest
from httpx._transports import default

from tests.conftest import TRUST


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
