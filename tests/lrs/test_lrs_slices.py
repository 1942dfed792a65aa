"""slices: a page is cut where its statements end, and nothing of it is changed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.lrs import slices
from connector.lrs.slices import UnreadablePageError, elements, split

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)
INDENT = st.sampled_from([None, 0, 1, 4, "\t"])


@given(statements=st.lists(JSON, max_size=6), indent=INDENT, encoding=st.sampled_from(["ascii", "utf-8"]))
def test_slices_hold_the_same_values_and_are_cut_from_the_page(
    statements: list[Any], indent: int | str | None, encoding: str
) -> None:
    page = json.dumps({"more": "/x?y=[{", "statements": statements}, indent=indent, ensure_ascii=encoding == "ascii")
    found, others = split(page.encode("utf-8", "surrogatepass"))
    assert [json.loads(one) for one in found] == statements
    assert others == {b'"more"': b'"/x?y=[{"'}


@given(values=st.lists(JSON, max_size=6), indent=INDENT)
def test_slices_and_what_lies_between_them_are_the_whole_array(values: list[Any], indent: int | str | None) -> None:
    array = json.dumps(values, indent=indent).encode()
    found, end = elements(array)
    assert end == len(array)
    between = rb"\s*,\s*".join(re.escape(one) for one in found)
    assert re.fullmatch(rb"\[\s*" + between + rb"\s*\]", array)


@pytest.mark.parametrize(
    "bad", [b'{"a":"\\ud800"}', b'{"a":NaN}', b'{"a":1e400}', b'{"a":"\xff"}', b"[" * 10_000 + b"]" * 10_000, b'"x"']
)
def test_a_statement_that_no_parser_takes_is_still_cut_out(bad: bytes) -> None:
    good = b'{"id":"1"}'
    found, others = split(b'{"statements":[' + good + b"," + bad + b" ,\n" + good + b'],"more":""}')
    assert found == [good, bad, good]
    assert others == {b'"more"': b'""'}


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"{}",
        b'{"more":""}',
        b'{"statements":[],' + b",".join(b'"%d":1' % number for number in range(101)) + b"}",
        b'{"statements":null}',
        b'{"statements":{}}',
        b'{"statements":[]',
        b'{"statements":[1,]}',
        b'{"statements":[,1]}',
        b'{"statements":[1 2]}',
        b'{"statements":[1],}',
        b'{"statements":[1]}{}',
        b'{"statements":[{"a":1]}',
        b'{"statements":["a]}',
        b'{"statements":[:]}',
        b'{"statements" []}',
        b'{"statements":[' + b"[" * 50 + b"]}",
    ],
)
def test_what_is_no_result_is_refused_without_being_quoted(page: bytes) -> None:
    with pytest.raises(UnreadablePageError) as caught:
        split(page)
    assert "html" not in str(caught.value)


def test_a_page_cut_off_inside_a_string_of_quotes_is_refused_at_once() -> None:
    """Trying again from each quote would take hours."""
    with pytest.raises(UnreadablePageError):
        split(b'{"statements":[{"a":"' + b'\\"' * 500_000)


def test_nesting_is_counted_exactly() -> None:
    deepest = b"[" * slices.LEVELS + b"]" * slices.LEVELS
    assert not slices.too_deep(deepest)
    assert slices.too_deep(b"[" + deepest + b"]")
    assert not slices.too_deep(b"[" + b"{}," * 500 + b"{}]")
    assert not slices.too_deep(b'{"a":"' + b"[" * 500 + b'"}')


def test_strings_below_the_depth_of_the_pattern_cost_no_step() -> None:
    deep = b"[" * 20 + b'"]",' * 1000 + b'"["' + b"]" * 20
    assert len(list(slices._brackets(deep))) == 40
    assert slices.elements(b"[" + deep + b"]")[0] == [deep]
