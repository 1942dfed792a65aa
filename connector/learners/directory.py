"""Asks the learner sources in their order and merges what they say, field by field, each value with its origin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from connector.config import Config, HttpSource, LearnerSource, MoodleSource, SheetSource, SqlSource, StatementSource
from connector.learners.merging import merge
from connector.learners.sources.http_json import HttpPeople
from connector.learners.sources.moodle_profile import open_profiles
from connector.learners.sources.remote import Asked, Memory, Remote
from connector.learners.sources.sheet import SheetFile
from connector.learners.sources.sql import SqlDatabase
from connector.learners.sources.statement import FromStatement
from connector.records import ActorKey, Found, Problem
from connector.store.session import Store


class AtHand(Protocol):
    """A learner source on this machine: one answer for each key it knows.

    `stamp` is cheap and another one when the answers may have changed; it stays the same where nobody can tell.
    """

    def stamp(self) -> object: ...

    def fetch(self, keys: Collection[ActorKey], /) -> dict[ActorKey, Found]: ...

    def prove(self, key: ActorKey, /) -> list[Problem]:
        """What this source should say of that learner, and does not."""
        ...


Source = AtHand | Remote

_MEMORIES: WeakKeyDictionary[Store, dict[str, Memory]] = WeakKeyDictionary()
"""What sources that are elsewhere said, from one turn to the next."""
_SQL_BATCH, _MOODLE_BATCH = 500, 50
_NOWHERE = "pars-connector.invalid"


@dataclass(frozen=True)
class Answers:
    """What every source said, in the order of the sources.

    `silent` are keys that a source which may know them could not be asked about: nothing is decided about these.
    """

    by_source: Sequence[Mapping[ActorKey, Found]]
    silent: frozenset[ActorKey] = frozenset()

    def about(self, keys: Iterable[ActorKey]) -> Found | None:
        """The person who has these keys: an earlier source wins a field, all of them add keys."""
        known = [answers[key] for answers in self.by_source for key in sorted(keys) if key in answers]
        return reduce(merge, known) if known else None

    def beside(self, more: Answers) -> Answers:
        """These, and what the same sources said of other keys."""
        pairs = zip(self.by_source, more.by_source, strict=True)
        return Answers([{**mine, **theirs} for mine, theirs in pairs], self.silent | more.silent)

    def spread(self, silent: Collection[ActorKey]) -> set[ActorKey]:
        """These keys, and all that a source gives to a person who has one of them."""
        people = [{key, *found.keys} for answers in self.by_source for key, found in answers.items()]
        return {*silent, *(key for keys in people if not keys.isdisjoint(silent) for key in keys)}

    def keys(self) -> set[ActorKey]:
        """Every key that belongs to anybody whom the sources know."""
        return {key for answers in self.by_source for found in answers.values() for key in found.keys}


def sources(config: Config, store: Store) -> list[Source]:
    """The configured sources, in order."""
    named = zip(config.learners.sources, names(config), strict=True)
    return [_open(source, name, config, store) for source, name in named]


def names(config: Config) -> list[str]:
    """What each source is called as an origin and in the log; the second of one name has a number."""
    plain = [_plain_name(source) for source in config.learners.sources]
    before = [plain[:place].count(name) for place, name in enumerate(plain)]
    return [f"{name}:{times + 1}" if times else name for name, times in zip(plain, before, strict=True)]


def _plain_name(source: LearnerSource) -> str:
    if isinstance(source, SheetSource):
        return f"sheet:{source.sheet.name}"
    if isinstance(source, MoodleSource):
        return f"moodle:{source.moodle.source}"
    if isinstance(source, HttpSource):
        return f"http:{urlsplit(source.http.url).hostname}"
    return "sql" if isinstance(source, SqlSource) else "statement"


def _open(source: LearnerSource, name: str, config: Config, store: Store) -> Source:
    if isinstance(source, SheetSource):
        return SheetFile(source.sheet)
    if isinstance(source, StatementSource):
        return FromStatement(store, source.statement)
    asked, batch = _elsewhere(source, name, config)
    memories = _MEMORIES.setdefault(store, {})
    return Remote(
        asked=asked,
        memory=memories.setdefault(f"{name} {source.model_dump_json()}", Memory()),
        cache=source.cache,
        nobody=config.learners.refresh,
        batch=batch,
        stopping=store.stopping,
    )


def _elsewhere(source: MoodleSource | SqlSource | HttpSource, name: str, config: Config) -> tuple[Asked, int]:
    """A source that can be away, and how many keys it is asked for at once."""
    if isinstance(source, SqlSource):
        return SqlDatabase(source.sql, name), _SQL_BATCH
    if isinstance(source, HttpSource):
        people = HttpPeople(source.http, name)
        return people, people.batch
    return open_profiles(config, source.moodle, name), _MOODLE_BATCH


def strangers(config: Config) -> set[ActorKey]:
    """Actors who are nobody, of each kind that a source can be asked for: whether it answers at all shows by them."""
    homes = {f"https://{_NOWHERE}"}
    for source in config.learners.sources:
        if isinstance(source, SqlSource):
            homes.add(source.sql.home_page)
        elif isinstance(source, HttpSource):
            homes.add(source.http.home_page)
    homes |= {one.moodle.site for one in config.sources if one.moodle}
    keys = {f"account:{home}|nobody" for home in homes if home}
    return {ActorKey(key) for key in (*keys, f"mbox:nobody@{_NOWHERE}", "mbox_sha1sum:" + 40 * "0")}


def anew(asked: Sequence[Source]) -> list[Source]:
    """The same sources, which forget what they said before now."""
    return [source.anew() if isinstance(source, Remote) else source for source in asked]


def fetch(asked: Sequence[Source], keys: Collection[ActorKey]) -> Answers:
    """What they say of these keys. Those that may be away are asked first: of whom one of them is silent, the others
    need not be asked. Statements come last: whose they are, the others know."""
    said: dict[int, dict[ActorKey, Found]] = {}
    left = set(keys)
    for place, source in enumerate(asked):
        if isinstance(source, Remote):
            heard = source.ask(left)
            said[place] = heard.answers
            left -= heard.silent
    for place, source in enumerate(asked):
        if not isinstance(source, Remote | FromStatement):
            said[place] = source.fetch(left)
    others = Answers([said[place] for place in sorted(said)])
    for place, source in enumerate(asked):
        if isinstance(source, FromStatement):
            said[place] = source.fetch(left, lambda key: others.about([key]))
    return Answers([said[place] for place in range(len(asked))], frozenset(keys) - left)
