"""Files that come back: row by row to the credit, or listed; the same file twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlmodel import select

from connector.errors import ConfigError, NeedsOperator
from connector.pars import receipts as files
from connector.reconciliation import receipts
from connector.reconciliation.receipts import Imported
from connector.store.tables import ReceiptRow
from tests.delivery.workplace import CME, CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery
from tests.submission.office import Office

RESULT = ("Result", "Reason", "Message")
DOWNLOAD = ("Board", "Name", "DOB", "Learner ID", "Activity", "Activity ID", "Completion", "Submission",
            "Credits Awarded", "Status")  # fmt: skip


@pytest.fixture
def excel(delivery_on: Callable[[str], Delivery]) -> Office:
    return Office(delivery_on("excel-batch"), "excel-batch")


@pytest.fixture
def xml(delivery_on: Callable[[str], Delivery]) -> Office:
    return Office(delivery_on("xml-batch"), "xml-batch")


def workbook(path: Path, *rows: Sequence[Any], merge: str = "") -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    if merge:
        book.active.merge_cells(merge)
    book.save(path)
    return path


def result_of(office: Office, number: int, said: Sequence[Sequence[str]], name: str = "result.xlsx") -> Path:
    """The sheet that went, with PARS's answer beside each row."""
    file = next(file for file in office.files() if file.id == number)
    head, rows = office.header(file), office.rows(file)
    answered = [(*row, *words) for row, words in zip(rows, said, strict=True)]
    return workbook(office.delivery.folder / name, ("guidance",), (*head, *RESULT), *answered)


def take(office: Office, path: Path, *, dry_run: bool = False) -> Imported:
    here = office.delivery
    tables, now = here.config.tables(office.provider), datetime.now(UTC)
    receipt = files.read(path, tables, today=now.date())
    if dry_run:
        return receipts.plan(here.store, office.provider.id, receipt, tables)
    hash_ = receipts.digest(path)
    return receipts.take(here.store, office.provider.id, receipt, tables, hash_, by="ana", now=now)


def test_each_row_of_a_result_goes_to_its_credits(excel: Office) -> None:
    here = excel.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (nobody,) = here.ready("aoneill")
    (bad,) = here.ready("cricci")
    (file,) = excel.export()
    said = [("Success", "", ""), ("Failure", "No match", "no such physician"), ("failed", "Missing data", "")]
    path = result_of(excel, file.id, said)
    assert take(excel, path, dry_run=True).counts == {"settled": 4}
    assert here.state(cme) == "exported"
    assert take(excel, path).counts == {"settled": 4}
    assert [here.state(pk) for pk in (cme, moc, nobody, bad)] == ["pending", "pending", "unmatched", "refused"]
    credit = here.credit(nobody)
    assert (credit.reason, credit.at_pars, credit.pars_words) == ("pars.no_match", "no", "no such physician")
    assert here.credit(bad).reason == "pars.missing_data"
    again = take(excel, path)
    assert (again.earlier is not None, again.told) == (True, [])
    with pytest.raises(NeedsOperator, match="answered"):
        excel.undo(file.id)


def test_the_download_settles_what_the_boards_have_said(excel: Office) -> None:
    here = excel.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    excel.export()
    person = here.sandbox.world.people["bachebe"]
    abim = dict(person.boards)["ABIM"]
    one = (f"{person.family}, {person.given}", "9/10", "A title", HYPERTENSION, "3/10/2026", "3/11/2026", "2")

    def row(board: str, number: str, status: str) -> tuple[str, ...]:
        return (board, one[0], person.birth[-5:].replace("-", "/"), number, *one[2:], status)

    path = workbook(
        here.folder / "all.xlsx", DOWNLOAD, row("CME", person.npi, "Accepted"), row("ABIM", abim, "Pending")
    )
    assert take(excel, path).counts == {"settled": 2}
    assert (here.state(cme), here.state(moc)) == ("confirmed", "pending")
    later = workbook(
        here.folder / "later.xlsx", DOWNLOAD, row("CME", person.npi, "Accepted"), row("ABIM", abim, "Rejected")
    )
    assert take(excel, later).counts == {"settled": 1, "unchanged": 1}
    assert here.state(moc) == "rejected"


def test_a_row_that_fits_two_awards_is_listed_and_never_guessed(excel: Office) -> None:
    here = excel.delivery
    pks = [here.ready("aoneill", per=name)[0] for name in ("morning", "noon")]
    first, _ = excel.export()
    path = result_of(excel, first.id, [("Success", "", "")])
    assert take(excel, path).counts == {"several": 1}
    assert {here.state(pk) for pk in pks} == {"exported"}
    with here.store.reading() as session:
        assert [(row.how, row.credit_pk) for row in session.exec(select(ReceiptRow))] == [("several", None)]


def test_rows_that_contradict_one_another_change_nothing(excel: Office) -> None:
    here = excel.delivery
    (cme,) = here.ready("aoneill")
    (file,) = excel.export()
    (row,) = excel.rows(file)
    path = workbook(
        here.folder / "r.xlsx",
        (*excel.header(file), *RESULT),
        (*row, "Success", "", ""),
        (*row, "Failure", "No match", ""),
    )
    assert take(excel, path).counts == {"contradicting": 2}
    assert here.state(cme) == "exported"


