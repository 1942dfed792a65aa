"""Near misses: other values under which PARS may know a learner, each with what speaks for it. Pure; proposes only.

Knows no PARS and no table: who asks PARS, and whose number a value is already, is said by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from pydantic import Field

from connector.desk import near_ids, near_names
from connector.pars import identifiers, vocabulary
from connector.pars.identity import Person, bare, signs
from connector.pars.names import plain
from connector.records import BirthDay, Frozen, Identifier, LicenceNumber
from connector.store.matches import MATCH_NO, MATCH_SEVERAL

MOST: Final = 12
"""Of one case: who has to look at more looks at none."""
_PAIRS: Final = 3
_NAMES: Final = ("given_name", "family_name")

CAUSES: Final = {
    "near.known_otherwise": "another source, or an earlier record of this learner, says something else",
    "near.npi_typed": "the NPI was typed with letters, marks, or a digit too many",
    "near.npi_transposed": "two neighbouring digits of the NPI change places, and its check digit is right",
    "near.npi_digit": "one digit of the NPI is another, and its check digit is right",
    "near.npi_elsewhere": "the NPI stands in the field of a licence or of a board's id",
    "near.board_id_elsewhere": "the board's id stands in the field of a licence, or the two are exchanged",
    "near.states_exchanged": "the licence numbers of two states are exchanged",
    "near.other_state": "the licence number begins with the letters of another state",
    "near.title": "a title or a suffix stands in the name: Dr., Jr., MD",
    "near.actor_name": "the statement names the learner otherwise: a maiden or second surname, another given name",
    "near.double_surname": "a surname of two parts: with a hyphen, without, or one part alone",
    "near.letters": "the letter O for a zero in the number, I or l for a one, or the reverse",
    "near.licence_prefix": "letters or a mark in the licence number: left out, or put in front",
    "near.apostrophe": "the apostrophe of the name: another sign, or none",
    "near.middle_name": "a middle name stands in front of the surname",
    "near.given_names": "one of several given names alone",
    "near.nickname": "a nickname, or the whole name behind it",
    "near.birth_day_swapped": "month and day of birth are exchanged",
    "near.zeros": "the number lost the zeros in front, or has too many",
    "near.accents": "the name without its accents",
    "near.names_swapped": "given name and surname are exchanged",
}
"""What each cause means, in plain words; of two at once the causes stand together, joined by a plus."""

MISTYPED: Final = {"learner.npi_check_digit", "learner.npi_format", "learner.licence_format", "learner.board_id_is_npi",
                  "learner.no_board_id", "learner.no_identifier"}  # fmt: skip
_BIRTH: Final = {"learner.birth_day_format", "learner.no_birth_day"}
_SEVERAL: Final = {"pars.several_matches", MATCH_SEVERAL}
_NO_NAME: Final = "learner.no_name"
_NAME_DIFFERS: Final = "learner.name_differs"
ANSWERED: Final = frozenset({"pars.no_match", MATCH_NO, _NO_NAME, _NAME_DIFFERS, *MISTYPED, *_BIRTH, *_SEVERAL})
"""Codes for which near misses are looked for; to all others no other value is the answer."""


class Known(Frozen):
    """All that may speak for another value: the learner, and what else is known of him."""

    person: Person
    code: str  # what stops the credit
    domain: str  # of the identifier that PARS is asked under, or that is missing
    profession: str = ""
    actor_name: str = Field(default="", repr=False)  # in the statement
    earlier: tuple[Person, ...] = ()  # the same learner, as other sources, older rows and documents have him

    @property
    def number(self) -> str:
        return self.person.ids.get(self.domain, "")

    @property
    def names(self) -> tuple[str, str]:
        return self.person.given_name, self.person.family_name


class Candidate(Frozen):
    """One near miss. `corrected` has fields as a person's correction has them: given_name, ids.NPI, ..."""

    cause: str
    corrected: dict[str, str] = Field(repr=False)

    def domain(self, tried: str) -> str:
        """Which identifier PARS is asked under: the one that was tried, unless another one is what changed."""
        ids = [field.removeprefix("ids.") for field in self.corrected if field.startswith("ids.")]
        return tried if tried in ids or not ids else ids[0]


