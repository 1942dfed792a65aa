"""A store and a rehearsal PARS under one clock that stands still: credits are put in ready, then stages take turns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import time_machine
from sqlmodel import select

from connector import activities
from connector.config import Config, ParsConfig
from connector.demo import workplace
from connector.reconciliation import stage as reconciliation
from connector.records import Counts
from connector.sandbox.server import Sandbox
from connector.sandbox.world.people import Person
from connector.store.moves import note
from connector.store.open import open_store
from connector.store.rems_key import rems_local_id
from connector.store.session import Store
from connector.store.states import LIVE, State
from connector.store.tables import Award, Channel, ConsentRow, Credit, Event, LearnerRow, Record, Submission
from connector.submission import stage as submission

NOON = datetime(2026, 3, 10, 18, tzinfo=UTC)
STEWARDSHIP, HYPERTENSION, OPIOID = "203512347", "203512346", "203512345"
PATIENT_SAFETY = ("moc", "ABIM/Patient Safety", "ABIM", "Patient Safety", "2.00")
CME = ("cme", "AMA PRA Category 1", "", "", "1.50")
CME_2 = ("cme", "AMA PRA Category 1", "", "", "2.00")
MOC = ("moc", "ABIM/Medical Knowledge", "ABIM", "Medical Knowledge", "2.00")
REMS = ("rems", "REMS/Opioid Analgesic", "", "", "0")
REMS_KEY = b"k" * 32
ANSWERS = {"type": "Opioid Analgesic", "profession": "Physician", "practice_area": "Pain"}

_ACTIVE = ("ready", "sending", "in_doubt", "pending", "withdrawing", "withdrawal_in_doubt")

Offer = tuple[str, str, str, str, str]


@dataclass
class Delivery:
    """`send` and `ask` are one turn of submission and of reconciliation; `pass_by` moves every clock."""

    folder: Path
    sandbox: Sandbox
    clock: time_machine.Traveller
    config: Config
    store: Store
    provider: str = "0001234"
    serial: Any = field(default_factory=lambda: itertools.count(1))

    def configure(self, **pars: Any) -> None:
        """Other patience: pars=ParsConfig fields."""
        self.config = self.config.model_copy(update={"pars": self.config.pars.model_copy(update=pars)})

    def set(self, **parts: Any) -> None:
        self.config = self.config.model_copy(update=parts)

    def switch(self, fault: str, **settings: Any) -> None:
        """Who never answers is waited for briefly; everybody else has the time that a busy machine takes."""
        if fault == "time-out":
            self.configure(timeout=timedelta(seconds=0.4))
        self.sandbox.switch(fault, **settings)

    def prevalidate(self, how: str) -> None:
        """`off` where a test is about the first request of a turn being the save."""
        self.set(learners=self.config.learners.model_copy(update={"prevalidate": how}))

    def ready(
        self,
        person: str = "aoneill",
        offers: Sequence[Offer] = (CME,),
        activity: str = STEWARDSHIP,
        state: State = State.READY,
        **more: Any,
    ) -> list[int]:
        """One record with these credits, as validation leaves them. `stored` ago, `learner` and `wait` may be given."""
        now = datetime.now(UTC)
        who = self.sandbox.world.people[person]
        kind = "rems" if offers[0][0] == "rems" else "identified"
        serial = next(self.serial)
        with self.store.writing() as session:
            learner_id = more.get("learner") or _learner(session, who)
            award = Award(
                provider_id=self.provider,
                activity_id=activity,
                learner_id=learner_id,
                per=more.get("per", str(serial)),
                anchor=f"mbox:{person}@example.org",
                rule="rule",
                rule_hash="hash",
                completed_on=more.get("completed_on", date(2026, 3, 10)),
                stored=now - more.get("stored", timedelta(minutes=1)),
                rems=ANSWERS if kind == "rems" else None,
                opened_at=now,
            )
            session.add(award)
            session.flush()
            local = rems_local_id(REMS_KEY, award.anchor) if kind == "rems" else ""
            wait = now + more.get("wait", timedelta(days=7))
            record = Record(provider_id=self.provider, award_id=award.id, kind=kind, local_id=local, wait_until=wait)
            session.add(record)
            session.flush()
            rows = [_credit(award, record, offer, who, state, f"{serial}-{at}") for at, offer in enumerate(offers)]
            session.add_all(rows)
            session.flush()
            for row in rows:
                note(session, row, "opened", now=now)
            return [row.id for row in rows]

    def send(self) -> Counts:
        return submission.run(self.store, self.config)

    def ask(self) -> Counts:
        return reconciliation.run(self.store, self.config)

    def pass_by(self, **span: float) -> None:
        self.clock.shift(timedelta(**span))

    def go_on(self, hours: float = 1, step: float = 5) -> None:
        """Turns of both stages, at least `step` minutes apart, until nothing is due any more or the hours are over."""
        ends = datetime.now(UTC) + timedelta(hours=hours)
        while datetime.now(UTC) < ends:
            self.turns(1, step)
            due = self._next_due()
            if due is None:
                return
            self.clock.move_to(min(max(due, datetime.now(UTC)), ends))

    def turns(self, count: int, step: float = 5) -> None:
        """So many turns of both stages, `step` minutes apart, whether something is due or not."""
        for _ in range(count):
            self.send()
            self.ask()
            self.pass_by(minutes=step)

    def _next_due(self) -> datetime | None:
        now = datetime.now(UTC)
        with self.store.reading() as session:
            due = [row.next_at or now for row in session.exec(select(Channel)) if row.circuit == "open"]
            for row in session.exec(select(Credit)):
                unsettled = row.wanted == "absent" and row.state not in ("closed", "withdrawn")
                if unsettled or row.state in _ACTIVE:
                    due.append(row.lease_until or row.next_at or now)
        return min(due, default=None)

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """What happens inside is done by another process on the same store."""
        mine, self.store = self.store, Store(self.store.url.render_as_string(hide_password=False))
        yield
        self.store.dispose()
        self.store = mine

    def credit(self, pk: int) -> Credit:
        with self.store.reading() as session:
            return session.get_one(Credit, pk)

    def state(self, pk: int) -> str:
        return str(self.credit(pk).state)

    def change(self, pk: int, **values: Any) -> None:
        with self.store.writing() as session:
            row = session.get_one(Credit, pk)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def unwant(self, *pks: int) -> None:
        for pk in pks:
            self.change(pk, wanted="absent", why_absent="statement.voided", next_at=None)

    def moves(self, pk: int) -> list[str]:
        """The states a credit went through, the first one left out."""
        with self.store.reading() as session:
            rows = select(Event).where(Event.subject == "credit", Event.subject_id == str(pk), Event.what == "moved")
            return [event.to_state for event in session.exec(rows.order_by(Event.id))]

    def events(self, what: str) -> list[Event]:
        with self.store.reading() as session:
            return list(session.exec(select(Event).where(Event.what == what).order_by(Event.id)))

    def submissions(self) -> list[Submission]:
        with self.store.reading() as session:
            return list(session.exec(select(Submission).order_by(Submission.id)))

    def channel(self, provider: str = "") -> Channel:
        with self.store.reading() as session:
            return session.exec(select(Channel).where(Channel.provider_id == (provider or self.provider))).one()

    def at_pars(self) -> dict[str, str]:
        """PARS's own ledger: state by credit id."""
        return {one["credit_id"]: one["state"] for one in self.sandbox.pars.ledger()["credits"]}

    def held_live(self) -> list[str]:
        return [credit_id for credit_id, state in self.at_pars().items() if state in ("Pending", "Accepted")]

    def saves(self, action: str = "add") -> list[datetime]:
        """When documents with this action reached PARS, whole or in part; of a lost body nobody knows the action."""
        saves = [one for one in self.sandbox.pars.log if one.operation == "save"]
        return [one.at for one in saves if not one.sent or any(sent.action == action for sent in one.sent)]

    def asked(self) -> int:
        return sum(one.operation.startswith("status") for one in self.sandbox.pars.log)

    def is_clean(self, *withdrawn: int) -> bool:
        """The rehearsal has nothing to say against this client, warnings included."""
        meant = [self.credit(pk).credit_id for pk in withdrawn]
        assert self.sandbox.check(meant) == []
        return True

    def live_twice(self) -> bool:
        with self.store.reading() as session:
            live = [(one.award_id, one.certification) for one in session.exec(select(Credit)) if one.state in LIVE]
        return len(set(live)) < len(live)


