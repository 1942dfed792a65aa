"""Who is told what, and when: the digest once a day, learners after it. A row is written before anything leaves.

An outage of a mail server or a webhook is said once, tried again at growing pauses, and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from connector.config import Config, Secret
from connector.desk import carriers, messages, sheet
from connector.desk.cases import open_cases
from connector.desk.deadlines import outlook
from connector.desk.digest import Digest, Open, digest, document, fingerprint, subject, text, told
from connector.errors import ConnectorError, RetryLater
from connector.logs import log
from connector.metrics import NOTICES
from connector.records import Counts
from connector.store import circuit
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.tables import ActivityRow, Notice

CLAIM: Final = timedelta(minutes=10)
"""How long the process that sends one may take: after that it has died, and the notice is sent by another."""
RETRY_FIRST, RETRY_MOST = timedelta(minutes=1), timedelta(hours=1)
NOTHING: Final = "nothing"
"""In place of a fingerprint: this day had nothing to tell."""


@dataclass(frozen=True)
class Way:
    """One address of the digest; each has a last digest of its own."""

    kind: str
    send: Callable[[Digest], None]


def run(store: Store, config: Config) -> Counts:
    """What is due now; nothing that fails keeps the next one from being tried."""
    counts = Counts()
    now = datetime.now(UTC)
    day = last_day(now, ZoneInfo(config.providers[0].zone), time.fromisoformat(config.desk.notices.at))
    for way in _ways(store, config):
        if not store.stopping.is_set():
            _tell(store, config, way, day, counts)
    if config.desk.notices.learners is not None:
        _plan_messages(store, day)
        _send_messages(store, config, config.desk.notices.learners, counts)
    return counts


def last_day(now: datetime, zone: ZoneInfo, at: time) -> date:
    """The day whose hour has come last: a missed one is made up. Where clocks change, an hour that is left out comes
    when it would have come, and of one that comes twice the first counts.
    """
    today = now.astimezone(zone).date()
    return today if now >= datetime.combine(today, at, tzinfo=zone) else today - timedelta(days=1)


def _ways(store: Store, config: Config) -> Iterator[Way]:
    notices = config.desk.notices
    for number, address in enumerate(notices.to, 1):
        yield Way(f"digest:to.{number}", partial(_with_sheet, store, config, address))
    for number, address in enumerate(notices.tell, 1):
        yield Way(f"digest:tell.{number}", partial(_figures, address))
    webhook = notices.webhook
    if webhook is not None:
        yield Way("digest:webhook", lambda said: carriers.post(webhook, document(said)))


def _with_sheet(store: Store, config: Config, address: Secret, said: Digest) -> None:
    attached = (f"open-cases-{said.day}.xlsx", sheet.write(store, config, now=said.now)) if said.open else None
    carriers.send(address, subject(said), text(said, with_sheet=True), attached)


def _figures(address: Secret, said: Digest) -> None:
    carriers.send(address, subject(said), text(said, with_sheet=False))


def _tell(store: Store, config: Config, way: Way, day: date, counts: Counts) -> None:
    claimed = _claim(store, config, way.kind, day)
    if claimed:
        number, said = claimed
        counts[_send(store, number, way.kind, partial(way.send, said))] += 1


def _claim(store: Store, config: Config, kind: str, day: date) -> tuple[int, Digest] | None:
    """The day's digest for this address and the number of its row, which is written now; None where none is due."""
    now = datetime.now(UTC)
    rows = select(Notice).where(Notice.kind == kind)
    with store.reading() as session:
        row = session.exec(rows.where(Notice.subject == day.isoformat())).first()
        if row is not None and (row.next_at is None or not circuit.is_due(row.next_at, now)):
            return None
    with store.writing() as session:
        alone(session, "desk.notices")
        row = session.exec(rows.where(Notice.subject == day.isoformat()).with_for_update()).first()
        if row is not None and (row.next_at is None or not circuit.is_due(row.next_at, now)):
            return None
        last = session.exec(rows.where(col(Notice.sent_at).is_not(None)).order_by(col(Notice.id).desc())).first()
        found = _open(session, config, now)
        said = digest(found, last.told if last else None, day=day, now=now)
        row = row or _in_place_of_older(session, Notice(kind=kind, subject=day.isoformat(), fingerprint=""))
        row.told = told(found, now) if said.is_news else None
        row.fingerprint = fingerprint(row.told) if row.told else NOTHING
        row.made_at, row.next_at = now, now + CLAIM if said.is_news else None
        session.add(row)
        session.flush()
        return (row.id, said) if said.is_news else None


def _in_place_of_older(session: Session, row: Notice) -> Notice:
    """A digest that never left is over once a newer one is made; the outage that it met goes on."""
    for older in session.exec(_unsent(row.kind)).all():
        row.attempts, row.code = older.attempts, older.code
        older.next_at, older.told = None, None
        session.add(older)
    return row


def _unsent(kind: str) -> SelectOfScalar[Notice]:
    rows = select(Notice).where(Notice.kind == kind, col(Notice.sent_at).is_(None), col(Notice.next_at).is_not(None))
    return rows.order_by(col(Notice.id))


def _open(session: Session, config: Config, now: datetime) -> list[Open]:
    found = []
    for case in open_cases(session):
        activity = session.get(ActivityRow, (case.provider, case.activity))
        zone = ZoneInfo(config.provider(case.provider).zone)
        claim_date = activity.credit_claim_date if activity else None
        found.append(Open(case=case, deadline=outlook(case.completed_on, zone, now, claim_date).next))
    return found


