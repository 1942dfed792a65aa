"""The commands for whoever writes rules: lint and test."""

from __future__ import annotations

import click

from connector import terminal
from connector.cli.work import FAILED, Work, pass_work, plainly
from connector.errors import ConfigError
from connector.findings import Finding


@click.command()
@click.option("--format", "style", default="text", show_default=True, type=click.Choice(["text", "json", "github"]))
@pass_work
@plainly
def lint(work: Work, style: str) -> int:
    """Check the mapping files; findings have file:line:column.

    \b
    pars-connector lint
    pars-connector lint --format github         annotations of a pull request
    """
    from connector.mapping import loader
    from connector.mapping.stage import defaults_of

    found = loader.lint(work.config.mappings, defaults_of(work.config))
    errors = [finding for finding in found if finding.level == "error"]
    if style == "json":
        terminal.json_lines(finding.model_dump() for finding in found)
    for finding in found if style != "json" else []:
        terminal.say(str(finding) if style == "text" else _annotation(finding))
    if style == "text":
        terminal.say(f"{len(errors)} errors, {len(found) - len(errors)} warnings in {work.config.mappings}")
    return ConfigError.exit_code if errors else 0


def _annotation(finding: Finding) -> str:
    place = f"file={finding.path},line={finding.line or 1},col={finding.column or 1}"
    return f"::{finding.level.replace('info', 'notice')} {place}::{finding.message}"


@click.command()
@pass_work
@plainly
def test(work: Work) -> int:
    """Run the test cases that stand beside the rules.

    \b
    pars-connector test
    """
    from connector.mapping import rule_tests
    from connector.mapping.stage import defaults_of

    results = rule_tests.run_tests(work.config.mappings, defaults_of(work.config))
    for one in results:
        if not one.passed:
            terminal.say(f"{one.file}: {one.rule}: {one.name}: {one.message}")
    passed = sum(one.passed for one in results)
    terminal.say(f"{passed} passed, {len(results) - passed} failed")
    return FAILED if passed < len(results) else 0


COMMANDS = (lint, test)
