"""The reference names everything that a mapping file may say, and every code that it may draw."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from connector.mapping.cases import form as cases
from connector.mapping.language import conditions, functions, offers, rules, short_names
from connector.mapping.loader import Defaults, from_texts, load
from tests.docs.source_codes import log_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "mapping.md").read_text()
ROOM = ROOT / "connector" / "mapping"
SOURCES = [*ROOM.rglob("*.py"), ROOT / "connector" / "yamlfile.py"]
FORMS = [
    rules.MappingFile, rules.FileDefaults, rules.Rule, rules.AlsoRequires, rules.Catalogue, rules.CompletedOn,
    offers.CmeCredit, offers.MocCredit, offers.Computed, offers.Rems, cases.RuleTest, cases.Expected,
]  # fmt: skip


def test_every_condition_function_and_short_name() -> None:
    words = [*conditions.NAMES, *functions.FUNCTIONS, *short_names.VERBS, *short_names.ACTIVITY_TYPES]
    assert [word for word in words if f"`{word}`" not in PAGE] == []


@pytest.mark.parametrize("form", FORMS)
def test_every_key(form: type[rules.Rule]) -> None:
    keys = [field.alias or name for name, field in form.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_every_code() -> None:
    used = {code for source in SOURCES for code in re.findall(r'"((?:mapping|config)\.[a-z_]+)"', source.read_text())}
    assert sorted(code for code in used - log_names() if f"`{code}`" not in PAGE) == []


def test_every_example_is_a_valid_file_or_part_of_a_rule() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    sheet = json.dumps([{"line": 2, "cells": {"object_id": "urn:x", "activity_id": "203512345", "credits": "1"}}])
    first = yaml.safe_load(examples[0])
    for example in examples:
        if example.startswith("version"):
            assert from_texts({"a.yaml": example, "courses.csv": sheet}, Defaults({"0001234": "UTC"})).rules
        else:
            first["rules"][0] |= yaml.safe_load(example)
    text = yaml.safe_dump(first).replace("'2026-03-10'", "2026-03-10")
    assert len(from_texts({"a.yaml": text}).rules) == 1


def test_the_catalogue_of_the_page_can_be_read(tmp_path: Path) -> None:
    (sheet,) = re.findall(r"```\n(object_id.*?)```", PAGE, re.DOTALL)
    (rules_,) = (one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "courses.csv" in one)
    (tmp_path / "courses.csv").write_text(sheet)
    (tmp_path / "a.yaml").write_text(rules_)
    assert [entry.activity for entry in load(tmp_path).rules[0].rows.values()] == ["203512345", "203512346", ""]
