"""The ledger check: what the credits and the request log say against a client, by a stable code. Pure; sends nothing.

A refusal tells a client at once what is wrong with a document. What is wrong with its *conduct* (sending again
without asking, reporting twice, withdrawing too much) shows only in the whole story, and is told here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from connector.sandbox.pars import vocabulary
from connector.sandbox.pars.catalogue import Activity
from connector.sandbox.pars.holdings import Credit
from connector.sandbox.pars.record import StatusQuestion

CODES = {
    "resent-without-asking": "a save without a readable answer was sent again, and PARS was not asked in between",
    "withdrew-without-asking": "a credit was deleted after a save without a readable answer, and PARS was not asked",
    "sent-again": "a credit that PARS had taken was sent again",
    "credit-id-reused": "one credit id was sent for two different credits, or again after its deletion",
    "doubled-credit": "two live credits under different ids for one learner, activity, date and certification",
    "withdrew-second-credit": "a credit was withdrawn that was not meant to go, or went and came back unchanged",
    "withdrew-by-learner": "DELETE by learner id was used: it destroys every credit of that learner",
    "kept-knocking": "more than five requests in a row after 401 or 403",
    "ignored-retry-after": "a request came before Retry-After had passed",
    "outside-activity-dates": "the completion date lies outside the activity's dates (inferred)",
    "after-claim-date": "a board's credit completed after the activity's credit claim date (inferred)",
    "window-closed": "reported after 31 March of the second year after the completion (inferred)",
    "above-maximum-in-sum": "a learner's live credits of one activity and certification exceed its maximum (inferred)",
    "sent-apart": "CME and MOC of one completion came in two records: PARS may derive the CME a second time (inferred)",
}
WARNINGS = frozenset({
    "ignored-retry-after", "outside-activity-dates", "after-claim-date", "window-closed", "above-maximum-in-sum",
    "sent-apart",
})  # fmt: skip


@dataclass(frozen=True)
class Violation:
    """One finding; `credit_ids` are those it is about."""

    code: str
    credit_ids: tuple[str, ...] = ()

    @property
    def level(self) -> Literal["warning", "violation"]:
        return "warning" if self.code in WARNINGS else "violation"

    def shown(self) -> dict[str, object]:
        return {"code": self.code, "level": self.level, "what": CODES[self.code], "credit_ids": list(self.credit_ids)}


@dataclass(frozen=True)
class Sent:
    """One credit of a save as it arrived; `key` is birth day, activity, date, learner, credit type."""

    credit_id: str
    action: str
    key: tuple[str, ...]

    def is_same(self, other: Sent) -> bool:
        """The same credit, under whatever id; of a document that was cut short only the id is known."""
        return self.credit_id == other.credit_id or bool(self.key and self.key == other.key)


@dataclass(frozen=True)
class Exchange:
    """One request to PARS. `status` is None where no reply went out; `told` is the status a readable reply gave each
    credit; `wait` what Retry-After asked for, in seconds."""

    at: datetime
    operation: str
    status: int | None
    readable: bool
    sent: tuple[Sent, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    question: StatusQuestion | None = None
    wait: float = 0

    @property
    def says_no_login(self) -> bool:
        return self.status in (401, 403)


def check(
    credits: Sequence[Credit],  # noqa: A002 - the trade's word
    log: Sequence[Exchange],
    activities: Mapping[str, Activity],
    withdrawn: Collection[str] | None = None,
) -> list[Violation]:
    """Every violation once; `withdrawn` names the credits that were meant to go, None if that is unknown."""
    found = [
        *_conduct(log),
        *_ids(log),
        *_knocking(log),
        *_doubled(credits, activities),
        *_withdrawn(credits, withdrawn),
        *_warnings(credits, activities),
    ]
    return list(dict.fromkeys(found))


def _conduct(log: Sequence[Exchange]) -> Iterator[Violation]:
    """Follows each save: open while its answer is unknown, taken once PARS said so."""
    unknown: list[Sent] = []
    taken: set[str] = set()
    for exchange in log:
        if exchange.operation.startswith("status") and exchange.status in (200, 404) and exchange.readable:
            unknown = [one for one in unknown if not _covers(exchange.question, one)]
        for sent in exchange.sent:
            same = [one for one in unknown if one.is_same(sent)]
            yield from _against(sent, same, taken)
            unknown = [one for one in unknown if one not in same]
            told = exchange.told.get(sent.credit_id)
            if told is None and not _is_plain_no(exchange):
                unknown.append(sent)
            taken = taken | {sent.credit_id} if told in ("Pending", "Accepted") else taken
            taken = taken - {sent.credit_id} if told == "Deleted" else taken


def _covers(question: StatusQuestion | None, sent: Sent) -> bool:
    if question is None:
        return False
    if question.credit_id is not None:
        return question.credit_id == sent.credit_id
    return sent.key[:3] == (question.birth, question.activity, question.completed)


def _against(sent: Sent, same: Sequence[Sent], taken: Collection[str]) -> Iterator[Violation]:
    if same and sent.action == "add":
        yield Violation("resent-without-asking", tuple(sorted({sent.credit_id, *(one.credit_id for one in same)})))
    if same and sent.action == "delete":
        yield Violation("withdrew-without-asking", (sent.credit_id,))
    if sent.action == "add" and sent.credit_id in taken:
        yield Violation("sent-again", (sent.credit_id,))


def _is_plain_no(exchange: Exchange) -> bool:
    """A readable 4xx: nothing was stored, and the client can know it."""
    return exchange.readable and exchange.status is not None and 400 <= exchange.status < 500 and exchange.status != 409


def _ids(log: Sequence[Exchange]) -> Iterator[Violation]:
    """An id that was refused at once is still free: a corrected report may use it."""
    meaning: dict[str, tuple[str, ...]] = {}
    deleted: set[str] = set()
    for exchange in log:
        for sent in exchange.sent:
            told = exchange.told.get(sent.credit_id)
            other = sent.key and meaning.get(sent.credit_id, sent.key) != sent.key
            if sent.action == "add" and (other or sent.credit_id in deleted):
                yield Violation("credit-id-reused", (sent.credit_id,))
            if told == "Deleted":
                deleted.add(sent.credit_id)
            elif sent.key and told != "Refused" and not _is_plain_no(exchange):
                meaning.setdefault(sent.credit_id, sent.key)


def _knocking(log: Sequence[Exchange]) -> Iterator[Violation]:
    in_a_row, not_before = 0, None
    for exchange in log:
        if not_before and exchange.at < not_before:
            yield Violation("ignored-retry-after")
        not_before = exchange.at + timedelta(seconds=exchange.wait) if exchange.wait else None
        in_a_row = in_a_row + 1 if exchange.says_no_login else 0
        if in_a_row > 5:
            yield Violation("kept-knocking")
        if exchange.operation == "delete-learner":
            yield Violation("withdrew-by-learner")


def _doubled(credits: Sequence[Credit], activities: Mapping[str, Activity]) -> Iterator[Violation]:  # noqa: A002
    """Sessions of a series may earn several credits on one day; elsewhere one is all there can be."""
    groups: dict[tuple[str, ...], list[Credit]] = defaultdict(list)
    for credit in credits:
        activity = activities.get(credit.activity)
        if credit.is_live and not (activity and activity.format == vocabulary.SERIES):
            groups[credit.learner, credit.activity, credit.completed, credit.board, credit.certification].append(credit)
    for group in groups.values():
        if len(group) > 1:
            yield Violation("doubled-credit", tuple(sorted(credit.credit_id for credit in group)))


def _withdrawn(credits: Sequence[Credit], meant: Collection[str] | None) -> Iterator[Violation]:  # noqa: A002
    """Somebody says what was meant to go, or one that went with another and came back unchanged tells on itself."""
    live = Counter(_essence(credit) for credit in credits if credit.is_live)
    deleted = [credit for credit in credits if credit.state == "Deleted"]
    for credit in deleted:
        came_back = live[_essence(credit)] > 0 and any(_went_with(credit, other) for other in deleted)
        if came_back if meant is None else credit.credit_id not in meant:
            yield Violation("withdrew-second-credit", (credit.credit_id,))


def _essence(credit: Credit) -> tuple[object, ...]:
    return (credit.learner, credit.activity, credit.completed, credit.board, credit.certification, credit.amount)


def _went_with(credit: Credit, other: Credit) -> bool:
    return credit is not other and credit.gone_with == other.gone_with


def _warnings(credits: Sequence[Credit], activities: Mapping[str, Activity]) -> Iterator[Violation]:  # noqa: A002
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for credit in (one for one in credits if one.is_live):
        activity, completed = activities[credit.activity], date.fromisoformat(credit.completed)
        sums[credit.learner, credit.activity, credit.board, credit.certification] += credit.amount
        if not activity.start <= completed <= activity.end:
            yield Violation("outside-activity-dates", (credit.credit_id,))
        if credit.board and activity.credit_claim_date and completed > activity.credit_claim_date:
            yield Violation("after-claim-date", (credit.credit_id,))
        if datetime.fromisoformat(credit.history[0]["at"]).date() > date(completed.year + 2, 3, 31):
            yield Violation("window-closed", (credit.credit_id,))
    for key, total in sums.items():
        if total > activities[key[1]].credits:
            yield Violation("above-maximum-in-sum", tuple(one.credit_id for one in credits if _is_in(one, key)))
    yield from _apart(credits)


def _is_in(credit: Credit, key: tuple[str, ...]) -> bool:
    return credit.is_live and (credit.learner, credit.activity, credit.board, credit.certification) == key


def _apart(credits: Sequence[Credit]) -> Iterator[Violation]:  # noqa: A002
    live = [one for one in credits if one.is_live and one.birth]
    for cme in (one for one in live if one.certification == vocabulary.CME):
        apart = [one for one in live if one.board and _completion(one) == _completion(cme) and one.record != cme.record]
        for moc in apart:
            yield Violation("sent-apart", (cme.credit_id, moc.credit_id))


def _completion(credit: Credit) -> tuple[str, str, str]:
    return (credit.learner, credit.activity, credit.completed)
