"""Plants ten thousand invented learners: who they are, what PARS knows, what the directory and the LMS say.

Written from `what_people_do.yaml` alone. Imports nothing of the program that is to find the faults again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

LMS = "https://lms.example.org"
CME_COURSE, MOC_COURSE = 57, 58
KINDS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "what_people_do.yaml").read_text("utf-8"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Amara Björn Chloé Dmitri Esra Femi Guðrún Hamid Inés Jürgen Kaito Lwazi Mirela Nuno Oksana Pilar "
    "Quincy Rasheed Svetlana Tomasz Ulla Viktor Wanjiru Ximena Yusuf Zoran Adaeze Basil Corinne Dagny "
    "Eamon Fleur Gideon Halima Ilse"
)
_FULL = {
    "Robert": "Bob", "William": "Bill", "Elizabeth": "Liz", "Katherine": "Kate", "Michael": "Mike", "James": "Jim",
    "Richard": "Rick", "Margaret": "Peggy", "Thomas": "Tom", "Jennifer": "Jen", "Christopher": "Chris", "Daniel": "Dan",
}  # fmt: skip
_FAMILY = _words(
    "Abara Belcourt Çelik Dunmore Eze Farkas Gößl Hallström Ibekwe Jankowski Kvist Lindqvist Moreau "
    "Núñez Okafor Petrosyan Quixley Rasmussen Sukma Tanaka Ueland Vantongeren Wójcik Xylander Yilmaz "
    "Zeidler Achterberg Brânză Castellanos Drozd Engström Fairweather Grigoryan Haverkamp Iglesias "
    "Jovanović"
)
_MIDDLE = ["Mae", "Lee", "Ann", "Kofi", "Paz", "Noor", "Jude"]
_STATES = ("CA", "NY", "TX", "ME", "NC", "OR", "WA", "MD")


@dataclass(frozen=True)
class Person:
    """The truth about somebody: what PARS holds."""

    number: int
    given: str
    family: str
    birth: str  # MM-DD
    npi: str
    state: str
    licence: str
    board_id: str = ""

    @property
    def ids(self) -> dict[str, str]:
        known = {"NPI": self.npi, self.state: self.licence}
        return {name: value for name, value in (*known.items(), ("ABIM", self.board_id)) if value}


@dataclass(frozen=True)
class Planted:
    """One person, what the directory says of him or her, and what a person who knew would correct."""

    kind: str
    truth: Person
    row: dict[str, str] | None  # of the directory; None: it has none
    actor: dict[str, Any]
    mend: dict[str, str] = field(default_factory=dict)  # column of the directory -> the right value
    moc: bool = False

    @property
    def ref(self) -> str:
        return f"person-{self.truth.number}"


def plant(count: int, seed: int = 5) -> list[Planted]:
    """That many people, in an order that tells nothing; the same for the same seed."""
    chance = random.Random(seed)
    kinds = list(_kinds(count))
    chance.shuffle(kinds)
    people = [_person(number, chance) for number in range(count)]
    colleagues = [person.npi for person in people]
    planted = [_plant(kind, person, colleagues, chance) for kind, person in zip(kinds, people, strict=True)]
    return _paired(planted)


def _kinds(count: int) -> Iterator[str]:
    made = 0
    for kind, facts in KINDS.items():
        share = max(1, round(facts["in_ten_thousand"] * count / 10_000))
        share += share % 2 if kind.startswith("mailbox") else 0  # two to a mailbox
        made += share
        yield from [kind] * share
    yield from ["all_right"] * (count - made)


def _person(number: int, chance: random.Random) -> Person:
    month = chance.randint(1, 12)
    day = chance.randint(1, 28)
    return Person(
        number=number,
        given=chance.choice(_GIVEN),
        family=chance.choice(_FAMILY),
        birth=f"{month:02d}-{day:02d}",
        npi=_npi(100_000 + number * 7),
        state=chance.choice(_STATES),
        licence=f"{chance.choice('ABDGHKP')}{20_000 + number}",
    )


def _npi(body: int) -> str:
    digits = f"1{body:08d}"
    return digits + _check_digit(digits)


def _check_digit(digits: str) -> str:
    """ISO/IEC 7812 with the prefix of US health numbers."""
    total = 0
    for place, digit in enumerate(reversed("80840" + digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str((10 - total % 10) % 10)


def _is_npi(number: str) -> bool:
    return _check_digit(number[:-1]) == number[-1]


def _plant(kind: str, person: Person, colleagues: list[str], chance: random.Random) -> Planted:
    make: Callable[..., tuple[Person, dict[str, str], str]] = _FAULTS.get(kind, _as_it_is)
    truth, changed, name = make(person, chance)
    if kind == "npi_of_colleague":
        changed = {"npi": chance.choice([one for one in colleagues if one != truth.npi])}
    row = _row(truth) | changed
    mend = {column: _right(truth, column) for column in KINDS.get(kind, {}).get("mend", [])}
    home = {"account": {"homePage": LMS, "name": str(1000 + truth.number)}}
    by_mail = kind.startswith("mailbox") or chance.random() < 0.3
    actor = {"mbox": f"mailto:{row['email']}"} if by_mail else home
    if kind == "not_in_directory":
        return Planted(kind, truth, None, {"name": name, **home}, mend)
    return Planted(kind, truth, row, {"name": name, **actor}, mend, moc=kind == "board_id_in_licence")


def _row(truth: Person) -> dict[str, str]:
    return {
        "email": f"p{truth.number}@example.org", "home_page": LMS, "account": str(1000 + truth.number),
        "given_name": truth.given, "family_name": truth.family, "birth_day": truth.birth.replace("-", "/"),
        "npi": truth.npi, "state": truth.state, "licence": truth.licence, "board": "ABIM" if truth.board_id else "",
        "board_id": truth.board_id, "profession": "MD", "consent": "yes",
    }  # fmt: skip


def _right(truth: Person, column: str) -> str:
    named = {"given_name": truth.given, "family_name": truth.family, "birth_day": truth.birth}
    return {**named, "npi": truth.npi, "licence": truth.licence, "board_id": truth.board_id}[column]


def _paired(planted: list[Planted]) -> list[Planted]:
    """Two to a mailbox: both rows have it, or the directory knows only the first of them."""
    for kind in ("mailbox_of_two", "mailbox_borrowed"):
        places = [at for at, one in enumerate(planted) if one.kind == kind]
        for first, second in zip(places[::2], places[1::2], strict=True):
            owner, guest = planted[first], planted[second]
            assert owner.row is not None
            assert guest.row is not None
            actor = guest.actor | {"mbox": owner.actor["mbox"]}
            if kind == "mailbox_of_two":
                planted[second] = replace(guest, actor=actor, row=guest.row | {"email": owner.row["email"]})
            else:
                planted[first] = replace(owner, kind="all_right")
                planted[second] = replace(guest, actor=actor, row=None)
    return planted


Made = tuple[Person, dict[str, str], str]
"""The truth, the columns of the directory that differ from it, and the name that the LMS has."""


def _whole(person: Person) -> str:
    return f"{person.given} {person.family}"


def _as_it_is(person: Person, _: random.Random) -> Made:
    return person, {}, _whole(person)


def _birth_swapped(person: Person, chance: random.Random) -> Made:
    month, day = chance.sample(range(1, 13), 2)
    return replace(person, birth=f"{month:02d}-{day:02d}"), {"birth_day": f"{day:02d}/{month:02d}"}, _whole(person)


def _double(person: Person, chance: random.Random) -> Person:
    return replace(person, family=f"{person.family}-{chance.choice([one for one in _FAMILY if one != person.family])}")


def _hyphen_lost(person: Person, chance: random.Random) -> Made:
    truth = _double(person, chance)
    return truth, {"family_name": truth.family.replace("-", " ")}, _whole(truth)


def _half(person: Person, chance: random.Random) -> Made:
    truth = _double(person, chance)
    return truth, {"family_name": chance.choice(truth.family.split("-"))}, _whole(truth)


def _married(person: Person, chance: random.Random) -> Made:
    return person, {"family_name": chance.choice([one for one in _FAMILY if one != person.family])}, _whole(person)


def _married_everywhere(person: Person, chance: random.Random) -> Made:
    new = chance.choice([one for one in _FAMILY if one != person.family])
    return person, {"family_name": new}, f"{person.given} {new}"


def _nickname(person: Person, chance: random.Random) -> Made:
    truth = replace(person, given=chance.choice(sorted(_FULL)))
    return truth, {"given_name": _FULL[truth.given]}, f"{_FULL[truth.given]} {truth.family}"


def _middle(person: Person, chance: random.Random) -> Made:
    given = f"{person.given} {chance.choice(_MIDDLE)}"
    return person, {"given_name": given}, f"{given} {person.family}"


def _swapped(person: Person, _: random.Random) -> Made:
    return person, {"given_name": person.family, "family_name": person.given}, _whole(person)


def _curled(person: Person, _: random.Random) -> Made:
    truth = replace(person, family=f"O'{person.family}")
    curled = truth.family.replace("'", "\u2019")
    return truth, {"family_name": curled}, f"{truth.given} {curled}"


def _suffix(person: Person, _: random.Random) -> Made:
    return person, {"family_name": f"{person.family} Jr."}, _whole(person)


def _misspelt(name: str, chance: random.Random) -> str:
    at = chance.randrange(2, len(name))
    return name[:at] + chance.choice([letter for letter in "bdkmptv" if letter != name[at]]) + name[at + 1 :]


def _typo(person: Person, chance: random.Random) -> Made:
    return person, {"family_name": _misspelt(person.family, chance)}, _whole(person)


def _typo_everywhere(person: Person, chance: random.Random) -> Made:
    wrong = _misspelt(person.family, chance)
    return person, {"family_name": wrong}, f"{person.given} {wrong}"


def _off_by_one(person: Person, _: random.Random) -> Made:
    month, day = person.birth.split("-")
    truth = replace(person, birth=f"{month}-{max(14, int(day)):02d}")  # not also a month and a day swapped
    return truth, {"birth_day": f"{month}/{int(truth.birth[3:]) + 1:02d}"}, _whole(person)


def _npi_transposed(person: Person, chance: random.Random) -> Made:
    digits = list(person.npi)
    places = [at for at in range(1, 9) if digits[at] != digits[at + 1] and {digits[at], digits[at + 1]} != {"0", "9"}]
    at = chance.choice(places)
    digits[at], digits[at + 1] = digits[at + 1], digits[at]
    wrong = "".join(digits)
    assert not _is_npi(wrong)
    return person, {"npi": wrong, "state": "", "licence": ""}, _whole(person)


def _npi_digit(person: Person, chance: random.Random) -> Made:
    at = chance.randrange(1, 10)
    other = chance.choice([digit for digit in "0123456789" if digit != person.npi[at]])
    return person, {"npi": person.npi[:at] + other + person.npi[at + 1 :], "state": "", "licence": ""}, _whole(person)


def _npi_of_nobody(person: Person, chance: random.Random) -> Made:
    return person, {"npi": _npi(90_000_000 + person.number * 3 + chance.randrange(3))}, _whole(person)


def _npi_in_licence(person: Person, _: random.Random) -> Made:
    return person, {"npi": "", "licence": person.npi}, _whole(person)


def _licence_alone(person: Person, licence: str) -> Person:
    """PARS would take the NPI as well: the directory has none."""
    return replace(person, licence=licence)


def _prefix_lost(person: Person, _: random.Random) -> Made:
    truth = _licence_alone(person, f"MD{30_000 + person.number}")
    return truth, {"npi": "", "licence": truth.licence[2:]}, _whole(person)


def _prefix_added(person: Person, _: random.Random) -> Made:
    truth = _licence_alone(person, f"{30_000 + person.number}")
    return truth, {"npi": "", "licence": truth.state + truth.licence}, _whole(person)


def _zeros_eaten(person: Person, chance: random.Random) -> Made:
    truth = _licence_alone(person, f"{20_000 + person.number:0{chance.choice((6, 7, 8))}d}")
    return truth, {"npi": "", "licence": truth.licence.lstrip("0")}, _whole(person)


def _letter_o(person: Person, _: random.Random) -> Made:
    truth = _licence_alone(person, f"G1{person.number:05d}0")
    return truth, {"npi": "", "licence": truth.licence[:-1] + "O"}, _whole(person)


def _board_id_in_licence(person: Person, _: random.Random) -> Made:
    truth = replace(person, board_id=f"{400_000 + person.number}")
    return truth, {"licence": truth.board_id, "board": "", "board_id": ""}, _whole(person)


_FAULTS: dict[str, Callable[[Person, random.Random], Made]] = {
    "birth_swapped": _birth_swapped,
    "surname_hyphen_lost": _hyphen_lost,
    "surname_half": _half,
    "surname_married": _married,
    "surname_married_everywhere": _married_everywhere,
    "nickname": _nickname,
    "middle_name": _middle,
    "names_swapped": _swapped,
    "apostrophe_curled": _curled,
    "suffix": _suffix,
    "surname_typo": _typo,
    "surname_typo_everywhere": _typo_everywhere,
    "birth_off_by_one": _off_by_one,
    "birth_missing": lambda person, _: (person, {"birth_day": ""}, _whole(person)),
    "npi_transposed": _npi_transposed,
    "npi_digit": _npi_digit,
    "npi_of_nobody": _npi_of_nobody,
    "npi_in_licence": _npi_in_licence,
    "licence_prefix_lost": _prefix_lost,
    "licence_prefix_added": _prefix_added,
    "licence_zeros_eaten": _zeros_eaten,
    "licence_letter_o": _letter_o,
    "board_id_in_licence": _board_id_in_licence,
    "no_permission": lambda person, _: (person, {"consent": "no"}, _whole(person)),
    "nurse": lambda person, _: (person, {"profession": "NP"}, _whole(person)),
}
