"""JMESPath in learner sources: compiled once, and an odd document stops nobody else. Knows no field's meaning."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from connector.errors import ConfigError


def compiled(field: str, path: str) -> Any:
    try:
        return jmespath.compile(path)
    except JMESPathError:
        message = f"the path of the learner field {field} cannot be read"
        raise ConfigError("config.learner_path", message, "write it as JMESPath: actor.name") from None


def value(path: Any, document: Any) -> Any:
    """A function of the path may refuse what one odd document holds: that is no value, and stops nobody else."""
    try:
        return path.search(document)
    except JMESPathError:
        return None
