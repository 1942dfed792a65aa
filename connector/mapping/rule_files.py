"""The mapping folder as it is on disk, read again only when a file has changed. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from connector.errors import MappingError
from connector.mapping.loader import Defaults, Ruleset, from_texts, load

Stat = tuple[str, int, int, int, int]
Zones = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class OnDisk:
    """The folder with its files' names, times of change and sizes: two that are equal hold the same texts."""

    folder: Path
    files: tuple[Stat, ...]

    def is_younger_than(self, age: timedelta, now: datetime) -> bool:
        """Was one of them written within this time? A time in the future is some clock's mistake, and counts as old."""
        moments = [datetime.fromtimestamp(mtime / 1e9, UTC) for _, mtime, *_ in self.files]
        return any(timedelta(0) <= now - moment < age for moment in moments)


@dataclass
class Loaded:
    """What the files hold: rules, or what is wrong with them."""

    rules: Ruleset
    error: MappingError | None = None
    said: bool = field(default=False, repr=False)

    def is_news(self) -> bool:
        """True the first time it is asked of these files, so that a fault is said once."""
        self.said, was_said = True, self.said
        return not was_said


def on_disk(folder: Path) -> OnDisk:
    files = []
    for path in sorted(folder.glob("*")):
        if path.suffix in (".yaml", ".yml"):
            try:
                stat = path.stat()
            except OSError:  # gone meanwhile, or a link to nowhere: reading it says so
                files.append((path.name, 0, 0, 0, 0))
                continue
            files.append((path.name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
    return OnDisk(folder, tuple(files))


def loaded(files: OnDisk, defaults: Defaults) -> Loaded:
    """The rules of these files; the same object as long as nothing changed."""
    return _load(files, *_zones(defaults))


def stored(version: str, texts: Mapping[str, str], defaults: Defaults) -> Ruleset:
    """The rules of a version in the store; MappingError when this configuration no longer fits them."""
    return _from_texts(version, tuple(texts.items()), *_zones(defaults))


@lru_cache(maxsize=1)
def _load(files: OnDisk, providers: Zones, sources: Zones) -> Loaded:
    try:
        return Loaded(load(files.folder, Defaults(dict(providers), dict(sources))))
    except MappingError as error:
        return Loaded(Ruleset((), {}), error)


@lru_cache(maxsize=1)
def _from_texts(_version: str, texts: Zones, providers: Zones, sources: Zones) -> Ruleset:
    return from_texts(dict(texts), Defaults(dict(providers), dict(sources)))


def _zones(defaults: Defaults) -> tuple[Zones, Zones]:
    return tuple(defaults.providers.items()), tuple(defaults.sources.items())
