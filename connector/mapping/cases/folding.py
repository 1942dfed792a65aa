"""Texts as they are compared when people are looked for: one spelling for all spellings of a name, with its places.

Knows no statement and no person.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(r"(?:%(?:25)*[0-9A-Fa-f]{2})+|&(?:#[xX]?[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});|.", re.DOTALL)
_BYTE: Final = re.compile(r"%(?:25)*([0-9A-Fa-f]{2})")
_UNMARKED: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_LEAST: Final = 4  # letters: Doe is not written do
Span = tuple[int, int]


def folded(text: str) -> tuple[str, list[Span]]:
    """The text without case, marks, escapes and signs that nobody sees; where each letter of it stands in `text`."""
    if text.isascii() and not ("%" in text or "&" in text):
        return text.lower(), [(place, place + 1) for place in range(len(text))]
    letters: list[str] = []
    spans: list[Span] = []
    for token in _TOKEN.finditer(text):
        plain = "".join(one for sign in _meant(token[0]) for one in _plain(sign))
        letters += plain
        spans += [token.span()] * len(plain)
        if not plain and spans:  # a mark belongs to the letter before it
            spans[-1] = spans[-1][0], token.end()
    return "".join(letters), spans


def spellings(word: str) -> set[str]:
    """The folded word as people write it with and without the signs of their own alphabet: Müller, Muller, Mueller."""
    plain = folded(word)[0]
    if any(map(str.isdigit, plain)):
        return {plain}
    long = folded(unicodedata.normalize("NFC", word).lower().translate(_UMLAUTS))[0]
    short = re.sub("([aou])e", r"\1", plain).replace("aa", "a")
    return {one for one in (plain, long, short if len(short) >= _LEAST else "") if one}


def _meant(token: str) -> str:
    if token.startswith("%") and len(token) > 1:
        octets = bytes(int(one, 16) for one in _BYTE.findall(token))
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return octets.decode("latin-1")
    return html.unescape(token) if len(token) > 1 else token


def _plain(sign: str) -> Iterator[str]:
    if sign.isascii():
        yield sign.lower()
        return
    for one in unicodedata.normalize("NFKD", sign):
        if unicodedata.category(one)[0] != "M" and unicodedata.category(one) != "Cf":
            yield from one.casefold().translate(_UNMARKED)
