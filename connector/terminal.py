"""How things look: tables, stories and progress for people, no frames in a pipe, JSON lines for programs.

Knows no command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connector.inquiry.story import Line


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
    """A table, or the sentence `nothing` when there are no rows; without a frame in a pipe.

    A cell's second line stands below its first.
    """
    listed = [list(row) for row in rows]
    if not listed:
        if nothing:
            say(nothing)
    elif sys.stdout.isatty():
        _draw(title, columns, listed)
    else:
        _align([list(columns), *listed])


def _align(rows: Sequence[Sequence[str]]) -> None:
    lines = [line for row in rows for line in zip_longest(*(cell.split("\n") for cell in row), fillvalue="")]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _draw(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """With a frame, without one, or one paragraph a row: never so narrow that a date or a code is cut in two."""
    console = _console()
    needed = [min(_LONGEST, max(map(_longest_word, cells))) for cells in zip(columns, *rows, strict=True)]
    framed = sum(needed) + 3 * len(needed) + 1 <= console.width
    if not framed and sum(needed) + 2 * len(needed) > console.width:
        _stack(title, columns, rows, console.width)
        return
    look = Table(title=title, title_justify="left", header_style="bold", box=box.HEAVY_HEAD if framed else None)
    most = [max(map(_longest_line, cells)) for cells in zip(columns, *rows, strict=True)]
    room = console.width - (3 * len(needed) + 1 if framed else 2 * len(needed))
    for column, width in zip(columns, _widths(needed, most, room), strict=True):
        look.add_column(column, overflow="fold", width=width)
    for row in rows:
        look.add_row(*row)
    console.print(look)


_LONGEST = 30  # of a word that is kept in one piece; an address may be longer


def _widths(needed: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """What each column needs, and a fair share of the rest of the room for whoever can use it.

    >>> _widths([6, 4, 8], [6, 90, 20], 50)
    [6, 24, 20]
    """
    widths, spare = list(needed), room - sum(needed)
    hungry = sorted((place for place in range(len(widths)) if most[place] > needed[place]), key=lambda at: most[at])
    for done, place in enumerate(hungry):
        more = min(most[place] - widths[place], spare // (len(hungry) - done))
        widths[place] += more
        spare -= more
    return widths


def _longest_line(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _longest_word(cell: str) -> int:
    return max(map(len, cell.split()), default=0)


def _stack(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> None:
    if title:
        say(title)
    for row in rows:
        line = ""
        for said in (
            f"{column} {cell}".strip().replace("\n", "; ") for column, cell in zip(columns, row, strict=True) if cell
        ):
            if line and len(line) + 2 + len(said) > width:
                say(line)
                line = "  "
            line += said if not line.strip() else f"  {said}"
        say(line)


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
