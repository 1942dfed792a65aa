"""The key of the REMS identifiers: made once, part of every backup, proved at every start. Knows no credit id."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from sqlmodel import Session, col, select

from connector.errors import ConfigError
from connector.store.tables import Award, Record

KEY_BYTES = 32


def participant(award: Award) -> str:
    """Two people on one mailbox are two participants."""
    return f"{award.anchor}|{award.guest}" if award.guest else award.anchor


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


def prove(session: Session, path: Path) -> None:
    """Raises ConfigError where the store holds REMS records and this is not the key that they were named with."""
    rows = select(Record, Award).join(Award, col(Award.id) == col(Record.award_id))
    rows = rows.where(Record.kind == "rems", Record.local_id != "").order_by(col(Record.id).desc())
    last = session.exec(rows.limit(1)).first()
    if last is None:
        return
    record, award = last
    if not hmac.compare_digest(rems_local_id(rems_key(path, create=False), participant(award)), record.local_id):
        raise _bad_key(path, "config.rems_key_other", "the REMS records were named with another key")
