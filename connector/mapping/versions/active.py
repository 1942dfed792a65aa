"""Which rules are in force: the store says so, and the files on disk may take their place. Looks at no statement.

Several daemons on one store may have different files. They agree: rules that were never in force are activated by
whoever has them; rules that were, and were superseded, only by whoever touched their files since, or by SIGHUP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from weakref import WeakKeyDictionary, WeakSet

from sqlmodel import Session, col, select

from connector.config import Config
from connector.errors import MappingError
from connector.logs import log
from connector.mapping import rule_files
from connector.mapping.loader import Defaults, Ruleset
from connector.mapping.rule_files import Loaded, OnDisk, defaults_of
from connector.metrics import MAPPING_ACTIVATED, MAPPING_DIFFERS, MAPPING_VALID
from connector.records import Counts
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.tables import Event, MappingVersion

ROOM = "mapping"
AT_ONCE, SETTLED = timedelta(0), timedelta(seconds=2)

_HUNG_UP: WeakSet[Store] = WeakSet()
_ACTIVATED: WeakKeyDictionary[Store, OnDisk] = WeakKeyDictionary()
"""The files that this process has put into force: a time in the future does not make them touched for ever."""


class Verdict(Enum):
    """What becomes of the files on disk."""

    WAIT = auto()  # somebody may still be writing them
    REFUSED = auto()
    IN_FORCE = auto()
    ACTIVATE = auto()
    OTHERS = auto()  # another daemon's rules are in force, and were put there later


@dataclass(frozen=True)
class Judged:
    """The files on disk beside the version that the store holds."""

    verdict: Verdict
    files: OnDisk
    row: MappingVersion | None
    found: Loaded | None = None


def is_settling(store: Store, config: Config) -> bool:
    """Were the files touched just now? A turn leaves them alone that long: somebody may still be writing them."""
    with store.reading() as session:
        return judge(session, store, config, settled=SETTLED).verdict is Verdict.WAIT


def read_again(store: Store) -> None:
    """A person asks for it: whatever is on disk is read with the next turn, and counts as touched."""
    rule_files.read_again()
    _HUNG_UP.add(store)


def in_force(store: Store, config: Config, *, settled: timedelta = AT_ONCE) -> tuple[int, Ruleset]:
    """The rules to map with, and the number of their version (promise P7).

    Files touched less than `settled` ago, which somebody may still be writing, leave the old rules where they are; so
    do bad ones. Without old rules MappingError is raised.
    """
    asked = store in _HUNG_UP
    _HUNG_UP.discard(store)
    with store.reading() as session:
        judged = judge(session, store, config, settled=AT_ONCE if asked else settled, touched=asked)
    if judged.verdict is Verdict.ACTIVATE:
        with store.writing() as session:
            alone(session, ROOM)  # another daemon may have been quicker
            judged = judge(session, store, config, settled=AT_ONCE if asked else settled, touched=asked)
            if judged.verdict is Verdict.ACTIVATE:
                return _activate(session, store, judged, defaults_of(config))
    return _as_they_are(store, judged, defaults_of(config))


def next_rules(store: Store, config: Config) -> Ruleset:
    """What the next turn would map with, without putting it into force."""
    with store.reading() as session:
        judged = judge(session, store, config)
    found = judged.found
    if found and judged.verdict in (Verdict.ACTIVATE, Verdict.IN_FORCE):
        return found.rules
    if judged.row is None:
        raise _fault(found)
    return rule_files.stored(judged.row.hash, judged.row.files, defaults_of(config))


def judge(
    session: Session, store: Store, config: Config, *, settled: timedelta = AT_ONCE, touched: bool = False
) -> Judged:
    """What becomes of the files; changes nothing."""
    row = active_row(session)
    files = rule_files.on_disk(config.mappings)
    if row is not None and files.is_younger_than(settled, datetime.now(UTC)):
        return Judged(Verdict.WAIT, files, row)
    found = rule_files.loaded(files, defaults_of(config))
    if found.error is not None:
        return Judged(Verdict.REFUSED, files, row, found)
    if row is not None and row.hash == found.rules.hash:
        return Judged(Verdict.IN_FORCE, files, row, found)
    if rule_files.on_disk(config.mappings) != files:  # written while it was read: it may be half of it
        return Judged(Verdict.WAIT if row else Verdict.ACTIVATE, files, row, found)
    superseded = session.exec(select(MappingVersion.id).where(MappingVersion.hash == found.rules.hash)).first()
    news = row is None or superseded is None or touched or _is_touched(store, files, row)
    return Judged(Verdict.ACTIVATE if news else Verdict.OTHERS, files, row, found)


def _is_touched(store: Store, files: OnDisk, row: MappingVersion) -> bool:
    if _ACTIVATED.get(store) == files:
        return False
    return row.activated_at is None or files.touched_at > row.activated_at


def active_row(session: Session) -> MappingVersion | None:
    return session.exec(select(MappingVersion).where(col(MappingVersion.active).is_(True))).first()


def _as_they_are(store: Store, judged: Judged, defaults: Defaults) -> tuple[int, Ruleset]:
    """Nothing is activated: the rules of the store, which may be those on disk."""
    row, found = judged.row, judged.found
    if found:
        MAPPING_VALID.set(found.error is None)
    if row is None:
        raise _fault(found)
    _measure(row, differs=judged.verdict is Verdict.OTHERS)
    if judged.verdict is Verdict.IN_FORCE and found:
        _mended(store, found)
        return row.id, found.rules
    if judged.verdict is Verdict.REFUSED and found and found.is_news("refused"):
        _say_refused(store, row, _fault(found))
    if judged.verdict is Verdict.OTHERS and found and found.is_news(row.hash):
        hint = "copy the files of the other daemon here, or touch these, or send SIGHUP, to put these into force"
        log.warning("mapping.other_files", version=row.hash[:12], hint=hint)
    return row.id, rule_files.stored(row.hash, row.files, defaults)


def _fault(found: Loaded | None) -> MappingError:
    """Kept from turn to turn: its trace must not grow."""
    error = found.error if found else None
    return (error or MappingError("mapping.no_rules", "there are no rules yet")).with_traceback(None)


def _say_refused(store: Store, row: MappingVersion, error: MappingError) -> None:
    first = error.findings[0] if error.findings else error
    hint = "the rules that were active keep running"
    log.warning("mapping.refused", code=error.code, where=first.where, error=first.message, hint=hint)
    with store.writing() as session:
        _note(session, row, "refused")


def _mended(store: Store, found: Loaded) -> None:
    """The last word about the files was a refusal, and they are good again."""
    if not found.is_news("good"):
        return
    last = select(Event).where(Event.subject == "mapping").order_by(col(Event.id).desc()).limit(1)
    with store.reading() as session:
        said = session.exec(last).first()
    if said is not None and said.what == "refused":
        with store.writing() as session:
            _note(session, None, "mended")
        log.info("mapping.mended")


def _activate(session: Session, store: Store, judged: Judged, defaults: Defaults) -> tuple[int, Ruleset]:
    assert judged.found is not None  # noqa: S101 - nothing is activated that was not read
    rules, before = judged.found.rules, judged.row
    row = session.exec(select(MappingVersion).where(MappingVersion.hash == rules.hash)).first()
    row = row or MappingVersion(hash=rules.hash, files=dict(rules.files))
    if before is not None:
        before.active = False
        session.add(before)
    row.active, row.activated_at, row.files = True, datetime.now(UTC), dict(rules.files)
    session.add(row)
    session.flush()
    _note(session, row, "activated")
    _ACTIVATED[store] = judged.files
    MAPPING_VALID.set(1)
    _measure(row, differs=False)
    counts = dict(changes(_old_rules(before, defaults), rules))
    log.info("mapping.activated", version=rules.hash[:12], rules=len(rules.rules), counts=counts)
    return row.id, rules


def _old_rules(row: MappingVersion | None, defaults: Defaults) -> Ruleset | None:
    """None where there were none, or this configuration no longer fits them."""
    try:
        return rule_files.stored(row.hash, row.files, defaults) if row else None
    except MappingError:
        return None


def changes(old: Ruleset | None, new: Ruleset) -> Counts:
    """How many rules were added, changed and are gone, by name."""
    before = {active.rule.name: active.hash for active in old.rules} if old else {}
    after = {active.rule.name: active.hash for active in new.rules}
    both = before.keys() & after.keys()
    changed = sum(before[name] != after[name] for name in both)
    return Counts(added=len(after.keys() - both), changed=changed, gone=len(before.keys() - both))


def _measure(row: MappingVersion, *, differs: bool) -> None:
    MAPPING_DIFFERS.set(differs)
    if row.activated_at:
        MAPPING_ACTIVATED.set(row.activated_at.timestamp())


def _note(session: Session, row: MappingVersion | None, what: str) -> None:
    version = str(row.id) if row else ""
    session.add(Event(at=datetime.now(UTC), subject="mapping", subject_id=version, what=what, by="mapping"))
