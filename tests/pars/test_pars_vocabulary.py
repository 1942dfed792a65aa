"""The published words: complete, sourced, and found under every spelling."""

from __future__ import annotations

from datetime import date

import pytest

from connector.pars import vocabulary
from connector.pars.vocabulary import BOARDS, ORIGINS, STATES, TERRITORIES, Certainty, credit_type, is_domain


def test_every_block_has_an_origin_and_every_origin_a_block():
    blocks = {name for name in vars(vocabulary) if name.isupper() and not name.startswith("_")} - {"ORIGINS"}
    assert {name.split(".")[0] for name in ORIGINS} == blocks
    board = set(vocabulary.Board.model_fields) | set(vocabulary.CreditType.model_fields)
    assert {name.split(".")[1] for name in ORIGINS if "." in name} <= board
    assert all(len(origin.source) > 5 for origin in ORIGINS.values())


def test_boards_as_accme_lists_them():
    assert {code for code, board in BOARDS.items() if board.current and board.certainty is Certainty.CONFIRMED} == {
        "ABA", "ABIM", "ABOS", "ABOHNS", "ABPATH", "ABP", "ABS", "ABTS",
    }  # fmt: skip
    assert {code for code, board in BOARDS.items() if board.one_per_date} == {"ABA", "ABP"}
    assert {code for code, board in BOARDS.items() if board.journal_exempt} == {"ABP"}
    assert {code for code, board in BOARDS.items() if board.id_optional} == {"ABS"}


def test_states():
    assert len(STATES) == 51
    assert len(TERRITORIES) == 6
    assert not STATES.keys() & TERRITORIES.keys()
    assert all(len(code) == 2 and code.isupper() for code in STATES | TERRITORIES)


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.code)
def test_every_credit_type_is_found_under_every_spelling(board):
    for one in board.credit_types:
        assert {credit_type(board.code, text) for text in (one.name, one.name.upper(), *one.aliases)} == {one}


def test_credit_types_are_the_boards_own():
    assert credit_type("ABIM", "Lifelong Learning") is None
    assert credit_type("ABTS", "Medical Knowledge") is None
    assert credit_type("XYZ", "Medical Knowledge") is None
    assert credit_type("ABPATH", "Self-Assessment (Part II)").last_completion == date(2020, 12, 31)


def test_domains():
    assert all(is_domain(domain) for domain in ("NPI", "CA", "VI", "ABIM"))
    assert not any(is_domain(domain) for domain in ("", "npi", "XX", "SSN"))
