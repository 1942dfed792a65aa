"""The invented people: the cast with their stories, and test learners of every board and state. Knows no statement."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.sandbox.pars import vocabulary
from connector.sandbox.pars.learners import Fate, KnownLearner

LMS = "https://lms.example.org"
OLD_LMS = "https://old-lms.example.org"
EDX = "https://edx.example.org"

_COLUMNS = (
    "username", "email", "account", "home_page", "given_name", "family_name", "birth_day", "npi", "state", "licence",
    "board", "board_id", "profession", "consent", "consent_at", "rems_practice_area",
)  # fmt: skip
_GIVEN = (
    "Amara",
    "Björn",
    "Chloé",
    "Dmitri",
    "Esra",
    "Femi",
    "Guðrún",
    "Hamid",
    "Inés",
    "Jürgen",
    "Kaito",
    "Lwazi",
    "FNU",
)
_FAMILY = (
    "Abara",
    "Bell-Ortiz",
    "Çelik",
    "D'Souza",
    "Eze",
    "Fuentes Ruiz",
    "Gößl",
    "Hallström",
    "李",
    "Núñez",
    "O'Brien",
    "Sukma",
)


@dataclass(frozen=True)
class Person:
    """One of the cast, as the provider's list has him or her; `pars_*` is what PARS holds where that differs."""

    username: str
    account: str
    given: str
    family: str
    birth: str
    profession: str = "MD"
    number: int = 0
    states: tuple[tuple[str, str], ...] = ()
    boards: tuple[tuple[str, str], ...] = ()
    home_page: str = LMS
    consent: bool = True
    practice_area: str = ""
    pars_birth: str = ""
    fate: Fate = "accepts"
    words: str = ""
    story: str = field(default="", compare=False)

    @property
    def email(self) -> str:
        return f"{self.username}@example.org"

    @property
    def npi(self) -> str:
        return npi(self.number)


def npi(number: int) -> str:
    """The invented NPI of that number, with its check digit."""
    body = f"1{number:08d}"
    doubled = (int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed("80840" + body)))
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return body + str(-total % 10)


CAST = (
    Person("aoneill", "3", "Ana", "O'Neill-García", "02-29", number=101, states=(("ME", "10441"),), story="confirmed"),
    Person("jbrown", "4", "Joy", "Brown", "07-04", "DO", 102, states=(("CA", "20A1187"),), story="duplicate linked"),
    Person("elind", "5", "Erik", "Lindqvist", "12-04", number=103, pars_birth="04-12", story="not matched"),
    Person("hsato", "6", "Hana", "Sato", "11-30", number=104, consent=False, story="no consent"),
    Person("ipetrov", "7", "Ivan", "Petrov", "01-17", number=105, story="ignored by rule: a failed quiz"),
    Person("bachebe", "8", "Ben", "Achebe", "03-21", number=106, boards=(("ABIM", "410106"),), story="confirmed, MOC"),
    Person(
        "cricci", "9", "Carla", "Ricci", "08-08", number=107, boards=(("ABIM", "410107"),), fate="slow",
        story="waiting for the board",
    ),
    Person(
        "dpatel", "10", "Dev", "Patel", "05-05", number=108, boards=(("ABIM", "410108"),), fate="rejects",
        words="the diplomate is not enrolled in continuing certification", story="rejected by the board",
    ),
    Person("fhaddad", "11", "Fatima", "Haddad", "06-16", "NP", 109, story="not eligible: nurse practitioner and MOC"),
    Person("gmoreau", "12", "George", "Moreau", "10-02", "PA", 110, story="not eligible: physician assistant and MOC"),
    Person("kmensah", "13", "Kofi", "Mensah", "04-23", number=111, states=(("MD", "D0090111"),), story="voided"),
    Person(
        "lvogel", "14", "Lena", "Vogel", "12-12", number=112, states=(("NC", "2011-00112"), ("VA", "0101-112")),
        practice_area="Pain", story="Opioid REMS",
    ),
    Person("wli", "15", "Wei", "李", "09-09", number=113, states=(("NY", "NY-300113"),), story="confirmed, Rise"),
    Person("suharti", "16", "FNU", "Suharti", "01-01", "DO", 114, story="confirmed, H5P; a one-word name"),
    Person(
        "nkowalska", "17", "Nina", "Kowalska", "02-02", number=115, boards=(("ABA", "410115"), ("ABP", "510115")),
        story="confirmed, GrassBlade; at home with the boards that take one credit a date",
    ),
    Person("oadeyemi", "18", "Olu", "Adeyemi", "03-03", number=116, story="refused by PARS: closed there"),
    Person("pjansen", "7", "Paul", "Jansen", "10-31", number=117, home_page=OLD_LMS, story="confirmed, Moodle 4.7"),
    Person(
        "mreyes", "5b1f7d0e-6c1a-4a51-9f7e-0b6a2f6f3c18", "Mateo", "Reyes", "06-30", number=118, home_page=EDX,
        story="confirmed, Open edX",
    ),
)  # fmt: skip


