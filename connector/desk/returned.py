"""Corrected sheets read back: each changed cell is checked and becomes a wish; what is refused is named by its cell.

Nothing is taken over by what a sheet merely says: only what differs from what stands here today. A sheet that is read
twice therefore changes nothing the second time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session

from connector.desk import doubts, sheet
from connector.desk.corrections import CODE, FIELDS, PAIRS, column, read
from connector.errors import ConfigError
from connector.findings import Finding
from connector.sheets import SheetRow, read_sheet
from connector.store import wishes
from connector.store.fixes import ACTOR_NAME, actor_names
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.tables import LearnerRow

ROW: Final = "learner.row"
_CHECK = re.compile(r"r(\d{1,18})-[0-9a-f]{10}")
_OURS: Final = (sheet.NUMBER, *FIELDS, sheet.SAME, sheet.CHECK)
_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"", "no", "n", "false", "0"})
_AGAIN = "export the sheet again"
MOST_REFUSED: Final = 5000


@dataclass(frozen=True, repr=False)
class Correction:
    """One row's changes; `asks` are the fields of one wish each, as `wishes.FIX` has them."""

    row: SheetRow
    learner: int
    asks: tuple[dict[str, str], ...]
    why: str

    @property
    def fields(self) -> list[str]:
        """What is changed, never to what."""
        return sorted({name for ask in self.asks for name in ask})


@dataclass(repr=False)
class Judged:
    """What a sheet asks for, row by row. `wishes` are the numbers of what was written down."""

    corrections: list[Correction] = field(default_factory=list)
    unchanged: int = 0
    refused: list[tuple[SheetRow, list[Finding]]] = field(default_factory=list)
    wishes: list[int] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        return [finding for _, findings in self.refused for finding in findings]


def read_back(path: Path) -> list[SheetRow]:
    """The rows of a corrected sheet, a cell that cannot be used named in its row. Raises ConfigError for the file."""
    optional = [name for name in sheet.COLUMNS if name not in (sheet.NUMBER, sheet.CHECK)]
    required = (sheet.NUMBER, sheet.CHECK)
    return read_sheet(path, required=required, optional=optional, strict=False, keep_faults=True).rows


def take_over(
    store: Store, rows: Sequence[SheetRow], *, by: str, now: datetime, earning: Collection[str] = ()
) -> Judged:
    """Write down what the rows ask for, in one transaction; the learners room carries it out. `earning` are the
    professions that earn credit."""
    with store.writing() as session:
        alone(session, "desk")  # or two daemons that see one folder ask for the same twice
        found = judge(session, rows, earning)
        for one in found.corrections:
            for fields in one.asks:
                args = {"learner": one.learner, "fields": fields} | ({"why": one.why} if one.why else {})
                found.wishes.append(wishes.wish(session, wishes.FIX, args, by=by, now=now).id)
    return found


def judge(session: Session, rows: Sequence[SheetRow], earning: Collection[str] = ()) -> Judged:
    """Compare every row with what stands today; writes nothing. Raises ConfigError where hardly any can be taken."""
    found, desk = Judged(), _Desk(session, rows, earning)
    for row in rows:
        one = desk.judge(row)
        if isinstance(one, Correction):
            found.corrections.append(one)
        elif one:
            found.refused.append((row, one))
            _stop_at_many(found.refused)
        else:
            found.unchanged += 1
    return found


def _stop_at_many(refused: Sequence[tuple[SheetRow, list[Finding]]]) -> None:
    """Raises ConfigError: what has so many is another sheet, or was made to fill the machine."""
    if len(refused) > MOST_REFUSED:
        message = f"more than {MOST_REFUSED} rows of the sheet cannot be taken, so that none is"
        raise ConfigError("config.sheet", message, _AGAIN, where=refused[0][0].path)


