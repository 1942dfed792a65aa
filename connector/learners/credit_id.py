"""Credit ids and REMS identifiers, computed once from what never changes: no clock, row number or mapping version."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from connector.errors import ConfigError

KEY_BYTES = 32


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


def rems_local_id(key: bytes, anchor: str) -> str:
    """What stands for a learner in REMS records."""
    return hmac.digest(key, f"learner\n{anchor}".encode(), "sha256").hex()[:32]


def rems_key(path: Path, *, create: bool) -> bytes:
    """The key of this provider's REMS identifiers, made once with mode 0600.

    Raises ConfigError when it is missing or cut short: whoever guesses a short key can name the participants.
    """
    if create and not path.exists():
        _make_key(path)
    if not path.is_file():
        raise _bad_key(path, "config.rems_key_missing", "the store holds REMS records, but their key is gone")
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise _bad_key(path, "config.rems_key_damaged", f"the key of the REMS records has fewer than {KEY_BYTES} bytes")
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all: a process killed half-way must not leave an empty key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was quicker: its key is the key
    finally:
        draft.unlink()


def _bad_key(path: Path, code: str, message: str) -> ConfigError:
    hint = "restore it from the backup: without it, no REMS record can be withdrawn or recognised"
    return ConfigError(code, message, hint, where=str(path))


def _facts(anchor: str, award_key: tuple[str, ...], certification: str) -> bytes:
    return json.dumps([anchor, *award_key, certification], ensure_ascii=False).encode()


def _urn(domain: str, digest: str, serial: int) -> str:
    return f"ccid:{domain}:{digest[:32]}" + (f"-{serial}" if serial > 1 else "")
