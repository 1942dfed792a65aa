"""What a person writes for one field of a learner, made what is kept, or a Problem. Pure; never repeats a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from connector.pars import identifiers, professions, vocabulary
from connector.records import Identifier, LicenceNumber, Problem
from connector.sheets.days import day, month_day
from connector.store.fixes import ACTOR_NAME, IDS

FIELDS: Final = (
    "given_name", "family_name", "birth_day", "npi", "state", "licence", "board", "board_id", "profession", "consent",
)  # fmt: skip
"""As people name them, in the order of the learner sheet; an identifier also by its domain: `NPI`, `CA`, `ABIM`."""

CODE: Final = "learner.correction"
PAIRS: Final = (("state", "licence"), ("board", "board_id"))
_ALONE: Final = tuple(name for name in FIELDS if name not in {name for pair in PAIRS for name in pair})
LONGEST: Final = 200  # of a name: whoever writes more has pasted something else
_YES, _NO = frozenset({"yes", "y", "true", "1", "x"}), frozenset({"no", "n", "false", "0"})
_STATES: Final = {**vocabulary.STATES, **vocabulary.TERRITORIES}
_BY_NAME: Final = {name.casefold(): code for code, name in _STATES.items()}
_ERROR = re.compile(r"#(N/A|NAME\?|REF!|VALUE!|DIV/0!|NULL!|NUM!|#+)", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?E\+\d+", re.IGNORECASE)
_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_EXCELS_DAY = re.compile(rf"\d{{1,2}}-{_MONTH}|{_MONTH}-\d{{2}}")
_AS_TEXT = "format the column as text, and type the number again"


def read(
    said: Mapping[str, str], today: Mapping[str, str], earning: Collection[str] = ()
) -> tuple[dict[str, str], list[Problem]]:
    """From what people wrote, by their names, to fields as `store.fixes` has them; problems name the field as written.

    `today` are the values that stand now, by kept field: what Excel made of one of them is refused, not taken. An
    empty text changes nothing: a value cannot be erased here. `earning` are the professions that earn credit.
    """
    fields, problems = {}, list[Problem]()
    for name, field, text in _named(said, problems):
        found = _value(field, text, earning)
        if not isinstance(found, Problem) and _lost_zeros(found, today.get(field, "")):
            found = _wrong("this is the number that stands there, without its leading zeros", _AS_TEXT)
        if isinstance(found, Problem):
            problems.append(found.model_copy(update={"field": name}))
        elif found != today.get(field, ""):
            fields[field] = found
    return fields, problems


def correct(name: str, text: str, earning: Collection[str] = ()) -> tuple[str, str] | Problem:
    """One field by the name that people give it: what `store.fixes` calls it (or `consent`), and what is kept.

    >>> correct("birth_day", "9/10"), correct("ca", "A 77"), correct("consent", "Y")
    (('birth_day', '09-10'), ('ids.CA', 'A 77'), ('consent', 'yes'))
    """
    field = _field(name)
    found = _value(field, text, earning) if field else _no_such_field()
    return found.model_copy(update={"field": name}) if isinstance(found, Problem) else (field, found)


def column(field: str) -> str:
    """What the sheet calls a field.

    >>> column("ids.NPI"), column("ids.CA"), column("ids.ABIM"), column("actor_name"), column("birth_day")
    ('npi', 'licence', 'board_id', 'same_person', 'birth_day')
    """
    of = field.removeprefix(IDS)
    if of == field:
        return "same_person" if field == ACTOR_NAME else field
    return "npi" if of == "NPI" else "board_id" if of in vocabulary.BOARDS else "licence"


def doubts(fields: Mapping[str, str]) -> list[Problem]:
    """What is kept as it was written and looks mistyped all the same, such as an NPI with a wrong check digit."""
    numbers = [(name.removeprefix(IDS), value) for name, value in fields.items() if name.startswith(IDS)]
    found = [identifiers.identifier(Identifier(domain=of, value=LicenceNumber(value))) for of, value in numbers]
    return [problem for problem in found if problem]


def _value(field: str, text: str, earning: Collection[str]) -> str | Problem:
    text = " ".join(text.split())
    if not text or _ERROR.fullmatch(text):
        return _wrong("nothing that can be used stands here" if not text else "Excel shows an error here")
    if problem := _unusable(field, text):
        return problem
    if field.startswith(IDS):
        return _number(field.removeprefix(IDS), text)
    if field == "profession":
        return _profession(text, earning)
    return {"birth_day": _birth_day, "consent": _consent}.get(field, _words)(text)


def _no_such_field() -> Problem:
    return _wrong("no such field", f"known are {', '.join(_ALONE)}, and a state or board by its letters")


def domain(text: str) -> str:
    """The domain that is meant: NPI, a state by its letters or its name, a board by its code or name; else nothing.

    >>> domain("california"), domain("abim"), domain("Atlantis")
    ('CA', 'ABIM', '')
    """
    wanted = " ".join(text.split()).casefold()
    if vocabulary.is_domain(wanted.upper()):
        return wanted.upper()
    boards = {board.name.casefold(): code for code, board in vocabulary.BOARDS.items()}
    return _BY_NAME.get(wanted) or boards.get(wanted, "")


def _named(said: Mapping[str, str], problems: list[Problem]) -> list[tuple[str, str, str]]:
    """The name as written, the kept field, the text; numbers beside the domains that they belong to."""
    named = []
    for name, text in said.items():
        if any(name in pair for pair in PAIRS) or not text.strip():
            continue
        if field := _field(name):
            named.append((name, field, text))
        else:
            problems.append(_no_such_field().model_copy(update={"field": name}))
    for domains, numbers in PAIRS:
        named += _paired(domains, numbers, said, problems)
    return named


def _field(name: str) -> str:
    plain = name.strip()
    if plain.lower() in _ALONE and plain.lower() != "npi":
        return plain.lower()
    found = domain(plain.removeprefix(IDS))
    return IDS + found if found else ""


def _paired(domains: str, numbers: str, said: Mapping[str, str], problems: list[Problem]) -> list[tuple[str, str, str]]:
    """`CA; NY` beside `A1; 77`, as in the learner sheet: as many numbers as domains, or nobody knows whose they are."""
    places = [part.strip() for part in said.get(domains, "").split(";")]
    texts = [part.strip() for part in said.get(numbers, "").split(";")]
    if not any(places) and not any(texts):
        return []
    if len(places) != len(texts) or not all(places) or not all(texts):
        hint = f"fill in {domains} and {numbers} together, several with ; in one order"
        problems.append(_wrong(f"not as many numbers as {domains}s", hint).model_copy(update={"field": numbers}))
        return []
    wanted = _STATES if domains == "state" else vocabulary.BOARDS
    found = [domain(place) for place in places]
    if not all(one in wanted for one in found):
        hint = "its two letters or its full name" if domains == "state" else "its code: ABIM, ABP, ABS, ..."
        problems.append(_wrong(f"this is no {domains} that PARS knows", hint).model_copy(update={"field": domains}))
        return []
    if len(set(found)) < len(found):
        problems.append(_wrong(f"one {domains} stands here twice").model_copy(update={"field": domains}))
        return []
    return [(numbers, IDS + one, text) for one, text in zip(found, texts, strict=True)]


def _unusable(field: str, text: str) -> Problem | None:
    """A control character, a letter that was lost before it came here, a formula that a CSV has as text."""
    if text.startswith(("=", "@")):
        return _wrong("a formula stands here")
    if "\ufffd" in text:
        return _wrong("a letter of this was lost", "type it again")
    if problem := identifiers.text(text, field):
        return _wrong(problem.message, "type it again")
    return None


def _number(of: str, text: str) -> str | Problem:
    """What PARS surely refuses is refused here; what only looks odd is for the gates to warn of."""
    if _SCIENTIFIC.fullmatch(text):
        return _wrong("Excel has rounded this long number", _AS_TEXT)
    if day(text) or _EXCELS_DAY.fullmatch(text):
        return _wrong("this is a date: Excel makes them of numbers with hyphens", _AS_TEXT)
    problem = identifiers.identifier(Identifier(domain=of, value=LicenceNumber(text)))
    return _wrong(problem.message, problem.hint) if problem and problem.holds else text


def _lost_zeros(found: str, now: str) -> bool:
    return len(found) < len(now) and found.lstrip("0") == now.lstrip("0")


def _birth_day(text: str) -> str | Problem:
    found = month_day(text)
    if found is None:
        return _wrong("this is no month and day", "write 09/10 for the tenth of September, in a column of text")
    return found[0]


def _consent(text: str) -> str | Problem:
    if text.lower() in _YES | _NO:
        return "yes" if text.lower() in _YES else "no"
    return _wrong("neither yes nor no", "write yes where the learner permits the report, and no where not")


def _profession(text: str, earning: Collection[str]) -> str | Problem:
    """As the learner sheet would have it. What nobody knows is not taken: his credits would close for a misspelling."""
    found = professions.written(text)
    if found.upper() in {one.upper() for one in earning} or professions.is_known(found):
        return found
    hint = "write the degree alone (MD, DO, RN), or as `learners.cme_professions` in config.yaml has it"
    return _wrong("this is no profession that is known here", hint)


def _words(text: str) -> str | Problem:
    """A name: with a letter in it, and no longer than people's are."""
    if len(text) > LONGEST or not any(mark.isalpha() for mark in text):
        return _wrong("this is no name" if len(text) <= LONGEST else f"this is longer than {LONGEST} characters")
    return text


def _wrong(message: str, hint: str = "") -> Problem:
    return Problem(code=CODE, message=message, hint=hint)
