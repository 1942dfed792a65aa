"""A source that says nothing for three times its own longest silence is an alarm. Knows no LRS and no cursor.

Only time in which somebody listened counts: while the source was stopped or the connector was down nobody knows
whether it spoke, so that such a gap moves `last_news_at` on and is in no silence (decision 13).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from connector.config import AnySource, Config, InletConfig
from connector.logs import log
from connector.store.session import Store
from connector.store.tables import Source

TIMES = 3
AT_LEAST = timedelta(days=1)
"""A silence shorter than a night and a day is none, however busy a source usually is."""
USUAL = timedelta(hours=1)
"""Between two proofs that somebody listened; a longer time is a gap."""


def usual(source: AnySource) -> timedelta:
    """How long may lie between two successful readings of this source without a gap."""
    return USUAL if isinstance(source, InletConfig) else max(USUAL, source.every * 3)


def heard(row: Source, now: datetime, new: int, *, usual: timedelta = USUAL) -> None:
    """Somebody listened to this source until now, and `new` statements came that were not known."""
    listened = row.last_success_at
    row.last_success_at = now
    if row.last_news_at is None:
        row.last_news_at = now
        return
    gap = now - listened if listened and now - listened > usual else timedelta()
    row.last_news_at = min(row.last_news_at + gap, now)  # never ahead, as our clock may have been
    if not new:
        return
    silence = min(now - row.last_news_at, alarms_after(row))  # the rest of it may be the fault that the alarm told of
    row.longest_quiet_s = max(row.longest_quiet_s, int(silence.total_seconds()))
    row.last_news_at = now
    if row.quiet_said_at:
        row.quiet_said_at = None
        log.info("source.talks_again", source=row.id)


def silence(row: Source, now: datetime) -> timedelta:
    """How long it has said nothing while somebody listened."""
    until = min(now, row.last_success_at or now)
    return max(until - row.last_news_at, timedelta()) if row.last_news_at else timedelta()


def alarms_after(row: Source) -> timedelta:
    return TIMES * max(timedelta(seconds=row.longest_quiet_s), AT_LEAST)


def is_quiet(row: Source, now: datetime) -> bool:
    return silence(row, now) > alarms_after(row)


def watch(store: Store, config: Config) -> None:
    """Say once of each source that it has become quiet. An inlet is listened to as long as this runs."""
    now = datetime.now(UTC)
    for source in config.sources:
        with store.writing() as session:
            row = _row(session, source)
            if row is None:
                continue
            if isinstance(source, InletConfig):
                heard(row, now, 0)
            if is_quiet(row, now) and row.quiet_said_at is None:
                row.quiet_said_at = now
                _say(row, now)


def _row(session: Session, source: AnySource) -> Source | None:
    """An inlet's row is made here, so that one that never spoke is missed too; an LRS's at its first reading."""
    row = session.get(Source, source.name)
    if row is None and isinstance(source, InletConfig):
        row = Source(id=source.name, fingerprint="")
        session.add(row)
    return row


def _say(row: Source, now: datetime) -> None:
    log.warning(
        "source.quiet",
        source=row.id,
        wait_s=int(silence(row, now).total_seconds()),
        hint="look whether the LMS still sends its statements: there may be nothing to report, or a broken plugin",
        who="administrator",
    )
