"""Who is told what, and when: the digest once a day, learners after it. A row is written before anything leaves.

An outage of a mail server or a webhook is said once, tried again at growing pauses, and stops nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
from connector.errors import ConfigError, ConnectorError, RetryLater
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


REFUSED: Final = "notice.recipient"
"""Others get their messages, and this learner does not."""


@dataclass(frozen=True)
class Way:
    """One address of the digest; each has a last digest of its own, which goes with it to another place of the file."""

    place: str  # as the log has it: digest:to.1
    list: str  # digest:to
    address: Secret | str
    send: Callable[[Digest], None]

    def kind(self, session: Session) -> str:
        """What its rows are known by: of the address, which is a secret, only a hash, with a salt of its own."""
        try:
            address = self.address if isinstance(self.address, str) else self.address.reveal().get_secret_value()
        except ConfigError:
            return self.place
        kinds = select(Notice.kind).where(col(Notice.kind).startswith(f"{self.list}:")).distinct()
        mine = (kind for kind in session.exec(kinds) if kind == _hashed(self.list, kind.split(":")[-2], address))
        return next(mine, None) or _hashed(self.list, secrets.token_hex(8), address)


def _hashed(name: str, salt: str, address: str) -> str:
    digest = hashlib.scrypt(address.encode(), salt=salt.encode(), n=1024, r=8, p=1, dklen=8)
    return f"{name}:{salt}:{digest.hex()}"


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
        yield Way(f"digest:to.{number}", "digest:to", address, partial(_with_sheet, store, config, address))
    for number, address in enumerate(notices.tell, 1):
        yield Way(f"digest:tell.{number}", "digest:tell", address, partial(_figures, address))
    webhook = notices.webhook
    if webhook is not None:
        yield Way("digest:webhook", "digest:webhook", webhook.url, lambda said: carriers.post(webhook, document(said)))


def _with_sheet(store: Store, config: Config, address: Secret, said: Digest) -> None:
    attached = (f"open-cases-{said.day}.xlsx", sheet.write(store, config, now=said.now)) if said.open else None
    carriers.send(address, subject(said), text(said, with_sheet=True), attached)


def _figures(address: Secret, said: Digest) -> None:
    carriers.send(address, subject(said), text(said, with_sheet=False))


def _tell(store: Store, config: Config, way: Way, day: date, counts: Counts) -> None:
    claimed = _claim(store, config, way, day)
    if claimed is None:
        return
    number, said = claimed
    error = _tried(partial(way.send, said))
    if error is None:
        _sent(store, number, way.place)
    else:
        _failed(store, number, way.place, error)
    counts["told" if error is None else "failed"] += 1


def _claim(store: Store, config: Config, way: Way, day: date) -> tuple[int, Digest] | None:
    """The day's digest for this address and the number of its row, which is written now; None where none is due."""
    now = datetime.now(UTC)
    with store.reading() as session:
        row = session.exec(_of_day(way.kind(session), day)).first()
        if row is not None and not _is_due(row, now):
            return None
    with store.writing() as session:
        alone(session, "desk.notices")
        kind = way.kind(session)
        row = session.exec(_of_day(kind, day).with_for_update()).first()
        if row is not None and not _is_due(row, now):
            return None
        rows = select(Notice).where(Notice.kind == kind)
        last = session.exec(rows.where(col(Notice.sent_at).is_not(None)).order_by(col(Notice.id).desc())).first()
        found = _open(session, config, now)
        said = digest(found, last.told if last else None, day=day, now=now)
        row = row or _in_place_of_older(session, Notice(kind=kind, subject=day.isoformat(), fingerprint=""), way)
        row.told = told(found, now) if said.is_news else None
        row.fingerprint = fingerprint(row.told) if row.told else NOTHING
        row.made_at, row.next_at = now, now + CLAIM if said.is_news else None
        session.add(row)
        session.flush()
        return (row.id, said) if said.is_news else None


def _of_day(kind: str, day: date) -> SelectOfScalar[Notice]:
    return select(Notice).where(Notice.kind == kind, Notice.subject == day.isoformat())


def _is_due(row: Notice, now: datetime) -> bool:
    return row.next_at is not None and circuit.is_due(row.next_at, now)


def _in_place_of_older(session: Session, row: Notice, way: Way) -> Notice:
    """A digest that never left is over once a newer one is made, also one made while the address could not be read;
    the outage that it met goes on until something leaves, however long there is no news.
    """
    unsent = select(Notice).where(col(Notice.kind).in_([row.kind, way.place]), col(Notice.sent_at).is_(None))
    open_ = unsent.where(col(Notice.next_at).is_not(None) | (Notice.code != "")).order_by(col(Notice.id))
    for older in session.exec(open_).all():
        row.attempts, row.code = older.attempts, older.code
        older.next_at, older.told, older.code = None, None, ""
        session.add(older)
    return row


def _unsent(*kinds: str) -> SelectOfScalar[Notice]:
    rows = select(Notice).where(
        col(Notice.kind).in_(kinds), col(Notice.sent_at).is_(None), col(Notice.next_at).is_not(None)
    )
    return rows.order_by(col(Notice.id))


def _open(session: Session, config: Config, now: datetime) -> list[Open]:
    found = []
    for case in open_cases(session):
        activity = session.get(ActivityRow, (case.provider, case.activity))
        zone = config.zone_at(case.provider)
        claim_date = activity.credit_claim_date if activity else None
        found.append(
            Open(case=case, deadline=outlook(case.completed_on, zone, now, claim_date, board=bool(case.board)).next)
        )
    return found


