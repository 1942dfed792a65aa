"""Sources that are elsewhere: how long their answers count, and who waits while one of them is away."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx._transports import default
from sqlmodel import select
from structlog.testing import capture_logs

from connector.inquiry import check
from connector.learners import directory
from connector.learners.sources import remote
from connector.learners.sources.remote import Remote
from connector.records import ActorKey
from connector.store.tables import LearnerRow
from tests.learners.house import QUERY, Endpoint, database, settings
from tests.learners.middle import ANNA, BORIS, SITE, Middle, account, laid_out, statement, voiding

TRUST = ssl.create_default_context()
MAIL = ActorKey("mbox:anna@example.org")
ACCOUNT = ActorKey(f"account:{SITE}|3")
NOBODY = ActorKey("mbox:nobody@example.org")
DOWN = (503, b"", {"Retry-After": "20"})
HOUR = timedelta(hours=1)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(default, "create_ssl_context", lambda **_: TRUST)
    monkeypatch.setattr(remote, "back_off", lambda tries, first, most: min(first * 2 ** (tries - 1), most))
    with Endpoint().serving() as endpoint:
        yield endpoint


@pytest.fixture
def beside(tmp_path: Path, house: Endpoint) -> Iterator[Callable[..., Middle]]:
    """`beside(source, ...)`: a provider's folder with these learner sources."""
    made: list[Middle] = []

    def make(*sources: dict[str, Any], **more: Any) -> Middle:
        made.append(laid_out(tmp_path, learners={"sources": [*sources], **more}))
        return made[-1]

    yield make
    for one in made:
        one.store.dispose()


def remote_of(place: Middle, number: int = 0) -> Remote:
    source = directory.sources(place.config, place.store)[number]
    assert isinstance(source, Remote)
    return source


def gets(house: Endpoint) -> list[str]:
    asked = [str(said) for method, said in house.asked if method == "GET"]
    house.asked.clear()
    return asked


def events(logs: list[Any], name: str = "learner.source_") -> list[tuple[str, str]]:
    return [(line["event"], line.get("code", "")) for line in logs if line["event"].startswith(name)]


def test_an_answer_counts_for_a_while_and_nobody_for_a_shorter_one(
    beside: Callable[..., Middle], house: Endpoint
) -> None:
    place = beside(settings(house, "email") | {"cache": "24h"}, refresh="1h")
    keys = [MAIL, NOBODY, ACCOUNT]

    def asked(*, later: timedelta, anew: bool = False) -> list[str]:
        place.clock += later
        with place.at():
            source = remote_of(place)
            heard = (source.anew() if anew else source).ask(keys)
        assert ({*heard.answers}, heard.silent) == ({MAIL}, set())
        return gets(house)

    both = ["anna@example.org", "nobody@example.org"]
    assert asked(later=timedelta(0)) == both
    assert asked(later=timedelta(minutes=59)) == []
    assert asked(later=timedelta(minutes=1)) == both[1:]
    assert asked(later=timedelta(0), anew=True) == both[:1]
    assert asked(later=timedelta(0), anew=True) == [], "what was said this moment is new enough"
    assert asked(later=timedelta(minutes=1), anew=True) == both
    assert asked(later=24 * HOUR - timedelta(seconds=1)) == both[1:]
    assert asked(later=timedelta(seconds=1)) == both[:1]
    assert asked(later=-48 * HOUR) == both, "a clock that was ahead keeps no answer alive"


