"""Does everything around us answer? Each answer is something a person can act on."""

from __future__ import annotations

import pytest

from connector.config import Config, ProviderConfig, SourceConfig
from connector.inquiry.check import CHECKS, Checked
from connector.sandbox.server import Sandbox
from tests.learners.middle import Middle

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
