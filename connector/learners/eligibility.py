"""The learners room's own gates: is this person known, was consent given, is the profession eligible? Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from connector.config import LearnersConfig
from connector.pars.vocabulary import PHARMACY
from connector.records import Actor, Dispute, Learner, Problem
from connector.store import reasons
from connector.store.people import no_consent

OTHER_PERSON = Problem(
    code="learner.other_person",
    field="identity",
    message="the learner source now gives this account to somebody else",
    hint="if it is the same person, put the former values back and change one of them at a time",
    who=Actor.COORDINATOR,
)

NAME_DIFFERS = Problem(
    code="learner.name_differs",
    field="actor_name",
    message="the name in the statement is not the one that the learner source has for this mailbox or account",
    hint="if both are one person, say so with `unmatched fix --same-person`; if several share it, each needs his own",
    who=Actor.COORDINATOR,
)

UNLINKED = Problem(
    code="learner.not_found",
    field="actor",
    message="a person unlinked this actor: until somebody links it, what learner sources say of it counts for nobody",
    hint="`learners link ACTOR LEARNER` says whose it is; `learners link ACTOR ACTOR` lets the sources count again",
    who=Actor.COORDINATOR,
)


def disagreements(disputes: Iterable[Dispute], settled: Collection[str]) -> list[Problem]:
    """What two sources say differently of who he is, until a person has said what is right in that field."""
    return [_sources_disagree(one) for one in disputes if one.field not in settled]


CPE_MONITOR = Problem(
    code=reasons.CPE_MONITOR,
    field="certification",
    message="credit of pharmacists and pharmacy technicians goes to CPE Monitor, not to JA-PARS",
    hint="submit it there, to the activity that CPE Monitor has under its UAN",
    who=Actor.COORDINATOR,
)


class _Offered(Protocol):
    """A credit, earned or only offered."""

    @property
    def kind(self) -> str: ...

    @property
    def certification(self) -> str: ...


def gate(
    learner: Learner, credit: _Offered, config: LearnersConfig, *, found: bool, unlinked: bool = False
) -> list[Problem]:
    """All problems of one learner for one credit; a REMS record is de-identified and passes them all.

    `unlinked`: he is not found because a person unlinked him.
    """
    if credit.kind == "rems":
        return []
    if credit.certification == PHARMACY:
        return [CPE_MONITOR]
    if not found:
        return [UNLINKED if unlinked else _not_found()]  # everything else is missing for the same reason
    problems = []
    if learner.consent is None or not learner.consent.given:
        problems.append(no_consent(withdrawn=learner.consent is not None))
    professions = config.professions(credit.kind, credit.certification)
    if not learner.profession:
        problems.append(_no_profession())
    elif professions is not None and learner.profession.upper() not in {name.upper() for name in professions}:
        problems.append(_not_eligible(credit))
    return problems


def _sources_disagree(dispute: Dispute) -> Problem:
    one, other = dispute.origins
    return Problem(
        code="learner.sources_disagree",
        field=dispute.field,
        message=f"{one or 'a source'} and {other or 'another'} do not agree on {_in_words(dispute.field)}",
        hint="correct the one that is wrong, or say what is right with `unmatched fix`",
        who=Actor.COORDINATOR,
    )


def _in_words(field: str) -> str:
    return f"the {field.removeprefix('ids.')} number" if field.startswith("ids.") else f"the {field.replace('_', ' ')}"


def _not_found() -> Problem:
    return Problem(
        code="learner.not_found",
        field="actor",
        message="no learner source knows this actor",
        hint="add the learner to a source, or say whose actor it is: `learners link ACTOR LEARNER`",
        who=Actor.COORDINATOR,
    )


def _no_profession() -> Problem:
    return Problem(
        code="learner.no_profession",
        field="profession",
        message="the profession is not known, so it cannot be told whether the credit may be reported",
        hint="fill in the profession in the learner source",
    )


def _not_eligible(credit: _Offered) -> Problem:
    what = "maintenance-of-certification points" if credit.kind == "moc" else f"{credit.certification} credit in PARS"
    return Problem(
        code=reasons.NOT_ELIGIBLE,
        field="profession",
        message=f"this profession earns no {what}",
        hint="if the profession is wrong, correct it in the learner source",
    )