def _send(store: Store, number: int, kind: str, send: Callable[[], None]) -> str:
    """One notice on its way; what came of it."""
    try:
        send()
    except ConnectorError as error:
        if error.code.startswith(("store.", "config.store")):
            raise
        _failed(store, number, kind, error)
        return "failed"
    _sent(store, number, kind)
    return "told"


def _sent(store: Store, number: int, kind: str) -> None:
    with store.writing() as session:
        row = session.get_one(Notice, number)
        was_down = bool(row.code)
        row.sent_at, row.next_at, row.code = datetime.now(UTC), None, ""
        session.add(row)
        if kind != messages.KIND:  # what an older digest told is no longer compared with anything
            older = select(Notice).where(Notice.kind == kind, col(Notice.id) < row.id, col(Notice.told).is_not(None))
            for one in session.exec(older).all():
                one.told = None
                session.add(one)
    NOTICES.labels(kind=kind, result="sent").inc()
    if was_down:
        log.info("notice.recovered", where=kind)


def _failed(store: Store, number: int, kind: str, error: ConnectorError) -> None:
    with store.writing() as session:
        row = session.get_one(Notice, number)
        is_news = row.code != error.code
        row.attempts, row.code = row.attempts + 1, error.code
        asked_for = timedelta(seconds=error.wait or 0) if isinstance(error, RetryLater) else timedelta()
        pause = max(asked_for, circuit.back_off(row.attempts, RETRY_FIRST, RETRY_MOST))
        row.next_at = datetime.now(UTC) + pause
        session.add(row)
    NOTICES.labels(kind=kind, result="failed").inc()
    if is_news:
        who = "" if isinstance(error, RetryLater) else "operator"
        log.warning("notice.stopped", where=kind, code=error.code, error=error.message, hint=error.hint, who=who)


def _plan_messages(store: Store, day: date) -> None:
    """Once a day: a row for each learner for whom there is something that he was not told before."""
    now = datetime.now(UTC)
    mark = select(Notice.id).where(Notice.kind == f"{messages.KIND}s", Notice.subject == day.isoformat())
    with store.reading() as session:
        if session.exec(mark).first() is not None:
            return
    with store.writing() as session:
        alone(session, "desk.notices")
        if session.exec(mark).first() is not None:
            return
        session.add(Notice(kind=f"{messages.KIND}s", subject=day.isoformat(), fingerprint=NOTHING, made_at=now))
        busy = {row.subject for row in session.exec(_unsent(messages.KIND)).all()}
        for learner, items in messages.items(session, now).items():
            keys = sorted(items.keys() - messages.told_before(session, learner))
            if keys and str(learner) not in busy and messages.mailbox(session, learner):
                session.add(_message(session, learner, keys, now))


def _message(session: Session, learner: int, keys: list[str], now: datetime) -> Notice:
    """A row of its own; or the one that was over before it left, as he had mended it by then."""
    said = messages.fingerprint(keys)
    same = select(Notice).where(Notice.kind == messages.KIND, Notice.subject == str(learner))
    row = session.exec(same.where(Notice.fingerprint == said)).first()
    row = row or Notice(kind=messages.KIND, subject=str(learner), fingerprint=said)
    row.told, row.made_at, row.next_at = {"items": keys}, now, now
    return row


def _send_messages(store: Store, config: Config, address: Secret, counts: Counts) -> None:
    """One after the other; the first failure ends the turn, and the pause counts for all."""
    now = datetime.now(UTC)
    with store.reading() as session:
        waiting = session.exec(_unsent(messages.KIND)).all()
        open_ = messages.items(session, now) if waiting else {}
    if not all(circuit.is_due(row.next_at, now) for row in waiting if row.attempts):
        return
    offices = {provider.id: provider.name for provider in config.providers}
    for row in waiting:
        if store.stopping.is_set():
            return
        found = _claim_message(store, row.id, open_.get(int(row.subject), {}))
        if found is None:
            continue
        recipient, items = found
        title, body = messages.subject(offices.get(items[0].provider, "")), messages.text(items, offices)
        result = _send(store, row.id, messages.KIND, partial(carriers.send_to, address, recipient, title, body))
        counts[result] += 1
        if result != "told":
            return


def _claim_message(
    store: Store, number: int, open_: Mapping[str, messages.Item]
) -> tuple[str, list[messages.Item]] | None:
    """What is still missing, and his address; None where that is settled by now, or another process sends it."""
    now = datetime.now(UTC)
    with store.writing() as session:
        row = session.get_one(Notice, number, with_for_update=True)
        if row.sent_at is not None or row.next_at is None or not circuit.is_due(row.next_at, now):
            return None
        items = [open_[key] for key in (row.told or {}).get("items", []) if key in open_]
        recipient = messages.mailbox(session, int(row.subject))
        row.next_at = now + CLAIM if items and recipient else None
        session.add(row)
        if row.next_at is None:
            _hand_on(session, row)
        return (recipient, items) if items and recipient else None


def _hand_on(session: Session, row: Notice) -> None:
    """It never leaves; the outage that it met goes on with the next one."""
    session.flush()
    heir = session.exec(_unsent(row.kind)).first()
    if heir is not None and row.code:
        heir.attempts, heir.code = row.attempts, row.code
        session.add(heir)
    row.attempts, row.code = 0, ""