Way = Callable[[Known], Iterable[Candidate]]


def plain_words(cause: str) -> str:
    """What one cause, or two together, means."""
    return "; and ".join(CAUSES[one] for one in cause.split("+") if one in CAUSES)


def candidates(known: Known) -> list[Candidate]:
    """Every near miss, the likeliest first: of every way the first, then of every way the second; pairs stand last."""
    if known.code not in ANSWERED or near_names.is_strange(*known.names, known.actor_name):
        return []
    found = [list(islice(_good(known, way(known)), MOST)) for way in _ways(known)]
    depth = max(map(len, found), default=0)
    singles = _once(one[place] for place in range(depth) for one in found if place < len(one))
    return singles + (_once(islice(_pairs(singles), _PAIRS)) if _looks_at_all(known) else [])


def best(known: Known, found: Sequence[Candidate], taken: Collection[str]) -> list[Candidate]:
    """At most MOST, without those that would make him another learner: `taken` are signs of others. One that says more
    than such a one is such a one. Where the number that stands there is another's, that is the fault, no near miss."""
    if number_signs(known) & set(taken):
        return []
    of_others = [one.corrected.items() for one in found if new_signs(known, one) & set(taken)]
    return [one for one in found if not any(other <= one.corrected.items() for other in of_others)][:MOST]


def number_signs(known: Known) -> set[str]:
    """What finds the learner by the number that PARS is asked under."""
    return signs(Person(ids={known.domain: known.number})) if known.number else set()


def new_signs(known: Known, candidate: Candidate) -> set[str]:
    """What would find the corrected learner and does not find him as he is."""
    return signs(corrected(known.person, candidate.corrected)) - signs(known.person)


def corrected(person: Person, fields: dict[str, str]) -> Person:
    """The same with these values."""
    ids = {field.removeprefix("ids."): value for field, value in fields.items() if field.startswith("ids.")}
    names = {field: value for field, value in fields.items() if field in (*_NAMES, "birth_day")}
    return person.model_copy(update={**names, "ids": person.ids | ids})


def _looks_at_all(known: Known) -> bool:
    """PARS said no to a learner whose number is a number: any field may be the one."""
    fine = known.domain != "NPI" or near_ids.is_npi(known.number)
    return fine and known.code not in {*MISTYPED, *_BIRTH, *_SEVERAL, _NO_NAME, _NAME_DIFFERS}


def _ways(known: Known) -> tuple[Way, ...]:
    """Those that a marked value speaks for stand first: a hyphen says more than a birth day that can be read twice."""
    numbers: tuple[Way, ...] = (_known_number, _npi, _npi_elsewhere, _board_id, _states)
    if known.code == _NO_NAME:
        return (_known_name, _actor)
    if known.code == _NAME_DIFFERS:
        return (_other_surname,)
    if known.code in _BIRTH:
        return (_known_birth_day, _birth_day)
    if known.code in _SEVERAL:
        return (_known_number, _npi_elsewhere)
    forms: tuple[Way, ...] = (_letters, _prefix, _zeros, _prefix_added)
    if not _looks_at_all(known):
        return (*numbers, *forms)
    names: tuple[Way, ...] = (_titles, _actor, _double, _letters, _prefix, _apostrophes, _middle, _given, _nickname)
    rest: tuple[Way, ...] = (_birth_day, _zeros, _accents, _swapped, _prefix_added)
    return (_known_name, _known_birth_day, *numbers, *names, *rest)


def _good(known: Known, found: Iterable[Candidate]) -> Iterator[Candidate]:
    """Only what changes something, and only values that could be sent."""
    for one in found:
        after, before = corrected(known.person, one.corrected), known.person
        if after != before and all(_is_well_formed(field, value) for field, value in one.corrected.items()):
            yield one


