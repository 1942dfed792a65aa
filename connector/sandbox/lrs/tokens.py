"""OAuth 2 client credentials (RFC 6749, 4.4): the token endpoint beside the LRS. Knows no statement."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote_plus

from connector.sandbox.carrier import Request, Response
from connector.sandbox.clock import Clock
from connector.sandbox.lrs.multipart import kind

LIFETIME = timedelta(hours=1)


@dataclass
class Tokens:
    """Gives tokens to one client and knows which of them are good, by the rehearsal's clock."""

    clock: Clock
    client: str
    secret: str
    _until: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_good(self, token: str) -> bool:
        with self._lock:
            return token in self._until and self.clock.now() < self._until[token]

    def forget(self, token: str) -> None:
        """From now on the token is no good, though its time has not come."""
        with self._lock:
            self._until.pop(token, None)

    def grant(self, request: Request) -> Response:
        """The answer of the token endpoint."""
        if request.method != "POST" or kind(request.headers.get("Content-Type", "")) != (
            "application/x-www-form-urlencoded"
        ):
            return _refusal(400, "invalid_request")
        pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        by_header = request.headers.get("Authorization")
        if len(form) < len(pairs) or (by_header and "client_secret" in form):
            return _refusal(400, "invalid_request")
        client, secret = _login(by_header) if by_header else (form.get("client_id", ""), form.get("client_secret", ""))
        if not hmac.compare_digest(f"{client}\n{secret}".encode(), f"{self.client}\n{self.secret}".encode()):
            return _refusal(401, "invalid_client")
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type" if "grant_type" in form else "invalid_request")
        return self._token(form.get("scope", ""))

    def _token(self, scope: str) -> Response:
        token = uuid.uuid4().hex
        with self._lock:
            self._until[token] = self.clock.now() + LIFETIME
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(LIFETIME.total_seconds())}
        body = json.dumps(answer | ({"scope": scope} if scope else {})).encode()
        return Response(200, body, headers={"Cache-Control": "no-store"})


def _login(header: str) -> tuple[str, str]:
    """Client and secret, form-encoded within the Basic header as the RFC's 2.3.1 asks."""
    scheme, _, rest = header.partition(" ")
    try:
        text = base64.b64decode(rest, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client, _, secret = text.partition(":")
    return unquote_plus(client), unquote_plus(secret)


def _refusal(status: int, error: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="rehearsal"'} if status == 401 else {}
    return Response(status, json.dumps({"error": error}).encode(), headers=headers)
