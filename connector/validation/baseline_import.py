"""Takes over what PARS already has: rows of a baseline are written down, and credits found there are never sent.

What an import does is made out first, in a reading transaction; the writing that follows is many short ones, so that
the daemon goes on. One that is stopped half-way is finished by importing the sheet again.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete

from connector.logs import log
from connector.pars.identity import bare, signs
from connector.pars.learner_sheet import Report, Reports
from connector.pars.names import plain
from connector.records import Counts
from connector.store import elsewhere
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Reported, ReportedSign
from connector.validation import baseline, baseline_plan
from connector.validation.baseline_plan import Listed

T = TypeVar("T")

ROWS = 500
CREDITS = 50
"""How much one transaction writes: well below a second."""
PAUSE = 0.15  # seconds

_CHANGES = ("reported", "gone", "closed", "closed_other_date", "freed")


@dataclass
class Done:
    """What an import did, or would do."""

    counts: Counts = field(default_factory=Counts)
    listed: list[Listed] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        return any(self.counts[what] for what in _CHANGES)


def take_over(
    store: Store, provider_id: str, file: Path, reports: Reports, *, now: datetime, by: str, dry_run: bool
) -> Done:
    """Make out what the sheet means, and, unless it is a dry run, do it."""
    done, plans = Done(), list[baseline_plan.Plan]()
    with store.reading() as session:
        for activity_id, said in _by_activity(provider_id, file, reports, now).items():
            plan = baseline_plan.plan(session, (provider_id, activity_id), said)
            plans.append(plan)
            done.counts += plan.counts
            done.listed += plan.listed
    if not dry_run:
        for plan in plans:
            _write(store, plan)
        for plan in plans:
            _move(store, plan, done.counts, now=now, by=by)
        if done.changes:
            log.info("baseline.imported", provider=provider_id, counts=dict(+done.counts))
    return done


def _by_activity(provider_id: str, file: Path, reports: Reports, now: datetime) -> dict[str, baseline_plan.Said]:
    found: dict[str, baseline_plan.Said] = defaultdict(lambda: baseline_plan.Said(file.name))
    for report in reports.standing:
        found[report.activity_id].rows.append(_row(provider_id, file, report, now))
    for recall in reports.recalls:
        found[recall.report.activity_id].recalls.append(recall)
    return {activity_id: found[activity_id] for activity_id in sorted(found)}


def _row(provider_id: str, file: Path, report: Report, now: datetime) -> Reported:
    person = report.person
    return Reported(
        provider_id=provider_id,
        activity_id=report.activity_id,
        completed_on=report.completed_on,
        kind=report.kind,
        board=report.board,
        ids=dict(person.ids),
        given_name=person.given_name,
        family_name=person.family_name,
        birth_day=person.birth_day,
        origin=f"{file.name}:{report.line}",
        digest=_digest(provider_id, report),
        imported_at=now,
    )


def _digest(provider_id: str, report: Report) -> str:
    """The same for the same report in another file, order or spelling."""
    person = report.person
    ids = [f"{domain}={bare(value)}" for domain, value in sorted(person.ids.items())]
    names = [plain(person.given_name), plain(person.family_name), person.birth_day]
    parts = [provider_id, report.activity_id, str(report.completed_on), report.kind, report.board, *names, *ids]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _write(store: Store, plan: baseline_plan.Plan) -> None:
    for numbers in _parts(store, plan.gone, ROWS):
        with store.writing() as session:
            session.exec(delete(ReportedSign).where(col(ReportedSign.reported_id).in_(numbers)))
            session.exec(delete(Reported).where(col(Reported.id).in_(numbers)))
    for rows in _parts(store, plan.fresh, ROWS):
        with store.writing() as session:
            _add(session, rows)


def _add(session: Session, rows: Sequence[Reported]) -> None:
    """Two people may import one sheet at the same moment: each row is the one's or the other's."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    values = [row.model_dump(exclude={"id"}) for row in rows]
    new = dialect.insert(Reported).values(values).on_conflict_do_nothing(index_elements=["digest"])
    numbers: dict[str, int] = dict(session.execute(new.returning(Reported.digest, Reported.id)).all())
    session.add_all(
        ReportedSign(sign=sign, reported_id=numbers[row.digest])
        for row in rows
        if row.digest in numbers
        for sign in sorted(signs(baseline.as_row(row).person))
    )


def _move(store: Store, plan: baseline_plan.Plan, counts: Counts, *, now: datetime, by: str) -> None:
    """The credits, each looked at again under its lock; the daemon may have been quicker, or a person."""
    for credits_ in _parts(store, plan.closing.items(), CREDITS):
        with store.writing() as session:
            for number, what in credits_:
                counts[what] -= not _close(session, number, now=now, by=by)
    for numbers in _parts(store, plan.freeing, CREDITS):
        with store.writing() as session:
            for number in numbers:
                counts["freed"] -= not _free(session, number, now=now, by=by)


def _close(session: Session, number: int, *, now: datetime, by: str) -> bool:
    credit = session.get_one(Credit, number, with_for_update=True)
    if credit.state == State.CLOSED:
        return credit.reason == elsewhere.CODE  # by the gates, meanwhile
    award = session.get_one(Award, credit.award_id)
    return State(credit.state) in baseline_plan.UNSENT and baseline.closed(session, credit, award, now=now, by=by)


def _free(session: Session, number: int, *, now: datetime, by: str) -> bool:
    """Back to the gates, unless another row reports it or PARS has been asked."""
    credit = session.get_one(Credit, number, with_for_update=True)
    award = session.get_one(Award, credit.award_id)
    if (credit.state, credit.reason) != (State.CLOSED, elsewhere.CODE) or credit.at_pars != "no":
        return False
    if baseline.is_reported(session, credit, award):
        return False
    move(session, credit, State.HELD, now=now, by=by)
    return True


def _parts(store: Store, things: Iterable[T], count: int) -> Iterator[list[T]]:
    """Between two of them the daemon gets its turn: who waits for SQLite's lock looks ten times a second."""
    rest: Iterator[Any] = iter(things)
    while part := list(islice(rest, count)):
        yield part
        if store.is_sqlite and len(part) == count:
            time.sleep(PAUSE)
