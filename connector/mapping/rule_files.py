"""The mapping folder as it is on disk, read again only when a file has changed. Knows no store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from connector import yamlfile
from connector.config import Config
from connector.errors import ConfigError, MappingError
from connector.mapping.loader import Defaults, Ruleset, files_of, from_texts, load

Stat = tuple[str, int, int, int, int]
Pairs = tuple[tuple[str, str], ...]
Settings = tuple[Pairs, Pairs, bool, bool, frozenset[str]]


@dataclass(frozen=True)
class OnDisk:
    """The folder with the names, times of change and sizes of its mapping files and of the sheets that these name:
    two that are equal hold the same texts."""

    folder: Path
    files: tuple[Stat, ...]

    def is_younger_than(self, age: timedelta, now: datetime) -> bool:
        """Was one of them written within this time? A time in the future is some clock's mistake, and counts as old."""
        return any(timedelta(0) <= now - moment < age for moment in self._moments())

    @property
    def touched_at(self) -> datetime:
        """When one of them was last written, copied here or touched."""
        return max(self._moments(), default=datetime.min.replace(tzinfo=UTC))

    def _moments(self) -> Iterator[datetime]:
        return (datetime.fromtimestamp(at / 1e9, UTC) for _, *times, _size, _inode in self.files for at in times)


@dataclass
class Loaded:
    """What the files hold: rules, or what is wrong with them."""

    rules: Ruleset
    error: MappingError | None = None
    said: str | None = field(default=None, repr=False)

    def is_news(self, what: str) -> bool:
        """True the first time that this is said of these files."""
        self.said, said = what, self.said
        return said != what


def defaults_of(config: Config) -> Defaults:
    """What rules may leave to config.yaml."""
    return Defaults(
        providers={provider.id: provider.zone for provider in config.providers},
        joint=frozenset(provider.id for provider in config.providers if provider.system == "ja-pars"),
        sources={source.name: source.zone for source in config.sources if source.zone},
        moodle=any(source.moodle for source in config.sources),
        sessions=all(source.registration == "session" or source.moodle for source in config.sources),
    )


def on_disk(folder: Path) -> OnDisk:
    """Cases in *.test.yaml do not count: they change no rule."""
    files = tuple(_stat(path.name, path) for path in files_of(folder))
    sheets = _sheets(folder, files)
    return OnDisk(folder, files + tuple(_stat(name, folder / name) for name in sheets))


def _stat(name: str, path: Path) -> Stat:
    try:
        stat = path.stat()
    except OSError:  # gone meanwhile, or a link to nowhere: reading it says so
        return (name, 0, 0, 0, 0)
    return (name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=4)
def _sheets(folder: Path, _files: tuple[Stat, ...]) -> tuple[str, ...]:
    """The sheets that these files name, as far as they can be read: one that changes is a change of the rules."""
    names: dict[str, None] = {}
    for path in files_of(folder):
        try:
            names.update(dict.fromkeys(_named(yamlfile.read(path).value)))
        except ConfigError:  # loading the rules says what is wrong
            continue
    return tuple(names)


def _named(data: Any) -> Iterator[str]:
    rules = data.get("rules") if isinstance(data, dict) else None
    for rule in rules if isinstance(rules, list) else ():
        catalogue = rule.get("catalogue") if isinstance(rule, dict) else None
        name = catalogue.get("from") if isinstance(catalogue, dict) else None
        if isinstance(name, str) and name and "\0" not in name:
            yield name


def loaded(files: OnDisk, defaults: Defaults) -> Loaded:
    """The rules of these files; the same object as long as nothing changed."""
    return _load(files, _frozen(defaults))


def read_again() -> None:
    """Whatever is known of files is forgotten, so that what is wrong with them is said again too."""
    _load.cache_clear()


def stored(version: str, texts: Mapping[str, str], defaults: Defaults) -> Ruleset:
    """The rules of a version in the store; MappingError when this configuration no longer fits them."""
    return _from_texts(version, tuple(texts.items()), _frozen(defaults))


@lru_cache(maxsize=2)
def _load(files: OnDisk, settings: Settings) -> Loaded:
    try:
        return Loaded(load(files.folder, Defaults(dict(settings[0]), dict(settings[1]), *settings[2:])))
    except MappingError as error:
        return Loaded(Ruleset((), {}), error)


@lru_cache(maxsize=3)
def _from_texts(_version: str, texts: Pairs, settings: Settings) -> Ruleset:
    """A few of them: a plan asks for the rules that are in force and for those before."""
    return from_texts(dict(texts), Defaults(dict(settings[0]), dict(settings[1]), *settings[2:]))


def _frozen(defaults: Defaults) -> Settings:
    providers, sources = tuple(defaults.providers.items()), tuple(defaults.sources.items())
    return providers, sources, defaults.moodle, defaults.sessions, defaults.joint