def _learner(session: Any, who: Person) -> int:
    row = LearnerRow(
        given_name=who.given,
        family_name=who.family,
        birth_day=who.birth,
        ids={"NPI": who.npi, **dict(who.boards)},
        fetched_at=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    session.add(ConsentRow(learner_id=row.id, given=True, origin="a test"))
    return row.id


def _credit(award: Award, record: Record, offer: Offer, who: Person, state: State, name: str) -> Credit:
    kind, certification, board, credit_type, amount = offer
    domain = "" if kind == "rems" else board or "NPI"
    now = datetime.now(UTC)
    return Credit(
        award_id=award.id,
        record_id=record.id,
        provider_id=award.provider_id,
        kind=kind,
        certification=certification,
        board=board,
        credit_type=credit_type,
        amount=Decimal(amount),
        credit_id=f"ccid:example.org:{name}",
        state=state,
        state_since=now,
        created_at=now,
        identifier_domain=domain,
        identifier_value={"NPI": who.npi, "": "", **dict(who.boards)}.get(domain, "410999"),
    )


def lay_out(folder: Path, sandbox: Sandbox, clock: time_machine.Traveller, channel: str = "xml-service") -> Delivery:
    """A workplace with the patience of a real one: 15 minutes to settle, half-hour questions."""
    config = workplace.lay_out(folder, sandbox, channel)
    config = config.model_copy(update={"pars": ParsConfig(timeout=timedelta(seconds=5))})
    store = Store(config.store.url)
    if store.path is not None:
        store.path.write_bytes(_empty_store(folder.with_name("template"), config))
    return Delivery(folder, sandbox, clock, config, store)


_template: dict[str, bytes] = {}


def _empty_store(folder: Path, config: Config) -> bytes:
    """The file of a store with schema, provider and activities: made once, copied for each test."""
    if not _template:
        file = folder / "template.db"
        made = config.store.model_copy(update={"url": f"sqlite:///{file}"})
        store = open_store(config.model_copy(update={"store": made}))
        activities.load(config, store)
        store.dispose()
        _template["file"] = file.read_bytes()
    return _template["file"]
