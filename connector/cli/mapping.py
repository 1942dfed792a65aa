"""The commands for whoever writes rules: lint and test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from connector import terminal
from connector.cli.testing import test
from connector.cli.work import Work, from_here, pass_work, placed_here, plainly
from connector.errors import ConfigError
from connector.findings import Finding
from connector.inquiry.listing import counted

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "style", default="text", show_default=True, type=click.Choice(["text", "json", "github"]))
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@pass_work
@plainly
def lint(work: Work, folder: Path | None, style: str, *, strict: bool) -> int:
    """Check the mapping files; findings have file:line:column.

    They are compared with config.yaml and the providers' activity sheets;
    a folder that is named is checked without them.

    \b
    pars-connector lint
    pars-connector lint mappings --strict       a repository of rules, without a configuration
    pars-connector lint --format github         annotations of a pull request
    """
    from connector.inquiry import linting

    place = work.config.mappings if folder is None else folder
    with terminal.progress("reading the rules"):
        found = [placed_here(one) for one in linting.findings(place, work.config if folder is None else None)]
    _show(found, style)
    errors, warnings = (sum(one.level == level for one in found) for level in ("error", "warning"))
    if style == "text":
        counts = f"{counted(errors, 'error', 'errors')}, {counted(warnings, 'warning', 'warnings')}"
        terminal.say(f"{counts} in {from_here(str(place))}")
    return ConfigError.exit_code if errors or (strict and warnings) else 0


def _show(found: Sequence[Finding], style: str) -> None:
    if style == "json":
        terminal.json_lines(one.model_dump() for one in found)
    for one in found if style != "json" else []:
        terminal.say(str(one) if style == "text" else _annotation(one))


def _annotation(finding: Finding) -> str:
    """A workflow command of GitHub's, whose texts are escaped in its way."""
    level = finding.level.replace("info", "notice")
    line, column = finding.line or 1, finding.column or 1
    file, title = finding.path.translate(_PROPERTY), finding.code.translate(_PROPERTY)
    said = "\n".join(text for text in (finding.message, finding.hint) if text).translate(_DATA)
    return f"::{level} file={file},line={line},col={column},title={title}::{said}"


COMMANDS = (lint, test)
