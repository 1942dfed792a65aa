"""Merges, links, splits, corrections, restarts and sends in any order: nothing is reported twice, nothing lost."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from connector.learners import people
from connector.store import wishes
from connector.store.states import LIVE, State
from connector.store.tables import Award, Credit, EvidenceRow, LearnerKey, Run
from tests.learners.middle import ANNA, BORIS, MOC, RULE, SITE, Middle, account, laid_out, reopened, statement, voiding

MAIL, THREE, FOUR = "mbox:anna@example.org", f"account:{SITE}|3", f"account:{SITE}|4"
ACTORS = {MAIL: {"mbox": "mailto:anna@example.org"}, THREE: account("3"), FOUR: account("4")}
ANNA_MAIL = ANNA | {"account": "", "username": ""}
ANNA_THREE = ANNA | {"email": "", "username": ""}
ANNA_FOUR = ANNA_THREE | {"account": "4"}
BORIS_FOUR = BORIS | {"email": "", "username": ""}
NOBODY = dict.fromkeys(ANNA, "") | {"email": "nobody@example.org"}
SHEETS = [
    [ANNA, BORIS],
    [ANNA_MAIL, ANNA_THREE, BORIS],
    [ANNA | {"account": "4", "username": ""}, ANNA_THREE],
    [ANNA | {"username": "4"}],
    [ANNA_MAIL, BORIS_FOUR],
    [ANNA_MAIL, ANNA_THREE, ANNA_FOUR],
    [NOBODY],
]
"""What the directory says: one person under all, some or one of the actors, two people, nobody."""


@dataclass
class People:
    place: Middle
    told: list[int] = field(default_factory=list)

    def sheet(self, number: int) -> None:
        self.place.sheet(*SHEETS[number])

    def link(self, actor: str, other: str) -> None:
        with self.place.at(), self.place.session() as session:
            row = people.of_key(session, other)  # type: ignore[arg-type]
            if row is not None:
                wishes.wish(session, wishes.LINK, {"actor": actor, "learner": row.id}, by="t", now=self.place.clock)

    def unlink(self, actor: str) -> None:
        with self.place.at(), self.place.session() as session:
            wishes.wish(session, wishes.UNLINK, {"actor": actor}, by="t", now=self.place.clock)

    def fix(self, actor: str, value: str) -> None:
        with self.place.at(), self.place.session() as session:
            row = people.of_key(session, actor)  # type: ignore[arg-type]
            if row is not None:
                args = {"learner": row.id, "fields": {"ids.NPI": value}}
                wishes.wish(session, wishes.FIX, args, by="t", now=self.place.clock)

    def tell(self, actor: str, course: int) -> None:
        number = 100 + len(self.told)
        self.told.append(number)
        there = {"id": f"{SITE}/course/view.php?id={course}"}
        self.place.post(
            statement(number, actor=ACTORS[actor], object=there, timestamp=f"2026-03-{course:02d}T10:00:00Z")
        )

    def void(self, which: int) -> None:
        if which < len(self.told):
            self.place.post(voiding(500 + which, self.told[which]))

    def send(self) -> None:
        self.place.send()

    def restart(self) -> None:
        self.place = reopened(self.place)

    def wait(self) -> None:
        self.place.clock += timedelta(hours=2)

    def at_home(self) -> set[int]:
        """Awards that are with the learner of the actor who opened them."""
        with self.place.store.reading() as session:
            rows = select(Award.id).join(LearnerKey, LearnerKey.actor_key == Award.anchor)  # type: ignore[arg-type]
            return set(session.exec(rows.where(LearnerKey.learner_id == Award.learner_id)))

    def is_whole(self, at_home: set[int]) -> None:
        """`at_home` before this step."""
        with self.place.store.reading() as session:
            assert [run.error for run in session.exec(select(Run)) if run.error] == []
            completed = select(EvidenceRow.award_id).where(EvidenceRow.outcome == "completion")
            assert None not in session.exec(completed).all(), "every completion has its award"
            awards = {award.id: award for award in session.exec(select(Award))}
            live, leaving = Counter[tuple[int, str]](), Counter[tuple[object, ...]]()
            ready = set()
            for credit in session.exec(select(Credit).where(Credit.wanted == "present")):
                award = awards[credit.award_id]
                thing = (award.learner_id, award.activity_id, award.per, credit.certification)
                live[(award.id, credit.certification)] += credit.state in LIVE
                leaving[thing] += credit.state in {*LIVE, State.READY}
                if credit.state == State.READY:
                    ready.add(thing)
                    assert award.id in self.at_home(), "what an actor opened who is somebody else's by now is held"
            assert max(live.values(), default=0) <= 1, "one live credit for one award and certification"
            assert all(leaving[thing] == 1 for thing in ready), "nothing leaves beside what left already"
        assert at_home <= self.at_home(), "an award is with the learner of its anchor"


KEYS = st.sampled_from(sorted(ACTORS))
STEP = st.one_of(
    st.tuples(st.just("sheet"), st.integers(0, len(SHEETS) - 1)),
    st.tuples(st.just("link"), KEYS, KEYS),
    st.tuples(st.just("unlink"), KEYS),
    st.tuples(st.just("tell"), KEYS, st.sampled_from([1, 2])),
    st.tuples(st.just("fix"), KEYS, st.sampled_from(["1003000126", "", ANNA["npi"]])),
    st.tuples(st.just("void"), st.integers(0, 2)),
    st.tuples(st.just("send")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("wait")),
)
KEPT = {"link", "unlink", "fix", "tell", "void", "send", "restart"}
"""Whatever people do, an award stays with its actor; a directory may give an actor to somebody else."""
STARTS = [("tell", MAIL, 1), ("tell", FOUR, 1)]


@pytest.mark.proof
@settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=3, max_size=7))
@example([("tell", THREE, 1), ("sheet", 1), ("send",), ("link", THREE, MAIL), ("unlink", THREE), ("sheet", 0)])
@example([("sheet", 5), ("tell", THREE, 1), ("link", MAIL, THREE), ("link", FOUR, THREE), ("send",), ("unlink", MAIL)])
@example([("sheet", 6), ("link", FOUR, MAIL), ("sheet", 0), ("fix", MAIL, ANNA["npi"]), ("unlink", FOUR), ("send",)])
def test_any_order_leaves_one_live_credit_with_him_who_earned_it(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        people_ = People(laid_out(Path(folder)).rules(RULE + MOC))
        for name, *args in [*STARTS, *steps]:
            before = people_.at_home()
            getattr(people_, str(name))(*args)
            people_.place.run()
            people_.is_whole(before if name in KEPT else set())
        people_.place.store.dispose()