def _is_well_formed(field: str, value: str) -> bool:
    if field == "birth_day":
        return BirthDay(value).is_valid
    if field in _NAMES:
        return bool(value.strip()) and identifiers.text(value, field) is None
    domain = field.removeprefix("ids.")
    if domain == "NPI":
        return near_ids.is_npi(value)
    return identifiers.identifier(Identifier(domain=domain, value=LicenceNumber(value))) is None


def _once(found: Iterable[Candidate]) -> list[Candidate]:
    """The same correction for two causes stands once, where the likelier one put it."""
    kept: dict[tuple[tuple[str, str], ...], Candidate] = {}
    for one in found:
        kept.setdefault(tuple(sorted(one.corrected.items())), one)
    return list(kept.values())


def _pairs(singles: list[Candidate]) -> Iterator[Candidate]:
    """Month and day exchanged, and one thing more."""
    turned = next((one for one in singles if one.cause == "near.birth_day_swapped"), None)
    for one in singles if turned else ():
        if turned and "birth_day" not in one.corrected:
            yield Candidate(cause=f"{one.cause}+{turned.cause}", corrected=one.corrected | turned.corrected)


def _known_name(known: Known) -> Iterator[Candidate]:
    for other in known.earlier:
        said = {field: getattr(other, field) for field in _NAMES}
        fields = {field: name for field, name in said.items() if name and _differs(known, field, name)}
        if fields:
            yield Candidate(cause="near.known_otherwise", corrected=fields)


def _differs(known: Known, field: str, name: str) -> bool:
    return plain(name) != plain(str(getattr(known.person, field)))


def _known_birth_day(known: Known) -> Iterator[Candidate]:
    for other in known.earlier:
        if other.birth_day:
            yield Candidate(cause="near.known_otherwise", corrected={"birth_day": other.birth_day})


def _known_number(known: Known) -> Iterator[Candidate]:
    for other in known.earlier:
        if (value := other.ids.get(known.domain, "")) and bare(value) != bare(known.number):
            yield Candidate(cause="near.known_otherwise", corrected={f"ids.{known.domain}": value})


def _npi(known: Known) -> Iterator[Candidate]:
    """Nothing is done to an NPI whose check digit is right: another one is a colleague's."""
    if known.domain != "NPI" or near_ids.is_npi(known.number):
        return
    ways = (
        ("near.npi_typed", near_ids.npi_typed),
        ("near.npi_transposed", near_ids.npi_transposed),
        ("near.npi_digit", near_ids.npi_one_digit),
    )
    for cause, way in ways:
        yield from (Candidate(cause=cause, corrected={"ids.NPI": value}) for value in way(known.number))


def _npi_elsewhere(known: Known) -> Iterator[Candidate]:
    """The field that holds it may hold what belongs into the NPI's."""
    if near_ids.is_npi(known.person.ids.get("NPI", "")) or known.domain in vocabulary.BOARDS:
        return
    for domain, value in sorted(known.person.ids.items()):
        if domain != "NPI" and near_ids.is_npi(bare(value)):
            fields = {"ids.NPI": bare(value)}
            if mine := known.person.ids.get("NPI", ""):
                fields[f"ids.{domain}"] = mine
            yield Candidate(cause="near.npi_elsewhere", corrected=fields)


def _board_id(known: Known) -> Iterator[Candidate]:
    if known.domain not in vocabulary.BOARDS:
        return
    for domain, value in sorted(known.person.ids.items()):
        if domain in near_ids.LICENSING and near_ids.is_board_id(value):
            fields = {f"ids.{known.domain}": value}
            if known.number and not near_ids.is_npi(known.number):
                fields[f"ids.{domain}"] = known.number
            yield Candidate(cause="near.board_id_elsewhere", corrected=fields)


def _states(known: Known) -> Iterator[Candidate]:
    if known.domain not in near_ids.LICENSING:
        return
    for state, value in sorted(known.person.ids.items()):
        if state in near_ids.LICENSING and state != known.domain and value != known.number:
            fields = {f"ids.{known.domain}": value, f"ids.{state}": known.number}
            yield Candidate(cause="near.states_exchanged", corrected=fields)
    for state, value in near_ids.other_state(known.number, known.domain):
        if state < known.domain:  # of several licences the first is sent: a later state's would change nothing
            yield Candidate(cause="near.other_state", corrected={f"ids.{state}": value})


