"""Does PARS hold this credit? Asked by credit id and, for an identified learner, by learner, activity and date."""

from __future__ import annotations

import contextlib

from connector.errors import RetryLater
from connector.pars.client import ParsClient
from connector.pars.exchange import LearnerQuery, Unclear
from connector.records import Frozen, Held, RecordCredit

_WITHOUT_ANSWER = ("pars.server_error", "pars.unreadable", "pars.no_answer")


class Seen(Frozen):
    """`ours`: PARS holds the credit under our id. `others`: what it holds of the same kind under other ids."""

    ours: Held | None = None
    others: tuple[Held, ...] = ()


def look(client: ParsClient, credit: RecordCredit, query: LearnerQuery | None) -> Seen:
    """Raises what a read raises. A REMS credit is asked for by its id alone: there is nobody to ask about.

    PARS may stumble over one credit for ever: when it answers a harmless question, the trouble is that credit's alone
    (Unclear) and not the channel's.
    """
    try:
        return _look(client, credit, query)
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
