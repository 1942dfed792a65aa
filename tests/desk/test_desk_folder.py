"""The watched folder: what is laid there, what is left alone, and what lies in it after a kill."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from connector import pipeline
from connector.desk import folder, returned, sheet
from connector.errors import ConfigError
from connector.store.tables import Wish
from tests.delivery.workplace import Delivery
from tests.desk.sheets import Sheet, asked, carry_out, today, unmatched


@pytest.fixture
def laid(delivery: Delivery) -> Path:
    """The folder, before the daemon has looked at it."""
    place = delivery.folder / "desk"
    place.mkdir(mode=0o700)
    delivery.set(desk=delivery.config.desk.model_copy(update={"folder": place}))
    return place


def still(*paths: Path, seconds: float = 2) -> None:
    """Saved so long ago by the test's clock."""
    then = datetime.now(UTC).timestamp() - seconds
    for path in paths:
        os.utime(path, (then, then))


def turn(delivery: Delivery) -> dict[str, int]:
    return dict(folder.run(delivery.store, delivery.config))


def names(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_corrected_sheet_is_taken_over_and_laid_aside(delivery: Delivery, laid: Path) -> None:
    number = unmatched(delivery)
    path = Sheet(delivery).put(number, given_name="Zanna").save("cases.xlsx", laid)
    still(path, seconds=1.9)
    assert (turn(delivery), names(laid)) == ({}, ["cases.xlsx"]), "it may still be about to be saved"
    delivery.pass_by(seconds=0.1)
    assert turn(delivery) == {"sheets": 1, "corrected": 1, "refused_rows": 0}
    assert names(laid) == ["done/cases.xlsx"]
    assert asked(delivery) == [{"learner": number, "fields": {"given_name": "Zanna"}}]
    with delivery.store.reading() as session:
        assert session.get_one(Wish, 1).by.startswith("folder:")
    assert (mode(laid / "done"), mode(laid / "refused"), mode(laid / "done/cases.xlsx")) == (0o700, 0o700, 0o600)
    carry_out(delivery)
    assert today(delivery, number)["given_name"] == "Zanna"


def test_refused_rows_come_back_with_their_reason_and_can_be_laid_there_again(delivery: Delivery, laid: Path) -> None:
    one, two = unmatched(delivery), unmatched(delivery, "elind")
    found = Sheet(delivery).put(one, given_name="Zanna", birth_day="10-Sep", npi="12").put(two, given_name="Erika")
    still(found.save("cases.xlsx", laid))
    assert turn(delivery) == {"sheets": 1, "corrected": 1, "refused_rows": 1}
    assert names(laid) == ["done/cases.refused.xlsx", "done/cases.xlsx"]
    back = laid / "done" / "cases.refused.xlsx"
    book = load_workbook(back)
    page = book[sheet.LEARNERS_PAGE]
    header, *rows = page.iter_rows(min_row=2, values_only=True)
    (row,) = (dict(zip(header, cells, strict=True)) for cells in rows)
    line, birth = found.line(one), found.page.cell(1, found.place("birth_day")).column_letter
    assert f"cases.xlsx {birth}{line}: this is no month and day" in row[folder.WHY]
    assert len(row[folder.WHY].splitlines()) == 2
    assert (row["learner"], row["birth_day"], row["given_name"], mode(back)) == (str(one), "10-Sep", "Zanna", 0o600)
    for place, name in enumerate(header, start=1):
        if name in ("birth_day", "npi"):
            page.cell(3, place).value = "09-10" if name == "birth_day" else None
    book.save(laid / "cases.xlsx")
    still(laid / "cases.xlsx")
    assert turn(delivery) == {"sheets": 1, "corrected": 1, "refused_rows": 0}
    assert names(laid) == ["done/cases-2.xlsx", "done/cases.refused.xlsx", "done/cases.xlsx"]
    assert asked(delivery)[-1] == {"learner": one, "fields": {"given_name": "Zanna", "birth_day": "09-10"}}


def test_two_sheets_of_one_name_keep_the_refused_rows_of_both(delivery: Delivery, laid: Path) -> None:
    one, two = unmatched(delivery), unmatched(delivery, "elind")
    first = Sheet(delivery).put(one, npi="12").save_csv(name="cases.csv").rename(laid / "cases.csv")
    second = Sheet(delivery).put(two, npi="13").save("cases.xlsx", laid)
    still(first, second)
    assert turn(delivery)["refused_rows"] == 2
    left = [laid / "done" / name for name in names(laid / "done") if ".refused" in name]
    rows = [load_workbook(path)[sheet.LEARNERS_PAGE]["B3"].value for path in left]
    assert sorted(rows) == [str(one), str(two)]


def test_no_year_of_birth_comes_back_and_no_file_name_is_kept(
    delivery: Delivery, laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [unmatched(delivery, person) for person in ("aoneill", "elind", "aoneill", "elind")]
    found = Sheet(delivery).put(numbers[0], given_name="Zanna")
    for number, day in zip(numbers[1:], ("1904-12-30", "30.12.1904", "02/30"), strict=True):
        found.put(number, npi="12", birth_day=day)
    still(found.save("zqgiven zqfamily.xlsx", laid))
    monkeypatch.setattr(folder.pwd, "getpwuid", {}.__getitem__)
    assert turn(delivery) == {"sheets": 1, "corrected": 1, "refused_rows": 3}
    page = load_workbook(laid / "done" / "zqgiven zqfamily.refused.xlsx")[sheet.LEARNERS_PAGE]
    place = [cell.value for cell in page[2]].index("birth_day")
    assert [row[place] for row in page.iter_rows(min_row=3, values_only=True)] == ["12-30", None, "02/30"]
    with delivery.store.reading() as session:
        assert session.get_one(Wish, 1).by == f"folder:uid-{os.getuid()}"


def test_what_cannot_be_read_is_laid_aside_with_a_note(delivery: Delivery, laid: Path) -> None:
    (laid / "broken.xlsx").write_bytes(b"PK\x03\x04 half of it")
    (laid / "other.csv").write_text("name,shoe size\nZanna,44\n", encoding="utf-8")
    still(*laid.iterdir())
    assert turn(delivery) == {"refused_sheets": 2}
    assert names(laid) == [
        f"refused/{name}" for name in ("broken.xlsx", "broken.xlsx.txt", "other.csv", "other.csv.txt")
    ]
    note = (laid / "refused/other.csv.txt").read_text(encoding="utf-8")
    assert note.startswith("other.csv:1: missing column")
    assert "Zanna" not in note
    assert str(laid) not in note
    assert mode(laid / "refused/other.csv.txt") == 0o600
    assert asked(delivery) == []


def test_what_is_no_sheet_of_a_persons_is_left_alone(delivery: Delivery, laid: Path) -> None:
    number = unmatched(delivery)
    outside = Sheet(delivery).put(number, given_name="Zanna").save("outside.xlsx")
    left = ["~$cases.xlsx", ".cases.xlsx", "cases.xlsx.part", "cases.tmp", "cases.part.xlsx", "notes.txt", "old.xls"]
    for name in left:
        (laid / name).write_bytes(outside.read_bytes())
    (laid / "link.xlsx").symlink_to(outside)
    (laid / "folder.xlsx").mkdir()
    still(*(laid / name for name in left), outside)
    os.mkfifo(laid / "pipe.xlsx")
    assert turn(delivery) == {}
    assert names(laid) == sorted([*left, "link.xlsx", "pipe.xlsx"])
    assert asked(delivery) == []


def test_killed_between_the_wish_and_the_move_it_imports_nothing_twice(
    delivery: Delivery, laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = unmatched(delivery), unmatched(delivery, "elind")
    found = Sheet(delivery).put(one, given_name="Zanna", consent="yes").put(two, npi="12")
    still(found.save("cases.xlsx", laid))
    for _ in range(2):  # before the learners room's turn, and after it
        with monkeypatch.context() as patch:
            patch.setattr(folder, "_move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                folder.run(delivery.store, delivery.config)
        carry_out(delivery)
    assert turn(delivery) == {"sheets": 1, "corrected": 0, "refused_rows": 1}
    assert names(laid) == ["done/cases.refused.xlsx", "done/cases.xlsx"]
    with delivery.store.reading() as session:
        assert session.get(Wish, 1) is not None
        assert session.get(Wish, 2) is None


def test_a_sheet_saved_again_while_it_is_read_waits_for_the_next_turn(
    delivery: Delivery, laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = unmatched(delivery)
    found = Sheet(delivery).put(number, given_name="Zanna")
    path = found.save("cases.xlsx", laid)
    still(path)
    read = returned.read_back

    def slow(path: Path) -> list[object]:
        rows = read(path)
        found.put(number, given_name="Zoë").save("cases.xlsx", laid)
        still(path, seconds=1)
        return rows  # type: ignore[return-value]

    with monkeypatch.context() as patch:
        patch.setattr(returned, "read_back", slow)
        assert (turn(delivery), asked(delivery), names(laid)) == ({}, [], ["cases.xlsx"])
    delivery.pass_by(seconds=1)
    assert turn(delivery)["corrected"] == 1
    assert asked(delivery) == [{"learner": number, "fields": {"given_name": "Zoë"}}]


def test_a_sheet_that_we_stumble_over_keeps_no_other_from_being_read(
    delivery: Delivery, laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = unmatched(delivery)
    (laid / "a.xlsx").write_bytes(b"")
    found = Sheet(delivery).put(number, given_name="Zanna").save("b.xlsx", laid)
    still(laid / "a.xlsx", found)
    read = returned.read_back
    monkeypatch.setattr(returned, "read_back", lambda path: {}["Zanna"] if path.name == "a.xlsx" else read(path))
    assert turn(delivery) == {"refused_sheets": 1, "sheets": 1, "corrected": 1, "refused_rows": 0}
    note = (laid / "refused/a.xlsx.txt").read_text(encoding="utf-8")
    assert "KeyError" in note
    assert "Zanna" not in note


def test_a_folder_that_cannot_be_used_is_said_and_one_that_leads_elsewhere_too(delivery: Delivery, laid: Path) -> None:
    (laid / "done").symlink_to(delivery.folder)
    with pytest.raises(ConfigError, match="cannot be used"):
        turn(delivery)
    (laid / "done").unlink()
    (laid / "done").write_text("", encoding="utf-8")
    counts = pipeline.run_stage(delivery.store, delivery.config, "desk")
    assert counts["failed"] == 1
    delivery.set(desk=delivery.config.desk.model_copy(update={"folder": laid / "not" / "there"}))
    with pytest.raises(ConfigError):
        turn(delivery)
    delivery.set(desk=delivery.config.desk.model_copy(update={"folder": None}))
    assert turn(delivery) == {}
