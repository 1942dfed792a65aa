"""From the columns of a sheet, or paths of a statement, to a Learner. Pure; guesses nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from types import MappingProxyType

from connector.pars import professions
from connector.pars.identifiers import UNREADABLE
from connector.pars.vocabulary import STATES, TERRITORIES
from connector.records import Actor, BirthDay, Consent, Learner, LicenceNumber, PersonName, Problem
from connector.sheets.days import day, month_day

LACKS = "learner.source_lacks"
_MMDD = re.compile(r"(\d\d)(\d\d)")
_FLOAT = re.compile(r"(\d+)\.0+")  # what other programs make of a whole number in a column with gaps
_QUOTED = re.compile(r'="([^"]*)"')  # how a CSV keeps Excel from cutting zeros
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")  # copied from web pages
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")  # PostgreSQL takes no NUL and no half of a character
_YES = {"yes", "y", "true", "1", "x"}
_STATES = {name.casefold(): code for code, name in {**STATES, **TERRITORIES}.items()}
REMS_FIELDS = ("practice_area", "state", "dea_registration", "surgical_procedures", "time_in_practice")
NONE: Mapping[str, str] = MappingProxyType({})


def learner(cells: Mapping[str, str], origin: str, more_ids: Mapping[str, str] = NONE) -> Learner:
    """The learner one row describes; an empty cell is no value, and every value remembers `origin`.

    `more_ids` are identifiers by domain that no column has.
    """
    cells = {name: tidy(text) for name, text in cells.items()}
    values: dict[str, object] = {}
    for name, kind in (("given_name", PersonName), ("family_name", PersonName)):
        if text := cells.get(name):
            values[name] = kind(text)
    if text := cells.get("birth_day"):
        values["birth_day"] = birth_day(text)
    if text := cells.get("profession"):
        values["profession"] = professions.written(text)
    if found := consent(cells, origin):
        values["consent"] = found
    more = {_domain(name): LicenceNumber(text) for name, said in more_ids.items() if (text := _number(said))}
    if found_ids := {**ids(cells), **more}:
        values["ids"] = found_ids
    if answers := {name: text for name in REMS_FIELDS if (text := cells.get(f"rems_{name}"))}:
        values["rems"] = answers
    origins = dict.fromkeys([*(name for name in values if name != "ids"), *found_ids], origin)
    return Learner.model_validate({**values, "origins": origins})


def tidy(text: str) -> str:
    """Without what nobody sees: blanks that do not break, or stand twice or at an end, marks without a width, and
    control characters.

    >>> tidy("\\ufeff Anna\\u00a0 Maria\\u200b"), tidy('="0012345"')
    ('Anna Maria', '0012345')
    """
    plain = text if is_clean(text) else _CONTROL.sub("", text)
    seen = " ".join((plain if plain.isascii() else _INVISIBLE.sub("", plain)).split())
    quoted = _QUOTED.fullmatch(seen)
    return quoted[1].strip() if quoted else seen


def is_clean(text: str) -> bool:
    """Has it no control characters, line ends and tabs aside? One that has them is nobody's mailbox or account.

    >>> is_clean("anna\\n"), is_clean("an\\x00na")
    (True, False)
    """
    return _CONTROL.search(text) is None


def whole(text: str) -> str:
    """A number that must be whole, without the decimals of another program.

    >>> whole("1234567893.0"), whole("1.23457E+09")
    ('1234567893', '1.23457E+09')
    """
    number = _FLOAT.fullmatch(text)
    return number[1] if number else text


def birth_day(text: str) -> BirthDay:
    """Month and day, whatever year stands beside them; text that is no date is kept as unreadable, and held later.

    >>> [birth_day(one).get_secret_value() for one in ("9/10", "0910", "1980-02-29", "10-Sep", "910")]
    ['09-10', '09-10', '02-29', 'unreadable', 'unreadable']
    """
    four = _MMDD.fullmatch(text)
    found = month_day(f"{four[1]}/{four[2]}" if four else text)
    return BirthDay(found[0] if found else UNREADABLE)


def ids(cells: Mapping[str, str]) -> dict[str, LicenceNumber]:
    """Identifiers by domain: NPI, two-letter state, board code.

    Several stand side by side with `;`; where there are not as many numbers as domains, nobody knows whose they are.
    """
    found = {}
    if npi := whole(_number(cells.get("npi", ""))):
        found["NPI"] = LicenceNumber(npi)
    for domains, values in (("state", "licence"), ("board", "board_id")):
        named, numbers = _parts(cells.get(domains, "")), [_number(one) for one in _parts(cells.get(values, ""))]
        if len(named) == len(numbers):
            pairs = zip(named, numbers, strict=True)
            found.update({_domain(name): LicenceNumber(number) for name, number in pairs if name and number})
    return found


def consent(cells: Mapping[str, str], origin: str) -> Consent | None:
    """The permission to report, or None when the cell is empty. A word that is not a yes is no permission."""
    word = whole(cells.get("consent", "").strip().lower())
    if not word:
        return None
    return Consent(given=word in _YES, at=_date(cells.get("consent_at", "")), origin=origin)


def lacking(person: Learner, columns: Iterable[str]) -> list[str]:
    """Those of these columns of which nothing came to this learner."""
    return [name for name in columns if name in _HAS and not _HAS[name](person)]


def lack(column: str, message: str, hint: str, who: Actor = Actor.COORDINATOR) -> Problem:
    """What `check --learners` says of a field that a source was to fill and did not; "" for the whole learner."""
    return Problem(code=LACKS, field=column, message=message, hint=hint, who=who)


def _has_licence(person: Learner) -> bool:
    return any(domain in STATES or domain in TERRITORIES for domain in person.ids)


def _has_board(person: Learner) -> bool:
    return any(domain != "NPI" and domain not in STATES and domain not in TERRITORIES for domain in person.ids)


def _has_answer(name: str, person: Learner) -> bool:
    return name in person.rems


_HAS: dict[str, Callable[[Learner], bool]] = {
    "given_name": lambda person: person.given_name is not None,
    "family_name": lambda person: person.family_name is not None,
    "birth_day": lambda person: person.birth_day is not None,
    "npi": lambda person: "NPI" in person.ids,
    "state": _has_licence,
    "licence": _has_licence,
    "board": _has_board,
    "board_id": _has_board,
    "profession": lambda person: bool(person.profession),
    "consent": lambda person: person.consent is not None,
    "consent_at": lambda person: person.consent is not None and person.consent.at is not None,
    **{f"rems_{name}": partial(_has_answer, name) for name in REMS_FIELDS},
}


def _domain(name: str) -> str:
    """Sheets also write a state in full, as ACCME's own sample does."""
    return _STATES.get(" ".join(name.casefold().split()), name.upper())


def _number(text: str) -> str:
    """An identifier without the apostrophe that makes a cell of Excel's text."""
    return tidy(text).removeprefix("'").strip()


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")]


def _date(text: str) -> date | None:
    return day(text.strip())
