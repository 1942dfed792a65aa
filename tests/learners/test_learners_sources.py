"""Sources of identity: sheets as Excel leaves them, statements as senders fill them, and how they are merged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from connector.errors import ConfigError, RetryLater
from connector.learners import directory, merging
from connector.learners.sources import sheet as sheet_source
from connector.learners.sources.fields import learner
from connector.learners.sources.sheet import ALIASES, COLUMNS, SheetFile
from connector.pars import identifiers
from connector.records import ActorKey, Found, Identifier, Learner
from connector.sheets.rows import Columns, letters
from tests.importing.workbooks import write
from tests.learners.middle import ANNA, BORIS, SITE, Middle, statement, write_sheet

MAIL = ActorKey("mbox:anna@example.org")
SHA1_OF_MAILTO = ActorKey("mbox_sha1sum:8b2c0b22b2e05e3a9ea2b5d2ef5c2ed1e09d0a1c")
ACCOUNT = ActorKey(f"account:{SITE}|3")


def fetched(path: Path, *keys: str) -> dict[ActorKey, Found]:
    return SheetFile(path).fetch([ActorKey(key) for key in keys])


def refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        fetched(path, MAIL)
    return caught.value


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA, BORIS])
    return path


def test_a_row_answers_for_every_actor_that_its_person_may_be(sheet: Path) -> None:
    (found,) = fetched(sheet, MAIL).values()
    kinds = sorted(key.partition(":")[0] for key in found.keys)
    assert kinds == ["account", "account", "mbox", "mbox_sha1sum", "mbox_sha1sum"]
    assert all(fetched(sheet, key) == {key: found} for key in found.keys)
    assert fetched(sheet, "mbox:nobody@example.org") == {}


@pytest.mark.parametrize(
    "how",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace(",", ";"),
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: text.replace("Zanna", '"Zanna"'),
        lambda text: "\r\n".join(line + ",,," for line in text.splitlines()) + "\r\n",
        lambda text: text + "\r\n,,,,,\r\n",
        lambda text: text.replace("email", " E-Mail ".replace("-", "").upper()),
        lambda text: text.replace("anna@example.org", "mailto:Anna@Example.org"),
    ],
)
def test_a_sheet_is_read_as_excel_saves_it(sheet: Path, how: object) -> None:
    text = sheet.read_bytes().decode()
    sheet.write_bytes(how(text).encode())  # type: ignore[operator]
    (found,) = fetched(sheet, MAIL).values()
    assert found.learner.given_name
    assert found.learner.given_name.get_secret_value() == "Zanna"


def test_eaten_zeros_stay_eaten_and_the_date_of_a_leap_day_stays(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA | {"state": "CA", "licence": "123", "birth_day": "2/29/1980"}])
    (found,) = fetched(path, MAIL).values()
    assert found.learner.ids["CA"].get_secret_value() == "123"
    assert found.learner.birth_day
    assert found.learner.birth_day.get_secret_value() == "02-29"


def test_a_sheet_in_windows_1252_is_refused_at_its_line_with_what_to_do(sheet: Path) -> None:
    sheet.write_bytes(sheet.read_bytes().replace(b"Boris", "Børis".encode("cp1252")))
    error = refused(sheet)
    assert (error.code, error.where) == ("config.sheet_encoding", f"{sheet}:3")
    assert "CSV UTF-8" in error.hint


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("emial,npi\na,b\n", "config.sheet_column", 'did you mean "email"?'),
        ("zzzzzz\na\n", "config.sheet_column", "known columns"),
        ("email,email\na,b\n", "config.sheet_column", "two columns"),
        ("email\na,b\n", "config.sheet", "2 cells, the header has 1"),
        ('email\n"a\n', "config.sheet", "quotes"),
        ("", "config.sheet", "no header"),
        (",,,\n", "config.sheet", "no header"),
        ("given_name\nZanna\n", "config.sheet_column", "no row names an actor"),
    ],
)
def test_a_malformed_sheet_is_refused_without_a_value(sheet: Path, text: str, code: str, words: str) -> None:
    sheet.write_text(text, encoding="utf-8")
    error = refused(sheet)
    assert error.code == code
    assert words in str(error)
    assert "Zanna" not in str(error)


def test_a_missing_sheet_is_said_plainly(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.csv").code == "config.sheet_missing"
    assert refused(tmp_path).code == "config.sheet"


def test_a_sheet_is_read_again_when_it_changed_and_only_then(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    plain = sheet_source.read_sheet
    monkeypatch.setattr(sheet_source, "read_sheet", lambda *args, **named: reads.append(1) or plain(*args, **named))
    assert len(fetched(sheet, MAIL)) == len(fetched(sheet, MAIL)) == len(reads) == 1
    write_sheet(sheet, [BORIS])
    assert fetched(sheet, MAIL) == {}
    assert len(reads) == 2


def test_a_sheet_that_changes_while_it_is_read_is_read_later(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = sheet_source.read_sheet

    def and_meanwhile(*args: object, **named: object) -> object:
        rows = plain(*args, **named)  # type: ignore[arg-type]
        write_sheet(sheet, [ANNA])
        return rows

    monkeypatch.setattr(sheet_source, "read_sheet", and_meanwhile)
    with pytest.raises(RetryLater):
        fetched(sheet, MAIL)
    monkeypatch.undo()
    assert fetched(sheet, MAIL)


def test_half_a_workbook_that_grows_is_read_later_and_one_that_stays_half_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path, [HEADER, ROW])
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert refused(path).code == "config.sheet"
    plain = sheet_source.read_sheet

    def and_meanwhile(*args: object, **named: object) -> object:
        try:
            return plain(*args, **named)  # type: ignore[arg-type]
        finally:
            path.write_bytes(whole)

    monkeypatch.setattr(sheet_source, "read_sheet", and_meanwhile)
    with pytest.raises(RetryLater):
        fetched(path, MAIL)
    monkeypatch.undo()
    assert fetched(path, MAIL)


def test_a_user_name_of_digits_is_nobodys_account_number(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA | {"username": "4"}, BORIS])
    (boris,) = fetched(path, f"account:{SITE}|4").values()
    assert boris.learner.ids["NPI"].get_secret_value() == BORIS["npi"]
    write_sheet(path, [ANNA | {"account": "", "username": "4"}])
    assert len(fetched(path, f"account:{SITE}|4")) == 1


def test_what_two_rows_share_belongs_to_neither(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA | {"email": "c@example.org"}, BORIS | {"email": "C@example.org"}])
    assert fetched(path, "mbox:c@example.org") == {}
    (anna,) = fetched(path, ACCOUNT).values()
    assert {key.partition(":")[0] for key in anna.keys} == {"account"}


# --- sheets as people keep them ---

HEADER = [
    "E-mail",
    "First name",
    "Last Name",
    "DOB (MM/DD)",
    "NPI #",
    "License State",
    "License Number",
    "Degree",
    "Permission",
]
ROW = ["anna@example.org", "Zanna", "Quixley", "02/29", "1234567893", "ME", "0012345", "M.D.", "yes"]


def workbook(folder: Path, rows: Sequence[Sequence[Any]]) -> Path:
    return write(folder / "learners.xlsx", rows)


def row(**changes: Any) -> list[Any]:
    """Anna's row with other cells, by the column of ours."""
    names = {
        "birth_day": "DOB (MM/DD)", "npi": "NPI #", "licence": "License Number", "consent": "Permission",
        "given_name": "First name", "email": "E-mail", "profession": "Degree",
    }  # fmt: skip
    cells = list(ROW)
    for column, value in changes.items():
        cells[HEADER.index(names[column])] = value
    return cells


