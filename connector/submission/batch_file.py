"""Files that a person uploads: ready credits become `exported`, withdrawals go into files of their own.

The rows are written before the file is, so that a process that dies between them leaves a file that `again` writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from sqlmodel import Session, col, func, select

from connector.config import BatchKind, Config, ProviderConfig
from connector.errors import NeedsOperator
from connector.records import Counts, LearnerRecord
from connector.sheets.writing import save
from connector.store import journal
from connector.store.moves import move
from connector.store.people import snapshot
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Channel, Credit, ExportFile, Record, Submission
from connector.submission import adds, deletes, file_forms, leaving, successors, wishes
from connector.submission.assemble import assemble
from connector.submission.file_forms import SUFFIX, Content
from connector.submission.web_service import lock_record

Action = Literal["add", "delete"]
MOST_RECORDS: Final = 2000
"""Of one file: the store's lock is held while it is put together."""
_CONTENTS: Final[tuple[Content, ...]] = ("identified", "rems")

Tell = Callable[[str], None]


@dataclass
class Turn:
    """What one export of one channel shares."""

    store: Store
    config: Config
    provider: ProviderConfig
    kind: BatchKind
    channel: Channel
    old: bool  # a person has looked at those that PARS would be asked about first, if it could be
    by: str
    tell: Tell
    counts: Counts = field(default_factory=Counts)

    @property
    def adds(self) -> bool:
        """New credits leave by the provider's present channel; others of his only end what they began."""
        return self.provider.channel == self.kind


@dataclass
class _Draft:
    """A file that is being put together: its records, their credits, and the keys that are taken."""

    records: list[LearnerRecord] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    keys: set[tuple[str, ...]] = field(default_factory=set)

    def has_room(self, keys: Sequence[tuple[str, ...]]) -> bool:
        return len(self.records) < MOST_RECORDS and self.keys.isdisjoint(keys) and len(set(keys)) == len(keys)


def export(turn: Turn) -> list[int]:
    """Write everything that may leave by this channel; the numbers of the files, in the order of their upload.

    Raises NeedsOperator where the folder holds files that this store does not know.
    """
    _is_whole(turn)
    adds.delay_rems(turn.store, turn.config, turn.provider.id)
    wishes.carry_out(turn.store, turn.config, turn.provider.id, turn.counts)
    if turn.provider.send == "off":
        return []
    made: list[int] = []
    for content in _CONTENTS:
        for put_together in (_adds, _deletes) if turn.adds else (_deletes,):
            while (number := _next_file(turn, content, put_together)) is not None:
                write(turn.store, turn.provider, number)
                made.append(number)
    return made


def _is_whole(turn: Turn) -> None:
    """A store that came back from a backup forgot its youngest files: what they report would be reported twice."""
    with turn.store.reading() as session:
        known = {content: _last_sequence(session, turn, content) for content in _CONTENTS}
    form = re.compile(rf"pars-{turn.provider.id}-{turn.kind}-(identified|rems)-(\d+)-(?:add|delete)\.\w+")
    names = [path.name for path in turn.provider.exports.glob("pars-*")] if turn.provider.exports.is_dir() else []
    for found in filter(None, map(form.fullmatch, sorted(names))):
        if int(found[2]) > (known["rems"] if found[1] == "rems" else known["identified"]):
            raise NeedsOperator(
                "export.unknown_file",
                f"{found[0]} lies in the folder of exports, and this store did not write it",
                "if the store came back from a backup, `compare` and `import-receipt` first; then move the file away",
            )


def _last_sequence(session: Session, turn: Turn, content: Content) -> int:
    mine = select(func.max(ExportFile.sequence)).where(ExportFile.provider_id == turn.provider.id)
    return session.exec(mine.where(ExportFile.kind == turn.kind, ExportFile.content == content)).one() or 0


def _next_file(turn: Turn, content: Content, put_together: Callable[..., tuple[Action, _Draft]]) -> int | None:
    """One file in one transaction; None when nothing is left for it."""
    now = datetime.now(UTC)
    with turn.store.writing() as session:
        action, draft = put_together(session, turn, content, now)
        if not draft.records:
            return None
        file = _written_down(session, turn, content, action, draft, now)
        for credit in draft.credits:
            credit.attempts += 1
            if action == "delete":
                credit.lease_owner = holder(file.id)  # without an end: only a receipt, or an undo, frees it
            session.add(credit)
        turn.counts[action] += len(draft.credits)
        return file.id


def holder(file_id: int) -> str:
    """Who has a credit whose delete stands in a file."""
    return f"export {file_id}"


def _written_down(
    session: Session, turn: Turn, content: Content, action: Action, draft: _Draft, now: datetime
) -> ExportFile:
    sequence = _last_sequence(session, turn, content) + 1
    letter = {"xml-batch": "X", "excel-batch": "E"}[turn.kind] + ("R" if content == "rems" else "")
    receipt = f"{turn.provider.id}-{letter}{sequence:06}"
    tables = turn.config.tables(turn.provider)
    payload = file_forms.render(turn.kind, draft.records, tables, number=receipt, created=now)
    row = journal.write(session, session.get_one(Channel, turn.channel.id), action, payload, draft.credits, now)
    name = f"pars-{turn.provider.id}-{turn.kind}-{content}-{sequence:06}-{action}.{SUFFIX[turn.kind]}"
    file = ExportFile(
        provider_id=turn.provider.id,
        submission_id=row.id,
        kind=turn.kind,
        content=content,
        sequence=sequence,
        receipt=receipt,
        name=name,
        by=turn.by,
    )
    session.add(file)
    session.flush()
    return file


