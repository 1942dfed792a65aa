"""Which credits the rows of a file that came back are about: by id, or by what they carry, if that is of one award."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, select

from connector.pars.identity import Person, Relation, relation, signs
from connector.pars.receipts import Receipt, Said
from connector.pars.vocabulary import CME_CERTIFICATION
from connector.store.states import State
from connector.store.tables import Award, Credit, Record
from connector.store.views import reported_on

_AT_PARS: Final = (State.READY, State.EXPORTED, State.IN_DOUBT, State.PENDING, State.CONFIRMED, State.WITHDRAWING)


class How(StrEnum):
    """What became of a row."""

    SETTLED = "settled"
    UNCHANGED = "unchanged"
    NOBODY = "nobody"
    SEVERAL = "several"
    CONTRADICTING = "contradicting"


@dataclass(frozen=True)
class Candidate:
    """A credit that a row may be about, as it left."""

    pk: int
    credit_id: str
    award: int
    kind: tuple[str, str]
    withdrawing: bool
    person: Person


@dataclass
class Index:
    """Credits by id; identified ones by activity, date and person; REMS ones by activity, date and identifier."""

    by_id: dict[str, Candidate] = field(default_factory=dict)
    by_sign: dict[tuple[str, date, str], list[Candidate]] = field(default_factory=lambda: defaultdict(list))
    by_local: dict[tuple[str, date, str], list[Candidate]] = field(default_factory=lambda: defaultdict(list))


def _kind(credit: Credit) -> tuple[str, str]:
    """No file names a certification of JA-PARS: it has no fellow among the rows."""
    if credit.board:
        return "moc", credit.board
    return ("cme", "") if credit.certification == CME_CERTIFICATION else (credit.kind, credit.certification)


def index_of(session: Session, provider_id: str) -> Index:
    rows = select(Credit, Award, Record.local_id).join(Award, col(Award.id) == col(Credit.award_id))
    rows = rows.join(Record, col(Record.id) == col(Credit.record_id)).where(Credit.provider_id == provider_id)
    rows = rows.where(col(Credit.first_sent_at).is_not(None))
    index = Index()
    for credit, award, local_id in session.exec(rows):
        one = Candidate(
            credit.id, credit.credit_id, award.id, _kind(credit),
            credit.state == State.WITHDRAWING, _person(credit),
        )  # fmt: skip
        index.by_id[credit.credit_id] = one
        if credit.state not in _AT_PARS:
            continue  # by its id alone: what is over is not looked for by name
        day = reported_on(credit, award)
        if credit.kind == "rems":
            index.by_local[award.activity_id, day, local_id].append(one)
        else:
            for sign in signs(one.person):
                index.by_sign[award.activity_id, day, sign].append(one)
    return index


def _person(credit: Credit) -> Person:
    sent = credit.sent_as or {}
    ids = {credit.identifier_domain: credit.identifier_value} if credit.identifier_domain else {}
    return Person(
        given_name=sent.get("given_name", ""),
        family_name=sent.get("family_name", ""),
        birth_day=sent.get("birth_day", ""),
        ids=ids,
    )


@dataclass(frozen=True)
class Found:
    """A row, and a credit that it is about; None with the reason why it is about none."""

    said: Said
    candidate: Candidate | None
    how: How = How.SETTLED


def found(receipt: Receipt, index: Index) -> Iterator[Found]:
    """Rows that say different things of one credit are listed, all of them."""
    fitting = [(said, _fits(said, index, receipt)) for said in receipt.rows]
    words = defaultdict[int, set[tuple[str, str]]](set)
    for said, (candidates, _) in fitting:
        for one in candidates:
            words[one.pk].add((said.words.status.casefold(), said.words.reason.casefold()))
    for said, (candidates, how) in fitting:
        for one in candidates:
            yield Found(said, one, How.CONTRADICTING if len(words[one.pk]) > 1 else How.SETTLED)
        if not candidates:
            yield Found(said, None, how)


def _fits(said: Said, index: Index, receipt: Receipt) -> tuple[Sequence[Candidate], How]:
    """By id; else by what it carries, if that is of one award alone."""
    if said.words.credit_id:
        one = index.by_id.get(said.words.credit_id)
        return ((one,), How.SETTLED) if one else ((), How.NOBODY)
    near = {one.pk: one for one in _near(said, index)}.values()
    mine = [one for one in near if _is_of(said, one, receipt)]
    if not mine:
        return (), How.NOBODY
    if len({one.award for one in mine}) > 1:
        return (), How.SEVERAL
    return mine, How.SETTLED


def _near(said: Said, index: Index) -> Iterable[Candidate]:
    if said.completed_on is None:
        return
    if said.local_id:
        yield from index.by_local.get((said.activity_id, said.completed_on, said.local_id), ())
    elif said.person is not None:
        for sign in signs(said.person):
            for one in index.by_sign.get((said.activity_id, said.completed_on, sign), ()):
                if relation(said.person, one.person) is Relation.SAME:
                    yield one


def _is_of(said: Said, one: Candidate, receipt: Receipt) -> bool:
    """A Delete row is about what is being withdrawn, and the result of an Add row about what is not."""
    if said.kinds and not said.local_id and one.kind not in said.kinds:
        return False
    return receipt.what == "status" or one.withdrawing == (said.action == "delete")
