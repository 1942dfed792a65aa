"""What an LRS holds, by verb, type and object: the ground on which rules can be drafted. Shows nobody's name.

Counts statements and how many different learners they are of; keeps no statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import col, select

from connector.config import InletConfig
from connector.inquiry.windows import Tell, Window, pages
from connector.mapping.language.short_names import ACTIVITY_TYPES, COMPLETING, VERBS
from connector.records import Frozen
from connector.store.session import Store
from connector.store.tables import StatementRow

MOST_OBJECTS = 50_000
"""Objects that are told apart; quiz attempts and questions have one each, and nobody drafts rules for them."""
_CHUNK = 2_000
_LONGEST_TITLE = 120
_SAMPLES = 3
_BY_IRI = {iri: name for names in (VERBS, ACTIVITY_TYPES) for name, iris in names.items() for iri in iris}
_PARTS = frozenset({"question", "quiz attempt", "scorm content", "section", "site", "submission"})
"""What is finished on the way to something else."""


def short(iri: str) -> str:
    """The short name of a verb or type where there is one.

    >>> short("http://adlnet.gov/expapi/verbs/completed"), short("https://example.org/x")
    ('completed', 'https://example.org/x')
    """
    return _BY_IRI.get(iri, iri)


class Kind(Frozen):
    """One row of the table: a verb said of objects of one type."""

    verb: str
    type: str
    statements: int
    objects: int
    titles: tuple[str, ...]


class Course(Frozen):
    """One object that somebody completed: what a rule or a row of a catalogue is drafted for."""

    object_id: str
    title: str
    type: str
    verbs: tuple[str, ...]
    statements: int
    learners: int


@dataclass
class _Object:
    """What was said of one object with one type: how often by verb, and by whom, as hashes."""

    title: str = ""
    verbs: Counter[str] = field(default_factory=Counter)
    learners: set[int] = field(default_factory=set)


@dataclass
class Holdings:
    """All that was met, and how many statements were of objects beyond those that are told apart."""

    objects: dict[tuple[str, str], _Object] = field(default_factory=dict)
    read: int = 0
    beyond: int = 0

    def see(self, verb: str, object_id: str, actor_key: str, document: Any) -> None:
        self.read += 1
        kind, title = _named(document)
        found = self.objects.get((object_id, kind))
        if found is None:
            if not object_id or len(self.objects) >= MOST_OBJECTS:
                self.beyond += 1
                return
            found = self.objects.setdefault((object_id, kind), _Object())
        found.title = found.title or title
        found.verbs[verb] += 1
        found.learners.add(hash(actor_key))

    def kinds(self) -> list[Kind]:
        """By verb and type, the most frequent first."""
        groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for (_, kind), found in self.objects.items():
            for verb, count in found.verbs.items():
                groups.setdefault((short(verb), short(kind)), []).append((count, found.title))
        rows = [_kind(verb, kind, said) for (verb, kind), said in groups.items()]
        return sorted(rows, key=lambda row: (-row.statements, row.verb, row.type))

    def courses(self, types: Sequence[str] = ()) -> list[Course]:
        """What was completed: whole courses where there are any, else whatever is no part of something else."""
        found = list(self._completed())
        wanted = set(types) or ({"course"} if any(one.type == "course" for one in found) else set())
        fit = [one for one in found if (one.type in wanted if wanted else one.type not in _PARTS)]
        return sorted(fit, key=lambda one: (-one.learners, one.object_id))

    def _completed(self) -> Iterator[Course]:
        for (object_id, kind), found in self.objects.items():
            verbs = sorted({short(verb) for verb in found.verbs if verb in COMPLETING})
            if verbs:
                count = sum(found.verbs[verb] for verb in found.verbs if verb in COMPLETING)
                yield Course(
                    object_id=object_id, title=found.title, type=short(kind), verbs=tuple(verbs), statements=count,
                    learners=len(found.learners),
                )  # fmt: skip


def of_lrs(windows: Iterable[Window], tell: Tell) -> Holdings:
    """What these LRSs hold in these windows. Raises what their client raises."""
    found = Holdings()
    for window in windows:
        for way, reads in pages(window):
            for one in reads:
                if one.problem is None and not one.voids:
                    statement = one.statement
                    document = orjson.loads(statement.raw)
                    found.see(statement.verb, statement.object_id, statement.actor_key or "", document)
            tell(window.source.name, way, found.read)
    return found


def of_store(store: Store, sources: Sequence[InletConfig], since: datetime, found: Holdings) -> None:
    """The same of what senders have posted: nobody else holds it."""
    names, after = [source.name for source in sources], 0
    while names:
        rows = select(StatementRow).where(col(StatementRow.source_id).in_(names), col(StatementRow.id) > after)
        rows = rows.where(col(StatementRow.raw).is_not(None), col(StatementRow.received_at) >= since)
        with store.reading() as session:
            chunk = session.exec(rows.order_by(col(StatementRow.id)).limit(_CHUNK)).all()
        for row in chunk:
            if not row.voids and row.verb:
                found.see(row.verb, row.object_id, row.actor_key, orjson.loads(row.raw or b"null"))
        if len(chunk) < _CHUNK:
            return
        after = chunk[-1].id


def _kind(verb: str, kind: str, said: Sequence[tuple[int, str]]) -> Kind:
    titles = dict.fromkeys(title for _, title in sorted(said, reverse=True) if title)
    statements = sum(count for count, _ in said)
    return Kind(verb=verb, type=kind, statements=statements, objects=len(said), titles=tuple(titles)[:_SAMPLES])


def _named(document: Any) -> tuple[str, str]:
    """The type and the title of the object, as far as it has either."""
    thing = document.get("object") if isinstance(document, dict) else None
    definition = thing.get("definition") if isinstance(thing, dict) else None
    if not isinstance(definition, dict):
        return "", ""
    kind, name = definition.get("type"), definition.get("name")
    titles = list(name.values()) if isinstance(name, dict) else [name]
    title = next((one for one in titles if isinstance(one, str)), "")
    return kind if isinstance(kind, str) else "", "".join(filter(str.isprintable, title)).strip()[:_LONGEST_TITLE]
