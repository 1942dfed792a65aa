"""The folder a rehearsal works in: a configuration, sheets and rules, as a provider would have them."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from connector import config
from connector.config import Config
from connector.errors import ConfigError, NeedsOperator
from connector.sandbox.server import Sandbox
from connector.store.leases import is_running
from connector.store.session import Store

_STORE = "pars-connector.db"
_MARK = "# Written by `pars-connector demo`."
CONFIG = """\
# Written by `pars-connector demo`. Everything in it is invented; nothing leaves this machine.
providers:
  - id: "{provider}"
    name: Example CME
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    channel: {channel}
    base_url: {pars_url}
    credentials: {{provider_id: "{provider}", user: {user}, password: {{file: pars.password}}}}
    activities: activities.csv
sources:
  - name: rehearsal
    endpoint: {lrs_url}
    login: {{user: {lrs_user}, password: {{file: lrs.password}}}}
    start_from: everything
    registration: enrolment
    every: 2s
mappings: mappings
learners:
  sources: [{{sheet: learners.csv}}]
  refresh: 2s
pars: {{settle: 2s, ask_every: 1s, retry_first: 1s, probe: 2s}}
record: {{wait: 0s, rems_delay: 0s}}
schedule: {{digest: 1s, submission: 1s, reconciliation: 1s}}
store: {{url: "sqlite:///pars-connector.db", rems_key: rems.key}}
web: {{port: 0}}
log: {{format: console, level: warning}}
"""


def _clear(folder: Path) -> None:
    """Only a folder that a rehearsal made, or an empty one, is emptied; nobody's daemon loses its store."""
    written = folder / "config.yaml"
    if written.is_file() and written.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        if (folder / _STORE).exists() and is_running(Store(f"sqlite:///{folder / _STORE}")):
            hint = "end it, or name another --folder"
            raise NeedsOperator("store.in_use", f"another rehearsal is running in {folder}", hint)
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            hint = "name a folder that does not exist yet: the rehearsal begins with an empty one"
            raise ConfigError("config.demo_folder", "this folder holds something else", hint, where=str(folder))
        (folder / "mappings").mkdir()
    except OSError as error:
        message = f"the rehearsal cannot work here: {error.strerror}"
        raise ConfigError("config.demo_folder", message, "name another --folder", where=str(folder)) from None


def _write_private(path: Path, text: str) -> None:
    """A sheet of persons or a password, for its owner alone, as a real one should be."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def lay_out(folder: Path, sandbox: Sandbox, channel: str = "xml-service") -> Config:
    """A fresh workplace; whatever an earlier rehearsal left in the folder is gone."""
    _clear(folder)
    rules = resources.files("connector.demo").joinpath("mappings", "rehearsal.yaml")
    (folder / "mappings" / "rehearsal.yaml").write_bytes(rules.read_bytes())
    _write_private(folder / "learners.csv", sandbox.world.learners_csv())
    (folder / "activities.csv").write_text(sandbox.world.activities_csv(), encoding="utf-8")
    own = sandbox.credentials
    for name, secret in (("pars.password", own.password), ("lrs.password", own.lrs_password)):
        _write_private(folder / name, secret)
    text = CONFIG.format(
        provider=own.provider_id,
        channel=channel,
        pars_url=sandbox.pars_url if channel == "xml-service" else sandbox.pars_json_url,
        user=own.user,
        lrs_url=sandbox.lrs_url,
        lrs_user=own.lrs_user,
    )
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return config.load(folder / "config.yaml")
