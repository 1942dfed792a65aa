"""Identity that statements carry themselves, at paths the configuration names. Reads only what collection kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError
from sqlmodel import col, select

from connector.config import LearnerField
from connector.errors import ConfigError
from connector.learners.sources.fields import learner
from connector.records import ActorKey, Found
from connector.store.session import Store
from connector.store.tables import StatementRow


class FromStatement:
    """`fetch` reads each actor's newest statement whose bytes are still kept."""

    def __init__(self, store: Store, paths: Mapping[LearnerField, str]) -> None:
        self._store = store
        self._paths = {field: _compiled(field, path) for field, path in paths.items()}

    def stamp(self) -> object:
        return None

    def fetch(self, keys: Collection[ActorKey]) -> dict[ActorKey, Found]:
        found = {}
        with self._store.reading() as session:
            for key in keys:
                newest = select(StatementRow.raw).where(
                    StatementRow.actor_key == key, col(StatementRow.raw).is_not(None)
                )
                raw = session.exec(newest.order_by(col(StatementRow.id).desc()).limit(1)).first()
                if raw and (cells := self._cells(raw)):
                    found[key] = Found(learner=learner(cells, "statement"), keys=(key,))
        return found

    def _cells(self, raw: bytes) -> dict[str, str]:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return {}
        values = {field: _value(path, document) for field, path in self._paths.items()}
        return {field: str(value) for field, value in values.items() if isinstance(value, str | int) and value != ""}


def _compiled(field: str, path: str) -> Any:
    try:
        return jmespath.compile(path)
    except JMESPathError:
        message = f"the path of the learner field {field} cannot be read"
        raise ConfigError("config.learner_path", message, "write it as JMESPath: actor.name") from None


def _value(path: Any, document: Any) -> Any:
    """A function of the path may refuse what one odd statement holds: that is no value, and stops nobody else."""
    try:
        return path.search(document)
    except JMESPathError:
        return None
