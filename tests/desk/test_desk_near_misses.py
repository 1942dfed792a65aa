"""Real faults, and the near miss that stands first; faults that must get none; and what every near miss promises."""

from __future__ import annotations

import doctest
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.desk import near_ids, near_misses, near_names
from connector.desk.near_misses import CAUSES, MOST, Candidate, Known, best, candidates, new_signs, number_signs
from connector.pars import vocabulary
from connector.pars.identity import Person, signs
from connector.records import BirthDay
from connector.sandbox.world.people import npi
from tests.docs.pages import ROOT

GOOD = npi(20358164)
TURNED = GOOD[:4] + GOOD[5] + GOOD[4] + GOOD[6:]
assert TURNED != GOOD
ANA = Person(given_name="Ana", family_name="Quixley", birth_day="03-21", ids={"NPI": GOOD})


def known(code: str = "pars.no_match", domain: str = "NPI", **changes: Any) -> Known:
    about = {name: changes.pop(name) for name in ("profession", "actor_name", "earlier") if name in changes}
    return Known(person=ANA.model_copy(update=changes), code=code, domain=domain, **about)


def first(one: Known) -> tuple[str, dict[str, str]]:
    found = candidates(one)[0]
    return found.cause, found.corrected


def test_the_examples_are_true() -> None:
    for module in (near_names, near_ids, near_misses):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("changes", "cause", "corrected"),
    [
        ({"birth_day": "12-04"}, "birth_day_swapped", {"birth_day": "04-12"}),
        ({"family_name": "Bell-Ortiz"}, "double_surname", {"family_name": "Bell Ortiz"}),
        ({"family_name": "Fuentes Ruiz"}, "double_surname", {"family_name": "Fuentes-Ruiz"}),
        ({"family_name": "de la Cruz"}, "double_surname", {"family_name": "delaCruz"}),
        ({"family_name": "Bell-Ortiz", "actor_name": "Ana Ortiz"}, "actor_name", {"family_name": "Ortiz"}),
        ({"actor_name": "Ana Maidenly"}, "actor_name", {"family_name": "Maidenly"}),
        ({"actor_name": "Maidenly, Ana"}, "actor_name", {"family_name": "Maidenly"}),
        ({"given_name": "Quixley", "family_name": "Ana", "actor_name": "Ana Quixley"}, "actor_name",
         {"given_name": "Ana", "family_name": "Quixley"}),
        ({"given_name": "Bob", "actor_name": "Robert Quixley"}, "actor_name", {"given_name": "Robert"}),
        ({"given_name": "Bob"}, "nickname", {"given_name": "Robert"}),
        ({"given_name": "Ana Maria"}, "given_names", {"given_name": "Ana"}),
        ({"given_name": "Ana M."}, "given_names", {"given_name": "Ana"}),
        ({"family_name": "Quixley Jr."}, "title", {"family_name": "Quixley"}),
        ({"given_name": "Dr. Ana"}, "title", {"given_name": "Ana"}),
        ({"family_name": "O\u2019Quix"}, "apostrophe", {"family_name": "O'Quix"}),
        ({"family_name": "OQuix"}, "apostrophe", {"family_name": "O'Quix"}),
        ({"family_name": "Núñez"}, "accents", {"family_name": "Nunez"}),
        ({"given_name": "Ana", "family_name": "Quixley"}, "names_swapped",
         {"given_name": "Quixley", "family_name": "Ana"}),
        ({"earlier": (Person(family_name="Oldname"),)}, "known_otherwise", {"family_name": "Oldname"}),
        ({"earlier": (Person(birth_day="03-12"),)}, "known_otherwise", {"birth_day": "03-12"}),
        ({"ids": {"NPI": TURNED}}, "npi_transposed", {"ids.NPI": GOOD}),
        ({"ids": {"NPI": "D12345", "CA": GOOD}}, "npi_elsewhere", {"ids.NPI": GOOD, "ids.CA": "D12345"}),
    ],
)  # fmt: skip
def test_pars_knew_nobody(changes: dict[str, Any], cause: str, corrected: dict[str, str]) -> None:
    assert first(known(**changes)) == (f"near.{cause}", corrected)


