"""Open cases go to Excel and come back: cell by cell, whatever Excel and people do to the sheet in between."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook
from sqlmodel import delete, select

from connector.desk import returned, sheet, suggestions
from connector.errors import ConfigError
from connector.store import fixes
from connector.store.states import State
from connector.store.tables import Award, ConsentRow, Credit, LearnerRow, Suggestion
from tests.delivery.workplace import HYPERTENSION, STEWARDSHIP, Delivery
from tests.desk.sheets import (
    HEADER,
    Sheet,
    asked,
    carry_out,
    consented,
    held,
    refused,
    take,
    today,
    unmatched,
)

NPI = "1234567893"


def named(delivery: Delivery, credit: int, name: str) -> int:
    """The statement of this credit names somebody else; the learner's number."""
    held(delivery, credit, sheet.OTHER_NAME)
    with delivery.store.writing() as session:
        award = session.get_one(Award, session.get_one(Credit, credit).award_id)
        award.actor_name = name
        session.add(award)
        return award.learner_id


def test_a_row_says_what_failed_and_holds_todays_values_as_text(delivery: Delivery) -> None:
    number = unmatched(delivery, ids={"NPI": "1851000031", "ME": "0012", "NY": "77", "ABIM": "012345"})
    delivery.pass_by(days=3)
    (row,) = Sheet(delivery).rows()
    assert (row["learner"], row["credits"], row["days"]) == (number, "1", 3)
    assert row["activities"].startswith(f"{STEWARDSHIP} ")
    assert "pars.no_match" in row["problem"]
    assert row["who_acts"] == "coordinator"
    assert row["pars_says"] == "Rejected, No match"
    assert row["deadline"] == "2026-04-09"
    assert (row["npi"], row["state"], row["licence"]) == ("1851000031", "ME; NY", "0012; 77")
    assert (row["board"], row["board_id"], row["profession"]) == ("ABIM", "012345", "MD")
    assert (row["consent"], row["same_person"], row["why"]) == ("yes", None, None)


def test_nothing_that_stands_in_it_is_a_formula_a_link_or_a_lost_letter_but_by_its_sign(delivery: Delivery) -> None:
    names = {"given_name": "=1+1", "family_name": "https://x.example/李\x07", "profession": "+M_x0041_D"}
    number = unmatched(delivery, **names)
    found = Sheet(delivery)
    assert found.get(number, "given_name") == "=1+1"
    assert {cell.data_type for cell in found.page[found.line(number)]} <= {"s", "n"}
    assert found.page.cell(found.line(number), found.place("family_name")).hyperlink is None
    assert found.get(number, "family_name") == "https://x.example/李\ufffd"
    judged = take(delivery, found.save())
    assert (judged.unchanged, refused(judged), asked(delivery)) == (1, [], []), "what was not touched is no change"


def test_equal_cases_make_equal_bytes(delivery: Delivery) -> None:
    unmatched(delivery)
    first = Sheet(delivery).bytes
    delivery.pass_by(minutes=10)
    assert Sheet(delivery).bytes == first


def test_what_no_cell_mends_stands_on_the_second_sheet(delivery: Delivery) -> None:
    (one,) = delivery.ready("aoneill")
    (two,) = delivery.ready("elind")
    held(delivery, one, "learner.not_found", field="actor")
    held(delivery, two, "credit.one_per_date")
    found = Sheet(delivery)
    assert found.rows() == []
    actors = [(row["actor"], row["name_in_statement"] or "") for row in found.rows(sheet.OTHERS_PAGE)]
    assert actors == [("a mailbox at example.org", "")] * 2
    assert [(row["credit"], row["what_to_do"]) for row in found.rows(sheet.OTHERS_PAGE)] == [
        (one, "do something"), (two, "do something"),
    ]  # fmt: skip


def test_only_the_cases_that_are_wanted(delivery: Delivery) -> None:
    one, two = unmatched(delivery), unmatched(delivery, "elind")
    held(delivery, 2, "learner.no_consent", who="learner")
    both = [row["learner"] for row in Sheet(delivery).rows()]
    assert both == [one, two]
    assert [row["learner"] for row in Sheet(delivery, who="learner").rows()] == [two]
    assert [row["learner"] for row in Sheet(delivery, learner=one).rows()] == [one]
    assert Sheet(delivery, activity="999999999").rows() == []
    assert len(Sheet(delivery, activity=STEWARDSHIP).rows()) == 2


