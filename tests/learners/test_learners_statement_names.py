"""The statement as a source where several people use one mailbox: nobody gets another's number."""

from __future__ import annotations

from typing import Any

import pytest

from connector.config import LearnersConfig
from connector.learners.sources.statement import FromStatement
from connector.records import ActorKey
from tests.learners.linking import codes, fix, seen
from tests.learners.middle import ANNA, BORIS, Middle, statement

PATHS = {"npi": "context.extensions.npi"}
KEY = ActorKey("mbox:anna@example.org")
ZANNA, OTHER = ANNA["npi"], BORIS["npi"]


def by(name: str, number: int, npi: str, **changes: Any) -> dict[str, Any]:
    actor = {"mbox": "mailto:anna@example.org", "name": name}
    return statement(number, actor=actor, context={"extensions": {"npi": npi}}, **changes)


@pytest.fixture
def mailbox(place: Middle) -> Middle:
    """The sheet knows everything of Zanna but her numbers."""
    sources = [{"statement": PATHS}, {"sheet": str(place.folder / "learners.csv")}]
    place.config = place.config.model_copy(update={"learners": LearnersConfig.model_validate({"sources": sources})})
    return place.sheet(ANNA | {"npi": "", "board": "", "board_id": ""})


@pytest.mark.parametrize("turns", [1, 2])
def test_anothers_statement_gives_the_learner_no_number(mailbox: Middle, turns: int) -> None:
    mailbox.post(by("Zanna Quixley", 1, ZANNA))
    if turns == 2:
        mailbox.run()
    mailbox.post(by("Boris Smith", 2, OTHER, timestamp="2026-03-11T15:00:00Z")).run()
    assert seen(mailbox) == [("ready", "", ZANNA), ("held", "learner.name_differs", "")]


def test_of_her_own_the_newest_counts_and_a_second_name_of_hers_is_said(mailbox: Middle) -> None:
    mailbox.post(by("Dr. Z. Quixley", 1, OTHER), by("Zanna Quixley", 2, ZANNA)).run()
    assert seen(mailbox)[0] == ("ready", "", ZANNA)
    mailbox.post(by("Zanna Ray", 3, OTHER, object={"id": "https://lms.example.org/other"})).run()
    assert seen(mailbox)[0] == ("ready", "", ZANNA)
    fix(mailbox, 1, actor_name="Zanna Ray")
    mailbox.sheet(ANNA | {"npi": "", "board": "", "board_id": ""}).run()
    assert seen(mailbox)[0] == ("ready", "", OTHER)


def test_where_nobody_says_who_it_is_names_that_differ_are_a_case_until_a_person_does(mailbox: Middle) -> None:
    mailbox.sheet().post(by("Zanna Quixley", 1, ZANNA), by("Boris Smith", 2, OTHER)).run()
    disputed = ["learner.sources_disagree"] * 2
    assert codes(mailbox)[0][1][:2] == disputed
    assert mailbox.only().identifier_value == ""
    fix(mailbox, 1, given_name="Zanna", family_name="Quixley", profession="MD", consent="yes", birth_day="02-29")
    mailbox.sheet().run()
    assert seen(mailbox) == [("ready", "", ZANNA)]


def test_the_check_says_that_the_statements_are_somebody_elses(mailbox: Middle) -> None:
    source = FromStatement(mailbox.store, PATHS)  # type: ignore[arg-type]
    mailbox.post(by("Zanna Quixley", 1, ZANNA)).run()
    assert source.prove(KEY) == []
    mailbox.post(by("Boris Smith", 2, OTHER))
    assert [problem.field for problem in source.prove(KEY)] == []
    mailbox.sheet(BORIS | {"email": ANNA["email"], "npi": ""})
    fix(mailbox, 1, given_name="Ida", family_name="Ray")
    (problem,) = source.prove(KEY)
    assert problem.message.startswith("the name in this actor's statements")
