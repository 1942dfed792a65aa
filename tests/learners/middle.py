"""The middle of the path on a real store: statements go in at one end, credits are looked at on the other."""

from __future__ import annotations

import csv
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import time_machine
from sqlmodel import Session, col, select

from connector import activities
from connector.collection import save
from connector.config import Config
from connector.learners import stage as learners
from connector.lrs.statement import VOIDED, read
from connector.mapping import stage as mapping
from connector.records import Counts
from connector.store.moves import move
from connector.store.open import open_store
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, EvidenceRow, Source
from connector.validation import stage as validation

NOON = datetime(2026, 3, 12, 18, tzinfo=UTC)
SITE = "https://lms.example.org"
COURSE = f"{SITE}/course/view.php?id=42"
COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
ANNA = {
    "email": "anna@example.org",
    "home_page": SITE,
    "account": "3",
    "username": "anna",
    "given_name": "Zanna",
    "family_name": "Quixley",
    "birth_day": "02-29",
    "npi": "1234567893",
    "board": "ABIM",
    "board_id": "410106",
    "profession": "MD",
    "consent": "yes",
}
BORIS = ANNA | {
    "email": "boris@example.org",
    "account": "4",
    "username": "boris",
    "given_name": "Boris",
    "family_name": "Vantongeren",
    "birth_day": "07-04",
    "npi": "1245319599",
    "board_id": "410107",
}
ACTIVITY = {
    "activity_id": "203512345",
    "title": "Update",
    "start": "2026-01-01",
    "end": "2026-12-31",
    "credits": "2.00",
    "boards": "ABIM;ABA;ABP;ABS;ABPATH",
    "rems_type": "Opioid Analgesic",
    "rems_rpc_id": "EG-260000-001",
}
RULE = """
  - name: course
    when: [{path: verb.id, is: completed}, {path: object.id, starts_with: "https://lms.example.org/course"}]
    activity: "203512345"
    credits:
      - {type: cme, amount: 1.25}
"""
MOC = "      - {type: moc, board: ABIM, amount: 1.25, of_which: {Medical Knowledge: 1.25}}\n"
REMS = "    rems: {type: opioid-analgesic}\n"


