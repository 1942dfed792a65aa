"""Two sources that disagree on who somebody is: a case for a person, never a merge; and names that do not fit."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connector.collection import save
from connector.config import LearnersConfig
from connector.learners import decisions, merging
from connector.learners.directory import Answers
from connector.learners.sources.fields import learner
from connector.lrs.statement import read
from connector.records import ActorKey, Dispute, Found
from tests.learners.linking import codes, fix, learner_of, owners, row, seen, stumbles
from tests.learners.middle import ANNA, BORIS, REMS, RULE, SITE, Middle, account, statement, write_sheet

MAIL, THREE = ActorKey("mbox:anna@example.org"), f"account:{SITE}|3"
MAIL_ONLY = ANNA | {"account": "", "username": ""}
SECOND = ANNA | {"email": ""}
NPI = BORIS["npi"]
DISPUTED = ["learner.sources_disagree"]


def found(source: str, *keys: str, **cells: str) -> Found:
    return Found(learner=learner(cells, source), keys=tuple(map(ActorKey, keys)))


# --- pure ---


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        ({"npi": "1234567893"}, {"npi": "1234-567 893"}, ()),
        ({"npi": "1234567893"}, {"npi": "1245319599"}, ("ids.NPI",)),
        ({"state": "CA", "licence": "a12"}, {"state": "CA", "licence": "A-12"}, ()),
        ({"state": "CA", "licence": "A12"}, {"state": "ME", "licence": "B7"}, ()),
        ({"birth_day": "02-29"}, {"birth_day": "2/29/1980"}, ()),
        ({"birth_day": "02-29"}, {"birth_day": "03-01"}, ("birth_day",)),
        ({"birth_day": "02-29"}, {"birth_day": "29-Feb"}, ()),
        ({"birth_day": "02-30"}, {"birth_day": "02-28"}, ()),
        ({"family_name": "Quixley", "given_name": "Zanna"}, {"family_name": "Ray", "given_name": "ZANNA"}, ()),
        ({"family_name": "Quixley, Jr.", "given_name": "Z."}, {"family_name": "QUIXLEY", "given_name": "Zanna"}, ()),
        (
            {"family_name": "Quixley", "given_name": "Zanna"},
            {"family_name": "Ray", "given_name": "Boris"},
            ("family_name", "given_name"),
        ),
        ({"family_name": "Quixley"}, {"family_name": "Ray", "given_name": "Boris"}, ()),
        (
            {"family_name": "Quixley", "given_name": "Zanna"},
            {"family_name": "quixley", "given_name": "Boris"},
            ("given_name",),
        ),
        ({"family_name": "Quixley", "given_name": "Bob"}, {"family_name": "Quixley", "given_name": "Robert J."}, ()),
        ({"family_name": "Quixley", "given_name": "Zanna Ida"}, {"family_name": "Quixley", "given_name": "Ida"}, ()),
    ],
)
def test_what_makes_two_answers_two_people(one: dict[str, str], other: dict[str, str], fields: tuple[str, ...]) -> None:
    assert merging.differences(learner(one, "a"), learner(other, "b")) == fields


def test_the_first_source_is_kept_and_the_second_gives_neither_value_nor_actor() -> None:
    first = found("sheet:a", "mbox:a", npi="1", given_name="Zanna")
    second = found("moodle", "mbox:a", "mbox:b", npi="2", profession="MD", consent="yes")
    both = Answers([{MAIL: first}, {MAIL: second}]).about([MAIL])
    assert both == first.model_copy(update={"disputes": (Dispute(field="ids.NPI", origins=("sheet:a", "moodle")),)})


def test_a_third_source_that_agrees_with_the_first_adds_what_it_knows() -> None:
    three = [found("a", npi="1"), found("b", npi="2", profession="DO"), found("c", npi="1", profession="MD")]
    both = Answers([{MAIL: one} for one in three]).about([MAIL])
    assert both
    assert (both.learner.profession, len(both.disputes)) == ("MD", 1)


# --- in the room ---


def two_sheets(place: Middle, *second: dict[str, str]) -> None:
    """The learner sheet, and a second one behind it."""
    write_sheet(place.folder / "second.csv", second)
    first = {"sheet": str(place.folder / "learners.csv")}
    sources = [first, {"sheet": str(place.folder / "second.csv")}]
    place.config = place.config.model_copy(update={"learners": LearnersConfig.model_validate({"sources": sources})})


@pytest.mark.parametrize(
    "differs", [{"npi": NPI}, {"birth_day": "03-01"}, {"given_name": "Boris", "family_name": "Ray"}, {"board_id": "77"}]
)
def test_sources_that_disagree_hold_every_identified_credit(place: Middle, differs: dict[str, str]) -> None:
    two_sheets(place, ANNA | differs)
    place.rules(RULE + REMS).post(statement(1, actor=account("3"))).run()
    (_, held), (kind, free) = codes(place)
    assert (set(held), kind, free) == (set(DISPUTED), "ready", [])
    assert stumbles(place) == []


def test_the_problem_names_field_and_sources_and_no_value(place: Middle) -> None:
    two_sheets(place, ANNA | {"npi": NPI})
    place.post(statement(1)).run()
    (problem,) = place.only().problems
    assert (problem["field"], problem["who"]) == ("ids.NPI", "coordinator")
    assert "sheet:learners.csv and sheet:second.csv" in problem["message"]
    assert NPI not in str(problem)
    assert ANNA["npi"] not in str(problem)


def test_it_goes_out_by_itself_when_the_source_is_corrected(place: Middle) -> None:
    two_sheets(place, ANNA | {"npi": NPI})
    place.post(statement(1)).run()
    write_sheet(place.folder / "second.csv", [ANNA])
    place.run()
    assert seen(place) == [("ready", "", ANNA["npi"])]


@pytest.mark.parametrize("value", [ANNA["npi"], NPI])
def test_a_person_says_which_of_the_two_is_right(place: Middle, value: str) -> None:
    two_sheets(place, ANNA | {"npi": NPI})
    place.post(statement(1)).run()
    assert fix(place, learner_of(place, MAIL), ids__NPI=value) == decisions.DONE
    assert seen(place) == [("ready", "", value)]
    place.sheet(ANNA | {"npi": "1003000126"}).run()
    assert codes(place) == [("held", DISPUTED)]


def test_an_unsent_credit_stops_when_a_second_source_disagrees(place: Middle) -> None:
    two_sheets(place, ANNA)
    place.post(statement(1)).run()
    write_sheet(place.folder / "second.csv", [ANNA | {"npi": NPI}])
    place.run()
    assert codes(place) == [("held", DISPUTED)]


def test_two_learners_whom_a_second_source_takes_for_one_stay_two(place: Middle) -> None:
    two_sheets(place)
    place.sheet(MAIL_ONLY, BORIS).post(statement(1), statement(2, actor=account("4"))).run()
    write_sheet(place.folder / "second.csv", [ANNA | {"account": "4", "username": ""}])
    place.run()
    first = owners(place)
    assert len(set(first)) == 2
    assert [state for state, _ in codes(place)] == ["held", "held"]
    for _ in range(3):
        place.run()
    assert owners(place) == first
    write_sheet(place.folder / "second.csv", [])
    place.run()
    assert [state for state, _ in codes(place)] == ["ready", "ready"]


def test_an_actor_whom_two_sources_give_to_two_learners_wanders_between_nobody(place: Middle) -> None:
    two_sheets(place, BORIS | {"account": "3", "email": "boris@example.org"})
    boris = {"mbox": "mailto:boris@example.org"}
    place.sheet(ANNA).post(statement(1), statement(2, actor=boris), statement(3, actor=account("3"))).run()
    before = [learner_of(place, key) for key in (MAIL, THREE, "mbox:boris@example.org")]
    assert before[0] == before[1] != before[2]
    for _ in range(3):
        place.run()
    assert [learner_of(place, key) for key in (MAIL, THREE, "mbox:boris@example.org")] == before
    assert {tuple(problems[:1]) for _, problems in codes(place)} == {tuple(DISPUTED)}


def test_the_statement_itself_is_a_source_like_any_other(place: Middle) -> None:
    sources = [{"sheet": str(place.folder / "learners.csv")}, {"statement": {"npi": "context.extensions.npi"}}]
    place.config = place.config.model_copy(update={"learners": LearnersConfig.model_validate({"sources": sources})})
    place.post(statement(1, context={"extensions": {"npi": NPI}})).run()
    assert codes(place) == [("held", DISPUTED)]


# --- the actor's name ---


def named(name: Any, **changes: Any) -> dict[str, Any]:
    return statement(1, actor={"mbox": "mailto:anna@example.org", "name": name}, **changes)


def test_another_name_on_the_mailbox_holds_until_a_person_says_that_it_is_his(place: Middle) -> None:
    place.rules(RULE + REMS).post(named("Boris Quixley")).run()
    assert codes(place) == [("held", ["learner.name_differs"]), ("ready", [])]
    assert fix(place, learner_of(place, MAIL), actor_name="Boris Quixley") == decisions.DONE
    assert codes(place) == [("ready", []), ("ready", [])]


def test_it_goes_out_by_itself_when_the_directory_has_that_name(place: Middle) -> None:
    place.post(named("Zanna Ray")).run()
    assert codes(place) == [("held", ["learner.name_differs"])]
    place.sheet(ANNA | {"family_name": "Ray"}).run()
    assert codes(place) == [("ready", [])]


@pytest.mark.parametrize("name", ["Dr. Quixley, Zanna M.", "zquixley", "", None, 7])
def test_a_name_that_fits_or_says_nothing_holds_nobody(place: Middle, name: Any) -> None:
    place.post(named(name)).run()
    assert codes(place) == [("ready", [])]


def test_of_a_group_each_members_own_name_is_kept(place: Middle) -> None:
    anna = {"mbox": "mailto:anna@example.org", "name": "Zanna Quixley"}
    group = {"objectType": "Group", "member": [anna, account("4") | {"name": "Ida Vantongeren"}]}
    with place.at(), place.session() as session:
        told = read(orjson.dumps(statement(1, actor=group)), "campus", groups="fan_out")
        save.page(session, "campus", [told], now=place.clock)
    place.run()
    assert {award.actor_name for award in place.awards()} == {"Zanna Quixley", "Ida Vantongeren"}
    assert sorted(codes(place)) == [("held", ["learner.name_differs"]), ("ready", [])]


def test_no_name_leaves_the_store_in_a_problem_or_a_repr(place: Middle) -> None:
    place.post(named("Boris Quixley")).run()
    assert "Boris" not in str(place.only().problems)
    assert "Boris" not in repr(place.awards())
    assert row(place, learner_of(place, MAIL)).found
