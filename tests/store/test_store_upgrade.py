"""A store of the schema before, with rows in it, on both engines: nothing of it is lost, and the new columns work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command

from connector.collection import own
from connector.lrs import own as shape
from connector.store.session import Store, _alembic
from connector.store.tables import Award, EvidenceRow, LearnerRow, Source, StatementRow
from tests.learners.middle import NOON

# Numbers that no sequence gives soon.
ROWS = """
INSERT INTO provider (id, environment, host) VALUES ('0001234', 'test', 'pars.example.org');
INSERT INTO source (id, fingerprint, circuit, code, failures, lease_owner, high_water)
    VALUES ('campus', 'f', 'closed', '', 0, '', '2026-03-10 15:04:06');
INSERT INTO learner (id, given_name, ids, profession, rems, origins, found)
    VALUES (900, 'Zanna', '{}', 'MD', '{}', '{}', true);
INSERT INTO statement (id, source_id, statement_id, actor_key, verb, object_id, registration, content_key, voids)
    VALUES (900, 'campus', '11111111-1111-4111-8111-111111111111', 'mbox:a@example.org', 'v', 'o', '', '', '');
INSERT INTO award (id, provider_id, activity_id, learner_id, per, anchor, rule, rule_hash, completed_on)
    VALUES (900, '0001234', '203512345', 900, '', 'mbox:a@example.org', 'course', 'h', '2026-03-10');
INSERT INTO evidence (id, statement_pk, actor_key, rule, rule_hash, outcome, reason, award_id, standing)
    VALUES (900, 900, 'mbox:a@example.org', 'course', 'h', 'completion', '', 900, true);
"""


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/old.db"
    make: Callable[[], str] = request.getfixturevalue("postgres")
    return make()


def test_from_the_first_schema(address: str) -> None:
    store = Store(address)
    with store.engine.connect() as connection:
        command.upgrade(_alembic(connection), "0001")
        for row in ROWS.strip().split(";")[:-1]:
            connection.exec_driver_sql(row)
        connection.commit()
    assert store.upgrade()
    with store.reading() as session:
        source = session.get_one(Source, "campus")
        assert (source.longest_quiet_s, source.last_news_at, source.quiet_said_at) == (0, None, None)
        assert source.high_water is not None
        assert session.get_one(StatementRow, 900).members is None
        assert session.get_one(EvidenceRow, 900).next_at is None
        assert (session.get_one(Award, 900).learner_id, session.get_one(LearnerRow, 900).given_name) == (900, "Zanna")
    told = shape.completion(
        key=("a",),
        actor={"mbox": "mailto:a@example.org"},
        verb=shape.COMPLETED,
        activity={"id": "https://lms.example.org/course/1"},
        timestamp=NOON,
        stored=NOON,
        extensions={},
    )
    assert own.keep(store, "campus", [told])["stored"] == 1
    store.dispose()
