"""The life of a credit as data: its states and the legal moves. Knows no table; moves.py makes the moves."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a credit stands (docs/reference/states.md)."""

    HELD = "held"  # a gate stopped it, or it has not passed them yet
    READY = "ready"  # every gate passed; it leaves when its record does
    SENDING = "sending"  # written before the request, under a lease
    IN_DOUBT = "in_doubt"  # sent, no readable answer: PARS is asked before anything is sent again
    EXPORTED = "exported"  # in a file that a person uploads
    PENDING = "pending"  # PARS took it, no final word
    CONFIRMED = "confirmed"  # PARS's final yes
    REFUSED = "refused"  # PARS's immediate no
    REJECTED = "rejected"  # the later no, usually the board's
    UNMATCHED = "unmatched"  # either no, when the reason is who the learner is
    WITHDRAWING = "withdrawing"  # a delete is to leave, or has left
    WITHDRAWAL_IN_DOUBT = "withdrawal_in_doubt"
    WITHDRAWAL_REFUSED = "withdrawal_refused"
    WITHDRAWN = "withdrawn"  # PARS no longer holds it
    CLOSED = "closed"  # nothing will happen; `reason` says why


S = State

LIVE = frozenset(
    {
        S.SENDING,
        S.IN_DOUBT,
        S.EXPORTED,
        S.PENDING,
        S.CONFIRMED,
        S.WITHDRAWING,
        S.WITHDRAWAL_IN_DOUBT,
        S.WITHDRAWAL_REFUSED,
    }
)
"""PARS holds it or may hold it: at most one per award and certification, which the table's index enforces."""

_ANSWERS = (S.PENDING, S.CONFIRMED, S.REJECTED, S.UNMATCHED)

MOVES: frozenset[tuple[State, State]] = frozenset(
    (source, target)
    for source, targets in {
        S.HELD: (S.READY, S.CLOSED),
        S.READY: (S.HELD, S.SENDING, S.EXPORTED, S.CLOSED, *_ANSWERS),
        S.SENDING: (S.READY, S.IN_DOUBT, S.REFUSED, *_ANSWERS),
        S.IN_DOUBT: (S.READY, S.CLOSED, S.REFUSED, *_ANSWERS),
        S.EXPORTED: (S.READY, S.REFUSED, S.WITHDRAWING, *_ANSWERS),
        S.PENDING: (S.CONFIRMED, S.REJECTED, S.UNMATCHED, S.WITHDRAWING),
        S.CONFIRMED: (S.REJECTED, S.WITHDRAWING),
        S.REFUSED: (S.HELD, S.CLOSED),
        S.REJECTED: (S.WITHDRAWING, S.CLOSED, S.HELD),
        S.UNMATCHED: (S.HELD, S.WITHDRAWING, S.CLOSED),
        S.WITHDRAWING: (S.WITHDRAWN, S.WITHDRAWAL_IN_DOUBT, S.WITHDRAWAL_REFUSED),
        S.WITHDRAWAL_IN_DOUBT: (S.WITHDRAWN, S.WITHDRAWING),
        S.WITHDRAWAL_REFUSED: (S.WITHDRAWING, S.CLOSED),
        S.CLOSED: (S.HELD,),
    }.items()
    for target in targets
)


PARKED = "pars.three_doubts"
"""The reason of a credit in doubt that is not sent again until a person has looked."""

NEGATIVES = 2
"""How many answers "not there", `pars.settle` apart, it takes before a credit in doubt may be sent again."""
