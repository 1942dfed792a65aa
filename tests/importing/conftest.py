"""A provider's folder with its store, fresh for each test, and the commands on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector import logs
from connector.cli import importing
from connector.cli.work import Work
from tests.learners.middle import Middle, laid_out

Call = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Middle]:
    laid = laid_out(tmp_path)
    yield laid
    laid.store.dispose()


@pytest.fixture
def call(place: Middle) -> Call:
    """`call("baseline", "import", ...)`: a command of the importing group on the place's store, at its time."""
    logs.set_up(style="json", level="info")
    commands = {command.name: command for command in importing.COMMANDS}

    def run(name: str, *arguments: str, answer: str | None = None) -> Result:
        work = Work(place.folder / "config.yaml")
        work.__dict__.update(config=place.config, store=place.store)
        with place.at():
            return CliRunner().invoke(commands[name], list(arguments), obj=work, input=answer)

    return run
