"""Every answer can be explained (promise P8), and none shows who the learner is (promise P6)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from connector.inquiry import explain, listing
from connector.inquiry.listing import Filter
from connector.records import Actor, Payload, Problem, Reply
from connector.store import journal
from connector.store.states import PARKED, State
from connector.store.tables import Channel
from tests.learners.middle import ANNA, BORIS, MOC, RULE, SITE, Middle, account, statement, voiding

PERSONAL = ("Zanna", "Quixley", "02-29", ANNA["npi"], "410106", "anna@")


def told(place: Middle, what: str) -> str:
    lines = explain.explain(place.store, place.config, what)
    text = "\n".join("  " * line.depth + line.text for line in lines)
    assert not [value for value in PERSONAL if value in text]
    return text


def id_of(number: int) -> str:
    return str(statement(number)["id"])


def journalled(place: Middle, code: str = "pars.no_match") -> None:
    """One save with its answer, as submission writes it."""
    with place.at(), place.session() as session:
        channel = Channel(provider_id="0001234", kind="xml-service")
        session.add(channel)
        session.flush()
        credit = session.get_one(explain.Credit, 1)
        payload = Payload(body=b"<Zanna/>", content_type="application/xml")
        row = journal.write(session, channel, "add", payload, [credit], place.clock)
        reply = Reply(status=200, content_type="application/xml", body=b"no such learner")
        journal.answer(session, row, reply, code="", now=place.clock + timedelta(seconds=1))
        line = session.get_one(explain.SubmissionCredit, (row.id, 1))
        line.verdict, line.code = "refused", code


# --- statements ---


def test_a_statement_tells_every_condition_and_the_first_that_failed(place: Middle) -> None:
    place.rules(RULE.replace("}]", "}, {path: result.success, is: true}]"))
    place.post(statement(1, result={"success": False})).run()
    text = told(place, id_of(1).upper())
    assert "yes `verb.id` is completed" in text
    assert "NO  `result.success` is true (saw false)" in text
    assert "outcome of rule course: ignored not met: `result.success` is true" in text


def test_a_statement_that_no_rule_names_tells_the_nearest(place: Middle) -> None:
    place.post(statement(1, verb={"id": "http://example.org/launched"})).run()
    text = told(place, id_of(1))
    assert "no rule names this verb and object; the nearest one:" in text
    assert "NO  `verb.id` is completed" in text


def test_a_statement_tells_its_credits_to_the_end(place: Middle) -> None:
    place.post(statement(1), statement(2)).run()
    assert "credit 1 ccid:example.org:" in told(place, id_of(1))
    assert f"re-sent: the same fact as statement {id_of(1)}" in told(place, id_of(2))
    place.post(voiding(3, 2)).run()
    assert "voided by a later statement" in told(place, id_of(2))
    assert "no longer standing" in told(place, id_of(2))


def test_what_is_under_way_says_what_it_waits_for(place: Middle) -> None:
    place.post(statement(1), statement(2, actor={"name": "nobody"}))
    assert "not mapped yet" in told(place, id_of(1))
    with place.at():
        explain_ready(place)
    assert "waits for the learner sources" in told(place, id_of(1))
    assert "outcome: problem lrs.bad_actor" in told(place, id_of(2))
    assert "administrator acts" in told(place, id_of(2))


def explain_ready(place: Middle) -> None:
    from connector.mapping import stage as mapping

    mapping.run(place.store, place.config)


def test_rules_that_no_longer_fit_the_configuration_are_said(place: Middle) -> None:
    place.rules(RULE + '    provider: "0001234"\n').post(statement(1)).run()
    other = place.config.providers[0].model_copy(update={"id": "0009999"})
    place.config = place.config.model_copy(update={"providers": (other,)})
    assert "cannot be read" in told(place, id_of(1))


@pytest.mark.parametrize("what", ["", "nothing", "99", "learner:99", "learner:x", "²", "9" * 40, "learner:" + "9" * 40])
def test_nothing_is_told_of_what_is_not_known(place: Middle, what: str) -> None:
    assert explain.explain(place.store, place.config, what) == []


# --- credits and learners ---


def test_a_held_credit_tells_what_stops_it_who_acts_and_when_it_is_judged_again(place: Middle) -> None:
    place.rules(RULE + MOC).sheet(ANNA | {"consent": "", "board_id": ""}).post(statement(1)).run()
    text = told(place, "2")
    assert "held (learner.no_consent)" in text
    assert "stops it: no permission to report is on file (learner.no_consent; learner acts)" in text
    assert "stops it: the learner's ABIM id is needed (learner.no_board_id; learner acts)" in text
    lines = explain.explain(place.store, place.config, "2")
    assert (lines[-1].text, lines[-1].at) == ("next: the gates judge it again", "2026-03-12 19:00:00Z")


def test_a_credit_tells_what_was_sent_what_came_back_and_what_happens_next(place: Middle) -> None:
    place.post(statement(1)).run()
    journalled(place)
    place.walk(1, State.SENDING, State.UNMATCHED, pars_status="Error", pars_reason="NM", pars_words="no such learner")
    text = told(place, place.only().credit_id)
    assert "submission 1 (add), payload" in text
    assert "submission 1: HTTP 200, refused (pars.no_match)" in text
    assert "PARS says: Error, NM, no such learner" in text
    assert "held -> ready, by validation" in text
    assert text.splitlines()[-1].strip().startswith("next: a person corrects the learner")


def test_a_save_that_is_under_way_has_left_and_has_no_answer(place: Middle) -> None:
    place.post(statement(1)).run()
    journalled(place)
    with place.session() as session:
        row = session.get_one(explain.Submission, 1)
        row.answered_at = row.http_status = None
    assert "leaves" in told(place, "1")
    assert "HTTP" not in told(place, "1")


@pytest.mark.parametrize(
    ("targets", "changes", "words"),
    [
        ((), {"wanted": "absent", "why_absent": "statement.voided"}, "it closes with the next turn"),
        ((State.SENDING, State.PENDING), {}, "PARS is asked for the final word"),
        ((State.SENDING, State.IN_DOUBT), {"reason": PARKED}, "not sent again"),
    ],
)
def test_what_happens_next(place: Middle, targets: tuple[State, ...], changes: dict[str, Any], words: str) -> None:
    place.post(statement(1)).run()
    place.walk(1, *targets).walk(1, **changes)
    assert words in told(place, "1")


def test_a_credit_that_is_no_longer_wanted_says_why_and_that_it_is_withdrawn(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send().post(voiding(2, 1)).run()
    text = told(place, "1")
    assert "no longer wanted (statement.voided)" in text
    assert "next: it is withdrawn from PARS with the next turn" in text


@pytest.mark.parametrize(("send", "stopped"), [("on", False), ("off", True)])
def test_what_is_ready_says_whether_it_may_leave(place: Middle, *, send: str, stopped: bool) -> None:
    place.post(statement(1)).run()
    provider = place.config.providers[0].model_copy(update={"send": send})
    place.config = place.config.model_copy(update={"providers": (provider,)})
    last = told(place, "1").splitlines()[-1]
    assert "next: it leaves with its record's next turn" in last
    assert ("`send` is off" in last) is stopped


def test_what_was_reported_elsewhere_says_by_whom_and_waits_for_nothing(place: Middle) -> None:
    place.post(statement(1)).run()
    place.walk(1, State.CLOSED).walk(1, reason="pars.reported_elsewhere", at_pars="no")
    text = told(place, "1")
    assert "reported elsewhere: PARS holds it under an id that is not ours" in text
    assert "next: nothing: it is reported" in text


def test_nobody_is_named_only_where_nobody_else_is() -> None:
    def problems(*who: Actor) -> list[Problem]:
        return [Problem(code="a.b", message="it waits", who=one) for one in who]

    assert listing.who_acts(problems(Actor.NOBODY, Actor.COORDINATOR)) == "coordinator"
    assert listing.who_acts(problems(Actor.NOBODY)) == "nobody"


def test_every_state_has_a_next_step() -> None:
    assert set(explain.NEXT) == set(State)


def test_a_learner_is_told_by_number_or_actor_key_with_origins_and_credits(place: Middle) -> None:
    place.post(statement(1)).run()
    text = told(place, "learner:1")
    assert text == told(place, "mbox:anna@example.org")
    assert "learner 1, known to a learner source, 5 actor keys" in text
    assert "family_name: from sheet:learners.csv" in text
    assert "credit 1 ccid:" in text


def test_a_learner_who_was_merged_into_another_is_that_other(place: Middle) -> None:
    place.sheet(ANNA | {"account": "", "username": ""}, ANNA | {"email": ""})
    place.post(statement(1), statement(2, actor=account("3"))).run()
    place.sheet(ANNA).run(later=timedelta(hours=1))
    assert told(place, "learner:2") == told(place, "learner:1")
    assert len(listing.records(place.store, Filter(learner="2"))) == 2


# --- lists ---


@pytest.fixture
def listed(place: Middle) -> Middle:
    place.rules(RULE + MOC).sheet(ANNA | {"board_id": ""}, BORIS)
    place.post(statement(1), statement(2, actor=account("4"), timestamp="2026-03-05T15:00:00Z"))
    return place.post(statement(3, actor={"mbox": "mailto:stranger@example.org"})).run() and place


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 6),
        ({"learner": "mbox:anna@example.org"}, 2),
        ({"learner": f"account:{SITE}|4"}, 2),
        ({"learner": "nobody"}, 0),
        ({"learner": "²"}, 0),
        ({"activity": "203512345"}, 6),
        ({"activity": "203512346"}, 0),
        ({"state": "held"}, 3),
        ({"state": "ready", "learner": "mbox:anna@example.org"}, 1),
        ({"begin": date(2026, 3, 6)}, 4),
        ({"end": date(2026, 3, 5)}, 2),
        ({"begin": date(2026, 3, 5), "end": date(2026, 3, 10)}, 6),
    ],
)
def test_credits_are_listed_as_people_ask_for_them(listed: Middle, wanted: dict[str, Any], count: int) -> None:
    rows = listing.records(listed.store, Filter(**wanted))
    assert len(rows) == count
    assert rows == sorted(rows, key=lambda row: (row.completed_on, row.credit))
    assert not [value for value in PERSONAL for row in rows if value in str(row.plain())]


def test_the_unmatched_are_those_whom_a_person_must_mend(listed: Middle) -> None:
    assert [row.reason for row in listing.unmatched(listed.store)] == [
        "learner.no_board_id",
        "learner.not_found",
        "learner.not_found",
    ]
    with listed.credits() as rows:
        ready = next(row.id for row in rows if row.state == "ready")
    for reason, words in (("pars.no_match", "no such"), ("pars.several_matches", "several")):
        listed.walk(ready, *([State.SENDING, State.UNMATCHED] if reason == "pars.no_match" else []), at_pars="unknown")
        listed.walk(ready, reason=reason)
        (row,) = [row for row in listing.unmatched(listed.store) if row.state == "unmatched"]
        assert words in row.problems[0].message
        assert listing.who_acts(row.problems) == "coordinator"


def test_who_acts_is_told_in_one_order_and_warnings_ask_nobody() -> None:
    problems = [
        Problem(code="a", message="", who=who, holds=who is not Actor.OPERATOR)
        for who in (Actor.OPERATOR, Actor.COORDINATOR, Actor.LEARNER, Actor.LEARNER)
    ]
    assert listing.who_acts(problems) == "learner, coordinator"
    assert listing.who_acts([]) == ""
