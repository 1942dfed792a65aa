"""The reference names everything that a mapping file may say, and every code that it may draw."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from connector.mapping import cases, conditions, functions, offers, rules, short_names
from connector.mapping.loader import from_texts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "mapping.md").read_text()
SOURCES = [*(ROOT / "connector" / "mapping").glob("*.py"), ROOT / "connector" / "yamlfile.py"]
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
    in_the_log = {"mapping.refused", "mapping.mended", "mapping.activated"}
    assert sorted(code for code in used - in_the_log if f"`{code}`" not in PAGE) == []


def test_the_example_is_a_valid_file() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(from_texts({"a.yaml": examples[0]}).rules) == 1
    whole = yaml.safe_load(examples[0])
    for example in examples[1:]:
        whole["rules"][0] |= yaml.safe_load(example)
    text = yaml.safe_dump(whole).replace("'2026-03-10'", "2026-03-10")
    assert len(from_texts({"a.yaml": text}).rules) == 1
