"""The sheets of learners that PARS takes and gives, row by row."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConfigError
from connector.pars import identity, learner_sheet
from connector.pars.learner_sheet import Reports
from tests.importing.workbooks import ANNA, BORIS, DAY, TEMPLATE, download, template, write

TODAY = date(2026, 3, 12)
LEARNER = {
    "Board": "Maine Board of Licensure in Medicine",
    "Name": "Quixley, Zanna",
    "DOB": "2/29",
    "Learner ID": "MD-0012",
    "Activity ID": "203512345",
    "Completion": "3/10/2026",
    "Credits Awarded": 1.25,
    "Status": "Accepted",
}


def read(path: Path) -> Reports:
    return learner_sheet.read(path, today=TODAY)


def kinds(reports: Reports) -> list[tuple[int, str, str]]:
    return [(one.line, one.kind, one.board) for one in reports.standing]


def refused(path: Path) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert "Quixley" not in str(caught.value)
    return [(one.where.rpartition(":")[2], one.message) for one in caught.value.findings]


def test_accmes_template_below_its_guidance(tmp_path: Path) -> None:
    both = ANNA | {"Certifying Board": "ABIM", "Certifying Board ID": 999999.0, "Total Board Credits": 5}
    moc = BORIS | {"Number of CME Credits": None, "Certifying Board": "American Board of Pediatrics"}
    reports = read(template(tmp_path / "own.xlsx", both, moc))
    assert kinds(reports) == [(3, "cme", ""), (3, "moc", "ABIM"), (4, "moc", "ABP")]
    first = reports.standing[0]
    assert (first.activity_id, first.completed_on) == ("203512345", DAY)
    assert first.person.ids == {"NPI": "1234567893", "ABIM": "999999"}
    assert first.person.name == ("quixley", "zanna", "02-29")
    assert reports.ignored == tuple(name.strip() for name in TEMPLATE[11:])


def test_a_licence_number_is_no_npi(tmp_path: Path) -> None:
    reports = read(template(tmp_path / "own.xlsx", ANNA | {"Licensing ID or NPI": 1234567}))
    assert reports.standing[0].person.ids == {"ME": "1234567"}


def test_the_download_of_all_learners(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        LEARNER,
        LEARNER | {"Board": "ABIM", "Learner ID": 410106},
        LEARNER | {"Board": None, "Learner ID": "1234567893", "Status": "Pending"},
        LEARNER | {"Status": "Rejected", "DOB": "unreadable"},
        LEARNER | {"Board": "CME", "Name": "Zanna Quixley", "Learner ID": None},
    ]
    reports = read(download(tmp_path / "all.xlsx", *rows))
    assert kinds(reports) == [(2, "cme", ""), (3, "moc", "ABIM"), (4, "cme", ""), (6, "cme", "")]
    assert [one.person.ids for one in reports.standing] == [
        {"ME": "MD-0012"}, {"ABIM": "410106"}, {"NPI": "1234567893"}, {},
    ]  # fmt: skip
    assert {one.person.name for one in reports.standing} == {("quixley", "zanna", "02-29")}
    assert reports.not_held == [5]
    assert reports.ignored == ("Submission", "Credits Awarded")


def test_a_delete_takes_back_earlier_rows_of_the_same_thing_only(tmp_path: Path) -> None:
    delete = {"Record Action": "Delete"}
    other_day = ANNA | {"Completion Date": date(2026, 3, 9)}
    rows = [ANNA | {"Certifying Board": "ABIM"}, BORIS, other_day, ANNA | delete, BORIS | delete, BORIS | delete, ANNA]
    reports = read(template(tmp_path / "own.xlsx", *rows))
    assert kinds(reports) == [(3, "moc", "ABIM"), (5, "cme", ""), (9, "cme", "")]
    assert (reports.taken_back, reports.deletes_nothing) == ([6, 7], [8])
    whole = read(template(tmp_path / "own.xlsx", rows[0], ANNA | delete | {"Number of CME Credits": None}))
    assert kinds(whole) == []


def test_a_row_without_cme_and_board_reports_nothing(tmp_path: Path) -> None:
    reports = read(template(tmp_path / "own.xlsx", ANNA | {"Number of CME Credits": 0}))
    assert (reports.standing, reports.nothing) == ([], [3])


def test_every_cell_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        ANNA | {"ACCME Activity ID": 12, "Completion Date": date(2026, 3, 13)},
        ANNA | {"Record Action": "Update", "Completion Date": "spring", "Number of CME Credits": "one"},
        ANNA | {"Completion Date": date(1975, 2, 28), "Certifying Board": "ABXX", "Licensing State": "Mainne"},
        ANNA | {"Licensing ID or NPI": "=A1+1", "Date of Birth": "13/13"},
    ]
    found = refused(template(tmp_path / "own.xlsx", *rows))
    assert found == [("H6", "a formula stands here: copy the column and paste its values")], "cells before their sense"
    rows[3]["Licensing ID or NPI"] = None
    assert [cell for cell, _ in refused(template(tmp_path / "own.xlsx", *rows))] == [
        "B3", "C3", "A4", "I4", "C4", "J5", "C5", "G5", "F6", "E6",
    ]  # fmt: skip


def test_an_unknown_status_is_no_guess(tmp_path: Path) -> None:
    ((cell, message),) = refused(download(tmp_path / "all.xlsx", LEARNER | {"Status": "Zombie"}))
    assert cell == "I2"
    assert "Zombie" not in message


@pytest.mark.parametrize("missing", ["ACCME Activity ID", "Completion Date", "Last Name"])
def test_a_needed_column_that_is_missing_is_refused_by_its_name(tmp_path: Path, missing: str) -> None:
    names = [name for name in TEMPLATE if name != missing]
    path = write(tmp_path / "own.xlsx", [names, [ANNA.get(name) for name in names]])
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert caught.value.code == "config.sheet_column"
    assert missing.lower() in str(caught.value).lower()


def test_the_same_sheet_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "\ufeffRecord Action;ACCME Activity ID;Completion Date;First Name;Last Name;"
        "Date of Birth;Number of CME Credits\n"
        'Add;203512345;3/10/2026;"Sinéad";O\'Brien-李;9/10;1.25\n',
        encoding="utf-8",
    )
    (one,) = read(path).standing
    assert (one.completed_on, one.person.name) == (DAY, ("o'brien-李", "sinéad", "09-10"))


@pytest.mark.parametrize(
    "name",
    ["Quixley Jr., Zanna", "Zanna Quixley, MD", "Quixley, Zanna, MD, FACP", "Zanna Quixley III", "Zanna Quixley DO"],
)
def test_suffixes_and_degrees_are_no_names(tmp_path: Path, name: str) -> None:
    (one,) = read(download(tmp_path / "all.xlsx", LEARNER | {"Name": name})).standing
    assert one.person.name == ("quixley", "zanna", "02-29")


def test_what_pars_does_not_hold_takes_earlier_imports_back(tmp_path: Path) -> None:
    rejected = LEARNER | {"Status": "Rejected"}
    reports = read(download(tmp_path / "all.xlsx", LEARNER, rejected, rejected | {"DOB": "unreadable"}))
    assert kinds(reports) == [(2, "cme", "")], "another record of it is held"
    assert [one.report.line for one in reports.recalls] == [3]
    assert reports.not_held == [3, 4]


def test_thousands_of_deletes_look_at_their_own_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    monkeypatch.setattr(
        learner_sheet, "relation", lambda one, other: compared.append(1) or identity.relation(one, other)
    )
    people = [ANNA | {"First Name": f"A{number}", "Licensing ID or NPI": f"L{number}"} for number in range(100)]
    reports = read(template(tmp_path / "own.xlsx", *people, *(one | {"Record Action": "Delete"} for one in people)))
    assert (reports.standing, len(reports.taken_back), len(compared)) == ([], 100, 100)
