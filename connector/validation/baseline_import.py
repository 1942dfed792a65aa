"""Takes over what PARS already has: rows of a baseline are written down, and credits found there are never sent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session, col, select

from connector.logs import log
from connector.pars.identity import bare, plain
from connector.pars.learner_sheet import Report, Reports
from connector.records import Counts, Frozen
from connector.store import elsewhere
from connector.store.moves import move
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Reported
from connector.store.unmatched import solved
from connector.validation import baseline
from connector.validation.baseline_match import SURE, How, Match

BATCH = 500
_UNSENT = (State.HELD, State.READY)
_NOT_SENT = (*_UNSENT, State.REFUSED, State.UNMATCHED)
_SENT_TOO = "sent by us, and also in the sheet"


class Listed(Frozen):
    """A row and a credit of ours that have to do with each other; no name, no number of a person."""

    what: str
    row: str
    credit: int
    award: int
    activity: str
    completed_on: date
    certification: str
    state: str


@dataclass
class Done:
    """What an import did, or would do."""

    counts: Counts = field(default_factory=Counts)
    listed: list[Listed] = field(default_factory=list)


def take_over(
    store: Store, provider_id: str, file: Path, reports: Reports, *, now: datetime, by: str, dry_run: bool
) -> Done:
    """All of it in one transaction; a dry run does the same and takes it back."""
    done = Done()
    with store.writing() as session:
        rows = [_row(provider_id, file, one, now) for one in reports.standing]
        activities = sorted({row.activity_id for row in rows})
        fresh = _write(session, rows)
        done.counts.update({"reported": fresh, "known": len(rows) - fresh})
        for activity in activities:
            _apply(session, provider_id, activity, done, now=now, by=by, dry_run=dry_run)
        if dry_run:
            session.rollback()
    if not dry_run and any(done.counts[what] for what in ("reported", "closed", "closed_other_date")):
        log.info("baseline.imported", provider=provider_id, counts=dict(+done.counts))
    return done


def _write(session: Session, rows: Sequence[Reported]) -> int:
    """How many no sheet has said before; only these are added."""
    by_digest = {row.digest: row for row in reversed(rows)}
    digests = list(by_digest)
    for start in range(0, len(digests), BATCH):
        known = select(Reported.digest).where(col(Reported.digest).in_(digests[start : start + BATCH]))
        for digest in session.exec(known).all():
            del by_digest[digest]
    session.add_all(by_digest.values())
    session.flush()
    return len(by_digest)


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


def _apply(
    session: Session, provider_id: str, activity_id: str, done: Done, *, now: datetime, by: str, dry_run: bool
) -> None:
    found = baseline.found(session, provider_id, activity_id)
    for (award_id, kind, board), matches in sorted(found.items()):
        award = session.get_one(Award, award_id)
        wanted = select(Credit).where(Credit.award_id == award_id, Credit.kind == kind, Credit.board == board)
        for credit in session.exec(wanted.order_by(col(Credit.id)).with_for_update()).all():
            _one(session, award, credit, matches, done, now=now, by=by, dry_run=dry_run)


def _one(
    session: Session, award: Award, credit: Credit, matches: list[Match], done: Done, *, now: datetime, by: str,
    dry_run: bool,
) -> None:  # fmt: skip
    """What an award's rows mean for one of its credits."""
    sure = next((one for one in matches if one.how in SURE), None)
    state = State(credit.state)
    if state is State.CLOSED:
        done.counts["closed_before"] += credit.reason == elsewhere.CODE
    elif sure is None:
        if state in _NOT_SENT:
            done.counts["unclear"] += 1
            done.listed += [_listed(one.how, one, award, credit) for one in matches]
    elif state in _UNSENT:
        other = sure.how is How.OTHER_DATE
        done.counts["closed_other_date" if other else "closed"] += 1
        done.listed.append(_listed(f"never sent: {sure.how}", sure, award, credit))
        _close(session, award, credit, now=now, by=by, dry_run=dry_run)
    elif state in _NOT_SENT and credit.at_pars == "no":
        done.counts["refused_by_pars"] += 1
        done.listed.append(_listed("refused by PARS: closed once it is corrected", sure, award, credit))
    elif state is not State.WITHDRAWN:
        done.counts["sent_too"] += 1
        done.listed.append(_listed(_SENT_TOO, sure, award, credit))


def _close(session: Session, award: Award, credit: Credit, *, now: datetime, by: str, dry_run: bool) -> None:
    credit.at_pars, credit.problems = "no", []
    move(session, credit, State.CLOSED, now=now, code=elsewhere.CODE, by=by)
    if not dry_run:  # it would be said in the log
        solved(session, credit, award, now=now)


def _listed(what: str, one: Match, award: Award, credit: Credit) -> Listed:
    return Listed(
        what=what,
        row=one.row.origin,
        credit=credit.id,
        award=award.id,
        activity=award.activity_id,
        completed_on=award.completed_on,
        certification=credit.certification,
        state=str(credit.state),
    )
