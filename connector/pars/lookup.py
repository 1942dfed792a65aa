"""Does PARS hold this credit? Asked by credit id and, for an identified learner, by learner, activity and date.

And would it know this learner?
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from connector.errors import RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import LearnerQuery, MatchAnswer, Unclear
from connector.records import Frozen, Held, Identifier, Learner, RecordCredit

Answered = TypeVar("Answered")

_WITHOUT_ANSWER = ("pars.server_error", "pars.unreadable", "pars.no_answer")


class Seen(Frozen):
    """`ours`: PARS holds the credit under our id. `others`: what it holds of the same kind under other ids."""

    ours: Held | None = None
    others: tuple[Held, ...] = ()


def look(client: ParsClient, credit: RecordCredit, query: LearnerQuery | None) -> Seen:
    """Raises what a read raises. A REMS credit is asked for by its id alone: there is nobody to ask about."""
    return _answered(client, lambda: _look(client, credit, query))


def match(client: ParsClient, learner: Learner, identifier: Identifier) -> MatchAnswer:
    """Raises what `look` raises, and CannotSend where the dialect has no match."""
    return _answered(client, lambda: client.match(learner, identifier))


def _answered(client: ParsClient, ask: Callable[[], Answered]) -> Answered:
    """PARS may stumble over one credit or learner for ever: when it answers a harmless question, the trouble is that
    one's alone (Unclear) and not the channel's.
    """
    try:
        return ask()
    except RetryLater as error:
        if error.code not in _WITHOUT_ANSWER:
            raise
        with contextlib.suppress(Unclear):
            client.probe()
        raise Unclear(error.code, error.message) from None


def _look(client: ParsClient, credit: RecordCredit, query: LearnerQuery | None) -> Seen:
    ours = client.ask_credit(credit.credit_id)
    if ours is not None or query is None:
        return Seen(ours=ours)
    wanted = client.certification(credit)
    same = [held for held in client.ask_learner(query) if held.certification in ("", wanted)]
    mine = next((held for held in same if held.outcome.credit_id == credit.credit_id), None)
    return Seen(ours=mine, others=tuple(held for held in same if held is not mine))
