"""Finds the words of a statement that belong to people, and puts invented ones in their place, the same everywhere.

Knows no rule and no store.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

INVENTED_UUID: Final = "00000000-0000-4000-8000-000000000001"
_PEOPLE: Final = frozenset({"actor", "contextAgents", "contextGroups", "instructor", "team"})
_AGENT: Final = ("mbox", "mbox_sha1sum", "openid", "account", "member")
_PLAIN: Final = frozenset({"homePage", "objectType", "relevantTypes"})
_MAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]+(?:@|%(?:25)*40)[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_SHORT = 6  # letters: a shorter word is looked for as a whole only, so that "ann" does not stop "planning"
_LEAST = 3  # letters of a part of a name: shorter ones are words of every language
_BEFORE, _AFTER = r"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{2}))", r"(?![^\W_])"


class Mask:
    """Replaces texts of people; the actor is the first of them, whatever else names him."""

    def __init__(self, document: dict[str, Any], spoken: Iterable[str], prefixes: Iterable[str]) -> None:
        """`spoken` texts stand in the rules' own files, and so do the `prefixes` of others: they stay as they are."""
        self._spoken = frozenset(spoken)
        self._prefixes = sorted(prefixes, key=len, reverse=True)
        self._invented: dict[str, str] = {}
        for number, person in enumerate(_people(document), 1):
            for word in _words(person):
                for spelling in _spellings(word):
                    self._invented.setdefault(spelling.lower(), _instead(word, number))
        for word in _ids(document):
            self._invented[word.lower()] = INVENTED_UUID
        ordered = sorted(self._invented, key=len, reverse=True)
        self._known = re.compile("|".join(map(_pattern, ordered)) or r"(?!)", re.IGNORECASE)

    def text(self, value: str) -> str:
        """The text without a word of anybody's; mailboxes go whosever they are."""
        if value in self._spoken:
            return value
        spoken = next((prefix for prefix in self._prefixes if value.startswith(prefix)), "")
        rest = unicodedata.normalize("NFC", value[len(spoken) :])
        rest = self._known.sub(lambda found: self._invented[found[0].lower()], rest)
        return spoken + _MAIL.sub(self._mailbox, rest)

    def _mailbox(self, found: re.Match[str]) -> str:
        invented = {one for one in self._invented.values() if "@" in one}
        if found[0] in invented:
            return found[0]
        number = len(invented) + 1
        return self._invented.setdefault(found[0].lower(), f"person-{number}@example.org")

    def value(self, found: Any) -> Any:
        """A text masked, a number that is somebody's made a text, and of a block or list that it is there."""
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, int) and not isinstance(found, bool) and str(found) in self._invented:
            return self._invented[str(found)]
        return {} if isinstance(found, dict) else [] if isinstance(found, list) else found


def is_agent(value: Any) -> bool:
    """Also one that forgets to say so."""
    if not isinstance(value, dict):
        return False
    return str(value.get("objectType")).lower() in ("agent", "group") or any(name in value for name in _AGENT)


def _people(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Everybody the statement names, the actor first; the authority is a system's login, and comes last."""
    actor = document.get("actor")
    found = [actor] if isinstance(actor, dict) else []
    found += _agents({key: value for key, value in document.items() if key not in ("actor", "authority")})
    return found + list(_agents(document.get("authority")))


def _agents(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _agents(one)
    elif isinstance(value, dict):
        if is_agent(value):
            yield value
        for key, below in value.items():
            if key in _PEOPLE and isinstance(below, dict) and not is_agent(below):
                yield below
            yield from _agents(below)


def _words(person: Any, key: str = "") -> Iterator[str]:
    """Every text of a person, and the parts that are used by themselves: of a name, a mailbox, an address."""
    if isinstance(person, dict):
        for name, below in person.items():
            yield from _words(below, name) if name not in _PLAIN else ()
    elif isinstance(person, list):
        for below in person:
            yield from _words(below, key)
    elif isinstance(person, str | int | float) and not isinstance(person, bool):
        text = unicodedata.normalize("NFC", str(person)).strip().removeprefix("mailto:")
        yield from (word for word in (text, *_parts(text, key)) if word)


def _parts(text: str, key: str) -> list[str]:
    if "@" in text:
        local = text.partition("@")[0]
        hashed = [hashlib.sha1(f"mailto:{one}".encode(), usedforsecurity=False) for one in (text, text.lower())]
        pieces = [piece for piece in re.split(r"[._+-]", local) if len(piece) > _LEAST and piece.isalpha()]
        return [*(one.hexdigest() for one in hashed), *(word for word in (local, *pieces) if len(word) >= _LEAST)]
    if key == "openid":
        return [word for word in text.rstrip("/").split("/")[-1:] if len(word) >= _LEAST]
    if "name" in key.lower():
        return [word for word in re.split(r"[\s,.;()]+", text) if len(word) >= _LEAST]
    return []


def _spellings(word: str) -> set[str]:
    joined = {re.sub(r"\s+", sign, word) for sign in (" ", "-", "_", ".", "")}
    return joined | {unicodedata.normalize("NFC", write(word)) for write in (_encoded, quote_plus)}


def _encoded(word: str) -> str:
    return quote(word, safe="")


def _instead(word: str, number: int) -> str:
    return f"learner-{number}@example.org" if "@" in word else f"learner-{number}"


def _pattern(spelling: str) -> str:
    exact = re.escape(spelling)
    return f"{_BEFORE}{exact}{_AFTER}" if len(spelling) < _SHORT else exact


def _ids(document: dict[str, Any]) -> Iterator[str]:
    """Ids by which an LRS finds the statement again, and the attempt that it tells of."""
    context = document.get("context")
    context = context if isinstance(context, dict) else {}
    others = [context.get("statement"), document.get("object")]
    refs = [one.get("id") for one in others if isinstance(one, dict) and one.get("objectType") == "StatementRef"]
    for one in (document.get("id"), context.get("registration"), *refs):
        if isinstance(one, str) and one:
            yield one