def _of_number(known: Known, cause: str, values: Iterable[str]) -> Iterator[Candidate]:
    """Forms of a licence or board id; an NPI has one form."""
    if known.number and known.domain != "NPI":
        yield from (Candidate(cause=cause, corrected={f"ids.{known.domain}": value}) for value in values)


def _letters(known: Known) -> Iterator[Candidate]:
    return _of_number(known, "near.letters", near_ids.letters(known.number))


def _prefix(known: Known) -> Iterator[Candidate]:
    return _of_number(known, "near.licence_prefix", near_ids.prefix_dropped(known.number, known.domain))


def _prefix_added(known: Known) -> Iterator[Candidate]:
    added = near_ids.prefix_added(known.number, known.domain, known.profession)
    return _of_number(known, "near.licence_prefix", added)


def _zeros(known: Known) -> Iterator[Candidate]:
    return _of_number(known, "near.zeros", near_ids.zeros(known.number))


def _named(cause: str, field: str, known: Known, way: Callable[[str], list[str]]) -> Iterator[Candidate]:
    name = str(getattr(known.person, field))
    yield from (Candidate(cause=cause, corrected={field: value}) for value in (way(name) if name else ()))


def _titles(known: Known) -> Iterator[Candidate]:
    for field in reversed(_NAMES):
        yield from _named("near.title", field, known, near_names.untitled)


def _actor(known: Known) -> Iterator[Candidate]:
    person = known.person
    if not (person.given_name and person.family_name):
        found = near_names.whole(known.actor_name, *known.names)
    else:
        found = near_names.by_actor(*known.names, known.actor_name)
    if found:
        yield Candidate(cause="near.actor_name", corrected=found)


def _other_surname(known: Known) -> Iterator[Candidate]:
    """The same given name: he may have married. The same surname alone is a husband's or a wife's mailbox."""
    yield from (one for one in _actor(known) if one.corrected.keys() == {"family_name"})


def _double(known: Known) -> Iterator[Candidate]:
    family = _untitled(known.person.family_name)
    yield from (
        Candidate(cause="near.double_surname", corrected={"family_name": name}) for name in near_names.double(family)
    )


def _untitled(name: str) -> str:
    return next(iter(near_names.untitled(name)), name)


def _apostrophes(known: Known) -> Iterator[Candidate]:
    for field in reversed(_NAMES):
        yield from _named("near.apostrophe", field, known, near_names.apostrophes)


def _middle(known: Known) -> Iterator[Candidate]:
    front, _, rest = _untitled(known.person.family_name).partition(" ")
    if rest and near_names.is_a_name(front):
        fields = {"given_name": f"{known.person.given_name} {front}".strip(), "family_name": rest}
        yield Candidate(cause="near.middle_name", corrected=fields)


def _given(known: Known) -> Iterator[Candidate]:
    return _named("near.given_names", "given_name", known, near_names.one_given)


def _nickname(known: Known) -> Iterator[Candidate]:
    return _named("near.nickname", "given_name", known, near_names.called)


def _birth_day(known: Known) -> Iterator[Candidate]:
    """Only where the day could be a month."""
    found = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", known.person.birth_day)
    if found:
        month, day = found.groups()
        yield Candidate(cause="near.birth_day_swapped", corrected={"birth_day": f"{day:0>2}-{month:0>2}"})


def _accents(known: Known) -> Iterator[Candidate]:
    for way in range(2):
        fields = dict[str, str]()
        for field in _NAMES:
            found = near_names.accents(str(getattr(known.person, field)))
            fields |= {field: found[min(way, len(found) - 1)]} if found else {}
        if fields:
            yield Candidate(cause="near.accents", corrected=fields)


def _swapped(known: Known) -> Iterator[Candidate]:
    person = known.person
    if person.given_name and person.family_name:
        fields = {"given_name": person.family_name, "family_name": person.given_name}
        yield Candidate(cause="near.names_swapped", corrected=fields)
