"""The sheets that are uploaded: ACCME's columns, every string as it is, and bytes that depend on nothing else."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from openpyxl import load_workbook

from connector.pars import rems_sheet, upload_sheet
from connector.pars.exchange import CannotSend
from connector.pars.wire.services import Rems
from connector.pars.wire.sheets import LearnerSheet, RemsSheet
from connector.records import Identifier, LearnerRecord, LicenceNumber
from tests.pars.pars_samples import HARD_NAMES, credit, identifier, learner, moc, names, record, rems_record

SHEET = LearnerSheet()
ACCMES = [
    "Record Action", "ACCME Activity ID", "Completion Date", "First Name", "Last Name", "Date of Birth",
    "Licensing State", "Licensing ID or NPI", "Number of CME Credits", "Certifying Board", "Certifying Board ID",
    "Total Board Credits", "Credit Type ", "Credits Awarded for Credit Type", "Additional Credit Type",
]  # fmt: skip


def render(*records: LearnerRecord, table: LearnerSheet = SHEET, number: str = "N-1") -> bytes:
    return upload_sheet.render(records, table, {}, number=number).body


def cells(body: bytes) -> list[list[Any]]:
    book = load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Sheet1"]
    return [list(row) for row in book["Sheet1"].iter_rows()]


def rows(*records: LearnerRecord) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in cells(render(*records))[2:]]


def test_accmes_columns_in_accmes_order_below_a_line_of_guidance() -> None:
    guidance, header, first = cells(render(record(credit())))
    assert [cell.value for cell in header][: len(ACCMES)] == ACCMES
    assert (guidance[0].value, [cell.value for cell in guidance[1:4]]) == (SHEET.guidance, [None] * 3)
    assert first[2].is_date
    assert first[2].value == datetime(2026, 3, 1)
    assert {type(first[place].value) for place in (1, 5, 7)} == {str}
    assert (first[5].value, first[8].value, first[8].data_type) == ("09/10", 1.25, "n")


def test_totals_and_splits_of_a_board() -> None:
    safety = moc(3, credit_type="Patient Safety", amount=Decimal("1.00"))
    (row,) = rows(record(credit(1), moc(2, amount=Decimal("2.00")), safety))
    assert row[8:] == [1.25, "ABIM", "123456", 3, "Medical Knowledge", 2, "Patient Safety", 1, None, None, None, None]
    in_all = {"board_total": Decimal("5.00")}
    both = record(moc(2, amount=Decimal("5.00"), **in_all), safety.model_copy(update=in_all))
    assert rows(both)[0][11] == 5, "one point may count for two types"
    (bare,) = rows(record(moc(4, board="ABTS", credit_type="")))
    assert bare[9:14] == ["ABTS", "123456", 1.25, None, None]


def test_two_boards_are_two_rows_and_cme_stands_in_the_first() -> None:
    pediatrics = moc(3, board="ABP", credit_type="Lifelong Learning and Self-Assessment")
    first, second = rows(record(credit(1), moc(2), pediatrics))
    assert (first[7:10], second[6:10]) == (["1234567893", 1.25, "ABIM"], [None, None, None, "ABP"])


def test_a_state_stands_in_full_beside_its_number_and_not_beside_an_npi() -> None:
    (row,) = rows(record(credit(identifier=identifier("ME", "0012345"))))
    assert row[6:8] == ["Maine", "0012345"]
    assert rows(record(credit()))[0][6:8] == [None, "1234567893"]


def test_a_delete_row_has_the_keys_of_its_add_row_and_no_others() -> None:
    whole = record(credit(1), moc(2))
    gone = whole.model_copy(update={"action": "delete", "credits": whole.credits[1:]})
    (row,) = rows(gone)
    assert (row[0], row[6:9], row[9:11]) == ("Delete", [None] * 3, ["ABIM", "123456"])
    assert set(upload_sheet.keys(gone)) < set(upload_sheet.keys(whole))


def test_a_board_without_ids_tells_learners_apart_by_their_names() -> None:
    surgeon = moc(2, board="ABS", credit_type="Accredited CME", identifier=None)
    one, other = (record(surgeon, learner=learner(name)) for name in ("Ana", "Bea"))
    assert upload_sheet.keys(one) != upload_sheet.keys(other)


def test_what_the_template_has_no_place_for_is_held() -> None:
    ipce = credit(1, certification="IPCE")
    types = [moc(number, credit_type=name) for number, name in enumerate(("Medical Knowledge", "Patient Safety"), 2)]
    for held, table in ((record(ipce), SHEET), (record(*types), LearnerSheet(more=0))):
        with pytest.raises(CannotSend) as caught:
            render(held, table=table)
        assert caught.value.code == "pars.not_supported"
    with pytest.raises(CannotSend):
        render(record(credit(), learner=learner("A\x07na")))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(names, names)
@example("_x0041_", "=1+1")
@example("+1", "@x")
@example("Nguyễn", '&<>"]]>')
def test_every_name_stays_what_it_is_and_is_text(given_name: str, family_name: str) -> None:
    row = cells(render(record(credit(), learner=learner(given_name, family_name))))[2]
    for cell, name in ((row[3], given_name), (row[4], family_name)):
        assert (cell.value, cell.data_type) == (name.strip() or None, "s" if name.strip() else "n")


@pytest.mark.parametrize("name", HARD_NAMES)
def test_hard_names_come_back(name: str) -> None:
    assert rows(record(credit(), learner=learner(name)))[0][3] == name.strip()


def test_leading_zeros_and_leap_days_survive() -> None:
    zeros = Identifier(domain="ABIM", value=LicenceNumber("000410"))
    (row,) = rows(record(moc(1, identifier=zeros), learner=learner("Ana", "Doe", "02-29")))
    assert (row[5], row[10]) == ("02/29", "000410")


def test_the_bytes_are_those_of_another_process_and_another_day() -> None:
    code = (
        "import sys, locale, time_machine\n"
        "from tests.pars.test_pars_upload_sheets import *\n"
        "with time_machine.travel('2031-12-31T23:59:59+13:00'):\n"
        "    sys.stdout.buffer.write(render(record(credit(1), moc(2))))\n"
    )
    elsewhere = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=elsewhere)
    assert made.stdout == render(record(credit(1), moc(2)))
    assert render(record(credit(1)), number="N-2") != render(record(credit(1)), number="N-1")


def test_rems_rows_are_sorted_by_their_identifier_and_name_nobody() -> None:
    rems = [rems_record(local) for local in ("c3", "a1", "b2")]
    body = rems_sheet.render(rems, RemsSheet(), Rems(), number="N-R1").body
    assert [row[4].value for row in cells(body)[2:]] == ["a1", "b2", "c3"]
    assert [key[3] for one in rems for key in rems_sheet.keys(one)] == ["c3", "a1", "b2"]
    with pytest.raises(ValueError, match="sheet of their own"):
        render(*rems)
    with pytest.raises(ValueError, match="sheet of their own"):
        rems_sheet.render([record(credit())], RemsSheet(), Rems(), number="N")
    with pytest.raises(CannotSend):
        rems_sheet.render([rems_record(type="Mycophenolate")], RemsSheet(), Rems(), number="N")
