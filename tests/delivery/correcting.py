"""Evidence that changes under credits: completions as mapping writes them, rewritten as an applied plan does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import col, select

from connector.learners import stage as learners
from connector.records import Completion, Counts, CreditOffer
from connector.store.states import LIVE
from connector.store.tables import Award, Credit, EvidenceRow, Source, StatementRow
from connector.validation import stage as validation
from tests.delivery.workplace import HYPERTENSION, STEWARDSHIP, Delivery

AMA = "AMA PRA Category 1"
MARCH_10 = date(2026, 3, 10)


def offers(cme: str = "1.50", moc: str = "") -> tuple[CreditOffer, ...]:
    """An amount of CME, and of ABIM's Medical Knowledge if any."""
    found = [CreditOffer(kind="cme", certification=AMA, amount=Decimal(cme))] if cme else []
    if moc:
        name, kind = "ABIM/Medical Knowledge", "Medical Knowledge"
        total = Decimal(moc)
        found += [
            CreditOffer(kind="moc", certification=name, board="ABIM", credit_type=kind, amount=total, board_total=total)
        ]
    return tuple(found)


def completion(**changes: Any) -> Completion:
    whole: dict[str, Any] = {
        "rule": "course",
        "rule_hash": "1",
        "provider": "0001234",
        "activity_id": STEWARDSHIP,
        "completed_on": MARCH_10,
        "zone": "America/Chicago",
        "credits": offers(),
    }
    return Completion(**whole | changes)


@dataclass
class Course:
    """A delivery workplace with statements in its store; `turn` is one of every stage from the learners on."""

    delivery: Delivery
    last: int = 0

    def __post_init__(self) -> None:
        learning = self.delivery.config.learners.model_copy(update={"refresh": timedelta(days=1)})
        self.delivery.set(learners=learning)

    def tell(self, person: str = "aoneill", **changes: Any) -> int:
        """A statement arrived and was mapped; its evidence's number."""
        self.last += 1
        now = datetime.now(UTC)
        with self.delivery.store.writing() as session:
            if session.get(Source, "campus") is None:
                session.add(Source(id="campus", fingerprint=""))
                session.flush()
            key = f"mbox:{person}@example.org"
            row = StatementRow(source_id="campus", statement_id=f"s{self.last}", actor_key=key, stored=now)
            row.timestamp = row.received_at = now
            session.add(row)
            session.flush()
            evidence = EvidenceRow(
                statement_pk=row.id, actor_key=key, rule="course", rule_hash="1", outcome="completion"
            )
            evidence.completion = completion(**changes).model_dump(mode="json")
            session.add(evidence)
            session.flush()
            return evidence.id

    def apply(self, *numbers: int, **changes: Any) -> None:
        """A plan was applied: these rows say something else now; `outcome` other than a completion earns nothing."""
        with self.delivery.store.writing() as session:
            for number in numbers:
                row = session.get_one(EvidenceRow, number)
                row.outcome = changes.get("outcome", "completion")
                row.completion = None
                if row.outcome == "completion":
                    row.completion = completion(**{"rule_hash": "2"} | changes).model_dump(mode="json")
                row.award_id, row.left_award = None, row.award_id or row.left_award
                row.reason, row.next_at = "", None
                session.add(row)

    def void(self, number: int) -> None:
        with self.delivery.store.writing() as session:
            row = session.get_one(EvidenceRow, number)
            row.standing = False
            session.add(row)

    def judge(self) -> None:
        learners.run(self.delivery.store, self.delivery.config)
        validation.run(self.delivery.store, self.delivery.config)

    def turn(self, minutes: float = 5) -> Counts:
        self.judge()
        counts = self.delivery.send()
        self.delivery.ask()
        self.delivery.pass_by(minutes=minutes)
        return counts

    def turns(self, count: int, minutes: float = 5) -> None:
        for _ in range(count):
            self.turn(minutes)

    def rows(self) -> list[Credit]:
        with self.delivery.store.reading() as session:
            return list(session.exec(select(Credit).order_by(col(Credit.id))))

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def award(self, credit: Credit) -> Award:
        with self.delivery.store.reading() as session:
            return session.get_one(Award, credit.award_id)

    def held(self) -> list[tuple[str, str, str, str]]:
        """What PARS holds: activity, date, certification, amount."""
        live = [
            one for one in self.delivery.sandbox.pars.ledger()["credits"] if one["state"] in ("Pending", "Accepted")
        ]
        return sorted((one["activity"], one["completed"], one["certification"], one["amount"]) for one in live)

    def live_twice(self) -> bool:
        live = [(one.award_id, one.certification) for one in self.rows() if one.state in LIVE]
        return len(set(live)) < len(live)


def consent(course: Course, said: str) -> None:
    """Of everybody, in the learner sheet."""
    sheet = course.delivery.folder / "learners.csv"
    other = "yes" if said == "no" else "no"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace(f",{other},", f",{said},"), encoding="utf-8")


__all__ = ["AMA", "HYPERTENSION", "MARCH_10", "STEWARDSHIP", "Course", "completion", "consent", "offers"]
