"""What is written back, in a real LRS: taken once under its id, and not replaced by another."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from connector.config import SourceConfig
from connector.endpoints import open_client
from connector.lrs import own
from connector.lrs.statement import read
from connector.sandbox.world import statements as sends
from connector.sandbox.world.world import World
from tests.real_lrs import RealLrs

VERB = "https://cme.example.edu/verbs/reported"


def test_ralph_takes_what_we_write_and_takes_it_once(ralph: RealLrs, tmp_path: Path) -> None:
    when = datetime(2026, 3, 10, 12, tzinfo=UTC)
    person = World(when.date()).people["aoneill"]
    about = sends.moodle_course_completed(person, 990, "A course that no rule takes", when)  # others read this LRS too
    [about["id"]] = ralph.post([about])
    account = about["actor"]["account"]
    said = {"certification": "AMA PRA Category 1", "amount": 1.5, "activity": "203512347"}
    key, statement_id = f"account:{account['homePage']}|{account['name']}", str(uuid.uuid4())
    raw = own.report(
        statement_id, about=json.dumps(about).encode(), actor_key=key, verb=f"{VERB}-confirmed", at=when, credit=said
    )
    with open_client(source(ralph, tmp_path)) as lrs:
        assert [lrs.put(statement_id, raw) for _ in range(2)] == ["stored", "stored"]
        lrs.put(statement_id, raw.replace(b"-confirmed", b"-withdrawn"))
    [kept] = ralph.get(f"statementId={statement_id}")["statements"]
    assert kept["verb"]["id"] == f"{VERB}-confirmed"
    assert kept["actor"]["account"] == account
    assert read(json.dumps(kept).encode(), "ralph").is_report


def source(lrs: RealLrs, folder: Path) -> SourceConfig:
    (folder / "ralph.password").write_text(lrs.password)
    login = {"user": lrs.user, "password": {"file": folder / "ralph.password"}}
    return SourceConfig.model_validate({"name": "ralph", "endpoint": lrs.endpoint, "login": login})
