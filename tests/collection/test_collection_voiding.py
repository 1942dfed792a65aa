"""Voiding, from the LRS to PARS: what nothing that stands has earned is not reported, whatever came in which order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector import pipeline
from connector.collection import save
from connector.inquiry import ledger
from connector.inquiry.explain import explain
from connector.lrs.statement import read
from connector.store.states import State
from connector.store.tables import Source
from tests.delivery.workplace import STEWARDSHIP, Delivery
from tests.learners.middle import ACTIVITY, COURSE, RULE, Middle, laid_out, statement, voiding

SESSIONS = RULE + "    per: session\n"
ROOMS = ("collection", "mapping", "learners", "validation")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    with laid.store.writing() as session:
        session.add_all([Source(id=name, fingerprint="") for name in ("inlet", "mirror")])
    yield laid
    laid.store.dispose()


def tell(place: Middle, source: str, *documents: dict[str, Any]) -> Middle:
    with place.at(), place.store.writing() as session:
        save.page(session, source, [read(orjson.dumps(one), source) for one in documents], now=place.clock)
    return place


def standing(place: Middle) -> list[bool]:
    return [row.standing for row in place.evidence()]


def place_credits(place: Middle) -> list[Any]:
    with place.credits() as rows:
        return rows


# --- between sources ---


@pytest.mark.parametrize("void_first", [False, True])
@pytest.mark.parametrize("turns", [0, 1])
def test_an_id_is_voided_whoever_told_it_and_whoever_voids_it(place: Middle, turns: int, *, void_first: bool) -> None:
    """The LRS forwards a completion to the inlet, and its voiding only to those who poll it."""
    steps: list[tuple[str, dict[str, Any]]] = [("campus", statement(1)), ("inlet", statement(1))]
    steps.insert(0 if void_first else 2, ("mirror", voiding(2, 1)))
    for source, document in steps:
        tell(place, source, document)
        for _ in range(turns):
            place.run()
    place.run()
    assert standing(place) == [False, False]
    assert all(credit.wanted == "absent" for credit in place_credits(place))
    assert [one for one in ledger.prove(place.store) if one.wrong] == []
    told = [line.text for line in explain(place.store, place.config, statement(1)["id"])]
    assert told.count("voided by a later statement") == 2


def test_the_same_void_from_two_sources_is_one(place: Middle) -> None:
    for source in ("campus", "inlet"):
        tell(place, source, statement(1), statement(9, timestamp="2026-03-09T10:00:00Z"), voiding(2, 1)).run()
    assert standing(place) == [False, True, False, True]
    assert place.only().wanted == "present"
    assert [one for one in ledger.prove(place.store) if one.wrong] == []


# --- what cannot be voided ---


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3)])
def test_a_voiding_statement_cannot_be_voided(place: Middle, order: tuple[int, ...]) -> None:
    said = {1: statement(1), 2: voiding(2, 1), 3: voiding(3, 2)}
    for number in order:
        tell(place, "campus", said[number]).run()
    assert standing(place) == [False]


def test_voided_twice_is_voided_once(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send()
    for number in (2, 3):
        place.post(voiding(number, 1)).run()
    events = [place.only().wanted, place.only().state]
    assert (standing(place), events) == ([False], ["absent", "confirmed"])
    assert place.run() == {}


def test_what_only_looks_like_a_voiding_voids_nothing(place: Middle) -> None:
    void = voiding(2, 1)
    looks: list[dict[str, Any]] = [
        {"object": {"id": statement(1)["id"]}},
        {"object": {"objectType": "Activity", "id": statement(1)["id"]}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/commented"}},
        {"object": {"objectType": "SubStatement", "verb": void["verb"], "object": void["object"]}},
    ]
    alike = [voiding(number, 1) | changes for number, changes in enumerate(looks, 2)]
    place.post(statement(1), *alike).run()
    assert all(standing(place))
    assert place.only().wanted == "present"


# --- every state ---


WAYS = (
    (),
    (State.SENDING,),
    (State.SENDING, State.IN_DOUBT),
    (State.SENDING, State.PENDING),
    (State.SENDING, State.PENDING, State.CONFIRMED),
    (State.SENDING, State.PENDING, State.REJECTED),
    (State.SENDING, State.REFUSED),
    (State.SENDING, State.UNMATCHED),
)


def test_the_last_standing_statement_takes_the_credit_with_it_in_every_state(place: Middle) -> None:
    place.rules(SESSIONS).activity(ACTIVITY | {"credits": "99"})  # room for every session
    whats = [{"object": {"id": f"{COURSE}&session={number}"}} for number in range(len(WAYS))]
    ours = range(1, len(WAYS) + 1)
    place.post(*(statement(number, **what) for number, what in zip(ours, whats, strict=True)))
    late = [statement(100 + number, timestamp="2026-03-11T09:00:00Z", **whats[number - 1]) for number in ours]
    place.post(*late).run()
    for credit, way in zip(place_credits(place), WAYS, strict=True):
        place.walk(credit.id, *way)
    place.post(*(voiding(200 + number, number) for number in ours)).run()
    assert {credit.wanted for credit in place_credits(place)} == {"present"}
    place.post(*(voiding(300 + number, 100 + number) for number in ours)).run()
    assert {(credit.wanted, credit.why_absent) for credit in place_credits(place)} == {("absent", "statement.voided")}


# --- from the LRS to PARS ---


STEWARDS = f"""version: 1
rules:
  - name: stewardship
    when: [{{path: verb.id, is: completed}}, {{path: object.id, is: "https://lms.example.org/stewardship"}}]
    activity: "{STEWARDSHIP}"
    credits: [{{type: cme, amount: 1.00}}]
