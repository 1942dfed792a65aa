"""Identity that statements carry themselves, at paths the configuration names. Reads only what collection kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson
from sqlmodel import Session, col, select

from connector.config import LearnerField
from connector.learners.sources.fields import lack, learner
from connector.learners.sources.paths import compiled, value
from connector.records import Actor, ActorKey, Found, Problem
from connector.store.session import Store
from connector.store.tables import StatementRow


class FromStatement:
    """`fetch` reads each actor's newest statement whose bytes are still kept."""

    def __init__(self, store: Store, paths: Mapping[LearnerField, str]) -> None:
        self._store = store
        self._paths = {field: compiled(field, path) for field, path in paths.items()}

    def stamp(self) -> object:
        return None

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        found = {}
        with self._store.reading() as session:
            for key in keys:
                raw = _newest(session, key)
                if raw and (cells := self._cells(raw)):
                    found[key] = Found(learner=learner(cells, "statement"), keys=(key,))
        return found

    def prove(self, key: ActorKey) -> list[Problem]:
        """The paths that find nothing in the newest statement of this actor."""
        with self._store.reading() as session:
            raw = _newest(session, key)
        if raw is None:
            hint = "let this learner complete something first, or is the actor's key spelled otherwise in statements?"
            return [lack("", "no statement of this actor is kept", hint, Actor.ADMINISTRATOR)]
        cells = self._cells(raw)
        message = "the path finds neither a text nor a number in the newest statement of this actor"
        hint = "look at the statement: the sender may have renamed it, or sends it with other verbs only"
        return [lack(field, message, hint, Actor.ADMINISTRATOR) for field in self._paths if field not in cells]

    def _cells(self, raw: bytes) -> dict[str, str]:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return {}
        values = {field: value(path, document) for field, path in self._paths.items()}
        return {field: str(value) for field, value in values.items() if isinstance(value, str | int) and value != ""}


def _newest(session: Session, key: ActorKey) -> bytes | None:
    rows = select(StatementRow.raw).where(StatementRow.actor_key == key, col(StatementRow.raw).is_not(None))
    return session.exec(rows.order_by(col(StatementRow.id).desc()).limit(1)).first()
