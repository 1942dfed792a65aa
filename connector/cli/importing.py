"""The commands that take sheets in: what PARS has already, and who signed in on a live day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from connector import terminal
from connector.cli.work import Work, as_json, pass_work, plainly
from connector.config import SHEET, Config, ProviderConfig
from connector.store.leases import is_running

C = TypeVar("C", bound=Callable[..., Any])

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_PROVIDER = click.option("--provider", "provider_id", default="", help="Whose sheet it is, where there are several.")
_SHEET = click.option("--sheet", default="", help="The workbook's sheet; else the first one with the header.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")


def _importing(command: C) -> C:
    """What both commands share."""
    for option in (_YES, _DRY, _SHEET, _PROVIDER, _FILE):
        command = option(command)
    return command


@click.group()
def baseline() -> None:
    """What PARS was told by spreadsheet before the connector.

    \b
    pars-connector baseline import learners.xlsx --dry-run
    """


@baseline.command("import")
@_importing
@as_json
@pass_work
@plainly
def baseline_import(
    work: Work, file: Path, provider_id: str, sheet: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Mark what the sheet reports as reported elsewhere.

    It is never sent again then.

    FILE is PARS's Download All Learners, or a learner sheet that you uploaded to PARS, .xlsx or .csv.

    \b
    pars-connector baseline import learners.xlsx --dry-run
    """
    from connector.pars import learner_sheet
    from connector.validation import baseline_import as room

    provider = provider_of(work.config, provider_id)
    now = datetime.now(UTC)
    with terminal.progress(f"reading {file.name}") as tell:
        reports = learner_sheet.read(file, today=now.astimezone(ZoneInfo(provider.zone)).date(), sheet=sheet)
        tell("comparing with our awards")

        take_over = partial(room.take_over, work.store, provider.id, file, reports, now=now, by=work.person)
        planned = take_over(dry_run=True)
    lines = {
        "not_held": reports.not_held,
        "nothing": reports.nothing,
        "taken_back": reports.taken_back,
        "deletes_nothing": reports.deletes_nothing,
    }
    _show_baseline(planned, lines, reports.ignored, as_json=as_json)
    if dry_run or not planned.changes:
        _say("nothing was changed", as_json=as_json)
        return
    _ask(f"take over {planned.counts['reported']} reports into the store?", yes=yes)
    with terminal.progress("writing"):
        done = take_over(dry_run=False)
    _say_done(+done.counts, as_json=as_json)


def _show_baseline(planned: Any, lines: dict[str, list[int]], ignored: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump(mode="json") for one in planned.listed)
        terminal.json_lines([{"planned": dict(+planned.counts), **lines, "ignored_columns": list(ignored)}])
        return
    if ignored:
        terminal.say("columns that are not read: " + ", ".join(ignored))
    columns = ["row", "credit", "activity", "completed", "credit type", "state", "what"]
    rows = (
        [one.row, str(one.credit or "-"), one.activity, str(one.completed_on), one.certification, one.state, one.what]
        for one in planned.listed
    )
    terminal.table("matches", columns, rows, nothing="no credit of ours is in this sheet")
    counted = [[_WORDS[what], str(count), ""] for what, count in planned.counts.items() if count]
    counted += [[_WORDS[what], str(len(found)), _numbers(found)] for what, found in lines.items() if found]
    terminal.table("", ["what", "count", "rows"], counted, nothing="")


_WORDS = {
    "reported": "reports that are new",
    "known": "reports that are known already, or stand twice",
    "closed": "credits that are never sent",
    "closed_other_date": "credits that are never sent, their date being another",
    "closed_before": "credits closed by an earlier import",
    "sent_too": "credits sent by us that are in the sheet too",
    "refused_by_pars": "credits that PARS refused, closed once they are corrected",
    "unclear": "credits that a person compares",
    "ours": "reports that are our own, in PARS by us: not kept",
    "gone": "earlier reports that the sheet takes back",
    "freed": "credits that go back to their gates, nothing reporting them any more",
    "earlier": "reports of an earlier import of this file, still in force though it has them no more",
    "not_held": "rows that PARS does not hold, by their status",
    "nothing": "rows with neither CME nor a board",
    "taken_back": "rows that delete an earlier one",
    "deletes_nothing": "rows to delete without an earlier one",
}
_MOST_NUMBERS = 20


def _numbers(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:_MOST_NUMBERS]))
    return f"{shown}, ..." if len(lines) > _MOST_NUMBERS else shown