"""


class Whole:
    """The whole path: an LRS that is polled, the rooms, and a PARS, under one clock."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        (delivery.folder / "mappings" / "rehearsal.yaml").write_text(STEWARDS, encoding="utf-8")

    def post(self, *documents: dict[str, Any]) -> None:
        self.delivery.sandbox.post(list(documents))
        self.delivery.pass_by(minutes=1)
        pipeline.run(self.delivery.store, self.delivery.config, ROOMS)

    @property
    def state(self) -> str:
        return self.delivery.state(1)


@pytest.fixture
def whole(delivery_on: Callable[[str], Delivery]) -> Whole:
    return Whole(delivery_on("xml-service"))


def done(number: int, minute: int = 0) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=number, version=4)),
        "actor": {"objectType": "Agent", "mbox": "mailto:aoneill@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
        "object": {"id": "https://lms.example.org/stewardship"},
        "timestamp": f"2026-03-05T15:{minute:02}:00.000Z",
    }


def void(number: int, target: int) -> dict[str, Any]:
    ref = {"objectType": "StatementRef", "id": str(uuid.UUID(int=target, version=4))}
    verb = {"id": "http://adlnet.gov/expapi/verbs/voided", "display": {"en": "voided"}}
    return done(number) | {"verb": verb, "object": ref}


def test_a_credit_that_was_not_sent_closes_and_pars_hears_nothing(whole: Whole) -> None:
    whole.post(done(1))
    assert whole.state == "ready"
    whole.post(void(2, 1))
    whole.delivery.go_on()
    assert whole.state == "closed"
    assert whole.delivery.saves() == []


def test_a_credit_in_doubt_is_asked_about_and_withdrawn(whole: Whole) -> None:
    whole.post(done(1))
    whole.delivery.sandbox.switch("cut-before-reply", operation="save")
    whole.delivery.send()
    assert whole.state == "in_doubt"
    whole.post(void(2, 1))
    whole.delivery.go_on()
    assert whole.state == "withdrawn"
    assert whole.delivery.held_live() == []
    assert whole.delivery.is_clean(1)


def test_voiding_one_of_two_leaves_what_pars_holds_and_voiding_both_withdraws_it(whole: Whole) -> None:
    whole.post(done(1), done(2, minute=1))
    whole.delivery.go_on()
    whole.post(void(3, 1))
    whole.delivery.go_on()
    assert len(whole.delivery.held_live()) == 1
    assert len(whole.delivery.saves()) == 1
    whole.post(void(4, 2))
    whole.delivery.go_on()
    assert (whole.state, whole.delivery.held_live()) == ("withdrawn", [])
    assert whole.delivery.is_clean(1)
