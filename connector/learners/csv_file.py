"""Learners from a sheet saved as CSV UTF-8; read again when the file changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from connector.learners.fields import learner
from connector.lrs.statement import actor_key
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


class CsvFile:
    """`fetch` answers for every actor key that a row's email, account or username makes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._found: dict[ActorKey, Found] = {}

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        """Raises ConfigError when the sheet cannot be read; the caller keeps what it knew."""
        self._refresh()
        return {key: self._found[key] for key in keys if key in self._found}

    def _refresh(self) -> None:
        stat = self._path.stat() if self._path.is_file() else None
        seen = (stat.st_mtime_ns, stat.st_size) if stat else None
        if seen is None or seen != self._read_at:
            self._found = _index(read_csv(self._path, required=(), optional=COLUMNS), f"csv:{self._path.name}")
            self._read_at = seen


def _index(rows: list[SheetRow], origin: str) -> dict[ActorKey, Found]:
    found: dict[ActorKey, Found] = {}
    shared: set[ActorKey] = set()
    for row in rows:
        keys = row_keys(row)
        answer = Found(learner=learner(row.cells, origin), keys=tuple(keys))
        for key in keys:
            if key in found and found[key] != answer:
                shared.add(key)  # two people on one mailbox: nobody can tell who it was
            found[key] = answer
    return {key: answer for key, answer in found.items() if key not in shared}


def row_keys(row: SheetRow) -> list[ActorKey]:
    """Every actor key this row stands for: the mailbox in all its spellings, and the accounts at its home page."""
    mailbox = row["email"].lower()
    actors: list[dict[str, object]] = []
    if mailbox:
        actors.append({"mbox": f"mailto:{mailbox}"})
        # The specification hashes `mailto:..`; Open edX hashes the bare address.
        actors += [{"mbox_sha1sum": _sha1(text)} for text in (f"mailto:{mailbox}", mailbox)]
    if row["home_page"]:
        names = [name for name in (row["account"], row["username"]) if name]
        actors += [{"account": {"homePage": row["home_page"], "name": name}} for name in names]
    return [actor_key(actor) for actor in actors]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
