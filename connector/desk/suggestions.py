"""Near misses of waiting credits: made once for an identity, offered; a person applies them.

Only PARS's yes makes one sure; who tries them, and when, is unknown here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from connector.desk import evidence, near_ids, near_misses
from connector.desk.cases import IDENTITY, of_learner
from connector.desk.near_misses import Candidate, Known
from connector.pars.identity import Person
from connector.records import Counts
from connector.store import matches, poison
from connector.store.leases import alone
from connector.store.people import lives_as, permitted
from connector.store.session import Store
from connector.store.signs import people
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerMatch, LearnerSign, Suggestion

_BATCH: Final = 50
_MOST_SIGNS: Final = 500  # parameters of one question
NOTHING: Final = "near.none"
"""The cause of a row that says: looked for, and nothing found."""
_OPEN: Final = ("", "unknown", matches.UNCLEAR)  # PARS has not said no

Mark = Literal["sure", "possible", "none"]
Key = tuple[int, str, str]
"""Learner, provider, domain."""


@dataclass(frozen=True)
class Target:
    """Whom a suggestion is for: a learner as he is known now, and the identifier that PARS is asked under."""

    credit: int
    award: int
    key: Key
    code: str
    person: Person

    @property
    def identity(self) -> str:
        return matches.identity_of_person(self.person, self.key[2])


class Made(NamedTuple):
    """Suggestions that stand there for one identity, and the last of them."""

    key: Key
    identity: str
    last: int


def of(session: Session, credit: Credit) -> list[Suggestion]:
    """What is offered for this credit: what PARS knows alone, or else what it may know, by rank. The rank is the number
    that people see and name; it stays what it is when PARS's answers take others off the list."""
    award = session.get_one(Award, credit.award_id)
    return next(iter(_offered(session, [(credit, award)]).values()), [])


def marks(session: Session, waiting: Iterable[tuple[Credit, Award]]) -> dict[int, Mark]:
    """Of every credit that has a suggestion whether PARS has said yes to it; the rest has none."""
    found = _offered(session, waiting)
    return {credit: "sure" if rows[0].answer == matches.YES else "possible" for credit, rows in found.items() if rows}


def _offered(session: Session, waiting: Iterable[tuple[Credit, Award]]) -> dict[int, list[Suggestion]]:
    """By credit; what was made for another identity than today's is not offered any more, nor what would make him a
    learner whom we have met since."""
    targets = _targets(session, waiting)
    kept: dict[tuple[Key, str], list[Suggestion]] = defaultdict(list)
    learners = {one.key[0] for one in targets}
    rows = select(Suggestion).order_by(col(Suggestion.rank))
    rows = rows.where(col(Suggestion.learner_id).in_(learners)) if len(learners) < _BATCH else rows
    for row in session.exec(rows.where(col(Suggestion.answer).in_((*_OPEN, matches.YES)), Suggestion.cause != NOTHING)):
        kept[key_of(row), row.identity].append(row)
    found = {one.credit: kept[one.key, one.identity] for one in targets}
    signs = {row.id: _new_signs(one.person, row) for one in targets for row in found[one.credit]}
    owners = _owners(session, {sign for some in signs.values() for sign in some})
    return {
        credit: _sure_alone([row for row in rows if not any(owners[sign] - {row.learner_id} for sign in signs[row.id])])
        for credit, rows in found.items()
    }


def _sure_alone(rows: list[Suggestion]) -> list[Suggestion]:
    return [row for row in rows if row.answer == matches.YES] or rows


def make(store: Store) -> Counts:
    """Look for near misses where nobody has looked yet; what was made for another identity goes."""
    counts = Counts()
    with store.reading() as session:
        targets = {one.key: one for one in _targets(session, _waiting(session))}
        known = _made(session)
    stale = [one for one in known if one.key not in targets or targets[one.key].identity != one.identity]
    _forget(store, stale)
    missing = targets.keys() - ({one.key for one in known} - {one.key for one in stale})
    fresh = [one for key, one in targets.items() if key in missing]
    for start in range(0, len(fresh), _BATCH):
        if store.stopping.is_set():
            break
        with store.writing() as session:
            alone(session, "desk")
            for one in fresh[start : start + _BATCH]:
                counts["suggested"] += _put(session, one)
    return counts


def _made(session: Session) -> list[Made]:
    """What stands there, without the values."""
    case = col(Suggestion.learner_id), col(Suggestion.provider_id), col(Suggestion.domain), col(Suggestion.identity)
    rows = session.execute(sa.select(*case, sa.func.max(Suggestion.id)).group_by(*case))
    return [Made((learner, provider, domain), identity, last) for learner, provider, domain, identity, last in rows]


def _waiting(session: Session) -> Sequence[tuple[Credit, Award]]:
    """Credits that PARS said no to, and held ones whose fault another value may be; the oldest first."""
    held = (col(Credit.state) == State.HELD) & col(Credit.reason).startswith(IDENTITY)
    said_no = col(Credit.state).in_((State.UNMATCHED, State.REFUSED))
    query = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    query = query.where(or_(said_no, held), Credit.wanted == "present")
    return session.exec(query.order_by(col(Credit.state_since), col(Credit.id))).all()


