"""How the connector says who it is: a user and password, or an OAuth 2 token. Knows no statement and no setting file.

A client's secret goes to the token endpoint alone, a token to the LRS alone, and none of them into a message.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode

import orjson
from pydantic import SecretStr

from connector.errors import NeedsOperator, RetryLater
from connector.http import Http, HttpAnswer, TimedOut

EARLY_SECONDS = 30.0
"""A token is given up this long before it ends, at most a tenth of its life: clocks and requests take time."""
UNSAID_SECONDS = 300.0
"""The life of a token whose `expires_in` is missing or no number."""
SHORTEST_SECONDS = 10.0
"""No token lives shorter, whatever is said of it: one for each question would be an attack on its endpoint."""
MOST_BYTES = 256 * 1024
"""A token with all that stands around it."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REFUSALS = (
    "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client",
    "unsupported_grant_type",
)  # fmt: skip


class Login(Protocol):
    """What stands in `Authorization`."""

    def authorization(self) -> str: ...

    def renew(self, refused: str, /) -> bool:
        """True when it is worth asking once more after a 401: the next `authorization` will be another than this."""
        ...


@dataclass(frozen=True)
class Basic:
    """A user and password."""

    user: str
    password: SecretStr

    def authorization(self) -> str:
        return _basic(self.user, self.password.get_secret_value())

    def renew(self, _refused: str, /) -> bool:
        return False


@dataclass
class ClientCredentials:
    """OAuth 2 client credentials (RFC 6749, 4.4); the token is kept until shortly before it ends.

    `open_http` makes a connection for the token endpoint's own origin, `secret` reads the client's secret anew, as it
    may have been changed since. Several threads may share one.
    """

    token_url: str
    client_id: str
    secret: Callable[[], SecretStr]
    open_http: Callable[[], Http]
    scope: str = ""
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)
    _until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def authorization(self) -> str:
        with self._lock:
            if not self._token or self.clock() >= self._until:
                asked = self.clock()
                self._token, life = self._ask()
                self._until = asked + life - min(EARLY_SECONDS, life / 10)
            return f"Bearer {self._token}"

    def renew(self, refused: str, /) -> bool:
        with self._lock:
            if refused == f"Bearer {self._token}":  # or else another thread has a new one already
                self._token = ""
        return True

    def _ask(self) -> tuple[str, float]:
        """A token and its life in seconds."""
        client, secret = quote_plus(self.client_id), quote_plus(self.secret().get_secret_value())  # RFC 6749, 2.3.1
        headers = {
            "Authorization": _basic(client, secret),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        form = {"grant_type": "client_credentials"} | ({"scope": self.scope} if self.scope else {})
        with self.open_http() as http:
            try:
                answer = http.read(
                    "POST", self.token_url, headers=headers, body=urlencode(form).encode(), most=MOST_BYTES
                )
            except TimedOut as error:  # not the LRS's: a smaller `page` would not help
                raise RetryLater("lrs.token_timed_out", f"the token endpoint: {error.message}") from None
        return _granted(answer)


def proxy_refusal() -> NeedsOperator:
    """For a 407, which a proxy answers in place of whoever was asked."""
    return NeedsOperator(
        "lrs.proxy",
        "the proxy refuses its user and password, or wants some (407)",
        "check the secret behind the source's `proxy`: http://user:password@host:port",
    )


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _granted(answer: HttpAnswer) -> tuple[str, float]:
    """The token in the answer; every other answer raises and quotes nothing but the words of RFC 6749."""
    said = _document(answer)
    if answer.status in (408, 429) or answer.status >= 500:
        raise RetryLater("lrs.token_failing", f"the token endpoint answers {answer.status}", wait=answer.retry_after)
    if answer.status in (400, 401, 403):
        word = said.get("error")
        why = f": {word}" if word in _REFUSALS else ""
        raise NeedsOperator(
            "lrs.token_refused",
            f"the token endpoint refuses the client ({answer.status}{why})",
            "check `client_id`, `client_secret` and `scope` of the source's `login`",
        )
    if answer.status == 407:
        raise proxy_refusal()
    token = said.get("access_token")
    bearer = str(said.get("token_type", "bearer")).lower() == "bearer"
    if answer.status != 200 or not bearer or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NeedsOperator(
            "lrs.token_unusable",
            f"the token endpoint answers {answer.status} without a bearer token",
            "check `token_url` of the source's `login`: no redirect is followed",
        )
    return token, _life(said.get("expires_in"))


def _document(answer: HttpAnswer) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _life(said: Any) -> float:
    """Seconds; some endpoints write the number as a text."""
    try:
        life = 0.0 if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        return UNSAID_SECONDS
    return max(life, SHORTEST_SECONDS) if 0 < life < float("inf") else UNSAID_SECONDS
