"""Degrees as sheets and people write them. Pure; knows nobody's rule of who is eligible."""

from __future__ import annotations

import re
from typing import Final

from connector.pars.names import DEGREES
from connector.pars.vocabulary import REMS_PROFESSIONS

_DEGREE = re.compile(r"(?:[a-z]{1,2}\. ?)+[a-z]{0,2}", re.IGNORECASE)
_MORE: Final = frozenset({"aprn", "cnm", "cns", "lpn", "lvn", "od", "pharm", "rph", "pt", "dpt", "ot", "rd", "edd"})
_KNOWN: Final = DEGREES | _MORE | {one.casefold() for one in REMS_PROFESSIONS}


def written(text: str) -> str:
    """As it is written, but for the full stops of a degree; what stands beside the degree is never left out.

    >>> written("M.D."), written("Ph. D."), written("Physician (MD)"), written("M.D., FACP")
    ('MD', 'PhD', 'Physician (MD)', 'M.D., FACP')
    """
    return re.sub(r"[. ]", "", text) if _DEGREE.fullmatch(text) else text


def is_known(text: str) -> bool:
    """A degree alone, or a profession of the REMS list; not what is misspelt, nor two side by side.

    >>> is_known("RN"), is_known("Physician Assistant"), is_known("M D"), is_known("MD, PhD")
    (True, True, False, False)
    """
    return text.casefold() in _KNOWN
