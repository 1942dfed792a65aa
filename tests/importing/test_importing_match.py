"""Who is the same person, and which award a row reports: equal, never guessed."""

from __future__ import annotations

from datetime import date

import pytest

from connector.pars.identity import Person, Relation, relation
from connector.validation.baseline_match import Earned, How, Row, match

DAY, LATER = date(2026, 3, 10), date(2026, 3, 11)
NAMES = {"given_name": "Zanna", "family_name": "O'Quixley", "birth_day": "02-29"}


def who(ids: dict[str, str] | None = None, **names: str) -> Person:
    return Person(ids=ids or {}, **names)


def row(key: int, person: Person, on: date = DAY) -> Row:
    return Row(key, f"sheet.xlsx:{key}", on, person)


def award(key: int, person: Person, on: date = DAY, per: str = "") -> Earned:
    return Earned(key, on, per, person)


def pairs(rows: list[Row], awards: list[Earned]) -> set[tuple[int, int, How]]:
    return {(one.row.key, one.award.key, one.how) for one in match(rows, awards)}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (who({"NPI": "1"}), who({"NPI": "1"}), Relation.SAME),
        (who({"ME": "a-12 3"}), who({"ME": "A123"}), Relation.SAME),
        (who({"ME": "0012"}), who({"ME": "12"}), Relation.PERHAPS),
        (who({"ME": "0012", "NPI": "1"}), who({"ME": "12", "NPI": "1"}), Relation.SAME),
        (who({"NPI": "1"}, **NAMES), who({"NPI": "2"}, **NAMES), Relation.OTHER),
        (who({"NPI": "1", "ABIM": "7"}), who({"NPI": "1", "ABIM": "8"}), Relation.PERHAPS),
        (who({"NPI": "1"}, **NAMES), who({"NPI": "1"}, **(NAMES | {"birth_day": "01-01"})), Relation.SAME),
        (who({"NPI": "1"}, **NAMES), who({"NPI": "1"}, family_name="Else", birth_day="01-01"), Relation.PERHAPS),
        (who({"ME": "12"}, **NAMES), who({"CA": "12"}, **NAMES), Relation.PERHAPS),
        (who({"ME": "12"}, **NAMES), who({"NPI": "12"}, **NAMES), Relation.SAME),
        (who(**NAMES), who(**(NAMES | {"given_name": "Zanna M."})), Relation.PERHAPS),
        (who(**NAMES), who(**(NAMES | {"family_name": "O'Quixley, Jr."})), Relation.SAME),
        (who({"ME": "12"}), who({"CA": "12"}), Relation.OTHER),
        (who(**NAMES), who(**(NAMES | {"family_name": "o\u2019QUIXLEY "})), Relation.SAME),
        (who(**NAMES), who(**(NAMES | {"birth_day": "02-28"})), Relation.OTHER),
        (who(given_name="A", family_name="B"), who(given_name="A", family_name="B"), Relation.OTHER),
        (
            who(given_name="丽", family_name="李", birth_day="01-01"),
            who(given_name="丽", family_name="李", birth_day="01-01"),
            Relation.SAME,
        ),
    ],
)
def test_an_id_of_one_domain_decides_and_else_the_names(one: Person, other: Person, expected: Relation) -> None:
    assert (relation(one, other), relation(other, one)) == (expected, expected)
    assert "Quixley" not in repr(one)


def test_the_equal_date_matches_and_another_only_where_the_award_has_none() -> None:
    anna = who({"NPI": "1"})
    assert pairs([row(1, anna)], [award(7, anna)]) == {(1, 7, How.DATE)}
    assert pairs([row(1, anna)], [award(7, anna, LATER)]) == {(1, 7, How.OTHER_DATE)}
    assert pairs([row(1, anna)], [award(7, anna, LATER, per=str(LATER))]) == {(1, 7, How.NEXT_DAY)}
    assert pairs([row(1, anna)], [award(7, anna, date(2026, 3, 12), per="2026-03-12")]) == set()
    dated = [award(7, anna, DAY, per=str(DAY)), award(8, anna, LATER, per=str(LATER))]
    assert pairs([row(1, anna)], dated) == {(1, 7, How.DATE)}
    assert pairs([row(1, anna), row(2, anna, LATER)], dated) == {(1, 7, How.DATE), (2, 8, How.DATE)}


def test_the_equal_date_is_the_one_that_counts_of_several_rows() -> None:
    anna = who({"NPI": "1"})
    assert pairs([row(1, anna, LATER), row(2, anna)], [award(7, anna)]) == {(2, 7, How.DATE)}


def test_a_row_that_fits_two_awards_closes_neither() -> None:
    anna = who({"NPI": "1"})
    sessions = [award(7, anna, per="s1"), award(8, anna, per="s2")]
    assert pairs([row(1, anna)], sessions) == {(1, 7, How.TWO_AWARDS), (1, 8, How.TWO_AWARDS)}


def test_an_award_that_rows_of_two_people_fit_is_left() -> None:
    learner = who({"NPI": "1"}, **NAMES)
    rows = [row(1, who({"NPI": "1"}, given_name="Else")), row(2, who({"CA": "5"}, **NAMES))]
    assert pairs(rows, [award(7, learner)]) == {(1, 7, How.TWO_PEOPLE), (2, 7, How.TWO_PEOPLE)}


def test_zeros_that_excel_cut_off_are_only_possible() -> None:
    assert pairs([row(1, who({"ME": "12"}))], [award(7, who({"ME": "012"}))]) == {(1, 7, How.POSSIBLE)}


def test_namesakes_are_told_apart_by_their_ids() -> None:
    one, other = who({"NPI": "1"}, **NAMES), who({"NPI": "2"}, **NAMES)
    assert pairs([row(1, other)], [award(7, one), award(8, other)]) == {(1, 8, How.DATE)}


def test_thousands_meet_thousands() -> None:
    people = [who({"NPI": str(number)}, **(NAMES | {"given_name": f"n{number}"})) for number in range(3000)]
    found = match([row(at, one) for at, one in enumerate(people)], [award(at, one) for at, one in enumerate(people)])
    assert [(one.row.key, one.how) for one in found] == [(at, How.DATE) for at in range(3000)]