def test_already_exists_is_no_refusal_and_calls_a_person(excel: Office) -> None:
    here = excel.delivery
    (cme,) = here.ready("aoneill")
    (file,) = excel.export()
    take(excel, result_of(excel, file.id, [("Failure", "Report already exists", "")]))
    credit = here.credit(cme)
    assert (credit.state, credit.attention) == ("exported", "pars.already_exists")
    status = here.folder / "status.csv"
    status.write_text(f"CreditID,Status\n{credit.credit_id},Accepted\n", encoding="utf-8")
    take(excel, status)
    assert (here.state(cme), here.credit(cme).attention) == ("confirmed", "")


def test_a_delete_row_ends_the_withdrawal(excel: Office) -> None:
    here = excel.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (other,) = here.ready("aoneill")
    (added,) = excel.export()
    take(excel, result_of(excel, added.id, [("Success", "", "")] * 2))
    here.unwant(moc, other)
    (deleted,) = excel.export()
    path = result_of(excel, deleted.id, [("Success", "", ""), ("Failure", "No match", "")], "deleted.xlsx")
    assert take(excel, path).counts == {"settled": 2}
    assert [here.state(pk) for pk in (cme, moc, other)] == ["pending", "withdrawn", "withdrawal_refused"]
    assert here.credit(moc).lease_owner == ""


def test_xml_results_and_status_find_credits_by_their_ids(xml: Office) -> None:
    here = xml.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (left_out,) = here.ready("aoneill")
    (file,) = xml.export()
    ids = [here.credit(pk).credit_id for pk in (cme, moc)]
    items = "".join(
        f"<LearnerActivity><CreditID>{one}</CreditID><Status>Pending</Status></LearnerActivity>" for one in ids
    )
    path = here.folder / "result.xml"
    path.write_text(f"<SaveLearnerActivityResponse>{items}</SaveLearnerActivityResponse>", encoding="utf-8")
    done = take(xml, path)
    assert (done.counts, done.missing) == ({"settled": 2}, {file.id: 1})
    assert [here.state(pk) for pk in (cme, moc, left_out)] == ["pending", "pending", "exported"]
    items = f"<LearnerStatus><CreditID>{ids[1]}</CreditID><Status>Mulled over</Status></LearnerStatus>"
    path.write_text(f"<LearnerStatusResponse>{items}</LearnerStatusResponse>", encoding="utf-8")
    take(xml, path)
    assert (here.state(moc), here.credit(moc).reason) == ("pending", "pars.unknown_status")


def test_rems_rows_are_found_by_their_identifier_and_names_find_none(excel: Office) -> None:
    here = excel.delivery
    (rems,) = here.ready("aoneill", (REMS,), OPIOID)
    (cme,) = here.ready("aoneill", (CME,), OPIOID)
    identified, file = excel.export()
    assert take(excel, result_of(excel, file.id, [("Success", "", "")])).counts == {"settled": 1}
    assert (here.state(rems), here.state(cme)) == ("pending", "exported")
    assert take(excel, result_of(excel, identified.id, [("Success", "", "")], "i.xlsx")).counts == {"settled": 1}
    assert here.state(cme) == "pending"


@pytest.mark.parametrize(
    ("rows", "merge", "found"),
    [
        ([("CreditID", "Verdict"), ("ccid:a:b", "Success")], "", "receipt.columns"),
        ([("Result", "Name"), ("Success", "Ana")], "", "receipt.columns"),
        ([("CreditID", "Result"), ("ccid:a:b", "Perhaps")], "", "config.sheet_cell"),
        ([("CreditID", "Result"), ("ccid:a:b", '=IF(1,"Success","")')], "", "config.sheet_cell"),
        ([("CreditID", "Result"), ("ccid:a:b", "Success"), ("ccid:a:c", "")], "B2:B3", "config.sheet_cell"),
        ([("CreditID", "Result")], "", "receipt.empty"),
        (
            [("ACCME Activity ID", "Completion Date", "First Name", "Last Name", "Licensing ID or NPI", "Result"),
             ("203500001", "soon", "A", "B", "1234567893", "Success")], "", "config.sheet_cell",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_found_by_cell(
    excel: Office, rows: list[tuple[str, ...]], merge: str, found: str
) -> None:
    path = workbook(excel.delivery.folder / "odd.xlsx", *rows, merge=merge)
    with pytest.raises(ConfigError) as caught:
        take(excel, path)
    assert found in {caught.value.code, *(one.code for one in getattr(caught.value, "findings", ()))}


@pytest.mark.parametrize(
    "body",
    [
        b"<html/>", b"", b"<SaveLearnerActivityResponse><Learner",
        b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><LearnerStatusResponse>&b;</LearnerStatusResponse>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><LearnerStatusResponse>&f;</LearnerStatusResponse>',
    ],
)  # fmt: skip
def test_a_document_that_is_none_changes_nothing(xml: Office, body: bytes) -> None:
    path = xml.delivery.folder / "r.xml"
    path.write_bytes(body)
    with pytest.raises(ConfigError) as caught:
        take(xml, path)
    assert caught.value.code == "receipt.unreadable"


def test_a_file_that_was_taken_back_and_uploaded_all_the_same(excel: Office) -> None:
    here = excel.delivery
    (cme,), (other,) = here.ready("aoneill"), here.ready("cricci")
    (file,) = excel.export()
    path = result_of(excel, file.id, [("Success", "", ""), ("Failure", "No match", "")])
    excel.undo(file.id)
    assert take(excel, path).counts == {"settled": 1, "unchanged": 1}
    assert (here.state(cme), here.state(other)) == ("pending", "ready"), "it is not reported twice; a no is asked anew"
