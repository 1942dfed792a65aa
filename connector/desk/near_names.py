"""Other spellings under which the same name is kept: what people do to names, and nothing else. Pure text in, text out.

Every function returns the likeliest first and never the name itself; capitals stay as they were written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from connector.pars.names import divide, first_word, plain

_PARTICLES: Final = frozenset({
    "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el", "la", "le", "los",
    "mac", "mc", "ten", "ter", "van", "von", "y", "zu",
})  # fmt: skip
_APOSTROPHES: Final = "'\u2019\u2018\u02bc`\u00b4"
_LETTERS: Final = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ø": "oe", "Ø": "Oe", "å": "aa",
    "Å": "Aa", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe",
})  # fmt: skip
_BARE: Final = str.maketrans({
    "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L",
    "\u0131": "i", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
})  # fmt: skip
_TITLES: Final = frozenset({"dr", "prof", "mr", "mrs", "ms", "professor", "doctor"})
_CALLED: Final = (
    ("Alexander", "Alex"), ("Alexandra", "Alex"), ("Andrew", "Andy", "Drew"), ("Anthony", "Tony"),
    ("Benjamin", "Ben"), ("Catherine", "Cathy", "Kate"), ("Katherine", "Kathy", "Kate", "Katie"),
    ("Charles", "Charlie", "Chuck"), ("Christina", "Tina", "Chris"), ("Christine", "Chris"),
    ("Christopher", "Chris"), ("Cynthia", "Cindy"), ("Daniel", "Dan", "Danny"), ("David", "Dave"),
    ("Deborah", "Debbie", "Deb"), ("Donald", "Don"), ("Edward", "Ed", "Ted"), ("Elizabeth", "Liz", "Beth", "Betty"),
    ("Francis", "Frank"), ("Frederick", "Fred"), ("Gerald", "Jerry"), ("Gregory", "Greg"), ("Henry", "Hank"),
    ("Jacob", "Jake"), ("James", "Jim", "Jimmy", "Jamie"), ("Jeffrey", "Jeff"), ("Jennifer", "Jen", "Jenny"),
    ("John", "Jack"), ("Jonathan", "Jon"), ("Joseph", "Joe"), ("Joshua", "Josh"), ("Kenneth", "Ken"),
    ("Lawrence", "Larry"), ("Leonard", "Len"), ("Margaret", "Maggie", "Peggy", "Meg"), ("Matthew", "Matt"),
    ("Michael", "Mike"), ("Nathaniel", "Nate"), ("Nicholas", "Nick"), ("Pamela", "Pam"), ("Patricia", "Pat", "Patty"),
    ("Patrick", "Pat"), ("Peter", "Pete"), ("Philip", "Phil"), ("Raymond", "Ray"), ("Rebecca", "Becky"),
    ("Richard", "Rick", "Dick"), ("Robert", "Bob", "Rob", "Bobby"), ("Ronald", "Ron"), ("Samantha", "Sam"),
    ("Samuel", "Sam"), ("Stephanie", "Steph"), ("Stephen", "Steve"), ("Steven", "Steve"), ("Susan", "Sue"),
    ("Theodore", "Ted", "Theo"), ("Thomas", "Tom"), ("Timothy", "Tim"), ("Victoria", "Vicky"), ("Vincent", "Vince"),
    ("Virginia", "Ginny"), ("Walter", "Walt"), ("William", "Bill", "Will", "Billy"), ("Zachary", "Zach"),
)  # fmt: skip


def double(family: str) -> list[str]:
    """Of two family names: written apart or with a hyphen, one of them alone, or in one word.

    >>> double("Bell-Ortiz"), double("Fuentes Ruiz"), double("de la Cruz")
    (['Bell Ortiz', 'Bell', 'Ortiz', 'BellOrtiz'], ['Fuentes-Ruiz', 'Fuentes', 'Ruiz', 'FuentesRuiz'], ['delaCruz'])
    """
    parts = _family_names(family)
    if len(parts) < 2:
        return others(family, [family.replace(" ", "")])
    whole = ["-".join(parts), " ".join(parts)]
    return others(family, [*whole, parts[0], parts[-1], "".join(parts).replace(" ", "")])


def _family_names(family: str) -> list[str]:
    """`de`, `van` and their like belong to what follows."""
    found, waiting = list[str](), list[str]()
    for word in re.split(r"[\s\-\u2010\u2011]+", family.strip()):
        waiting.append(word)
        if word.casefold().strip(".") not in _PARTICLES:
            found.append(" ".join(waiting))
            waiting = []
    return [*found, " ".join(waiting)] if waiting else found


def untitled(name: str) -> list[str]:
    """Without Jr., MD, or Dr. in front.

    >>> untitled("Quixley Jr."), untitled("Dr. Zanna"), untitled("Do")
    (['Quixley'], ['Zanna'], [])
    """
    words = name.split()
    while len(words) > 1 and words[0].casefold().strip(".") in _TITLES:
        words = words[1:]
    return others(name, [divide(f"{' '.join(words)}, x")[1]])


def apostrophes(name: str) -> list[str]:
    """The plain sign, none, or one where it was left out.

    >>> apostrophes("O\u2019Brien"), apostrophes("OBrien"), apostrophes("O Brien")
    (["O'Brien", 'OBrien', 'O Brien'], ["O'Brien"], ["O'Brien", 'OBrien'])
    """
    sign = f"[{_APOSTROPHES}]"
    if re.search(sign, name):
        return others(name, [re.sub(sign, one, name) for one in ("'", "", " ")])
    if found := re.fullmatch(r"([ODd]) ?([A-Z].*)", name):
        front, rest = found.groups()
        return others(name, [f"{front}'{rest}", *([front + rest] if " " in name else [])])
    return []


def accents(name: str) -> list[str]:
    """Without them, and as German, Danish or Swedish names are written without.

    >>> accents("Núñez"), accents("Gößl"), accents("Lee")
    (['Nunez'], ['Gossl', 'Goessl'], [])
    """
    return others(name, [_bare(name), _bare(name.translate(_LETTERS))])


def _bare(name: str) -> str:
    marks = unicodedata.normalize("NFKD", name.translate(_BARE))
    return unicodedata.normalize("NFC", "".join(mark for mark in marks if not unicodedata.combining(mark)))


def one_given(given: str) -> list[str]:
    """Of several given names the first, then the second; an initial goes, or nothing is left of the name.

    >>> one_given("Ana M."), one_given("J. Robert"), one_given("Mary Ann"), one_given("Jean-Luc"), one_given("Ana")
    (['Ana'], ['Robert'], ['Mary', 'Ann'], ['Jean Luc', 'Jean'], [])
    """
    words = given.split()
    if len(words) > 1:
        return others(given, [word for word in words if len(word.strip(".")) > 1][:2])
    return others(given, [given.replace("-", " "), given.split("-", maxsplit=1)[0]])


def called(given: str) -> list[str]:
    """The whole name of a short one, and the short ones of a whole.

    >>> called("Bob"), called("robert"), called("Esra")
    (['Robert'], ['Bob', 'Rob', 'Bobby'], [])
    """
    word = given.casefold()
    whole = [names[0] for names in _CALLED if word in (name.casefold() for name in names[1:])]
    short = [name for names in _CALLED if names[0].casefold() == word for name in names[1:]]
    return others(given, [*whole, *short])


def by_actor(given: str, family: str, actor: str) -> dict[str, str] | None:
    """What the name in the statement says otherwise, if one of the two names agrees; else it may be anybody's.

    >>> by_actor("Ana", "Lopez", "Ana Lopez-Garcia"), by_actor("Robert", "Lee", "Bob Lee")
    ({'family_name': 'Lopez-Garcia'}, {'given_name': 'Bob'})
    >>> by_actor("Lee", "Ana", "Ana Lee")
    {'given_name': 'Ana', 'family_name': 'Lee'}
    >>> by_actor("Ana", "Lopez", "Ben Smith"), by_actor("Ana", "Lopez", "ana lopez")
    (None, None)
    """
    words = [word for part in divide(actor) for word in part.split()]
    said, mine, theirs = ([plain(word) for word in text] for text in (words, given.split(), family.split()))
    if not mine or not theirs or len(said) < 2 or said == mine + theirs:
        return None
    if said == theirs + mine:
        return {"given_name": " ".join(words[: len(theirs)]), "family_name": " ".join(words[len(theirs) :])}
    if said[: len(mine)] == mine and len(said) > len(mine):
        return {"family_name": " ".join(words[len(mine) :])}
    if said[-len(theirs) :] == theirs and len(said) > len(theirs):
        return {"given_name": " ".join(words[: -len(theirs)])}
    return {"family_name": words[-1]} if said[0] == first_word(given) and said[-1:] != theirs[-1:] else None


def whole(actor: str, given: str, family: str) -> dict[str, str] | None:
    """The missing name, from the one in the statement.

    >>> whole("Ana Lopez", "", "Lopez"), whole("Ana Lopez", "", "")
    ({'given_name': 'Ana'}, {'given_name': 'Ana', 'family_name': 'Lopez'})
    >>> whole("Ben Smith", "", "Lopez"), whole("ana", "", "")
    (None, None)
    """
    said = dict(zip(("given_name", "family_name"), divide(actor), strict=True))
    mine = {"given_name": given, "family_name": family}
    if not all(said.values()) or any(text and plain(text) != plain(said[name]) for name, text in mine.items()):
        return None
    return {name: said[name] for name, text in mine.items() if not text} or None


def is_a_name(word: str) -> bool:
    """May it stand alone? `van` may not."""
    return word.casefold().strip(".") not in _PARTICLES


def is_strange(given: str, family: str, actor: str) -> bool:
    """Has the name in the statement nothing of this one? Then it may be anybody's, and nothing speaks for a near miss.

    >>> is_strange("Ana", "Lopez", "Ben Smith"), is_strange("Ana", "Lopez", "Smith, Ana"), is_strange("Ana", "X", "al7")
    (True, False, False)
    """
    said = _words(actor)
    mine = _words(f"{given} {family}")
    short = {_bare(plain(one)) for word in given.split() for one in called(word)}
    return len(said) > 1 and bool(mine) and not said & (mine | short)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", _bare(plain(text)).replace("'", "")))


def others(name: str, found: Iterable[str]) -> list[str]:
    """Each once, and none that is the name."""
    return [one for one in dict.fromkeys(" ".join(text.split()) for text in found) if one and one != name]
