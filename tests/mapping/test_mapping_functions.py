"""Amount functions: their own examples, and what they refuse."""

from __future__ import annotations

import doctest
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping import civil_date, functions


def test_examples_in_the_docstrings() -> None:
    for module in (functions, civil_date):
        assert doctest.testmod(module).failed == 0
    assert all(">>>" in (function.__doc__ or "") for function in functions.FUNCTIONS.values())


@pytest.mark.parametrize(
    "value", [None, True, "", "1h", "1e3", -1, "-0.5", float("nan"), float("inf"), [1], {}, "9" * 99]
)
def test_not_hours(value: Any) -> None:
    with pytest.raises(ValueError, match="not a number of hours"):
        functions.quarter_hours(value)


@pytest.mark.parametrize("value", [None, 5, "", "P", "PT", "P1M", "P1Y", "PT1.5H", "-PT1H", "PT1H ", "P1W", "1:30"])
def test_not_durations(value: Any) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        functions.duration_quarter_hours(value)


def test_durations_are_exact() -> None:
    assert functions.duration_quarter_hours("PT20M2400S") == 1
    assert functions.duration_quarter_hours("PT14M59.999999S") == 0
    assert functions.duration_quarter_hours("P2D") == 48


@given(st.decimals(min_value=0, max_value=1000, places=3))
def test_rounded_down_by_less_than_a_quarter(hours: Decimal) -> None:
    rounded = functions.quarter_hours(hours)
    assert rounded % Decimal("0.25") == 0
    assert 0 <= hours - rounded < Decimal("0.25")


def test_huge_numbers_are_no_numbers() -> None:
    assert functions.number(10**400) is None
    assert functions.number(1e300) is None
    assert functions.number(Decimal("NaN")) is None
