"""docs/reference/states.md says what store/states.py allows: each state, each move, in the table and in the picture."""

from __future__ import annotations

import re
from collections import Counter

from connector.store.states import LIVE, MOVES, State
from tests.docs.pages import blocks, first_cells, read, section

PAGE = read("states.md")
LEGAL = {(str(source), str(target)) for source, target in MOVES}


def test_every_state_has_one_line() -> None:
    table, _, _ = PAGE.partition("## ")
    assert Counter(first_cells(table)) == Counter(str(state) for state in State)


def test_the_live_states_are_marked() -> None:
    assert {State(name) for name in re.findall(r"^\| `(\w+)` \|[^|]*\| yes \|", PAGE, re.MULTILINE)} == LIVE


def test_the_table_holds_every_move_once() -> None:
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section(PAGE, "## The moves"), re.MULTILINE)
    assert Counter(listed) == Counter(LEGAL)


def test_the_picture_holds_every_move_once() -> None:
    drawn = re.findall(r"^  (\w+) --> (\w+)$", blocks(PAGE, "mermaid")[0], re.MULTILINE)
    assert Counter(drawn) == Counter(LEGAL)
