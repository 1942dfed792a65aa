"""The command that reads what PARS gives back of uploaded files, and the exports of its screens."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from connector import terminal
from connector.cli.importing import provider_of
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry.listing import counted

if TYPE_CHECKING:
    from connector.reconciliation.receipts import Imported

_WORDS = {
    "settled": "rows that settled a credit",
    "unchanged": "rows that say nothing new",
    "nobody": "rows of which no credit of ours is known",
    "several": "rows that fit more than one award: nothing was guessed",
    "contradicting": "rows that contradict another, or what we know",
}
_LISTED = ("nobody", "several", "contradicting")


@click.command("import-receipt")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--provider", "wanted", default="", help="Whose; needed where there are several.")
@click.option("--sheet", default="", help="The workbook's sheet; usually the first with the columns.")
@click.option("--dry-run", is_flag=True, help="Say what it would settle, and change nothing.")
@as_json
@pass_work
@plainly
def import_receipt(work: Work, file: Path, wanted: str, sheet: str, *, dry_run: bool, as_json: bool) -> int:
    """Take over what PARS says in a file: XLSX, CSV or XML.

    It may be the result of an upload, a status export, or Download All Learners. Each row goes to its credit; one that
    fits two is listed and changes nothing. The same file a second time changes nothing either.

    \b
    pars-connector import-receipt result.xlsx --dry-run
    pars-connector import-receipt "Download All Learners.xlsx"
    """
    from connector.pars import receipts as files
    from connector.reconciliation import receipts

    provider = provider_of(work.config, wanted)
    tables, now = work.config.tables(provider), datetime.now(UTC)
    with terminal.progress(f"reading {file.name}") as tell:
        receipt = files.read(file, tables, today=now.astimezone(ZoneInfo(provider.zone)).date(), sheet=sheet)
        if dry_run:
            done = receipts.plan(work.store, provider.id, receipt, tables)
        else:
            hash_ = receipts.digest(file)
            done = receipts.take(work.store, provider.id, receipt, tables, hash_, by=work.person, now=now, tell=tell)
    if done.earlier is not None:
        terminal.complain(f"this file was imported on {done.earlier:%Y-%m-%d %H:%M} UTC: nothing was changed")
        return 0
    _show(done, receipt.ignored, as_json=as_json)
    if dry_run:
        terminal.complain("nothing was changed")
    return FAILED if any(done.counts[how] for how in ("several", "contradicting")) else 0


def _show(done: Imported, ignored: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump(mode="json") for one in done.told)
        terminal.json_lines([{"counts": dict(done.counts), "missing": done.missing, "ignored_columns": list(ignored)}])
        return
    if ignored:
        terminal.complain("columns that are not read: " + ", ".join(ignored))
    listed = [one for one in done.told if one.how in _LISTED]
    rows = ([str(one.line), str(one.credit or "-"), _WORDS[one.how]] for one in listed)
    if listed:
        terminal.table("look at these", ("row", "credit", "why"), rows, nothing="")
    counts = ([_WORDS[how], str(count)] for how, count in sorted(done.counts.items()))
    terminal.table("", ("what", "rows"), counts, nothing="the file has no row")
    for number, left in done.missing.items():
        terminal.complain(f"{counted(left, 'credit', 'credits')} of file {number} have no row here: still `exported`")


COMMANDS = (import_receipt,)
