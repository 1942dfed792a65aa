"""Write-back against the rehearsal LRS: told once, in order, of nobody new; and never read back as a completion."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update
from structlog.testing import capture_logs

from connector import pipeline
from connector.collection import own as into_store
from connector.config.desk import DeskConfig, WriteBackConfig
from connector.desk import writeback
from connector.endpoints import open_client
from connector.lrs import own
from connector.lrs.actors import agent
from connector.records import Counts
from connector.sandbox.lrs.rows import Query
from connector.sandbox.world import statements as sends
from connector.store.moves import move
from connector.store.states import State
from connector.store.tables import Credit, EvidenceRow, StatementRow, WrittenBack
from tests.delivery.workplace import Delivery

VERB = "https://cme.example.edu/verbs/reported"
EVERYTHING = """
version: 1
rules:
  - name: everything
    when: [{path: verb.id, starts_with: "http"}, {path: object.id, exists: true}]
    activity: "203512347"
    completed_on: {path: timestamp}
    per: session
    credits: [{type: cme, amount: 1.00}]
"""


def switch_on(place: Delivery, *sources: str) -> None:
    place.set(desk=DeskConfig(write_back=WriteBackConfig(verb=VERB, sources=sources)))


def complete(place: Delivery, person: str = "aoneill", course: int = 57, title: str = "Stewardship") -> dict[str, Any]:
    """A completion in the LRS, and every stage until its credits are confirmed."""
    when = datetime.now(UTC) - timedelta(hours=2)
    statement = sends.moodle_course_completed(place.sandbox.world.people[person], course, title, when)
    [statement["id"]] = place.sandbox.lrs.store([statement])
    confirm(place)
    return statement


def confirm(place: Delivery) -> None:
    for _ in range(12):
        turns(place, 1)
        with place.store.reading() as session:
            states = session.exec(select(Credit.state)).all()
        if states and set(states) == {"confirmed"}:
            return
    raise AssertionError(states)


def turns(place: Delivery, count: int, *stages: str) -> None:
    """Of these stages; where none is named, of all but the desk."""
    for _ in range(count):
        pipeline.run(place.store, place.config, stages or [name for name in pipeline.STAGES if name != "desk"])
        write(place)
        place.pass_by(minutes=35)


def write(place: Delivery) -> Counts:
    return writeback.run(place.store, place.config)


def reports(place: Delivery) -> list[dict[str, Any]]:
    rows = place.sandbox.lrs.query(Query(ascending=True)).rows
    return [one for row in rows if VERB in (one := json.loads(row.raw))["verb"]["id"]]


def rows(place: Delivery) -> list[WrittenBack]:
    with place.store.reading() as session:
        return list(session.exec(select(WrittenBack).order_by(col(WrittenBack.event_id))))


def kept(place: Delivery) -> list[str]:
    with place.store.reading() as session:
        return [row.verb for row in session.exec(select(StatementRow))]


def the_credit(place: Delivery) -> int:
    with place.store.reading() as session:
        return session.exec(select(Credit.id)).one()


def go(place: Delivery, pk: int, *states: State) -> None:
    """Move a credit as the stages would, each move a minute after the other."""
    for state in states:
        with place.store.writing() as session:
            credit = session.get_one(Credit, pk)
            credit.at_pars = "yes"
            move(session, credit, state, now=datetime.now(UTC))
        place.pass_by(minutes=1)


def test_a_confirmed_credit_is_told_once_in_the_shape_that_was_promised(delivery: Delivery) -> None:
    switch_on(delivery)
    original = complete(delivery)
    turns(delivery, 2, "collection", "mapping")
    [told] = reports(delivery)
    assert told["actor"] == original["actor"], "no identity beyond the original actor"
    assert told["object"] == {"objectType": "Activity"} | {
        name: original["object"][name] for name in ("id", "definition")
    }
    assert told["verb"] == {"id": f"{VERB}-confirmed", "display": {"en": "confirmed"}}
    credit = {"certification": "AMA PRA Category 1", "amount": 1.5, "activity": "203512347"}
    assert told["context"] == {
        "statement": {"objectType": "StatementRef", "id": original["id"]},
        "extensions": {own.CREDIT: credit},
    }
    assert set(told) <= {"id", "actor", "verb", "object", "context", "timestamp", "stored", "version", "authority"}
    assert [(row.posted_at is not None, row.attempts) for row in rows(delivery)] == [(True, 0)]
    assert not any(VERB in verb for verb in kept(delivery)), "it was polled several times since"


def test_what_we_wrote_is_never_a_completion_whatever_a_rule_says(delivery: Delivery) -> None:
    (delivery.folder / "mappings" / "rehearsal.yaml").write_text(EVERYTHING)
    switch_on(delivery)
    complete(delivery)
    [told] = reports(delivery)
    again = told | {"id": str(uuid.uuid4())}  # an LRS that forwards gives new ids
    bare = told | {"context": {}}  # one that cuts extensions off keeps the id
    for one in (again, bare):
        delivery.sandbox.lrs.plant(json.dumps(one | {"stored": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}).encode())
    delivery.pass_by(minutes=5)
    before = len(kept(delivery))
    turns(delivery, 1, "collection", "mapping")
    into_store.keep(delivery.store, "rehearsal", [json.dumps(again).encode(), json.dumps(bare).encode()])
    pipeline.run(delivery.store, delivery.config)
    assert len(kept(delivery)) == before
    with delivery.store.reading() as session:
        outcomes = [(row.rule, row.outcome) for row in session.exec(select(EvidenceRow))]
    assert outcomes == [("everything", "completion")], "the learner's own statement, and nothing else"


def test_what_happened_before_it_was_switched_on_is_not_told(delivery: Delivery) -> None:
    complete(delivery)
    delivery.pass_by(hours=2)
    switch_on(delivery)
    write(delivery)
    assert reports(delivery) == []
    go(delivery, the_credit(delivery), State.REJECTED, State.WITHDRAWING, State.WITHDRAWN)
    write(delivery)
    write(delivery)
    assert [one["verb"]["id"] for one in reports(delivery)] == [f"{VERB}-withdrawn"]


def test_a_rems_credit_is_told_to_nobody(delivery: Delivery) -> None:
    switch_on(delivery)
    delivery.set(record=delivery.config.record.model_copy(update={"rems_delay": timedelta()}))
    complete(delivery, course=42, title="Opioids")
    with delivery.store.reading() as session:
        confirmed = {credit.kind for credit in session.exec(select(Credit)) if credit.state == "confirmed"}
    assert confirmed == {"cme", "rems"}
    assert [one["context"]["extensions"][own.CREDIT]["certification"] for one in reports(delivery)] == [
        "AMA PRA Category 1"
    ]


def test_only_the_named_sources_are_written_to(delivery: Delivery) -> None:
    other = delivery.config.sources[0].model_copy(update={"name": "other"})
    delivery.set(sources=(*delivery.config.sources, other))
    switch_on(delivery, "other")
    delivery.set(sources=delivery.config.sources[:1])  # "other" is not read in this test
    complete(delivery)
    assert reports(delivery) == []
    assert [(row.source_id, row.code) for row in rows(delivery)] == [("", writeback.ELSEWHERE)]


def test_an_outage_is_said_once_and_the_older_word_is_skipped(delivery: Delivery) -> None:
    switch_on(delivery)
    delivery.sandbox.switch("error-500", side="lrs", operation="store", times=None)
    with capture_logs() as log:
        complete(delivery)
        for _ in range(3):
            write(delivery)
            delivery.pass_by(minutes=35)
        assert [row.attempts > 1 for row in rows(delivery)] == [True]
        go(delivery, the_credit(delivery), State.REJECTED, State.WITHDRAWING, State.WITHDRAWN)
        write(delivery)
        delivery.sandbox.switches.clear()
        delivery.pass_by(hours=1)
        write(delivery)
    assert [one["verb"]["id"] for one in reports(delivery)] == [f"{VERB}-withdrawn"]
    assert [one["event"] for one in log if one["event"].startswith("write_back.")] == [
        "write_back.stopped",
        "write_back.recovered",
    ]
    assert [row.code for row in rows(delivery)] == [writeback.OUTDATED, ""]


def test_a_login_that_may_not_write_stops_it_and_nothing_else(delivery: Delivery) -> None:
    switch_on(delivery)
    delivery.sandbox.switch("forbidden", side="lrs", operation="store", times=None)
    with capture_logs() as log:
        complete(delivery)
        for _ in range(3):
            write(delivery)
            delivery.pass_by(minutes=35)
    said = [one for one in log if one["event"] == "write_back.stopped"]
    assert [(one["code"], one["who"], one["source"]) for one in said] == [("lrs.write_login", "operator", "rehearsal")]
    assert "source.stopped" not in {one["event"] for one in log}


def test_nothing_is_written_of_a_statement_whose_bytes_are_gone(delivery: Delivery) -> None:
    complete(delivery)
    with delivery.store.writing() as session:
        session.execute(update(StatementRow).values(raw=None))
    switch_on(delivery)
    go(delivery, the_credit(delivery), State.REJECTED, State.WITHDRAWING, State.WITHDRAWN)
    assert write(delivery)["not_written"] == 1
    assert write(delivery) == Counts()
    assert reports(delivery) == []


def test_a_taken_id_and_one_that_is_there_already(delivery: Delivery) -> None:
    switch_on(delivery)
    original = complete(delivery)
    [told] = reports(delivery)
    source = delivery.config.polled[0]
    with open_client(source) as lrs:
        same = json.dumps({name: told[name] for name in told if name not in ("stored", "authority")}).encode()
        assert lrs.put(told["id"], same) == "stored"
        other = json.dumps(original | {"id": original["id"], "verb": {"id": f"{VERB}-other"}}).encode()
        assert lrs.put(original["id"], other) == "taken"
        assert lrs.put(str(uuid.uuid4()), b'{"actor": 1}') == "refused"


def test_of_a_group_only_the_member_who_earned_it_is_named() -> None:
    first, second = ({"mbox": f"mailto:{name}@example.org", "name": name} for name in ("one", "two"))
    about = {
        "id": str(uuid.uuid4()),
        "actor": {"objectType": "Group", "member": [first, second]},
        "object": {"id": "https://lms.example.org/lecture", "definition": {"odd": 1}},
    }
    raw = own.report(
        str(uuid.uuid4()),
        about=json.dumps(about).encode(),
        actor_key="mbox:two@example.org",
        verb=f"{VERB}-confirmed",
        at=datetime.now(UTC),
        credit={},
    )
    assert json.loads(raw)["actor"] == second
    assert json.loads(raw)["object"]["definition"] == {"odd": 1}
    with pytest.raises(ValueError, match="nobody"):
        agent(about["actor"], "mbox:three@example.org")
