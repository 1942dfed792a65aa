"""What people write into one field, and what is made of it: kept, or refused without being repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.desk import corrections
from connector.records import Problem

NPI = "1234567893"


@pytest.mark.parametrize(
    ("name", "text", "field", "kept"),
    [
        ("given_name", "  Zanna \t Lee ", "given_name", "Zanna Lee"),
        ("family_name", "O\u2019Neill-Nguyễn 李", "family_name", "O\u2019Neill-Nguyễn 李"),
        ("birth_day", "9/10", "birth_day", "09-10"),
        ("birth_day", "1975-02-29 00:00:00", "birth_day", None),  # no such day, whatever the year
        ("birth_day", "1976-02-29 00:00:00", "birth_day", "02-29"),
        ("npi", NPI, "ids.NPI", NPI),
        ("NPI", NPI, "ids.NPI", NPI),
        ("ids.NPI", NPI, "ids.NPI", NPI),
        ("ca", "A 12345", "ids.CA", "A 12345"),
        ("california", "0012", "ids.CA", "0012"),
        ("ABIM", "012345", "ids.ABIM", "012345"),
        ("american board of pediatrics", "77", "ids.ABP", "77"),
        ("profession", "MD", "profession", "MD"),
        ("profession", " M.D.", "profession", "MD"),
        ("profession", "Ph. D.", "profession", "PhD"),
        ("profession", "Physician Assistant", "profession", "Physician Assistant"),
        ("profession", "Medical doctor", "profession", None),  # nobody's degree: it would close his credits
        ("profession", "MD, PhD", "profession", None),
        ("consent", "Y", "consent", "yes"),
        ("consent", "No", "consent", "no"),
    ],
)
def test_a_field_by_the_name_that_people_give_it(name: str, text: str, field: str, kept: str | None) -> None:
    found = corrections.correct(name, text)
    assert (found == (field, kept)) if kept else isinstance(found, Problem)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("npi", "123456789"),
        ("npi", "1.23E+09"),
        ("npi", "1.23456789E+9"),
        ("npi", "12345678\uff193"),  # a digit that is none of ASCII's
        ("CA", "10-Sep"),
        ("CA", "Sep-10"),
        ("CA", "2026-12-10"),
        ("CA", "4.1E+10"),
        ("birth_day", "10-Sep"),
        ("birth_day", "13/13"),
        ("birth_day", "25/12"),
        ("birth_day", "41984"),
        ("birth_day", "9/10/75"),
        ("consent", "perhaps"),
        ("given_name", "42"),
        ("given_name", "=CONCAT(A1)"),
        ("given_name", "#N/A"),
        ("family_name", "Qu\ufffdxley"),
        ("family_name", "Qu\x07xley"),
        ("family_name", "x" * 201),
        ("family_name", "   "),
        ("state", "CA"),  # says nothing without its number
        ("licence", "A1"),
        ("shoe_size", "44"),
        ("ids.", "44"),
        ("", "x"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name_and_without_its_value(name: str, text: str) -> None:
    found = corrections.correct(name, text)
    assert isinstance(found, Problem)
    assert (found.code, found.field) == ("learner.correction", name)
    assert not text.strip() or name in ("state", "licence") or text not in found.message + found.hint


def test_what_a_config_lists_is_a_profession_and_what_looks_mistyped_is_said() -> None:
    assert corrections.correct("profession", "medical doctor", ["Medical Doctor"]) == ("profession", "medical doctor")
    (doubt,) = corrections.doubts({"ids.NPI": "1234567890", "ids.CA": "A1", "family_name": "Quixley"})
    assert (doubt.code, doubt.holds, "1234567890" in doubt.message + doubt.hint) == (
        "learner.npi_check_digit", False, False,
    )  # fmt: skip


def test_numbers_stand_beside_their_domains() -> None:
    said = {"state": "California; ny", "licence": "A1; 0077", "board": "abim", "board_id": "012345", "given_name": ""}
    assert corrections.read(said, {}) == ({"ids.CA": "A1", "ids.NY": "0077", "ids.ABIM": "012345"}, [])
    assert corrections.read(said, {"ids.CA": "A1"}) == ({"ids.NY": "0077", "ids.ABIM": "012345"}, [])


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"state": "CA; NY", "licence": "A1"}, "licence"),
        ({"state": "CA", "licence": ""}, "licence"),
        ({"state": "", "licence": "A1"}, "licence"),
        ({"state": "CA;", "licence": "A1;"}, "licence"),
        ({"state": "Atlantis", "licence": "A1"}, "state"),
        ({"state": "ABIM", "licence": "A1"}, "state"),
        ({"state": "NPI", "licence": NPI}, "state"),
        ({"board": "CA", "board_id": "A1"}, "board"),
        ({"state": "CA; California", "licence": "A1; A2"}, "state"),
    ],
)
def test_nobody_guesses_whose_number_it_is(said: dict[str, str], named: str) -> None:
    fields, (problem,) = corrections.read(said, {})
    assert (fields, problem.field) == ({}, named)


def test_all_that_is_wrong_is_said_and_the_rest_is_read() -> None:
    fields, problems = corrections.read({"birth_day": "10-Sep", "npi": "12", "family_name": "Quixley"}, {})
    assert (fields, [one.field for one in problems]) == ({"family_name": "Quixley"}, ["birth_day", "npi"])


@pytest.mark.parametrize(
    ("text", "now", "taken"),
    [
        ("1234567", "01234567", False),
        ("1234567", "0001234567", False),
        ("01234567", "1234567", True),  # the other way round somebody has put them back
        ("1234568", "01234567", True),
        ("0", "00", False),
    ],
)
def test_eaten_zeros_are_excels_work_and_nobodys_correction(text: str, now: str, *, taken: bool) -> None:
    fields, problems = corrections.read({"state": "ME", "licence": text}, {"ids.ME": now})
    assert (fields == {"ids.ME": text}, [one.field for one in problems]) == (taken, [] if taken else ["licence"])
    assert not problems or "text" in problems[0].hint


@given(st.sampled_from([*corrections.FIELDS, "CA", "ABIM"]), st.text(max_size=30))
def test_what_was_kept_once_is_kept_as_it_is(name: str, text: str) -> None:
    found = corrections.correct(name, text)
    if not isinstance(found, Problem):
        field, kept = found
        assert corrections.correct(field, kept) == found
        assert corrections.read({field: kept}, {field: kept}) == ({}, [])
