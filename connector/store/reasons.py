"""Why a credit fell, waits or closed, where more than one room must know the word: the codes, and nothing else."""

from __future__ import annotations

from typing import Final

VOIDED: Final = "statement.voided"
WITHDRAWN_BY_PERSON: Final = "credit.withdrawn_by_person"
UNDONE: Final = "statement.undone"
MISSING: Final = "evidence.missing"
SAME_AWARD: Final = "award.same"
NOT_ELIGIBLE: Final = "learner.not_eligible"
CPE_MONITOR: Final = "credit.cpe_monitor"
BARRING: Final = (NOT_ELIGIBLE, CPE_MONITOR)
"""The gates' words for a credit that is not to be reported at all."""
MAXIMUM: Final = "credit.maximum"
SUMMED: Final = "credit.summed_into"
WITHDRAWAL_FIRST: Final = "credit.withdrawal_first"
ROOM_FIRST: Final = "credit.room_first"
STUMBLED: Final = "learner.stumbled"
"""A completion whose learner could not be looked at: it is tried again, whatever it waits for besides."""
