"""`completions import`: the sign-in sheet of a live day takes the path of every statement."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from connector import pipeline
from connector.collection import own, save, sign_in_sheet
from connector.inquiry import ledger
from connector.lrs.own import ATTENDED, COMPLETED
from connector.store.tables import EvidenceRow, StatementRow
from tests.delivery.workplace import Delivery
from tests.importing.conftest import Call
from tests.importing.workbooks import write
from tests.learners.middle import SITE, Middle

LIVE = "https://cme.example.org/live/2026-spring"
RULES = """
  - name: live-day
    when: [{path: verb.id, is: "http://adlnet.gov/expapi/verbs/attended"}, {path: object.id, starts_with: "https://cme.example.org/live"}]
    activity: "203512345"
    completed_on: {path: timestamp}
    credits:
      - {type: cme, amount: {path: result.extensions."urn:pars-connector:claimed-hours", function: quarter_hours, most: 2.00}}
"""  # noqa: E501
ROW: dict[str, Any] = {
    "email": "anna@example.org", "activity_url": LIVE, "completed_on": date(2026, 3, 10), "claimed_hours": 1.25,
}  # fmt: skip
FROM_SHEET = {name: f'context.extensions."{sign_in_sheet.LEARNER}".{name}' for name in sign_in_sheet.IDENTITY}


@pytest.fixture
def live(place: Middle) -> Middle:
    return place.rules(RULES)


def sheet(folder: Path, *rows: dict[str, Any], name: str = "sign-in.xlsx") -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return str(write(folder / name, [columns, *([row.get(column) for column in columns] for row in rows)]))


def stored(place: Middle) -> list[StatementRow]:
    with place.store.reading() as session:
        return list(session.exec(select(StatementRow).order_by(col(StatementRow.id))))


def test_a_row_becomes_a_credit_that_is_ready(live: Middle, call: Call) -> None:
    path = sheet(live.folder, ROW)
    planned = call("completions", "import", path, "--dry-run", "--json")
    assert json.loads(planned.stdout) == {
        "rule": "live-day", "activity": "203512345", "completed_on": "2026-03-10", "rows": 1,
    }  # fmt: skip
    assert stored(live) == []
    done = call("completions", "import", path, "--yes")
    assert (done.exit_code, "done: 1 stored" in done.output) == (0, True), done.output
    assert "no daemon is running" in done.output
    live.run()
    (award,) = live.awards()
    assert (award.completed_on, live.only().state, str(live.only().amount)) == (date(2026, 3, 10), "ready", "1.25")
    (one,) = stored(live)
    assert (one.source_id, one.actor_key, one.verb) == ("sheet", "mbox:anna@example.org", ATTENDED)


def test_the_same_sheet_again_writes_nothing(live: Middle, call: Call) -> None:
    first = call("completions", "import", sheet(live.folder, ROW, ROW), "--yes", "--json")
    again = call("completions", "import", sheet(live.folder, ROW), "--yes", "--json")
    assert json.loads(first.stdout.splitlines()[-1]) == {"done": {"stored": 1}}
    assert json.loads(again.stdout.splitlines()[-1]) == {"done": {"known": 1}}
    live.run()
    assert (len(stored(live)), str(live.only().amount)) == (1, "1.25")


@pytest.mark.parametrize("hours", [0.5, 1.5, 2])
def test_a_corrected_row_takes_the_place_of_the_first(live: Middle, call: Call, hours: float) -> None:
    def imported(row: dict[str, Any]) -> Any:
        done = call("completions", "import", sheet(live.folder, row), "--yes", "--json")
        live.run()
        return json.loads(done.stdout.splitlines()[-1])["done"]

    imported(ROW)
    corrected = ROW | {"claimed_hours": hours}
    assert imported(corrected) == {"stored": 2, "linked": 1, "voids": 1}
    assert imported(corrected) == {"known": 1}
    assert imported(ROW) == {"known": 1, "stay_corrected": 1}, "the first sheet again does not undo it"
    assert (live.only().state, float(live.only().amount)) == ("ready", hours)
    live.send()
    imported(ROW | {"claimed_hours": 1.2})
    assert (live.only().state, live.only().wanted, float(live.only().amount)) == ("confirmed", "present", hours)
    assert [one.what for one in ledger.prove(live.store) if one.wrong] == []


def test_a_row_is_corrected_back_when_a_person_says_so(live: Middle, call: Call) -> None:
    def imported(hours: float, *more: str) -> tuple[Any, float]:
        path = sheet(live.folder, ROW | {"claimed_hours": hours})
        done = call("completions", "import", path, "--yes", "--json", *more)
        live.run()
        return json.loads(done.stdout.splitlines()[-1])["done"], float(live.only().amount)

    imported(1)
    assert imported(2)[1] == 2
    said = call("completions", "import", sheet(live.folder, ROW | {"claimed_hours": 1}), "--dry-run")
    assert "corrected by another sheet since, and so they stay without --overrule: 1 rows" in said.output
    assert imported(1) == ({"known": 1, "stay_corrected": 1}, 2)
    back = {"stored": 2, "linked": 1, "voids": 1}
    assert imported(1, "--overrule") == (back, 1)
    assert imported(1, "--overrule") == imported(1) == ({"known": 1}, 1)
    assert imported(2) == ({"known": 1, "stay_corrected": 1}, 1)
    assert imported(2, "--overrule") == (back, 2)
    assert imported(1, "--overrule") == (back, 1)
    assert (live.only().state, len(live.awards())) == ("ready", 1)
    assert [one.what for one in ledger.prove(live.store) if one.wrong] == []


def test_rows_that_no_rule_takes_stop_the_sheet_and_say_why(live: Middle, call: Call) -> None:
    rows = [ROW, ROW | {"activity_url": "https://cme.example.org/other"}, {**ROW, "email": "b@example.org"}]
    rows[2]["claimed_hours"] = None
    done = call("completions", "import", sheet(live.folder, *rows), "--yes")
    assert (done.exit_code, stored(live)) == (2, [])
    first, why, second, missing = done.output.splitlines()
    assert first.endswith("sign-in.xlsx:B3: error: no rule takes this row (mapping.not_taken)")
    assert why.startswith("  live-day: not met: `object.id` starts with https://cme.example.org/live")
    assert "sign-in.xlsx:B4" in second
    assert "the statement has no amount here" in missing


def test_every_bad_cell_is_named_and_nothing_is_written(live: Middle, call: Call) -> None:
    bad: list[dict[str, Any]] = [
        ROW | {"email": "nobody", "birth_day": "9/10/1975"},
        ROW | {"completed_on": date(2026, 3, 13)},
        ROW | {"completed_on": date(1975, 9, 10)},
        ROW | {"completed_on": "soon", "claimed_hours": "two"},
        ROW | {"email": None, "registration": "7"},
        ROW | {"activity_url": None},
        ROW | {"npi": 12345, "session": "morning"},
        ROW | {"claimed_hours": "=1+1"},
    ]
    formula = call("completions", "import", sheet(live.folder, *bad), "--yes")
    assert "sign-in.xlsx:D9: error: a formula" in formula.output
    done = call("completions", "import", sheet(live.folder, *bad[:-1]), "--yes")
    places = [line.split(": error")[0].rpartition(":")[2] for line in done.output.splitlines() if ": error" in line]
    assert places == ["A2", "E2", "C3", "C4", "C5", "D5", "A6", "F6", "B7", "H8", "G8"]
    assert "1975" not in done.output
    assert (done.exit_code, stored(live)) == (2, [])


def test_one_person_twice_with_other_hours_is_no_guess(live: Middle, call: Call) -> None:
    done = call("completions", "import", sheet(live.folder, ROW, ROW | {"claimed_hours": 1}), "--yes")
    assert "line 2 has the same person, session or activity, and day with other cells" in done.output
    assert stored(live) == []


def test_identity_in_the_sheet_reaches_the_learner(tmp_path: Path, live: Middle, call: Call) -> None:
    learners = live.config.learners.model_validate({"sources": [{"statement": FROM_SHEET}]})
    live.config = live.config.model_copy(update={"learners": learners})
    path = tmp_path / "day.csv"
    path.write_text(
        "home_page;username;completed_on;claimed_hours;First Name;Last Name;Date of Birth;npi;profession;consent\n"
        f"{SITE};42;3/10/2026;2;Sinéad;O'Brien-李;9/10;1234567893;MD;yes\n"
        f"{SITE};43;3/10/2026;2;Nguyễn;Văn;2026-07-04;1245319599;MD;yes\n",
        encoding="utf-8",
    )
    assert call("completions", "import", str(path), "--object", LIVE, "--yes").exit_code == 0
    live.run()
    assert live.states() == [("AMA PRA Category 1", "ready")] * 2
    assert b"2026-07-04" not in b"".join(one.raw or b"" for one in stored(live)), "the year is not kept"


def test_a_session_and_a_registration_are_where_rules_look_for_them(live: Middle, call: Call) -> None:
    per_session = RULES.replace("activity:", "per: session\n    activity:", 1)
    live.rules(per_session)
    morning, noon = (ROW | {"session": f"{LIVE}/{name}", "registration": REGISTRATION} for name in ("am", "pm"))
    assert call("completions", "import", sheet(live.folder, morning, noon), "--yes").exit_code == 0
    live.run()
    assert [award.per for award in live.awards()] == [f"{LIVE}/am", f"{LIVE}/pm"]
    assert {one.registration for one in stored(live)} == {REGISTRATION}
    assert all(LIVE.encode() in (one.raw or b"") for one in stored(live))


def test_a_session_of_another_activity_is_a_correction_and_no_repetition(live: Middle, call: Call) -> None:
    live.rules(RULES.replace("activity:", "per: session\n    activity:", 1))
    morning = ROW | {"session": f"{LIVE}/am"}
    other = morning | {"activity_url": "https://cme.example.org/live/other"}
    both = call("completions", "import", sheet(live.folder, morning, other), "--yes")
    assert "line 2 has the same person, session or activity, and day with other cells" in both.output
    assert stored(live) == []
    call("completions", "import", sheet(live.folder, morning), "--yes")
    done = call("completions", "import", sheet(live.folder, other), "--yes", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["done"] == {"stored": 2, "linked": 1, "voids": 1}


def test_what_will_be_taken_back_is_said_before_the_question(live: Middle, call: Call) -> None:
    boris = ROW | {"email": "boris@example.org"}
    call("completions", "import", sheet(live.folder, boris, ROW), "--yes")
    afternoon = sheet(live.folder, boris, ROW | {"claimed_hours": 0.5})
    asked = call("completions", "import", afternoon, answer="n\n")
    assert "write 2 statements into the store and take 1 back?" in asked.output
    for said in (asked, call("completions", "import", afternoon, "--dry-run")):
        assert "rows that correct earlier ones, which then no longer stand: 3\n" in said.output
    assert len(stored(live)) == 2
    *_, corrects, done = call("completions", "import", afternoon, "--yes", "--json").stdout.splitlines()
    assert json.loads(corrects) == {"corrects": [3]}
    assert json.loads(done)["done"]["voids"] == 1
    assert "correct" not in call("completions", "import", afternoon, "--dry-run").output


@pytest.mark.parametrize("zone", ["Pacific/Guam", "Pacific/Pago_Pago"])
def test_a_rule_that_moves_the_day_stops_the_sheet(live: Middle, call: Call, zone: str) -> None:
    live.rules(RULES.replace("{path: timestamp}", f"{{path: timestamp, zone: {zone}}}"))
    done = call("completions", "import", sheet(live.folder, ROW), "--yes")
    if zone == "Pacific/Pago_Pago":  # 06:00 of the same day
        assert (done.exit_code, len(stored(live))) == (0, 1)
        return
    assert "sign-in.xlsx:C2: error: the rule live-day makes 2026-03-11 of this day (mapping.other_day)" in done.output
    assert (done.exit_code, stored(live)) == (2, [])


def test_an_import_that_is_interrupted_has_written_nothing(
    live: Middle, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sheet(live.folder, *(ROW | {"email": f"m{number}@example.org"} for number in range(3)))
    rows, row = iter((1, 2, 3)), save._row

    def interrupted(*args: Any) -> dict[str, Any]:
        if next(rows) == 3:
            raise KeyboardInterrupt
        return row(*args)

    monkeypatch.setattr(save, "CHUNK", 2)
    with monkeypatch.context() as patch:
        patch.setattr(save, "_row", interrupted)
        assert call("completions", "import", path, "--yes").exit_code != 0
    assert stored(live) == []
    done = call("completions", "import", path, "--yes", "--json")
    assert json.loads(done.stdout.splitlines()[-1]) == {"done": {"stored": 3}}


REGISTRATION = "6f1d2c3b-1a2b-4c3d-8e9f-0a1b2c3d4e5f"


def test_another_verb(live: Middle, call: Call) -> None:
    live.rules(RULES.replace("verbs/attended", "verbs/completed"))
    assert call("completions", "import", sheet(live.folder, ROW), "--verb", "completed", "--yes").exit_code == 2
    assert call("completions", "import", sheet(live.folder, ROW), "--verb", COMPLETED, "--yes").exit_code == 0
    assert stored(live)[0].verb == COMPLETED


def test_a_fault_in_the_rules_leaves_those_in_force(live: Middle, call: Call) -> None:
    live.run()
    (live.config.mappings / "rules.yaml").write_text("version: 1\nrules: 7\n", encoding="utf-8")
    assert call("completions", "import", sheet(live.folder, ROW), "--dry-run").exit_code == 0


def test_no_rule_names_the_verb(place: Middle, call: Call) -> None:
    done = call("completions", "import", sheet(place.folder, ROW), "--yes")
    assert "no rule names this verb and object" in done.output


def test_from_the_sheet_to_one_credit_at_pars(delivery: Delivery) -> None:
    """The whole path in the rehearsal, with the sheet imported twice."""
    person = delivery.sandbox.world.people["aoneill"]
    rules = RULES.replace('"203512345"', '"203512347"').replace("most: 2.00", "most: 1.50")
    (delivery.config.mappings / "live.yaml").write_text("version: 1\nrules:" + rules, encoding="utf-8")
    row = ROW | {"email": person.email}
    asked = sign_in_sheet.Asked(ZoneInfo(delivery.config.providers[0].zone))
    for _ in range(2):
        signed = sign_in_sheet.read(Path(sheet(delivery.folder, row)), asked, now=datetime.now(UTC))
        own.keep(delivery.store, "sheet", [one.raw for one in signed])
        pipeline.run(delivery.store, delivery.config, ["mapping", "learners", "validation"])
        delivery.go_on()
    with delivery.store.reading() as session:
        outcomes = [row.outcome for row in session.exec(select(EvidenceRow)) if row.rule == "live-day"]
    assert outcomes == ["completion"]
    assert list(delivery.at_pars().values()) == ["Accepted"]
    assert delivery.is_clean()
