"""Credit ids say only what never changes, and two different things never share one."""

from __future__ import annotations

import doctest
import inspect

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.learners import credit_id as ids
from connector.learners.sources import fields
from connector.pars import identifiers
from connector.store import rems_key as keys

DOMAIN = "example.org"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["", ",", '","', "-2", "\n"])
FACTS = st.tuples(WORDS, st.tuples(WORDS, WORDS, WORDS), WORDS, st.integers(1, 12))
slowly = settings(derandomize=True, deadline=None, max_examples=120)


@pytest.mark.parametrize("module", [ids, fields])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed


@slowly
@given(FACTS, FACTS)
@example(("a", ("b", "c", ""), "d", 1), ("a", ("b", "", "c"), "d", 1))
@example(("ab", ("c", "", ""), "d", 1), ("a", ("bc", "", ""), "d", 1))
@example(('a","b', ("c", "", ""), "d", 1), ("a", ('b","c', "", ""), "d", 1))
@example(("a", ("b", "c", "d"), "", 1), ("a", ("b", "c", ""), "d", 1))
@example(("a", ("b", "c", ""), "d", 2), ("a", ("b", "c", ""), "d-2", 1))
def test_different_facts_never_share_an_id_and_the_same_facts_always_do(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    key = b"k" * 32
    for make in (lambda facts: ids.credit_id(DOMAIN, *facts), lambda facts: ids.rems_credit_id(DOMAIN, key, *facts)):
        assert (make(one) == make(other)) == (one == other)


@slowly
@given(FACTS, st.from_regex(r"[A-Za-z0-9-]{1,60}(\.[A-Za-z0-9-]{1,60}){1,3}", fullmatch=True))
def test_an_id_has_accmes_form_and_at_most_300_characters(facts: tuple, domain: str) -> None:  # type: ignore[type-arg]
    assert identifiers.credit_id(ids.credit_id(domain, *facts)) is None
    assert identifiers.credit_id(ids.rems_credit_id(domain, b"k" * 32, *facts)) is None


def test_only_what_never_changes_goes_into_an_id() -> None:
    assert list(inspect.signature(ids.credit_id).parameters) == [
        "domain", "anchor", "award_key", "certification", "serial",
    ]  # fmt: skip


def test_an_add_after_a_withdrawal_has_a_serial() -> None:
    first, second, tenth = (ids.credit_id(DOMAIN, "a", ("b", "c", ""), "d", serial) for serial in (1, 2, 10))
    assert (second, tenth) == (first + "-2", first + "-10")


@slowly
@given(FACTS, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_rems_ids_need_the_key(facts: tuple, key: bytes, other: bytes) -> None:  # type: ignore[type-arg]
    known = ids.credit_id(DOMAIN, *facts)
    mine, theirs = (ids.rems_credit_id(DOMAIN, one, *facts) for one in (key, other))
    assert (mine == theirs) == (key == other)
    assert (keys.rems_local_id(key, facts[0]) == keys.rems_local_id(other, facts[0])) == (key == other)
    assert mine != known
    assert keys.rems_local_id(key, facts[0]) not in mine
