"""A Moodle that sends to a real LRS, and a provider who reports to the sandbox: from completion to credit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector import activities, pipeline
from connector.config import Config
from connector.records import Counts
from connector.sandbox.clock import CENTRAL
from connector.sandbox.server import Sandbox
from connector.sandbox.world import statements as sends
from connector.store.open import open_store
from connector.store.session import Store
from tests.cli import rehearsal
from tests.real_lrs import RealLrs

STEWARDSHIP, STROKE_CLOSED = (57, "Antibiotic Stewardship"), (31, "Stroke Update")
SOURCE = """\
  - name: campus
    endpoint: {endpoint}
    product: {product}
    login: {{user: {user}, password: {{file: lrs.password}}}}
    start_from: everything
    registration: session
    page: 50
mappings:"""


@dataclass
class Campus:
    """The LRS may be shared with other tests: what they have stored is read here too, and no rule takes it."""

    lrs: RealLrs
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
        held = [credit for credit in rehearsal.holds(self.sandbox) if credit["state"] != "Deleted"]
        found = {(credit["learner"], credit["activity"]): credit["completed"] for credit in held}
        assert len(found) == len(held)
        return found


@contextmanager
def campus_on(lrs: RealLrs, folder: Path) -> Iterator[Campus]:
    """A campus whose configuration and store lie in `folder`."""
    with Sandbox(load=False) as sandbox:
        path = rehearsal.lay_out(folder, sandbox)
        text = path.read_text()
        before, _, rest = text.partition("  - name: rehearsal")
        after = rest.partition("mappings:")[2]
        source = SOURCE.format(endpoint=lrs.endpoint, user=lrs.user, product=lrs.product)
        path.write_text(before + source + after)
        (path.parent / "lrs.password").write_text(lrs.password)
        config = rehearsal.load(path)
        store = open_store(config)
        activities.load(config, store)
        yield Campus(lrs, sandbox, store, config)
        store.dispose()


def civil(age: timedelta) -> str:
    """The date in the provider's zone."""
    return (datetime.now(UTC) - age).astimezone(CENTRAL).date().isoformat()


def play(campus: Campus) -> list[str]:
    """Completions, some sent twice, one of a closed activity, one late: PARS holds each once. Gives the first ids."""
    day = timedelta(days=1)
    first = {"aoneill": 1 * day, "jbrown": 2 * day, "kmensah": 3 * day, "nkowalska": 5 * day, "oadeyemi": 8 * day}
    sent = [campus.complete(name, age=age) for name, age in first.items()]
    again = [dict(one) for one in sent[:2]]  # a batch that Moodle sends a second time
    closed = campus.complete("pjansen", age=day, course=STROKE_CLOSED)
    ids = campus.lrs.post([*sent, *again, closed])
    done = campus.turn()
    assert done["collection"]["linked"] >= 2
    assert campus.reported() == {(name, "203512347"): civil(age) for name, age in first.items()}

    unchanged = campus.turn()
    assert {name: +counts for name, counts in unchanged.items() if set(+counts) - pipeline.QUIET} == {}

    campus.lrs.post([campus.complete("suharti", age=9 * day)])  # sent late, and older than all that was read
    campus.turn()
    expected = {(name, "203512347"): civil(age) for name, age in {**first, "suharti": 9 * day}.items()}
    assert campus.reported() == expected
    campus.turn()
    assert campus.reported() == expected
    assert campus.sandbox.check() == []
    return ids
