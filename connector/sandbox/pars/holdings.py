"""What the rehearsal PARS holds: one credit, its life, and who may see it when. Knows no rule and no format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.sandbox.pars.record import Identifier, Line, Refusal, Report


@dataclass
class Credit:
    """One credit as held: `state` is Pending, Accepted, Rejected or Deleted.

    `record` numbers the report that brought it and `gone_with` the one that took it away: equal for what went together.
    """

    credit_id: str
    provider: str
    activity: str
    certification: str
    board: str
    amount: Decimal
    completed: str
    learner: str
    birth: str
    identifiers: tuple[Identifier, ...]
    state: str
    answer_at: datetime | None
    visible_at: datetime
    fate: str = "accepts"
    words: str = ""
    refusal: Refusal | None = None
    record: int = 0
    gone_with: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return self.state in ("Pending", "Accepted")

    def is_same_completion(self, report: Report, line: Line, board: str) -> bool:
        """Same activity, date, board and credit type; whose it is, is asked separately."""
        mine = (self.activity, self.completed, self.board, self.certification)
        return mine == (report.activity, report.completed[:10], board, line.certification)

    def describes(self, report: Report, line: Line, board: str) -> bool:
        """True when the very same credit was sent again."""
        same = self.identifiers == line.identifiers and str(self.amount) == line.amount
        return same and self.is_same_completion(report, line, board)

    def note(self, at: datetime, action: str, answer: str, message: str = "") -> None:
        self.history.append({"at": at.isoformat(), "action": action, "answer": answer, "message": message})

    def shown(self) -> dict[str, Any]:
        return {
            "credit_id": self.credit_id,
            "provider": self.provider,
            "activity": self.activity,
            "certification": self.certification,
            "board": self.board,
            "amount": str(self.amount),
            "completed": self.completed,
            "learner": self.learner,
            "identifiers": [{"domain": one.domain, "value": one.value} for one in self.identifiers],
            "state": self.state,
            "reason": self.refusal.reason if self.refusal else "",
            "message": self.refusal.message if self.refusal else "",
            "history": self.history,
        }
