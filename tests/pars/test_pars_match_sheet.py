"""The spreadsheet that asks PARS about many learners: written as text, read back row by row, nothing guessed."""

from __future__ import annotations

import csv
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from pydantic import ValidationError

from connector.errors import ConfigError
from connector.pars.match_sheet import Asked, Read, assign, read, write
from connector.pars.wire.sheets import MatchSheet
from connector.records import BirthDay, Identifier, Learner, LicenceNumber, PersonName

TABLE = MatchSheet()
HEADER = [
    "First Name", "Last Name", "Date of Birth", "Licensing State", "Licensing ID or NPI", "Certifying Board",
    "Certifying Board ID", "Match", "Message",
]  # fmt: skip
ANA = ["Ana", "O'Neill-García", "02/29", "", "1234567893", "", ""]
JOY = ["Joy", "Brown", "07/04", "Maine", "0010441", "", ""]
BEN = ["Ben", "Achebe", "03/21", "", "", "ABIM", "0410106"]


def person(given: str, family: str, birth: str, domain: str, number: str, **others: str) -> Asked:
    ids = {name: LicenceNumber(value) for name, value in {domain: number, **others}.items()}
    learner = Learner(given_name=PersonName(given), family_name=PersonName(family), birth_day=BirthDay(birth), ids=ids)
    return Asked(learner=learner, identifier=Identifier(domain=domain, value=ids[domain]))


ASKED = (
    person("Ana", "O'Neill-García", "02-29", "NPI", "1234567893", CA="A1", ME="10441"),
    person("Joy", "Brown", "07-04", "ME", "0010441"),
    person("Ben", "Achebe", "03-21", "ABIM", "0410106", NPI="1245319599"),
)


def sheet(path: Path, *rows: Sequence[Any], header: Sequence[str] = HEADER) -> Path:
    book = Workbook()
    for row in (header, *rows):
        book.active.append(list(row))
    book.save(path)
    return path


def result(path: Path, *rows: Sequence[Any], asked: Sequence[Asked] = ASKED) -> Read:
    return assign(read(sheet(path / "result.xlsx", *rows), TABLE), asked)


def test_it_is_written_as_text_for_its_owner_alone(tmp_path: Path) -> None:
    path, again = tmp_path / "ask.xlsx", tmp_path / "again.xlsx"
    formula = person("=1+1", "+Quixley", "12-31", "NC", "0099", NPI="1234567893")
    virgin_islands = person("Wei", "李", "01-01", "NPI", "1245319599", VI="7")
    assert write(path, [*ASKED, formula, virgin_islands, ASKED[0]], TABLE) == 5, "nobody is asked about twice"
    write(again, [*ASKED, formula, virgin_islands], TABLE)
    assert path.read_bytes() == again.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (page,) = load_workbook(path).worksheets
    rows = [["" if cell.value is None else cell.value for cell in row] for row in page.iter_rows()]
    assert page.title == "Sheet1"
    assert rows == [
        HEADER[:7],
        ANA,  # he has licences of two states: which one, nobody says
        JOY,
        BEN,
        ["=1+1", "+Quixley", "12/31", "North Carolina", "0099", "", ""],
        ["Wei", "李", "01/01", "Virgin Islands", "1245319599", "", ""],
    ]
    assert {cell.data_type for row in page.iter_rows() for cell in row} == {"s", "n"}, "an empty cell, or text"
    assert {cell.number_format for row in page.iter_rows(min_row=2) for cell in row} == {"@"}


def test_what_was_written_finds_its_way_back_in_any_order(tmp_path: Path) -> None:
    found = result(
        tmp_path, [*BEN, "NO", "not certified"], [*ANA, "yes", None], [*JOY, " Multiple ", "two of them"],
    )  # fmt: skip
    said = {place: (answer.found, answer.code, answer.words) for place, answer in found.answers.items()}
    assert said == {
        0: ("yes", "", ""),
        1: ("several", "pars.several_matches", "two of them"),
        2: ("no", "pars.no_match", "not certified"),
    }
    assert (found.nobody, found.several, found.contradicting, found.unanswered) == ([], [], [], [])
    assert "not certified" not in repr(found)


def test_a_sheet_saved_as_text_by_excel_is_read_too(tmp_path: Path) -> None:
    """Semicolons, a byte order mark, columns that are new or moved, zeros that Excel has eaten."""
    path = tmp_path / "result.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Record", *reversed(HEADER)])
        writer.writerow(["7", *reversed(["joy", "BROWN", "7/4", "ME", "10441", "", "", "Yes", ""])])
        writer.writerow(["8", *reversed(["Ben", "Achebe", "3/21", "", "", "abim", "410106", "Yes", ""])])
    found = assign(read(path, TABLE), ASKED)
    assert {place: answer.found for place, answer in found.answers.items()} == {1: "yes", 2: "yes"}


