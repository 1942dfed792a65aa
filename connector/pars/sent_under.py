"""Which of a learner's numbers a credit is sent under. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from connector.pars import vocabulary
from connector.records import Identifier, Learner, RecordCredit


def choose_identifier(credit: RecordCredit, learner: Learner, order: Sequence[str]) -> Identifier | None:
    """The one identifier a credit is sent under: a board's own id for MOC; for CME the first of the order."""
    if credit.kind == "rems":
        return None
    domains = [credit.board] if credit.board else []
    for wanted in () if credit.board else order:
        states = sorted(domain for domain in learner.ids if domain in {**vocabulary.STATES, **vocabulary.TERRITORIES})
        domains += states if wanted == "state" else [wanted]
    found = next((domain for domain in domains if domain in learner.ids), None)
    return Identifier(domain=found, value=learner.ids[found]) if found else None
