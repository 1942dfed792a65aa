"""The planted town on a rehearsal PARS and LRS, and the connector's own path over it, turn by turn."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from connector import activities, config, pipeline
from connector.config import Config
from connector.sandbox.pars.learners import KnownLearner
from connector.sandbox.server import Sandbox
from connector.sandbox.world.activities import HYPERTENSION, STEWARDSHIP
from connector.store import wishes
from connector.store.leases import RunLock
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Credit, Suggestion
from tests.truth.planting import CME_COURSE, LMS, MOC_COURSE, Planted

Tell = Callable[[str], None]
TODAY = date(2026, 3, 10)

_CONFIG = """\
providers:
  - id: "{provider}"
    name: Example CME
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    base_url: {pars}
    credentials: {{provider_id: "{provider}", user: {user}, password: {{file: pars.password}}}}
    activities: activities.csv
sources:
  - name: lms
    endpoint: {lrs}
    login: {{user: {lrs_user}, password: {{file: lrs.password}}}}
    start_from: everything
    page: 500
mappings: mappings
learners: {{sources: [{{sheet: learners.csv}}], prevalidate: {prevalidate}}}
record: {{wait: 0s}}
pars: {{ask_first_after: 3650d, ask_every: 1s}}
store: {{url: "sqlite:///store.db", rems_key: rems.key}}
"""
_RULES = f"""\
version: 1
rules:
  - name: stewardship
    when: [{{path: verb.id, is: completed}}, {{path: object.id, is: "{LMS}/course/view.php?id={CME_COURSE}"}}]
    activity: "{STEWARDSHIP}"
    per: activity
    credits: [{{type: cme, amount: 1.50}}]
  - name: hypertension
    when: [{{path: verb.id, is: completed}}, {{path: object.id, is: "{LMS}/course/view.php?id={MOC_COURSE}"}}]
    activity: "{HYPERTENSION}"
    per: activity
    credits:
      - {{type: moc, board: ABIM, amount: 2.00, of_which: {{Medical Knowledge: 2.00}}}}
"""


class Town:
    """`report` takes everybody's completion as far as it goes; `correct` does what a coordinator would."""

    def __init__(self, folder: Path, planted: Sequence[Planted], sandbox: Sandbox, prevalidate: str) -> None:
        self.planted, self.sandbox = planted, sandbox
        self.config = _lay_out(folder, planted, sandbox, prevalidate)
        self.store: Store = open_store(self.config)
        activities.load(self.config, self.store)
        sandbox.pars.learners.extend(_known(one) for one in planted)
        for start in range(0, len(planted), 500):
            sandbox.post([_statement(one) for one in planted[start : start + 500]])

    def report(self, tell: Tell) -> None:
        """Every stage until nothing moves any more."""
        with RunLock(self.store):
            for stage in ("collection", "mapping", "learners", "validation", "submission", "reconciliation"):
                tell(stage)
                pipeline.run(self.store, self.config, [stage])
            self.sandbox.pars.boards_answer()
            pipeline.run(self.store, self.config, ["validation", "submission", "reconciliation"])
            tell("near misses")
            while pipeline.run(self.store, self.config, ["desk"])["desk"]:
                pass

    def correct(self, tell: Tell) -> int:
        """Every near miss that PARS confirmed is taken, as `unmatched fix --suggestion` does; how many."""
        with self.store.writing() as session:
            sure = select(Suggestion).where(Suggestion.answer == "yes").order_by(col(Suggestion.id))
            found = {one.learner_id: one for one in session.exec(sure)}
            for one in found.values():
                args = {"learner": one.learner_id, "fields": one.corrected}
                wishes.wish(session, wishes.FIX, args, by="truth", now=datetime.now(tz=self.sandbox.clock.now().tzinfo))
        self.report(tell)
        return len(found)

    def states(self) -> dict[str, list[Credit]]:
        """Credits by state."""
        with self.store.reading() as session:
            rows = session.exec(select(Credit)).all()
        return {state: [row for row in rows if row.state == state] for state in State}


def _lay_out(folder: Path, planted: Sequence[Planted], sandbox: Sandbox, prevalidate: str) -> Config:
    own = sandbox.credentials
    (folder / "mappings").mkdir()
    (folder / "mappings" / "truth.yaml").write_text(_RULES, encoding="utf-8")
    (folder / "pars.password").write_text(own.password)
    (folder / "lrs.password").write_text(own.lrs_password)
    (folder / "activities.csv").write_text(sandbox.world.activities_csv(), encoding="utf-8")
    rows = [one.row for one in planted if one.row is not None]
    with (folder / "learners.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    text = _CONFIG.format(
        provider=own.provider_id, pars=sandbox.pars_url, user=own.user, lrs=sandbox.lrs_url, lrs_user=own.lrs_user,
        prevalidate=prevalidate,
    )  # fmt: skip
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return config.load(folder / "config.yaml")


def _known(one: Planted) -> KnownLearner:
    return KnownLearner(one.ref, one.truth.given, one.truth.family, one.truth.birth, one.truth.ids)


def statement_id(one: Planted) -> str:
    return str(uuid.UUID(int=one.truth.number, version=4))


def _statement(one: Planted) -> dict[str, Any]:
    course = MOC_COURSE if one.moc else CME_COURSE
    at = datetime.combine(TODAY, datetime.min.time()) - timedelta(minutes=one.truth.number % 1000)
    return {
        "id": statement_id(one),
        "actor": one.actor,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": f"{LMS}/course/view.php?id={course}"},
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}Z",
    }
