"""The whole way of a file: written, uploaded to the rehearsal PARS, and its result and exports read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx
import pytest

from connector.config import BatchKind
from connector.errors import ConfigError
from connector.pars import receipts
from connector.submission import batch_file
from tests.delivery.workplace import CME, CME_2, HYPERTENSION, MOC, OPIOID, REMS, Delivery
from tests.submission.office import Office
from tests.submission.test_submission_receipts import take

KINDS = ["excel-batch", "xml-batch"]


@pytest.fixture(params=KINDS)
def office(request: pytest.FixtureRequest, delivery_on: Callable[[str], Delivery]) -> Office:
    kind: BatchKind = request.param
    return Office(delivery_on(kind), kind)


@pytest.fixture
def excel(delivery_on: Callable[[str], Delivery]) -> Office:
    return Office(delivery_on("excel-batch"), "excel-batch")


def upload(office: Office, number: int) -> Path:
    """The result file of an exported one."""
    file = next(one for one in office.files() if one.id == number)
    reply = httpx.post(f"{office.delivery.sandbox.control_url}/upload/learners", content=office.bytes(file))
    assert reply.status_code == 200, reply.text
    suffix = "xlsx" if office.kind == "excel-batch" else "xml"
    return _kept(office, f"result-{number}.{suffix}", reply)


def download(office: Office, page: str, form: str = "xlsx") -> Path:
    reply = httpx.get(f"{office.delivery.sandbox.control_url}/download/{page}", params={"form": form})
    return _kept(office, f"{page}.{form}", reply)


def _kept(office: Office, name: str, reply: httpx.Response) -> Path:
    path = office.delivery.folder / name
    path.write_bytes(reply.content)
    return path


def states(office: Office, *credits_: int) -> list[str]:
    return [office.delivery.state(pk) for pk in credits_]


def test_everything_that_a_file_carries_arrives_and_is_confirmed(office: Office) -> None:
    here = office.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (alone,) = here.ready("aoneill")
    (rems,) = here.ready("lvogel", (REMS,), OPIOID)
    for file in office.export():
        assert "contradicting" not in take(office, upload(office, file.id)).counts
    assert set(states(office, cme, moc, alone, rems)) <= {"pending", "confirmed"}
    here.sandbox.pars.boards_answer()
    take(office, download(office, "status"))
    assert states(office, cme, moc, alone, rems) == ["confirmed"] * 4
    assert here.sandbox.check() == []
    assert len(here.sandbox.pars.held()) == 4


def test_the_columns_of_our_own_sheet_are_not_called_unread(excel: Office) -> None:
    excel.delivery.ready("aoneill")
    excel.delivery.ready("lvogel", (REMS,), OPIOID)
    for file in excel.export():
        tables = excel.delivery.config.tables(excel.provider)
        assert receipts.read(upload(excel, file.id), tables, today=date(2026, 3, 10)).ignored == ()


def test_what_is_not_wanted_any_more_leaves_with_the_keys_it_came_with(office: Office) -> None:
    here = office.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (kept,) = here.ready("aoneill")
    for file in office.export():
        take(office, upload(office, file.id))
    here.unwant(cme)
    here.unwant(moc)
    (file,) = office.export()
    assert "delete" in file.name
    take(office, upload(office, file.id))
    assert states(office, cme, moc) == ["withdrawn", "withdrawn"]
    assert states(office, kept) != ["withdrawn"]
    assert [one.state for one in here.sandbox.pars.held()] == ["Deleted", "Deleted", "Accepted"]


def test_the_same_file_is_taken_once_however_often_it_is_written(office: Office) -> None:
    office.delivery.ready("aoneill")
    (file,) = office.export()
    upload(office, file.id)
    again = batch_file.write(office.delivery.store, office.provider, file.id)
    reply = httpx.post(f"{office.delivery.sandbox.control_url}/upload/learners", content=again.read_bytes())
    assert reply.status_code == 409


@pytest.mark.parametrize(
    ("kind", "form"),  # a sheet's credits have no id, and a document nothing else to find them by
    [
        ("excel-batch", "xlsx"),
        ("excel-batch", "csv"),
        ("xml-batch", "xlsx"),
        ("xml-batch", "csv"),
        ("xml-batch", "xml"),
    ],
)
def test_a_status_export_in_each_form(delivery_on: Callable[[str], Delivery], kind: BatchKind, form: str) -> None:
    office = Office(delivery_on(kind), kind)
    cme, moc = office.delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (file,) = office.export()
    take(office, upload(office, file.id))
    assert states(office, moc) == ["pending"]
    assert take(office, download(office, "status", form)).counts.keys() <= {"settled", "unchanged"}
    assert states(office, cme, moc) == ["confirmed", "pending"]
    office.delivery.sandbox.pars.boards_answer()
    assert take(office, download(office, "status", form)).counts == {"settled": 1, "unchanged": 1}
    assert states(office, moc) == ["confirmed"]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_download_all_learners_settles_what_the_boards_said(excel: Office, form: str) -> None:
    here = excel.delivery
    cme, moc = here.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (alone,) = here.ready("aoneill")
    for file in excel.export():
        take(excel, upload(excel, file.id))
    here.sandbox.pars.boards_answer()
    take(excel, download(excel, "learners", form))
    assert states(excel, cme, moc, alone) == ["confirmed"] * 3


def test_somebody_whom_pars_does_not_know_comes_back_to_the_desk(office: Office) -> None:
    here = office.delivery
    (unknown,) = here.ready("aoneill")
    here.sandbox.pars.learners.clear()
    (file,) = office.export()
    take(office, upload(office, file.id))
    assert states(office, unknown) == ["unmatched"]


# --- odd results ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("result-renamed-column", "neither a result nor a status"),
        ("result-merged-cells", "B3"),
        ("result-formula", "B3"),
        ("result-unknown-word", "nobody knows what this result means"),
    ],
)
def test_a_result_that_cannot_be_read_is_refused_by_cell_and_changes_nothing(
    excel: Office, fault: str, said: str
) -> None:
    pks = [*excel.delivery.ready("aoneill"), *excel.delivery.ready("bachebe")]
    (file,) = excel.export()
    excel.delivery.sandbox.switch(fault)
    path = upload(excel, file.id)
    with pytest.raises(ConfigError, match=re.escape(said)):
        take(excel, path)
    assert states(excel, *pks) == ["exported"] * 2


def test_a_row_that_is_left_out_stays_where_it_was(office: Office) -> None:
    pks = [*office.delivery.ready("aoneill"), *office.delivery.ready("bachebe")]
    (file,) = office.export()
    office.delivery.sandbox.switch("result-rows-left-out")
    take(office, upload(office, file.id))
    assert [state == "exported" for state in states(office, *pks)].count(True) == 1


def test_the_order_of_a_result_means_nothing(office: Office) -> None:
    good, bad = *office.delivery.ready("aoneill"), *office.delivery.ready("bachebe", (("cme", CME[1], "", "", "9.00"),))
    (file,) = office.export()
    office.delivery.sandbox.switch("result-other-order")
    take(office, upload(office, file.id))
    assert states(office, bad) == ["refused"]
    assert states(office, good) != ["refused"]
