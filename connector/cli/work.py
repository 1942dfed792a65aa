"""What the commands share: configuration and store when they are asked for, and a plain end whatever happens."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import ParamSpec

import click

from connector import config as configuration
from connector import logs, terminal
from connector.config import Config
from connector.errors import ConfigError, ConnectorError
from connector.findings import Finding
from connector.store.open import open_store
from connector.store.poison import describe
from connector.store.session import Store

P = ParamSpec("P")
FAILED = 1


@dataclass
class Work:
    """What most commands need, opened when it is asked for."""

    path: Path

    @cached_property
    def config(self) -> Config:
        loaded = configuration.load(self.path)
        logs.set_up(style=loaded.log.format, level=loaded.log.level)
        return loaded

    @cached_property
    def store(self) -> Store:
        return open_store(self.config)

    @cached_property
    def person(self) -> str:
        """Who sits here, for what a person decides; a container's user may have no name."""
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # KeyError up to Python 3.12
            return f"user {os.getuid()}"


pass_work = click.make_pass_decorator(Work)
as_json = click.option("--json", "as_json", is_flag=True, help="JSON lines in place of a table.")


def plainly(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turn whatever happens into one clear message and an exit code; never a traceback, which may show a value."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ConnectorError as error:
            terminal.complain(_fault(error) if isinstance(error, ConfigError) else f"error: {error}")
            code = error.exit_code
        except BrokenPipeError:
            code = _nobody_reads()
        except KeyboardInterrupt:
            terminal.complain("interrupted")
            code = FAILED
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as unknown:
            terminal.complain(f"error: {describe(unknown)} (connector.unexpected)\n  please report this line")
            code = FAILED
        sys.exit(code or 0)

    return run


def _fault(error: ConfigError) -> str:
    """All of its findings, with their paths as lint says them."""
    return "\n".join(str(placed_here(one)) for one in error.findings) or str(error)


def from_here(path: str) -> str:
    """From the current folder, where the file lies below it: short, and what GitHub needs."""
    whole, here = Path(path).absolute(), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else path


def placed_here(finding: Finding) -> Finding:
    return finding.model_copy(update={"path": from_here(finding.path)})


def nobody_to_wait_for(*, wait: bool) -> int:
    """What was asked for stays asked for; whoever wanted to wait until it is done learns that it is not."""
    terminal.complain("no daemon is running: `pars-connector once` does it")
    return FAILED if wait else 0


def _nobody_reads() -> int:
    """`| head` has seen enough: what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
