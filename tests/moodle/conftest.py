"""A rehearsal Moodle with its people and courses and no completion, and a provider's folder beside it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from httpx._transports import default

from connector.sandbox.server import Sandbox
from tests.learners.middle import Middle
from tests.moodle.place import placed

TRUST = ssl.create_default_context()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 3, 12), load=False) as running:
        monkeypatch.setenv("MOODLE_TOKEN", running.moodle_token)
        # loading the machine's certificates takes longer than all the rest, and loopback needs none
        monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
        yield running


@pytest.fixture
def beside(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Middle]]:
    """`beside(rule, actor="email")`: the folder, with these settings of its source's Moodle."""
    made: list[Middle] = []

    def make(rule: str, **moodle: Any) -> Middle:
        made.append(placed(tmp_path, sandbox, rule, **moodle))
        return made[-1]

    yield make
    for one in made:
        one.store.dispose()
