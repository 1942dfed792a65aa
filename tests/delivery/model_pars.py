"""A PARS of a few lines that does as it is told, fast enough for thousands of turns, and judges who calls it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

from connector.errors import InDoubt, NeedsOperator, RetryLater
from connector.pars.exchange import LearnerQuery, MatchAnswer, Unclear
from connector.records import Held, Identifier, Learner, LearnerRecord, Outcome, Payload, RecordCredit, Reply, Verdict

LATE = timedelta(minutes=10)
SETTLE = timedelta(minutes=15)
SAVES = (
    "good", "pending", "refused", "unmatched", "rejected", "exists", "lost", "lost but stored", "stored later",
    "silent", "busy", "login", "died before", "died after",
)  # fmt: skip
READS = ("good", "unclear", "stumbles", "out")


class Killed(BaseException):
    """The process ends here; no `except Exception` sees it."""


class ModelPars:
    """Stands where ParsClient stands. `does` and `says` are what the next save and the next reads meet."""

    def __init__(self) -> None:
        self.does = "good"
        self.says = "good"
        self.held: dict[str, Verdict] = {}
        self.deleted: set[str] = set()
        self.doubtful: dict[str, list[datetime]] = {}  # saves nobody knows the end of -> negatives since
        self.later: list[tuple[datetime, str, str]] = []
        self.violations: list[str] = []

    # the carrier's side

    def render(self, records: Sequence[LearnerRecord], created: datetime) -> Payload:
        [record] = records
        ids = [credit.credit_id for credit in record.credits]
        return Payload(body=json.dumps([record.action, ids]).encode(), content_type="text/plain")

    def send(self, payload: Payload) -> Reply:
        self.tick()
        does, self.does = self.does, "good"
        action, ids = json.loads(payload.body)
        if does == "busy":
            raise RetryLater("pars.busy", "later", wait=5)
        if does == "login":
            raise NeedsOperator("pars.login", "no")
        if does == "died before":
            raise Killed
        for credit_id in ids:
            self._judge(action, credit_id)
        told = {credit_id: self._outcome(does, action, credit_id) for credit_id in ids}
        self.doubtful |= {name: [] for name in ids if does in ("lost", "lost but stored", "stored later", "silent")}
        if does.startswith(("lost", "stored")):
            raise InDoubt("pars.no_answer", "cut")
        if does == "died after":
            self.doubtful |= {name: [] for name in ids}
            raise Killed
        self._told = {} if does == "silent" else told
        return Reply(status=200, content_type="", body=b"")

    def read_save(self, reply: Reply, sent_ids: Sequence[str], action: str) -> list[Outcome]:
        return list(self._told.values())

    def ask_credit(self, credit_id: str) -> Held | None:
        self.tick()
        says, self.says = self.says, "good"
        if says == "unclear":
            raise Unclear("pars.contradictory", "odd")
        if says == "stumbles":
            raise RetryLater("pars.server_error", "500")
        if says == "out":
            raise RetryLater("pars.unreachable", "gone")
        if credit_id in self.held:
            self.doubtful.pop(credit_id, None)
            return Held(outcome=Outcome(credit_id=credit_id, verdict=self.held[credit_id]))
        self.doubtful.get(credit_id, []).append(datetime.now(UTC))
        return None

    def ask_learner(self, query: LearnerQuery) -> list[Held]:
        return []

    def match(self, learner: Learner, identifier: Identifier) -> MatchAnswer:
        """Whether it meets a fault is the next save's and the next status read's affair, not this one's."""
        return MatchAnswer(found="yes")

    def certification(self, credit: RecordCredit) -> str:
        return credit.certification

    def probe(self) -> None:
        self.ask_credit("ccid:probe")

    def prove(self) -> bool:
        self.tick()
        return True

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    # what happens there

    def tick(self) -> None:
        due = [one for one in self.later if one[0] <= datetime.now(UTC)]
        self.later = [one for one in self.later if one not in due]
        for _, action, credit_id in due:
            self._act(action, credit_id, Verdict.ACCEPTED)

    def boards_answer(self, verdict: Verdict) -> None:
        self.held = {name: verdict if was is Verdict.TAKEN else was for name, was in self.held.items()}

    def _outcome(self, does: str, action: str, credit_id: str) -> Outcome:
        verdict, code = Verdict.ACCEPTED, ""
        match does:
            case "refused" | "unmatched":
                code = "pars.no_match" if does == "unmatched" else "pars.invalid_data"
                return Outcome(credit_id=credit_id, verdict=Verdict.REFUSED, code=code)
            case "exists" if action == "add":
                return Outcome(credit_id=credit_id, verdict=Verdict.EXISTS, code="pars.already_exists")
            case "lost":
                return Outcome(credit_id=credit_id, verdict=Verdict.UNREADABLE)
            case "stored later":
                self.later.append((datetime.now(UTC) + LATE, action, credit_id))
                return Outcome(credit_id=credit_id, verdict=Verdict.UNREADABLE)
            case "pending":
                verdict = Verdict.TAKEN
            case "rejected":
                verdict, code = Verdict.REJECTED, "pars.unspecified"
        return self._act(action, credit_id, verdict, code)

    def _act(self, action: str, credit_id: str, verdict: Verdict, code: str = "") -> Outcome:
        if action == "delete":
            if self.held.pop(credit_id, None) is None:
                return Outcome(credit_id=credit_id, verdict=Verdict.REFUSED, code="pars.no_match")
            self.deleted.add(credit_id)
            return Outcome(credit_id=credit_id, verdict=Verdict.DELETED)
        if credit_id in self.held or credit_id in self.deleted:
            self.violations.append(f"{credit_id} stored twice")
            return Outcome(credit_id=credit_id, verdict=Verdict.EXISTS, code="pars.already_exists")
        self.held[credit_id] = verdict
        return Outcome(credit_id=credit_id, verdict=verdict, code=code)

    def _judge(self, action: str, credit_id: str) -> None:
        """An add whose forerunner nobody knows the end of: twice "not there", `settle` apart, or it must not come."""
        negatives = self.doubtful.pop(credit_id, None)
        if action == "add" and negatives is not None and (not negatives or negatives[-1] - negatives[0] < SETTLE):
            self.violations.append(f"{credit_id} sent again unasked")
        if action == "add" and credit_id in self.held:
            self.violations.append(f"{credit_id} sent again though held")
