"""Everything that lint says: of the mapping files, and of them beside the activity sheets. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connector import activities
from connector.config import Config, ProviderConfig
from connector.errors import ConfigError, MappingError
from connector.findings import Finding
from connector.mapping import loader
from connector.mapping.cases import files as case_files
from connector.mapping.cases.files import Case, UnreadableError
from connector.mapping.checks import Registered
from connector.mapping.loader import Defaults
from connector.mapping.rule_files import defaults_of


def findings(folder: Path, config: Config | None) -> list[Finding]:
    """All errors and warnings about a folder, in the order of its files.

    Without a configuration nothing is said of providers, sources and activity sheets. A sheet that cannot be read is a
    finding like any other.
    """
    if config is None:
        found = loader.lint(folder)
        return found + _of_cases(folder, Defaults(), found)
    unreadable: list[Finding] = []
    sheets = {one.id: rows for one in config.providers if (rows := _registered(one, unreadable)) is not None}
    found = loader.lint(folder, defaults_of(config), sheets)
    return found + _of_cases(folder, defaults_of(config), found) + unreadable


def _of_cases(folder: Path, defaults: Defaults, of_rules: list[Finding]) -> list[Finding]:
    """What is wrong with the *.test.yaml files; nothing while the rules that they name cannot be read."""
    if any(one.level == "error" for one in of_rules):
        return []
    ruleset = loader.load(folder, defaults)
    try:
        cases = case_files.cases_of(ruleset, folder, case_files.documents_of(ruleset, folder))
    except MappingError as error:
        return list(error.findings)
    return [finding for case in cases for finding in _unreadable(case)]


def _unreadable(case: Case) -> Iterator[Finding]:
    """A warning: rules go live without their tests."""
    try:
        case.statements()
    except UnreadableError as error:
        message = f"the statement of the test `{case.test.name}` cannot be read: {error}"
        place = case.document.where(case.loc)
        yield case.document.finding("mapping.no_statement", place, message, error.hint, "warning")


def _registered(provider: ProviderConfig, unreadable: list[Finding]) -> dict[str, Registered] | None:
    if provider.activities is None:
        return None
    try:
        rows = activities.read(provider)
    except ConfigError as error:
        whole = Finding(
            level="error", code=error.code, path=str(provider.activities), message=error.message, hint=error.hint
        )
        unreadable += error.findings or (whole,)
        return None
    return {
        row.activity_id: Registered(most=row.credits, boards=tuple(row.boards), rems_type=row.rems_type) for row in rows
    }
