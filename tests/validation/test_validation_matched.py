"""The gate that rests on PARS's kept answer: what it holds, for whom, and when a failed match counts as solved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from structlog.testing import capture_logs

from connector.pars.exchange import MatchAnswer
from connector.records import Identifier
from connector.store import matches
from connector.store.people import as_learner
from connector.store.states import State
from connector.store.tables import Award, LearnerRow
from connector.validation import stage as validation
from tests.delivery.workplace import Delivery

Word = Literal["yes", "no", "several", "unknown"]


def held(delivery: Delivery, answer: Word | None = None, **learner: Any) -> int:
    """A credit that waits for its gates, of a learner about whom PARS said this."""
    [pk] = delivery.ready(state=State.HELD)
    correct(delivery, pk, **learner)
    if answer is not None:
        say(delivery, pk, answer)
    return pk


def say(delivery: Delivery, pk: int, answer: Word) -> None:
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, learner_of(delivery, pk))
        learner = as_learner(session, row)
        identifier = Identifier(domain="NPI", value=learner.ids["NPI"])
        asked = matches.Asked(learner_id=row.id, provider_id=delivery.provider, learner=learner, identifier=identifier)
        matches.keep(session, asked, MatchAnswer(found=answer), timedelta(days=7), datetime.now(UTC))


def learner_of(delivery: Delivery, pk: int) -> int:
    with delivery.store.reading() as session:
        return session.get_one(Award, delivery.credit(pk).award_id).learner_id


def correct(delivery: Delivery, pk: int, **values: Any) -> None:
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, learner_of(delivery, pk))
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
    delivery.change(pk, next_at=None)


def judge(delivery: Delivery, pk: int) -> tuple[str, str, list[str], list[str]]:
    """State, reason, every problem's code, and the lines about the match."""
    with capture_logs() as lines:
        validation.run(delivery.store, delivery.config)
    row = delivery.credit(pk)
    said = [line["event"] for line in lines if line["event"].startswith("learner.")]
    return row.state, row.reason, [problem["code"] for problem in row.problems], said


@pytest.mark.parametrize(
    ("how", "answer", "state", "codes"),
    [
        ("off", "no", "ready", []),
        ("warn", "no", "ready", ["learner.match_no"]),
        ("warn", "several", "ready", ["learner.match_several"]),
        ("hold", "no", "held", ["learner.match_no"]),
        ("hold", "several", "held", ["learner.match_several"]),
        ("hold", "yes", "ready", []),
        ("hold", "unknown", "ready", []),
        ("hold", None, "ready", []),
    ],
)
def test_what_an_answer_does(delivery: Delivery, how: str, answer: Word | None, state: str, codes: list[str]) -> None:
    delivery.prevalidate(how)
    pk = held(delivery, answer)
    said = ["learner.unmatched"] if state == "held" else []
    assert judge(delivery, pk) == (state, codes[0] if state == "held" else "", codes, said)


@pytest.mark.parametrize(
    "changed",
    [{"given_name": "Anna"}, {"family_name": "O'Neill"}, {"birth_day": "02-28"}, {"ids": {"NPI": "1234567893"}}],
)
def test_an_answer_about_who_he_was_says_nothing_of_who_he_is(delivery: Delivery, changed: dict[str, Any]) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, "no")
    assert judge(delivery, pk)[0] == "held"
    correct(delivery, pk, **changed)
    assert judge(delivery, pk) == ("ready", "", [], []), "and it is not called solved before PARS said so"
    assert delivery.credit(pk).unmatched_since is not None


def test_a_change_that_pars_does_not_compare_leaves_the_answer_standing(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, "no")
    correct(delivery, pk, profession="DO", ids={"NPI": delivery.credit(pk).identifier_value, "ME": "10441"})
    assert judge(delivery, pk)[0] == "held"


def test_a_yes_solves_it_and_a_second_no_is_not_said_again(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, "no")
    assert judge(delivery, pk)[3] == ["learner.unmatched"]
    correct(delivery, pk, given_name="Anna")
    say(delivery, pk, "no")
    assert judge(delivery, pk)[3] == []
    correct(delivery, pk, given_name="Ann")
    say(delivery, pk, "yes")
    assert judge(delivery, pk) == ("ready", "", [], ["learner.matched"])


def test_a_number_that_may_be_new_is_nobodys_until_its_time_is_over(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, ids_since={"NPI": datetime.now(UTC).isoformat()})
    say(delivery, pk, "no")
    assert judge(delivery, pk) == ("held", "learner.id_may_be_new", ["learner.id_may_be_new"], [])
    delivery.pass_by(days=7)
    say(delivery, pk, "no")
    delivery.change(pk, next_at=None)
    assert judge(delivery, pk)[1:] == ("learner.match_no", ["learner.match_no"], ["learner.unmatched"])


def refused(delivery: Delivery) -> int:
    pk = held(delivery)
    delivery.change(pk, state="unmatched", reason="pars.no_match", at_pars="no", attempts=1)
    return pk


def test_a_later_yes_frees_what_was_refused_whoever_asked(delivery: Delivery) -> None:
    pk = refused(delivery)
    delivery.pass_by(hours=1)
    say(delivery, pk, "yes")
    assert judge(delivery, pk)[0] == "ready"
    assert delivery.moves(pk) == ["held", "ready"]


def test_neither_an_earlier_yes_nor_one_about_somebody_else_does(delivery: Delivery) -> None:
    earlier, other = refused(delivery), refused(delivery)
    say(delivery, earlier, "yes")
    delivery.pass_by(hours=1)
    say(delivery, other, "yes")
    correct(delivery, other, family_name="Elsewhere")
    assert (judge(delivery, earlier)[0], judge(delivery, other)[0]) == ("unmatched", "unmatched")


def test_it_stands_among_the_other_problems(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, "no")
    delivery.change(pk, gate=[{"code": "learner.no_consent", "message": "no", "who": "learner"}])
    _, reason, codes, said = judge(delivery, pk)
    assert (reason, codes) == ("learner.no_consent", ["learner.no_consent", "learner.match_no"])
    assert said == ["learner.unmatched"]


def test_an_answer_from_before_the_json_service_holds_nothing(delivery_on: Callable[[str], Delivery]) -> None:
    delivery = delivery_on("json-service")
    delivery.prevalidate("hold")
    assert judge(delivery, held(delivery, "no"))[0] == "ready"


def test_somebody_found_after_all_is_solved_at_once(delivery: Delivery) -> None:
    delivery.prevalidate("hold")
    pk = held(delivery, "yes")
    delivery.change(pk, gate=[{"code": "learner.not_found", "message": "nobody"}])
    assert judge(delivery, pk)[3] == ["learner.unmatched"]
    delivery.change(pk, gate=[], next_at=None)
    assert judge(delivery, pk) == ("ready", "", [], ["learner.matched"])
