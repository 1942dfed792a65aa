"""The learners room's gates over all credits of a learner that may still leave: what they say moves them.

Asks no source: who he is was written down before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, or_, select

from connector.config import Config
from connector.learners import award as awards
from connector.learners import claiming, evidence, guests, people, rems, replacing, series, standing
from connector.learners.eligibility import NAME_DIFFERS, OTHER_PERSON, disagreements, gate
from connector.pars.sent_under import choose_identifier
from connector.records import Counts, Dispute, Learner, Problem
from connector.store import fixes, poison
from connector.store.moves import move
from connector.store.people import as_learner, snapshot
from connector.store.reasons import BARRING, NOT_ELIGIBLE
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerRow
from connector.store.unmatched import left, solved
from connector.store.views import as_record_credit

CHANGED = "learner.changed"
_SENT_NO = (State.REFUSED, State.UNMATCHED)
OPEN = (State.HELD, State.READY, *_SENT_NO)


def judge_all(
    session: Session,
    opening: awards.Opening,
    changed: Mapping[int, bool],
    counts: Counts,
    relinked: Collection[int] = (),
) -> None:
    # Under another name other statements belong together: what is complete by it now opens with this turn's joining.
    evidence.look(session, opening, [learner_id for learner_id, is_changed in changed.items() if is_changed], counts)
    for learner_id, is_changed in sorted(changed.items()):
        row = session.get_one(LearnerRow, learner_id)
        if row.merged_into is None:
            _judge(session, opening, row, counts, changed=is_changed)
    for award_id in standing.doubled(session, changed.keys()):
        with poison.contained(session, "learners", None, now=opening.now):
            standing.close_same(session, opening, session.get_one(Award, award_id))
    counts["shared"] += series.settle(session, opening, changed.keys())
    series.tell_merged(session, opening, relinked)


def _judge(session: Session, opening: awards.Opening, row: LearnerRow, counts: Counts, *, changed: bool) -> None:
    """Every gate for every credit of this learner that has not been sent for good, and of the closed for those that he
    may open; a series leaves hundreds closed."""
    learner = as_learner(session, row)
    _correct_at_pars(session, opening, row, learner, counts)
    unlinked = claiming.is_unlinked(session, row)
    guests.sort_out(session, opening, row, learner, changed=changed)
    settled = fixes.standing(session, [row.id])[row.id]
    disputed = disagreements(map(Dispute.model_validate, row.disputes or ()), settled)
    mine = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    mine = mine.where(col(Credit.provider_id).in_(opening.config.provider_ids))
    closed = col(Credit.state) == State.CLOSED
    barred = closed if changed else closed & (col(Credit.reason) == NOT_ELIGIBLE)
    mine = mine.where(or_(col(Credit.state).in_(OPEN), barred)).order_by(col(Credit.id))
    for credit, award in session.exec(mine.with_for_update(of=Credit)).all():
        with poison.contained(session, "learners", credit, now=opening.now):
            if credit.kind == "rems":
                _complete_rems(session, award, learner)
            problems = against(credit, award, learner, row, opening.config, disputed, unlinked=unlinked)
            if people.given_away(session, award):
                problems.insert(0, OTHER_PERSON)
            anew = changed or (credit.state in _SENT_NO and is_another(opening.config, credit, learner))
            _apply(session, credit, problems, opening.now, counts, changed=anew)


def against(
    credit: Credit,
    award: Award,
    learner: Learner,
    row: LearnerRow,
    config: Config,
    disputed: Sequence[Problem] = (),
    *,
    unlinked: bool = False,
) -> list[Problem]:
    """What this room's gates say of one credit."""
    problems = gate(learner, credit, config.learners, found=row.found, unlinked=unlinked)
    if credit.kind != "rems" and row.found:
        problems[:0] = [*disputed, *([NAME_DIFFERS] if award.guest else [])]
    return problems


def is_settled(credit: Credit, problems: Sequence[Problem], learner: Learner, config: Config) -> bool:
    """Would these problems of a learner who has not changed leave this credit as it is?"""
    barred = any(problem.code in BARRING for problem in problems)
    if [problem.model_dump(mode="json") for problem in problems] != credit.gate:
        return False
    if credit.state == State.CLOSED:
        return barred
    if credit.state in _SENT_NO:
        return not is_another(config, credit, learner)
    return not barred and not (problems and credit.state == State.READY)


def _correct_at_pars(
    session: Session, opening: awards.Opening, row: LearnerRow, learner: Learner, counts: Counts
) -> None:
    """What PARS took and then could not match stands there under the old identity: it is replaced, never edited."""
    mine = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id)).where(Award.learner_id == row.id)
    mine = mine.where(col(Credit.provider_id).in_(opening.config.provider_ids))
    mine = mine.where(Credit.state == State.UNMATCHED, Credit.wanted == "present", Credit.at_pars != "no")
    for credit, award in session.exec(mine.order_by(col(Credit.id)).with_for_update(of=Credit)).all():
        if is_another(opening.config, credit, learner):
            replacing.replace(session, opening, credit, award, series.own_offer(credit), CHANGED)
            solved(session, credit, award, now=opening.now)
            counts["replaced"] += 1
    session.flush()


def is_another(config: Config, credit: Credit, learner: Learner) -> bool:
    """Would PARS look for somebody else, or under another number, than when this credit left? Told from the credit, as
    a correction may have come while it was on its way."""
    if credit.sent_as is None or credit.kind == "rems":
        return False
    order = config.provider(credit.provider_id).identifier_order
    chosen = choose_identifier(as_record_credit(credit), learner, order)
    if chosen is None:
        return credit.sent_as != snapshot(learner)
    left = (credit.sent_as, credit.identifier_domain, credit.identifier_value)
    return left != (snapshot(learner), chosen.domain, chosen.value.get_secret_value())


def _apply(
    session: Session,
    credit: Credit,
    problems: Sequence[Problem],
    now: datetime,
    counts: Counts,
    *,
    changed: bool,
) -> None:
    """What the gate says moves a credit only while it is unsent, or after PARS's immediate no."""
    gate_rows = [problem.model_dump(mode="json") for problem in problems]
    barred = next((problem.code for problem in problems if problem.code in BARRING), "")
    differs = gate_rows != credit.gate
    credit.gate = gate_rows
    if _reopens(credit, barred=bool(barred), changed=changed):
        move(session, credit, State.HELD, now=now, code=CHANGED, by="learners")
    if credit.state in standing.UNSENT and barred:
        move(session, credit, State.CLOSED, now=now, code=barred, by="learners")
        credit.problems = gate_rows
        left(session, credit)
        counts["not_eligible"] += 1
    elif credit.state == State.READY and (problems or changed):
        move(session, credit, State.HELD, now=now, code=CHANGED, by="learners")
    elif credit.state == State.HELD and (differs or changed):
        credit.next_at = None
    session.add(credit)


def _reopens(credit: Credit, *, barred: bool, changed: bool) -> bool:
    """Barred no longer, or somebody else for PARS to look for."""
    if credit.at_pars != "no" or credit.wanted == "absent":
        return False
    if credit.state == State.CLOSED:
        return credit.reason == NOT_ELIGIBLE and not barred
    return credit.state in _SENT_NO and changed


def _complete_rems(session: Session, award: Award, learner: Learner) -> None:
    """From the statement's own answers each time: what the directory filled in may have been corrected since."""
    said = standing.rems_answers(session, award)
    if said is not None:
        answers = rems.complete(said, learner).model_dump(mode="json")
        if answers != award.rems:
            award.rems = answers
            session.add(award)
