"""Who may post: the users and passwords of the inlets in config.yaml. Knows no statement."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from connector.collection.inlet.received import RefusedError
from connector.config import InletConfig


class Senders:
    """The inlets by their logins; ConfigError when a password is not where config.yaml says."""

    def __init__(self, inlets: Sequence[InletConfig]) -> None:
        self._known = [(_digest(_pair(inlet)), inlet) for inlet in inlets]

    def who(self, authorization: str) -> InletConfig:
        """Whose credentials these are; every refusal looks alike and takes as long: which users exist is not told."""
        given = _digest(_credentials(authorization))
        found = [inlet for known, inlet in self._known if hmac.compare_digest(known, given)]
        if not found:
            challenge = {"WWW-Authenticate": 'Basic realm="pars-connector", charset="UTF-8"'}
            raise RefusedError(401, "inlet.login", "no sender has this user and password", challenge, unread=True)
        return found[0]


def _pair(inlet: InletConfig) -> bytes:
    return f"{inlet.inlet.user}:{inlet.inlet.password.reveal().get_secret_value()}".encode()


def _credentials(authorization: str) -> bytes:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _digest(credentials: bytes) -> bytes:
    """Of one length whatever it is made of, so that comparing tells nothing of it."""
    return hashlib.sha256(credentials).digest()