def statement(number: int, *, actor: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": str(uuid.UUID(int=number, version=4)),
        "actor": actor or {"mbox": "mailto:anna@example.org"},
        "verb": {"id": COMPLETED},
        "object": {"id": COURSE},
        "timestamp": "2026-03-10T15:04:05.000Z",
        "stored": "2026-03-10T15:04:06.000Z",
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def account(name: str) -> dict[str, Any]:
    return {"account": {"homePage": SITE, "name": name}}


def voiding(number: int, target: int) -> dict[str, Any]:
    ref = {"objectType": "StatementRef", "id": str(uuid.UUID(int=target, version=4))}
    return statement(number, verb={"id": VOIDED}, object=ref, actor={"mbox": "mailto:lms@example.org"})


def write_sheet(path: Path, rows: Sequence[dict[str, str]], *, delimiter: str = ",") -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["email"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class Middle:
    """A provider's folder with its store; `run` takes a turn of mapping, learners and validation."""

    folder: Path
    config: Config
    store: Store
    clock: datetime = NOON
    totals: list[Counts] = field(default_factory=list)

    def rules(self, text: str = RULE) -> Middle:
        self.config.mappings.mkdir(exist_ok=True)
        (self.config.mappings / "rules.yaml").write_text("version: 1\nrules:" + text, encoding="utf-8")
        return self

    def sheet(self, *rows: dict[str, str]) -> Middle:
        write_sheet(self.folder / "learners.csv", rows)
        return self

    def activity(self, *rows: dict[str, str]) -> Middle:
        write_sheet(self.folder / "activities.csv", rows)
        activities.load(self.config, self.store)
        return self

    def post(self, *documents: dict[str, Any], session_registration: bool = False) -> Middle:
        with self.at(), self.store.writing() as session:
            reads = [
                read(orjson.dumps(one), "campus", registration_is_session=session_registration) for one in documents
            ]
            save.page(session, "campus", reads, now=self.clock)
        return self

    def run(self, *, later: timedelta = timedelta(0)) -> Counts:
        self.clock += later
        with self.at():
            counts = Counts()
            for stage in (mapping, learners, validation):
                counts += stage.run(self.store, self.config)
        return counts

    def at(self) -> Any:
        return time_machine.travel(self.clock, tick=False)

    @contextmanager
    def credits(self) -> Iterator[list[Credit]]:
        """All credits, oldest first, to be looked at and changed in one transaction."""
        with self.at(), self.store.writing() as session:
            yield list(session.exec(select(Credit).order_by(col(Credit.id))))

    def states(self) -> list[tuple[str, str]]:
        with self.credits() as rows:
            return [(row.certification.removeprefix("ABIM/"), row.state) for row in rows]

    def only(self) -> Credit:
        with self.credits() as rows:
            (credit,) = rows
            return credit

    def awards(self) -> list[Award]:
        with self.store.reading() as session:
            return list(session.exec(select(Award).order_by(col(Award.id))))

    def evidence(self) -> list[EvidenceRow]:
        with self.store.reading() as session:
            return list(session.exec(select(EvidenceRow).order_by(col(EvidenceRow.id))))

    def send(self, *ids: int) -> Middle:
        """As submission and reconciliation would: PARS took these credits (all that are ready, if none is named)."""
        with self.at(), self.store.writing() as session:
            ready = session.exec(select(Credit).where(Credit.state == State.READY, Credit.wanted == "present")).all()
            for credit in ready:
                if not ids or credit.id in ids:
                    for target in (State.SENDING, State.PENDING, State.CONFIRMED):
                        move(session, credit, target, now=self.clock)
                    credit.attempts, credit.at_pars = 1, "yes"
        return self

    def walk(self, credit_id: int, *targets: State, **changes: Any) -> Middle:
        """Move one credit along, as later rooms would."""
        with self.at(), self.store.writing() as session:
            credit = session.get_one(Credit, credit_id)
            for name, value in changes.items():
                setattr(credit, name, value)
            for target in targets:
                move(session, credit, target, now=self.clock, code=credit.why_absent)
        return self

    def session(self) -> Any:
        return self.store.writing()


def configured(folder: Path, **changes: Any) -> Config:
    login = {"user": "u", "password": {"env": "NOWHERE"}}
    provider = {
        "id": "0001234",
        "name": "Example CME",
        "zone": "America/Chicago",
        "domain": "example.org",
        "environment": "rehearsal",
        "credentials": {"provider_id": "0001234", **login},
        "activities": folder / "activities.csv",
    }
    whole = {
        "providers": [provider],
        "sources": [{"name": "campus", "endpoint": "http://127.0.0.1:9/xapi", "login": login}],
        "mappings": folder / "mappings",
        "learners": {"sources": [{"sheet": folder / "learners.csv"}]},
        "store": {"url": f"sqlite:///{folder}/pars.db", "rems_key": folder / "rems.key"},
    }
    return Config.model_validate(whole | changes)


def laid_out(folder: Path, **changes: Any) -> Middle:
    """A store with one source, one activity, one rule and two learners."""
    config = configured(folder, **changes)
    if "store" not in changes:
        shutil.copy(_empty_store(), folder / "pars.db")
    store = open_store(config)
    with store.writing() as session:
        session.add(Source(id="campus", fingerprint=""))
    return Middle(folder, config, store).rules().sheet(ANNA, BORIS).activity(ACTIVITY)


@cache
def _empty_store() -> Path:
    """Migrated once; every test copies it."""
    path = Path(tempfile.mkdtemp()) / "pars.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.dispose()
    return path


def reopened(place: Middle) -> Middle:
    """The same folder after a restart."""
    place.store.dispose()
    return Middle(place.folder, place.config, open_store(place.config), place.clock)


def count(session: Session, table: Any) -> int:
    return len(session.exec(select(table)).all())
