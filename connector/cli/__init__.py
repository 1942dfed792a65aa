"""The command line: `main` and what hangs below it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connector import __version__
from connector.cli import (
    comparing,
    desk,
    exporting,
    going_live,
    importing,
    learners,
    looking,
    mapping,
    planning,
    receipts,
    rehearsing,
    running,
    suggesting,
    withdrawing,
)
from connector.cli.work import Work

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config", "-c", "path", default="config.yaml", show_default=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file.",
)  # fmt: skip
@click.version_option(__version__, prog_name="pars-connector")
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """Report CME completions from Moodle or any Learning Record Store to ACCME's PARS.

    \b
    Try it without anything:      pars-connector demo
    Check a configuration:        pars-connector check
    Run it beside your LMS:       pars-connector run
    Why was this not reported?    pars-connector explain STATEMENT|CREDIT|learner:NUMBER

    Exit codes: 0 good, 1 something failed, 2 the configuration must be mended, 3 needs an operator.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter is no reason to stop
    context.obj = Work(path)


for command in (
    *running.COMMANDS,
    *looking.COMMANDS,
    *desk.COMMANDS,
    *learners.COMMANDS,
    *comparing.COMMANDS,
    *mapping.COMMANDS,
    *planning.COMMANDS,
    *suggesting.COMMANDS,
    *going_live.COMMANDS,
    *exporting.COMMANDS,
    *receipts.COMMANDS,
    *importing.COMMANDS,
    *withdrawing.COMMANDS,
    *rehearsing.COMMANDS,
):
    main.add_command(command)
