"""What came of the planted people: wrong matches, faults named by their true cause, and how good first near misses are.

Compares values with the truth, and the program's words with a table of our own: which word means which fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from connector.store.tables import Award, Credit, EvidenceRow, StatementRow, Suggestion
from tests.truth.planting import KINDS, Planted
from tests.truth.town import Town, statement_id

TRUE_CAUSES: Mapping[str, set[str]] = {
    "birth_swapped": {"near.birth_day_swapped"},
    "surname_hyphen_lost": {"near.double_surname", "near.actor_name"},
    "surname_half": {"near.actor_name"},
    "surname_married": {"near.actor_name"},
    "nickname": {"near.nickname"},
    "middle_name": {"near.given_names"},
    "names_swapped": {"near.names_swapped", "near.actor_name"},
    "apostrophe_curled": {"near.apostrophe"},
    "suffix": {"near.title", "near.actor_name"},
    "surname_typo": {"near.actor_name"},
    "npi_transposed": {"near.npi_transposed"},
    "npi_digit": {"near.npi_digit"},
    "npi_in_licence": {"near.npi_elsewhere"},
    "licence_prefix_lost": {"near.licence_prefix"},
    "licence_prefix_added": {"near.licence_prefix"},
    "licence_zeros_eaten": {"near.zeros"},
    "licence_letter_o": {"near.letters"},
    "board_id_in_licence": {"near.board_id_elsewhere"},
    "birth_missing": {"learner.no_birth_day"},
    "no_permission": {"learner.no_consent"},
    "nurse": {"learner.not_eligible"},
    "not_in_directory": {"learner.not_found"},
    "mailbox_of_two": {"learner.not_found"},
    "mailbox_borrowed": {"learner.name_differs"},
}
_NO_MATCH = {"pars.no_match", "learner.match_no", "learner.id_may_be_new"}
"""What may be said of a fault whose cause nothing can tell."""


@dataclass
class Score:
    """Of one kind; `given` counts first suggestions that are sure, `possible` first ones that PARS did not confirm."""

    planted: int = 0
    reported: int = 0
    wrong: int = 0
    named: int = 0
    given: int = 0
    right: int = 0
    possible: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.given if self.given else 1.0

    def recall(self, kind: str) -> float | None:
        """None where nobody could know what is right."""
        return self.right / self.planted if KINDS.get(kind, {}).get("mend") else None


def score(town: Town) -> dict[str, Score]:
    """By kind, the wrong matches counted for whom they were made of."""
    held = _ledger(town)
    found: dict[str, Score] = defaultdict(Score)
    with town.store.reading() as session:
        firsts = _first_suggestions(session)
        mine = _credits(session)
        for one in town.planted:
            _add(found[one.kind], one, mine.get(statement_id(one), []), held, firsts)
    return dict(found)


def strangers(town: Town) -> int:
    """Credits that PARS holds for somebody who did not complete anything, or holds twice."""
    held = Counter(ref for refs in _ledger(town).values() for ref in refs)
    return sum(count - 1 for count in held.values()) + len(held.keys() - {one.ref for one in town.planted})


def _ledger(town: Town) -> dict[str, list[str]]:
    held: dict[str, list[str]] = defaultdict(list)
    for credit in town.sandbox.pars.credits.values():
        if credit.state != "Deleted":
            held[credit.credit_id].append(credit.learner)
    return held


def _credits(session: Session) -> dict[str, list[tuple[Credit, int]]]:
    """By the statement that earned them, with the learner."""
    rows = select(StatementRow.statement_id, Credit, Award.learner_id)
    rows = rows.join(EvidenceRow, col(EvidenceRow.statement_pk) == col(StatementRow.id))
    rows = rows.join(Award, col(Award.id) == col(EvidenceRow.award_id)).join(Credit, col(Credit.award_id) == Award.id)
    found = defaultdict(list)
    for statement, credit, learner in session.exec(rows):
        found[statement].append((credit, learner))
    return found


def _first_suggestions(session: Session) -> dict[int, Suggestion]:
    """The one that stands first on the desk: a sure one, else the likeliest."""
    rows = session.exec(select(Suggestion).order_by(col(Suggestion.rank), col(Suggestion.id))).all()
    firsts: dict[int, Suggestion] = {}
    for row in sorted(rows, key=lambda one: one.answer != "yes"):
        firsts.setdefault(row.learner_id, row)
    return firsts


def _add(
    into: Score,
    one: Planted,
    mine: list[tuple[Credit, int]],
    held: Mapping[str, list[str]],
    firsts: Mapping[int, Suggestion],
) -> None:
    into.planted += 1
    refs = [ref for credit, _ in mine for ref in held.get(credit.credit_id, [])]
    into.reported += one.ref in refs
    into.wrong += sum(ref != one.ref for ref in refs)
    first = next((firsts[learner] for _, learner in mine if learner in firsts), None)
    if first is not None and first.answer != "yes":
        into.possible += 1
    if first is not None and first.answer == "yes":
        into.given += 1
        into.right += _is_right(one, first.corrected)
    said = {credit.reason for credit, _ in mine} | ({first.cause} if first is not None else set())
    into.named += bool(said & TRUE_CAUSES.get(one.kind, _NO_MATCH)) or (one.kind == "all_right" and one.ref in refs)


def _is_right(one: Planted, corrected: Mapping[str, str]) -> bool:
    """Exactly what somebody who knew the truth would correct."""
    named = {"npi": "ids.NPI", "licence": f"ids.{one.truth.state}", "board_id": "ids.ABIM"}
    wanted = {named.get(column, column): value for column, value in one.mend.items()}
    return {field: value for field, value in corrected.items() if value} == wanted
