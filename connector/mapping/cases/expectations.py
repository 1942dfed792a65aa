"""Compares what a case expects with what came, in words. Knows no file and no rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connector.mapping.cases.form import OPEN, Expected, ExpectedRems
from connector.mapping.evaluate import Outcome
from connector.pars import vocabulary
from connector.records import Completion, Evidence, Ignored, Problem, RemsAnswers

_NAMES: Final = {certification: name for name, certification in vocabulary.CERTIFICATIONS.items()}


@dataclass(frozen=True)
class Verdict:
    """What became of a case's statements; `missing` says what a completion still waits for."""

    outcome: Outcome
    missing: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Every word that a case may use for it."""
        match self.outcome:
            case Completion():
                return ("waiting",) if self.missing else ("completion",)
            case Evidence(meets=meets, undoes=undoes):
                return (*(["evidence"] if meets else []), *(["undoes"] if undoes else []))
            case Problem(code=code):
                return (code,)
            case Ignored():
                return ("ignored",)

    def __str__(self) -> str:
        match self.outcome:
            case Completion():
                return f"a completion that waits: {'; '.join(self.missing)}" if self.missing else "a completion"
            case Evidence():
                return " and ".join({"evidence": "evidence", "undoes": "one that undoes"}[word] for word in self.words)
            case Problem(code=code, message=message, hint=hint):
                return f"{code} ({message}{'; ' if hint else ''}{hint})"
            case Ignored(reason=reason):
                return f"ignored ({reason})"


def differences(expected: Expected | str, verdict: Verdict) -> Iterator[str]:
    """Nothing where all is as expected."""
    wanted = expected if isinstance(expected, str) else expected.problem or "completion"
    if wanted not in verdict.words:
        yield f"expected {'a completion' if wanted == 'completion' else wanted}, got {verdict}"
    elif isinstance(expected, Expected) and isinstance(verdict.outcome, Completion):
        yield from _of_a_completion(expected, verdict.outcome)


def _of_a_completion(expected: Expected, came: Completion) -> Iterator[str]:
    earned = earned_by(came)
    if expected.credits is not None and expected.credits != earned:
        yield f"expected {_amounts(expected.credits)}, got {_amounts(earned)}"
    day = day_of(came)
    if expected.date is not None and expected.date != day:
        yield f"expected {expected.date}, got {day}"
    if expected.rems is not None:
        yield from _answers(expected.rems, came.rems)


def earned_by(came: Completion) -> dict[str, Decimal]:
    """Credits by the names that a case uses: `cme`, `ABIM`, `ABIM/Medical Knowledge`; a REMS record has none."""
    return {_NAMES.get(one.certification, one.certification): one.amount for one in came.credits if one.kind != "rems"}


def day_of(came: Completion) -> str:
    return came.completed_on.isoformat() if came.completed_on else OPEN


def _answers(expected: ExpectedRems, came: RemsAnswers | None) -> Iterator[str]:
    if came is None:
        yield f"expected a record for the REMS {expected.type}, got none"
        return
    for name in sorted(expected.model_fields_set):
        wanted, got = getattr(expected, name), getattr(came, name)
        if wanted != got:
            yield f"expected {name} {_word(wanted)}, got {_word(got)}"


def _word(answer: str | bool | None) -> str:  # noqa: FBT001 - an answer, no switch
    return str(answer).lower() if isinstance(answer, bool) else answer or "nothing"


def _amounts(credits_: dict[str, Decimal]) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(credits_.items())) or "no credits"
