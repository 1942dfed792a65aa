"""Does everything around us answer? Each answer is something a person can act on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import stamina

from connector.config import Config, InletConfig, ProviderConfig, SourceConfig
from connector.inquiry.check import CHECKS, Checked
from connector.sandbox.server import Sandbox
from connector.store.tables import Source, StatementRow
from tests.learners.middle import ANNA, Middle

PASSWORD_IN = "REHEARSAL_PASSWORD"


def asked(place: Middle, what: str) -> list[Checked]:
    return list(CHECKS[what](place.config, place.store))


def pointed_at(sandbox: Sandbox, config: Config) -> Config:
    """The same configuration for the rehearsal's servers."""
    own, secret = sandbox.credentials, {"env": PASSWORD_IN}
    source = config.sources[0].model_dump() | {"endpoint": sandbox.lrs_url}
    source["login"] = {"user": own.lrs_user, "password": secret}
    provider = config.providers[0].model_dump() | {"base_url": sandbox.pars_url}
    provider["credentials"] = {"provider_id": own.provider_id, "user": own.user, "password": secret}
    return config.model_copy(
        update={
            "sources": (SourceConfig.model_validate(source),),
            "providers": (ProviderConfig.model_validate(provider),),
        }
    )


def test_good_rules_and_a_good_sheet_are_good(place: Middle) -> None:
    assert [(one.what, one.good) for one in asked(place, "mappings")] == [("mappings", True)]
    assert [(one.good, one.message) for one in asked(place, "learners")] == [(True, "readable")]


def test_what_is_wrong_is_named_with_its_code_and_its_place(place: Middle) -> None:
    place.rules("\n  - nonsense")
    (place.folder / "learners.csv").unlink()
    (rules,) = asked(place, "mappings")
    (sheet,) = asked(place, "learners")
    assert (rules.good, sheet.good, sheet.code) == (False, False, "config.sheet_missing")
    assert "rules.yaml:3:5" in rules.message
    assert sheet.hint


def test_a_password_that_leaves_the_machine_without_tls_is_said(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names resolve nowhere: what is said needs no answer."""
    monkeypatch.setenv(PASSWORD_IN, "a-password")
    secret = {"env": PASSWORD_IN}
    login = {"token_url": "http://id.invalid/token", "client_id": "c", "client_secret": secret}
    moodle = {"site": "http://moodle.invalid", "token": secret, "timeout": "1s"}
    entry = {"name": "a", "endpoint": "http://lrs.invalid/xapi", "login": login, "moodle": moodle, "timeout": "1s"}
    place.config = place.config.model_copy(update={"sources": (SourceConfig.model_validate(entry),)})
    with stamina.set_testing(True):
        said = [one for what in ("lrs", "moodle") for one in asked(place, what) if one.code == "config.in_the_open"]
    assert [(one.good, one.message.split()[2]) for one in said] == [
        (False, "lrs.invalid:"),
        (False, "id.invalid:"),
        (False, "moodle.invalid:"),
    ]


def test_an_inlet_says_its_address_and_when_the_last_statement_came(
    place: Middle, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"name": "moodle", "inlet": {"user": "moodle", "password": {"env": PASSWORD_IN}}}
    inlet = InletConfig.model_validate(entry)
    place.config = place.config.model_copy(update={"sources": (inlet,)})
    monkeypatch.delenv(PASSWORD_IN, raising=False)
    (without,) = asked(place, "lrs")
    assert (without.what, without.good, without.code) == ("inlet moodle", False, "config.secret_missing")
    monkeypatch.setenv(PASSWORD_IN, "a-password")
    (silent,) = asked(place, "lrs")
    assert (silent.good, "http://127.0.0.1:8417/xapi, for senders on this machine" in silent.message) == (True, True)
    assert ("no statement has come yet" in silent.message, "no daemon is running" in silent.message) == (True, True)
    with place.store.writing() as session:
        session.add(Source(id="moodle", fingerprint=""))
        session.flush()
        at = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
        session.add(StatementRow(source_id="moodle", statement_id="7f8a0c5e", received_at=at))
    (talking,) = asked(place, "lrs")
    assert "the last statement came at 2026-11-03 09:30:00Z" in talking.message


def test_both_servers_are_asked_and_a_wrong_password_is_said(place: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(load=False) as sandbox:
        monkeypatch.setenv(PASSWORD_IN, sandbox.credentials.lrs_password)
        place.config = pointed_at(sandbox, place.config)
        (lrs,) = asked(place, "lrs")
        assert (lrs.good, "1.0.3" in lrs.message) == (True, True)
        (refused,) = asked(place, "pars")
        assert not refused.good
        assert sandbox.credentials.lrs_password not in str(refused)
        monkeypatch.setenv(PASSWORD_IN, sandbox.credentials.password)
        assert [one.good for one in asked(place, "pars")] == [True]
        assert [one.good for one in asked(place, "lrs")] == [False]


def test_nobody_who_is_told_anything_is_said_and_cells_that_will_be_held_are_named(place: Middle) -> None:
    assert [(one.good, "nobody is told" in one.message) for one in asked(place, "notices")] == [(True, True)]
    place.sheet(ANNA | {"npi": "44806"})
    readable, cell = asked(place, "learners")
    assert (readable.good, cell.good, cell.code) == (True, False, "config.sheet_cell")
    assert "44806" not in cell.message + cell.hint
