"""One fact told twice is linked and earns one credit; two facts that look alike stay two."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import event
from sqlmodel import col, select

from connector.collection import save
from connector.lrs.quirks import MOODLE_INFO
from connector.lrs.statement import read
from connector.store.session import Store
from connector.store.tables import Source, StatementRow
from tests.learners.middle import COURSE, NOON, RULE, SITE, Middle, account, laid_out, statement, voiding

SOURCES = ("campus", "inlet", "mirror")
EDLM = "https://xapi.edlm/profiles/edlm-lms/concepts/verbs"
EVERYTHING = """
  - name: all
    when: [{path: verb.id, exists: true}, {path: result.success, is_not: false}]
    activity: "203512345"
    credits:
      - {type: cme, amount: 1.25}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    with laid.store.writing() as session:
        session.add_all([Source(id=name, fingerprint="") for name in SOURCES[1:]])
    yield laid
    laid.store.dispose()


def tell(place: Middle, source: str, *documents: dict[str, Any]) -> dict[str, int]:
    with place.at(), place.store.writing() as session:
        reads = [read(orjson.dumps(one), source) for one in documents]
        return save.page(session, source, reads, now=place.clock)


def linked(store: Store) -> list[int | None]:
    with store.reading() as session:
        return list(session.exec(select(StatementRow.duplicate_of).order_by(col(StatementRow.id))))


def moodle(number: int, event: str = "core\\event\\course_completed", **changes: Any) -> dict[str, Any]:
    """As the plugin sends it: whole seconds, a session for a registration; the LRS gives id and stored."""
    session = str(uuid.uuid5(uuid.NAMESPACE_URL, f"session {number}"))
    usual = {
        "actor": {"name": "Zanna Quixley", **account("3")},
        "timestamp": "2026-03-10T15:04:05.000Z",
        "context": {"registration": session, "extensions": {MOODLE_INFO: {"event_name": "\\" + event}}},
    }
    return statement(number, **(usual | changes))


def h5p(number: int, stored: str, **changes: Any) -> dict[str, Any]:
    """No timestamp was sent: the LRS made one of its own `stored`."""
    plugin = {"id": f"{SITE}/course/h5p_embed&id=42", "objectType": "Activity"}
    scored = {"score": {"min": 0, "max": 10, "raw": 7, "scaled": 0.7}, "completion": True, "success": True}
    return statement(number, object=plugin, result=scored, timestamp=stored, stored=stored, **changes)


# --- linked ---


def test_the_same_id_from_another_source_is_the_same_statement(place: Middle) -> None:
    untimed = h5p(1, "2026-03-10T15:04:06.000Z")
    assert tell(place, "campus", untimed, statement(2))["linked"] == 0
    again = untimed | {"stored": "2026-03-10T16:00:00Z", "timestamp": "2026-03-10T16:00:00Z"}
    assert tell(place, "mirror", again, statement(3, timestamp="2026-03-09T08:00:00Z"))["linked"] == 1
    assert tell(place, "inlet", again, statement(2))["linked"] == 2
    assert linked(place.store) == [None, None, 1, None, 1, 2]
    place.run()
    assert len(place.awards()) == 1


def test_a_forwarded_repetition_is_linked_to_the_first_of_all(place: Middle) -> None:
    """Linked by its content in one source, by its id from there on."""
    tell(place, "campus", moodle(1))
    tell(place, "inlet", moodle(2))
    tell(place, "mirror", {**moodle(2), "timestamp": None} | {"stored": "2026-03-11T00:00:00Z"})
    assert linked(place.store) == [None, 1, 1]


def test_an_id_that_another_source_uses_for_another_person_opens_his_own_award(place: Middle) -> None:
    tell(place, "campus", statement(1))
    tell(place, "mirror", statement(1, actor={"mbox": "mailto:boris@example.org"}))
    place.run()
    assert sorted(award.anchor for award in place.awards()) == ["mbox:anna@example.org", "mbox:boris@example.org"]


def test_poll_and_inlet_of_one_moodle_tell_one_fact(place: Middle) -> None:
    """Moodle mints no id, so each LRS gives its own; a later cron run is another session."""
    place.rules(RULE + "    per: registration\n")
    tell(place, "campus", moodle(1))
    tell(place, "inlet", moodle(2, timestamp="2026-03-10T15:04:05Z"))
    tell(place, "campus", moodle(3))
    place.run()
    assert linked(place.store) == [None, 1, 1]
    assert len(place.awards()) == 1
    assert len(place.evidence()) == 3


def test_enrolments_of_cmi5_are_told_apart_and_a_resend_is_not(place: Middle) -> None:
    place.rules(RULE + "    per: registration\n")
    one, other = ({"registration": f"0DE15ACE-0000-7000-8000-00000000000{n}"} for n in (1, 2))
    tell(place, "campus", statement(1, context=one), statement(2, context=other))
    tell(place, "mirror", statement(3, context={"registration": one["registration"].lower()}))
    place.run()
    assert linked(place.store) == [None, None, 1]
    assert len(place.awards()) == 2


