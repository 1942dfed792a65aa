"""Pure checks of ids and texts: what is confirmed holds, what is inferred warns, and no value is ever repeated."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pars_samples import identifier

from connector.pars import forms, identifiers, replies, vocabulary
from connector.records import BirthDay


@pytest.mark.parametrize("module", [forms, identifiers, replies, vocabulary])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("value", ["1234567893", "1245319599", "1003000126"])
def test_real_npis(value):
    assert identifiers.npi(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "123456789",
        "12345678933",
        "123456789O",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff13",
        "1234567893 ",
    ],
)
def test_npi_format_holds(value):
    problem = identifiers.npi(value)
    assert (problem.code, problem.holds) == ("learner.npi_format", True)


@given(st.integers(0, 9), st.integers(1, 9))
def test_any_one_wrong_digit_is_seen_and_only_warns(place, shift):
    good = "1234567893"
    wrong = f"{good[:place]}{(int(good[place]) + shift) % 10}{good[place + 1 :]}"
    problem = identifiers.npi(wrong)
    assert (problem.code, problem.holds) == ("learner.npi_check_digit", False)
    assert wrong not in str(problem)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (identifiers.provider_id, "0001234", ["1234", "00012345", "000123A", ""]),
        (identifiers.activity_id, "203500000", ["20350000", "2035000000", "20350000X", ""]),
        (
            identifiers.credit_id,
            "ccid:example.org:" + "x" * 283,
            ["ccid:example.org:" + "x" * 284, "ccid:a", "ccid::b", "ccid:a:", "ccid:a:b:c", "xccid:a:b", ""],
        ),
        (
            lambda day: identifiers.birth_day(BirthDay(day)),
            "02-29",
            ["02-30", "13-01", "00-10", "9-10", "04-31", "1980-09-10", ""],
        ),
    ],
)
def test_published_formats_hold(check, good, bad):
    assert check(good) is None
    assert all(check(value).holds for value in bad)


@pytest.mark.parametrize(
    ("domain", "value", "code", "holds"),
    [
        ("CA", "A123456", None, None),
        ("ME", "MD-1234.5/6 B", None, None),
        ("ABIM", "123456", None, None),
        ("CA", "", "learner.licence_format", False),
        ("CA", "pending", "learner.licence_format", False),
        ("CA", "1" * 26, "learner.licence_format", False),
        ("CA", "A123456*", "learner.licence_format", False),
        ("CA", "A123\t456", "learner.text_control_character", True),
        ("ABIM", "1234567893", "learner.board_id_is_npi", False),
        ("CA", "1234567893", None, None),
        ("NPI", "A123456", "learner.npi_format", True),
        ("ssn", "078051120", "learner.id_domain", True),
    ],
)
def test_identifiers(domain, value, code, holds):
    problem = identifiers.identifier(identifier(domain, value))
    assert (problem and problem.code, problem and problem.holds) == (code, holds)
    assert not value or problem is None or value not in str(problem)


@given(st.text(max_size=20))
def test_clean_text_is_what_xml_can_carry(value):
    problem = identifiers.text(value, "family_name")
    assert (problem is None) == all(identifiers.is_clean(mark) for mark in value)


def test_the_reason_names_the_place_and_not_the_value():
    problem = identifiers.text("Zzy\x1bzx", "family_name")
    assert problem.message == "character 4 is a control character"
    assert identifiers.text("ab\udc00", "x").message == "character 3 is half of a surrogate pair"
