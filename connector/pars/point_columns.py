"""The headers under which sheets give credits: `ABIM`, `ABIM/Medical Knowledge`, `JA-PARS/nursing`. Knows no sheet."""

from __future__ import annotations

from typing import Final

from connector.pars.vocabulary import BOARDS, CERTIFICATIONS
from connector.sheets.rows import Columns


def _headers() -> dict[str, tuple[str, str]]:
    found = {code: (code, "") for code in BOARDS}
    for board in BOARDS.values():
        found |= {f"{board.code}/{one.name}": (board.code, one.name) for one in board.credit_types}
    return {Columns(()).name(header): meant for header, meant in found.items()}


POINT_COLUMNS: Final = _headers()
"""Board and credit type by the header as sheets name it; the type is empty for the board's own points."""
KIND_COLUMNS: Final = {"credits": "cme"} | {
    Columns(()).name(f"JA-PARS/{word}"): word for word in CERTIFICATIONS if word != "cme"
}
"""A rule's word for credit without a board, by the header."""
