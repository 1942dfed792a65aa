"""The neutral form of a learner document, as either dialect reads it. Knows neither XML nor JSON, judges nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A no and why: `reason` is a word of the MedBiquitous service vocabulary, `message` is for people."""

    reason: str
    message: str


class Malformed(Exception):
    """The document cannot be accepted as a whole."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(reason, message)


@dataclass(frozen=True)
class Identifier:
    domain: str
    value: str


@dataclass(frozen=True)
class Person:
    given: str
    family: str
    birth: str | None


@dataclass(frozen=True)
class Participant:
    """The de-identified half of a REMS report."""

    local: Identifier
    profession: str
    state: str | None = None
    dea: str | None = None
    practice_area: str | None = None
    time_in_practice: str | None = None


@dataclass(frozen=True)
class Line:
    """One credit as sent; `amount` is still text, `identifiers` is empty where none was given."""

    credit_id: str
    identifiers: tuple[Identifier, ...]
    certification: str
    unit: str
    amount: str


@dataclass(frozen=True)
class Report:
    """One learner completion as sent. `provider_login` is the optional web-services provider identifier."""

    provider: str
    activity: str
    status: str
    completed: str
    action: str
    lines: tuple[Line, ...]
    person: Person | None = None
    participant: Participant | None = None
    regulation: str | None = None
    provider_login: str | None = None


@dataclass(frozen=True)
class Document:
    reports: tuple[Report, ...]


@dataclass(frozen=True)
class Outcome:
    """The answer about one credit: Pending, Accepted, Deleted, or Refused with its reason."""

    credit_id: str
    status: str
    refusal: Refusal | None = None


@dataclass(frozen=True)
class StatusQuestion:
    """Asked by credit id, or by learner and completion; `birth` is MM-DD. Without `domain` any domain will do."""

    credit_id: str | None = None
    activity: str = ""
    birth: str = ""
    completed: str = ""
    domain: str | None = None
    identifier: str | None = None
