"""What a sheet means for one activity, made out before anything is written. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from sqlmodel import Session, col, select

from connector.pars.identity import signs
from connector.pars.learner_sheet import Recall, Report
from connector.records import Counts, Frozen
from connector.store import elsewhere
from connector.store.states import State
from connector.store.tables import Award, Credit, Reported
from connector.validation import baseline
from connector.validation.baseline import Kind
from connector.validation.baseline_match import SURE, Earned, How, Match, chosen, fits, is_sure

UNSENT = (State.HELD, State.READY)
_NOT_SENT = (*UNSENT, State.REFUSED, State.UNMATCHED)
_OURS = "sent by us, and also in the sheet"
_EARLIER = "of an earlier import of this file, which has it no more: still in force"


class Listed(Frozen):
    """A row and a credit of ours that have to do with each other; no name, no number of a person.

    A row of an earlier import that the sheet no longer has stands alone: `credit` is 0.
    """

    what: str
    row: str
    credit: int = 0
    award: int = 0
    activity: str
    completed_on: date
    certification: str
    state: str = ""


@dataclass
class Said:
    """What a file says of one activity."""

    file: str
    rows: list[Reported] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)


@dataclass
class Plan:
    """What is to be done. `closing` says of each credit what it counts as."""

    fresh: list[Reported] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    closing: dict[int, str] = field(default_factory=dict)
    freeing: list[int] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    listed: list[Listed] = field(default_factory=list)


@dataclass(frozen=True)
class _Key:
    """An award's number and day."""

    key: int
    completed_on: date


@dataclass(frozen=True)
class _Seen:
    """A credit, as far as it matters here."""

    id: int
    award: _Key
    kind: Kind
    state: State
    at_pars: str
    reason: str
    certification: str


def plan(session: Session, place: tuple[str, str], said: Said) -> Plan:
    """What the rows of one activity, of this sheet and earlier ones, and its awards have to do with each other."""
    wanted = select(Reported).where(Reported.provider_id == place[0], Reported.activity_id == place[1])
    stored = session.exec(wanted.order_by(col(Reported.id))).all()
    digests = {row.digest for row in said.rows}
    recalled = _recalled([one for one in stored if one.digest not in digests], said.recalls)
    left = [one for one in stored if one.digest not in recalled]
    known = {one.digest for one in stored}
    fresh = list({row.digest: row for row in reversed(said.rows) if row.digest not in known}.values())[::-1]
    awards, credits_ = baseline.earned(session, place), _credits(session, place)
    ours = {(one.award.key, one.kind) for one in credits_ if baseline.reached_pars(one.state, one.at_pars)}
    fitting = _fitting([*left, *fresh], awards)
    mine = {row.digest for row in fresh if _is_our_own(fitting[row.digest], _kind(row), ours)}
    made = Plan([row for row in fresh if row.digest not in mine], [one.id for one in recalled.values()])
    made.counts.update(reported=len(made.fresh), known=len(said.rows) - len(fresh), ours=len(mine), gone=len(made.gone))
    _list_earlier(made, said.file, [one for one in left if one.digest not in digests])
    found = _found([*left, *fresh], fitting)
    for credit in credits_:
        _one(made, place[1], credit, found.get((credit.award.key, credit.kind), []), ours)
    _free(made, credits_, _fitting(list(recalled.values()), awards), found)
    return made


def _recalled(stored: Sequence[Reported], recalls: Sequence[Recall]) -> dict[str, Reported]:
    """By digest. Of thousands only those are compared that have a sign of the person in common."""
    by_sign: dict[str, list[Recall]] = defaultdict(list)
    for recall in recalls:
        for sign in signs(recall.report.person):
            by_sign[sign].append(recall)
    found = {}
    for one in stored if recalls else ():
        report = _report(one)
        if any(recall.takes(report) for sign in signs(report.person) for recall in by_sign.get(sign, ())):
            found[one.digest] = one
    return found


def _report(one: Reported) -> Report:
    kind: Literal["cme", "moc"] = "moc" if one.kind == "moc" else "cme"
    return Report(
        line=0, activity_id=one.activity_id, completed_on=one.completed_on, kind=kind, board=one.board,
        person=baseline.as_row(one).person,
    )  # fmt: skip


def _kind(row: Reported) -> Kind:
    return row.kind, row.board


def _fitting(rows: Sequence[Reported], awards: dict[Kind, list[Earned]]) -> dict[str, list[Match]]:
    """For each row, by its digest, the awards that it may report."""
    found: dict[str, list[Match]] = {}
    by_kind: dict[Kind, list[Reported]] = defaultdict(list)
    for row in rows:
        by_kind[_kind(row)].append(row)
    for kind, same in by_kind.items():
        matches = fits([baseline.as_row(one) for one in same], awards.get(kind, []))
        found.update(zip((one.digest for one in same), matches, strict=True))
    return found