def test_a_near_miss_is_shown_in_words_and_never_filled_in(delivery: Delivery) -> None:
    number = unmatched(delivery, birth_day="04-12")
    suggestions.make(delivery.store)
    with delivery.store.writing() as session:
        made = session.exec(select(Suggestion).order_by(Suggestion.rank)).first()
        assert made is not None, "the desk looked for near misses"
        made.answer = "yes"
        session.add(made)
    found = Sheet(delivery)
    assert "(sure, PARS knows this learner so): " in found.get(number, "suggestion")
    assert found.get(number, "birth_day") == "04-12"


def test_corrections_travel_back_and_hold(delivery: Delivery) -> None:
    number = unmatched(delivery, ids={"NPI": "1851000031", "ME": "0012"})
    with delivery.store.writing() as session:
        session.exec(delete(ConsentRow))  # nobody has asked her yet
    found = Sheet(delivery).put(
        number, birth_day="9/10", family_name="Quixley-Ngũgĩ", npi=NPI, state="ME; New York", licence="0012; 77",
        board="ABIM", board_id="012345", profession="DO", consent="yes", why="she said so",
    )  # fmt: skip
    judged = take(delivery, found.save())
    fields = {
        "birth_day": "09-10", "family_name": "Quixley-Ngũgĩ", "ids.NPI": NPI, "ids.NY": "77", "ids.ABIM": "012345",
        "profession": "DO", "consent": "yes",
    }  # fmt: skip
    assert asked(delivery) == [{"learner": number, "fields": fields, "why": "she said so"}]
    assert (refused(judged), judged.corrections[0].fields) == ([], sorted(fields))
    assert take(delivery, found.save()).wishes == [], "asked for already"
    carry_out(delivery)
    assert today(delivery, number).items() >= (fields | {"ids.ME": "0012"}).items()
    assert consented(delivery, number) is True
    again = take(delivery, found.save())
    assert (again.unchanged, again.refused, asked(delivery)) == (1, [], []), "twice is once"


def test_rows_may_be_sorted_and_deleted_and_columns_moved(delivery: Delivery) -> None:
    one, two, three = (unmatched(delivery, person) for person in ("aoneill", "elind", "aoneill"))
    found = Sheet(delivery).put(one, given_name="Zanna").put(three, given_name="Zoë")
    page = found.page
    header, *rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=HEADER)]
    turned = [[*row[::-1], "mine"] for row in [header, rows[2], rows[0]]]
    page.delete_rows(1, page.max_row)
    for row in turned:
        page.append(row)
    page.cell(1, len(header) + 1).value = "a column of my own"
    judged = take(delivery, found.save())
    assert [(one.learner, one.asks) for one in judged.corrections] == [
        (three, ({"given_name": "Zoë"},)), (one, ({"given_name": "Zanna"},)),
    ]  # fmt: skip
    assert two not in {one.learner for one in judged.corrections}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_saved_from_it(delivery: Delivery, delimiter: str) -> None:
    number = unmatched(delivery, ids={"NPI": "1851000031", "ME": "0012", "NY": "7;7"})
    found = Sheet(delivery).put(number, family_name="Nuñez, Jr.")
    judged = take(delivery, found.save_csv(delimiter))
    assert [one.asks for one in judged.corrections] == [({"family_name": "Nuñez, Jr."},)]


MANGLED = (
    ("licence", 12345, "leading zeros"),
    ("npi", "1.23E+09", "rounded"),
    ("licence", datetime(2026, 9, 10), "date"),
    ("birth_day", "10-Sep", "month and day"),
    ("birth_day", "=TODAY()", "formula"),
    ("npi", 12345678931234567, "rounded"),
    ("state", "ME; NY", "not as many"),
    ("consent", "perhaps", "neither"),
    ("same_person", "who knows", "neither"),
)


def test_what_excel_makes_of_a_cell_is_refused_by_its_place(delivery: Delivery) -> None:
    numbers = [unmatched(delivery, ids={"NPI": "1851000031", "ME": "0012345"}) for _ in MANGLED]
    other = unmatched(delivery, "elind")
    found = Sheet(delivery).put(other, given_name="Erika")
    for number, (column, cell, _) in zip(numbers, MANGLED, strict=True):
        found.put(number, given_name="Zanna", **{column: cell})
    judged = take(delivery, found.save())
    for number, (column, cell, words), finding in zip(numbers, MANGLED, judged.findings, strict=True):
        letter = found.page.cell(1, found.place("licence" if column == "state" else column)).column_letter
        assert (finding.cell, finding.code) == (f"{letter}{found.line(number)}", "learner.correction")
        assert words in finding.message
        assert str(cell) not in str(finding)
    assert [one.learner for one in judged.corrections] == [other], "a good row is taken, half a row is not"


