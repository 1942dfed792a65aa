"""Reads every source that is due and leaves statement rows for the mapping. Knows no rule and no learner.

First the present, then what is wished to be read again: each source with a lease, a circuit and a fault of its own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from connector import metrics
from connector.collection import polling, quiet, rereading, starting
from connector.collection.reading import OURS, OWNER, Progress, Reading, lease_length
from connector.config import Config, SourceConfig
from connector.endpoints import open_client
from connector.errors import ConnectorError
from connector.records import Counts
from connector.store import circuit, leases
from connector.store.session import Store
from connector.store.tables import Source

MOST_PAUSE = timedelta(minutes=15)


def run(store: Store, config: Config) -> Counts:
    """Read every source once, all at the same time; one that fails or hangs does not keep the others from being read.

    The unexpected in one of them comes out when all have ended.
    """
    if not config.polled:
        return Counts()
    with ThreadPoolExecutor(len(config.polled), thread_name_prefix="source") as pool:
        turns = [pool.submit(collect, store, config, source) for source in config.polled]
    return sum((turn.result() for turn in turns), Counts())


def collect(
    store: Store,
    config: Config,
    source: SourceConfig,
    progress: Progress | None = None,
    patience: timedelta | None = None,
) -> Counts:
    """Read one source to its present, unless its circuit is open or another process reads it; then what is wished to
    be read again, until `patience` is at its end (None: all of it).

    Outages and refusals stop the source (counted as `failed`) and raise nothing; only the unexpected does.
    """
    counts = Counts()
    if not _take(store, source):
        return counts
    try:
        with open_client(source) as lrs:
            reading = Reading(store, source, lrs, counts, progress)
            starting.begin(reading, config.zone_of(config.providers[0], source))
            polling.to_the_present(reading)
            if rereading.carry_on(reading, patience):
                _give_back(store, source)
    except ConnectorError as error:
        if error.code.startswith(OURS):
            raise
        _stop(store, source, error)
        counts["failed"] += 1
    except BaseException:
        _give_back(store, source)
        raise
    finally:
        metrics.STATEMENTS_READ.labels(source=source.name).inc(counts["stored"])
    return counts


def watch(store: Store, config: Config) -> None:
    """Look for sources that have become quiet."""
    quiet.watch(store, config)


def _take(store: Store, source: SourceConfig) -> bool:
    """Lease the source's row, made at first use."""
    now = datetime.now(UTC)
    with store.writing() as session:
        row = session.get(Source, source.name) or Source(id=source.name, fingerprint=starting.fingerprint(source))
        session.add(row)
        # On SQLite the run lock is exclusive: whoever else held this lease is dead. Reading twice harms nobody.
        elsewhere = not store.is_sqlite and row.lease_owner not in ("", OWNER) and not leases.has_run_out(row, now)
        if elsewhere or not circuit.is_closed(row, now):
            return False
        leases.lease(row, OWNER, now=now, length=lease_length(source))
        return True


def _give_back(store: Store, source: SourceConfig) -> None:
    with store.writing() as session:
        leases.free(session.get_one(Source, source.name))


def _stop(store: Store, source: SourceConfig, error: ConnectorError) -> None:
    with store.writing() as session:
        row = session.get_one(Source, source.name)
        leases.free(row)
        circuit.stop(session, row, error, now=datetime.now(UTC), first=source.every, most=MOST_PAUSE)
