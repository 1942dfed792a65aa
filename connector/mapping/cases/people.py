"""Finds the people whom a statement names, wherever it does, and the words that belong to them. Masks nothing."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any, Final

_ROLES: Final = frozenset({"actor", "contextAgents", "contextGroups", "instructor", "team"})
_AGENT: Final = ("mbox", "mbox_sha1sum", "openid", "account", "member")
_PLAIN: Final = frozenset({"homePage", "objectType", "relevantTypes"})
_LEAST: Final = 3  # letters of a part that is looked for by itself: shorter ones are words of every language
_MOST_PARTS: Final = 8
_ANYBODY: Final = frozenset({"attendee", "learner", "participant", "person", "student", "trainee", "user"})
_ABOUT: Final = frozenset(
    {
        "email", "emailaddress", "familyname", "firstname", "forename", "fullname", "givenname", "lastname", "licence",
        "license", "login", "loginname", "mail", "mailbox", "middlename", "mobile", "nickname", "npi", "phone",
        "preferredname", "surname", "userid", "username",
    }
)  # fmt: skip
_HASHES: Final = ("md5", "sha1", "sha256")


def is_agent(value: Any) -> bool:
    """Also one that forgets to say so."""
    if not isinstance(value, dict):
        return False
    return str(value.get("objectType")).lower() in ("agent", "group") or any(name in value for name in _AGENT)


def people(document: dict[str, Any]) -> list[Any]:
    """Everybody the statement names, the actor first; the authority is a system's login, and comes last."""
    found = [document["actor"]] if document.get("actor") else []
    found += _people({key: value for key, value in document.items() if key not in ("actor", "authority")})
    return found + list(_people({"authority": document.get("authority")}))


def _people(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _people(one)
    elif isinstance(value, dict):
        if is_agent(value):
            yield value
        elif any(_bare(key) in _ABOUT for key in value):
            yield {key: below for key, below in value.items() if _bare(key) in _ABOUT or _bare(key) in ("id", "name")}
        for key, below in value.items():
            if (key in _ROLES or _bare(key) in _ANYBODY) and not is_agent(below):
                yield below if isinstance(below, dict | list) else {"name": below}
            yield from _people(below)


def _bare(key: str) -> str:
    """The last word of a key or of the IRI that is one: `https://x.example/ext/full-name` is `fullname`."""
    return "".join(filter(str.isalpha, re.split(r"[/#:]", key)[-1])).lower()


def words(person: Any, key: str = "name") -> Iterator[str]:
    """Every text of a person, and what is used in its place: parts of a name or mailbox, hashes, encodings."""
    if isinstance(person, dict):
        for name, below in person.items():
            yield from words(below, name) if name not in _PLAIN else ()
    elif isinstance(person, list):
        for below in person:
            yield from words(below, key)
    elif isinstance(person, str | int | float) and not isinstance(person, bool):
        text = unicodedata.normalize("NFC", str(person)).strip().removeprefix("mailto:")
        yield from (word for word in (text, *_parts(text, key), *_encoded(text)) if word)


def _parts(text: str, key: str) -> Iterator[str]:
    if "@" in text:
        local = text.partition("@")[0]
        yield from (word for word in (local, *_of_a_name(local)) if len(word) >= _LEAST)
    elif key == "openid":
        yield from (word for word in text.rstrip("/").split("/")[-1:] if len(word) >= _LEAST)
    elif "name" in key.lower() or _bare(key) in _ABOUT:
        yield from _of_a_name(text)


def _of_a_name(text: str) -> Iterator[str]:
    """Its parts, two of them in either order, and one with the first letter of another: `Lindgren, Yusuf`, `ylindgren`.

    A part is what stands between signs and what stands between spaces: O'Brien is one name, and Brien a part of it.
    """
    units = text.split()
    pieces = re.findall(r"[^\W\d_]+", text)
    parts = list(dict.fromkeys([*pieces, *("".join(re.findall(r"[^\W\d_]+", unit)) for unit in units)]))
    yield from (part for part in parts if len(part) >= _LEAST or not part.isascii())
    for one, other in permutations(parts[:_MOST_PARTS], 2):
        if one in other or other in one:
            continue
        yield f"{one} {other}"
        yield from (f"{one[0]} {other}", f"{other} {one[0]}") if len(other) >= _LEAST else ()


def _encoded(text: str) -> Iterator[str]:
    if len(text) < _LEAST:
        return
    for one in {spelling for plain in (text, text.lower()) for spelling in (plain, f"mailto:{plain}")}:
        octets = one.encode(errors="replace")
        yield from (hashlib.new(name, octets, usedforsecurity=False).hexdigest() for name in _HASHES)
        yield from (encode(octets).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))


def ids(document: dict[str, Any]) -> Iterable[str]:
    """Ids by which an LRS finds the statement again, and the attempt that it tells of."""
    context = document.get("context")
    context = context if isinstance(context, dict) else {}
    others = [context.get("statement"), document.get("object")]
    refs = [one.get("id") for one in others if isinstance(one, dict) and one.get("objectType") == "StatementRef"]
    return [one for one in (document.get("id"), context.get("registration"), *refs) if isinstance(one, str) and one]
