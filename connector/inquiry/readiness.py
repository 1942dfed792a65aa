"""Who of a roster could be reported if he completed now, and what stands against the others. Asks PARS nothing.

The gates are those of the learners and validation rooms; how things stand there is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr
from sqlmodel import Session, col, select

from connector.config import Config, ProviderConfig
from connector.inquiry.rosters import Entrant
from connector.learners import directory, people
from connector.learners.claiming import is_unlinked, without_unlinked
from connector.learners.directory import Answers
from connector.learners.eligibility import disagreements, gate
from connector.pars.match_sheet import Asked
from connector.pars.sent_under import choose_identifier
from connector.records import Actor, ActorKey, Dispute, Found, Identifier, Learner, Problem, RecordCredit
from connector.store import fixes
from connector.store.people import as_learner
from connector.store.reasons import BARRING
from connector.store.session import Store
from connector.store.tables import LearnerKey, LearnerRow
from connector.validation import checks
from connector.validation.stage import stops

BATCH = 200
"""Learners about whom the sources are asked at once."""

Tell = Callable[[str], None]
Verdict = Literal["ready", "not_ready", "not_eligible", "not_known"]


@dataclass
class Question:
    """One identifier that a credit would leave under, and what PARS says of it: `yes`, `no`, `several`, or `unclear`
    where its answer cannot be read; empty while it has not been asked."""

    identifier: Identifier
    answer: str = ""
    problem: Problem | None = None  # what a no means


@dataclass
class Standing:
    """How one person of the roster stands; `known` is False where a source that may know him did not answer."""

    place: str
    learner_id: int | None
    learner: Learner
    credits: int  # how many are meant
    problems: list[Problem] = field(default_factory=list)
    barred: int = 0  # credits that his profession does not earn
    questions: list[Question] = field(default_factory=list)
    known: bool = True

    @property
    def who(self) -> str:
        """His place in the roster and his number in the store."""
        number = f"learner {self.learner_id}" if self.learner_id is not None else ""
        return f"{self.place} ({number})" if self.place and number else self.place or number

    @property
    def all_problems(self) -> list[Problem]:
        """Our gates' and PARS's; after PARS's yes our own doubts about that number are none."""
        certain = {f"ids.{one.identifier.domain}" for one in self.questions if one.answer == "yes"}
        own = [one for one in self.problems if one.holds or one.field not in certain]
        return own + [one.problem for one in self.questions if one.problem]

    def verdict(self, stopped: Callable[[Problem], bool], *, asked: bool) -> Verdict:
        """`asked`: PARS was to be asked, so that nobody is ready of whom it was not."""
        problems = [one for one in self.all_problems if one.code not in BARRING]
        if any(one.problem for one in self.questions) or any(stopped(one) for one in problems):
            return "not_ready"
        if self.barred == self.credits:
            return "not_eligible"
        open_ = any(not one.answer for one in self.questions)
        return "not_known" if not self.known or (asked and open_) else "ready"


@dataclass
class Group:
    """Everybody against whom one thing stands."""

    problem: Problem
    standings: list[Standing]


def groups(standings: Iterable[Standing]) -> list[Group]:
    """By reason: what stops credits first, then what concerns most people."""
    found: dict[tuple[str, str, str], Group] = {}
    for standing in standings:
        for problem in standing.all_problems:
            named = (problem.code, problem.field, problem.message)
            found.setdefault(named, Group(problem, [])).standings.append(standing)
    return sorted(found.values(), key=lambda one: (not one.problem.holds, -len(one.standings), one.problem.code))


def look(
    store: Store,
    config: Config,
    provider: ProviderConfig,
    credits_: Sequence[RecordCredit],
    entrants: Sequence[Entrant],
    tell: Tell,
) -> Iterator[Standing]:
    """Everybody of the roster, each person once: whoever ends it early has what was found so far."""
    sources = directory.sources(config, store)
    met = set[object]()
    for begin in range(0, len(entrants), BATCH):
        tell(f"asking the learner sources: {begin} of {len(entrants)}")
        some = entrants[begin : begin + BATCH]
        keys = {key for one in some for key in one.keys}
        said = directory.fetch(sources, sorted(keys))
        with store.reading() as session:
            answers = without_unlinked(session, said, keys)
            looking = _Looking(session, config, provider, credits_, answers)
            links = _links(session, keys | answers.keys())
            for one in some:
                found = answers.about(one.keys)
                row = _row(session, one, found, links)
                person = row.id if row else frozenset(found.keys if found else one.keys)
                if person not in met:
                    met.add(person)
                    yield looking.at(one, row, found)


