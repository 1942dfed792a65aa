"""Corrected sheets read back: each changed cell is checked and becomes a wish; what is refused is named by its cell.

Nothing is taken over by what a sheet merely says: only what differs from what stands here today. A sheet that is read
twice therefore changes nothing the second time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from connector.desk import sheet
from connector.desk.corrections import CODE, FIELDS, PAIRS, read
from connector.findings import Finding
from connector.pars.names import family, plain
from connector.sheets import SheetRow, read_sheet
from connector.store import wishes
from connector.store.fixes import ACTOR_NAME
from connector.store.leases import alone
from connector.store.session import Store
from connector.store.tables import LearnerRow, Wish

ROW: Final = "learner.row"
_CHECK = re.compile(r"r(\d{1,18})-[0-9a-f]{10}")
_OURS: Final = (sheet.NUMBER, *FIELDS, sheet.SAME, sheet.CHECK)
_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"", "no", "n", "false", "0"})
_AGAIN = "export the sheet again"


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


def take_over(store: Store, rows: Sequence[SheetRow], *, by: str, now: datetime) -> Judged:
    """Write down what the rows ask for, in one transaction; the learners room carries it out."""
    with store.writing() as session:
        alone(session, "desk")  # or two daemons that see one folder ask for the same twice
        found = judge(session, rows)
        for one in found.corrections:
            for fields in one.asks:
                args = {"learner": one.learner, "fields": fields} | ({"why": one.why} if one.why else {})
                found.wishes.append(wishes.wish(session, wishes.FIX, args, by=by, now=now).id)
    return found


def judge(session: Session, rows: Sequence[SheetRow]) -> Judged:
    """Compare every row with what stands today; writes nothing."""
    found, desk = Judged(), _Desk(session, rows)
    for row in rows:
        one = desk.judge(row)
        if isinstance(one, Correction):
            found.corrections.append(one)
        elif one:
            found.refused.append((row, one))
        else:
            found.unchanged += 1
    return found


class _Desk:
    """What rows are compared with, read when it is first needed."""

    def __init__(self, session: Session, rows: Sequence[SheetRow]) -> None:
        self._session = session
        self._lines = defaultdict[str, list[SheetRow]](list)
        for row in rows:
            self._lines[row[sheet.NUMBER]].append(row)
        self._names: dict[int, list[str]] | None = None
        self._asked = _asked(session)

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
        fields, findings = _changed(row, today)
        names = self._names_of(row, learner.id)
        findings += [names] if isinstance(names, Finding) else []
        asks = [fields] if fields else []
        asks += [{ACTOR_NAME: name} for name in names] if not isinstance(names, Finding) else []
        asks = [ask for ask in asks if (learner.id, _key(ask)) not in self._asked]
        if not asks and not findings:
            return []
        if row[sheet.CHECK] != sheet.check(learner.id, today):
            return [row.finding(sheet.CHECK, ROW, "something changed here since the sheet was written", _AGAIN)]
        if findings := findings or self._doubts(row, today, fields):
            return findings
        self._asked |= {(learner.id, _key(ask)) for ask in asks}
        return Correction(row, learner.id, tuple(asks), row[sheet.WHY])

    def _names_of(self, row: SheetRow, learner: int) -> list[str] | Finding:
        word = row[sheet.SAME].casefold()
        if word in _NO:
            return []
        if word not in _YES:
            return row.finding(sheet.SAME, CODE, "neither yes nor no", "write yes where both names are one person's")
        if self._names is None:
            self._names = sheet.names_in_question(self._session)
        return self._names.get(learner, [])

    def _doubts(self, row: SheetRow, today: Mapping[str, str], fields: Mapping[str, str]) -> list[Finding]:
        """One learner in two rows that differ, and a row that would make him somebody else."""
        twins = [one for one in self._lines[row[sheet.NUMBER]] if _written(one) != _written(row)]
        if twins:
            message = f"row {twins[0].line} says something else of this learner"
            return [row.finding(sheet.NUMBER, ROW, message, "delete one of them")]
        if _is_another(today, fields):
            hint = "was one column sorted without the others? Else correct the name, and the rest once that is taken"
            return [row.finding(sheet.NUMBER, ROW, "these cells would make another person of the learner", hint)]
        return []


def _changed(row: SheetRow, today: dict[str, str]) -> tuple[dict[str, str], list[Finding]]:
    """Cells that say something else than the sheet would today; domains and their numbers stand together."""
    stands = sheet.cells(today)
    said = {name: row[name] for name in FIELDS if row[name] and row[name] != stands[name]}
    for pair in PAIRS:
        if any(name in said for name in pair):
            said |= {name: said.get(name, stands[name]) for name in pair}
    fields, problems = read(said, today)
    return fields, [row.finding(one.field, one.code, one.message, one.hint) for one in problems]


def _is_another(today: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    """Both names are others, and so is a birth day or number that was known: not a correction, but another row's."""
    names = ("given_name", "family_name")
    before = {plain(today[name]) for name in names} | {family(today[name]) for name in names}
    new = [name for name in names if name in fields and today[name] and plain(fields[name]) not in before]
    known = (name for name in fields if name not in (*names, "profession", "consent") and today.get(name))
    return len(new) == len(names) and any(known)


def _written(row: SheetRow) -> tuple[str, ...]:
    return tuple(row[name] for name in (*FIELDS, sheet.SAME))


def _asked(session: Session) -> set[tuple[int, str]]:
    """What is wished for already and not carried out yet: a process that was killed here asks again."""
    waiting = select(Wish.args).where(Wish.kind == wishes.FIX, col(Wish.done_at).is_(None))
    return {(args.get("learner", 0), _key(args.get("fields", {}))) for args in session.exec(waiting)}


def _key(fields: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
