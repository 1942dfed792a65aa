"""Statements that the connector writes itself, in a shape of its own. Knows no store and no sheet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import tincan

COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
ATTENDED = "http://adlnet.gov/expapi/verbs/attended"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
ORIGIN = "urn:pars-connector:origin"
"""The context extension that says where one of our statements came from."""

_OURS = uuid.UUID("6f0bb0a4-6b3c-5d0e-9c41-2f7c3f0f7a11")


def completion(
    *,
    key: tuple[str, ...],
    actor: Mapping[str, Any],
    verb: str,
    activity: Mapping[str, Any],
    timestamp: datetime,
    stored: datetime,
    extensions: Mapping[str, Any],
    result: Mapping[str, Any] | None = None,
    registration: str = "",
) -> bytes:
    """One statement as bytes; `key` makes its id, so that the same fact written twice is one statement.

    `actor` and `activity` are as xAPI has them; `timestamp` and `stored` are aware.
    """
    written = {
        "id": str(uuid.uuid5(_OURS, "\n".join(key))),
        "actor": dict(actor),
        "verb": {"id": verb, "display": {"en": verb.rpartition("/")[2]}},
        "object": {"objectType": "Activity", **activity},
        "context": {"extensions": dict(extensions)} | ({"registration": registration} if registration else {}),
        "timestamp": timestamp,
        "stored": stored,
    } | ({"result": dict(result)} if result else {})
    text: str = tincan.Statement(written).to_json()
    return text.encode()


def again(raw: bytes, serial: int) -> bytes:
    """One of our statements under another id: what was taken back is told once more, and a taken id stays taken."""
    document = orjson.loads(raw)
    document["id"] = str(uuid.uuid5(_OURS, f"again\n{document['id']}\n{serial}"))
    return orjson.dumps(document)


def voiding(target: str, *, stored: datetime) -> bytes:
    """The statement that takes back another of ours, by its id."""
    written = {
        "id": str(uuid.uuid5(_OURS, f"voiding\n{target}")),
        "actor": {"objectType": "Agent", "account": {"homePage": "urn:pars-connector", "name": "voiding"}},
        "verb": {"id": VOIDED, "display": {"en": "voided"}},
        "object": {"objectType": "StatementRef", "id": target},
        "timestamp": stored,
        "stored": stored,
    }
    text: str = tincan.Statement(written).to_json()
    return text.encode()
