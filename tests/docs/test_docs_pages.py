"""Links lead somewhere, examples are YAML, and nothing of the machine that this was written on stands in any file."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT, anchors, blocks, files, pages, without_code

FORBIDDEN = ["/wor" + "k/", "shar" + "ed/", "pypi" + ".org", "python" + "hosted", "npm" + "js.", "--index" + "-url"]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = without_code(page.read_text(encoding="utf-8"))
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        known = anchors(target.read_text(encoding="utf-8")) if anchor and target.is_file() else {anchor}
        if not target.exists() or anchor not in known:
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_every_yaml_example_is_yaml(page: Path) -> None:
    for example in blocks(page.read_text(encoding="utf-8"), "yaml"):
        assert yaml.safe_load(example)


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_file_names_what_is_not_of_the_project(word: str) -> None:
    assert [_name(path) for path in files() if word.encode() in path.read_bytes()] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)", index)}
    assert [_name(path) for path in pages() if "docs" in path.parts and path.name != "index.md" and path not in named] == []


def test_the_compose_file_keeps_the_root_read_only_and_the_secrets_in_files() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["pars-connector"]
    assert service["read_only"] is True
    assert set(service["secrets"]) == set(compose["secrets"])
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_the_unit_does_not_restart_what_a_person_must_mend() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    unit.read(ROOT / "deploy" / "pars-connector.service", encoding="utf-8")
    assert unit["Service"]["RestartPreventExitStatus"] == "2 3"
    assert unit["Service"]["ExecStart"].endswith(" run")


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER 10001:10001" in lines
    assert any("healthcheck" in line for line in lines)
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert all((ROOT / name).exists() for names in copied for name in names)
