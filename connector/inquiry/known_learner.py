"""What each learner source says of somebody who is in all of them: rights and renamed fields show in no other way.

Names fields, never a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from connector.errors import ConnectorError
from connector.learners import directory
from connector.learners.sources.fields import lack, lacking
from connector.learners.sources.remote import Remote
from connector.records import Actor, ActorKey, Found, Problem

NEEDED = ("given_name", "family_name", "birth_day", "profession", "consent")
"""What every credit asks for; which identifier, each credit says itself."""


@dataclass(frozen=True)
class Told:
    """What a source, or all of them together, say: the names of fields, or what is wrong."""

    who: str
    fields: tuple[str, ...] = ()
    problem: Problem | None = None

    @property
    def message(self) -> str:
        return "says " + ", ".join(self.fields) if self.fields else "knows this actor, and says nothing of him"


def told(sources: Mapping[str, directory.Source], known: ActorKey, broken: Collection[str]) -> Iterator[Told]:
    """Source by source, then all together. `broken` ones are not asked again."""
    asked = {name: source for name, source in sources.items() if name not in broken}
    answers, failed = _all_keys(asked, known)
    for name, source in asked.items():
        if name in failed:
            yield Told(name, problem=failed[name])
        else:
            yield from _one(name, source, known, answers[name])
    if broken or failed:
        return  # what the others leave open may be said there
    person = directory.Answers(list(answers.values())).about(_keys(answers, known))
    if person is not None:
        yield from _together(person)


def _together(person: Found) -> Iterator[Told]:
    missing = [*lacking(person.learner, NEEDED), *([] if person.learner.ids else ["npi, licence or board_id"])]
    if missing:
        hint = "credits of learners like this one will be held: fill it in, or add it to a source"
        problem = lack(missing[0], f"no source says {', '.join(missing)}", hint, Actor.ADMINISTRATOR)
        yield Told("all learner sources", problem=problem)
    else:
        yield Told("all learner sources", tuple(sorted(person.learner.origins)))


def _one(name: str, source: directory.Source, known: ActorKey, answers: Mapping[ActorKey, Found]) -> Iterator[Told]:
    """By a key that it knows, where another source has told one."""
    key = known if known in answers else min(answers, default=known)
    if isinstance(source, Remote) and not source.asked.speaks_for([key]):
        hint = "choose somebody whom this source can be asked for, or a source before it gives him such a key"
        yield Told(name, problem=lack("", f"{name} cannot be asked for this kind of actor", hint, Actor.ADMINISTRATOR))
        return
    try:
        problems = source.prove(key)
    except ConnectorError as error:
        problems = [_failure(error)]
    if found := answers.get(key):
        yield Told(name, tuple(sorted(found.learner.origins)))
    yield from (Told(name, problem=problem) for problem in problems)


def _all_keys(
    asked: Mapping[str, directory.Source], known: ActorKey
) -> tuple[dict[str, dict[ActorKey, Found]], dict[str, Problem]]:
    """What each source says of all keys that any of them gives to this person, and those that failed."""
    answers: dict[str, dict[ActorKey, Found]] = {name: {} for name in asked}
    failed: dict[str, Problem] = {}
    done: set[ActorKey] = set()
    while left := _keys(answers, known) - done:
        for name, source in asked.items():
            try:
                answers[name] |= {} if name in failed else source.fetch(left)
            except ConnectorError as error:
                failed[name] = _failure(error)
        done |= left
    return answers, failed


def _keys(answers: Mapping[str, Mapping[ActorKey, Found]], known: ActorKey) -> set[ActorKey]:
    found = [one for mine in answers.values() for one in mine.values()]
    return {known, *(key for one in found for key in one.keys)}


def _failure(error: ConnectorError) -> Problem:
    return Problem(code=error.code, message=error.message, hint=error.hint, who=Actor.OPERATOR)