def test_a_row_is_never_guessed(tmp_path: Path) -> None:
    """One fits two of ours, two say different things, one is corrected in the sheet, one has no answer yet."""
    twins = (*ASKED, person("Ana", "O'Neill-García", "02-29", "ABIM", "77"))
    corrected = ["Joy", "Braun", *JOY[2:], "Yes", ""]
    found = result(
        tmp_path, [*ANA[:5], "ABIM", "77", "Yes", ""], [*BEN, "Yes", ""], [*BEN, "No", ""], corrected,
        [*JOY, None, ""], asked=twins,
    )  # fmt: skip
    assert found.answers == {}
    assert (found.several, found.contradicting, found.nobody, found.unanswered) == ([2], [3, 4], [5], [6])


def test_those_who_are_one_for_pars_share_its_answer(tmp_path: Path) -> None:
    """Two rows of our list, one of the sheet: no other will ever come for the second."""
    found = result(tmp_path, [*ANA, "Yes", ""], asked=[ASKED[0], ASKED[1], person(*ANA[:2], "02-29", "NPI", ANA[4])])
    assert ({place: said.found for place, said in found.answers.items()}, found.several) == ({0: "yes", 2: "yes"}, [])


def test_a_number_may_be_a_licence_or_an_npi(tmp_path: Path) -> None:
    """A person of whom both are ten digits: the row fits two questions, and answers neither."""
    both = person("Ana", "O'Neill-García", "02-29", "NPI", "1234567893")
    licensed = person("Ana", "O'Neill-García", "02-29", "ME", "1234567893")
    row = [*ANA[:3], "Maine", *ANA[4:], "Yes", ""]
    assert result(tmp_path, row, asked=[both]).answers.keys() == {0}
    assert result(tmp_path, row, asked=[both, licensed]).several == [2]


def spoilt(column: str, value: Any) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        row = [*JOY, "Yes", "fine"]
        row[HEADER.index(column)] = value
        return sheet(path, [*BEN, "Yes", ""], row)

    return make


def merged(path: Path) -> Path:
    sheet(path, [*BEN, "Yes", ""], [*JOY, "Yes", ""])
    book = load_workbook(path)
    book.active.merge_cells("H2:H3")
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("make", "where", "code"),
    [
        (spoilt("Match", '=IF(1,"Yes")'), "H3", "config.sheet_cell"),
        (spoilt("Match", "Perhaps Brown"), "H3", "config.sheet_cell"),
        (spoilt("Date of Birth", "4th of July"), "C3", "config.sheet_cell"),
        (spoilt("Date of Birth", None), "C3", "config.sheet_cell"),
        (spoilt("Licensing State", "Brownland"), "D3", "config.sheet_cell"),
        (spoilt("Licensing ID or NPI", "#REF!"), "E3", "config.sheet_cell"),
        (spoilt("Licensing ID or NPI", 12345678901234567890), "E3", "config.sheet_cell"),
        (spoilt("Certifying Board ID", "0410106"), "F3", "config.sheet_cell"),
        (merged, "H", "config.sheet_cell"),
        (lambda path: sheet(path, [*JOY, "Yes"], header=[*HEADER[:7], "Outcome"]), "", "config.sheet_column"),
        (lambda path: sheet(path, [*JOY, "Yes"], header=["Given", *HEADER[1:8]]), "", "config.sheet_column"),
        (lambda path: sheet(path, [*JOY, "Yes", "No"], header=[*HEADER[:8], "match"]), "", "config.sheet_column"),
        (lambda path: sheet(path, header=[]), "", "config.sheet"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_cell(
    tmp_path: Path, make: Callable[[Path], Path], where: str, code: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        read(make(tmp_path / "result.xlsx"), TABLE)
    assert refusal.value.code == code
    assert where in str(refusal.value)
    assert "rown" not in str(refusal.value), "a value is never repeated"


def test_another_template_needs_no_other_code(tmp_path: Path) -> None:
    own = MatchSheet.model_validate(
        {"family_name": "Surname", "result": "Outcome", "birth": "MM-DD", "words": {"yes": ["Matched", "OK"]}}
    )
    write(tmp_path / "ask.xlsx", ASKED[1:2], own)
    (page,) = load_workbook(tmp_path / "ask.xlsx").worksheets
    assert [page["B1"].value, page["C2"].value] == ["Surname", "07-04"]
    page["H1"], page["H2"] = "Outcome", "matched"
    page.parent.save(tmp_path / "result.xlsx")
    assert assign(read(tmp_path / "result.xlsx", own), ASKED).answers[1].found == "yes"


@pytest.mark.parametrize(
    "entry", [{"result": "first name"}, {"sheet": "a/b"}, {"birth": "DD/MM"}, {"words": {"yes": ["no"]}}, {"board": ""}]
)
def test_what_the_table_refuses(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MatchSheet.model_validate(entry)


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "nowhere" / "ask.xlsx", ASKED, TABLE)
