"""Names as sheets write them: divided, and made comparable. Pure; never repeats a value."""

from __future__ import annotations

import unicodedata
from typing import Final

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u2010": "-", "\u2011": "-"})
SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv"})
DEGREES: Final = frozenset({
    "md", "do", "mbbs", "mbchb", "phd", "dnp", "dpm", "dds", "dmd", "pharmd", "psyd", "dvm", "mph", "mha",
    "mba", "msc", "ms", "msn", "bsn", "rn", "np", "fnp", "pa", "pac", "crna", "lcsw", "facp", "facs", "facc",
    "faap", "faafp", "facog", "facep", "fccp",
})  # fmt: skip


def plain(name: str) -> str:
    """A name for comparison: case, curly apostrophes and spaces do not count, everything else does.

    >>> plain(" O\u2019Brien ") == plain("o'brien"), plain("Nun\u0303ez") == plain("Nuñez")
    (True, True)
    """
    text = unicodedata.normalize("NFKC", name.translate(_PLAIN))
    return " ".join(text.casefold().split())


def family(name: str) -> str:
    """A family name for comparison, without Jr. or III behind it.

    >>> family("Quixley, Jr."), family("Do"), family("Van Quixley III")
    ('quixley', 'do', 'van quixley')
    """
    words = plain(name).replace(",", " ").split()
    while len(words) > 1 and _mark(words[-1]) in SUFFIXES:
        words.pop()
    return " ".join(words)


def first_word(name: str) -> str:
    """The first of the given names, for comparison."""
    return next(iter(plain(name).split()), "")


def divide(name: str) -> tuple[str, str]:
    """Given and family name of `Family, Given` or `Given Family`; suffixes and degrees are left out.

    >>> divide("Quixley Jr., Zanna M."), divide("Zanna Quixley, Jr., MD"), divide("Zanna Quixley DO")
    (('Zanna M.', 'Quixley'), ('Zanna', 'Quixley'), ('Zanna', 'Quixley'))
    >>> divide("Mai, Do"), divide("Thi Mai Do"), divide("Quixley")
    (('Do', 'Mai'), ('Thi Mai', 'Do'), ('', 'Quixley'))
    """
    parts = [part.split() for part in name.split(",") if part.split()]
    while len(parts) > 1 and all(_is_title(word) for word in parts[-1]) and sum(map(len, parts[:-1])) > 1:
        parts.pop()
    parts = [_untitled(words, least=2 if len(parts) == 1 else 1) for words in parts]
    if len(parts) > 1:
        return " ".join(word for words in parts[1:] for word in words), " ".join(parts[0])
    words = parts[0] if parts else []
    return " ".join(words[:-1]), " ".join(words[-1:])


def _untitled(words: list[str], *, least: int) -> list[str]:
    """Do is a family name and DO a degree: only what is written in capitals is one, where no comma parts it."""
    while len(words) > least and (_mark(words[-1]) in SUFFIXES or (_is_title(words[-1]) and words[-1].isupper())):
        words = words[:-1]
    return words


def _is_title(word: str) -> bool:
    return _mark(word) in SUFFIXES | DEGREES


def _mark(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