def told(learner: Learner) -> dict[str, str]:
    """Everything that was made of a row, in the open."""
    named = {"given_name": learner.given_name, "birth_day": learner.birth_day, **learner.ids}
    return {name: value.get_secret_value() for name, value in named.items() if value} | {
        "profession": learner.profession,
        "consent": str(learner.consent and learner.consent.given),
    }


WHOLE_ROW = {"given_name": "Zanna", "birth_day": "02-29", "NPI": "1234567893", "ME": "0012345", "profession": "MD",
             "consent": "True"}  # fmt: skip


def anna(path: Path) -> Learner:
    (found,) = fetched(path, MAIL).values()
    return found.learner


@pytest.mark.parametrize("ending", ["xlsx", "csv", "tsv"])
def test_a_sheet_may_call_its_columns_as_people_do(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"learners.{ending}"
    if ending == "xlsx":
        write(path, [["Learners of 2026"], [], HEADER, ROW, [None] * 9, [""] * 9])
    else:
        apart = "," if ending == "csv" else "\t"
        path.write_text("\n".join(apart.join(line) for line in (HEADER, ROW, [""] * 9)), encoding="utf-8-sig")
    assert told(anna(path)) == WHOLE_ROW


def test_every_other_name_of_a_column_can_be_met_and_means_one() -> None:
    columns = Columns((), COLUMNS, ALIASES)
    assert {other: columns.name(other.replace("_", " ").title()) for other in ALIASES} == ALIASES
    assert set(ALIASES.values()) < set(COLUMNS)
    assert not set(ALIASES) & set(COLUMNS)


MANGLED = "learner.licence_format"


@pytest.mark.parametrize(
    ("changes", "made", "held"),
    [
        ({"npi": 1234567893}, {}, ""),
        ({"npi": 1234567893.0}, {}, ""),
        ({"npi": "1234567893.0"}, {}, ""),
        ({"npi": "'1234567893"}, {}, ""),
        ({"npi": "\u202a1234567893\u202c"}, {}, ""),
        ({"npi": "1.23457E+09"}, {"NPI": "1.23457E+09"}, "learner.npi_format"),
        ({"npi": "=A1"}, {"NPI": "unreadable"}, "learner.npi_format"),
        ({"npi": "#N/A"}, {"NPI": "unreadable"}, "learner.npi_format"),
        ({"npi": 12345678931234567}, {"NPI": "unreadable"}, "learner.npi_format"),
        ({"birth_day": date(2026, 2, 28)}, {"birth_day": "02-28"}, ""),
        ({"birth_day": datetime(1980, 2, 29)}, {}, ""),
        ({"birth_day": "0229"}, {}, ""),
        ({"birth_day": 229}, {"birth_day": "unreadable"}, "learner.birth_day_format"),
        ({"birth_day": 44806}, {"birth_day": "unreadable"}, "learner.birth_day_format"),
        ({"birth_day": "29-Feb"}, {"birth_day": "unreadable"}, "learner.birth_day_format"),
        ({"birth_day": "=A1"}, {"birth_day": "unreadable"}, "learner.birth_day_format"),
        ({"licence": 12345}, {"ME": "12345"}, ""),  # what the sheet shows
        ({"licence": 12345.5}, {"ME": "12345.5"}, ""),
        ({"licence": "12345.0"}, {"ME": "12345.0"}, MANGLED),
        ({"licence": "=A1"}, {"ME": "unreadable"}, MANGLED),
        ({"licence": "1.2E+09"}, {"ME": "1.2E+09"}, MANGLED),
        ({"licence": date(2005, 10, 1)}, {"ME": "2005-10-01"}, MANGLED),
        ({"licence": "10-Sep"}, {"ME": "10-Sep"}, MANGLED),
        ({"consent": True}, {}, ""),
        ({"consent": 1.0}, {}, ""),
        ({"consent": "=A1"}, {"consent": "False"}, ""),
        ({"given_name": "\ufeffZanna\u00a0\u00a0Mae "}, {"given_name": "Zanna Mae"}, ""),
        ({"email": "\u200bmailto:Anna@Example.org\u00a0"}, {}, ""),
        ({"profession": "D. O."}, {"profession": "DO"}, ""),
        ({"profession": "Physician (MD)"}, {"profession": "Physician (MD)"}, ""),
    ],
)
def test_what_excel_made_of_a_cell_is_read_or_held_and_never_another_value(
    tmp_path: Path, changes: dict[str, Any], made: dict[str, str], held: str
) -> None:
    found = anna(workbook(tmp_path, [HEADER, row(**changes)]))
    assert told(found) == WHOLE_ROW | made
    assert found.birth_day
    checked = [identifiers.birth_day(found.birth_day)]
    checked += [identifiers.identifier(Identifier(domain=domain, value=value)) for domain, value in found.ids.items()]
    assert [problem.code for problem in checked if problem and problem.holds] == ([held] if held else [])


def test_a_number_in_quotes_behind_an_equals_sign_keeps_its_zeros(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [{"email": "anna@example.org", "state": "ME", "licence": '="0012345"'}])
    assert anna(path).ids["ME"].get_secret_value() == "0012345"


def test_a_name_that_is_a_formula_is_none_and_the_other_rows_are_good(tmp_path: Path) -> None:
    other = ["boris@example.org", "Boris", *ROW[2:]]
    path = workbook(tmp_path, [HEADER, row(given_name="=B9", licence="=G9"), other])
    assert anna(path).given_name is None
    assert fetched(path, "mbox:boris@example.org")
    assert [one.field for one in SheetFile(path).prove(MAIL)] == ["given_name"]


def test_the_cells_that_gates_will_hold_are_named_and_nothing_in_them(tmp_path: Path) -> None:
    path, values = tmp_path / "learners.csv", ("=B2", "44806", "1.0E+09", "10-Sep", "13/45")
    rows = [{"given_name": "=B2", "npi": "44806"}, {"npi": "1.0E+09", "state": "CA", "licence": "10-Sep"}]
    rows += [{"birth_day": "13/45", "npi": "1234567890"}, {"state": "Atlantis", "licence": "A1"}]
    write_sheet(path, [{"email": f"p{at}@example.org"} | one for at, one in enumerate(rows)])
    found = SheetFile(path).unusable()
    assert {one.code for one in found} == {"config.sheet_cell"}
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    wanted = [("npi", 2), ("npi", 3), ("licence", 3), ("birth_day", 4), ("licence", 5)]
    cells = [f"{letters(header.index(column) + 1)}{line}" for column, line in wanted]
    named = [cell for one in found for cell in one.message.rpartition(": ")[2].split(", ")]
    assert sorted(named) == sorted(cells)
    assert all(one.hint for one in found)
    assert not [value for value in values for one in found if value in one.message + one.hint]


def test_zeros_that_a_format_shows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "learners.xlsx"
    book = Workbook()
    sheet = book.create_sheet(index=0)
    for line in (HEADER, row(licence=12345)):
        sheet.append(line)
    sheet["G2"].number_format = "0000000"
    book.save(path)
    assert told(anna(path)) == WHOLE_ROW


def test_lists_in_cells_do_not_look_like_the_commas_between_them(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    lists = [f"p{number}@example.org,CA;NY;TX;ME;IL,1;2;3;4;5" for number in range(15)]
    path.write_text("\n".join(["email,state,licence", "anna@example.org,CA;NY,1;2", *lists]), encoding="utf-8")
    assert anna(path).ids.keys() == {"CA", "NY"}


def test_several_mailboxes_are_one_person(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA | {"email": "Anna@Example.org; anna.q@clinic.example"}, BORIS])
    (found,) = fetched(path, "mbox:anna.q@clinic.example").values()
    assert MAIL in found.keys
    hashed = hashlib.sha1(b"mailto:Anna@Example.org").hexdigest()
    assert f"mbox_sha1sum:{hashed}" in found.keys


def test_an_account_with_decimals_is_the_number(tmp_path: Path) -> None:
    path = tmp_path / "learners.csv"
    write_sheet(path, [ANNA | {"account": "3.0", "username": ""}])
    assert fetched(path, ACCOUNT)


def test_what_the_sheet_leaves_open_about_a_learner_is_proved(sheet: Path) -> None:
    write_sheet(
        sheet, [ANNA | {"npi": "", "rems_state": "", "board_id": ""}, BORIS, BORIS | {"account": "5", "username": ""}]
    )
    source = SheetFile(sheet)
    assert [problem.field for problem in source.prove(MAIL)] == ["npi", "board", "board_id", "rems_state"]
    assert "no row" in source.prove(ActorKey("mbox:nobody@example.org"))[0].message
    assert "several rows" in source.prove(ActorKey("mbox:boris@example.org"))[0].message
    assert source.prove(ActorKey(f"account:{SITE}|4"))[0].field == "rems_state"


# --- merging ---


def found(source: str = "csv:x", **cells: str) -> Found:
    return Found(learner=learner(cells, source), keys=(MAIL,))


def test_an_earlier_source_wins_a_field_and_all_of_them_add() -> None:
    first = found(given_name="Zanna", npi="1", rems_state="ME")
    second = Found(learner=learner({"given_name": "Z.", "family_name": "Q", "npi": "1"}, "statement"), keys=(ACCOUNT,))
    answers = directory.Answers([{MAIL: first}, {MAIL: second}])
    both = answers.about([MAIL])
    assert both
    assert (str(both.learner.origins["given_name"]), both.learner.origins["family_name"]) == ("csv:x", "statement")
    assert both.learner.ids["NPI"].get_secret_value() == "1"
    assert both.keys == (MAIL, ACCOUNT)
    assert answers.about([ACCOUNT]) is None
    assert answers.keys() == {MAIL, ACCOUNT}


def test_the_order_of_the_sources_counts_and_not_that_of_the_keys() -> None:
    answers = directory.Answers([{MAIL: found(given_name="Zanna")}, {ACCOUNT: found("statement", given_name="Z.")}])
    both = answers.about([ACCOUNT, MAIL])
    assert both
    assert both.learner.given_name
    assert both.learner.given_name.get_secret_value() == "Zanna"


@pytest.mark.parametrize(
    ("one", "other", "is_other"),
    [
        ({"family_name": "Quixley"}, {"family_name": "Quixley-Ray"}, False),
        ({"given_name": "A", "family_name": "B"}, {"given_name": "C", "family_name": "D"}, True),
        ({"given_name": "A", "family_name": "B"}, {"given_name": "A", "family_name": "D"}, False),
        ({"npi": "1"}, {"npi": "2"}, True),
        ({"npi": "1"}, {"state": "CA", "licence": "2"}, False),
        ({"birth_day": "01-02"}, {"birth_day": "02-01"}, True),
        ({"birth_day": "01-02"}, {}, False),
        ({}, {}, False),
    ],
)
def test_when_two_answers_are_about_two_people(one: dict[str, str], other: dict[str, str], is_other: object) -> None:
    assert merging.is_someone_else(learner(one, "a"), learner(other, "b")) is is_other


WHOLE = {"given_name": "Zanna", "family_name": "Quixley", "birth_day": "02-29", "npi": "1234567893"}


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        ({"family_name": "Ray"}, False),
        ({"family_name": "QUIXLEY", "npi": "1"}, False),
        ({"birth_day": "03-01"}, False),
        ({"npi": "1245319599"}, False),
        ({"birth_day": "03-01", "family_name": "Ray"}, True),
        ({"npi": "1245319599", "given_name": "Boris"}, True),
        ({"npi": "1245319599", "birth_day": "03-01"}, True),
        ({"npi": "", "birth_day": "", "family_name": "Ray"}, False),
    ],
)
def test_when_a_source_speaks_of_somebody_else_than_before(change: dict[str, str], is_other: object) -> None:
    assert merging.gives_away(learner(WHOLE, "a"), learner(WHOLE | change, "a")) is is_other


