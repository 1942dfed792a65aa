"""The provider's activity sheet: every fault by line and column, and what PARS is told comes from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlmodel import select

from connector import activities
from connector.errors import ConfigError
from connector.store.states import State
from connector.store.tables import ActivityRow
from tests.learners.middle import ACTIVITY, ANNA, COURSE, Middle, configured, laid_out, statement, write_sheet

BY_SHEET = """
  - name: all
    when: [{path: verb.id, is: completed}, {path: object.id, starts_with: "https://lms.example.org/course"}]
    catalogue: {from: ../activities.csv}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    yield laid
    laid.store.dispose()


def stored(place: Middle) -> list[ActivityRow]:
    with place.store.reading() as session:
        return list(session.exec(select(ActivityRow)))


def test_the_sheet_becomes_rows_and_a_changed_sheet_changes_them(place: Middle) -> None:
    place.activity(ACTIVITY | {"boards": " abim ; ABA;", "credits": "1.75", "credit_claim_date": "2026-12-01"})
    (row,) = stored(place)
    assert (row.provider_id, row.activity_id, row.title) == ("0001234", "203512345", "Update")
    assert (row.start, row.credits, row.boards) == (date(2026, 1, 1), Decimal("1.75"), ["ABIM", "ABA"])
    assert row.credit_claim_date == date(2026, 12, 1)
    assert row.loaded_at


def test_what_may_be_empty_may_be_empty(place: Middle) -> None:
    bare = {"activity_id": "203512346", "title": "Bare", "start": "", "end": "", "credits": ""}
    assert activities.load(place.config, place.store) == 1
    place.activity(bare)
    row = next(row for row in stored(place) if row.activity_id == "203512346")
    assert (row.start, row.end, row.credits, row.boards, row.rems_type) == (None, None, None, [], "")


@pytest.mark.parametrize("rems", ["Opioid Analgesic", "opioid-analgesic", "OPIOID ANALGESIC"])
def test_a_rems_is_named_as_pars_writes_it_or_as_mappings_do(place: Middle, rems: str) -> None:
    place.activity(ACTIVITY | {"rems_type": rems})
    assert stored(place)[0].rems_type == "Opioid Analgesic"


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"activity_id": "20351234"}, "mapping.activity_id_format", 1),
        ({"title": ""}, "activity.no_title", 2),
        ({"start": "1/1/2026"}, "activity.bad_date", 3),
        ({"end": "2026-02-30"}, "activity.bad_date", 4),
        ({"credits": "1.3"}, "activity.bad_credits", 5),
        ({"credits": "-1"}, "activity.bad_credits", 5),
        ({"credits": "1,5"}, "activity.bad_credits", 5),
        ({"credits": "NaN"}, "activity.bad_credits", 5),
        ({"credits": "Infinity"}, "activity.bad_credits", 5),
        ({"boards": "ABIM;ABX"}, "activity.unknown_board", 6),
        ({"rems_type": "opiod"}, "activity.unknown_rems", 7),
    ],
)
def test_a_fault_is_named_by_line_and_column(place: Middle, cells: dict[str, str], code: str, column: int) -> None:
    write_sheet(place.folder / "activities.csv", [ACTIVITY | {"activity_id": "203512340"}, ACTIVITY | cells])
    with pytest.raises(ConfigError) as caught:
        activities.load(place.config, place.store)
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.column) == (code, 3, column)
    assert len(stored(place)) == 1, "a sheet with a fault changes nothing"


def test_all_faults_are_said_at_once(place: Middle) -> None:
    write_sheet(place.folder / "activities.csv", [ACTIVITY | {"title": "", "credits": "x"}, ACTIVITY, ACTIVITY])
    with pytest.raises(ConfigError) as caught:
        activities.load(place.config, place.store)
    assert [(one.code, one.line) for one in caught.value.findings] == [
        ("activity.no_title", 2),
        ("activity.bad_credits", 2),
        ("activity.twice", 3),
        ("activity.twice", 4),
    ]
    assert str(caught.value).count("activities.csv") == 4