@click.group()
def completions() -> None:
    """Completions that no LRS told: the sheet of a live day.

    \b
    pars-connector completions import sign-in.xlsx --dry-run
    """


@completions.command("import")
@_importing
@click.option("--verb", default="", help="The statements' verb, an IRI; else attended.")
@click.option("--object", "activity_url", default="", help="The object of all rows that name no activity_url.")
@click.option("--overrule", is_flag=True, help="Rows that another sheet corrected since stand again as in this one.")
@as_json
@pass_work
@plainly
def completions_import(
    work: Work,
    file: Path,
    provider_id: str,
    sheet: str,
    verb: str,
    activity_url: str,
    *,
    overrule: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Write one statement for each row of a sheet.

    It then takes the path of every other: rules, learners, gates.

    Nothing is written while a single cell is wrong or no rule takes a row.

    \b
    pars-connector completions import sign-in.xlsx --object https://cme.example.edu/live/2026-spring --dry-run
    """
    from connector.collection import own as statements
    from connector.collection import sign_in_sheet
    from connector.inquiry import claims
    from connector.lrs import own
    from connector.sheets.rows import refuse_all

    if verb and ":" not in verb:
        raise click.UsageError("--verb is an IRI such as http://adlnet.gov/expapi/verbs/completed")
    provider = provider_of(work.config, provider_id)
    asked = sign_in_sheet.Asked(ZoneInfo(provider.zone), verb or own.ATTENDED, activity_url)
    with terminal.progress(f"reading {file.name}"):
        signed = sign_in_sheet.read(file, asked, now=datetime.now(UTC), sheet=sheet)
        found, findings = claims.judge(work.store, work.config, signed)
    refuse_all(findings)
    _show_claims(found, as_json=as_json)
    by_row = {one.row.line: one.raw for one in signed}
    raws, stale, taken_back = _corrected(work, by_row, overrule=overrule, as_json=as_json)
    if dry_run or not signed:
        _say("nothing was changed", as_json=as_json)
        return
    also = f" and take {len(taken_back)} back" if taken_back else ""
    _ask(f"write {len(signed)} statements into the store{also}?", yes=yes)
    with terminal.progress("writing"):
        counts = statements.keep(work.store, SHEET, [*raws, *taken_back])
    _say_done(+counts | ({"stay_corrected": stale} if stale else {}), as_json=as_json)
    running = is_running(work.store)
    _say(
        "the daemon takes them up" if running else "no daemon is running: `run` or `once` takes them up",
        as_json=as_json,
    )


def _show_claims(found: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(one.model_dump() for one in found)
        return
    rows = ([one.rule, one.activity, one.completed_on, str(one.rows)] for one in found)
    terminal.table("", ["rule", "activity", "completed", "rows"], rows, nothing="the sheet has no rows")


def _corrected(
    work: Work, signed: dict[int, bytes], *, overrule: bool, as_json: bool
) -> tuple[list[bytes], int, list[bytes]]:
    """By row: the statements to keep, how many stay corrected, and what takes earlier ones back; said aloud."""
    from connector.collection import corrections

    raws, stale = corrections.newest(work.store, list(signed.values()), overrule=overrule)
    if stale:
        _say(f"corrected by another sheet since, and so they stay without --overrule: {stale} rows", as_json=as_json)
    now = datetime.now(UTC)
    voids = {row: corrections.voids(work.store, [raw], now=now) for row, raw in zip(signed, raws, strict=True)}
    _show_corrected([row for row, found in voids.items() if found], as_json=as_json)
    return raws, stale, [void for found in voids.values() for void in found]


def _show_corrected(lines: list[int], *, as_json: bool) -> None:
    if as_json and lines:
        terminal.json_lines([{"corrects": lines}])
    elif lines:
        terminal.say(f"rows that correct earlier ones, which then no longer stand: {_numbers(lines)}")


def provider_of(config: Config, wanted: str) -> ProviderConfig:
    ids = [provider.id for provider in config.providers]
    if not wanted and len(ids) > 1:
        raise click.UsageError("name the provider: --provider " + "|".join(ids))
    if wanted and wanted not in ids:
        raise click.UsageError("config.yaml has no such provider: one of " + ", ".join(ids))
    return config.provider(wanted or ids[0])


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        terminal.say(text)


def _say_done(counts: Any, *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines([{"done": dict(counts)}])
    else:
        terminal.say(
            "done: " + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count)
        )


COMMANDS = (baseline, completions)
