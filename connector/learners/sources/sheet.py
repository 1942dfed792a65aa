"""Learners from a sheet saved as CSV UTF-8; read again when the file changes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

from connector.errors import ConfigError, RetryLater
from connector.learners.sources.fields import learner
from connector.lrs.actors import actor_key
from connector.records import ActorKey, Found
from connector.sheets import SheetRow, read_csv

COLUMNS = (
    "username",
    "email",
    "account",
    "home_page",
    "given_name",
    "family_name",
    "birth_day",
    "npi",
    "state",
    "licence",
    "board",
    "board_id",
    "profession",
    "consent",
    "consent_at",
    "rems_practice_area",
    "rems_state",
    "rems_dea_registration",
    "rems_surgical_procedures",
    "rems_time_in_practice",
)


Fingerprint = tuple[int, int, int, int] | None


class SheetFile:
    """`fetch` answers for every actor key that a row's email, account or username makes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stamp(self) -> object:
        return _fingerprint(self._path)

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        """Raises ConfigError when the sheet cannot be read, RetryLater while it is being written."""
        found = _read(self._path, _fingerprint(self._path))
        return {key: found[key] for key in keys if key in found}


@lru_cache(maxsize=4)
def _read(path: Path, before: Fingerprint) -> Mapping[ActorKey, Found]:
    """Kept from one turn to the next: the daemon asks every second, the sheet changes every night."""
    rows = read_csv(path, required=(), optional=COLUMNS)
    if _fingerprint(path) != before:
        raise RetryLater("learner.sheet_changing", "the learner sheet changed while it was read")
    return _index(path, rows)


def _fingerprint(path: Path) -> Fingerprint:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _index(path: Path, rows: list[SheetRow]) -> dict[ActorKey, Found]:
    """Nobody can tell who it was by a key that several rows have, so that none of them has it: neither is a
    statement credited to one of them, nor are two people linked by their mailbox."""
    keys = [row_keys(row) for row in rows]
    if rows and not any(keys):
        message = "no row names an actor: fill in email, or home_page with account or username"
        raise ConfigError("config.sheet_column", message, where=str(path))
    uses = Counter(key for mine in keys for key in mine)
    found = {}
    for row, mine in zip(rows, keys, strict=True):
        own = tuple(key for key in mine if uses[key] == 1)
        answer = Found(learner=learner(row.cells, f"sheet:{path.name}"), keys=own)
        found.update(dict.fromkeys(own, answer))
    return found


def row_keys(row: SheetRow) -> list[ActorKey]:
    """Every actor key this row stands for: the mailbox in all its spellings, and the accounts at its home page."""
    mailbox = row["email"].lower().removeprefix("mailto:").strip()
    actors: list[dict[str, object]] = []
    if mailbox:
        actors.append({"mbox": f"mailto:{mailbox}"})
        # The specification hashes `mailto:..`; Open edX hashes the bare address.
        actors += [{"mbox_sha1sum": _sha1(text)} for text in (f"mailto:{mailbox}", mailbox)]
    if row["home_page"]:
        names = [name for name in (row["account"], row["username"]) if name]
        if len(names) > 1 and names[1].isdecimal():
            names.pop()  # where accounts are numbers, a user name of digits is somebody else's number
        actors += [{"account": {"homePage": row["home_page"], "name": name}} for name in names]
    return list(dict.fromkeys(actor_key(actor) for actor in actors))


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
