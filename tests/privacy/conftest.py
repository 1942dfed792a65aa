"""The rehearsal of the privacy tests, plain and as an office with everything switched on."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import stamina
from httpx._transports import default

from connector import activities, logs, pipeline
from connector import config as configuration
from connector.cli import work
from connector.sandbox import server
from connector.sandbox.server import Sandbox
from connector.store.open import open_store
from tests.cli import rehearsal
from tests.desk.mail import hook, mail_server
from tests.learners.house import Endpoint
from tests.privacy import planted
from tests.privacy.office import Office, furnish
from tests.privacy.scene import Scene, record_errors

TRUST = ssl.create_default_context()
CHANGES = (
    (
        "sources: [{sheet: learners.csv}]",
        "sources: [{sheet: learners.csv}, {statement: {given_name: actor.name, npi: %s}}]",
    ),
    ("{settle: 2s, ask_every: 1s,", "{settle: 0s, ask_every: 0s, timeout: 1s,"),
    ("    every: 2s", "    timeout: 1s\n    every: 2s"),
)
LOOKS_AT_PEOPLE = """
  - name: looks-at-people
    when:
      - {path: verb.id, is: completed}
      - any:
          - {path: actor.name, is: nobody}
          - {path: actor.mbox, starts_with: "mailto:nobody"}
          - {path: 'context.extensions."https://lms.example.org/npi"', matches: "x.*"}
    activity: "203512347"
    completed_on: {path: timestamp}
    per: activity
    credits: [{type: cme, amount: 1.50}]
"""


@contextmanager
def _laid_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, Sandbox], None]
) -> Iterator[Scene]:
    monkeypatch.setattr(server, "Credentials", lambda: planted.CREDENTIALS)
    monkeypatch.setattr(pipeline, "_failing", {})
    # loading the machine's certificates takes longer than all the rest of a turn, and loopback needs none
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    with Sandbox(load=False) as sandbox, stamina.set_testing(True, attempts=1):
        npi = f"'context.extensions.\"{planted.NPI_IN}\"'"
        changes = [(old, new % npi if "%s" in new else new) for old, new in CHANGES]
        path = rehearsal.lay_out(folder / "place", sandbox, *changes)
        rules = path.parent / "mappings" / "rehearsal.yaml"
        rules.write_text(rules.read_text() + LOOKS_AT_PEOPLE)
        (path.parent / "learners.csv").write_text(planted.learners_csv([]))
        change(path, sandbox)
        config = configuration.load(path)
        logs.set_up(style="json", level="debug")
        store = open_store(config)
        activities.load(config, store)
        opened = Scene(sandbox, path, store)
        record_errors(monkeypatch, opened.errors)
        # a command reads its configuration as often as it is called, which is half of what most of them take
        monkeypatch.setattr(work.configuration, "load", opened.load)
        yield opened
        store.dispose()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A sheet of learners and a PARS."""
    with _laid_out(tmp_path, monkeypatch, lambda _path, _sandbox: None) as opened:
        yield opened


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Every kind of learner source, a mail server, a webhook, a watched folder, and write-back."""
    with ExitStack() as stack:
        staff = stack.enter_context(Endpoint(people=[]).serving())
        mail, web = stack.enter_context(mail_server()), stack.enter_context(hook())
        laid = _laid_out(tmp_path, monkeypatch, lambda path, sandbox: furnish(path, sandbox, staff, mail, web))
        yield Office(stack.enter_context(laid), staff, mail, web)
