"""How things look on a terminal: tables, stories and progress for people, JSON lines for programs. Knows no command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from connector.inquiry.explain import Line


def console(*, error: bool = False) -> Console:
    """Made when it is used, so that a redirected stream is honoured; no colour in a file."""
    return Console(stderr=error, highlight=False, soft_wrap=not sys.stdout.isatty())


def json_lines(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        print(orjson.dumps(row).decode())  # noqa: T201 - standard output is this module's work


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, nothing: str) -> None:
    """A table, or the sentence `nothing` when there are no rows."""
    listed = list(rows)
    if not listed:
        console().print(nothing)
        return
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in listed:
        drawn.add_row(*row)
    console().print(drawn)


def story(lines: Iterable[Line]) -> None:
    """An explanation, indented, with its moments in front."""
    out = console()
    for line in lines:
        at = f"{line.at}  " if line.at else ""
        out.print("  " * line.depth + at + line.text, markup=False)


def say(text: str) -> None:
    console().print(text, markup=False)


def complain(text: str) -> None:
    console(error=True).print(text, markup=False)
