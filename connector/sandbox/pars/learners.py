"""The people the rehearsal PARS knows, and how it tells whether a report means one of them. Knows no format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from connector.sandbox.pars.record import Identifier, Person

Fate = Literal["accepts", "rejects", "not found", "slow"]

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NPI = re.compile(r"\d{10}")


@dataclass(frozen=True)
class KnownLearner:
    """An invented learner; `birth` is MM-DD, `fate` what his or her board will say, `words` how it says no."""

    ref: str
    given: str
    family: str
    birth: str
    ids: Mapping[str, str] = field(default_factory=dict)
    fate: Fate = "accepts"
    words: str = ""


def folded(name: str) -> str:
    """Names compare without case, accents and doubled spaces."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return " ".join(bare.casefold().split())


def birth_day(birth: str) -> str | None:
    """MM-DD of a full date with a year, or None: ACCME compares month and day, the schemas want a whole date."""
    if not _FULL_DATE.fullmatch(birth):
        return None
    try:
        return date.fromisoformat(birth).strftime("%m-%d")
    except ValueError:
        return None


def is_npi(number: str) -> bool:
    """Ten digits whose Luhn sum, with the prefix 80840, ends in zero."""
    if not _NPI.fullmatch(number):
        return False
    doubled = {0: 0, 1: 2, 2: 4, 3: 6, 4: 8, 5: 1, 6: 3, 7: 5, 8: 7, 9: 9}
    digits = [int(digit) for digit in reversed("80840" + number)]
    return sum(doubled[d] if at % 2 else d for at, d in enumerate(digits)) % 10 == 0


class Known(list[KnownLearner]):
    """Everybody PARS can match; found by an identifier without looking at all of them. Only ever added to."""

    def __init__(self, learners: Iterable[KnownLearner]) -> None:
        super().__init__(learners)
        self._under: dict[tuple[str, str], list[int]] = {}
        self._indexed = 0

    def under(self, given: Identifier) -> list[KnownLearner]:
        for at in range(self._indexed, len(self)):
            for domain, value in self[at].ids.items():
                self._under.setdefault((domain, value.casefold()), []).append(at)
        self._indexed = len(self)
        return [self[at] for at in self._under.get((given.domain, given.value.strip().casefold()), [])]


def matching(learners: Known, person: Person, ids: tuple[Identifier, ...]) -> list[KnownLearner]:
    """Names, birth day and every identifier must agree. ABP also takes its own id with either names or birth day;
    without an identifier (ABS only) the diplomates of that board are searched by names and birth day."""
    return [one for one in (learners.under(ids[0]) if ids else learners) if _is_meant(one, person, ids)]


def _is_meant(one: KnownLearner, person: Person, ids: tuple[Identifier, ...]) -> bool:
    names = (folded(one.given), folded(one.family)) == (folded(person.given), folded(person.family))
    birth = one.birth == birth_day(person.birth or "")
    if not ids:
        return names and birth and "ABS" in one.ids
    same = all(_same(one.ids.get(given.domain), given.value) for given in ids)
    if any(given.domain == "ABP" for given in ids):
        return same and (names or birth)
    return same and names and birth


def _same(known: str | None, given: str) -> bool:
    return known is not None and known.casefold() == given.strip().casefold()
