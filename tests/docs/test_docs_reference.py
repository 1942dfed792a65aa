"""The reference pages name every setting, column and switch that the source has, and none besides."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, get_args

from pydantic import BaseModel

from connector import activities
from connector.config import Config, LearnerField, Secret
from connector.learners.sources import sheet as sheet_source
from connector.pars.wire import Wire
from connector.sandbox import control, faults
from connector.sandbox.pars import ledger
from tests.docs.pages import first_cells, read, section


def settings(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Dotted names of all settings; blocks that only group have none, the wire table has a page of its own."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        below = [one for one in _models(field.annotation) if one not in (Wire, Secret)]
        names |= {prefix + name} if prefix or not below else set()
        for part in below:
            names |= settings(part, f"{prefix}{name}.")
    return names


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def test_every_setting_is_explained_once() -> None:
    _, _, tables = read("configuration.md").partition("\n## ")
    assert Counter(first_cells(tables)) == Counter(settings(Config))


def test_every_form_of_a_secret_is_explained() -> None:
    forms = re.findall(r"^\| `\{(\w+): ", read("configuration.md"), re.MULTILINE)
    assert Counter(forms) == Counter(list(Secret.model_fields))


def test_every_column_of_the_learner_sheet() -> None:
    assert Counter(first_cells(section(read("learners.md"), "## The sheet"))) == Counter(sheet_source.COLUMNS)


def test_every_field_that_a_statement_can_give() -> None:
    named = set(re.findall(r"`(\w+)`", section(read("learners.md"), "## The statement")))
    assert set(get_args(LearnerField)) <= named


def test_every_column_of_the_activity_sheet() -> None:
    page = read("activities.md")
    assert Counter(first_cells(page)) == Counter((*activities.REQUIRED, *activities.OPTIONAL))
    assert set(re.findall(r"^\| `(\w+)` \|.*(?:needed|same)", page, re.MULTILINE)) == set(activities.REQUIRED)


def test_every_fault_of_the_rehearsal() -> None:
    _, _, table = section(read("sandbox.md"), "## Switches").partition("| fault | side |")
    assert Counter(first_cells(table)) == Counter(list(faults.FAULTS))


def test_every_key_of_a_switch() -> None:
    table, _, _ = section(read("sandbox.md"), "## Switches").partition("| fault | side |")
    assert Counter(first_cells(table)) == Counter(list(faults.Switch.__dataclass_fields__))


def test_every_control_page_of_the_rehearsal() -> None:
    assert Counter(first_cells(section(read("sandbox.md"), "## Control pages"))) == Counter(list(control._PAGES))


def test_every_complaint_of_the_ledger() -> None:
    table = section(read("sandbox.md"), "## The check of the ledger")
    assert Counter(first_cells(table)) == Counter(list(ledger.CODES))
