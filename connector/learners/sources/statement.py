"""Identity that statements carry themselves, at paths the configuration names. Reads only what collection kept.

Two people may use one mailbox: no statement speaks for a learner whose name is not the one that it gives its actor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import orjson
from sqlmodel import Session, col, select

from connector.config import LearnerField
from connector.learners import naming
from connector.learners.sources.fields import lack, learner
from connector.learners.sources.paths import compiled, value
from connector.records import Actor, ActorKey, Dispute, Found, Learner, PersonName, Problem
from connector.store import fixes
from connector.store.session import Store
from connector.store.tables import LearnerKey, LearnerRow, StatementRow

_MOST = 50
"""Statements of one actor that are looked at, the newest first, for one that may speak."""
_NAMES = ("given_name", "family_name")

Known = Callable[[ActorKey], Found | None]


def nobody(_key: ActorKey) -> Found | None:
    return None


@dataclass(frozen=True)
class _Called:
    """How a learner is called: as a person corrected it, as it was known before; and what else is his name."""

    fixed: Mapping[str, str]
    kept: Mapping[str, str]
    also: frozenset[str]

    def beside(self, said: Found | None) -> Learner:
        """A correction counts before what the other sources say now, and that before what they said."""
        now = {name: getattr(said.learner, name) for name in _NAMES} if said else {}
        told = {name: value.get_secret_value() for name, value in now.items() if value}
        names = {name: (self.fixed.get(name) or told.get(name) or self.kept.get(name)) for name in _NAMES}
        given, family = (PersonName(name) if (name := names[one]) else None for one in _NAMES)
        return Learner(given_name=given, family_name=family)


class FromStatement:
    """`fetch` reads each actor's newest statement whose bytes are still kept, and that goes with the learner's name.

    Who he is say the other sources (`known`), or what is known of him from before. Where nobody says it, statements
    with names that cannot be one person's speak for nobody: who it is must be said by a person.
    """

    def __init__(self, store: Store, paths: Mapping[LearnerField, str]) -> None:
        self._store = store
        self._paths = {field: compiled(field, path) for field, path in paths.items()}

    def stamp(self) -> object:
        return None

    def fetch(self, keys: Collection[ActorKey], known: Known = nobody) -> dict[ActorKey, Found]:
        found = {}
        with self._store.reading() as session:
            called = _called(session, keys)
            for key in keys:
                if answer := self._answer(session, key, called[key], known(key)):
                    found[key] = answer
        return found

    def prove(self, key: ActorKey) -> list[Problem]:
        """The paths that find nothing in the newest statement of this actor."""
        with self._store.reading() as session:
            raw = next(_raws(session, key), None)
            spoken = self._answer(session, key, _called(session, [key])[key], None)
        if raw is None:
            hint = "let this learner complete something first, or is the actor's key spelled otherwise in statements?"
            return [lack("", "no statement of this actor is kept", hint, Actor.ADMINISTRATOR)]
        cells = self._cells(raw)
        if cells and (spoken is None or spoken.disputes):
            message = "the name in this actor's statements is not the learner's, so that they say nothing of him"
            return [lack("", message, "who shares a mailbox needs an account of his own", Actor.ADMINISTRATOR)]
        message = "the path finds neither a text nor a number in the newest statement of this actor"
        hint = "look at the statement: the sender may have renamed it, or sends it with other verbs only"
        return [lack(field, message, hint, Actor.ADMINISTRATOR) for field in self._paths if field not in cells]

    def _answer(self, session: Session, key: ActorKey, called: _Called, said: Found | None) -> Found | None:
        who = called.beside(said)
        if not (who.given_name and who.family_name) and self._are_several(session, key):
            apart = tuple(Dispute(field=name, origins=("statement", "statement")) for name in _NAMES)
            return Found(learner=Learner(), keys=(key,), disputes=apart)
        his = (raw for raw in _raws(session, key) if not naming.guest(naming.spoken(raw, key), who, called.also))
        cells = self._cells(next(his, b""))
        return Found(learner=learner(cells, "statement"), keys=(key,)) if cells else None

    def _are_several(self, session: Session, key: ActorKey) -> bool:
        """Do statements that would say something of this actor give him names that cannot be one person's?"""
        names = {naming.spoken(raw, key) for raw in _raws(session, key) if self._cells(raw)}
        return not all(naming.go_together(one, other) for one, other in combinations(sorted(names), 2))

    def _cells(self, raw: bytes) -> dict[str, str]:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return {}
        values = {field: value(path, document) for field, path in self._paths.items()}
        return {field: str(value) for field, value in values.items() if isinstance(value, str | int) and value != ""}


def _raws(session: Session, key: ActorKey) -> Iterator[bytes]:
    """The newest first; mostly that one is enough."""
    rows = select(StatementRow.id, StatementRow.raw)
    rows = rows.where(StatementRow.actor_key == key, col(StatementRow.raw).is_not(None))
    rows = rows.order_by(col(StatementRow.id).desc())
    newest = session.exec(rows.limit(1)).first()
    if newest is None:
        return
    yield newest[1] or b""
    for _, raw in session.exec(rows.where(col(StatementRow.id) < newest[0]).limit(_MOST - 1)).all():
        yield raw or b""


def _called(session: Session, keys: Collection[ActorKey]) -> Mapping[ActorKey, _Called]:
    """By what is known of the learners of these keys from before, and by what people said of them."""
    rows = select(LearnerKey.actor_key, LearnerRow).join(LearnerRow, col(LearnerRow.id) == col(LearnerKey.learner_id))
    linked = session.exec(rows.where(col(LearnerKey.actor_key).in_(sorted(keys)))).all()
    numbers = {row.id for _, row in linked}
    fixed, also = fixes.standing(session, numbers), fixes.all_actor_names(session, numbers)
    found = defaultdict[ActorKey, _Called](lambda: _Called({}, {}, frozenset()))
    for key, row in linked:
        kept = {name: value for name in _NAMES if (value := getattr(row, name))}
        found[ActorKey(key)] = _Called(fixed.get(row.id, {}), kept, frozenset(also.get(row.id, ())))
    return found
