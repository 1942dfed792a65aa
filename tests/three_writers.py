"""Three senders at once while the connector polls: what they have sent, so that a test can count what arrived."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import select

from connector.store.session import Store
from connector.store.tables import StatementRow
from tests.lrs.samples import moodle
from tests.real_lrs import RealLrs

Json = dict[str, Any]

WRITERS, ROUNDS = 3, 5
PATIENCE = 60.0


def completion(number: int, when: datetime) -> Json:
    """As Moodle sends it: no id, no stored, the time of the event in whole seconds."""
    stamp = when.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", ".000Z")
    sent = moodle(number, timestamp=stamp)
    return {name: value for name, value in sent.items() if name not in ("id", "stored", "authority", "version")}


@dataclass
class Writers:
    """In each round every writer posts a batch, a single one, that batch again under new ids, and one with ids twice.

    The first writer's events are of now, the second's all of one second, the third's up to two weeks old.
    """

    lrs: RealLrs
    batch: int
    run: int = field(default_factory=lambda: uuid.uuid4().int % 10**9)
    ids: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    facts: int = 0
    failed: list[BaseException] = field(default_factory=list)

    def race(self, poll: Callable[[], object]) -> None:
        """Play all rounds; each begins together with a poll, which is called on while anybody still writes."""
        gates = [threading.Event() for _ in range(ROUNDS)]
        threads = [threading.Thread(target=self._write, args=(writer, gates)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        for gate in gates:
            gate.set()
            poll()
        while any(thread.is_alive() for thread in threads):
            poll()
        assert self.failed == []

    def _write(self, writer: int, gates: list[threading.Event]) -> None:
        try:
            for number, gate in enumerate(gates):
                assert gate.wait(PATIENCE)
                for statements, is_again in self._round(writer, number):
                    ids = self.lrs.post(statements)
                    with _COUNTING:
                        self._count(ids, is_again=is_again)
        except BaseException as error:
            self.failed.append(error)

    def _count(self, ids: list[str], *, is_again: bool) -> None:
        fresh = [one for one in ids if one not in self.ids]
        self.ids.update(ids)
        self.resent += len(fresh) if is_again else 0
        self.facts += 0 if is_again else len(fresh)

    def _round(self, writer: int, number: int) -> Iterator[tuple[list[Json], bool]]:
        many = [self._event(writer, number * 1000 + n) for n in range(self.batch)]
        named = [self._event(writer, number * 1000 + 500 + n) | {"id": str(uuid.uuid4())} for n in range(3)]
        yield many, False
        yield [self._event(writer, number * 1000 + 900)], False
        yield many, True
        yield named, False
        yield named, False  # under the same ids: the LRS has them already

    def _event(self, writer: int, number: int) -> Json:
        now = datetime.now(UTC)
        ages = (timedelta(), timedelta(hours=1), timedelta(days=number % 13, hours=2))
        when = now.replace(minute=0, second=0) if writer == 1 else now
        return completion(self.run + writer * 100_000 + number, when - ages[writer])


_COUNTING = threading.Lock()


def send_some(lrs: RealLrs) -> None:
    """Enough for an LRS to show its ways: several requests of events older than all others, in no order."""
    now = datetime.now(UTC)
    for batch in range(5):
        days = [20 + (batch * 7 + n) % 11 for n in range(9)]
        lrs.post([completion(10**9 + batch * 10 + n, now - timedelta(days=day)) for n, day in enumerate(days)])


def arrived(store: Store, writers: Writers) -> tuple[set[str], int, int]:
    """The ids that the store holds of theirs, how many of these stand for themselves, and how many are linked."""
    with store.reading() as session:
        rows = [row for row in session.exec(select(StatementRow)) if row.statement_id in writers.ids]
    linked = sum(row.duplicate_of is not None for row in rows)
    assert len(rows) == len({row.statement_id for row in rows})
    return {row.statement_id for row in rows}, len(rows) - linked, linked