def test_no_more_answers_are_kept_than_there_is_room_for(
    beside: Callable[..., Middle], house: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_KEPT", 2)
    place = beside(settings(house))
    for number in range(5):
        remote_of(place).ask([ActorKey(f"mbox:p{number}@example.org"), MAIL])
    assert len(remote_of(place).memory.answers) == 2
    assert "anna" not in repr(remote_of(place).memory)


def test_while_a_source_is_away_only_those_wait_whom_it_may_know(
    beside: Callable[..., Middle], house: Endpoint
) -> None:
    place = beside({"sheet": "learners.csv"}, settings(house, "email"))
    sheet = directory.SheetSource(sheet=place.folder / "learners.csv")
    learners = place.config.learners.model_copy(update={"sources": (sheet, *place.config.learners.sources[1:])})
    place.config = place.config.model_copy(update={"learners": learners})
    place.sheet(ANNA | {"email": ""}, BORIS | {"email": ""})
    house.people = [ANNA | {"home_page": "https://else.example"}]
    house.fault = DOWN
    place.post(statement(1), statement(2, actor=account("4")))
    with capture_logs() as logs:
        for _ in range(3):
            place.run(later=timedelta(seconds=5))
    assert events(logs) == [("learner.source_silent", "learner.failing")]
    assert [line["source"] for line in logs if line["event"] == "learner.source_silent"] == ["http:127.0.0.1"]
    assert len(gets(house)) == 1, "Retry-After is kept to"
    assert [row.award_id is None for row in place.evidence()] == [True, False]
    with place.credits() as rows:
        assert [row.state for row in rows] == ["ready"]
    house.fault = None
    with capture_logs() as logs:
        place.run(later=timedelta(seconds=30))
        place.run()
    assert events(logs) == [("learner.source_speaks", "")]
    assert [row.award_id is None for row in place.evidence()] == [False, False]


def test_another_reason_is_said_and_the_pauses_grow(beside: Callable[..., Middle], house: Endpoint) -> None:
    place = beside(settings(house, "email"))
    place.post(statement(1))
    house.fault = (500, b"", {})
    with capture_logs() as logs:
        for seconds in (0, 14, 1, 29, 1, 59):
            place.run(later=timedelta(seconds=seconds))
        assert len(gets(house)) == 3
        house.fault = (401, b"", {})
        place.run(later=timedelta(seconds=1))
    assert events(logs) == [("learner.source_silent", "learner.failing"), ("learner.source_silent", "learner.refused")]
    assert [line["who"] for line in logs if line["event"] == "learner.source_silent"] == ["", "operator"]


def test_a_waiting_learner_is_asked_about_anew_and_left_alone_in_an_outage(
    beside: Callable[..., Middle], house: Endpoint
) -> None:
    place = beside(settings(house, "email") | {"cache": "24h"}, refresh="1h")
    house.people = [ANNA | {"consent": ""}]
    place.post(statement(1)).run()
    assert (place.only().state, place.only().reason) == ("held", "learner.no_consent")
    with place.store.reading() as session:
        before = session.exec(select(LearnerRow)).one()
    house.people, house.fault = [ANNA], DOWN
    for _ in range(2):
        place.run(later=HOUR)
    with place.store.reading() as session:
        assert session.exec(select(LearnerRow)).one() == before
    assert place.only().reason == "learner.no_consent"
    house.fault = None
    place.run(later=HOUR)
    assert place.only().state == "ready"


def test_known_keys_of_one_person_wait_together(beside: Callable[..., Middle], house: Endpoint) -> None:
    """The endpoint knows mailboxes only; by the sheet, account 3 is Anna's as well."""
    sheet = {"sheet": "learners.csv"}
    place = beside(sheet, settings(house, "email"))
    found = directory.SheetSource(sheet=place.folder / "learners.csv")
    learners = place.config.learners.model_copy(update={"sources": (found, *place.config.learners.sources[1:])})
    place.config = place.config.model_copy(update={"learners": learners})
    house.fault = DOWN
    place.post(statement(1, actor=account("3")))
    place.run()
    assert place.awards() == []
    house.fault = None
    place.run(later=timedelta(minutes=1))
    assert len(place.awards()) == 1


def test_what_is_voided_is_followed_while_a_source_is_away(beside: Callable[..., Middle], house: Endpoint) -> None:
    place = beside(settings(house, "email"))
    place.post(statement(1)).run()
    assert place.only().state == "ready"
    house.fault = DOWN
    place.post(voiding(2, 1)).run(later=25 * HOUR)
    assert place.only().wanted == "absent"


def test_a_cached_answer_opens_an_award_in_an_outage(beside: Callable[..., Middle], house: Endpoint) -> None:
    place = beside(settings(house, "email") | {"cache": "24h"})
    place.post(statement(1)).run()
    house.fault = DOWN
    other = {"id": f"{SITE}/course/view.php?id=43"}
    place.post(statement(2, object=other, timestamp="2026-03-11T15:00:00Z")).run(later=HOUR)
    assert [row.award_id is None for row in place.evidence()] == [False, False]


def test_one_learner_at_whom_a_source_stumbles_keeps_nobody_else_waiting(
    beside: Callable[..., Middle], house: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = house.answer

    def stumbles(method: str, path: str, body: bytes) -> Any:
        said = plain(method, path, body)
        return (500, b"", {}) if b"p0@" in body else said

    monkeypatch.setattr(house, "answer", stumbles)
    place = beside(settings(house))
    keys = [ActorKey(f"mbox:p{number}@example.org") for number in range(40)]
    with capture_logs() as logs:
        for minute in range(3):
            place.clock += timedelta(minutes=minute)
            with place.at():
                heard = remote_of(place).ask(keys)
    assert heard.silent == {ActorKey("mbox:p0@example.org")}
    assert events(logs)[-1] == ("learner.source_skips", "learner.failing")
    assert [name for name, _ in events(logs)].count("learner.source_skips") == 1
    assert "p0@" not in str(logs)
    asked = len(house.asked)
    with place.at():
        assert remote_of(place).ask(keys).silent == heard.silent
    assert len(house.asked) == asked, "it is left in peace for a while"
    monkeypatch.setattr(house, "answer", plain)
    place.clock += timedelta(minutes=61)
    with place.at():
        assert remote_of(place).ask(keys).silent == set()


def test_an_answer_that_makes_us_stumble_is_silence(
    beside: Callable[..., Middle], house: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_: Any) -> Any:
        raise ValueError("anna@example.org")

    place = beside(settings(house, "email"))
    monkeypatch.setattr("connector.learners.sources.http_json.HttpPeople.fetch", stumbles)
    with capture_logs() as logs:
        assert place.post(statement(1)).run()["problem"] == 0
    assert events(logs) == [("learner.source_silent", "connector.unexpected")]
    assert "anna" not in str(logs)
    assert "ValueError" in str(logs)


def test_a_daemon_that_stops_waits_for_no_source(beside: Callable[..., Middle], house: Endpoint) -> None:
    place = beside(settings(house, "email"))
    place.store.stopping.set()
    heard = remote_of(place).ask([MAIL])
    assert (heard.answers, heard.silent, gets(house)) == ({}, {MAIL}, [])


def test_two_sources_of_one_kind_have_two_names(beside: Callable[..., Middle], house: Endpoint) -> None:
    sql = {"sql": {"url": {"env": "A"}, "query": QUERY}}
    place = beside({"sheet": "a/people.csv"}, sql, settings(house), sql, settings(house, "email"), sql)
    assert directory.names(place.config) == [
        "sheet:people.csv", "sql", "http:127.0.0.1", "sql:2", "http:127.0.0.1:2", "sql:3",
    ]  # fmt: skip
    memories = [remote_of(place, number).memory for number in (1, 3)]
    assert memories[0] is not memories[1]
    assert memories[0] is remote_of(place, 1).memory


def checked(place: Middle) -> dict[str, list[tuple[bool, str]]]:
    found: dict[str, list[tuple[bool, str]]] = {}
    for one in check.learners(place.config, place.store):
        found.setdefault(one.what.removesuffix(" on the known learner"), []).append((one.good, one.message))
        assert not [said for said in (*ANNA.values(), *BORIS.values()) if len(said) > 4 and said in one.message]
    return found


def test_check_says_which_source_answers(
    beside: Callable[..., Middle], house: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HR", database(tmp_path / "hr.db"))
    sql = {"sql": {"url": {"env": "HR"}, "query": QUERY, "home_page": SITE}}
    place = beside(settings(house, "email"), sql, settings(house, "account"))
    assert {name: said[0] for name, said in checked(place).items()} == {
        "learner source http:127.0.0.1": (True, "answers"),
        "learner source sql": (True, "answers"),
        "learner source http:127.0.0.1:2": (True, "answers"),
    }
    assert len(gets(house)) == 2
    monkeypatch.setenv("HR", f"sqlite:///{tmp_path}/none.db")
    house.fault = (403, b"", {})
    with capture_logs() as logs:
        assert [said[0][0] for said in checked(place).values()] == [False, False, False]
    assert logs == [], "the answers on the screen are enough"


def test_check_names_what_is_missing_of_a_known_learner(
    beside: Callable[..., Middle], house: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The endpoint is asked by an account that only the database tells; its field for the NPI was renamed."""
    monkeypatch.setenv("HR", database(tmp_path / "hr.db", ANNA | {"birth_day": "", "consent": ""}, BORIS))
    sql = {"sql": {"url": {"env": "HR"}, "query": QUERY, "home_page": SITE}}
    fields = {"npi": "npi_number", "family_name": "family_name"}
    place = beside(sql, settings(house, "account", fields=fields), known=str(MAIL))
    found = checked(place)
    assert found["sql"] == [
        (True, "says ABIM, NPI, family_name, given_name, profession"),
        (False, "sql says nothing under birth_day of this learner"),
        (False, "sql says nothing under consent of this learner"),
    ]
    assert found["http:127.0.0.1"] == [
        (True, "says family_name"),
        (False, "http:127.0.0.1 says nothing under npi of this learner"),
    ]
    assert found["all learner sources"] == [(False, "no source says birth_day, consent")]


def test_check_says_of_whom_a_source_cannot_be_asked(beside: Callable[..., Middle], house: Endpoint) -> None:
    place = beside(settings(house, "account"), known="openid:https://id.example.org/anna")
    assert "cannot be asked for this kind of actor" in checked(place)["http:127.0.0.1"][0][1]
    assert gets(house) == ["nobody"]
