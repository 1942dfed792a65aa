"""Pure checks of the ids and texts PARS takes. Knows no record: a check sees one value and never repeats it.

What ACCME says of a format holds the credit; what we only reason about (a check digit, a plausible licence) warns.
"""

from __future__ import annotations

import re
import unicodedata

from connector.pars import vocabulary
from connector.records import Actor, BirthDay, Identifier, Problem

UNREADABLE = "unreadable"
"""Stands for a value that is there and cannot be read: the gates hold it."""
LICENCE_LENGTH = range(2, 26)
AS_TEXT, ASK = "format the column as text, and type it again", "compare it with what the learner himself has in hand"
_LICENCE_MARKS = frozenset(" -./")
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_MANGLED = re.compile(
    # a number rounded, or with decimals; a date; a formula, or an error
    rf"{UNREADABLE}|\d(?:[.,]\d+)?e\+\d+|\d+\.0|\d{{4}}-\d\d-\d\d(?: .*)?|\d\d?-{_MONTH}|{_MONTH}-\d\d|[=#].*",
    re.IGNORECASE,
)


def npi(value: str, field: str = "ids.NPI") -> Problem | None:
    """Ten digits (confirmed) whose last is the Luhn check digit under the prefix 80840 (inferred: PARS may not look).

    >>> npi("1234567893")
    """
    if not vocabulary.NPI_FORMAT.fullmatch(value):
        return _of_learner("learner.npi_format", field, "an NPI has 10 digits", f"{AS_TEXT}; the learner knows it")
    if not luhn("80840" + value):
        hint = f"one digit is wrong, or two are exchanged: {ASK}"
        return _of_learner("learner.npi_check_digit", field, "the NPI's check digit is wrong", hint, holds=False)
    return None


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: is the last digit the check digit of the others?"""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def provider_id(value: str) -> Problem | None:
    """Seven digits (confirmed), kept as text: the first ones are often zeros."""
    if vocabulary.PROVIDER_ID_FORMAT.fullmatch(value):
        return None
    return Problem(
        code="config.provider_id_format",
        field="provider",
        message="a provider id of ACCME's has 7 digits",
        hint="write it in quotes, with its leading zeros",
        who=Actor.ADMINISTRATOR,
    )


def activity_id(value: str) -> Problem | None:
    """Nine digits (confirmed)."""
    if vocabulary.ACTIVITY_ID_FORMAT.fullmatch(value):
        return None
    return Problem(
        code="mapping.activity_id_format",
        field="activity",
        message="an activity id of ACCME's has 9 digits",
        hint="take it from the activity's page in PARS",
        who=Actor.ADMINISTRATOR,
    )


def credit_id(value: str) -> Problem | None:
    """`ccid:<domain>:<own part>`, at most 300 characters (confirmed)."""
    if vocabulary.CREDIT_ID_FORMAT.fullmatch(value) and len(value) <= vocabulary.CREDIT_ID_LONGEST:
        return None
    return Problem(
        code="config.credit_id_format",
        field="credit_id",
        message="a credit id is ccid:<domain>:<own part> with at most 300 characters",
        hint="look at the provider's `domain` in config.yaml",
        who=Actor.ADMINISTRATOR,
    )


def birth_day(value: BirthDay, field: str = "birth_day") -> Problem | None:
    """A month and a day that exist (confirmed: PARS matches on them)."""
    hint = "write 09/10 for the tenth of September, in a column of text"
    return None if value.is_valid else _of_learner("learner.birth_day_format", field, "not a month and day", hint)


def identifier(value: Identifier) -> Problem | None:
    """A domain that PARS knows (confirmed) and a value that is plausible there (inferred, but for the NPI's digits)."""
    field = f"ids.{value.domain}"
    if not vocabulary.is_domain(value.domain):
        hint = "write the state's two letters or the board's code (ABIM, ABP, ...) beside the number"
        return _of_learner("learner.id_domain", "ids", "not NPI, a state's two letters or a board's code", hint)
    plain = value.value.get_secret_value()
    if value.domain == "NPI":
        return npi(plain, field)
    return text(plain, field) or _plausible(plain, value.domain, field)


def _plausible(plain: str, domain: str, field: str) -> Problem | None:
    if _MANGLED.fullmatch(plain):
        return _odd(field, "a spreadsheet has made something else of this number", AS_TEXT, holds=True)
    if len(plain) not in LICENCE_LENGTH or not any(mark.isdecimal() for mark in plain):
        return _odd(field, "does not look like a licence or board id", ASK)
    if not all(mark.isalnum() or mark in _LICENCE_MARKS for mark in plain):
        return _odd(field, "has a character that licences do not have", ASK)
    if domain in vocabulary.BOARDS and npi(plain) is None:
        message, hint = "looks like an NPI, not a board's id", "ask the learner for the id that the board gave him"
        return _of_learner("learner.board_id_is_npi", field, message, hint, holds=False)
    return None


def _odd(field: str, message: str, hint: str, *, holds: bool = False) -> Problem:
    return _of_learner("learner.licence_format", field, message, hint, holds=holds)


def text(value: str, field: str) -> Problem | None:
    """No character that XML cannot carry, and no control character: nobody has typed those on purpose (confirmed).

    >>> text("O'Brien & Nguyễn 李", "family_name")
    """
    place = next((place for place, mark in enumerate(value, start=1) if not is_clean(mark)), 0)
    if not place:
        return None
    kind = "half of a surrogate pair" if "\ud800" <= value[place - 1] <= "\udfff" else "a control character"
    return _of_learner("learner.text_control_character", field, f"character {place} is {kind}", "type it again")


def is_clean(mark: str) -> bool:
    """Not a control character (tab and line feed included), a lone surrogate or a non-character of XML."""
    return unicodedata.category(mark) not in ("Cc", "Cs") and mark not in "\ufffe\uffff"


def _of_learner(code: str, field: str, message: str, hint: str, *, holds: bool = True) -> Problem:
    return Problem(code=code, field=field, message=message, hint=hint, holds=holds)
