"""The desk and the records in Excel, by command: what is written, what is read back, what is said."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from connector.cli import desk_sheets, main
from connector.desk import sheet
from connector.store.states import State
from tests.delivery.workplace import REMS, REMS_KEY, Delivery
from tests.desk.sheets import Sheet, asked, carry_out, held, today, unmatched


@pytest.fixture
def office(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """The workplace as the folder that the commands are called in."""
    monkeypatch.chdir(delivery.folder)
    return delivery


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def lines(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def page(path: Path, name: str, header: int = 1) -> list[dict[str, Any]]:
    top, *rows = load_workbook(path)[name].iter_rows(min_row=header, values_only=True)
    return [dict(zip(map(str, top), row, strict=True)) for row in rows]


def test_export_writes_what_is_wanted_and_over_nothing(office: Delivery) -> None:
    one, two = unmatched(office), unmatched(office, "elind")
    held(office, 2, "learner.no_consent", who="learner")
    done = call("unmatched", "export", "cases.xlsx")
    assert (done.exit_code, done.stdout) == (0, "the open cases stand in cases.xlsx: personal data\n")
    path = office.folder / "cases.xlsx"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [row["learner"] for row in page(path, sheet.LEARNERS_PAGE, 2)] == [one, two]
    before = path.read_bytes()
    again = call("unmatched", "export", "cases.xlsx")
    assert (again.exit_code, "there already" in again.stderr, path.read_bytes()) == (2, True, before)
    assert call("unmatched", "export", "cases.csv").exit_code == 2
    assert call("unmatched", "export", "none/cases.xlsx").exit_code == 2
    assert call("unmatched", "export", "x.xlsx", "--learner", "99").exit_code == 2
    call("unmatched", "export", "two.xlsx", "--learner", str(two), "--who", "learner")
    assert [row["learner"] for row in page(office.folder / "two.xlsx", sheet.LEARNERS_PAGE, 2)] == [two]


def test_import_takes_the_good_rows_and_names_the_others_by_cell(office: Delivery) -> None:
    one, two = unmatched(office), unmatched(office, "elind")
    found = Sheet(office).put(one, given_name="Zanna").put(two, birth_day="10-Sep", given_name="Erika")
    found.save("back.xlsx")
    cell = f"{found.page.cell(1, found.place('birth_day')).column_letter}{found.line(two)}"
    dry = call("unmatched", "import", "back.xlsx", "--dry-run")
    assert (dry.exit_code, asked(office)) == (1, [])
    assert f"back.xlsx:{cell}: error: this is no month and day" in dry.stderr
    assert "1 rows correct a learner, 0 change nothing, 1 refused" in dry.stdout
    assert "nothing was changed" in dry.stdout
    done = call("unmatched", "import", "back.xlsx", "--json")
    first, refusal, counts = lines(done)
    assert (done.exit_code, "no daemon is running" in done.stderr) == (1, True)
    assert first == {"row": found.line(one), "learner": one, "fields": ["given_name"]}
    assert (refusal["refused"]["cell"], refusal["refused"]["code"]) == (cell, "learner.correction")
    assert counts == {"rows": {"corrected": 1, "unchanged": 0, "refused": 1}}
    assert "Zanna" not in done.output
    assert "10-Sep" not in done.output
    carry_out(office)
    assert today(office, one)["given_name"] == "Zanna"
    again = call("unmatched", "import", "back.xlsx")
    assert "0 rows correct a learner, 1 change nothing, 1 refused" in again.stdout


def test_wait_stays_until_the_daemon_has_done_it(office: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    first, number = unmatched(office), unmatched(office, "elind")
    found = Sheet(office).put(first, given_name="Zanna")
    found.save("back.xlsx")
    assert call("unmatched", "import", "back.xlsx", "--wait").exit_code == 1, "nobody does it in the meantime"
    found.put(number, given_name="Zita").save("other.xlsx")
    monkeypatch.setattr(desk_sheets, "is_running", lambda _store: True)
    monkeypatch.setattr(desk_sheets.time, "sleep", lambda _seconds: carry_out(office))
    done = call("unmatched", "import", "other.xlsx", "--wait")
    assert (done.exit_code, "done: 1 of 1" in done.stderr) == (0, True)
    assert today(office, number)["given_name"] == "Zita"


def test_a_sheet_that_is_none_is_refused_as_a_whole(office: Delivery) -> None:
    (office.folder / "x.csv").write_text("name\nZanna\n", encoding="utf-8")
    for name in ("x.csv", "missing.xlsx", "."):
        done = call("unmatched", "import", name)
        assert (done.exit_code, "Zanna" in done.output) == (2, False)


def test_records_as_a_workbook_name_people_and_the_list_does_not(office: Delivery) -> None:
    (one,) = office.ready("aoneill")
    (rems,) = office.ready("elind", offers=(REMS,))
    office.config.store.rems_key.write_bytes(REMS_KEY)
    office.send()
    office.change(one, pars_words="Accepted as the 3rd of its kind", state=State.CONFIRMED)
    person = office.sandbox.world.people["aoneill"]
    done = call("records", "--xlsx", "reported.xlsx")
    path = office.folder / "reported.xlsx"
    assert (done.exit_code, done.stdout) == (0, "2 credits in reported.xlsx: personal data\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = page(path, "records")
    assert (first["given_name"], first["family_name"]) == (person.given, person.family)
    assert (first["id_of"], first["id"], first["credits"]) == ("NPI", person.npi, "1.50")
    assert "Accepted as the 3rd of its kind" in first["pars_says"]
    assert f"{first['completed_on']:%Y-%m-%d}" == "2026-03-10"
    named = ("learner", "given_name", "family_name", "profession", "id")
    assert (second["credit"], [second[name] for name in named]) == (rems, [None] * 5), "REMS names nobody"
    listed = call("records", "--json").stdout + call("records").stdout
    assert person.family not in listed
    assert person.npi not in listed
    assert call("records", "--xlsx", "reported.xlsx").exit_code == 2
    assert call("records", "--xlsx", "r.xlsx", "--json").exit_code == 2


def test_records_of_one_learner_and_year(office: Delivery) -> None:
    office.ready("aoneill")
    office.ready("elind")
    done = call("records", "--learner", "2", "--from", "2026-01-01", "--to", "2026-12-31", "--xlsx", "r.xlsx")
    assert done.stdout.startswith("1 credit in")
    assert [row["learner"] for row in page(office.folder / "r.xlsx", "records")] == [2]
    assert call("records", "--from", "2027-01-01", "--xlsx", "none.xlsx").stdout.startswith("0 credits in")