def _adds(session: Session, turn: Turn, content: Content, now: datetime) -> tuple[Action, _Draft]:
    draft = _Draft()
    for record, credits_ in _leaving(session, turn, content, now):
        if len(draft.records) >= MOST_RECORDS:
            break
        made = assemble(session, turn.config, record, credits_, "add")
        if problems := file_forms.problems(turn.kind, made, turn.config.tables(turn.provider)):
            leaving.hold(session, credits_, problems, now + adds.HELD_AGAIN, now)
            turn.counts["held"] += len(credits_)
        elif draft.has_room(keys := file_forms.keys(turn.kind, made)):
            draft.records.append(made)
            draft.keys.update(keys)
            draft.credits += credits_
            _exported(session, turn, credits_, made, now)
            turn.tell(f"{len(draft.records):,} records")
    return "add", draft


def _leaving(
    session: Session, turn: Turn, content: Content, now: datetime
) -> Iterator[tuple[Record, Sequence[Credit]]]:
    for record_id in leaving.due_records(session, turn.provider.id, now):
        record = lock_record(session, record_id)
        if record is None or (record.kind == "rems") != (content == "rems"):
            continue
        if not turn.old and is_old(session, turn.config, record, turn.channel.id):
            continue
        if credits_ := leaving.passed(session, turn.config, record, now):
            yield record, credits_


def _exported(session: Session, turn: Turn, credits_: Sequence[Credit], made: LearnerRecord, now: datetime) -> None:
    identity = snapshot(made.learner) if made.learner else {}
    for credit in credits_:
        move(session, credit, State.EXPORTED, now=now, by=turn.by)
        credit.at_pars, credit.channel_id, credit.sent_as = "unknown", turn.channel.id, identity
        credit.reported_on = made.completed_on
        credit.first_sent_at = credit.first_sent_at or now


def _deletes(session: Session, turn: Turn, content: Content, now: datetime) -> tuple[Action, _Draft]:
    draft = _Draft()
    due = deletes.due_withdrawals(session, turn.provider.id, now, turn.channel.id)
    for record_id in due:
        record = lock_record(session, record_id)
        if record is None or (record.kind == "rems") != (content == "rems"):
            continue
        for credits_ in _left_alike(session, turn, record_id, now):
            made = assemble(session, turn.config, record, credits_, "delete")
            keys = file_forms.keys(turn.kind, made)
            if not file_forms.problems(turn.kind, made, turn.config.tables(turn.provider)) and draft.has_room(keys):
                draft.records.append(made)
                draft.keys.update(keys)
                draft.credits += credits_
                for credit in credits_:
                    successors.sets_out(session, credit, now)
    return "delete", draft


def _left_alike(session: Session, turn: Turn, record_id: int, now: datetime) -> list[list[Credit]]:
    """The credits of a record that may be withdrawn now, together as they left: one identity and date a row."""
    alike: list[list[Credit]] = []
    for credit in session.exec(deletes.going(record_id, now).with_for_update()):
        if found := successors.obstacle(session, turn.config, credit, now):
            successors.call_person(session, credit, found, now)
            continue
        left_as = (credit.sent_as, credit.reported_on)
        mine = next((one for one in alike if (one[0].sent_as, one[0].reported_on) == left_as), None)
        mine.append(credit) if mine else alike.append([credit])
    return alike


def is_old(session: Session, config: Config, record: Record, channel_id: int) -> bool:
    """PARS would be asked first, if it could be: it may have been reported before, or it left by another channel."""
    award = session.get_one(Award, record.award_id)
    if not leaving.is_fresh(award, config.pars.ask_first_after):
        return True
    elsewhere = select(Credit.id).where(Credit.record_id == record.id, Credit.state == State.READY)
    elsewhere = elsewhere.where(col(Credit.channel_id).is_not(None), Credit.channel_id != channel_id)
    return session.exec(elsewhere.limit(1)).first() is not None


def old_records(store: Store, config: Config, provider: ProviderConfig, channel_id: int) -> list[int]:
    """The credits that wait for a person to release them, by their numbers."""
    now = datetime.now(UTC)
    with store.reading() as session:
        due = leaving.due_records(session, provider.id, now)
        records = [session.get_one(Record, number) for number in due]
        records = [record for record in records if is_old(session, config, record, channel_id)]
        return [credit.id for record in records for credit in leaving.ready(session, record.id, now, lock=False)]


def write(store: Store, provider: ProviderConfig, file_id: int) -> Path:
    """The file as its row has it: the same bytes, whenever. Raises NeedsOperator where they are not what was hashed."""
    with store.reading() as session:
        file = session.get_one(ExportFile, file_id)
        row = session.get_one(Submission, file.submission_id)
    body = row.payload or b""
    if hashlib.sha256(body).hexdigest() != row.payload_hash:
        raise NeedsOperator("export.damaged", f"the stored bytes of file {file_id} are not those that were written")
    path = provider.exports / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, body)
    with store.writing() as session:
        session.get_one(ExportFile, file_id).written_at = datetime.now(UTC)
    return path
