"""From a completion in a real LRS to a credit in PARS: Moodle's statements in Ralph, every stage, the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector import activities, pipeline
from connector.config import Config
from connector.records import Counts
from connector.sandbox import world_statements as sends
from connector.sandbox.clock import CENTRAL
from connector.sandbox.server import Sandbox
from connector.store.open import open_store
from connector.store.session import Store
from tests.cli import rehearsal
from tests.ralph.server import Ralph

STEWARDSHIP, STROKE_CLOSED = (57, "Antibiotic Stewardship"), (31, "Stroke Update")
SOURCE = """\
  - name: ralph
    endpoint: {endpoint}
    product: ralph
    login: {{user: {user}, password: {{file: lrs.password}}}}
    start_from: everything
    registration: session
    cursor_field: timestamp
    page: 50
mappings:"""


@dataclass
class Campus:
    """A Moodle that sends to Ralph, and a provider who reports to the sandbox."""

    ralph: Ralph
    sandbox: Sandbox
    store: Store
    config: Config

    def complete(self, username: str, *, age: timedelta, course: tuple[int, str] = STEWARDSHIP) -> dict[str, Any]:
        person = self.sandbox.world.people[username]
        return sends.moodle_course_completed(person, *course, datetime.now(UTC) - age)

    def turn(self) -> dict[str, Counts]:
        return pipeline.run(self.store, self.config)

    def reported(self) -> dict[tuple[str, str], str]:
        """Learner and activity -> the civil date that PARS holds; the test fails on anything doubled."""
        held = rehearsal.holds(self.sandbox)
        found = {(credit["learner"], credit["activity"]): credit["completed"] for credit in held}
        assert len(found) == len(held)
        return found


@pytest.fixture
def campus(ralph: Ralph, tmp_path: Path) -> Iterator[Campus]:
    with Sandbox(load=False) as sandbox:
        path = rehearsal.lay_out(tmp_path / "place", sandbox)
        text = path.read_text()
        before, _, rest = text.partition("  - name: rehearsal")
        after = rest.partition("mappings:")[2]
        path.write_text(before + SOURCE.format(endpoint=ralph.endpoint, user=ralph.user) + after)
        (path.parent / "lrs.password").write_text(ralph.password)
        config = rehearsal.load(path)
        store = open_store(config)
        activities.load(config, store)
        yield Campus(ralph, sandbox, store, config)
        store.dispose()


def civil(age: timedelta) -> str:
    """The date in the provider's zone."""
    return (datetime.now(UTC) - age).astimezone(CENTRAL).date().isoformat()


def test_what_a_real_lrs_holds_is_what_pars_holds(campus: Campus) -> None:
    day = timedelta(days=1)
    first = {"aoneill": 1 * day, "jbrown": 2 * day, "kmensah": 3 * day, "nkowalska": 5 * day, "oadeyemi": 8 * day}
    sent = [campus.complete(name, age=age) for name, age in first.items()]
    again = [dict(one) for one in sent[:2]]  # a batch that Moodle sends a second time
    closed = campus.complete("pjansen", age=day, course=STROKE_CLOSED)
    campus.ralph.post([*sent, *again, closed])
    done = campus.turn()
    assert done["collection"]["linked"] >= 2  # Ralph is shared with other tests
    assert campus.reported() == {(name, "203512347"): civil(age) for name, age in first.items()}

    unchanged = campus.turn()
    assert {name: +counts for name, counts in unchanged.items() if set(+counts) - pipeline.QUIET} == {}

    campus.ralph.post([campus.complete("suharti", age=9 * day)])  # sent late, and older than all that was read
    campus.turn()
    expected = {(name, "203512347"): civil(age) for name, age in {**first, "suharti": 9 * day}.items()}
    assert campus.reported() == expected
    campus.turn()
    assert campus.reported() == expected
    assert campus.sandbox.check() == []
