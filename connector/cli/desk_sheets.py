"""The desk in Excel: open cases as a workbook, and corrected sheets taken over."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlmodel import Session, col, select

from connector import terminal
from connector.cli.deciding import consequences
from connector.cli.wishing import PATIENCE
from connector.cli.work import FAILED, Work, as_json, from_here, nobody_to_wait_for, pass_work, plainly
from connector.cli.writing import may_write, write
from connector.desk import corrections, returned, sheet
from connector.inquiry import listing
from connector.learners import decisions
from connector.records import Actor
from connector.store.leases import is_running
from connector.store.session import Store
from connector.store.tables import Wish

_LOOK_EVERY = 0.1

a_workbook = click.Path(path_type=Path, dir_okay=False)


@click.command("export")
@click.argument("file", type=a_workbook)
@click.option("--activity", help="Only the cases of this ACCME activity id.")
@click.option("--learner", help="Only those of one learner: his number or an actor key.")
@click.option("--who", type=click.Choice([str(who) for who in Actor]), metavar="WHO", help="Only those for WHO to act.")
@pass_work
@plainly
def unmatched_export(work: Work, file: Path, activity: str | None, learner: str | None, who: str | None) -> None:
    """Write the open cases as a workbook for Excel.

    One row a learner, with today's values in yellow cells to be corrected; what no cell mends stands on a second
    sheet. FILE ends in .xlsx and is readable by you alone: it holds names and numbers.

    \b
    pars-connector unmatched export cases.xlsx
    pars-connector unmatched export cases.xlsx --who coordinator --activity 203512345
    """
    may_write(file)
    with work.store.reading() as session:
        wanted = sheet.Wanted(activity=activity, learner=_number(session, learner), who=who)
    with terminal.progress(f"writing {file.name}"):
        content = sheet.write(work.store, work.config, now=datetime.now(UTC), wanted=wanted)
        write(file, content)
    terminal.say(f"the open cases stand in {file}: personal data")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
@click.option("--wait", is_flag=True, help="Stay until all of it is done, at most a minute.")
@as_json
@pass_work
@plainly
def unmatched_import(work: Work, file: Path, *, dry_run: bool, wait: bool, as_json: bool) -> int:
    """Take over what was corrected in an exported sheet.

    FILE is .xlsx, or .csv saved from it. Each cell that differs from what stands here today is a correction, as with
    `unmatched fix`. A row with a cell that cannot be taken is refused and named; the others are taken all the same.

    \b
    pars-connector unmatched import cases.xlsx --dry-run
    pars-connector unmatched import cases.xlsx
    """
    with terminal.progress(f"reading {file.name}"):
        rows = returned.read_back(file)
        if dry_run:
            with work.store.reading() as session:
                found = returned.judge(session, rows, work.config.learners.earning)
        else:
            now, earning = datetime.now(UTC), work.config.learners.earning
            found = returned.take_over(work.store, rows, by=work.person, now=now, earning=earning)
    _show(found, as_json=as_json)
    for one in found.corrections:
        for warning in consequences({name: value for ask in one.asks for name, value in ask.items()}, work.config):
            terminal.complain(f"row {one.row.line}: {warning}")
    code = FAILED if found.refused else 0
    if dry_run or not found.wishes:
        if not as_json:
            terminal.say("nothing was changed")
        return code
    if not is_running(work.store):
        return nobody_to_wait_for(wait=wait) or code
    terminal.complain("the daemon does it with its next turn")
    return (_until_done(work.store, found.wishes) if wait else 0) or code


def _number(session: Session, learner: str | None) -> int | None:
    if learner is None:
        return None
    found = listing.find_learner(session, learner)
    if found is None:
        raise click.BadParameter("no learner has this number or actor key")
    return found.id


def _show(found: returned.Judged, *, as_json: bool) -> None:
    """Rows, learners by number and fields; never a value."""
    if as_json:
        corrected = [{"row": one.row.line, "learner": one.learner, "fields": one.fields} for one in found.corrections]
        terminal.json_lines(corrected)
        terminal.json_lines({"refused": one.model_dump()} for one in found.findings)
        counts = {"corrected": len(corrected), "unchanged": found.unchanged, "refused": len(found.refused)}
        terminal.json_lines([{"rows": counts}])
        return
    rows = [[str(one.row.line), str(one.learner), ", ".join(_columns(one.fields))] for one in found.corrections]
    terminal.table("corrections", ["row", "learner", "columns"], rows, nothing="")
    for finding in found.findings:
        terminal.complain(str(finding.model_copy(update={"path": from_here(finding.path)})))
    terminal.say(f"{len(rows)} rows correct a learner, {found.unchanged} change nothing, {len(found.refused)} refused")


def _columns(fields: Iterable[str]) -> list[str]:
    """As the sheet calls them."""
    return list(dict.fromkeys(corrections.column(name) for name in fields))


def _until_done(store: Store, numbers: list[int]) -> int:
    ends = time.monotonic() + PATIENCE
    with terminal.progress("waiting for the daemon's turn"):
        while (results := _results(store, numbers)) is None and time.monotonic() < ends:
            time.sleep(_LOOK_EVERY)
    if results is None:
        terminal.complain("not all of it is done within a minute; it stays asked for")
        return FAILED
    done = sum(result in (decisions.DONE, decisions.GONE) for result in results)
    terminal.complain(f"done: {done} of {len(results)}" + ("" if done == len(results) else "; the log says more"))
    return 0 if done == len(results) else FAILED


def _results(store: Store, numbers: list[int]) -> list[str] | None:
    """None while one of them waits."""
    with store.reading() as session:
        rows = session.exec(select(Wish).where(col(Wish.id).in_(numbers))).all()
    return None if any(row.done_at is None for row in rows) else [row.result for row in rows]


COMMANDS = (unmatched_export, unmatched_import)
