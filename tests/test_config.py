"""config.yaml: everything is documented, nothing secret stands in it, and a mistake is named with its place."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from connector import config
from connector.config import Secret
from connector.errors import ConfigError
from connector.pars.wire import Wire

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"

SMALLEST = """
providers:
  - id: "0001234"
    name: Example CME
    zone: America/Chicago
    domain: example.org
    environment: rehearsal
    credentials: {provider_id: "0001234", user: u, password: {env: PARS_PASSWORD}}
sources:
  - name: lrs
    endpoint: http://127.0.0.1:9/xapi
    login: {user: u, password: {env: LRS_PASSWORD}}
"""


def load(folder: Path, text: str) -> config.Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return caught.value


def fields(model: type[BaseModel]) -> set[str]:
    """Every setting's name, through all blocks; the wire table has a page of its own."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(name)
        for part in _models(field.annotation):
            names |= set() if part is Wire else fields(part)
    return names


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def test_the_example_loads() -> None:
    loaded = config.load(EXAMPLE)
    assert loaded.providers[0].id == "0001234"
    assert loaded.sources[0].overlap == timedelta(seconds=120)


@pytest.mark.parametrize("name", sorted(fields(config.Config)))
def test_the_example_names_every_setting(name: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert f"{name}:" in text or f"{{{name}" in text, f"config.example.yaml does not show `{name}`"


def test_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    loaded = load(tmp_path, SMALLEST)
    assert loaded.mappings == tmp_path / "mappings"
    assert loaded.store.url == f"sqlite:///{tmp_path}/data/pars-connector.db"


def test_a_literal_password_is_refused_and_not_repeated(tmp_path: Path) -> None:
    error = refused(tmp_path, SMALLEST.replace("{env: PARS_PASSWORD}", "Tr0ub4dor"))
    assert "Tr0ub4dor" not in str(error)
    assert "{env: NAME}" in str(error)
    assert "config.yaml:8:" in str(error)


def test_an_unknown_key_is_named_with_its_place_and_the_likely_one(tmp_path: Path) -> None:
    error = refused(tmp_path, SMALLEST.replace("endpoint:", "endpiont:"))
    assert "config.yaml:11:5" in str(error)
    assert 'did you mean "endpoint"' in str(error)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('- id: "0001234"', "- id: 1234", "providers[0].id"),
        ("America/Chicago", "Chicago", "time zone"),
        ("rehearsal", "staging", "environment"),
        ("endpoint: http://127.0.0.1:9/xapi", "endpoint: lrs.example.org", "endpoint"),
        ("sources:", "every: soon\nsources:", "every"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in str(refused(tmp_path, SMALLEST.replace(old, new, 1)))


PASSWORD_IN_IT = "Tr0ub4dor"


@pytest.mark.parametrize(
    "address",
    [
        f"http://ann:{PASSWORD_IN_IT}@lrs.example.org/xapi",
        f"https://ann:{PASSWORD_IN_IT}\u2100@lrs.example.org",
        f"https://{PASSWORD_IN_IT}@lrs.example.org",
        f"https://lrs.example.org/xapi?key={PASSWORD_IN_IT}",
        "https://lrs.example.org/xapi?",
        f"https://lrs.example.org#{PASSWORD_IN_IT}",
        "https:///xapi",
        "https://lrs.example.org:99999",
        f"https://[{PASSWORD_IN_IT}",
    ],
)
def test_an_address_is_a_host_and_a_path_and_holds_no_password(tmp_path: Path, address: str) -> None:
    settings = [("http://127.0.0.1:9/xapi", "sources[0].endpoint"), ("http://127.0.0.1:8/pars", "base_url")]
    text = SMALLEST.replace("environment:", "base_url: http://127.0.0.1:8/pars\n    environment:")
    for good, name in settings:
        error = refused(tmp_path, text.replace(good, f'"{address}"'))
        assert (name in str(error), PASSWORD_IN_IT in str(error)) == (True, False)


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("https://lrs.example.org/xapi", False),
        ("http://lrs.example.org/xapi", True),
        ("http://10.0.0.1:8080/xapi", True),
        ("http://127.0.0.1:8080/xapi", False),
        ("http://[::1]/xapi", False),
        ("http://LOCALHOST/xapi", False),
        ("http://localhost.example.org/xapi", True),
    ],
)
def test_what_is_sent_without_tls_to_another_machine_is_in_the_open(address: str, *, is_open: bool) -> None:
    assert config.in_the_open(address) is is_open


