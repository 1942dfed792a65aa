"""Files that a person uploads: what the rehearsal PARS refuses of them, what it gives back, and its odd results.

The sheets are made by hand from docs/reference/wire.md, never by connector code.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from connector.sandbox.server import Sandbox
from connector.sandbox.world.people import npi
from tests.sandbox.papers import Credit, Paper

HEADER = [
    "Record Action", "ACCME Activity ID", "Completion Date", "First Name", "Last Name", "Date of Birth",
    "Licensing State", "Licensing ID or NPI", "Number of CME Credits", "Certifying Board", "Certifying Board ID",
    "Total Board Credits", "Credit Type ", "Credits Awarded for Credit Type",
    *["Additional Credit Type", "Credits Awarded for Additional Credit Type"] * 3,
]  # fmt: skip
REMS_HEADER = [
    "Record Action", "ACCME Activity ID", "Completion Date", "REMS", "Local Identifier", "Profession",
    "State of Primary Practice", "DEA Registration", "Practice Area", "Surgical Procedures", "Time in Practice",
]  # fmt: skip
GUIDANCE = "Learner credit for PARS: keep this line, the header and the order of the columns."
OF_REMS = "De-identified REMS participants for PARS: keep this line and the header."
DAY = datetime(2026, 3, 5)
ANA = ["Add", "203512347", DAY, "Ana", "O'Neill-García", "02/29", "", npi(101), 1.5]
REMS = ["Add", "203512350", DAY, "Opioid REMS", "a1b2", "Physician", "Maine", "Individual", "Pain", "true", "Trainee"]

NAMES = (
    "action", "activity", "day", "given", "family", "birth", "state", "licence", "cme", "board", "board_id", "total",
)  # fmt: skip


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=date(2026, 3, 10), load=False) as running:
        yield running


def workbook(*rows: list[Any], header: list[str] | None = None, guidance: str | None = None, **odd: Any) -> bytes:
    book = Workbook()
    sheet: Any = book.active
    sheet.title = odd.get("title", "Sheet1")
    line = (OF_REMS if header == REMS_HEADER else GUIDANCE) if guidance is None else guidance
    for row in ([line] if line else [], header or HEADER, *rows):
        sheet.append(row)
    if merge := odd.get("merge"):
        sheet.merge_cells(merge)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def upload(sandbox: Sandbox, body: bytes) -> httpx.Response:
    return httpx.post(f"{sandbox.control_url}/upload/learners", content=body)


def answers(reply: httpx.Response) -> list[tuple[str, str]]:
    """Result and reason of each row."""
    assert reply.status_code == 200, reply.text
    rows = list(load_workbook(io.BytesIO(reply.content))["Sheet1"].iter_rows(min_row=2, values_only=True))
    at = rows[0].index("Result")
    return [(str(row[at]), str(row[at + 1] or "")) for row in rows[1:]]


def of(row: list[Any], **changes: Any) -> list[Any]:
    found = [*row, *[None] * (12 - len(row))]
    for name, value in changes.items():
        found[NAMES.index(name)] = value
    return found


def held(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    return [(one.certification, str(one.amount), one.state) for one in sandbox.pars.held()]


def test_a_right_sheet_is_taken_and_answered_row_by_row(sandbox: Sandbox) -> None:
    assert answers(upload(sandbox, workbook(ANA))) == [("Success", "")]
    assert held(sandbox) == [("AMA PRA Category 1", "1.5", "Accepted")]
    assert sandbox.check() == []


WRONG_ROWS = {
    "the activity as a number": of(ANA, activity=203512347),
    "the NPI as a number": of(ANA, licence=int(npi(101))),
    "the date as text": of(ANA, day="2026-03-05"),
    "the date as a number": of(ANA, day=46086),
    "a time of day": of(ANA, day=datetime(2026, 3, 5, 9)),
    "day before month": of(ANA, birth="29/02"),
    "a birth day with its year": of(ANA, birth="02/29/1980"),
    "a birth day as a date": of(ANA, birth=datetime(1980, 2, 29)),
    "a state by its code": of(ANA, state="ME"),
    "a licence without a state": of(ANA, licence="A12345"),
    "an NPI whose zeros are eaten": of(ANA, licence="12345"),
    "an amount as text": of(ANA, cme="1.5"),
    "an amount between the quarters": of(ANA, cme=1.3),
    "no amount above zero": of(ANA, cme=0),
    "another action": of(ANA, action="add"),
    "an unknown activity": of(ANA, activity="999999999"),
    "a board by its name": of(ANA, board="American Board of Internal Medicine", board_id="410101", total=1),
    "a board's id without the board": of(ANA, board_id="410101"),
    "neither CME nor a board": of(ANA, cme=None),
    "a type above the total": [*of(ANA, board="ABIM", board_id="410101", total=1), "Medical Knowledge", 2],
    "a type in two spellings": [
        *of(ANA, board="ABIM", board_id="410101", total=1),
        "Medical Knowledge",
        1,
        "Medical Knowledge (Part II)",
        1,
    ],
    "a board without a type": of(ANA, board="ABIM", board_id="410101", total=1),
    "a state that is none, without CME": of(ANA, state="Atlantis", cme=None, board="ABIM", board_id="410101", total=1),
    "an amount without its type": [*of(ANA, board="ABIM", board_id="410101", total=1), None, 1],
    "a type that the board does not have": [*of(ANA, board="ABIM", board_id="410101", total=1), "Surgery", 1],
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_wrong_row_is_refused_and_the_others_are_taken(sandbox: Sandbox, name: str) -> None:
    said = answers(upload(sandbox, workbook(WRONG_ROWS[name], of(ANA, cme=1))))
    if said[1][0] == "Failure":  # it has the keys of the wrong one
        assert said[1][1] == "Invalid data"
    assert said[0][0] == "Failure"
    assert said[0][1] == "Invalid data"
    assert len(sandbox.pars.held()) <= 1


def test_a_name_that_looks_like_a_formula_comes_back_as_the_text_it_is(sandbox: Sandbox) -> None:
    book = load_workbook(io.BytesIO(workbook(of(ANA, family="x"))))
    cell = book["Sheet1"]["E3"]
    cell.value, cell.data_type = "=1+1", "s"
    held_ = io.BytesIO()
    book.save(held_)
    reply = upload(sandbox, held_.getvalue())
    answered = load_workbook(io.BytesIO(reply.content))["Sheet1"]["E3"]
    assert (answered.value, answered.data_type) == ("=1+1", "s")


def test_somebody_unknown_is_no_match(sandbox: Sandbox) -> None:
    assert answers(upload(sandbox, workbook(of(ANA, given="Nobody")))) == [("Failure", "No match")]


WRONG_FILES = {
    "no line of guidance": workbook(ANA, guidance=""),
    "another line of guidance": workbook(ANA, guidance="Learners"),
    "columns in another order": workbook(ANA, header=[HEADER[1], HEADER[0], *HEADER[2:]]),
    "Credit Type without its blank": workbook(ANA, header=[one.strip() for one in HEADER]),
    "a column less": workbook(ANA, header=HEADER[:-2]),
    "a column more": workbook(ANA, header=[*HEADER, "CreditID"]),
    "another sheet's name": workbook(ANA, title="Learners"),
    "merged cells": workbook(ANA, merge="D3:E3"),
    "a formula": workbook(of(ANA, given="=A1")),
    "no row": workbook(),
    "no workbook": b"Record Action,ACCME Activity ID",
    "nothing": b"",
    "names in a REMS sheet": workbook([*REMS, "Ana"], header=[*REMS_HEADER, "First Name"]),
    "XML that is none of ours": b"<html/>",
    "half an XML document": Paper().xml()[:-20],
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused_as_a_whole(sandbox: Sandbox, name: str) -> None:
    reply = upload(sandbox, WRONG_FILES[name])
    assert reply.status_code == 400
    assert sandbox.pars.held() == []


def test_the_same_rows_are_refused_the_second_time_whatever_the_bytes(sandbox: Sandbox) -> None:
    upload(sandbox, workbook(ANA))
    again = upload(sandbox, workbook(ANA))
    assert (again.status_code, "Duplicate file" in again.text) == (409, True)
    document = Paper(credits=(Credit(credit_id="ccid:cme.example.org:x"),), completed="2026-03-04T00:00:00").xml()
    assert [upload(sandbox, document).status_code for _ in range(2)] == [200, 409]


def test_two_rows_with_one_key_do_not_share_a_file(sandbox: Sandbox) -> None:
    said = answers(upload(sandbox, workbook(ANA, of(ANA, cme=1))))
    assert said == [("Success", ""), ("Failure", "Invalid data")]
    later = answers(upload(sandbox, workbook(of(ANA, cme=0.5))))
    assert later == [("Failure", "Report already exists")]


def test_a_delete_row_takes_the_record_with_its_very_keys(sandbox: Sandbox) -> None:
    upload(sandbox, workbook(ANA))
    off = [of(ANA, action="Delete", day=datetime(2026, 3, 4)), of(ANA, action="Delete", activity="203512350")]
    assert answers(upload(sandbox, workbook(*off))) == [("Failure", "No match")] * 2
    assert answers(upload(sandbox, workbook(of(ANA, action="Delete")))) == [("Success", "")]
    assert held(sandbox) == [("AMA PRA Category 1", "1.5", "Deleted")]


def test_a_rems_sheet_is_taken_and_names_nobody(sandbox: Sandbox) -> None:
    rems = next(one for one in sandbox.world.activities if one.rems_type)
    row = [REMS[0], rems.activity_id, datetime.combine(rems.start, datetime.min.time()), *REMS[3:]]
    assert answers(upload(sandbox, workbook(row, header=REMS_HEADER))) == [("Success", "")]
    (credit,) = sandbox.pars.held()
    assert (credit.identifiers, credit.birth, credit.state) == ((), "", "Accepted")
    unknown = [*row[:5], "Magician", *row[6:]]
    assert answers(upload(sandbox, workbook(unknown, header=REMS_HEADER)))[0][0] == "Failure"


def test_an_xml_file_is_judged_as_the_service_judges_it(sandbox: Sandbox) -> None:
    reply = upload(sandbox, Paper().xml())
    assert (reply.status_code, b"<Status>Accepted</Status>" in reply.content) == (200, True)
    assert held(sandbox) == [("AMA PRA Category 1", "1.50", "Accepted")]


def test_what_pars_holds_can_be_downloaded_without_rems(sandbox: Sandbox) -> None:
    upload(sandbox, workbook(ANA))
    base = f"{sandbox.control_url}/download"
    table = list(csv.reader(io.StringIO(httpx.get(f"{base}/learners?form=csv").content.decode("utf-8-sig"))))
    assert table[1][1:4] == ["O'Neill-García, Ana", "2/29", npi(101)]
    assert table[1][6] == "3/5/2026"
    sheet = load_workbook(io.BytesIO(httpx.get(f"{base}/status").content))["Sheet1"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[1][rows[0].index("Status")] == "Accepted"
    assert rows[1][0] is None  # a sheet's credit has no id of the provider's
    assert b"CreditID" not in httpx.get(f"{base}/status?form=xml").content


ODD = {
    "result-renamed-column": lambda rows: "Outcome" in rows[1] and "Result" not in rows[1],
    "result-formula": lambda rows: str(rows[2][1]).startswith("="),
    "result-rows-left-out": lambda rows: len(rows) == 3,
    "result-unknown-word": lambda rows: "Queued" in rows[2],
    "result-other-order": lambda rows: rows[2][2] == datetime(2026, 3, 4),
}


@pytest.mark.parametrize("fault", ODD)
def test_odd_results(sandbox: Sandbox, fault: str) -> None:
    sandbox.switch(fault)
    reply = upload(sandbox, workbook(ANA, of(ANA, day=datetime(2026, 3, 4))))
    rows = list(load_workbook(io.BytesIO(reply.content))["Sheet1"].iter_rows(values_only=True))
    assert ODD[fault](rows)
    assert len(sandbox.pars.held()) == 2  # taken all the same


def test_a_result_with_merged_cells(sandbox: Sandbox) -> None:
    sandbox.switch("result-merged-cells")
    reply = upload(sandbox, workbook(ANA))
    assert load_workbook(io.BytesIO(reply.content))["Sheet1"].merged_cells.ranges


# --- JA-PARS ---


def test_ja_pars_takes_a_teams_credit_and_leaves_pharmacists_to_cpe_monitor() -> None:
    document = Paper(
        credits=tuple(
            Credit(credit_id=f"ccid:cme.example.org:{name.replace(' ', '-')}", certification=name)
            for name in ("AMA PRA Category 1", "IPCE", "Nursing", "Athletic Training CEU", "Pharmacy")
        )
    ).xml()
    with Sandbox(today=date(2026, 3, 10), load=False, system="ja-pars") as joint:
        reply = upload(joint, document).text
        assert [one.certification for one in joint.pars.held()] == [
            "AMA PRA Category 1", "IPCE", "Nursing", "Athletic Training CEU",
        ]  # fmt: skip
        assert "Operation not supported" in reply
        assert joint.check() == []
    with Sandbox(today=date(2026, 3, 10), load=False) as plain:
        upload(plain, document)
        assert [one.certification for one in plain.pars.held()] == ["AMA PRA Category 1"]
