"""What passes between us and PARS beside records: credentials, questions, answers, and the no of our own last gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydantic import Field, SecretStr

from connector.errors import ConnectorError
from connector.records import BirthDay, Frozen, Identifier, Payload, Problem


class Credentials(Frozen):
    """What ACCME issues to a provider for its web services. The carrier adds them on the wire; nothing stores them."""

    provider_id: str
    user: str
    password: SecretStr


class LearnerQuery(Frozen):
    """How GetLearnerStatusByLearner is asked: whose completion of what, and when. The personal half is masked."""

    activity_id: str
    birth_day: BirthDay
    completed_on: date
    identifier: Identifier


class Question(Frozen):
    """A read, ready for the carrier: a call of the wire table with its parameters or its document. Masked."""

    call: str
    params: dict[str, str] = Field(default_factory=dict, repr=False)
    payload: Payload | None = None


class MatchAnswer(Frozen):
    """Would PARS know this learner? `unknown` when its word is in no list of the wire table; `no` may carry a code."""

    found: Literal["yes", "no", "several", "unknown"]
    code: str = ""
    words: str = Field(default="", repr=False)


class CannotSend(ConnectorError):
    """A record that this format must not carry: its credits are held for `problems`, the channel goes on."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.code, f"{first.field or 'record'}: {first.message}", first.hint)
        self.problems = tuple(problems)


class Unclear(ConnectorError):
    """A read whose answer settles nothing about this one credit: it is asked again later, the channel goes on."""
