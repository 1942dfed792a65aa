"""The rehearsal PARS itself: saves, matches, statuses, board answers, and the ledger of it all. Knows no format."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connector.sandbox.clock import Clock
from connector.sandbox.faults import Switches
from connector.sandbox.pars import rules
from connector.sandbox.pars.catalogue import Activity
from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.learners import Known, KnownLearner, birth_day, matching
from connector.sandbox.pars.ledger import Exchange, Violation
from connector.sandbox.pars.ledger import check as check_ledger
from connector.sandbox.pars.record import Document, Identifier, Line, Outcome, Person, Refusal, Report, StatusQuestion

REHEARSAL = "This is a rehearsal: no learner, board or credit here is real, and nothing reaches ACCME."
_EXISTS = Refusal("Report already exists", "this credit is already reported")
_NO = {"rejects": "Unspecified failure", "not found": "No match"}


@dataclass(frozen=True)
class Account:
    """The one provider that may call: its ACCME id, kept as text, and its web-services credentials."""

    provider: str
    login: str
    user: str
    password: str


class Pars:
    """The ledger and the desk before it. Every method may be called from any thread."""

    def __init__(
        self,
        account: Account,
        activities: Iterable[Activity],
        learners: Iterable[KnownLearner],
        *,
        clock: Clock,
        switches: Switches,
        board_delay: timedelta = timedelta(hours=24),
        joint: bool = False,
    ) -> None:
        self.account = account
        self.activities = {activity.activity_id: activity for activity in activities}
        self.learners = Known(learners)
        self.credits: dict[str, Credit] = {}
        self.log: list[Exchange] = []
        self._joint = joint
        self._clock = clock
        self._switches = switches
        self._board_delay = board_delay
        self._due: list[tuple[datetime, Callable[[], object]]] = []
        self._records = itertools.count(1)
        self._lock = threading.RLock()

    def now(self) -> datetime:
        return self._clock.now()

    def save(self, document: Document, *, whole: bool = False) -> list[Outcome]:
        """Judge and store credit by credit. `whole`: one refused credit undoes them all."""
        with self._lock:
            self.tick()
            rules.judge_document(document)
            exists = self._switches.take("already-exists", "pars", "save")
            before = self._kept(document)
            outcomes = [outcome for report in document.reports for outcome in self._save_report(report)]
            if (whole and any(one.refusal for one in outcomes)) or (exists and not exists.stored):
                self._restore(before)
            return [_already(one) for one in outcomes] if exists else outcomes

    def _kept(self, document: Document) -> dict[str, Credit | None]:
        ids = {line.credit_id for report in document.reports for line in report.lines}
        held = {credit_id: self.credits.get(credit_id) for credit_id in ids}
        return {credit_id: one and replace(one, history=list(one.history)) for credit_id, one in held.items()}

    def _restore(self, before: dict[str, Credit | None]) -> None:
        for credit_id, credit in before.items():
            self.credits.pop(credit_id, None)
            if credit:
                self.credits[credit_id] = credit

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Let `act` happen once the clock has moved on: a request that arrives after its connection was cut."""
        with self._lock:
            self._due.append((self._clock.now() + timedelta(seconds=seconds), act))

    def status(self, question: StatusQuestion) -> list[Credit]:
        """Credits of the caller that the question means: deleted ones and those that lag are not there."""
        with self._lock:
            self.tick()
            now = self._clock.now()
            one = self.credits.get(question.credit_id or "")
            asked = self.credits.values() if question.credit_id is None else [one] if one else []
            visible = [one for one in asked if one.state != "Deleted" and one.visible_at <= now]
            return [one for one in visible if _is_asked(one, question)]

    def match(self, person: Person, identifiers: tuple[Identifier, ...]) -> str:
        """Yes, No or Multiple; `person.birth` may be MM-DD."""
        with self._lock:
            count = len(matching(self.learners, person, identifiers))
        return "No" if count == 0 else "Yes" if count == 1 else "Multiple"

    def delete_learner(self, learner_id: str) -> int:
        """As the draft says: everything this learner ever had goes. The number of credits deleted."""
        with self._lock:
            self.tick()
            gone = [
                one
                for one in self.credits.values()
                if one.state != "Deleted" and any(given.value == learner_id for given in one.identifiers)
            ]
            record = next(self._records)
            for credit in gone:
                self._delete(credit, "delete by learner id", record)
            return len(gone)

    def boards_answer(self) -> int:
        """Every board but the slow ones answers now; the number of answers."""
        with self._lock:
            waiting = [one for one in self.credits.values() if one.state == "Pending" and one.fate != "slow"]
            for credit in waiting:
                self._answer(credit)
            return len(waiting)

    def tick(self) -> None:
        """Let everything happen that the clock says has happened by now."""
        with self._lock:
            now = self._clock.now()
            due = [act for at, act in self._due if at <= now]
            self._due = [(at, act) for at, act in self._due if at > now]
            for act in due:
                act()
            for credit in self.credits.values():
                if credit.state == "Pending" and credit.answer_at and credit.answer_at <= now:
                    self._answer(credit)

    def held(self) -> list[Credit]:
        """Everything that was ever taken, oldest first."""
        with self._lock:
            self.tick()
            return list(self.credits.values())

    def ledger(self) -> dict[str, Any]:
        """What PARS holds and has held, as JSON."""
        with self._lock:
            self.tick()
            held = [credit.shown() for credit in self.credits.values()]
            return {"rehearsal": REHEARSAL, "now": self._clock.now().isoformat(), "credits": held}

    def check(self, withdrawn: Collection[str] | None = None) -> list[Violation]:
        """What the ledger and the log say against the client; `withdrawn` names the credits that were meant to go."""
        with self._lock:
            self.tick()
            return check_ledger(list(self.credits.values()), self.log, self.activities, withdrawn)

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self.log.append(exchange)

    def _case(self, report: Report, line: Line) -> rules.Case:
        return rules.Case(
            report=report,
            line=line,
            provider=self.account.provider,
            login=self.account.login,
            today=self._clock.today(),
            activity=self.activities.get(report.activity),
            learners=self.learners,
            held=self.credits,
            joint=self._joint,
        )

    def _save_report(self, report: Report) -> list[Outcome]:
        record = next(self._records)
        return [self._save_line(report, line, record) for line in report.lines]

    def _save_line(self, report: Report, line: Line, record: int) -> Outcome:
        case = self._case(report, line)
        refusal = rules.judge(case) or self._switched_no()
        if refusal:
            if line.credit_id in self.credits:
                self.credits[line.credit_id].note(self._clock.now(), report.action, "Refused", refusal.message)
            return Outcome(line.credit_id, "Refused", refusal)
        if report.action == "delete":
            return self._delete(self.credits[line.credit_id], "delete", record)
        return Outcome(line.credit_id, self._store(case, record).state)

    def _switched_no(self) -> Refusal | None:
        switch = self._switches.take("refuse", "pars", "save")
        return Refusal("Unspecified failure", switch.message or "refused by a switch") if switch else None

    def _store(self, case: rules.Case, record: int) -> Credit:
        now = self._clock.now()
        lag = self._switches.take("lag-status", "pars", "save")
        credit = Credit(
            credit_id=case.line.credit_id,
            provider=case.report.provider,
            activity=case.report.activity,
            certification=case.line.certification,
            board=case.board,
            amount=Decimal(case.line.amount),
            completed=case.report.completed[:10],
            learner=case.learner_ref(),
            birth=birth_day((case.report.person and case.report.person.birth) or "") or "",
            identifiers=case.line.identifiers,
            state="Pending" if case.board else "Accepted",
            answer_at=None,
            visible_at=now + timedelta(seconds=lag.seconds if lag else 0),
            record=record,
        )
        if case.board:
            self._give_fate(credit, case.meant()[0])
        credit.note(now, "add", credit.state)
        self.credits[credit.credit_id] = credit
        return credit

    def _give_fate(self, credit: Credit, learner: KnownLearner) -> None:
        credit.fate, credit.words = learner.fate, learner.words
        slow = 14 * 86400.0 if learner.fate == "slow" else 0.0
        if rejects := self._switches.take("reject", "pars", "save"):
            credit.fate, credit.words = "rejects", rejects.message or "rejected by a switch"
        if switch := self._switches.take("slow-board", "pars", "save"):
            credit.fate, slow = "slow", switch.seconds
        credit.answer_at = self._clock.now() + self._board_delay + timedelta(seconds=slow)

    def _answer(self, credit: Credit) -> None:
        if credit.fate in _NO:
            credit.state = "Rejected"
            credit.refusal = Refusal(_NO[credit.fate], credit.words or f"{credit.board} does not take this credit")
        else:
            credit.state = "Accepted"
        credit.note(self._clock.now(), f"answer of {credit.board}", credit.state, credit.words)

    def _delete(self, credit: Credit, how: str, record: int) -> Outcome:
        credit.state, credit.gone_with = "Deleted", record
        credit.note(self._clock.now(), how, "Deleted")
        return Outcome(credit.credit_id, "Deleted")


def _already(outcome: Outcome) -> Outcome:
    return outcome if outcome.refusal else Outcome(outcome.credit_id, "Refused", _EXISTS)


def _is_asked(credit: Credit, question: StatusQuestion) -> bool:
    if question.credit_id is not None:
        return credit.credit_id == question.credit_id
    completion = (credit.activity, credit.birth, credit.completed)
    return completion == (question.activity, question.birth, question.completed) and _is_under(credit, question)


def _is_under(credit: Credit, question: StatusQuestion) -> bool:
    """By the identifier it was sent under; without one only credits that were sent without one."""
    if question.identifier is None:
        return not credit.identifiers
    return any(
        given.value == question.identifier and question.domain in (None, given.domain) for given in credit.identifiers
    )
