"""`learners check` as a coordinator calls it: who is not ready, by reason, and the spreadsheet there and back."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook
from sqlmodel import select

from connector.cli import main
from connector.sandbox.world.people import known_learners
from connector.store.tables import Credit, LearnerKey, LearnerMatch, LearnerRow
from tests.cli import rehearsal
from tests.delivery.workplace import STEWARDSHIP, Delivery


def check(delivery: Delivery, *arguments: str) -> Result:
    path = delivery.folder / "config.yaml"
    return CliRunner().invoke(main, ["--config", str(path), "learners", "check", *arguments])


def lines(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def registered(delivery: Delivery) -> Callable[..., Path]:
    """`registered("aoneill", "elind")`: a roster of these people, with a column that nobody reads."""

    def write(*people: str) -> Path:
        path = delivery.folder / "registered.csv"
        rows = [f"{name}@example.org;Seat {at}" for at, name in enumerate(people)]
        path.write_text("\n".join(["E-mail;Seat", *rows]) + "\n", encoding="utf-8")
        return path

    return write


def test_all_are_ready_or_it_says_who_is_not_and_who_must_act(
    delivery: Delivery, registered: Callable[..., Path]
) -> None:
    done = check(delivery, "--roster", str(registered("aoneill", "jbrown")), "--activity", STEWARDSHIP)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "nothing stands against anybody", "2 learners, for AMA PRA Category 1: 2 ready",
    ]  # fmt: skip
    done = check(delivery, "--roster", str(registered("aoneill", "elind", "hsato", "fhaddad", "nobody")))
    assert done.exit_code == 1
    said = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in said] == [
        "reason", "learner.match_no", "learner.no_consent", "learner.not_eligible", "learner.not_found", "5",
    ]  # fmt: skip
    assert said[-1].endswith("1 ready, 3 not ready, 1 not eligible, which nobody needs to mend")
    assert [line.split()[-1] for line in said[1:5]] == ["3", "4", "5", "6"], "the rows of the roster"
    assert "Lindqvist" not in done.output
    with delivery.store.reading() as session:
        assert (session.exec(select(LearnerRow)).all(), session.exec(select(Credit)).all()) == ([], [])


def test_programs_get_one_line_a_person_and_a_sum(delivery: Delivery, registered: Callable[..., Path]) -> None:
    done = check(delivery, "--roster", str(registered("aoneill", "elind")), "--json")
    anna, erik, summary = lines(done)
    assert (anna["verdict"], anna["asked"], anna["place"]) == ("ready", {"NPI": "yes"}, "row 2")
    assert (erik["verdict"], erik["asked"]) == ("not_ready", {"NPI": "no"})
    assert erik["problems"][0]["who"] == "coordinator"
    assert (summary["ready"], summary["not_ready"], summary["stopped"]) == (1, 1, None)
    assert not {"Erik", "Lindqvist", "12-04"} & set(done.output.split('"'))
    done = check(delivery, "--roster", str(registered("elind")), "--json", "--no-pars")
    assert (done.exit_code, lines(done)[0]["asked"]) == (0, {"NPI": ""}), "our own gates have nothing against him"


def test_without_a_roster_everybody_in_the_store_is_looked_at(delivery: Delivery) -> None:
    done = check(delivery)
    assert (done.exit_code, "--roster FILE" in done.stderr) == (0, True)
    numbers = []
    with delivery.store.writing() as session:
        for name in ("aoneill", "elind"):
            row = LearnerRow(found=True, fetched_at=datetime.now(UTC))
            session.add(row)
            session.flush()
            session.add(LearnerKey(actor_key=f"mbox:{name}@example.org", learner_id=row.id, origin="sheet"))
            numbers.append(row.id)
    done = check(delivery, "--json")
    assert [(one.get("learner"), one.get("verdict")) for one in lines(done)[:-1]] == [
        (numbers[0], "ready"), (numbers[1], "not_ready"),
    ]  # fmt: skip


def test_a_course_is_looked_at_before_it_ends(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    site = delivery.sandbox.moodle
    monkeypatch.setenv("MOODLE_TOKEN", site.token)
    moodle = f"moodle: {{site: {delivery.sandbox.moodle_url}, token: {{env: MOODLE_TOKEN}}, actor: email}}"
    start = "    start_from: everything\n"
    rehearsal.change(delivery.folder / "config.yaml", (start, f"{start}    {moodle}\n"))
    for user in (3, 5, 6):
        site.enrol(user, 57)
    done = check(delivery, "--course", "57", "--activity", STEWARDSHIP, "--json")
    found = {one["place"]: [problem["code"] for problem in one["problems"]] for one in lines(done)[:-1]}
    assert (done.exit_code, found) == (
        1, {"user 3": [], "user 5": ["learner.match_no"], "user 6": ["learner.no_consent"]},
    )  # fmt: skip
    assert check(delivery, "--course", "999").exit_code == 2


def test_an_outage_shows_what_was_found_so_far(delivery: Delivery, registered: Callable[..., Path]) -> None:
    delivery.sandbox.switch("wrong-password", side="pars", times=None)
    done = check(delivery, "--roster", str(registered("aoneill", "hsato")))
    assert done.exit_code == 1
    assert "not everybody was asked about" in done.stderr
    assert "learner.no_consent" in done.stdout
    assert "not known: row 2" in done.stdout


def test_a_json_channel_says_that_pars_cannot_be_asked(delivery_on: Callable[[str], Delivery]) -> None:
    delivery = delivery_on("json-service")
    path = delivery.folder / "registered.csv"
    path.write_text("email\naoneill@example.org\n", encoding="utf-8")
    done = check(delivery, "--roster", str(path))
    assert (done.exit_code, "knows no match" in done.stderr) == (0, True)
    assert "1 ready" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--course", "57", "--roster", "x.csv"),
        ("--source", "rehearsal"),
        ("--no-pars", "--write", "x.xlsx"),
        ("--write", "x.xlsx", "--read", "x.xlsx"),
        ("--course", "57"),  # no source has a Moodle
        ("--activity", "209999999"),
        ("--provider", "0009999"),
    ],
)
def test_what_makes_no_sense_is_refused(delivery: Delivery, arguments: tuple[str, ...]) -> None:
    assert check(delivery, *arguments).exit_code == 2


def test_names_are_shown_on_a_terminal_only(delivery: Delivery, registered: Callable[..., Path]) -> None:
    roster = str(registered("hsato"))
    done = check(delivery, "--roster", roster, "--values")
    assert (done.exit_code, "Sato" in done.output) == (1, False)
    parent, child = pty.openpty()
    command = rehearsal.command("learners", "check", "--roster", roster, "--values", "--no-pars")
    process = subprocess.Popen(
        command, cwd=delivery.folder, env=rehearsal.environment() | {"COLUMNS": "200"},
        stdin=subprocess.DEVNULL, stdout=child, stderr=child,
    )  # fmt: skip
    os.close(child)
    said = b""
    try:
        while more := os.read(parent, 65536):
            said += more
    except OSError:  # Linux: the other end is closed
        pass
    assert (process.wait(20), b"Hana" in said) == (1, True)


def answered(path: Path, *answers: tuple[str, str]) -> Path:
    """As the tool would give it back: the same rows, each with its answer."""
    book = load_workbook(path)
    page = book.active
    for row, (match, message) in enumerate([("Match", "Message"), *answers], start=1):
        page.cell(row, 8).value, page.cell(row, 9).value = match, message
    book.save(path)
    return path


def test_the_spreadsheet_there_and_back(delivery: Delivery, registered: Callable[..., Path]) -> None:
    """Written for everybody who passed our gates, read back into the same report and the store."""
    with delivery.store.writing() as session:
        row = LearnerRow(found=True, fetched_at=datetime.now(UTC))
        session.add(row)
        session.flush()
        session.add(LearnerKey(actor_key="mbox:elind@example.org", learner_id=row.id, origin="sheet"))
        number = row.id
    roster, path = str(registered("aoneill", "elind", "hsato")), delivery.folder / "ask.xlsx"
    done = check(delivery, "--roster", roster, "--write", str(path))
    assert (done.exit_code, "2 rows written" in done.stdout, "1 not ready" in done.stdout) == (1, True, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one for one in delivery.sandbox.pars.log if one.operation == "match"] == []
    page = load_workbook(path).active
    assert [cell.value for cell in page[2]][:5] == ["Ana", "O'Neill-García", "02/29", "Maine", known("aoneill")]
    done = check(delivery, "--roster", roster, "--read", str(answered(path, ("Yes", ""), ("No", "no such licensee"))))
    assert (done.exit_code, "learner.match_no" in done.stdout, "no such licensee" in done.output) == (1, True, False)
    with delivery.store.reading() as session:
        (kept,) = session.exec(select(LearnerMatch)).all()
    assert (kept.learner_id, kept.domain, kept.found, kept.words) == (number, "NPI", "no", "no such licensee")
    done = check(delivery, "--roster", str(registered("elind")), "--read", str(path), "--json")
    assert lines(done)[-1]["rows"]["fit_nobody"] == [2], "of the other one nobody asked"
    answered(path, ("Yes", ""), ("Lindqvist?", ""))
    refused = check(delivery, "--roster", roster, "--read", str(path))
    assert (refused.exit_code, "ask.xlsx:H3" in refused.stderr, "Lindqvist" in refused.output) == (2, True, False)


def known(name: str) -> str:
    return next(one.ids["NPI"] for one in known_learners() if one.ref == name)