def _tried(send: Callable[[], None]) -> ConnectorError | None:
    """One notice on its way; what came between, if not our own store."""
    try:
        send()
    except ConnectorError as error:
        if error.code.startswith(("store.", "config.store")):
            raise
        return error
    return None


def _sent(store: Store, number: int, place: str) -> None:
    with store.writing() as session:
        row = session.get_one(Notice, number)
        stopped = _stopped(session, row)
        row.sent_at, row.next_at = datetime.now(UTC), None
        for one in (row, *stopped):
            one.code = ""
            session.add(one)
        if row.kind != messages.KIND:  # what an older digest told is no longer compared with anything
            older = select(Notice).where(Notice.kind == row.kind, col(Notice.id) < row.id)
            for one in session.exec(older.where(col(Notice.told).is_not(None))).all():
                one.told = None
                session.add(one)
    NOTICES.labels(kind=place, result="sent").inc()
    if stopped:
        log.info("notice.recovered", where=place)


def _stopped(session: Session, row: Notice) -> list[Notice]:
    """Where the outage of its way stands, if there is one: all learners have one way, each digest has its own."""
    waiting = session.exec(_unsent(row.kind)).all() if row.kind == messages.KIND else [row]
    return [one for one in waiting if one.code not in ("", REFUSED)]


def _failed(store: Store, number: int, place: str, error: ConnectorError) -> None:
    with store.writing() as session:
        row = session.get_one(Notice, number)
        stopped = _stopped(session, row)
        is_news = all(one.code != error.code for one in stopped)
        row.attempts, row.code = max(one.attempts for one in (row, *stopped)) + 1, error.code
        asked_for = timedelta(seconds=error.wait or 0) if isinstance(error, RetryLater) else timedelta()
        pause = max(asked_for, circuit.back_off(row.attempts, RETRY_FIRST, RETRY_MOST))
        row.next_at = datetime.now(UTC) + pause
        session.add(row)
    NOTICES.labels(kind=place, result="failed").inc()
    if is_news:
        who = "" if isinstance(error, RetryLater) else "operator"
        log.warning("notice.stopped", where=place, code=error.code, error=error.message, hint=error.hint, who=who)


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


@dataclass
class Round:
    """What came of one message after the other: is it the mail server that fails, or one mailbox?

    Who does not get through between others who do has himself to blame; two in a row are an outage, which ends it.
    """

    store: Store
    counts: Counts
    got_through: bool = False
    in_doubt: dict[int, ConnectorError] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return len(self.in_doubt) > 1 or any(not isinstance(one, RetryLater) for one in self.in_doubt.values())

    def note(self, row: Notice, error: ConnectorError | None) -> None:
        self.counts["told" if error is None else "failed"] += 1
        if error is None:
            self.got_through = True
            _sent(self.store, row.id, messages.KIND)
            _not_reached(self.store, self.in_doubt)
            self.in_doubt.clear()
        elif REFUSED in (error.code, row.code) or (self.got_through and row.attempts):
            _not_reached(self.store, [row.id])
        else:
            self.in_doubt[row.id] = error

    def end(self) -> None:
        if self.got_through and not self.is_over:
            _not_reached(self.store, self.in_doubt)
        elif self.in_doubt:
            *others, (number, error) = self.in_doubt.items()
            _failed(self.store, number, messages.KIND, error)
            _put_back(self.store, [other for other, _ in others])


def _send_messages(store: Store, config: Config, address: Secret, counts: Counts) -> None:
    """One after the other, who failed before behind the others; the pause after an outage counts for all."""
    now = datetime.now(UTC)
    with store.reading() as session:
        waiting = sorted(session.exec(_unsent(messages.KIND)).all(), key=lambda row: (row.attempts, row.id))
        open_ = messages.items(session, now) if waiting else {}
    if not all(circuit.is_due(row.next_at, now) for row in waiting if row.attempts):
        return
    offices = {provider.id: provider.name for provider in config.providers}
    turn = Round(store, counts)
    for row in waiting:
        if store.stopping.is_set() or turn.is_over:
            break
        found = _claim_message(store, row.id, open_.get(int(row.subject), {}))
        if found is None:
            continue
        recipient, items = found
        title, body = messages.subject(offices.get(items[0].provider, "")), messages.text(items, offices)
        turn.note(row, _tried(partial(carriers.send_to, address, recipient, title, body)))
    turn.end()


def _put_back(store: Store, numbers: Iterable[int]) -> None:
    """They wait as if they had not been tried: one row has the outage for all."""
    with store.writing() as session:
        for number in numbers:
            session.get_one(Notice, number).next_at = datetime.now(UTC)


def _not_reached(store: Store, numbers: Iterable[int]) -> None:
    """Over for today: the next plan has them again, perhaps with another mailbox."""
    for number in numbers:
        with store.writing() as session:
            row = session.get_one(Notice, number)
            is_news = row.code != REFUSED
            row.attempts, row.code, row.next_at = row.attempts + 1, REFUSED, None
            session.add(row)
        NOTICES.labels(kind=messages.KIND, result="failed").inc()
        if is_news:
            error = f"learner {row.subject} cannot be written to, and others can"
            log.warning("notice.not_reached", code=REFUSED, error=error, hint=carriers.NOT_REACHED, who="coordinator")


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
    if heir is not None and row.code not in ("", REFUSED):
        heir.attempts, heir.code = row.attempts, row.code
        session.add(heir)
    row.attempts, row.code = 0, ""
