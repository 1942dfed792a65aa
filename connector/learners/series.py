"""Repeated credit: what one learner earns in one activity shares its maximum, and a board's one credit a date.

Decides how much an unsent credit says and which of them carries another's; what was sent is only ever replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from sqlmodel import Session, col, select

from connector.learners import allotment, replacing, standing
from connector.learners.allotment import NONE, Part, Share
from connector.learners.award import Opening, credits_of, earned
from connector.pars.vocabulary import BOARDS, JOURNAL_FORMAT
from connector.records import CreditOffer
from connector.store import attention, elsewhere, poison
from connector.store.moves import may_be_at_pars, move, note
from connector.store.reasons import BARRING, MAXIMUM, ROOM_FIRST, SUMMED, WITHDRAWAL_FIRST
from connector.store.states import LIVE, State
from connector.store.tables import ActivityRow, Award, Credit, EvidenceRow, LearnerRow, StatementRow
from connector.store.unmatched import solved
from connector.store.views import place_in_time

SHARED = "credit.series"
ONE_PER_DATE, MERGED = "credit.one_per_date", "credit.merged"
_TAKEN = (ONE_PER_DATE, WITHDRAWAL_FIRST, ROOM_FIRST)
CLOSING = (MAXIMUM, SUMMED)
_UNSENT = (State.HELD, State.READY, State.REFUSED, State.UNMATCHED)
_GONE = (State.CLOSED, State.WITHDRAWN)


def settle(session: Session, opening: Opening, learners: Collection[int]) -> int:
    """Share out anew what these learners earn again and again; how many credits changed.

    Where that makes us stumble, validation lets none of it pass until it has been shared out.
    """
    repeated = select(Award.learner_id, Award.provider_id, Award.activity_id).distinct()
    repeated = repeated.where(col(Award.learner_id).in_(sorted(learners)), Award.per != "", Award.guest == "")
    keys = session.exec(repeated.order_by(*repeated.selected_columns)).all()
    return sum(_safely(session, opening, key) for key in keys)


def unshared(session: Session) -> set[int]:
    """Learners whose activity has another maximum now, or of whom something has left PARS since they were looked at."""
    mine = select(Award.id).where(Award.learner_id == LearnerRow.id, Award.per != "")
    anew = select(LearnerRow.id).where(col(LearnerRow.fetched_at).is_(None), mine.exists())
    anew = anew.with_hint(LearnerRow, "INDEXED BY ix_learner_anew", "sqlite")
    gone = select(Award.learner_id).join(LearnerRow, col(LearnerRow.id) == col(Award.learner_id))
    gone = gone.where(Award.per != "").join(Credit, col(Credit.award_id) == col(Award.id))
    gone = gone.where(col(Credit.state).in_(_GONE), Credit.wanted == "absent", Credit.attempts > 0)
    gone = gone.where(col(LearnerRow.fetched_at) < col(Credit.state_since))
    return {*session.exec(anew), *session.exec(gone)}


def tell_merged(session: Session, opening: Opening, learners: Collection[int]) -> None:
    """Sent for two actors who turn out to be one learner: together above the maximum, or two of a date where the board
    takes one. Nothing is withdrawn without a person."""
    repeated = select(Award.learner_id, Award.provider_id, Award.activity_id).distinct()
    repeated = repeated.where(col(Award.learner_id).in_(sorted(learners)), Award.per != "", Award.guest == "")
    for key in session.exec(repeated.order_by(*repeated.selected_columns)).all():
        with poison.contained(session, "learners", None, now=opening.now):
            awards = _awards(session, *key)
            activity = session.get(ActivityRow, (awards[0].provider_id, awards[0].activity_id))
            for number in allotment.surplus(list(_parts(session, awards, activity).values()), _most(activity)):
                hint = "two actors are one learner: with his other credits PARS holds too much; a person withdraws one"
                credit = session.get_one(Credit, number)
                attention.call(session, credit, MERGED, now=opening.now, hint=hint, by="learners")


def _most(activity: ActivityRow | None) -> Decimal | None:
    return activity.credits.quantize(Decimal("0.01")) if activity and activity.credits is not None else None


def earlier(session: Session, credit: Credit) -> Credit | None:
    """The credit of the same board, learner, activity and date that was sent before this one could be added to it."""
    award = session.get_one(Award, credit.award_id)
    awards = _awards(session, award.learner_id, award.provider_id, award.activity_id)
    dates = {one.id: one.completed_on for one in awards}
    same = [row for row in credits_of(session, awards) if row.certification == credit.certification]
    same = [row for row in same if row.award_id != award.id and row.wanted == "present" and row.state not in _GONE]
    same = [row for row in same if (row.reported_on or dates[row.award_id]) == award.completed_on]
    return next(filter(may_be_at_pars, same), None)


def own_offer(credit: Credit) -> CreditOffer:
    """What its own completion earns, as it was offered."""
    amount, total = earned(credit)
    return CreditOffer(
        kind=credit.kind,
        certification=credit.certification,
        board=credit.board,
        credit_type=credit.credit_type,
        amount=amount,
        board_total=total,
    )


def _awards(session: Session, learner_id: int, provider_id: str, activity_id: str) -> Sequence[Award]:
    mine = select(Award).where(
        Award.learner_id == learner_id, Award.provider_id == provider_id, Award.activity_id == activity_id
    )
    mine = mine.where(Award.guest == "")  # what is not his takes no share of his
    return session.exec(mine.order_by(col(Award.id))).all()


def _safely(session: Session, opening: Opening, key: tuple[int, str, str]) -> int:
    with poison.contained(session, "learners", None, now=opening.now):
        return _settle(session, opening, _awards(session, *key))
    session.get_one(LearnerRow, key[0]).fetched_at = None
    return 0


def _settle(session: Session, opening: Opening, awards: Sequence[Award]) -> int:
    activity = session.get(ActivityRow, (awards[0].provider_id, awards[0].activity_id))
    parts = _parts(session, awards, activity)
    for number in allotment.shrunk(list(parts.values())):
        credit = session.get_one(Credit, number)
        award = session.get_one(Award, credit.award_id)
        replacing.replace(session, opening, credit, award, own_offer(credit), SHARED)
        session.flush()
        parts = _parts(session, awards, activity)
    shares = allotment.allot(list(parts.values()), _most(activity))
    changed = 0
    for number, share in sorted(shares.items()):
        changed += _take(session, opening, session.get_one(Credit, number), share)
    return changed


def _parts(session: Session, awards: Sequence[Award], activity: ActivityRow | None) -> dict[int, Part]:
    """Every credit that counts; a sent one that was replaced does not, for its successor does."""
    rows = [row for row in credits_of(session, awards) if row.kind != "rems"]
    successors = _successors(session, rows)
    by_id, orders = {award.id: award for award in awards}, _orders(session, awards)
    journal = activity is not None and activity.format == JOURNAL_FORMAT
    return {
        row.id: _part(row, by_id[row.award_id], orders[row.award_id], successors, journal=journal)
        for row in rows
        if row.id not in successors and _counts(row)
    }


def _successors(session: Session, rows: Sequence[Credit]) -> dict[int, int]:
    """The new credit by the old one that it replaces; what is not wanted is in no sum any more."""
    found = {}
    for row in rows:
        if row.wanted == "absent":
            row.summed_into = None
        elif row.supersedes is not None and session.get_one(Credit, row.supersedes).wanted == "absent":
            found[row.supersedes] = row.id
    return found


def _counts(row: Credit) -> bool:
    if row.state == State.CLOSED and row.wanted == "present" and row.reason == elsewhere.CODE:
        return True  # reported by somebody else: PARS counts it all the same
    if row.at_pars == "no" and row.state not in LIVE and row.wanted == "absent":
        return False
    if may_be_at_pars(row):
        return row.state not in _GONE or row.at_pars == "yes"
    return row.state in _UNSENT or (row.state == State.CLOSED and row.reason in CLOSING)


def _part(row: Credit, award: Award, order: allotment.Order, successors: Mapping[int, int], *, journal: bool) -> Part:
    offered, total = earned(row)
    ours = row.state != State.CLOSED or row.reason != elsewhere.CODE
    is_sent = may_be_at_pars(row) or not ours
    day = row.reported_on or award.completed_on if is_sent else award.completed_on
    return Part(
        number=row.id,
        award=row.award_id,
        certification=row.certification,
        order=order,
        offered=offered,
        offered_total=offered if total is None else total,
        purse=row.board or row.certification,
        sum_on=day if ours and _one_per_date(row, journal=journal) else None,
        sent=row.amount if is_sent else None,
        sent_total=row.amount if row.board_total is None else row.board_total,
        going=row.wanted == "absent",
        replaces=row.supersedes is not None,
        into=_carrier(row.summed_into, successors),
    )


def _one_per_date(row: Credit, *, journal: bool) -> bool:
    board = BOARDS.get(row.board)
    return board is not None and board.one_per_date and not (journal and board.journal_exempt)


def _carrier(number: int | None, successors: Mapping[int, int]) -> int | None:
    while number is not None and number in successors:
        number = successors[number]
    return number


def _orders(session: Session, awards: Iterable[Award]) -> dict[int, allotment.Order]:
    """By completion date, then by what the earliest standing statement of each award says."""
    dates = {award.id: award.completed_on for award in awards}
    rows = select(EvidenceRow.award_id, StatementRow.timestamp, StatementRow.statement_id)
    rows = rows.join(StatementRow, col(StatementRow.id) == col(EvidenceRow.statement_pk))
    rows = rows.where(col(EvidenceRow.award_id).in_(sorted(dates)), EvidenceRow.outcome == "completion")
    said: dict[int, tuple[str, str]] = {}
    for award_id, timestamp, statement_id in session.exec(rows.where(col(EvidenceRow.standing).is_(True))):
        if award_id is not None:
            mine = (place_in_time(timestamp), statement_id)
            said[award_id] = min(mine, said.get(award_id, mine))
    return {number: (day, *said.get(number, ("~", "")), number) for number, day in dates.items()}


def _take(session: Session, opening: Opening, row: Credit, share: Share) -> bool:
    """Whether the share changed anything."""
    before = (row.state, row.reason, row.amount, row.board_total, row.summed_into)
    row.summed_into = share.into
    row.amount, row.board_total = share.amount, None if row.board_total is None else share.total
    if share.instead_of is not None and row.supersedes is None:
        row.supersedes = share.instead_of
    differs = (row.amount, row.board_total) != before[2:4]
    code = SUMMED if share.into is not None else MAXIMUM if share.amount == NONE else ""
    if code:
        _close(session, opening, row, code)
    elif row.state == State.CLOSED:
        _open(session, opening, row)
    elif differs and row.state == State.READY:
        move(session, row, State.HELD, now=opening.now, code=SHARED, by="learners")
    elif differs:
        note(session, row, "other share", now=opening.now, code=SHARED, by="learners")
    if row.state == State.HELD and (differs or row.reason in _TAKEN):
        row.next_at = None
    session.add(row)
    return before != (row.state, row.reason, row.amount, row.board_total, row.summed_into)


def _close(session: Session, opening: Opening, row: Credit, code: str) -> None:
    if (row.state, row.reason) == (State.CLOSED, code):
        return
    if code == SUMMED:
        note(session, row, standing.summed(row.summed_into), now=opening.now, code=code, by="learners")
    if row.state == State.CLOSED:
        row.reason = code
        return
    move(session, row, State.CLOSED, now=opening.now, code=code, by="learners")
    row.problems = []
    solved(session, row, session.get_one(Award, row.award_id), now=opening.now)


def _open(session: Session, opening: Opening, row: Credit) -> None:
    """Room has appeared; for whoever is not eligible none is needed."""
    if not any(problem["code"] in BARRING for problem in row.gate):
        move(session, row, State.HELD, now=opening.now, code=SHARED, by="learners")
