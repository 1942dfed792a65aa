"""The small values of config.yaml: durations, addresses, secrets, logins. Knows no section of it."""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Discriminator, SecretStr, Tag, model_validator

from connector.errors import ConfigError
from connector.records import Frozen

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: Any) -> Any:
    """`90s`, `15m`, `24h`, `7d` as a timedelta.

    >>> duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)\s*([smhd])", str(value))
    if not match:
        raise ValueError("write a duration as a number and a unit: 90s, 15m, 24h or 7d")
    try:
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError("no duration is that long") from None


def zone_name(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("not a time zone name such as America/Chicago")
    return value


def web_address(value: str) -> str:
    """An address to which a path can be added; ValueError without a word of it, as it may hold a password."""
    if not value.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    try:
        parts = urlsplit(value)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("an address names a host, and a port if need be")
    if "@" in parts.netloc:
        raise ValueError("an address holds no user and password: they have settings of their own")
    if "?" in value or "#" in value:
        raise ValueError("an address ends with its path: no ? and no #")
    return value.rstrip("/")


def web_template(value: str) -> str:
    """An address that may hold `{email}` or `{account}`, also behind a `?`."""
    bare = value.replace("{email}", "email").replace("{account}", "account")
    if "{" in bare or "}" in bare:
        raise ValueError("only {email} or {account} can stand in braces here")
    if "{email}" in value and "{account}" in value:
        raise ValueError("one of {email} and {account}: a learner is asked for by one of them")
    web_address(bare.partition("?")[0])
    return value


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_the_open(address: str) -> bool:
    """True when what is sent there can be read on its way: no TLS, and not on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def start(value: Any) -> Any:
    """`now`, `everything` or a date; said in one sentence when it is none of them."""
    if value in ("now", "everything") or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("must be now, everything or a date such as 2026-07-01") from None


def user_of_basic(value: str) -> str:
    """`a:b` with the password `c` and `a` with `b:c` are one header."""
    if ":" in value:
        raise ValueError("a user has no colon: Basic authentication ends the user there")
    return value


def own_headers(value: dict[str, Any]) -> dict[str, Any]:
    """Headers that the connector sets itself are not for the file: a second one would win at some servers."""
    taken = {"authorization", "proxy-authorization", "host", "x-experience-api-version", "accept", "accept-encoding"}
    taken |= {"connection", "content-length", "transfer-encoding"}
    for name in value:
        if name.lower() in taken or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"{name[:40]!r} is no header of your own: the connector sets it, or it is no name at all")
    return value


def some(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """pydantic's own check of the length also complains when only an entry is wrong."""
    if not entries:
        raise ValueError("needs at least one entry")
    return entries


Duration = Annotated[timedelta, BeforeValidator(duration)]
Zone = Annotated[str, AfterValidator(zone_name)]


class Secret(Frozen):
    """Where a secret is kept. A literal password in the file is refused."""

    env: str = ""
    file: Path | None = None
    credential: str = ""

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            return value
        raise ValueError("a secret is {env: NAME}, {file: PATH} or {credential: NAME}, never the password itself")

    def reveal(self) -> SecretStr:
        """The secret itself; ConfigError when it is not where the file says, or is no text."""
        path = self.file or Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / self.credential
        where = f"environment variable {self.env}" if self.env else f"file {path}"
        try:
            if self.env:
                value = os.environ.get(self.env)
            else:
                value = path.read_text(encoding="utf-8").strip() if path.is_file() else None
            (value or "").encode()  # of a variable that is no UTF-8 Python makes what cannot be sent
        except (OSError, UnicodeError) as error:
            raise ConfigError(
                "config.secret_unreadable",
                f"the secret in {where} cannot be read: {type(error).__name__}",
                "it is UTF-8, and the connector's user may read it",
            ) from None
        if not value:
            raise ConfigError("config.secret_missing", f"no secret in {where}", "set it, then start again")
        return SecretStr(value)


class Login(Frozen):
    """Basic authentication."""

    user: str
    password: Secret


class InletLogin(Login):
    """What a sender shows us, as Basic authentication carries it."""

    user: Annotated[str, AfterValidator(user_of_basic)]


class OAuth2(Frozen):
    """OAuth 2 client credentials (RFC 6749, 4.4): a token from `token_url` in place of a user and password."""

    token_url: Annotated[str, AfterValidator(web_address)]
    client_id: str
    client_secret: Secret
    scope: str = ""


def which_login(value: Any) -> str:
    return "oauth2" if isinstance(value, OAuth2) or (isinstance(value, dict) and "token_url" in value) else "basic"


def _which_header(value: Any) -> str:
    return "secret" if isinstance(value, dict | Frozen) else "text"


HeaderValue = Annotated[Annotated[str, Tag("text")] | Annotated[Secret, Tag("secret")], Discriminator(_which_header)]
