"""Near misses of waiting credits: made once for an identity, tried with PARS, offered; a person applies them.

Only PARS's yes makes one sure. Where PARS cannot be asked they stay possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sqlmodel import Session, col, or_, select

from connector import channels
from connector.config import Config, ProviderConfig
from connector.desk import evidence, near_ids, near_misses
from connector.desk.cases import IDENTITY, of_learner
from connector.desk.near_misses import Candidate, Known
from connector.errors import NeedsOperator, RetryLater
from connector.pars import lookup
from connector.pars.client import ParsClient
from connector.pars.exchange import CannotSend, Unclear
from connector.pars.identity import Person
from connector.records import BirthDay, Counts, Identifier, Learner, LicenceNumber, PersonName
from connector.store import matches, poison
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.signs import people
from connector.store.states import State
from connector.store.tables import Award, Credit, LearnerMatch, LearnerRow, LearnerSign, Suggestion

QUESTIONS: Final = 30
"""In one turn and to one provider: what is to be sent waits for none of the others."""
_BATCH: Final = 50
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
        return identity(self.person, self.key[2])


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
    """By credit; what was made for another identity than today's is not offered any more."""
    targets = _targets(session, waiting)
    kept: dict[tuple[Key, str], list[Suggestion]] = defaultdict(list)
    learners = {one.key[0] for one in targets}
    rows = select(Suggestion).order_by(col(Suggestion.rank))
    rows = rows.where(col(Suggestion.learner_id).in_(learners)) if len(learners) < _BATCH else rows
    for row in session.exec(rows):
        if row.answer in (*_OPEN, matches.YES) and row.cause != NOTHING:
            kept[_key(row), row.identity].append(row)
    return {one.credit: _sure_alone(kept[one.key, one.identity]) for one in targets}


def _sure_alone(rows: list[Suggestion]) -> list[Suggestion]:
    return [row for row in rows if row.answer == matches.YES] or rows


def make(store: Store) -> Counts:
    """Look for near misses where nobody has looked yet; what was made for another identity goes."""
    counts = Counts()
    with store.reading() as session:
        targets = {one.key: one for one in _targets(session, _waiting(session))}
        known = {_key(row): row.identity for row in session.exec(select(Suggestion))}
    stale = {key for key, identity in known.items() if key not in targets or targets[key].identity != identity}
    fresh = [one for key, one in targets.items() if key in stale or key not in known]
    if stale:
        _forget(store, stale)
    for start in range(0, len(fresh), _BATCH):
        if store.stopping.is_set():
            break
        with store.writing() as session:
            alone(session, "desk")
            for one in fresh[start : start + _BATCH]:
                counts["suggested"] += _put(session, one)
    return counts


def _waiting(session: Session) -> Sequence[tuple[Credit, Award]]:
    """Credits that PARS said no to, and held ones whose fault another value may be; the oldest first."""
    held = (col(Credit.state) == State.HELD) & col(Credit.reason).startswith(IDENTITY)
    said_no = col(Credit.state).in_((State.UNMATCHED, State.REFUSED))
    query = select(Credit, Award).join(Award, col(Award.id) == col(Credit.award_id))
    query = query.where(or_(said_no, held), Credit.wanted == "present")
    return session.exec(query.order_by(col(Credit.state_since), col(Credit.id))).all()


def _targets(session: Session, waiting: Iterable[tuple[Credit, Award]]) -> list[Target]:
    """One for each credit that near misses are looked for."""
    open_ = [(credit, award) for credit, award in waiting if credit.wanted == "present"]
    rows = [(credit, award, code) for credit, award in open_ if (code := _code(credit))]
    known = people(session, {award.learner_id for _, award, _ in rows})
    return [
        Target(credit.id, award.id, (award.learner_id, credit.provider_id, domain), code, person)
        for credit, award, code in rows
        if (person := known.get(award.learner_id)) and (domain := _domain(session, credit, award, person))
    ]


def _code(credit: Credit) -> str:
    """What near misses are looked for; of a refused credit what a gate had warned of. Empty where none are."""
    if credit.state in (State.UNMATCHED, State.HELD):
        return credit.reason if credit.reason in near_misses.ANSWERED else ""
    return next((one.code for one in of_learner(credit) if one.code in near_misses.MISTYPED), "")


def _domain(session: Session, credit: Credit, award: Award, person: Person) -> str:
    """Of the identifier that was sent, or asked about, or that is missing."""
    if credit.state != State.HELD and credit.identifier_domain:
        return credit.identifier_domain
    if credit.reason in matches.TOLD:
        asked = select(LearnerMatch.domain).where(
            LearnerMatch.learner_id == award.learner_id, LearnerMatch.provider_id == credit.provider_id
        )
        asked = asked.where(col(LearnerMatch.found).in_((matches.NO, matches.SEVERAL)))
        domains = session.exec(asked.order_by(col(LearnerMatch.domain))).all()
        return credit.board if credit.board in domains else next(iter(set(domains) - {credit.board}), "")
    field = next((one["field"] for one in credit.problems if one["code"] == credit.reason), "")
    named = field.removeprefix("ids.") if field.startswith("ids.") else ""
    licences = sorted(person.ids.keys() & near_ids.LICENSING)
    return named or credit.board or ("NPI" if "NPI" in person.ids or not licences else licences[0])


