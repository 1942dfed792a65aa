"""Links lead somewhere, examples are YAML, and nothing of the machine that this was written on stands in any file."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import click
import pytest
import yaml

from connector.cli import main
from tests.docs.pages import ROOT, anchors, blocks, files, pages, without_code

FORBIDDEN = ["/wor" + "k/", "shar" + "ed/", "pypi" + ".org", "python" + "hosted", "npm" + "js.", "--index" + "-url"]
COMMAND = re.compile(r"pars-connector(?! pars-connector)(?: (?:-c|--config) \S+)? ([a-z][a-z-]*)(?: ([a-z]+))?")


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


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Pages that say what is not there yet name such commands without the program's name."""
    text = page.read_text(encoding="utf-8")
    named = [found for piece in _code(text) for found in COMMAND.findall(piece)]
    known = main.commands
    assert [name for name, _ in named if name not in known] == []
    groups = {name: command.commands for name, command in known.items() if isinstance(command, click.Group)}
    assert [f"{name} {below}" for name, below in named if name in groups and below and below not in groups[name]] == []


def _code(text: str) -> list[str]:
    """What stands in code, one piece a line; fenced blocks up to the words beside a command."""
    fenced = [line.split("   ")[0] + "\n" for block in blocks(text, "") for line in block.splitlines()]
    return fenced + [piece + "\n" for piece in re.findall(r"`([^`\n]+)`", without_code(text))]


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_file_names_what_is_not_of_the_project(word: str) -> None:
    assert [_name(path) for path in files() if word.encode() in path.read_bytes()] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)", index)}
    own = [path for path in pages() if path.is_relative_to(ROOT / "docs") and path.name != "index.md"]
    assert [_name(path) for path in own if path not in named] == []


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