def _found(rows: Sequence[Reported], fitting: dict[str, list[Match]]) -> dict[tuple[int, Kind], list[Match]]:
    """What can be decided, by award and certification."""
    by_kind: dict[Kind, list[list[Match]]] = defaultdict(list)
    for row in rows:
        by_kind[_kind(row)].append(fitting[row.digest])
    found: dict[tuple[int, Kind], list[Match]] = defaultdict(list)
    for kind, same in by_kind.items():
        for one in chosen(same):
            found[one.award.key, kind].append(one)
    return found


def _is_our_own(matches: list[Match], kind: Kind, ours: set[tuple[int, Kind]]) -> bool:
    """A fresh download has what we sent: kept, the row would forbid for ever to report it again."""
    return is_sure(matches) and (matches[0].award.key, kind) in ours


def _credits(session: Session, place: tuple[str, str]) -> list[_Seen]:
    wanted = select(Credit, col(Award.completed_on)).join(Award, col(Credit.award_id) == col(Award.id))
    wanted = wanted.where(Award.provider_id == place[0], Award.activity_id == place[1])
    wanted = wanted.where(baseline.can_be_in_a_sheet()).order_by(col(Credit.award_id), col(Credit.id))
    return [
        _Seen(one.id, _Key(one.award_id, day), (one.kind, one.board), State(one.state), one.at_pars, one.reason,
              one.certification)
        for one, day in session.exec(wanted)
    ]  # fmt: skip


def _list_earlier(made: Plan, file: str, rows: Sequence[Reported]) -> None:
    """A corrected sheet does not take back what it no longer says; a person hears of it."""
    for row in rows:
        name, _, _ = row.origin.rpartition(":")
        if name == file:
            made.counts["earlier"] += 1
            made.listed.append(
                Listed(
                    what=_EARLIER, row=row.origin, activity=row.activity_id, completed_on=row.completed_on,
                    certification=row.board or row.kind.upper(),
                )
            )  # fmt: skip


def _one(made: Plan, activity: str, credit: _Seen, matches: list[Match], ours: set[tuple[int, Kind]]) -> None:
    """What an award's rows mean for one of its credits."""
    if not matches:
        return
    sure = next((one for one in matches if one.how in SURE), None)
    if credit.state is State.CLOSED:
        made.counts["closed_before"] += credit.reason == elsewhere.CODE
    elif sure is None:
        if credit.state in _NOT_SENT:
            made.counts["unclear"] += 1
            made.listed += [_listed(one.how, one, activity, credit) for one in matches]
    elif credit.state is State.WITHDRAWN:
        return
    elif (credit.award.key, credit.kind) in ours or credit.state not in _NOT_SENT:
        made.counts["sent_too"] += 1
        made.listed.append(_listed(_OURS, sure, activity, credit))
    elif credit.state in UNSENT:
        made.closing[credit.id] = "closed_other_date" if sure.how is How.OTHER_DATE else "closed"
        made.counts[made.closing[credit.id]] += 1
        made.listed.append(_listed(f"never sent: {sure.how}", sure, activity, credit))
    elif credit.at_pars == "no":
        made.counts["refused_by_pars"] += 1
        made.listed.append(_listed("refused by PARS: closed once it is corrected", sure, activity, credit))


def _listed(what: str, one: Match, activity: str, credit: _Seen) -> Listed:
    return Listed(
        what=what,
        row=one.row.origin,
        credit=credit.id,
        award=credit.award.key,
        activity=activity,
        completed_on=credit.award.completed_on,
        certification=credit.certification,
        state=str(credit.state),
    )


def _free(
    made: Plan, credits_: Sequence[_Seen], gone: dict[str, list[Match]], found: dict[tuple[int, Kind], list[Match]]
) -> None:
    """Credits that only rows that go have closed; one that a later credit follows stays."""
    fitted = {one.award.key for matches in gone.values() for one in matches}
    last = {(one.award.key, one.certification): one.id for one in credits_}
    for one in credits_:
        closed = one.state is State.CLOSED and one.reason == elsewhere.CODE and one.at_pars == "no"
        sure = any(match.how in SURE for match in found.get((one.award.key, one.kind), []))
        if closed and not sure and one.award.key in fitted and last[one.award.key, one.certification] == one.id:
            made.freeing.append(one.id)
            made.counts["freed"] += 1