def _links(session: Session, keys: Collection[ActorKey]) -> Mapping[str, int]:
    """The learners of the store by actor key."""
    links = select(LearnerKey.actor_key, LearnerKey.learner_id).where(col(LearnerKey.actor_key).in_(sorted(keys)))
    return dict(session.exec(links).all())


def _row(session: Session, one: Entrant, said: Found | None, links: Mapping[str, int]) -> LearnerRow | None:
    """His own actor before the others that a source gives him."""
    if one.learner is not None:
        return session.get(LearnerRow, one.learner)
    keys: list[ActorKey] = [*one.keys, *(said.keys if said else ())]
    number = next((links[key] for key in keys if key in links), None)
    return session.get(LearnerRow, number) if number is not None else None


@dataclass
class _Looking:
    """One batch: the gates over each person as the sources and people's corrections know him today."""

    session: Session
    config: Config
    provider: ProviderConfig
    credits: Sequence[RecordCredit]
    answers: Answers

    def at(self, one: Entrant, row: LearnerRow | None, said: Found | None) -> Standing:
        learner = _today(self.session, row, said)
        is_found = said is not None or (row is not None and row.found)
        unlinked = not is_found and row is not None and is_unlinked(self.session, row)
        silent = not (row and row.found) and any(key in self.answers.silent for key in one.keys)
        standing = Standing(one.place, row.id if row else None, learner, len(self.credits), known=not silent)
        for credit in self.credits if not silent else ():
            self._judge(standing, credit, found=is_found, unlinked=unlinked)
        disputed = _disagreements(self.session, row, said)
        if disputed and standing.barred < standing.credits:
            standing.problems += disputed
            standing.questions.clear()  # who he is has to be settled first
        standing.problems = _once(standing.problems)
        return standing

    def _judge(self, standing: Standing, credit: RecordCredit, *, found: bool, unlinked: bool) -> None:
        problems = gate(standing.learner, credit, self.config.learners, found=found, unlinked=unlinked)
        barred = any(one.code in BARRING for one in problems)
        standing.barred += barred
        order = self.provider.identifier_order
        if found and not barred:
            problems += checks.of_learner(standing.learner, credit, order)
        standing.problems += problems
        chosen = choose_identifier(credit, standing.learner, order)
        known = any(chosen == question.identifier for question in standing.questions)
        if chosen and not known and not any(stops(one, self.config.validation) for one in problems):
            standing.questions.append(Question(chosen))


def _disagreements(session: Session, row: LearnerRow | None, said: Found | None) -> list[Problem]:
    settled = fixes.standing(session, [row.id])[row.id] if row else ()
    kept = map(Dispute.model_validate, (row.disputes or ()) if row else ())
    return disagreements(said.disputes if said else kept, settled)


def _once(problems: Iterable[Problem]) -> list[Problem]:
    return list({(one.code, one.field): one for one in problems}.values())


def _today(session: Session, row: LearnerRow | None, said: Found | None) -> Learner:
    """As the store will know him once it has asked the sources: a correction ends where its source's value changed."""
    if row is None:
        return said.learner if said else Learner()
    kept = as_learner(session, row)
    if said is None:
        return kept
    learner = said.learner
    fixed = fixes.standing(session, [row.id])[row.id]
    holds = [name for name in fixed if fixes.source_value(row, name) == _source_value(learner, name)]
    changes: dict[str, Any] = {name: getattr(kept, name) for name in holds if not name.startswith(fixes.IDS)}
    own = {name.removeprefix(fixes.IDS) for name in holds if name.startswith(fixes.IDS)}
    changes["ids"] = learner.ids | {domain: kept.ids[domain] for domain in own}
    changes["consent"] = people.consent_after(session, row, learner.consent)
    return learner.model_copy(update=changes)


def _source_value(learner: Learner, name: str) -> str:
    value = learner.ids.get(name.removeprefix(fixes.IDS)) if name.startswith(fixes.IDS) else getattr(learner, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def to_ask(standings: Iterable[Standing]) -> list[tuple[Standing, Question]]:
    """What PARS can be asked: whoever has passed our own gates, under each identifier that a credit would leave by."""
    return [(standing, question) for standing in standings for question in standing.questions]


def asked(pairs: Collection[tuple[Standing, Question]]) -> list[Asked]:
    """The same for the spreadsheet."""
    return [Asked(learner=standing.learner, identifier=question.identifier) for standing, question in pairs]


def who_acts(problem: Problem) -> str:
    """An ineligible profession needs nobody, if it is right."""
    return "" if problem.code in BARRING or problem.who == Actor.NOBODY else problem.who
