"""Other forms in which the same number is kept: what keyboards, spreadsheets and people do to ids. Pure text.

Every function returns the likeliest first and never the value itself; it makes no digit that nothing speaks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from connector.pars import identifiers, vocabulary
from connector.pars.identity import bare

LICENSING: Final = frozenset({**vocabulary.STATES, **vocabulary.TERRITORIES})
_COMMON: Final = (5, 6, 7, 8, 10)
"""Lengths of licence and board numbers: as many digits as there were before a spreadsheet ate the zeros."""
_ZEROS: Final = 3  # no sheet eats more of one number
_PREFIXED: Final = re.compile(r"([A-Za-z]{1,4})([\s\-./#]*)([0-9][0-9A-Za-z]*)")
_DIGITS_FOR: Final = str.maketrans("OoIl|", "00111")
_BOARD_ID: Final = re.compile(r"[0-9]{4,8}")


def is_npi(value: str) -> bool:
    """Ten digits with the right check digit, and the first one that NPIs have."""
    return value[:1] in ("1", "2") and identifiers.npi(value) is None


def is_board_id(value: str) -> bool:
    """May it be a diplomate's number? A short one of digits alone."""
    return _BOARD_ID.fullmatch(value) is not None


def npi_typed(value: str) -> list[str]:
    """Letters for digits, marks and words around it, a digit struck twice: what is left is an NPI, or nothing.

    >>> npi_typed("123456789O"), npi_typed("NPI 1234567893"), npi_typed("12334567893")
    ([], ['1234567893'], ['1234567893'])
    """
    digits = re.sub(r"[^0-9]", "", re.sub(r"^\s*NPI", "", value, flags=re.IGNORECASE).translate(_DIGITS_FOR))
    found = [digits]
    if len(digits) == 11:
        found += [digits[:at] + digits[at + 1 :] for at in range(10) if digits[at] == digits[at + 1]]
    return _others(value, filter(is_npi, found))


def npi_transposed(value: str) -> list[str]:
    """Two neighbours the wrong way round; only what the check digit speaks for."""
    if not vocabulary.NPI_FORMAT.fullmatch(value):
        return []
    swapped = (value[:at] + value[at + 1] + value[at] + value[at + 2 :] for at in range(9))
    return _others(value, filter(is_npi, swapped))


def npi_one_digit(value: str) -> list[str]:
    """One digit wrong: at each place the check digit leaves one other."""
    if not vocabulary.NPI_FORMAT.fullmatch(value):
        return []
    changed = (value[:at] + digit + value[at + 1 :] for at in range(10) for digit in "0123456789")
    return _others(value, filter(is_npi, changed))


def letters(value: str) -> list[str]:
    """The letter O and the digit 0, I or l and 1, told apart by what stands beside them.

    >>> letters("A1O234"), letters("0A1187"), letters("12345")
    (['A10234'], ['OA1187'], [])
    """
    digits = re.sub(r"(?<=[0-9])[OoIl|](?=[0-9]|$)|(?<![A-Za-z])[OoIl|](?=[0-9]{2})", _digit, value)
    marks = re.sub(r"^0(?=[A-Za-z])|(?<=[A-Za-z])0(?=[A-Za-z])", "O", value)
    return _others(value, [digits, marks])


def _digit(found: re.Match[str]) -> str:
    return found.group().translate(_DIGITS_FOR)


def prefix_dropped(value: str, domain: str) -> list[str]:
    """Letters in front of the digits: without them, and without the mark between.

    >>> prefix_dropped("MD12345", "NY"), prefix_dropped("A-12345", "CA"), prefix_dropped("0101-112", "VA")
    (['12345'], ['A12345', '12345'], ['0101112'])
    """
    found = _PREFIXED.fullmatch(value.strip())
    if not found:
        return _others(value, [bare(value)]) if value.upper() != bare(value) else []
    front, mark, rest = found.groups()
    known = front.upper() in {*vocabulary.STATES, "MD", "DO", "PA", "NP", "LIC", "NO"} or front.upper() == domain
    return _others(
        value, [rest, *([front + rest] if mark else [])] if known else [*([front + rest] * bool(mark)), rest]
    )


def prefix_added(value: str, domain: str, profession: str) -> list[str]:
    """Digits alone, where a board of the state writes MD or its own letters before them.

    >>> prefix_added("12345", "NY", "MD"), prefix_added("A123", "NY", "MD")
    (['MD12345', 'NY12345'], [])
    """
    if not value.isdecimal() or domain not in LICENSING:
        return []
    known = [profession.upper()] if profession.upper() in ("MD", "DO", "PA", "NP") else []
    return _others(value, [front + value for front in (*known, domain)])


def zeros(value: str) -> list[str]:
    """The zeros that a spreadsheet ate, up to a length that numbers have; or those that somebody put in front.

    >>> zeros("10441"), zeros("0010441"), zeros("A12")
    (['010441', '0010441', '00010441'], ['10441'], [])
    """
    if not value.isdecimal():
        return []
    if value.startswith("0"):
        return _others(value, [value.lstrip("0")])
    return [value.zfill(length) for length in _COMMON if 0 < length - len(value) <= _ZEROS]


def other_state(value: str, domain: str) -> Iterator[tuple[str, str]]:
    """A number that begins with another state's letters: that state, and the number with and without them.

    >>> list(other_state("NY-300113", "CA"))
    [('NY', '300113'), ('NY', 'NY-300113')]
    """
    found = _PREFIXED.fullmatch(value.strip())
    state = found.group(1).upper() if found else ""
    if found and state in LICENSING and state != domain and domain in LICENSING and state not in ("MD", "PA"):
        yield state, found.group(3)
        yield state, value


def _others(value: str, found: Iterable[str]) -> list[str]:
    return [one for one in dict.fromkeys(found) if one and one != value]
