"""What an LRS holds, by verb, type and object: the ground on which rules can be drafted. Shows nobody's name.

Counts statements and how many different learners they are of; keeps no statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
_COURSE = "course"
FORMULA = ("=", "+", "-", "@")
"""How a cell begins that Excel would run."""
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
    """One object that somebody completed: what a rule or a row of a catalogue is drafted for.

    Systems change the type of a course, and some statements name none: then "" is among the types.
    """

    object_id: str
    title: str
    types: tuple[str, ...]
    verbs: tuple[str, ...]
    statements: int
    learners: int


@dataclass
class _Object:
    """What was said of one object with one type: how often by verb, and by whom, as hashes."""

    title: str = ""
    verbs: Counter[str] = field(default_factory=Counter)
    learners: set[int] = field(default_factory=set)

    def shown(self, kind: str) -> str:
        """Its title; none for what only one learner has: certificates and the like are named after people."""
        return self.title if len(self.learners) > 1 or short(kind) == _COURSE else ""


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
                groups.setdefault((_plain(short(verb)), short(kind)), []).append((count, found.shown(kind)))
        rows = [_kind(verb, kind, said) for (verb, kind), said in groups.items()]
        return sorted(rows, key=lambda row: (-row.statements, row.verb, row.type))

    def courses(self, types: Sequence[str] = ()) -> list[Course]:
        """What was completed: whole courses where there are any, else whatever is no part of something else."""
        found = [_course(object_id, said) for object_id, said in self._completed().items() if can_be_written(object_id)]
        wanted = set(types) or ({_COURSE} if any(_COURSE in one.types for one in found) else set())
        fit = [one for one in found if (wanted.intersection(one.types) if wanted else _PARTS.isdisjoint(one.types))]
        return sorted(fit, key=lambda one: (-one.learners, one.object_id))

    @property
    def unwritable(self) -> int:
        """Objects that somebody completed, and whose id no draft may hold."""
        return sum(not can_be_written(object_id) for object_id in self._completed())

    def _completed(self) -> dict[str, dict[str, _Object]]:
        """By object and type. One object is one course, however often its type changed."""
        courses: dict[str, dict[str, _Object]] = {}
        for (object_id, kind), found in self.objects.items():
            if not COMPLETING.isdisjoint(found.verbs):
                courses.setdefault(object_id, {})[kind] = found
        return courses


def can_be_written(object_id: str) -> bool:
    """Whatever an LRS holds, it adds no line to a draft, and no formula to a sheet.

    >>> can_be_written("https://example.org/1"), can_be_written("a\\n- b"), can_be_written("a b"), can_be_written("=A1")
    (True, False, False, False)
    """
    return object_id.isprintable() and " " not in object_id and not object_id.startswith(FORMULA)


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


def _course(object_id: str, said: Mapping[str, _Object]) -> Course:
    told = Counter[str]()
    for found in said.values():
        told.update({verb: count for verb, count in found.verbs.items() if verb in COMPLETING})
    return Course(
        object_id=object_id,
        title=next(filter(None, (found.shown(kind) for kind, found in said.items())), ""),
        types=tuple(sorted(set(map(short, said)))),
        verbs=tuple(sorted(set(map(short, told)))),
        statements=told.total(),
        learners=len(set().union(*(found.learners for found in said.values()))),
    )


def _kind(verb: str, kind: str, said: Sequence[tuple[int, str]]) -> Kind:
    titles = dict.fromkeys(title for _, title in sorted(said, reverse=True) if title)
    statements = sum(count for count, _ in said)
    return Kind(verb=verb, type=kind, statements=statements, objects=len(said), titles=tuple(titles)[:_SAMPLES])


def _named(document: Any) -> tuple[str, str]:
    """The type and the title of the object, as far as it has either; a type that is no IRI cannot be asked for."""
    thing = document.get("object") if isinstance(document, dict) else None
    definition = thing.get("definition") if isinstance(thing, dict) else None
    if not isinstance(definition, dict):
        return "", ""
    kind, name = definition.get("type"), definition.get("name")
    titles = list(name.values()) if isinstance(name, dict) else [name]
    title = next((one for one in titles if isinstance(one, str)), "")
    kind = kind if isinstance(kind, str) and ":" in kind and kind.isprintable() else ""
    return kind, _plain(title).strip()[:_LONGEST_TITLE]


def _plain(text: str) -> str:
    return "".join(filter(str.isprintable, text))
