"""Statements that the connector writes itself, in a shape of its own. Knows no store and no sheet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import tincan

from connector.lrs.actors import agent

COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
ATTENDED = "http://adlnet.gov/expapi/verbs/attended"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
ORIGIN = "urn:pars-connector:origin"
"""The context extension that says where one of our statements came from."""
CREDIT = "urn:pars-connector:credit"
"""The context extension of what we write back to an LRS: where a credit stands. It is never read as a completion."""

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


def report(
    statement_id: str, *, about: bytes, actor_key: str, verb: str, at: datetime, credit: Mapping[str, Any]
) -> bytes:
    """Where a credit stands, for an LRS: `about` is the statement that earned it, `actor_key` whom it is said of there.

    Agent and activity go as they came, and nothing is added to them; ValueError where they are not to be found.
    `verb` ends in `-` and the state; `credit` is what stands in our extension, nothing of a person.
    """
    source = orjson.loads(about)
    target = source.get("object")
    if not isinstance(target, dict) or target.get("objectType", "Activity") != "Activity" or not target.get("id"):
        raise ValueError("its object is no activity")
    origin = {"objectType": "StatementRef", "id": source["id"]}
    written = {
        "id": statement_id,
        "verb": {"id": verb, "display": {"en": verb.rpartition("-")[2]}},
        "context": {"statement": origin, "extensions": {CREDIT: dict(credit)}},
        "timestamp": at,
    }
    document = orjson.loads(tincan.Statement(written).to_json())
    del document["version"]  # the LRS's own business
    activity = {"objectType": "Activity"} | {name: target[name] for name in ("id", "definition") if name in target}
    return orjson.dumps(document | {"actor": agent(source.get("actor"), actor_key), "object": activity})


def report_id(*key: str) -> str:
    """The id of what is written back: the same fact has the same one, however often it is written."""
    return str(uuid.uuid5(_OURS, "\n".join(("report", *key))))


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
