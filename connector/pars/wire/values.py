"""What the entries of the wire tables are made of: guesses, names, calls, lists of words. Knows no entry."""

from __future__ import annotations

from calendar import isleap
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, StringConstraints

from connector.records import Frozen

MARK: Final = "unverified"
T = TypeVar("T")
Guess = Annotated[T, MARK]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.-]*$")]
Header = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$", max_length=100)]
Title = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\[\]:*?/\\]{1,31}$")]
"""What Excel takes as the name of a sheet."""
Url = Annotated[str, StringConstraints(pattern=r"^(https?://\S+)?$")]
Call = Annotated[str, StringConstraints(pattern=r"^(GET|POST|PUT) /\S*$")]
"""Method and path, as `POST /SaveLearnerActivity`. DELETE is not among them: the draft's deletes a whole learner."""


def plain(word: str) -> str:
    return " ".join(word.split()).casefold()


def lookup(lists: Frozen, wanted: str | int) -> str | None:
    """The name of the list that holds `wanted`, words in any case and spacing."""
    key = plain(str(wanted))
    return next((name for name, values in lists if any(plain(str(value)) == key for value in values)), None)


L = TypeVar("L", bound=Frozen)


def _each_once(lists: L) -> L:
    seen = [plain(str(value)) for _, values in lists for value in values]
    if twice := {value for value in seen if seen.count(value) > 1}:
        raise ValueError(f"stands in two lists: {', '.join(sorted(twice))}")
    return lists


def _leap(year: int) -> int:
    if not (isleap(year) and 1000 <= year <= 9999):
        raise ValueError("write a leap year: in any other, 29 February cannot be sent")
    return year


Lists = Annotated[L, AfterValidator(_each_once)]
FillerYear = Annotated[int, AfterValidator(_leap)]
Words = tuple[str, ...]
Numbers = tuple[int, ...]
