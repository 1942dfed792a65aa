"""Puts invented words in the place of those that belong to people, the same everywhere. Knows no rule and no store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from connector.mapping.cases.folding import folded, spellings
from connector.mapping.cases.people import ids, people, words

INVENTED_UUID: Final = "00000000-0000-4000-8000-000000000001"
LARGE: Final = 1_000_000  # no licence number is smaller, and hardly a score larger
_SIGN: Final = r"[\w.+'!$*^~-]"
_MAIL: Final = re.compile(rf"(?<!{_SIGN}){_SIGN}+@[\w-]+(?:\.[\w-]+)*")
_PIECE: Final = re.compile(r"[^\W_]+")
_SHORT: Final = 6  # letters: a shorter word is looked for as a whole only, so that "ann" does not stop "planning"
_BETWEEN: Final = 5  # signs between two pieces of a word at most


class _Word(NamedTuple):
    """A word without its signs: in a text there may be others between its pieces, or none."""

    letters: str
    gaps: int
    is_whole: bool
    instead: str

    @classmethod
    def of(cls, spelling: str, instead: str) -> _Word:
        pieces = _PIECE.findall(spelling)
        letters = "".join(pieces)
        is_short = len(letters) < _SHORT or any(len(piece) == 1 for piece in pieces)
        return cls(letters, (len(pieces) - 1) * _BETWEEN, is_short and letters.isascii(), instead)

    def places(self, letters: str, at: list[int]) -> Iterator[tuple[int, int]]:
        """Where it begins and ends in a text that has these letters at these places."""
        start = letters.find(self.letters)
        while start >= 0:
            after = start + len(self.letters)
            is_whole = (start == 0 or at[start] - at[start - 1] > 1) and (
                after == len(at) or at[after] - at[after - 1] > 1
            )
            first, last = at[start], at[after - 1]
            if last - first < len(self.letters) + self.gaps and (is_whole or not self.is_whole):
                yield first, last + 1
            start = letters.find(self.letters, start + 1)


class Mask:
    """Replaces texts of people; the actor is the first of them, whatever else names him."""

    def __init__(self, document: dict[str, Any], spoken: Iterable[str], prefixes: Iterable[str]) -> None:
        """`spoken` texts stand in the rules' own files, and so do the `prefixes` of others: they stay as they are."""
        self._spoken = frozenset(spoken)
        self._prefixes = sorted(prefixes, key=len, reverse=True)
        self._whole: dict[str, str] = {}
        self._outlined: dict[str, str] = {}
        for number, person in enumerate(people(document), 1):
            for word in words(person):
                for spelling in spellings(word):
                    self._whole.setdefault(spelling, _instead(word, number))
        for word in ids(document):
            self._whole |= dict.fromkeys(spellings(word), INVENTED_UUID)
        known = (_Word.of(spelling, instead) for spelling, instead in self._whole.items())
        self._words = sorted((word for word in known if word.letters), key=lambda word: -len(word.letters))
        self._mailboxes = {spelling: instead for spelling, instead in self._whole.items() if "@" in spelling}
        self._strangers = 0

    def text(self, value: str) -> str:
        """The text without a word of anybody's; mailboxes go whosever they are."""
        if value in self._spoken:
            return value
        kept, rest = self._split(value)
        looked, spans = folded(rest)
        end = 0
        for first, after, instead in sorted(self._found(looked)):
            start = spans[first][0]
            if start >= end:  # else both stand in one run of escapes, which is gone already
                kept += rest[end:start] + instead
            end = max(end, spans[after - 1][1])
        return kept + rest[end:]

    def _split(self, value: str) -> tuple[str, str]:
        spoken = next((prefix for prefix in self._prefixes if value.startswith(prefix)), "")
        return spoken, value[len(spoken) :]

    def _found(self, looked: str) -> list[tuple[int, int, str]]:
        """What begins and ends where, and what stands there instead: mailboxes first, then the longest words."""
        found = [(one.start(), one.end(), self._mailbox(one[0])) for one in _MAIL.finditer(looked)]
        at = [place for place, sign in enumerate(looked) if sign.isalnum()]
        letters = "".join(looked[place] for place in at)
        for word in self._words:
            if word.letters in letters:
                for first, after in word.places(letters, at):
                    if all(after <= start or end <= first for start, end, _ in found):
                        found.append((first, after, word.instead))
        return found

    def _mailbox(self, found: str) -> str:
        if found not in self._mailboxes:
            self._strangers += 1
            self._mailboxes[found] = f"person-{self._strangers}@example.org"
        return self._mailboxes[found]

    def value(self, found: Any) -> Any:
        """A text masked, a number that is somebody's made a text, and of a block or list that it is there."""
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, int) and not isinstance(found, bool) and str(found) in self._whole:
            return self._whole[str(found)]
        return {} if isinstance(found, dict) else [] if isinstance(found, list) else found

    def outline(self, found: Any) -> Any:
        """The same with a text or large number invented as far as no rule's file says it; different texts stay so."""
        if isinstance(found, int | float) and abs(found) >= LARGE and str(found) not in self._spoken:
            return 1
        if not isinstance(found, str) or not found or found in self._spoken:
            return self.value(found)
        spoken, rest = self._split(found)
        if not rest:
            return found
        number = len(self._outlined) + 1
        stem = "invented-" if spoken else "https://lms.example.org/invented/" if ":" in rest else "invented "
        return spoken + self._outlined.setdefault(found, f"{stem}{number}")


def _instead(word: str, number: int) -> str:
    return f"learner-{number}@example.org" if "@" in word else f"learner-{number}"
