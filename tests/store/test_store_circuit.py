"""circuit: when it is time to ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.errors import RetryLater
from connector.store import circuit
from connector.store.session import Store
from connector.store.tables import Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("ahead", "closed"),
    [
        (timedelta(0), True),
        (MINUTE, False),
        (circuit.LONGEST_PAUSE, False),
        (circuit.LONGEST_PAUSE + MINUTE, True),
        (timedelta(days=365), True),
    ],
)
def test_a_pause_longer_than_any_of_ours_was_set_by_a_wrong_clock(ahead: timedelta, *, closed: bool) -> None:
    row = Source(id="campus", fingerprint="", circuit="open", next_at=NOON + ahead)
    assert circuit.is_closed(row, NOON) == closed


@pytest.mark.parametrize("wait", [None, 10.0 * 86_400])
def test_no_pause_is_longer(any_store: Store, wait: float | None) -> None:
    """Whatever the settings and the other side ask for."""
    with any_store.writing() as session:
        row = Source(id="campus", fingerprint="")
        month = timedelta(days=30)
        circuit.stop(session, row, RetryLater("lrs.busy", "", wait=wait), now=NOON, first=month, most=month)
        assert row.next_at == NOON + circuit.LONGEST_PAUSE
        assert not circuit.is_closed(row, NOON)
