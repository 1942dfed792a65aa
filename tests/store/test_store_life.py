"""Whatever happens in whatever order: one live credit at most, nothing sent unasked, no dead end without a person."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from connector import channels
from connector.records import Verdict
from connector.sandbox.server import Sandbox
from connector.store.moves import allowed, move
from connector.store.session import Store
from connector.store.states import PARKED, State
from connector.store.tables import Credit
from tests.delivery.model_pars import READS, SAVES, Killed, ModelPars
from tests.delivery.workplace import CME_2, HYPERTENSION, MOC, NOON, Delivery, lay_out

FINAL = {State.CONFIRMED, State.WITHDRAWN, State.CLOSED}
A_PERSONS = {State.REFUSED, State.REJECTED, State.UNMATCHED, State.WITHDRAWAL_REFUSED}

Event = tuple[str, object]
which = st.integers(0, 3)
EVENTS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(SAVES)),
    st.tuples(st.just("send"), st.sampled_from(SAVES)),
    st.tuples(st.just("ask"), st.sampled_from(READS)),
    st.tuples(st.just("pass"), st.sampled_from([1, 8, 16, 70])),
    st.tuples(st.just("pass"), st.sampled_from([1, 8, 16, 70])),
    st.tuples(st.just("void"), which),
    st.tuples(st.just("earn again"), which),
    st.tuples(st.just("fix"), which),
    st.tuples(st.just("gate shuts"), which),
    st.tuples(st.just("merge"), which),
    st.tuples(st.just("boards"), st.sampled_from([Verdict.ACCEPTED, Verdict.REJECTED])),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Lends its invented people only."""
    with time_machine.travel(NOON, tick=False), Sandbox(load=False) as made:
        yield made


class Story:
    """Two awards of two credits each, and what befalls them."""

    def __init__(self, delivery: Delivery, pars: ModelPars) -> None:
        self.delivery = delivery
        self.pars = pars
        self.pks = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION, state=State.HELD)
        self.pks += delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION, state=State.HELD)

    def happens(self, event: Event) -> None:
        name, what = event
        if name == "send":
            self.pars.does = str(what)
            self._gates_open()
            self._alive(self.delivery.send)
        elif name == "ask":
            self.pars.says = str(what)
            self._alive(self.delivery.ask)
        elif name == "pass":
            self.delivery.pass_by(minutes=int(str(what)))
        elif name == "boards":
            self.pars.boards_answer(Verdict(what))
        else:
            with self.delivery.store.writing() as session:
                credit = session.get_one(Credit, self.pks[int(str(what))])
                getattr(self, "_" + name.replace(" ", "_"))(session, credit)
                session.add(credit)
        assert not self.delivery.live_twice()
        assert self.pars.violations == []

    def _alive(self, turn: object) -> None:
        try:
            turn()
        except Killed:
            self.delivery.store.owner += "'"  # a new process

    def _gates_open(self) -> None:
        with self.delivery.store.writing() as session:
            for credit in session.exec(select(Credit).where(Credit.state == State.HELD, Credit.wanted == "present")):
                move(session, credit, State.READY, now=datetime.now(UTC))

    def _void(self, _session: object, credit: Credit) -> None:
        credit.wanted, credit.why_absent, credit.next_at = "absent", "statement.voided", None

    def _earn_again(self, session: object, credit: Credit) -> None:
        """As the learners room does: what was withdrawn gets a successor, what is on its way out goes first."""
        if credit.wanted == "present":
            return
        if credit.state == State.WITHDRAWN:
            self._successor(session, credit)
        elif credit.state not in (State.WITHDRAWING, State.WITHDRAWAL_IN_DOUBT, State.WITHDRAWAL_REFUSED):
            if credit.state == State.CLOSED:
                move(session, credit, State.HELD, now=datetime.now(UTC))
            credit.wanted, credit.why_absent, credit.next_at = "present", "", None

    def _successor(self, session: object, credit: Credit) -> None:
        values = {name: getattr(credit, name) for name in Credit.model_fields}
        fresh = Credit(
            award_id=0, record_id=0, provider_id="", kind="", certification="", amount=credit.amount, credit_id=""
        )
        for name in ("award_id", "record_id", "provider_id", "kind", "certification", "board", "credit_type"):
            setattr(fresh, name, values[name])
        fresh.identifier_domain, fresh.identifier_value = credit.identifier_domain, credit.identifier_value
        fresh.credit_id, fresh.supersedes = f"{credit.credit_id}-2", credit.id
        fresh.state_since = fresh.created_at = datetime.now(UTC)
        session.add(fresh)
        session.flush()
        self.pks[self.pks.index(credit.id)] = fresh.id

    def _fix(self, session: object, credit: Credit) -> None:
        if credit.state in (State.REFUSED, State.UNMATCHED) and allowed(credit, State.HELD):
            move(session, credit, State.HELD, now=datetime.now(UTC))

    def _gate_shuts(self, session: object, credit: Credit) -> None:
        if credit.state == State.READY:
            move(session, credit, State.HELD, now=datetime.now(UTC))

    def _merge(self, session: object, credit: Credit) -> None:
        """The younger award turns out to be the older one: what has not left closes."""
        if credit.id in self.pks[2:] and credit.state in (State.HELD, State.READY):
            move(session, credit, State.CLOSED, now=datetime.now(UTC), code="award.same")

    def ends(self) -> None:
        """From here on PARS is well: everything finds its end, or a person is named."""
        self._gates_open()
        self.pars.does = self.pars.says = "good"
        for _ in range(8):
            self.delivery.go_on(hours=24, step=30)
            self.pars.boards_answer(Verdict.ACCEPTED)
        assert self.pars.violations == []
        with self.delivery.store.reading() as session:
            for credit in session.exec(select(Credit)):
                assert credit.state in FINAL | A_PERSONS or credit.reason == PARKED, (credit.state, credit.reason)
                here = credit.credit_id in self.pars.held
                if credit.state in (State.CONFIRMED, State.WITHDRAWN, State.CLOSED):
                    assert here == (credit.state == State.CONFIRMED), (credit.state, credit.reason)


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(events=st.lists(EVENTS, max_size=25))
@example(events=[("send", "stored later"), ("ask", "good"), ("pass", 8), ("void", 0), ("pass", 16), ("ask", "good")])
@example(
    events=[("send", "died after"), ("pass", 16), ("ask", "good"), ("void", 1), ("earn again", 1), ("send", "lost")]
)
def test_a_credits_life_whatever_happens(sandbox: Sandbox, events: list[Event]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        time_machine.travel(NOON, tick=False) as clock,
        pytest.MonkeyPatch.context() as patch,
    ):
        delivery = lay_out(Path(folder) / "work", sandbox, clock)
        pars = ModelPars()
        patch.setattr(channels, "open_client", lambda *_: pars)
        story = Story(delivery, pars)
        try:
            for event in events:
                story.happens(event)
            story.ends()
        finally:
            delivery.store.dispose()


def test_the_database_itself_refuses_a_second_live_credit(any_store: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    from tests.store.rows import credit_in

    with any_store.writing() as session:
        first = credit_in(session, State.SENDING)
        award = first.award_id
    with pytest.raises(IntegrityError), any_store.writing() as session:
        credit_in(session, State.PENDING, award_id=award)
    with any_store.writing() as session:
        credit_in(session, State.WITHDRAWN, award_id=award)
