"""How things look: tables, stories and progress for people, plain lines in a pipe, JSON lines for programs.

Knows no command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connector.inquiry.explain import Line


def say(text: str) -> None:
    """One line as it is, never cut or decorated: a `:100:` in a path is no emoji."""
    click.echo(text)


def complain(text: str) -> None:
    click.echo(text, err=True)


def json_lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        click.echo(orjson.dumps(row).decode())


def story(lines: Iterable[Line]) -> None:
    """An explanation, indented, with its moments in front."""
    for line in lines:
        at = f"{line.at}  " if line.at else ""
        say("  " * line.depth + at + line.text)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, nothing: str) -> None:
    """A table, or the sentence `nothing` when there are no rows; in a pipe one whole line a row."""
    listed = [list(row) for row in rows]
    if not listed:
        if nothing:
            say(nothing)
    elif sys.stdout.isatty():
        _draw(title, columns, listed)
    else:
        _align([list(columns), *([cell.replace("\n", "; ") for cell in row] for row in listed)])


def _align(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _draw(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    _console().print(drawn)


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner with the time it takes, where somebody looks; what it yields changes its text."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=_console(error=True), transient=True) as shown:
        task = shown.add_task(text, total=None)
        yield lambda said: shown.update(task, description=said)


def _console(*, error: bool = False) -> Console:
    """Made when it is used, so that a redirected stream is honoured."""
    return Console(stderr=error, highlight=False, markup=False, emoji=False)
