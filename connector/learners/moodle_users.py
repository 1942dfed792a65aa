"""How a site's users and courses stand in statements, by what config.yaml says of its plugin. Asks nothing itself."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from connector.config import MoodleConfig
from connector.moodle.answers import User
from connector.moodle.client import Moodle
from connector.records import ActorKey

_COURSE = "/course/view.php?id="
_NUMBER = re.compile(r"[1-9]\d{0,17}")


def open_moodle(settings: MoodleConfig) -> Moodle:
    """A connection to the site; ConfigError when its token is not where the file says."""
    bundle = str(settings.ca_bundle) if settings.ca_bundle else None
    return Moodle(settings.site, settings.token.reveal(), timeout=settings.timeout, ca_bundle=bundle)


def course_url(settings: MoodleConfig, course: int) -> str:
    """The object id of a completed course."""
    return f"{settings.site}{_COURSE}{course}"


def course_of(settings: MoodleConfig, object_id: str) -> int | None:
    """The course of an object id, if it is one of this site's."""
    number = object_id.removeprefix(f"{settings.site}{_COURSE}")
    return int(number) if number != object_id and _NUMBER.fullmatch(number) else None


def account_of(settings: MoodleConfig, key: ActorKey) -> str | None:
    """The name of an account of this site; None for every other actor."""
    kind, _, value = key.partition(":")
    home, _, name = value.rpartition("|")
    return name if kind == "account" and home in homes(settings) else None


def number_of(settings: MoodleConfig, key: ActorKey) -> int | None:
    """The user's number, where the account's name is one: a name of digits may also be a user name."""
    name = account_of(settings, key)
    return int(name) if name and settings.actor != "username" and _NUMBER.fullmatch(name) else None


def homes(settings: MoodleConfig) -> tuple[str, ...]:
    """The home pages of accounts: with user numbers the plugin always takes the site, whatever it is set to."""
    return (settings.site, settings.home_page) if settings.home_page else (settings.site,)


def forms(settings: MoodleConfig, user: User) -> set[ActorKey]:
    """Every actor key that the plugin's settings can make of one user, and a mailbox's hash."""
    names = [name for name in (str(user.id), user.username) if name]
    keys = {f"account:{home}|{name}" for home in homes(settings) for name in names}
    if user.email:
        address = user.email.strip().lower()
        hashed = {hashlib.sha1(f"mailto:{one}".encode()).hexdigest() for one in (address, user.email)}  # noqa: S324
        keys |= {f"mbox:{address}", *(f"mbox_sha1sum:{one}" for one in hashed)}
    return {ActorKey(key) for key in keys}


def actor(settings: MoodleConfig, user: User) -> dict[str, Any] | None:
    """The user as the plugin would name him; None where Moodle does not show what that takes."""
    if settings.actor == "id":
        return {"objectType": "Agent", "account": {"homePage": settings.site, "name": str(user.id)}}
    if settings.actor == "username":
        home = settings.home_page or settings.site
        named = {"objectType": "Agent", "account": {"homePage": home, "name": user.username}}
        return named if user.username else None
    return {"objectType": "Agent", "mbox": f"mailto:{user.email.strip()}"} if user.email else None
