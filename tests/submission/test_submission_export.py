"""Files that a person uploads: what goes into them, the same bytes for ever, and files that nobody uploads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from lxml import etree
from sqlmodel import select
from structlog.testing import capture_logs

from connector import channels
from connector.config import BatchKind
from connector.errors import NeedsOperator
from connector.store import attention
from connector.store.leases import has_run_out
from connector.store.states import State
from connector.store.tables import Submission
from connector.submission import batch_file
from tests.delivery.workplace import CME, CME_2, HYPERTENSION, MOC, NOON, OPIOID, REMS, Delivery
from tests.submission.office import Office


@pytest.fixture
def excel(delivery_on: Callable[[str], Delivery]) -> Office:
    return Office(delivery_on("excel-batch"), "excel-batch")


@pytest.fixture
def xml(delivery_on: Callable[[str], Delivery]) -> Office:
    return Office(delivery_on("xml-batch"), "xml-batch")


def test_cme_and_moc_are_one_row_in_accmes_order(excel: Office) -> None:
    cme, moc = excel.delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (file,) = excel.export()
    person = excel.delivery.sandbox.world.people["bachebe"]
    ((action, activity, day, given, family, birth, state, licence, credits_, *board),) = excel.rows(file)
    assert (action, activity, day) == ("Add", HYPERTENSION, datetime(2026, 3, 10))
    assert (given, family, birth) == (person.given, person.family, person.birth[-5:].replace("-", "/"))
    assert (state, licence, credits_) == (None, person.npi, 2)
    assert board == ["ABIM", dict(person.boards)["ABIM"], 2, "Medical Knowledge", 2, *[None] * 6]
    for pk in (cme, moc):
        credit = excel.delivery.credit(pk)
        assert (credit.state, credit.at_pars, credit.reported_on) == ("exported", "unknown", date(2026, 3, 10))
    assert file.name == "pars-0001234-excel-batch-identified-000001-add.xlsx"
    assert excel.export() == []


def test_rems_has_a_file_of_its_own_that_names_nobody(excel: Office) -> None:
    for person in ("aoneill", "lvogel", "bachebe"):
        excel.delivery.ready(person, (REMS,), OPIOID)
    excel.delivery.ready("aoneill", (CME,))
    excel.delivery.configure()
    identified, rems = excel.export()
    assert (identified.content, rems.content, rems.credits) == ("identified", "rems", 3)
    rows = excel.rows(rems)
    assert [row[4] for row in rows] == sorted(row[4] for row in rows)
    people = excel.delivery.sandbox.world.people
    said = {str(cell) for row in rows for cell in row}
    assert not said & {mark for one in people.values() for mark in (one.given, one.family, one.npi) if mark}
    assert {row[3] for row in rows} == {"Opioid REMS"}


@pytest.mark.parametrize("kind", ["xml-batch", "excel-batch"])
def test_the_same_bytes_whenever_and_wherever(delivery_on: Callable[[str], Delivery], kind: BatchKind) -> None:
    office = Office(delivery_on(kind), kind)
    office.delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (file,) = office.export()
    first = office.bytes(file)
    (office.provider.exports / file.name).write_bytes(b"somebody typed into it")
    office.delivery.pass_by(days=400)
    path = batch_file.write(office.delivery.store, office.provider, file.id)
    assert path.read_bytes() == first
    with office.delivery.store.writing() as session:
        session.exec(select(Submission)).one().payload = b"damaged"
    with pytest.raises(NeedsOperator, match="not those that were written"):
        batch_file.write(office.delivery.store, office.provider, file.id)
    assert path.read_bytes() == first


def test_a_process_that_dies_before_the_file_is_written_loses_nothing(
    excel: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cme,) = excel.delivery.ready("aoneill")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch_file, "save", die)
        with pytest.raises(KeyboardInterrupt):
            excel.export()
    (file,) = excel.files()
    assert (excel.delivery.state(cme), file.written_at) == ("exported", None)
    assert excel.export() == [], "it stands in a file, and in no second one"
    batch_file.write(excel.delivery.store, excel.provider, file.id)
    assert (len(excel.rows(file)), excel.files()[0].written_at is not None) == (1, True)


def test_what_may_have_been_reported_before_waits_for_a_person(excel: Office) -> None:
    (late,) = excel.delivery.ready("aoneill", stored=timedelta(hours=5))
    (past,) = excel.delivery.ready("cricci", completed_on=date(2026, 2, 1))
    (young,) = excel.delivery.ready("bachebe")
    channel = channels.row_of(excel.delivery.store, excel.provider)
    old = batch_file.old_records(excel.delivery.store, excel.delivery.config, excel.provider, channel.id)
    assert sorted(old) == [late, past]
    excel.delivery.pass_by(days=5)
    (file,) = excel.export()
    assert [excel.delivery.state(pk) for pk in (late, past, young)] == ["ready", "ready", "exported"]
    (file,) = excel.export(old=True)
    assert file.credits == 2


def test_two_rows_with_one_key_never_share_a_file(excel: Office) -> None:
    for session_name in ("morning", "noon", "evening"):
        excel.delivery.ready("aoneill", per=session_name)
    excel.delivery.ready("bachebe")
    files = excel.export()
    assert [file.credits for file in files] == [2, 1, 1]


def test_a_withdrawal_is_a_delete_row_with_the_keys_of_its_add_row(excel: Office) -> None:
    cme, moc = excel.delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (added,) = excel.export()
    excel.delivery.unwant(moc)
    (deleted,) = excel.export()
    (before,), (after,) = excel.rows(added), excel.rows(deleted)
    assert after == ("Delete", *before[1:6], None, None, None, *before[9:])
    assert (excel.delivery.state(cme), excel.delivery.state(moc)) == ("exported", "withdrawing")
    credit = excel.delivery.credit(moc)
    excel.delivery.pass_by(days=30)
    assert not has_run_out(credit, NOON + timedelta(days=90))
    excel.delivery.ask()
    excel.delivery.send()
    assert excel.delivery.state(moc) == "withdrawing", "only a receipt, or an undo, ends it"
    assert excel.export() == []


def test_a_file_that_was_not_uploaded_is_taken_back(excel: Office) -> None:
    cme, moc = excel.delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    (added,) = excel.export()
    excel.delivery.unwant(moc)
    (deleted,) = excel.export()
    with pytest.raises(NeedsOperator, match=f"file {deleted.id}"):
        excel.undo(added.id)
    assert excel.undo(deleted.id) == 1
    assert (excel.delivery.state(moc), excel.delivery.credit(moc).lease_owner) == ("withdrawing", "")
    assert excel.undo(added.id) == 2
    assert (excel.delivery.state(cme), excel.delivery.state(moc)) == ("ready", "withdrawn")
    credit = excel.delivery.credit(cme)
    assert (credit.at_pars, credit.reason) == ("no", "export.undone")
    with pytest.raises(NeedsOperator, match="undone already"):
        excel.undo(added.id)
    (again,) = excel.export()
    assert (again.sequence, again.credits, excel.files()[0].state) == (3, 1, "undone")


def test_xml_files_hold_many_records_and_add_or_delete(xml: Office) -> None:
    for person in ("aoneill", "bachebe", "cricci"):
        xml.delivery.ready(person)
    (moc,) = xml.delivery.ready("elind")
    (added,) = xml.export()
    xml.delivery.unwant(moc)
    (deleted,) = xml.export()
    ids = [[one.text for one in etree.fromstring(xml.bytes(file)).iter("{*}CreditID")] for file in (added, deleted)]
    assert (len(ids[0]), ids[1]) == (4, [xml.delivery.credit(moc).credit_id])
    actions = {one.text for one in etree.fromstring(xml.bytes(deleted)).iter("{*}LearnerRecordAction")}
    assert actions == {"delete"}


def test_gates_are_asked_again_and_nothing_leaves_while_send_is_off(excel: Office) -> None:
    (cme,) = excel.delivery.ready("aoneill")
    off = excel.provider.model_copy(update={"send": "off"})
    excel.delivery.config = excel.delivery.config.model_copy(update={"providers": (off,)})
    assert (excel.export(), excel.delivery.state(cme)) == ([], "ready")
    manual = off.model_copy(update={"send": "on", "release": "manual"})
    excel.delivery.config = excel.delivery.config.model_copy(update={"providers": (manual,)})
    assert (excel.export(), excel.delivery.state(cme)) == ([], "held")
    assert excel.delivery.credit(cme).reason == "activity.not_released"


def test_a_store_that_forgot_a_file_writes_none(excel: Office) -> None:
    excel.delivery.ready("aoneill")
    excel.provider.exports.mkdir(parents=True)
    (excel.provider.exports / "pars-0001234-excel-batch-identified-000007-add.xlsx").write_bytes(b"")
    with pytest.raises(NeedsOperator, match="000007"):
        excel.export()
    assert excel.files() == []


def test_what_left_by_the_service_stays_there_when_the_channel_changes(delivery: Delivery) -> None:
    cme, moc = delivery.ready("bachebe", (CME_2, MOC), HYPERTENSION)
    delivery.send()
    assert delivery.state(moc) == "pending"
    files = delivery.config.providers[0].model_copy(update={"channel": "excel-batch"})
    delivery.config = delivery.config.model_copy(update={"providers": (files,)})
    (new,) = delivery.ready("aoneill")
    office = Office(delivery, "excel-batch")
    delivery.send()
    assert delivery.state(new) == "ready", "nothing new leaves by the service"
    delivery.unwant(cme)
    delivery.go_on(hours=80, step=30)
    assert (delivery.state(cme), delivery.state(moc)) == ("withdrawn", "confirmed")
    (file,) = office.export(old=True)
    assert (file.credits, delivery.state(new)) == (1, "exported")


def test_the_replacement_waits_for_the_receipt_of_the_delete(excel: Office) -> None:
    (old,) = excel.delivery.ready("aoneill")
    excel.export()
    (new,) = excel.delivery.ready("aoneill", state=State.READY)
    excel.delivery.change(new, supersedes=old)
    excel.delivery.unwant(old)
    (deleted,) = excel.export()
    assert (deleted.action, excel.delivery.state(new)) == ("delete", "ready")
    assert excel.delivery.credit(old).attention not in attention.UNEARNED
    assert excel.export() == []


def test_the_log_says_daily_what_waits_for_an_export(excel: Office) -> None:
    excel.delivery.ready("aoneill")
    with capture_logs() as lines:
        excel.delivery.send()
        excel.delivery.send()
    (said,) = [line for line in lines if line["event"] == "export.due"]
    assert (said["counts"]["add"], said["command"]) == (1, "pars-connector export excel-batch")
