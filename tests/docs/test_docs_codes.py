"""docs/reference/errors.md has a heading for every code of the source, and for nothing else."""

from __future__ import annotations

import re
from collections import Counter

from tests.docs.pages import read
from tests.docs.source_codes import FAMILIES, codes

PAGE = read("errors.md")
HEADINGS = re.findall(r"^### `([^`]+)`$", PAGE, re.MULTILINE)
WHO = ("Learner", "Coordinator", "Administrator", "Operator", "Nobody acts")


def test_every_code_has_a_heading() -> None:
    assert sorted(codes() - set(HEADINGS)) == []


def test_every_heading_is_a_code() -> None:
    assert sorted(set(HEADINGS) - codes()) == []


def test_no_heading_stands_twice() -> None:
    assert [code for code, times in Counter(HEADINGS).items() if times > 1] == []


def test_every_entry_says_who_acts() -> None:
    entries = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    assert [entry.split("\n")[0] for entry in entries if not any(f"**{who}:** " in entry for who in WHO)] == []


def test_the_families_are_known() -> None:
    assert {code.partition(".")[0] for code in codes()} == set(FAMILIES)