def test_a_real_date_is_a_birth_day_and_an_emptied_cell_no_change(delivery: Delivery) -> None:
    number = unmatched(delivery)
    found = Sheet(delivery).put(number, birth_day=datetime(1975, 9, 10), given_name=None, npi="  ")
    assert [one.asks for one in take(delivery, found.save()).corrections] == [({"birth_day": "09-10"},)]


def test_what_changed_here_in_between_is_not_overwritten(delivery: Delivery) -> None:
    number = unmatched(delivery)
    before = {"given_name": today(delivery, number)["given_name"]}
    found = Sheet(delivery).put(number, given_name="Zanna", birth_day="09-10")
    with delivery.store.writing() as session:
        row = session.get_one(LearnerRow, number)
        fixes.put(session, row, "birth_day", "09-10", by="somebody", now=datetime.now(UTC))
    judged = take(delivery, found.save())
    assert [code for _, code in refused(judged)] == ["learner.row"]
    assert "export" in judged.findings[0].hint
    judged = take(delivery, found.put(number, **before).save())
    assert (judged.refused, judged.unchanged) == ([], 1), "the change is exactly what stands here by now"


NO_LONGER = (
    ({"row_check": None}, "which learner"),
    ({"row_check": "4"}, "which learner"),
    ({"learner": None}, "which learner"),
    ({"learner": "1e0"}, "which learner"),
    ({"learner": 99, "row_check": "r99-0123456789"}, "no learner"),
    ({"row_check": "r{}-0123456789"}, "changed here"),
    ({"given_name": "Erik", "family_name": "Lindqvist", "birth_day": "12-04"}, "another person"),
)


def test_a_row_that_is_no_longer_its_learners_is_refused(delivery: Delivery) -> None:
    numbers = [unmatched(delivery) for _ in NO_LONGER]
    found = Sheet(delivery)
    for number, (cells, _) in list(zip(numbers, NO_LONGER, strict=True))[::-1]:
        ready = {name: cell.format(number) if isinstance(cell, str) else cell for name, cell in cells.items()}
        found.put(number, **{"given_name": "Zanna"} | ready)
    judged = take(delivery, found.save())
    assert [code for _, code in refused(judged)] == ["learner.row"] * len(NO_LONGER)
    for finding, (_, words) in zip(judged.findings, NO_LONGER, strict=True):
        assert words in finding.message
    assert asked(delivery) == []


def test_a_row_laid_over_another_one_is_refused(delivery: Delivery) -> None:
    one, two = unmatched(delivery), unmatched(delivery, "elind")
    found = Sheet(delivery)
    check = found.get(two, "row_check")
    pasted = {name: found.get(one, name) for name in sheet.COLUMNS if name != sheet.CHECK}
    judged = take(delivery, found.put(two, **pasted).save())
    assert judged.unchanged == 1
    assert [one.message for one in judged.findings] == ["the row's check belongs to another learner"]
    assert check.startswith(f"r{two}-")


def test_a_learner_in_two_rows_that_differ_is_refused_and_in_two_that_agree_is_asked_once(delivery: Delivery) -> None:
    number = unmatched(delivery)
    found = Sheet(delivery).put(number, given_name="Zanna")
    found.page.append([cell.value for cell in found.page[found.line(number)]])
    judged = take(delivery, found.save())
    assert (len(judged.corrections), judged.unchanged, judged.refused) == (1, 1, [])
    found.page.cell(found.page.max_row, found.place("given_name")).value = "Zoë"
    found.put(number, given_name="Zita")
    judged = take(delivery, found.save())
    assert ([code for _, code in refused(judged)], judged.corrections) == (["learner.row", "learner.row"], [])


def test_a_name_swapped_with_the_given_one_is_no_other_person(delivery: Delivery) -> None:
    number = unmatched(delivery, given_name="Quixley", family_name="Zanna")
    found = Sheet(delivery).put(number, given_name="Zanna", family_name="Quixley", birth_day="01-02")
    assert take(delivery, found.save()).refused == []


def test_a_name_in_a_statement_is_his_too(delivery: Delivery) -> None:
    (pk,) = delivery.ready("aoneill")
    number = named(delivery, pk, "Office Mailbox")
    found = Sheet(delivery)
    assert found.get(number, "name_in_statement") == "Office Mailbox"
    found.put(number, same_person="Yes")
    assert [one.asks for one in take(delivery, found.save()).corrections] == [({"actor_name": "Office Mailbox"},)]
    carry_out(delivery)
    with delivery.store.reading() as session:
        assert fixes.actor_names(session, number) == {"Office Mailbox"}
    assert take(delivery, found.save()).wishes == []