# --- the statement as a source ---


def with_paths(place: Middle, **paths: str) -> directory.Source:
    sources = [{"statement": paths}]
    config = place.config.model_copy(update={"learners": place.config.learners.model_validate({"sources": sources})})
    (source,) = directory.sources(config, place.store)
    return source


def test_a_statement_tells_who_its_actor_is(place: Middle) -> None:
    ext = {"https://lms.example.org/npi": 1234567893, "https://lms.example.org/ok": True}
    place.post(statement(1), statement(2, context={"extensions": ext}, timestamp="2026-03-11T15:00:00Z"))
    source = with_paths(place, npi='context.extensions."https://lms.example.org/npi"', given_name="nothing.there",
                        consent='context.extensions."https://lms.example.org/ok"')  # fmt: skip
    (found,) = source.fetch([MAIL, ACCOUNT]).values()
    assert found.learner.ids["NPI"].get_secret_value() == "1234567893"
    assert found.learner.consent
    assert found.learner.consent.given
    assert found.keys == (MAIL,)


def test_a_path_that_finds_nothing_is_named(place: Middle) -> None:
    place.post(statement(1))
    source = with_paths(place, npi="nothing.there", given_name="actor.mbox")
    assert [problem.field for problem in source.prove(MAIL)] == ["npi"]
    (unknown,) = source.prove(ACCOUNT)
    assert "no statement" in unknown.message


def test_an_odd_statement_stops_nobody(place: Middle) -> None:
    place.post(statement(1))
    assert with_paths(place, npi="abs(actor.mbox)").fetch([MAIL]) == {}
    with place.session() as session:
        session.connection().exec_driver_sql("UPDATE statement SET raw = ?", (b"{",))
    assert with_paths(place, npi="id").fetch([MAIL]) == {}


def test_a_path_that_cannot_be_read_is_the_administrators(place: Middle) -> None:
    with pytest.raises(ConfigError) as caught:
        with_paths(place, npi="a..b")
    assert caught.value.code == "config.learner_path"


def test_nobody_is_a_person_without_values() -> None:
    assert directory.fetch([], [MAIL]).about([MAIL]) is None
    assert Learner() == learner({}, "x")
