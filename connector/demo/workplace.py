"""The folder a rehearsal works in: a configuration, sheets and rules, as a provider would have them."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from connector import config
from connector.config import Config
from connector.sandbox.server import Sandbox

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
    registration: session
    every: 2s
mappings: mappings
learners:
  sources: [{{csv: learners.csv}}]
  refresh: 2s
pars: {{settle: 2s, ask_every: 1s, retry_first: 1s, probe: 2s}}
record: {{wait: 0s}}
schedule: {{digest: 1s, submission: 1s, reconciliation: 1s}}
store: {{url: "sqlite:///pars-connector.db", rems_key: rems.key}}
web: {{port: 0}}
log: {{format: console, level: warning}}
"""


def lay_out(folder: Path, sandbox: Sandbox, channel: str = "xml-service") -> Config:
    """A fresh workplace; whatever an earlier rehearsal left in the folder is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "mappings").mkdir(parents=True)
    rules = resources.files("connector.demo").joinpath("mappings", "rehearsal.yaml")
    (folder / "mappings" / "rehearsal.yaml").write_bytes(rules.read_bytes())
    (folder / "learners.csv").write_text(sandbox.world.learners_csv(), encoding="utf-8")
    (folder / "activities.csv").write_text(sandbox.world.activities_csv(), encoding="utf-8")
    own = sandbox.credentials
    for name, secret in (("pars.password", own.password), ("lrs.password", own.lrs_password)):
        (folder / name).write_text(secret, encoding="utf-8")
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