def test_a_yes_means_the_name_in_its_own_row_and_none_that_came_since(delivery: Delivery) -> None:
    (pk,) = delivery.ready("aoneill")
    number = named(delivery, pk, "Office Mailbox")
    found = Sheet(delivery).put(number, same_person="yes")
    (late,) = delivery.ready("aoneill", learner=number, activity=HYPERTENSION)
    assert named(delivery, late, "Boris Stranger") == number
    assert [one.asks for one in take(delivery, found.save()).corrections] == [({"actor_name": "Office Mailbox"},)]
    carry_out(delivery)
    for cell in ("Boris Quixley", None):
        judged = take(delivery, found.put(number, name_in_statement=cell).save())
        place = f"{found.page.cell(1, found.place('same_person')).column_letter}{found.line(number)}"
        assert refused(judged) == [(place, "learner.row")], "nobody saw the name that is in question by now"
    assert asked(delivery) == []


def test_what_is_asked_for_otherwise_already_is_refused_by_its_cell(delivery: Delivery) -> None:
    number = unmatched(delivery)
    take(delivery, Sheet(delivery).put(number, given_name="Zanna", licence="77", state="NY").save())
    found = Sheet(delivery).put(number, given_name="Zoë", licence="78", state="NY", birth_day="09-10")
    judged = take(delivery, found.save())
    assert [finding.message for finding in judged.findings] == [
        "another value is asked for already, and the daemon has not carried it out yet"
    ] * 2
    assert {one.rstrip("3") for one, _ in refused(judged)} == {
        found.page.cell(1, found.place(name)).column_letter for name in ("given_name", "licence")
    }
    judged = take(delivery, found.put(number, given_name="Zanna", licence="77").save())
    assert [one.asks for one in judged.corrections] == [({"birth_day": "09-10"},)], "what is new alone"


def test_a_number_that_is_another_learners_today_is_refused_by_its_cell(delivery: Delivery) -> None:
    one = unmatched(delivery, ids={"NPI": NPI, "NY": "0077"})
    two = unmatched(delivery, "elind", ids={"NPI": "1245319599"})
    found = Sheet(delivery).put(one, npi="1245319599").put(two, npi=NPI, state="NY", licence="77")
    judged = take(delivery, found.save())
    npi, licence = (found.page.cell(1, found.place(name)).column_letter for name in ("npi", "licence"))
    assert {place for place, _ in refused(judged)} == {f"{npi}3", f"{npi}4", f"{licence}4"}
    assert f"learner {two}'s" in judged.findings[0].message
    assert asked(delivery) == []


def test_a_sheet_of_nothing_but_faults_is_refused_as_a_whole(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returned, "MOST_REFUSED", 1)
    good = unmatched(delivery, "elind")
    found = Sheet(delivery).put(good, given_name="Erika")
    for _ in range(2):
        found.page.append(["x"])
    with pytest.raises(ConfigError, match="more than 1 rows"):
        take(delivery, found.save())
    assert asked(delivery) == []


def test_a_corrected_sheet_reaches_pars(delivery: Delivery) -> None:
    number = unmatched(delivery, given_name="Agnes")
    with delivery.store.reading() as session:
        right = delivery.sandbox.world.people["aoneill"].given
        assert session.get_one(LearnerRow, number).given_name != right
    take(delivery, Sheet(delivery).put(number, given_name=right, consent="yes").save())
    carry_out(delivery)
    with delivery.store.reading() as session:
        assert session.get_one(Credit, 1).state in (State.HELD, State.READY)
    assert Sheet(delivery).rows() == [], "it is on its way and no case any more"


def test_the_page_is_made_for_a_person(delivery: Delivery) -> None:
    unmatched(delivery)
    found = Sheet(delivery)
    assert found.page.freeze_panes == f"A{HEADER + 1}"
    assert found.page["A1"].value == sheet.GUIDANCE
    assert found.page.cell(HEADER + 1, found.place("npi")).number_format == "@"
    assert found.page.cell(HEADER + 40, found.place("npi")).number_format in ("@", "General")
    assert not found.page.protection.sheet, "a protected sheet cannot be sorted"
    rules = {str(rule.sqref): rule for rule in found.page.data_validations.dataValidation}
    assert any(rule.type == "custom" for rule in rules.values()), "the check's column says so when it is typed into"
    stamp = load_workbook(io.BytesIO(found.bytes)).properties.created
    assert stamp < datetime.now() - timedelta(days=365)
