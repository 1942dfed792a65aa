"""Workbooks that commands write: never over one that is there, and readable by their owner alone."""

from __future__ import annotations

from pathlib import Path

import click

from connector.sheets.writing import save


def may_write(file: Path) -> None:
    """Raises a usage error before anything is asked: somebody's corrections may stand in a file that is there."""
    if file.suffix.lower() != ".xlsx":
        raise click.BadParameter("the file's name must end in .xlsx")
    if file.exists():
        raise click.BadParameter(f"{file} is there already: name another file, or remove it")


def write(file: Path, content: bytes) -> None:
    try:
        save(file, content)
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be written: {error.strerror}") from None
