"""`baseline import`: what the spreadsheet reported is never sent again, now or after a backfill."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from connector.inquiry import ledger
from connector.inquiry.explain import explain
from connector.pars import learner_sheet
from connector.store.elsewhere import CODE
from connector.store.session import Store
from connector.store.states import State
from connector.store.tables import Award, Credit, Event, Reported
from connector.validation import baseline, baseline_import
from connector.validation.baseline_import import take_over
from tests.importing.conftest import Call
from tests.importing.workbooks import ANNA, BORIS, DAY, download, template
from tests.learners.middle import ANNA as LEARNER
from tests.learners.middle import MOC, NOON, RULE, Middle, laid_out, statement, voiding

HELD = {
    "Board": "CME", "Name": "Quixley, Zanna", "DOB": "2/29", "Learner ID": 1234567893, "Activity ID": 203512345,
    "Completion": DAY, "Status": "Pending",
}  # fmt: skip
BORIS_SAYS = {"mbox": "mailto:boris@example.org"}


def rows(place: Middle) -> list[Reported]:
    with place.store.reading() as session:
        return list(session.exec(select(Reported)))


def two_ready(place: Middle) -> Middle:
    place.post(statement(1), statement(2, actor=BORIS_SAYS)).run()
    assert place.states() == [("AMA PRA Category 1", "ready")] * 2
    return place


def test_a_dry_run_lists_and_changes_nothing(place: Middle, call: Call) -> None:
    two_ready(place)
    sheet = template(place.folder / "own.xlsx", ANNA)
    done = call("baseline", "import", str(sheet), "--dry-run")
    assert done.exit_code == 0, done.output
    assert "own.xlsx:3" in done.output
    assert "nothing was changed" in done.output
    assert "Quixley" not in done.output
    assert "1234567893" not in done.output
    assert (rows(place), place.states()) == ([], [("AMA PRA Category 1", "ready")] * 2)


def test_what_the_sheet_reported_closes_after_a_yes(place: Middle, call: Call) -> None:
    two_ready(place)
    sheet = template(place.folder / "own.xlsx", ANNA)
    refused = call("baseline", "import", str(sheet), answer="n\n")
    assert (refused.exit_code, rows(place)) == (1, [])
    with capture_logs() as said:
        done = call("baseline", "import", str(sheet), "--yes", "--json")
    listed, planned, counts = (json.loads(line) for line in done.stdout.splitlines())
    assert (listed["row"], listed["what"]) == ("own.xlsx:3", "never sent: equal date")
    assert planned["planned"] == counts["done"] == {"reported": 1, "closed": 1}
    assert [(line["event"], line["counts"]) for line in said] == [("baseline.imported", counts["done"])]
    with place.credits() as (anna, boris):
        assert (anna.state, anna.reason, boris.state) == ("closed", CODE, "ready")
    with place.store.reading() as session:
        moved = session.exec(select(Event).where(Event.code == CODE)).one()
    assert (moved.from_state, moved.to_state) == ("ready", "closed")
    assert moved.by
    story = [line.text for line in explain(place.store, place.config, "1")]
    assert "reported elsewhere: own.xlsx:3, a row of an imported sheet, reports it" in story
    assert story[-1] == "next: nothing: it is reported"


def test_the_same_sheet_twice_changes_nothing(place: Middle, call: Call) -> None:
    two_ready(place)
    sheet = template(place.folder / "own.xlsx", ANNA, ANNA, BORIS)
    first = call("baseline", "import", str(sheet), "--yes", "--json")
    before = rows(place)
    again = call("baseline", "import", str(sheet), "--yes", "--json")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert rows(place) == before
    (planned,) = map(json.loads, again.stdout.splitlines())
    assert planned["planned"] == {"known": 3, "closed_before": 2}


def test_what_a_backfill_brings_later_is_closed_by_the_gates(place: Middle, call: Call) -> None:
    place.rules(RULE + MOC)
    sheet = template(place.folder / "own.xlsx", ANNA)
    assert call("baseline", "import", str(sheet), "--yes").exit_code == 0
    place.post(statement(1), statement(2, actor=BORIS_SAYS))
    counts = place.run()
    assert counts["reported_elsewhere"] == 1
    assert place.states() == [
        ("AMA PRA Category 1", "closed"),
        ("Medical Knowledge", "ready"),  # the sheet has no row of the board
        ("AMA PRA Category 1", "ready"),
        ("Medical Knowledge", "ready"),
    ]


def test_another_date_counts_only_where_the_award_has_none(place: Middle, call: Call) -> None:
    two_ready(place)
    place.rules(RULE.replace("activity:", "per: date\n    activity:")).post(
        statement(3, timestamp="2026-03-08T15:00:00Z")
    )
    place.run()
    sheet = template(place.folder / "own.xlsx", ANNA | {"Completion Date": date(2026, 3, 7)})
    done = call("baseline", "import", str(sheet), "--yes", "--json")
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["what"], first["credit"]) == ("never sent: another date", 1)
    assert [state for _, state in place.states()] == ["closed", "ready", "ready"]


def test_what_we_sent_is_listed_and_its_row_is_not_kept(place: Middle, call: Call) -> None:
    two_ready(place).send(1)
    done = call("baseline", "import", str(template(place.folder / "own.xlsx", ANNA, BORIS)), "--yes", "--json")
    first, second, planned, counts = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["what"], second["what"]) == ("sent by us, and also in the sheet", "never sent: equal date")
    assert planned["planned"] == counts["done"] == {"reported": 1, "ours": 1, "sent_too": 1, "closed": 1}
    assert [state for _, state in place.states()] == ["confirmed", "closed"]
    assert [one.given_name for one in rows(place)] == ["Boris"]


@pytest.mark.parametrize("before", [True, False])
def test_what_we_withdrew_is_reported_again_when_it_is_earned_again(place: Middle, call: Call, *, before: bool) -> None:
    """Also where the row came first: a person sent the credit nevertheless, or PARS lost the other."""
    place.post(statement(1)).run()
    if not before:
        place.send()
    assert call("baseline", "import", str(download(place.folder / "all.xlsx", HELD)), "--yes").exit_code == 0
    if before:
        place.walk(1, State.HELD, State.READY).send()
    place.post(voiding(50, 1)).run()
    place.walk(1, State.WITHDRAWING, State.WITHDRAWN).run(later=timedelta(hours=1))
    place.post(statement(2, timestamp="2026-03-10T16:04:05.000Z")).run(later=timedelta(hours=2))
    assert [state for _, state in place.states()] == ["withdrawn", "ready"]


@pytest.mark.parametrize("how", ["rejected", "deleted", "kept"])
def test_a_newer_sheet_takes_a_report_back(place: Middle, call: Call, how: str) -> None:
    two_ready(place)
    call("baseline", "import", str(template(place.folder / "own.xlsx", ANNA, BORIS)), "--yes")
    newer = {
        "rejected": lambda: download(place.folder / "all.xlsx", HELD | {"Status": "Rejected"}),
        "deleted": lambda: template(place.folder / "own.xlsx", BORIS, ANNA | {"Record Action": "Delete"}),
        "kept": lambda: template(place.folder / "own.xlsx", BORIS),
    }[how]()
    planned = call("baseline", "import", str(newer), "--dry-run", "--json")
    assert [state for _, state in place.states()] == ["closed", "closed"]
    done = call("baseline", "import", str(newer), "--yes", "--json")
    counts = json.loads(planned.stdout.splitlines()[-1])["planned"]
    if how == "kept":
        assert counts == {"known": 1, "earlier": 1, "closed_before": 2}
        assert json.loads(planned.stdout.splitlines()[0])["row"] == "own.xlsx:3"
        assert len(rows(place)) == 2
        return
    assert json.loads(done.stdout.splitlines()[-1])["done"] == counts
    assert (counts["gone"], counts["freed"], [one.given_name for one in rows(place)]) == (1, 1, ["Boris"])
    place.run(later=timedelta(hours=2))
    assert [state for _, state in place.states()] == ["ready", "closed"]


def test_a_stopped_import_is_finished_by_the_next(place: Middle, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    two_ready(place)
    sheet = template(place.folder / "own.xlsx", ANNA, BORIS)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(baseline_import, "_move", stop)
        assert call("baseline", "import", str(sheet), "--yes").exit_code == 1
    assert ([state for _, state in place.states()], len(rows(place))) == (["ready", "ready"], 2)
    done = call("baseline", "import", str(sheet), "--yes", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["done"] == {"known": 2, "closed": 2}


def test_a_dry_run_holds_no_lock_and_a_credit_costs_the_same_beside_thousands(place: Middle, call: Call) -> None:
    two_ready(place)
    others = [BORIS | {"First Name": f"B{n}", "Licensing ID or NPI": f"L{n}"} for n in range(60)]
    sheet = template(place.folder / "own.xlsx", *others, ANNA)
    with place.store.writing() as session:
        session.connection()
        assert call("baseline", "import", str(sheet), "--dry-run").exit_code == 0
    assert call("baseline", "import", str(sheet), "--yes").exit_code == 0
    with place.store.reading() as session:
        credit, award = session.get_one(Credit, 2), session.get_one(Award, 2)
        assert baseline.check(session, credit, award) == []
        assert len(session.identity_map) < 10, "nobody else's rows are read"


def test_an_unclear_match_only_warns(place: Middle, call: Call) -> None:
    place.sheet({**LEARNER, "npi": "", "state": "ME", "licence": "0123456"})
    place.post(statement(1)).run()
    sheet = template(place.folder / "own.xlsx", ANNA | {"Licensing ID or NPI": 123456})
    done = call("baseline", "import", str(sheet), "--yes")
    assert "perhaps the same person" in done.output
    assert place.only().state == "ready"
    place.walk(1, State.HELD).run(later=timedelta(hours=2))
    (warning,) = place.only().problems
    assert (warning["code"], warning["holds"]) == ("credit.perhaps_reported", False)
    assert place.only().state == "ready"


def test_a_correction_of_a_person_counts_in_the_match(place: Middle, call: Call) -> None:
    """The learner source names another NPI now: the sheet's row is somebody else's."""
    place.sheet({**LEARNER, "npi": "1245319599"})
    place.post(statement(1)).run()
    call("baseline", "import", str(template(place.folder / "own.xlsx", ANNA)), "--yes")
    assert place.only().state == "ready", "same names, same birth day, another NPI"


def test_a_sheet_with_a_bad_cell_changes_nothing(place: Middle, call: Call) -> None:
    two_ready(place)
    sheet = template(place.folder / "own.xlsx", ANNA, BORIS | {"Completion Date": "?"})
    done = call("baseline", "import", str(sheet), "--yes")
    assert done.exit_code == 2
    assert "own.xlsx:C4: error: this is no date" in done.output
    assert rows(place) == []


def test_whose_sheet_it_is_must_be_known(place: Middle, call: Call) -> None:
    sheet = template(place.folder / "own.xlsx", ANNA)
    assert call("baseline", "import", str(sheet), "--provider", "7654321").exit_code == 2
    twice = place.config.providers[0].model_copy(update={"id": "0005678"})
    place.config = place.config.model_copy(update={"providers": (*place.config.providers, twice)})
    done = call("baseline", "import", str(sheet), "--yes")
    assert (done.exit_code, "--provider 0001234|0005678" in done.output) == (2, True)


def test_on_both_databases(any_store: Store, tmp_path: Path) -> None:
    url = any_store.url.render_as_string(hide_password=False)
    place = two_ready(laid_out(tmp_path, store={"url": url, "rems_key": tmp_path / "rems.key"}))
    reports = learner_sheet.read(template(tmp_path / "own.xlsx", ANNA, BORIS), today=DAY)
    counts = []
    for dry_run in (True, False, False):
        done = take_over(place.store, "0001234", tmp_path / "own.xlsx", reports, now=NOON, by="x", dry_run=dry_run)
        counts.append(dict(+done.counts))
    assert counts == [{"reported": 2, "closed": 2}, {"reported": 2, "closed": 2}, {"known": 2, "closed_before": 2}]
    with place.store.reading() as session:  # as if another import had written them after this one had looked
        known = list(session.exec(select(Reported)))
    with place.store.writing() as session:
        baseline_import._add(session, known)
    assert len(rows(place)) == 2
    with place.credits() as credits_:  # a person opens one again: the gates close it
        credits_[0].state = State.HELD
    place.run()
    assert [state for _, state in place.states()] == ["closed", "closed"]
    assert [one.what for one in ledger.prove(place.store) if one.wrong] == []
    place.store.dispose()
