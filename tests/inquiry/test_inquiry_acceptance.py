"""ACCME's test learners: taken in by cell, tried one by one on the test site, and nothing of them stays there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sqlmodel import select

from connector.errors import ConfigError
from connector.inquiry import acceptance, acceptance_learners
from connector.inquiry.acceptance import Round
from connector.store.tables import Credit, TestLearner
from tests.delivery.workplace import STEWARDSHIP, Delivery

HEADER = ["First Name", "Last Name", "Date of Birth", "NPI", "Licensing State", "Licensing ID", "Certifying Board",
          "Certifying Board ID"]  # fmt: skip


@pytest.fixture
def site(delivery: Delivery) -> Delivery:
    provider = delivery.config.providers[0].model_copy(update={"environment": "test"})
    delivery.set(providers=(provider,))
    return delivery


def sheet(place: Delivery, *people: str, rows: list[list[str]] | None = None) -> Path:
    path = place.folder / "test-learners.csv"
    known = [place.sandbox.world.people[name] for name in people]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([one.given, one.family, one.birth[-5:].replace("-", "/"), one.npi] for one in known)
        writer.writerows(rows or [])
    return path


def load(place: Delivery, path: Path) -> int:
    return acceptance_learners.load(place.store, place.config.providers[0], path)


def run(place: Delivery, record: Path | None = None) -> list[Round]:
    provider = place.config.providers[0]
    return list(acceptance.run(place.store, place.config, provider, STEWARDSHIP, lambda _: None, record))


def held(place: Delivery) -> list[tuple[str, str]]:
    return [(one.credit_id, one.state) for one in place.sandbox.pars.held()]


@pytest.mark.parametrize("environment", ["rehearsal", "production"])
def test_they_are_of_use_on_the_test_site_alone(site: Delivery, environment: str) -> None:
    path = sheet(site, "aoneill")
    load(site, path)
    provider = site.config.providers[0].model_copy(update={"environment": environment})
    site.set(providers=(provider,))
    for ask in (lambda: load(site, path), lambda: run(site)):
        with pytest.raises(ConfigError) as refused:
            ask()
        assert refused.value.code == "config.not_test"
    assert site.sandbox.pars.log == []


def test_each_goes_through_everything_and_nothing_stays(site: Delivery) -> None:
    assert load(site, sheet(site, "aoneill", "bachebe")) == 2
    assert [one.step for one in run(site)] == ["", ""]
    assert {state for _, state in held(site)} == {"Deleted"}
    assert len(held(site)) == 2
    assert site.sandbox.check([one for one, _ in held(site)]) == []
    with site.store.reading() as session:
        assert session.exec(select(Credit)).all() == []


def test_no_two_rounds_share_a_credit_id(site: Delivery) -> None:
    load(site, sheet(site, "aoneill"))
    run(site)
    load(site, sheet(site, "aoneill"))  # as it was
    run(site)
    ids = [one for one, _ in held(site)]
    assert len(set(ids)) == 2


def test_who_is_not_known_ends_at_the_match_and_the_others_go_on(site: Delivery) -> None:
    load(site, sheet(site, "aoneill", rows=[["Nobody", "Vantongeren", "02/29", "1245319599"]]))
    found = {one.step: one.code for one in run(site)}
    assert found == {"": "", "match": "pars.no_match"}


@pytest.mark.parametrize("fault", ["cut-before-reply", "error-500-stored", "missing-outcomes", "truncated"])
def test_a_save_without_an_answer_is_asked_about(site: Delivery, fault: str) -> None:
    load(site, sheet(site, "aoneill"))
    site.sandbox.switch(fault, operation="save")
    run(site)
    run(site)
    assert {state for _, state in held(site)} == {"Deleted"}


def test_what_was_left_behind_is_taken_away_first(site: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after Ctrl-C between the save and the delete."""
    load(site, sheet(site, "aoneill"))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(acceptance._Try, "_remove", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(site)
    assert [state for _, state in held(site)] == ["Accepted"]
    run(site)
    assert [state for _, state in held(site)] == ["Deleted", "Deleted"]


def test_a_sheet_is_refused_by_cell_and_nothing_of_it_is_taken(site: Delivery) -> None:
    rows = [["", "Vantongeren", "13/41", "1245319599"], ["Zanna", "Quixley", "02/29", "1234567890"]]
    with pytest.raises(ConfigError) as refused:
        load(site, sheet(site, "aoneill", rows=rows))
    assert {(one.line, one.column) for one in refused.value.findings} == {(3, 1), (3, 3), (4, 4)}
    with site.store.reading() as session:
        assert session.exec(select(TestLearner)).all() == []


def test_a_recording_of_them_names_nobody(site: Delivery, tmp_path: Path) -> None:
    load(site, sheet(site, "aoneill"))
    assert [one.step for one in run(site, tmp_path / "kept")] == [""]
    whole = b"".join(path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file())
    person = site.sandbox.world.people["aoneill"]
    assert not any(mark.encode() in whole for mark in (person.given, person.family, person.npi))
    assert b"Given" in whole
