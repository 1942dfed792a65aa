"""Credit ids, computed once from what never changes: no clock, row number or mapping version."""

from __future__ import annotations

import hashlib
import hmac
import json


def credit_id(domain: str, anchor: str, award_key: tuple[str, ...], certification: str, serial: int = 1) -> str:
    """`ccid:<provider's domain>:<hash>`, with `-2`, `-3` for each add after a withdrawal.

    >>> credit_id("example.org", "mbox:a@example.org", ("0001234", "203512345", ""), "ABIM")
    'ccid:example.org:c1dd0baf643414248d42b879c3e4f4fd'
    """
    return _urn(domain, hashlib.sha256(_facts(anchor, award_key, certification)).hexdigest(), serial)


def rems_credit_id(
    domain: str, key: bytes, anchor: str, award_key: tuple[str, ...], certification: str, serial: int = 1
) -> str:
    """The same for a de-identified record: an HMAC, so that nobody without the key can compute it from an identity."""
    return _urn(domain, hmac.digest(key, _facts(anchor, award_key, certification), "sha256").hex(), serial)


def _facts(anchor: str, award_key: tuple[str, ...], certification: str) -> bytes:
    return json.dumps([anchor, *award_key, certification], ensure_ascii=False).encode()


def _urn(domain: str, digest: str, serial: int) -> str:
    return f"ccid:{domain}:{digest[:32]}" + (f"-{serial}" if serial > 1 else "")
