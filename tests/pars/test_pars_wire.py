"""The wire tables: defaults as wire.md has them, single entries overridable, guesses listed while they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from connector.pars.wire import Wire, unverified
from connector.pars.wire.services import AR1, JsonWire, XmlWire

PAGE = (Path(__file__).parents[2] / "docs/reference/wire.md").read_text(encoding="utf-8")


def value_at(table: BaseModel, dotted: str) -> object:
    for name in dotted.split("."):
        table = getattr(table, name)
    return table


# said in other words on the page, or left to the provider
ELSEWHERE = ("answers.", "base_url", "certifications", "asked_birth", "mycophenolate", "opioid_analgesic")


@pytest.mark.parametrize("name", unverified(Wire()))
def test_every_guess_is_on_the_page(name):
    value = value_at(Wire(), name)
    if any(part in name for part in ELSEWHERE) or value in ("", ()):
        return
    words = [str(word) for word in (value if isinstance(value, tuple) else (value,))]
    assert all(word in PAGE for word in words), f"{name} = {value!r} is not in wire.md"


def test_what_is_confirmed_is_not_called_a_guess():
    guesses = unverified(XmlWire())
    assert "calls.save" in guesses
    assert not {"report.root", "report.activity_report", "words.accepted", "credentials.user"} & set(guesses)
    assert "calls.save" not in unverified(JsonWire())


def test_one_entry_changes_no_other_and_is_no_guess_any_more():
    told = XmlWire.model_validate({"calls": {"save": "PUT /save"}, "words": {"taken": ["Received"]}})
    assert (told.calls.save, told.calls.match) == ("PUT /save", "POST /GetLearnerMatch")
    assert told.words.deleted == ("Deleted",)
    gone = set(unverified(XmlWire())) - set(unverified(told))
    assert gone == {"calls.save", "words.taken"}


@pytest.mark.parametrize(
    "entry",
    [
        {"no_such": 1},
        {"calls": {"savee": "POST /x"}},
        {"calls": {"save": "/x"}},
        {"calls": {"save": "DELETE /x"}},
        {"credentials": {"where": "cookie"}},
        {"filler_year": 1900},
        {"filler_year": 4},
        {"replies": {"save": "two words"}},
        {"words": {"taken": ["accepted"]}},
        {"answers": {"save": {"no": [200]}}},
        {"base_url": "parsii.accme.org"},
        {"rems": {"opioid_analgesic": {"label": "x"}}},
    ],
)
def test_what_a_table_refuses(entry):
    with pytest.raises(ValidationError):
        XmlWire.model_validate(entry)


def test_json_never_puts_credentials_into_a_body():
    with pytest.raises(ValidationError):
        JsonWire.model_validate({"credentials": {"where": "body"}})


def test_tables_are_frozen_and_their_namespaces_the_standards():
    with pytest.raises(ValidationError):
        XmlWire().base_url = ""  # type: ignore[misc]
    assert XmlWire().report.extension == AR1


def test_nothing_of_ja_pars_goes_to_the_host_of_pars():
    told = Wire.model_validate({"ja_pars": {"xml_service": {"calls": {"save": "PUT /save"}}}})
    assert [told.of("ja-pars").xml_service.base_url, Wire().of("ja-pars").xml_service.base_url] == ["", ""]
    assert told.of("pars").xml_service.base_url == XmlWire().base_url
