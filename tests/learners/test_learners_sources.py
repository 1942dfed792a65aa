"""Sources of identity: sheets as Excel leaves them, statements as senders fill them, and how they are merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import ConfigError, RetryLater
from connector.learners import directory, merging
from connector.learners.sources import sheet as sheet_source
from connector.learners.sources.fields import learner
from connector.learners.sources.sheet import SheetFile
from connector.records import ActorKey, Found, Learner
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
        ("e-mail,npi\na,b\n", "config.sheet_column", 'did you mean "email"?'),
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
    plain = sheet_source.read_csv
    monkeypatch.setattr(sheet_source, "read_csv", lambda *args, **named: reads.append(1) or plain(*args, **named))
    assert len(fetched(sheet, MAIL)) == len(fetched(sheet, MAIL)) == len(reads) == 1
    write_sheet(sheet, [BORIS])
    assert fetched(sheet, MAIL) == {}
    assert len(reads) == 2


def test_a_sheet_that_changes_while_it_is_read_is_read_later(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = sheet_source.read_csv

    def and_meanwhile(*args: object, **named: object) -> object:
        rows = plain(*args, **named)  # type: ignore[arg-type]
        write_sheet(sheet, [ANNA])
        return rows

    monkeypatch.setattr(sheet_source, "read_csv", and_meanwhile)
    with pytest.raises(RetryLater):
        fetched(sheet, MAIL)


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


# --- merging ---


def found(source: str = "csv:x", **cells: str) -> Found:
    return Found(learner=learner(cells, source), keys=(MAIL,))


def test_an_earlier_source_wins_a_field_and_all_of_them_add() -> None:
    first = found(given_name="Zanna", npi="1", rems_state="ME")
    second = Found(learner=learner({"given_name": "Z.", "family_name": "Q", "npi": "2"}, "statement"), keys=(ACCOUNT,))
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