class _Desk:
    """What rows are compared with, read when it is first needed."""

    def __init__(self, session: Session, rows: Sequence[SheetRow], earning: Collection[str]) -> None:
        self._session, self._earning = session, earning
        self._lines = defaultdict[str, list[SheetRow]](list)
        for row in rows:
            self._lines[row[sheet.NUMBER]].append(row)
        self._names: dict[int, list[str]] | None = None
        self._asked = doubts.Asked(session)

    def judge(self, row: SheetRow) -> Correction | list[Finding]:
        """What the row asks for; an empty list where it changes nothing."""
        if faults := [row.finding(name, CODE, why) for name, why in row.faults.items() if name in _OURS]:
            return faults
        learner = self._whose(row)
        return [learner] if isinstance(learner, Finding) else self._compare(row, learner)

    def _whose(self, row: SheetRow) -> LearnerRow | Finding:
        """The learner that the number and the check agree on."""
        number, tied = row[sheet.NUMBER], _CHECK.fullmatch(row[sheet.CHECK])
        if not number.isascii() or not number.isdigit() or tied is None:
            hint = "a learner is added in the learner source; else leave the columns learner and row_check as they were"
            return row.finding(sheet.CHECK, ROW, "the row does not say which learner it is about", hint)
        if tied[1] != number:
            hint = f"another learner's cells were laid over this row: {_AGAIN}"
            return row.finding(sheet.CHECK, ROW, "the row's check belongs to another learner", hint)
        found = self._session.get(LearnerRow, int(number))
        if found is None or found.merged_into is not None:
            return row.finding(sheet.NUMBER, ROW, "no learner has this number any more", _AGAIN)
        return found

    def _compare(self, row: SheetRow, learner: LearnerRow) -> Correction | list[Finding]:
        today = sheet.today(self._session, learner)
        fields, findings = _changed(row, today, self._earning)
        names = self._names_of(row, learner.id)
        findings += [names] if isinstance(names, Finding) else []
        asks = [fields] if fields else []
        asks += [{ACTOR_NAME: name} for name in names] if not isinstance(names, Finding) else []
        asks = [ask for one in asks if (ask := self._asked.beyond(learner.id, one))]
        if not asks and not findings:
            return []
        if row[sheet.CHECK] != sheet.check(learner.id, today):
            return [row.finding(sheet.CHECK, ROW, "something changed here since the sheet was written", _AGAIN)]
        if findings := findings or self._doubts(row, learner.id, today, fields):
            return findings
        for ask in asks:
            self._asked.add(learner.id, ask)
        return Correction(row, learner.id, tuple(asks), row[sheet.WHY])

    def _names_of(self, row: SheetRow, learner: int) -> list[str] | Finding:
        word = row[sheet.SAME].casefold()
        if word in _NO:
            return []
        if word not in _YES:
            return row.finding(sheet.SAME, CODE, "neither yes nor no", "write yes where both names are one person's")
        if self._names is None:
            self._names = sheet.names_in_question(self._session)
        names = self._names.get(learner, [])
        seen = doubts.seen(row[sheet.NAME], names, actor_names(self._session, learner))
        if seen is None:
            message = f"what stands in {sheet.NAME} is not the name that is in question today"
            return row.finding(sheet.SAME, ROW, message, _AGAIN)
        return seen

    def _doubts(
        self, row: SheetRow, learner: int, today: Mapping[str, str], fields: Mapping[str, str]
    ) -> list[Finding]:
        """One learner in two rows that differ, a row that would make him somebody else, and a sheet before this one."""
        twins = [one for one in self._lines[row[sheet.NUMBER]] if _written(one) != _written(row)]
        if twins:
            message = f"row {twins[0].line} says something else of this learner"
            return [row.finding(sheet.NUMBER, ROW, message, "delete one of them")]
        if doubts.is_another(today, fields):
            hint = "was one column sorted without the others? Else correct the name, and the rest once that is taken"
            return [row.finding(sheet.NUMBER, ROW, "these cells would make another person of the learner", hint)]
        return [*self._asked_otherwise(row, learner, fields), *self._held_elsewhere(row, learner, fields)]

    def _asked_otherwise(self, row: SheetRow, learner: int, fields: Mapping[str, str]) -> list[Finding]:
        message = "another value is asked for already, and the daemon has not carried it out yet"
        columns = dict.fromkeys(column(name) for name in self._asked.otherwise(learner, fields))
        return [row.finding(name, ROW, message, f"wait for its next turn, and {_AGAIN}") for name in columns]

    def _held_elsewhere(self, row: SheetRow, learner: int, fields: Mapping[str, str]) -> list[Finding]:
        found = doubts.held_elsewhere(self._session, learner, fields)
        return [
            row.finding(
                column(name), ROW, f"this number is learner {other}'s",
                "was one column sorted without the others? Else correct that learner first; if the two are one person, "
                "link their actors (`learners link`)",
            )
            for name, other in found.items()
        ]  # fmt: skip


def _changed(row: SheetRow, today: dict[str, str], earning: Collection[str]) -> tuple[dict[str, str], list[Finding]]:
    """Cells that say something else than the sheet would today; domains and their numbers stand together."""
    stands = sheet.cells(today)
    said = {name: row[name] for name in FIELDS if row[name] and row[name] != stands[name]}
    for pair in PAIRS:
        if any(name in said for name in pair):
            said |= {name: said.get(name, stands[name]) for name in pair}
    fields, problems = read(said, today, earning)
    return fields, [row.finding(one.field, one.code, one.message, one.hint) for one in problems]


def _written(row: SheetRow) -> tuple[str, ...]:
    return tuple(row[name] for name in (*FIELDS, sheet.SAME))