def _key(row: Suggestion) -> Key:
    return row.learner_id, row.provider_id, row.domain


def _forget(store: Store, keys: Collection[Key]) -> None:
    with store.writing() as session:
        for row in session.exec(select(Suggestion).with_for_update()):
            if _key(row) in keys:
                session.delete(row)


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


def _taken(session: Session, learner_id: int, signs: Collection[str]) -> set[str]:
    """Those that find another learner; whoever was merged into this one is no other."""
    rows = select(LearnerSign).where(col(LearnerSign.sign).in_(sorted(signs)), LearnerSign.learner_id != learner_id)
    return {row.sign for row in session.exec(rows) if _lives_as(session, row.learner_id) != learner_id}


def _lives_as(session: Session, number: int) -> int:
    row = session.get_one(LearnerRow, number)
    while row.merged_into is not None:
        row = session.get_one(LearnerRow, row.merged_into)
    return row.id


def ask(store: Store, config: Config, provider: ProviderConfig, counts: Counts) -> None:
    """Try what nobody has tried, one question at a time; a case is over with its first yes."""
    with store.reading() as session:
        due = _due(session, provider)
    if not due or provider.channel == "json-service":
        return
    channel = channels.row_of(store, provider)
    if channel.circuit == "open":
        return
    client = channels.client_of(store, config, provider, channel)
    if client is None:
        return
    solved = set[Key]()
    with client:
        for row in due[:QUESTIONS]:
            if _key(row) in solved:
                continue
            with channels.in_line(store, channel.id) as flows:
                if not flows:
                    return
                try:
                    answer = _try(store, client, row)
                except (RetryLater, NeedsOperator) as error:
                    channels.stop(store, config, channel.id, error)
                    return
            counts["asked"] += 1
            if _keep(store, row, answer):
                solved.add(_key(row))
                counts["sure"] += 1


def _due(session: Session, provider: ProviderConfig) -> list[Suggestion]:
    """The oldest case first, each in the order of its ranks, none that has a yes."""
    rows = session.exec(
        select(Suggestion).where(Suggestion.provider_id == provider.id).order_by(col(Suggestion.id))
    ).all()
    solved = {_key(row) for row in rows if row.answer == matches.YES}
    return [row for row in rows if not row.answer and _key(row) not in solved]


def _try(store: Store, client: ParsClient, row: Suggestion) -> str:
    """PARS's answer in one word. Raises RetryLater and NeedsOperator: then it was not asked."""
    with store.reading() as session:
        person = people(session, [row.learner_id])[row.learner_id]
    candidate = Candidate(cause=row.cause, corrected=row.corrected)
    domain, after = candidate.domain(row.domain), near_misses.corrected(person, candidate.corrected)
    if domain not in after.ids or after.name is None:
        return matches.UNCLEAR
    number = Identifier(domain=domain, value=LicenceNumber(after.ids[domain]))
    try:
        return lookup.match(client, as_learner(after), number).found
    except (Unclear, CannotSend):
        return matches.UNCLEAR
    except (RetryLater, NeedsOperator):
        raise
    except Exception as error:  # one that no question can be made of keeps no other from being asked
        with store.writing() as session:
            poison.note(session, "desk", error, datetime.now(UTC))
        return matches.UNCLEAR


def _keep(store: Store, asked: Suggestion, answer: str) -> bool:
    """Write the answer down; True for a yes that counts: about who he still is, and nobody else of ours."""
    with store.writing() as session:
        row = session.get(Suggestion, asked.id, with_for_update=True)
        if row is None:
            return False
        person = people(session, [row.learner_id])[row.learner_id]
        known = Known(person=person, code="", domain=row.domain)
        signs = near_misses.new_signs(known, Candidate(cause=row.cause, corrected=row.corrected))
        others = identity(person, row.domain) != row.identity or _taken(session, row.learner_id, signs)
        row.answer = matches.NO if answer == matches.YES and others else answer
        row.asked_at = datetime.now(UTC)
        session.add(row)
        return row.answer == matches.YES


def identity(person: Person, domain: str) -> str:
    """Of the learner as he is known: what was made for another one holds no more."""
    number = LicenceNumber(person.ids.get(domain, ""))
    return matches.identity_of(as_learner(person), Identifier(domain=domain, value=number))


def as_learner(person: Person) -> Learner:
    """The strict value, for a question to PARS."""
    return Learner(
        given_name=PersonName(person.given_name) if person.given_name else None,
        family_name=PersonName(person.family_name) if person.family_name else None,
        birth_day=BirthDay(person.birth_day) if person.birth_day else None,
        ids={domain: LicenceNumber(value) for domain, value in person.ids.items()},
    )