@pytest.mark.parametrize(
    ("domain", "ids", "cause", "corrected"),
    [
        ("NY", {"NY": "MD12345"}, "licence_prefix", {"ids.NY": "12345"}),
        ("NY", {"NY": "NY-300113"}, "licence_prefix", {"ids.NY": "300113"}),
        ("CA", {"CA": "A-12345"}, "licence_prefix", {"ids.CA": "A12345"}),
        ("VA", {"VA": "0101-112234"}, "licence_prefix", {"ids.VA": "0101112234"}),
        ("CA", {"CA": "A1O2345"}, "letters", {"ids.CA": "A102345"}),
        ("ME", {"ME": "10441"}, "zeros", {"ids.ME": "010441"}),
        ("VA", {"VA": "101245678"}, "zeros", {"ids.VA": "0101245678"}),
        ("CA", {"CA": "ME10441", "ME": "A77123"}, "states_exchanged", {"ids.CA": "A77123", "ids.ME": "ME10441"}),
        ("NY", {"NY": "CA-77123"}, "other_state", {"ids.CA": "77123"}),
        ("ABIM", {"ABIM": "D0090111", "MD": "410106"}, "board_id_elsewhere",
         {"ids.ABIM": "410106", "ids.MD": "D0090111"}),
        ("ABIM", {"ABIM": GOOD, "NC": "410106"}, "board_id_elsewhere", {"ids.ABIM": "410106"}),
    ],
)  # fmt: skip
def test_pars_knew_nobody_under_this_number(
    domain: str, ids: dict[str, str], cause: str, corrected: dict[str, str]
) -> None:
    assert first(known(domain=domain, ids=ids)) == (f"near.{cause}", corrected)


@pytest.mark.parametrize(
    ("code", "domain", "changes", "cause", "corrected"),
    [
        ("learner.npi_check_digit", "NPI", {"ids": {"NPI": TURNED}}, "npi_transposed", {"ids.NPI": GOOD}),
        ("learner.npi_format", "NPI", {"ids": {"NPI": f"NPI {GOOD}"}}, "npi_typed", {"ids.NPI": GOOD}),
        ("learner.npi_format", "NPI", {"ids": {"NPI": GOOD.replace("0", "O")}}, "npi_typed", {"ids.NPI": GOOD}),
        ("learner.npi_format", "NPI", {"ids": {"NPI": GOOD[:3] + GOOD[2] + GOOD[3:]}}, "npi_typed", {"ids.NPI": GOOD}),
        ("learner.no_board_id", "ABIM", {"ids": {"NPI": GOOD, "NC": "410106"}}, "board_id_elsewhere",
         {"ids.ABIM": "410106"}),
        ("learner.no_identifier", "NPI", {"ids": {"ABIM": GOOD}}, "npi_elsewhere", {"ids.NPI": GOOD}),
        ("learner.birth_day_format", "NPI", {"birth_day": "31-12"}, "birth_day_swapped", {"birth_day": "12-31"}),
        ("learner.no_birth_day", "NPI", {"birth_day": "", "earlier": (Person(birth_day="04-12"),)}, "known_otherwise",
         {"birth_day": "04-12"}),
        ("learner.no_name", "NPI", {"given_name": "", "actor_name": "Ana Quixley"}, "actor_name",
         {"given_name": "Ana"}),
        ("learner.name_differs", "NPI", {"actor_name": "Ana Maidenly"}, "actor_name", {"family_name": "Maidenly"}),
        ("pars.several_matches", "CA", {"ids": {"CA": GOOD}}, "npi_elsewhere", {"ids.NPI": GOOD}),
    ],
)  # fmt: skip
def test_a_gate_says_what_is_wrong(
    code: str, domain: str, changes: dict[str, Any], cause: str, corrected: dict[str, str]
) -> None:
    assert first(known(code, domain, **changes)) == (f"near.{cause}", corrected)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("learner.not_found", {"given_name": "", "family_name": "", "birth_day": "", "ids": {}}),
        ("learner.no_consent", {"birth_day": "12-04"}),
        ("learner.no_profession", {"birth_day": "12-04"}),
        ("pars.no_match", {"birth_day": "12-04", "actor_name": "Benjamin Strange"}),  # a shared mailbox
        ("learner.name_differs", {"birth_day": "12-04", "actor_name": "Ben Quixley"}),  # a husband's mailbox
        ("learner.name_differs", {"birth_day": "12-04", "actor_name": "Benjamin Strange"}),
        ("pars.several_matches", {"birth_day": "12-04"}),
        ("learner.no_birth_day", {"birth_day": ""}),
        ("learner.no_board_id", {}),
        ("learner.no_name", {"given_name": "", "actor_name": "Benjamin Strange"}),
    ],
)
def test_faults_that_get_none(code: str, changes: dict[str, Any]) -> None:
    assert candidates(known(code, "ABIM" if "board" in code else "NPI", **changes)) == []