def learners_csv(consent_at: str) -> str:
    """The provider's own list; several states or boards of one person stand in parallel columns, split by `;`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in CAST:
        states, boards = _parallel(one.states), _parallel(one.boards)
        names = (
            one.username,
            one.email,
            one.account,
            one.home_page,
            one.given,
            one.family,
            one.birth.replace("-", "/"),
        )
        consent = ("yes", consent_at) if one.consent else ("no", "")
        writer.writerow((*names, one.npi, *states, *boards, one.profession, *consent, one.practice_area))
    return out.getvalue()


def _parallel(pairs: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    return ";".join(left for left, _ in pairs), ";".join(right for _, right in pairs)


def known_learners() -> tuple[KnownLearner, ...]:
    """Whom PARS can match: the cast, three test learners a board, one a state, and two that nobody can tell apart."""
    return (*_cast(), *_of_boards(), *_of_states(), *_twins())


def _cast() -> Iterator[KnownLearner]:
    for one in CAST:
        ids = {"NPI": one.npi, **dict(one.states), **dict(one.boards)}
        yield KnownLearner(one.username, one.given, one.family, one.pars_birth or one.birth, ids, one.fate, one.words)


def _of_boards() -> Iterator[KnownLearner]:
    fates: tuple[tuple[Fate, str], ...] = (
        ("accepts", ""),
        ("rejects", "not a diplomate in good standing"),
        ("slow", ""),
    )
    for row, board in enumerate(vocabulary.BOARDS):
        for column, (fate, words) in enumerate(fates):
            number = row * 3 + column
            ids = {"NPI": npi(2000 + number), board: f"{600000 + number}"}
            yield _invented(f"{board}-{column + 1}", number, ids, fate, words)


def _of_states() -> Iterator[KnownLearner]:
    for number, state in enumerate(vocabulary.STATES):
        ids = {"NPI": npi(3000 + number), state: f"{state}{70000 + number}"}
        yield _invented(f"state-{state}", 40 + number, ids)


def _twins() -> Iterator[KnownLearner]:
    """ABS does without its id, so that these two cannot be told apart by names and birth day."""
    for number in (1, 2):
        yield KnownLearner(
            f"twin-{number}", "Robin", "Ashworth", "05-17", {"ABS": f"69900{number}", "NPI": npi(4000 + number)}
        )


def _invented(ref: str, number: int, ids: dict[str, str], fate: Fate = "accepts", words: str = "") -> KnownLearner:
    given, family = _GIVEN[number % len(_GIVEN)], _FAMILY[number % len(_FAMILY)]
    return KnownLearner(ref, given, family, f"{number % 12 + 1:02d}-{number % 28 + 1:02d}", ids, fate, words)
