"""The spreadsheet that asks PARS about many learners before they complete anything, and the one that comes back.

Its columns and words are data (`wire.match_sheet`), all of them guesses. Knows no store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector.findings import Finding
from connector.pars import vocabulary
from connector.pars.exchange import MatchAnswer
from connector.pars.identity import bare
from connector.pars.names import plain
from connector.pars.replies import matched
from connector.pars.wire.sheets import MATCH_ANSWER, MATCH_COLUMNS, MatchSheet
from connector.records import Frozen, Identifier, Learner
from connector.sheets import SheetRow, read_sheet
from connector.sheets.days import month_day
from connector.sheets.rows import CELL, Columns, refuse_all, refused
from connector.sheets.writing import Column, Page, save, workbook

_STATES = {**vocabulary.STATES, **vocabulary.TERRITORIES}
_CODES = {name.casefold(): code for code, name in _STATES.items()}

Sign = tuple[str, str, str, str, str]
"""Names, birth day, domain and number of one person under one identifier, made comparable."""


class Asked(Frozen):
    """One person under one identifier: a row of the sheet."""

    learner: Learner
    identifier: Identifier

    @property
    def sign(self) -> Sign:
        given, family, birth = _identity(self.learner)
        return _sign(given, family, birth, self.identifier.domain, self.identifier.value.get_secret_value())


@dataclass(frozen=True, repr=False)
class Row:
    """What one row of the result sheet says, and of whom: its number may be a licence or an NPI."""

    line: int
    signs: frozenset[Sign]
    answer: MatchAnswer | None  # None: nothing stands in its result column yet


@dataclass
class Read:
    """Answers by the place of what was asked; the lines of rows that answer nothing, by why."""

    answers: dict[int, MatchAnswer] = field(default_factory=dict)
    nobody: list[int] = field(default_factory=list)
    several: list[int] = field(default_factory=list)
    contradicting: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)


def header(table: MatchSheet) -> list[str]:
    return [getattr(table, name) for name in MATCH_COLUMNS]


def cells(asked: Asked, table: MatchSheet) -> list[str]:
    """A row as texts, in the order of `header`: the state in full, as ACCME's own sample writes it."""
    given, family, birth = _identity(asked.learner)
    domain, number = asked.identifier.domain, asked.identifier.value.get_secret_value()
    values = {"given_name": given, "family_name": family, "birth_day": birth.replace("-", table.birth[2])}
    if domain in vocabulary.BOARDS:
        values |= {"board": domain, "board_id": number}
    else:
        values |= {"state": _licensed_in(asked), "licence": number}
    return [values.get(name, "") for name in MATCH_COLUMNS]


def _licensed_in(asked: Asked) -> str:
    """With an NPI the one state of which he has a licence: of several, nobody says which."""
    own = [domain for domain in asked.learner.ids if domain in _STATES]
    code = asked.identifier.domain if asked.identifier.domain in _STATES else own[0] if len(own) == 1 else ""
    return _STATES.get(code, "")


def write(path: Path, asked: Sequence[Asked], table: MatchSheet) -> int:
    """How many rows; two who are one for PARS share one. For its owner's eyes alone. Raises ConfigError."""
    rows = list({one.sign: cells(one, table) for one in asked}.values())
    page = Page(table.sheet, [Column(name, width=20) for name in header(table)], rows)
    try:
        save(path, workbook([page]))
    except OSError as error:
        raise refused(path, 0, "config.sheet", f"the sheet cannot be written: {error.strerror}") from None
    return len(rows)


def read(path: Path, table: MatchSheet, *, sheet: str = "") -> list[Row]:
    """The rows of a result sheet. Raises ConfigError with every cell that cannot be read."""
    names = {name: getattr(table, name) for name in (*MATCH_COLUMNS, *MATCH_ANSWER)}
    aliases = {Columns(()).name(text): name for name, text in names.items()}
    required = (*MATCH_COLUMNS, "result")
    found = read_sheet(path, required=required, optional=("message",), aliases=aliases, strict=False, sheet=sheet)
    findings: list[Finding] = []
    rows = [_row(row, table, findings) for row in found.rows]
    refuse_all(findings)
    return rows


def _row(row: SheetRow, table: MatchSheet, findings: list[Finding]) -> Row:
    birth = month_day(row["birth_day"])
    if birth is None:
        findings.append(row.finding("birth_day", CELL, "this is no month and day", "write 09/10, in a column of text"))
    answer = matched(row["result"], row["message"], table.words) if row["result"] else None
    if answer and answer.found == "unknown":
        hint = "if the word is ACCME's, write it under `wire: match_sheet: words:` in config.yaml"
        findings.append(row.finding("result", CELL, "nobody knows what this answer means", hint))
    named = (row["given_name"], row["family_name"], birth[0] if birth else "")
    numbers = _numbers(row, findings)
    return Row(row.line, frozenset(_sign(*named, domain, number) for domain, number in numbers), answer)


def _numbers(row: SheetRow, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Every identifier that the row may be about."""
    if row["board_id"]:
        board = row["board"].upper()
        if board not in vocabulary.BOARDS:
            findings.append(
                row.finding("board", CELL, "no certifying board has this code", "write ABIM, ABP, ABS, ...")
            )
        yield board, row["board_id"]
    if not row["licence"]:
        return
    text = " ".join(row["state"].split())
    code = text.upper() if text.upper() in _STATES else _CODES.get(text.casefold(), "")
    if text and not code:
        findings.append(row.finding("state", CELL, "this is no state", "write its full name or its two letters"))
    yield "NPI", row["licence"]
    if code:
        yield code, row["licence"]


def assign(rows: Iterable[Row], asked: Sequence[Asked]) -> Read:
    """Row by row to what was asked; those who are one for PARS share an answer. A row that fits two who are not, or
    rows that contradict one another, answer nothing."""
    places = defaultdict[Sign, list[int]](list)
    for place, one in enumerate(asked):
        places[one.sign].append(place)
    found, lines = Read(), defaultdict[Sign, list[Row]](list)
    for row in rows:
        fitting = row.signs & places.keys()
        if not fitting:
            found.nobody.append(row.line)
        elif len(fitting) > 1:
            found.several.append(row.line)
        elif row.answer is None:
            found.unanswered.append(row.line)
        else:
            lines[next(iter(fitting))].append(row)
    for sign, mine in lines.items():
        said = [row.answer for row in mine if row.answer]
        if len({answer.found for answer in said}) == 1:
            found.answers |= dict.fromkeys(places[sign], said[0])
        else:
            found.contradicting += [row.line for row in mine]
    return found


def _identity(learner: Learner) -> tuple[str, str, str]:
    values = (learner.given_name, learner.family_name, learner.birth_day)
    given, family, birth = (value.get_secret_value() if value else "" for value in values)
    return given, family, birth


def _sign(given: str, family: str, birth: str, domain: str, number: str) -> Sign:
    """Zeros that Excel has eaten make nobody another, where names and birth day are the same."""
    return plain(given), plain(family), birth, domain, bare(number).lstrip("0")