def test_a_good_npi_is_never_made_another() -> None:
    assert not [one for one in candidates(known(birth_day="12-04")) if "ids.NPI" in one.corrected]


def test_a_colleagues_number_is_no_near_miss() -> None:
    one = known(birth_day="12-04")
    assert best(one, candidates(one), number_signs(one)) == []


def test_what_is_another_learners_is_not_proposed() -> None:
    one = known("learner.npi_check_digit", ids={"NPI": TURNED})
    colleague = signs(Person(ids={"NPI": GOOD}))
    assert {"ids.NPI": GOOD} in [found.corrected for found in candidates(one)]
    assert {"ids.NPI": GOOD} not in [found.corrected for found in best(one, candidates(one), colleague)]
    twin = known(birth_day="12-04")
    theirs = signs(ANA.model_copy(update={"birth_day": "04-12", "ids": {}}))
    assert {"birth_day": "04-12"} not in [found.corrected for found in best(twin, candidates(twin), theirs)], "a twin"


def test_a_namesake_is_not_proposed_without_accents_either() -> None:
    one = known(family_name="Wójcik", birth_day="12-04")
    theirs = signs(ANA.model_copy(update={"family_name": "Wójcik", "birth_day": "04-12", "ids": {}}))
    assert {"family_name": "Wojcik", "birth_day": "04-12"} in [found.corrected for found in candidates(one)]
    left = [found.corrected for found in best(one, candidates(one), theirs)]
    assert left
    assert not [fields for fields in left if fields.get("birth_day") == "04-12"]


def test_single_corrections_stand_before_pairs() -> None:
    found = candidates(known(family_name="Bell-Ortiz", birth_day="12-04"))
    kinds = ["+" in one.cause for one in found]
    assert kinds == sorted(kinds)
    assert {"family_name": "Bell Ortiz", "birth_day": "04-12"} in [one.corrected for one in found]


def test_every_cause_is_told_in_the_guide() -> None:
    page = (ROOT / "docs" / "howto" / "desk.md").read_text(encoding="utf-8")
    assert [cause for cause in CAUSES if f"| `{cause}` |" not in page] == []


WORD = st.text("aàBcñO'\u2019- .lü\u0159", max_size=12)
NUMBER = st.text(string.digits + "OIlAD- ./", max_size=12)
DOMAINS = ("NPI", "CA", "ME", "NY", "ABIM", "ABP")
PERSON = st.builds(
    Person,
    given_name=WORD,
    family_name=WORD,
    birth_day=st.from_regex(r"[0-3][0-9]-[0-3][0-9]", fullmatch=True) | st.just(""),
    ids=st.dictionaries(st.sampled_from(DOMAINS), NUMBER | st.from_regex(r"[12][0-9]{9}", fullmatch=True), max_size=4),
)
CODE = st.sampled_from(sorted(near_misses.ANSWERED))


@settings(max_examples=150)
@given(PERSON, CODE, st.sampled_from(DOMAINS), WORD, st.lists(PERSON, max_size=2))
def test_every_near_miss_is_another_person_who_could_be_sent(
    person: Person, code: str, domain: str, actor_name: str, earlier: list[Person]
) -> None:
    one = Known(person=person, code=code, domain=domain, actor_name=actor_name, earlier=tuple(earlier))
    found = candidates(one)
    assert len(best(one, found, ())) <= MOST
    assert len({tuple(sorted(near.corrected.items())) for near in found}) == len(found)
    for near in found:
        assert near_misses.corrected(person, near.corrected) != person
        assert near_misses.plain_words(near.cause)
        assert all(_could_be_sent(field, value) for field, value in near.corrected.items())
        assert near.domain(domain) in vocabulary.BOARDS or len(near.domain(domain)) in (2, 3)
        assert not new_signs(one, near) & signs(person)


def _could_be_sent(field: str, value: str) -> bool:
    if field == "birth_day":
        return BirthDay(value).is_valid
    if field == "ids.NPI":
        return near_ids.is_npi(value)
    return bool(value.strip())


def test_a_candidate_shows_no_value() -> None:
    assert "Quixley" not in repr(Candidate(cause="near.title", corrected={"family_name": "Quixley"}))
    assert "Quixley" not in repr(known())