def test_a_provider_without_a_sheet_is_left_out(place: Middle) -> None:
    provider = place.config.providers[0].model_copy(update={"activities": None})
    assert activities.load(place.config.model_copy(update={"providers": (provider,)}), place.store) == 0


def test_a_row_that_left_the_sheet_leaves_the_store(place: Middle) -> None:
    place.activity(ACTIVITY, ACTIVITY | {"activity_id": "203512346"})
    place.activity(ACTIVITY)
    assert [row.activity_id for row in stored(place)] == ["203512345"]


def test_an_unchanged_sheet_is_not_read_again_and_writes_nothing(place: Middle) -> None:
    place.activity(ACTIVITY)
    before = stored(place)[0].loaded_at
    assert not activities.run(place.store, place.config)
    assert stored(place)[0].loaded_at == before


def test_the_sheet_may_be_the_catalogue_of_a_rule_too(place: Middle) -> None:
    place.rules(BY_SHEET).sheet(ANNA)
    place.activity(ACTIVITY | {"object_id": COURSE, "credits": "1.50", "ABIM": "1", "ABIM/Medical Knowledge": "0.75"})
    place.post(statement(1)).run()
    assert place.states() == [("AMA PRA Category 1", State.READY), ("Medical Knowledge", State.READY)]
    with place.credits() as (cme, moc):
        assert (cme.amount, moc.amount, moc.board_total) == (Decimal("1.50"), Decimal("0.75"), Decimal("1.00"))


def test_a_column_that_nobody_reads_is_still_refused(place: Middle) -> None:
    with pytest.raises(ConfigError, match="no known name"):
        place.activity(ACTIVITY | {"credit_claim_dat": "2026-12-01"})


def test_the_sheet_may_be_a_workbook(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (provider,) = config.providers
    book = Workbook()
    assert book.active is not None
    book.active.append(["activity_id", "title", "start", "end", "credits", "boards"])
    book.active.append([203512345, "Update", date(2026, 1, 1), "2026-12-31", 1.75, "ABIM;ABA"])
    book.save(tmp_path / "activities.xlsx")
    (row,) = activities.read(provider.model_copy(update={"activities": tmp_path / "activities.xlsx"}))
    assert (row.activity_id, row.start, row.end) == ("203512345", date(2026, 1, 1), date(2026, 12, 31))
    assert (row.credits, row.boards) == (Decimal("1.75"), ["ABIM", "ABA"])


def test_a_bad_sheet_leaves_the_store_as_it_was(place: Middle) -> None:
    place.activity(ACTIVITY)
    with pytest.raises(ConfigError):
        place.activity(ACTIVITY | {"title": ""})
    assert [row.title for row in stored(place)] == ["Update"]


def test_a_credit_that_waited_for_its_activity_goes_on_when_the_row_appears(place: Middle) -> None:
    place.activity(ACTIVITY | {"activity_id": "203512346"})
    place.rules().sheet(ANNA).post(statement(1)).run()
    assert place.only().reason == "activity.unknown"
    place.activity(ACTIVITY)
    place.run()
    assert place.states() == [("AMA PRA Category 1", State.READY)]


def test_what_pars_refused_is_judged_again_when_the_activity_changes(place: Middle) -> None:
    place.rules().sheet(ANNA).post(statement(1)).run()
    place.walk(1, State.SENDING, State.REFUSED, at_pars="no")
    place.activity(ACTIVITY | {"end": "2027-12-31"})
    assert place.only().reason == "activity.changed"
    place.run()
    assert place.states() == [("AMA PRA Category 1", State.READY)]


def test_what_pars_holds_is_left_alone_when_the_activity_changes(place: Middle) -> None:
    place.rules().sheet(ANNA).post(statement(1)).run()
    place.send()
    place.activity(ACTIVITY | {"title": "Another"})
    assert place.states() == [("AMA PRA Category 1", State.CONFIRMED)]