# --- not linked ---


def test_a_fail_and_a_pass_in_one_second_are_two_facts(place: Middle) -> None:
    """Module state 3 is verb completed with success false; and what was completed may be undone in the same second."""
    event = "core\\event\\course_module_completion_updated"
    module = {"id": f"{SITE}/course/mod/quiz/view.php?id=9"}
    failed = moodle(1, event, object=module, result={"completion": True, "success": False})
    passed = moodle(2, event, object=module, result={"completion": True, "success": True})
    undone = moodle(3, event, object=module, verb={"id": f"{EDLM}/uncompleted"})
    silent = moodle(4, event, object=module)
    place.rules(EVERYTHING.replace("exists: true", "is: completed"))
    tell(place, "campus", failed, passed, undone, silent)
    place.run()
    assert linked(place.store) == [None] * 4
    assert [row.outcome for row in place.evidence()] == ["ignored", "completion", "completion"]
    assert len(place.awards()) == 1


def test_course_module_and_attempt_completed_in_one_second_are_three_facts(place: Middle) -> None:
    course, module = moodle(1), moodle(2, "core\\event\\course_module_completion_updated")
    attempt = moodle(3, "mod_quiz\\event\\attempt_submitted", result={"score": {"raw": 9}, "completion": True})
    better = moodle(4, "mod_quiz\\event\\attempt_submitted", result={"score": {"raw": 10}, "completion": True})
    tell(place, "campus", course, module, attempt, better)
    assert linked(place.store) == [None] * 4


def test_without_times_of_their_own_the_award_alone_protects_pars(place: Middle) -> None:
    """H5P and GrassBlade send no timestamp. What was sent twice cannot be told from what happened twice."""
    tell(place, "campus", h5p(1, "2026-03-10T15:04:06.000Z"), h5p(2, "2026-03-10T15:04:06.000Z"))
    tell(
        place, "mirror", h5p(3, "2026-03-10T15:04:09.417Z"), statement(4, timestamp=None, stored="2026-03-11T01:00:00Z")
    )
    place.rules(RULE.replace("credits:", 'completed_on: {path: "timestamp || stored"}\n    credits:')).run()
    assert linked(place.store) == [None] * 4
    assert [row.outcome for row in place.evidence()] == ["completion"] * 4
    assert len(place.awards()) == 1
    assert place.states() == [("AMA PRA Category 1", "ready")]


def test_the_link_is_found_by_the_index_on_both_engines(any_store: Store) -> None:
    with any_store.writing() as session:
        session.add_all([Source(id=name, fingerprint="") for name in SOURCES])
    for source in SOURCES:
        with any_store.writing() as session:
            reads = [read(orjson.dumps(h5p(n, f"2026-03-10T15:04:{n:02}Z")), source) for n in range(1, 31)]
            done = save.page(session, source, reads, now=NOON)
        assert (done["stored"], done["linked"]) == (30, 0 if source == "campus" else 30)
    assert linked(any_store) == [None] * 30 + list(range(1, 31)) * 2
    if any_store.url.get_backend_name() == "sqlite":
        query = (
            "SELECT * FROM statement WHERE source_id IN (SELECT id FROM source WHERE id != 'x') AND statement_id = 'y'"
        )
        with any_store.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
        assert all("SCAN statement" not in row[-1] for row in plan)


def test_a_page_of_any_length_is_asked_about_in_parts(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL takes 65,535 values; what is repeated in another part is found all the same."""
    monkeypatch.setattr(save, "CHUNK", 2)
    asked: list[int] = []

    def look(_: Any, __: Any, question: str, values: Any, *_rest: Any) -> None:
        if question.startswith("SELECT"):
            asked.append(len(values))

    event.listen(any_store.engine, "before_cursor_execute", look)
    once, again, other = (statement(n, timestamp=f"2026-03-10T15:0{n % 2}:05Z") for n in (1, 3, 2))
    told = [once, voiding(9, 1), other, again, once, voiding(8, 1)]
    with any_store.writing() as session:
        session.add(Source(id="campus", fingerprint=""))
        session.flush()
        done = save.page(session, "campus", [read(orjson.dumps(one), "campus") for one in told], now=NOON)
    assert done == {"stored": 5, "known": 1, "linked": 2, "problems": 0, "voids": 1}
    assert linked(any_store) == [None, None, None, 1, 2]
    assert max(asked) <= save.CHUNK + 2


def test_a_course_of_another_address_is_another_fact(place: Middle) -> None:
    tell(place, "campus", statement(1), statement(2, object={"id": COURSE.replace("https", "http")}))
    tell(place, "campus", statement(3, object={"id": COURSE + "/"}))
    assert linked(place.store) == [None] * 3
