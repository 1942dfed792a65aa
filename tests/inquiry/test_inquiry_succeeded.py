"""Whoever asks about a credit after a correction finds the other one, the plan, and what a person said of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.inquiry import explain, listing
from connector.inquiry.listing import Filter
from connector.learners import decisions
from connector.mapping.loader import from_texts
from connector.mapping.rule_files import defaults_of
from connector.mapping.versions import apply, plan
from connector.store import attention, wishes
from connector.store.tables import MappingVersion
from tests.learners.middle import ANNA, RULE, SITE, Middle, account, statement

OTHER = "203512346"


def told(place: Middle, what: str) -> str:
    return "\n".join("  " * line.depth + line.text for line in explain.explain(place.store, place.config, what))


def corrected(place: Middle, rules: str) -> str:
    """Other rules come into force, and somebody agrees to their plan; its id."""
    place.rules(rules).run(later=timedelta(minutes=5))
    with place.session() as session:
        row = session.exec(explain.select(MappingVersion).where(MappingVersion.active)).one()
    defaults = defaults_of(place.config)
    found = plan.make(place.store, from_texts(row.files, defaults), defaults)
    with place.at(), place.session() as session:
        apply.ask(session, found.id, found.target, adds_only=False, by="rosa", now=place.clock)
    place.run(later=timedelta(minutes=5))
    return found.id


def test_both_credits_of_a_correction_name_each_other_the_statement_and_the_plan(place: Middle) -> None:
    place.post(statement(1)).run()
    place.send()
    agreed = corrected(place, RULE.replace("203512345", OTHER))
    old, new, whole = told(place, "1"), told(place, "2"), told(place, str(statement(1)["id"]))
    assert f"replaced by credit 2: 1.25 x AMA PRA Category 1, activity {OTHER}, held" in old
    assert "replaces credit 1: 1.25 x AMA PRA Category 1, activity 203512345, confirmed" in new
    assert f"earned once by statement {statement(1)['id']} from campus, which earns credit 2 now" in old
    assert f"(mapping.corrected), by learners, after plan {agreed}, to which rosa agreed at 2026-03-12 18:05" in old
    assert [line.strip()[:8] for line in whole.splitlines() if line.strip().startswith("credit ")] == [
        "credit 2", "credit 1",
    ]  # fmt: skip
    assert whole.index("before a plan was applied it earned:") < whole.index("credit 1 ")


def test_what_no_rule_counts_any_more_was_earned_once(place: Middle) -> None:
    place.post(statement(1)).run()
    corrected(place, RULE.replace("/course", "/webinar"))
    assert f"earned once by statement {statement(1)['id']} from campus, which earns nothing now" in told(place, "1")
    assert "credit 1 " in told(place, str(statement(1)["id"]))


def test_what_is_taken_back_is_told_as_it_is_now(place: Middle) -> None:
    place.post(statement(1)).run()
    corrected(place, RULE.replace("203512345", OTHER))
    corrected(place, RULE)
    assert "earned once" not in told(place, "1")
    assert "which earns credit 1 now" in told(place, "2")


def test_a_credit_that_is_over_blames_only_what_ended_it(place: Middle) -> None:
    place.sheet(ANNA | {"consent": ""}).post(statement(1)).run()
    (row,) = listing.records(place.store, Filter())
    assert listing.who_acts(row.problems) == "learner"
    corrected(place, RULE.replace("203512345", OTHER))
    with place.credits() as rows:
        rows[0].state, rows[0].reason = "closed", "mapping.corrected"
        rows[0].attention = "credit.doubled"
        assert rows[0].problems
    row = listing.records(place.store, Filter())[0]
    assert (row.state, row.problems) == ("closed", ())
    assert "stops it" not in told(place, "1")
    with place.credits() as rows:
        rows[0].reason = "learner.no_consent"
    assert "stops it: no permission to report is on file" in told(place, "1")


def test_what_was_decided_at_the_desk_is_told_in_its_words(place: Middle) -> None:
    place.post(statement(1)).run()
    with place.at(), place.session() as session:
        credit = session.get_one(explain.Credit, 1)
        attention.call(session, credit, "credit.doubled", now=place.clock, hint="look", by="test")
        args = {"credit": 1, "why": "agreed with the board"}
        wishes.wish(session, decisions.CLOSE, args, by="rosa", now=place.clock)
        wishes.wish(session, decisions.CLOSE, args | {"credit": 2}, by="nobody", now=place.clock)
        for learner, by in ((1, "folder:rosa"), (2, "nobody")):
            args = {"learner": learner, "fields": {"given_name": "Zanna"}, "why": "she said so"}
            wishes.wish(session, wishes.FIX, args, by=by, now=place.clock)
    said = 'it is to be left as it is, says rosa: "agreed with the board"'
    assert told(place, "1").count(said) == 1
    assert told(place, "1").count('a sheet asks to correct learner 1, says folder:rosa: "she said so"') == 1
    assert "Zanna" not in told(place, "1")
    assert "nobody" not in told(place, "1")
    place.run()
    assert f"{said} (desk.done)" in told(place, "1")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("3", f"account 3 at {SITE}"), ("zanna.quixley", f"an account at {SITE}"), ("zq@example.org", "an account at")],
)
def test_an_account_that_may_be_a_name_is_not_shown(place: Middle, name: str, shown: str) -> None:
    place.sheet(ANNA | {"account": name}).post(statement(1, actor=account(name))).run()
    text = told(place, "1")
    assert f"actor: {shown}" in text
    assert name == "3" or name not in text
