"""Who a statement is about: the key of one agent, or those of a group's members. Knows no verb, object or time."""

from __future__ import annotations

import re
from typing import Any

from connector.records import Actor, ActorKey, Problem

MOST_KEY = 500
"""Characters of an identifier; PostgreSQL indexes no more than 2,704 bytes."""
MOST_MEMBERS = 1000
"""A full lecture hall; a longer list is more likely a whole directory than those who completed something."""

_NO_NAME = re.compile(r"[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHA1 = re.compile(r"[0-9a-f]{40}")


class NotUsableError(Exception):
    """Carries a Problem out of a reader; never leaves the reading of a statement."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.problem = Problem(code=code, field=field, message=message, who=Actor.ADMINISTRATOR)


def is_group(actor: Any) -> bool:
    """Is this said of several people? Whatever lists members is a group, also where it forgets to say so."""
    if not isinstance(actor, dict):
        return False
    return str(actor.get("objectType")).lower() == "group" or actor.get("member") is not None


def actor_key(actor: Any) -> ActorKey:
    """The one inverse functional identifier of an agent, normalised; NotUsableError for anything else."""
    if not isinstance(actor, dict):
        raise NotUsableError("lrs.no_actor", "actor", "the statement has no actor")
    if is_group(actor):
        raise NotUsableError("lrs.group_actor", "actor", "the actor is a group: nobody alone completed this")
    found = [(name, actor[name]) for name in _IDENTIFIERS if actor.get(name) is not None]
    if len(found) != 1:
        raise NotUsableError("lrs.bad_actor", "actor", f"the actor has {len(found)} identifiers, not exactly one")
    name, value = found[0]
    key = _IDENTIFIERS[name](value)
    if not 0 < len(key) <= MOST_KEY:
        raise NotUsableError("lrs.bad_actor", f"actor.{name}", "the actor's identifier is empty or of a wrong form")
    return ActorKey(f"{name}:{key}")


def members(group: dict[str, Any]) -> tuple[tuple[ActorKey, ...], Problem | None]:
    """The members of a group, each once, and a Problem that counts those nobody can tell: the others stay."""
    listed = group.get("member")
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list) or not listed:
        raise NotUsableError("lrs.group_unknown", "actor.member", "the actor is a group that names no members")
    if len(listed) > MOST_MEMBERS:
        raise NotUsableError("lrs.group_too_large", "actor.member", f"the group has more than {MOST_MEMBERS} members")
    keys = [_member(one) for one in listed]
    unusable = NotUsableError(
        "lrs.bad_member", "actor.member", f"{keys.count(None)} of {len(keys)} members have no usable identifier"
    )
    usable = tuple(dict.fromkeys(key for key in keys if key is not None))
    if not usable:
        raise unusable
    return usable, unusable.problem if None in keys else None


def agent(actor: Any, key: str) -> dict[str, Any]:
    """Whoever has this key, as the statement names him: its actor or a member of its group; ValueError for nobody."""
    listed = actor.get("member") if is_group(actor) else actor
    for one in listed if isinstance(listed, list) else [listed]:
        if _member(one) == key:
            return dict(one)
    raise ValueError("nobody in it has this key")


def shown(key: str) -> str:
    """An actor key for the eyes of staff: an account that is a mere number, everything else without its owner.

    >>> shown("account:https://lms.example.org|4"), shown("account:https://lms.example.org|ann.lee")
    ('account 4 at https://lms.example.org', 'an account at https://lms.example.org')
    >>> shown("mbox:ann.lee@example.org")
    'a mailbox at example.org'
    """
    kind, _, value = key.partition(":")
    if kind == "account":
        home, _, name = value.rpartition("|")
        return f"account {name} at {home}" if _NO_NAME.fullmatch(name) else f"an account at {home}"
    return f"a mailbox at {value.rpartition('@')[2]}" if kind == "mbox" else f"an {kind}"


def _member(one: Any) -> ActorKey | None:
    try:
        return actor_key(one)
    except NotUsableError:
        return None


def _mbox(value: Any) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    return text.removeprefix("mailto:").strip()


def _sha1sum(value: Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    return text if _SHA1.fullmatch(text) else ""


def _openid(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _account(value: Any) -> str:
    """Exact, but for a name written as a number: PHP makes 10023 of "10023"."""
    home_page, name = (value.get("homePage"), value.get("name")) if isinstance(value, dict) else (None, None)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    usable = all(isinstance(part, str) and part for part in (home_page, name))
    return f"{home_page}|{name}" if usable else ""


_IDENTIFIERS = {"mbox": _mbox, "mbox_sha1sum": _sha1sum, "openid": _openid, "account": _account}