def test_a_secret_that_is_no_text_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", os.fsdecode(b"abc\xff"))
    (tmp_path / "secret").write_bytes(b"abc\xff")
    for where in ({"env": "A_SECRET"}, {"file": tmp_path / "secret"}):
        with pytest.raises(ConfigError) as caught:
            Secret.model_validate(where).reveal()
        assert (caught.value.code, "abc" in str(caught.value)) == ("config.secret_unreadable", False)


@pytest.mark.parametrize(("actor", "good"), [("username", True), ("id", False), ("email", False)])
def test_a_home_page_that_would_be_ignored_is_a_finding(tmp_path: Path, actor: str, *, good: bool) -> None:
    moodle = f"{{site: https://moodle.example.edu, token: {{env: T}}, home_page: https://x.example, actor: {actor}}}"
    head, tail = SMALLEST.split("endpoint:")
    text = f"{head}moodle: {moodle}\n    endpoint:{tail}"
    if good:
        written = tmp_path / "config.yaml"
        written.write_text(text, encoding="utf-8")
        assert config.load(written).sources[0].moodle is not None
        return
    error = refused(tmp_path, text)
    assert ("moodle.home_page" in str(error), "`actor: username` only" in str(error)) == (True, True)


def test_two_providers_with_one_id_are_refused(tmp_path: Path) -> None:
    head, tail = SMALLEST.split("sources:")
    entry = head.split("providers:\n")[1]
    assert "provider id" in str(refused(tmp_path, f"providers:\n{entry}{entry}sources:{tail}"))


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "nowhere.yaml")
    assert "config.example.yaml" in caught.value.hint


def test_secrets_come_from_where_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "from the environment")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "kept").write_text("from a file\n", encoding="utf-8")
    assert config.Secret(env="A_SECRET").reveal().get_secret_value() == "from the environment"
    assert config.Secret(file=tmp_path / "kept").reveal().get_secret_value() == "from a file"
    assert config.Secret(credential="kept").reveal().get_secret_value() == "from a file"


def test_a_secret_that_is_not_there_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ConfigError, match="NOT_SET"):
        config.Secret(env="NOT_SET").reveal()


@pytest.mark.parametrize("text", ["5", "5 minutes", "-1s", "1.5h", ""])
def test_a_duration_needs_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match="90s"):
        config.duration(text)


def test_models_never_show_their_input() -> None:
    with pytest.raises(ValidationError) as caught:
        config.Login.model_validate({"user": "u", "password": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("  learner_sheet: {more: -1}", "14:25"),
        ("  learner_sheet: {birth: YYYY}", "14:26"),
        ("  rems_sheet: {sheet: 'a/b'}", "14:23"),
        ("  receipts: {results: {taken: [Yes], refused: [YES]}}", "14:23"),
        ("  ja_pars: {xml_service: {filler_year: 1999}}", "14:40"),
        ("  ja_pars:\n    learner_sheet:\n      actoin: Action", "16:7"),
        ("  xml_service: {calls: {save: DELETE /learner-activities}}", "14:31"),
    ],
)
def test_a_wrong_entry_of_the_wire_table_is_named_with_its_place(tmp_path: Path, lines: str, place: str) -> None:
    error = refused(tmp_path, f"{SMALLEST}wire:\n{lines}\n")
    assert f"config.yaml:{place}" in str(error)
