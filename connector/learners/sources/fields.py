"""From the columns of a sheet, or paths of a statement, to a Learner. Pure; guesses nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from connector.pars.vocabulary import STATES, TERRITORIES
from connector.records import BirthDay, Consent, Learner, LicenceNumber, PersonName

_MONTH_DAY = re.compile(r"(\d{1,2})[/-](\d{1,2})(?:[/-]\d{4})?")
_ISO = re.compile(r"\d{4}-(\d{2})-(\d{2})(?:[T ].*)?")
_YES = {"yes", "y", "true", "1", "x"}
_STATES = {name.casefold(): code for code, name in {**STATES, **TERRITORIES}.items()}
REMS_FIELDS = ("practice_area", "state", "dea_registration", "surgical_procedures", "time_in_practice")


def learner(cells: Mapping[str, str], origin: str) -> Learner:
    """The learner one row describes; an empty cell is no value, and every value remembers `origin`."""
    values: dict[str, object] = {}
    for name, kind in (("given_name", PersonName), ("family_name", PersonName)):
        if text := cells.get(name, "").strip():
            values[name] = kind(text)
    if text := cells.get("birth_day", "").strip():
        values["birth_day"] = birth_day(text)
    if text := cells.get("profession", "").strip():
        values["profession"] = text
    if found := consent(cells, origin):
        values["consent"] = found
    if found_ids := ids(cells):
        values["ids"] = found_ids
    if answers := {name: text for name in REMS_FIELDS if (text := cells.get(f"rems_{name}", "").strip())}:
        values["rems"] = answers
    origins = dict.fromkeys([*(name for name in values if name != "ids"), *found_ids], origin)
    return Learner.model_validate({**values, "origins": origins})


def birth_day(text: str) -> BirthDay:
    """Month and day, whatever year stands beside them; text that is no date is kept as it is and held later.

    >>> birth_day("9/10").get_secret_value(), birth_day("1980-02-29").get_secret_value()
    ('09-10', '02-29')
    """
    match = _MONTH_DAY.fullmatch(text) or _ISO.fullmatch(text)
    return BirthDay(f"{int(match[1]):02d}-{int(match[2]):02d}" if match else "unreadable")


def ids(cells: Mapping[str, str]) -> dict[str, LicenceNumber]:
    """Identifiers by domain: NPI, two-letter state, board code.

    Several stand side by side with `;`; where there are not as many numbers as domains, nobody knows whose they are.
    """
    found = {}
    if npi := cells.get("npi", "").strip():
        found["NPI"] = LicenceNumber(npi)
    for domains, values in (("state", "licence"), ("board", "board_id")):
        named, numbers = _parts(cells.get(domains, "")), _parts(cells.get(values, ""))
        if len(named) == len(numbers):
            pairs = zip(named, numbers, strict=True)
            found.update({_domain(name): LicenceNumber(number) for name, number in pairs if name and number})
    return found


def consent(cells: Mapping[str, str], origin: str) -> Consent | None:
    """The permission to report, or None when the cell is empty. A word that is not a yes is no permission."""
    word = cells.get("consent", "").strip().lower()
    if not word:
        return None
    return Consent(given=word in _YES, at=_date(cells.get("consent_at", "")), origin=origin)


def _domain(name: str) -> str:
    """Sheets also write a state in full, as ACCME's own sample does."""
    return _STATES.get(" ".join(name.casefold().split()), name.upper())


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