def _targets(session: Session, waiting: Iterable[tuple[Credit, Award]]) -> list[Target]:
    """One for each credit that near misses are looked for. Whoever may not be named to PARS has none."""
    open_ = [(credit, award) for credit, award in waiting if credit.wanted == "present"]
    rows = [(credit, award, code) for credit, award in open_ if (code := _code(credit))]
    known = people(session, permitted(session, {award.learner_id for _, award, _ in rows}))
    doubted = _doubted(session, [award.learner_id for credit, award, _ in rows if credit.reason in matches.TOLD])
    return [
        Target(credit.id, award.id, (award.learner_id, credit.provider_id, domain), code, person)
        for credit, award, code in rows
        if (person := known.get(award.learner_id))
        and (domain := _domain(credit, person, doubted[award.learner_id, credit.provider_id]))
    ]


def _doubted(session: Session, learners: Collection[int]) -> dict[tuple[int, str], list[str]]:
    """Under which identifiers PARS, asked beforehand, did not know them."""
    found = defaultdict[tuple[int, str], list[str]](list)
    rows = select(LearnerMatch).where(col(LearnerMatch.found).in_((matches.NO, matches.SEVERAL)))
    rows = rows.where(col(LearnerMatch.learner_id).in_(learners)) if len(learners) < _BATCH else rows
    for row in session.exec(rows.order_by(col(LearnerMatch.domain))) if learners else ():
        found[row.learner_id, row.provider_id].append(row.domain)
    return found


def _code(credit: Credit) -> str:
    """What near misses are looked for; of a refused credit what a gate had warned of. Empty where none are."""
    if credit.state in (State.UNMATCHED, State.HELD):
        return credit.reason if credit.reason in near_misses.ANSWERED else ""
    return next((one.code for one in of_learner(credit) if one.code in near_misses.MISTYPED), "")


def _domain(credit: Credit, person: Person, doubted: Sequence[str]) -> str:
    """Of the identifier that was sent, or asked about, or that is missing."""
    if credit.state != State.HELD and credit.identifier_domain:
        return credit.identifier_domain
    if credit.reason in matches.TOLD:
        return credit.board if credit.board in doubted else next(iter(set(doubted) - {credit.board}), "")
    field = next((one["field"] for one in credit.problems if one["code"] == credit.reason), "")
    named = field.removeprefix("ids.") if field.startswith("ids.") else ""
    licences = sorted(person.ids.keys() & near_ids.LICENSING)
    return named or credit.board or ("NPI" if "NPI" in person.ids or not licences else licences[0])


def key_of(row: Suggestion) -> Key:
    return row.learner_id, row.provider_id, row.domain


def _forget(store: Store, stale: Sequence[Made]) -> None:
    """Nothing that another daemon has made since these were read."""
    for start in range(0, len(stale), _BATCH):
        with store.writing() as session:
            alone(session, "desk")
            for (learner, provider, domain), identity, last in stale[start : start + _BATCH]:
                its = sa.delete(Suggestion).filter_by(learner_id=learner, provider_id=provider, domain=domain)
                session.execute(its.filter_by(identity=identity).where(col(Suggestion.id) <= last))


def _put(session: Session, target: Target) -> int:
    """How many were made; another daemon may have been quicker."""
    learner, provider, domain = target.key
    mine = select(Suggestion.id).filter_by(learner_id=learner, provider_id=provider, domain=domain)
    if session.exec(mine.limit(1)).first() is not None:
        return 0
    found = list[Candidate]()
    with poison.contained(session, "desk", None, now=datetime.now(UTC)):  # one we stumble over has none
        award = session.get_one(Award, target.award)
        known = evidence.gather(session, target.person, award, code=target.code, domain=domain)
        found = _free(session, learner, known)
    for rank, one in enumerate(found or [Candidate(cause=NOTHING, corrected={})], start=1):
        row = Suggestion(
            learner_id=learner, provider_id=provider, domain=domain, identity=target.identity, rank=rank,
            cause=one.cause, corrected=one.corrected, answer="" if found else matches.NO,
        )  # fmt: skip
        session.add(row)
    session.flush()
    return len(found)


def _free(session: Session, learner_id: int, known: Known) -> list[Candidate]:
    """Without what belongs to another learner of ours."""
    found = near_misses.candidates(known)
    signs = near_misses.number_signs(known).union(*(near_misses.new_signs(known, one) for one in found))
    return near_misses.best(known, found, _taken(session, learner_id, signs) if found else ())


def is_taken(session: Session, person: Person, row: Suggestion) -> bool:
    """Would it make him another learner of ours?"""
    return bool(_taken(session, row.learner_id, _new_signs(person, row)))


def _new_signs(person: Person, row: Suggestion) -> set[str]:
    known = Known(person=person, code="", domain=row.domain)
    return near_misses.new_signs(known, Candidate(cause=row.cause, corrected=row.corrected))


def _taken(session: Session, learner_id: int, signs: Collection[str]) -> set[str]:
    """Those that find another learner."""
    return {sign for sign, found in _owners(session, signs).items() if found - {learner_id}}


def _owners(session: Session, signs: Collection[str]) -> dict[str, set[int]]:
    """The learners whom each finds; whoever was merged into another is that one."""
    found, wanted = defaultdict[str, set[int]](set), sorted(signs)
    for start in range(0, len(wanted), _MOST_SIGNS):
        rows = select(LearnerSign).where(col(LearnerSign.sign).in_(wanted[start : start + _MOST_SIGNS]))
        for row in session.exec(rows):
            if owner := lives_as(session, row.learner_id):
                found[row.sign].add(owner.id)
    return found
