"""In this room a store is made by its migrations, each time: they are what is tried."""

from __future__ import annotations

import pytest

from connector.store.session import Store

UPGRADE = Store.upgrade  # read before `ready_made` puts its own in this place


@pytest.fixture(autouse=True)
def made_by_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "upgrade", UPGRADE)
