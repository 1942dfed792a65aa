"""Amount functions: their own examples, and what they refuse."""

from __future__ import annotations

import doctest
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.mapping import catalogue, civil_date
from connector.mapping.language import functions

SIX = Decimal(6)


def test_examples_in_the_docstrings() -> None:
    for module in (functions, civil_date, catalogue):
        assert doctest.testmod(module).failed == 0
    assert all(">>>" in (function.__doc__ or "") for function in functions.FUNCTIONS.values())


@pytest.mark.parametrize(
    "value", [None, True, "", "1h", "1e3", -1, "-0.5", float("nan"), float("inf"), [1], {}, "9" * 99]
)
def test_not_hours(value: Any) -> None:
    with pytest.raises(ValueError, match="not a number of hours"):
        functions.quarter_hours(value, SIX)


@pytest.mark.parametrize("value", [None, 5, "", "P", "PT", "P1M", "P1Y", "PT1,5H", "-PT1H", "PT1H ", "PT.5H", "1:30"])
def test_not_durations(value: Any) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        functions.duration_quarter_hours(value, SIX)


@pytest.mark.parametrize("value", ["P0Y", "P1Y0M0DT1H", "P0M0YT1H"])
def test_years_and_months_are_no_durations_unless_nought(value: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        functions.duration_quarter_hours(value, SIX)


@pytest.mark.parametrize(
    ("value", "hours"),
    [
        ("PT20M2400S", 1),
        ("PT14M59.999999S", 0),
        ("P2D", 48),
        ("P0Y0M0DT1H30M0.00S", "1.5"),
        ("PT5400S", "1.5"),
        ("PT1.5H", "1.5"),
        ("P1W", 168),
    ],
)
def test_durations_are_exact(value: str, hours: str | int) -> None:
    assert functions.duration_quarter_hours(value, SIX) == Decimal(hours)


@pytest.mark.parametrize("value", [None, True, "", "85 %", -1.1, "1.01", 1.0000001, float("nan"), [1], {}])
def test_not_a_share(value: Any) -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        functions.share_of_most(value, SIX)


def test_a_scaled_score_below_0_earns_nothing() -> None:
    assert functions.share_of_most(-1, SIX) == functions.share_of_most("-0.25", SIX) == 0


@pytest.mark.parametrize("value", [None, False, "85%", -1, 101, "100.5", float("inf"), [1]])
def test_not_a_percentage(value: Any) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        functions.percent_of_most(value, SIX)


@settings(derandomize=True, deadline=None, database=None)
@given(st.decimals(min_value=0, max_value=1, places=6), st.integers(1, 400).map(lambda steps: Decimal(steps) / 4))
def test_a_share_is_never_more_than_its_part(share: Decimal, most: Decimal) -> None:
    earned = functions.share_of_most(share, most)
    assert earned % Decimal("0.25") == 0
    assert 0 <= share * most - earned < Decimal("0.25")
    assert functions.percent_of_most(share * 100, most) == earned
    assert functions.share_of_most(1, most) == functions.percent_of_most("100", most) == most


@settings(derandomize=True, deadline=None, database=None)
@given(st.decimals(min_value=0, max_value=1000, places=3))
def test_rounded_down_by_less_than_a_quarter(hours: Decimal) -> None:
    rounded = functions.quarter_hours(hours, SIX)
    assert rounded % Decimal("0.25") == 0
    assert 0 <= hours - rounded < Decimal("0.25")


def test_huge_numbers_are_no_numbers() -> None:
    assert functions.number(10**400) is None
    assert functions.number(1e300) is None
    assert functions.number(Decimal("NaN")) is None
