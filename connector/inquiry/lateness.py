"""Credits that missed a deadline or are about to, for a list. Writes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connector.config import Config
from connector.desk import clocks
from connector.desk.deadlines import Deadline
from connector.records import Frozen
from connector.store.session import Store


class Late(Frozen):
    """What the clocks say of one credit."""

    ahead: Deadline | None
    missed: tuple[Deadline, ...]

    @property
    def next(self) -> str:
        """For a column: the day, and of what."""
        return _in_words(self.ahead) if self.ahead else ""

    @property
    def passed(self) -> str:
        """The last one that passed."""
        return _in_words(self.missed[-1]) if self.missed else ""

    @property
    def order(self) -> datetime:
        return self.ahead.at if self.ahead else self.missed[-1].at

    def plain(self) -> dict[str, Any]:
        """For --json."""
        return {
            "deadline": self.ahead and self.ahead.day.isoformat(),
            "deadline_kind": self.ahead and str(self.ahead.kind),
            "deadlines_passed": [str(one.kind) for one in self.missed],
        }


def late(store: Store, config: Config, now: datetime) -> dict[int, Late]:
    """By the credit's number."""
    with store.reading() as session:
        found = clocks.late(session, config, now)
    return {one.credit: Late(ahead=one.outlook.next, missed=one.outlook.passed) for one in found}


def _in_words(one: Deadline) -> str:
    return f"{one.day.isoformat()}, {one.words}"
