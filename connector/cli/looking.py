"""The commands that look and change nothing: check, explain, records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from connector import terminal
from connector.cli import probing
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import check as checks
from connector.inquiry import explain as stories
from connector.inquiry import lateness, ledger, listing
from connector.inquiry.story import Line
from connector.store.states import State

_FOLDER = click.Path(path_type=Path, file_okay=False)
_COLUMNS = (
    "credit", "learner", "activity", "completed", "credit type", "amount", "state", "reason", "PARS", "who acts",
)  # fmt: skip


@click.command()
@click.option("--lrs", "names", flag_value="lrs", multiple=True, help="Only the LRSs.")
@click.option("--moodle", "names", flag_value="moodle", multiple=True, help="Only the Moodle sites.")
@click.option("--pars", "names", flag_value="pars", multiple=True, help="Only PARS: the contract probe.")
@click.option("--learners", "names", flag_value="learners", multiple=True, help="Only the learner sources.")
@click.option("--mappings", "names", flag_value="mappings", multiple=True, help="Only the mapping files.")
@click.option("--activities", "names", flag_value="activities", multiple=True, help="Only the activity sheets.")
@click.option("--notices", "names", flag_value="notices", multiple=True, help="Only the addresses of notices.")
@click.option("--ledger", "names", flag_value="ledger", multiple=True, help="Only the sums of the store.")
@click.option("--record", type=_FOLDER, help="With --pars: keep what is asked and answered, without secrets.")
@click.option("--replay", type=_FOLDER, help="With --pars: judge a recording in place of asking.")
@click.option(
    "--all-test-learners", "everybody", is_flag=True, help="With --pars: match, save, status, delete of each."
)
@click.option("--activity", default="", help="For --all-test-learners: what is reported; else an open one.")
@click.option("--provider", "wanted", default="", help="Whose recording or test learners.")
@as_json
@pass_work
@plainly
def check(
    work: Work,
    names: tuple[str, ...],
    record: Path | None,
    replay: Path | None,
    activity: str,
    wanted: str,
    *,
    everybody: bool,
    as_json: bool,
) -> int:
    """Check everything: rules, LRSs, PARS, learners, ledger.

    \b
    pars-connector check
    pars-connector check --lrs --pars
    pars-connector check --pars --record asked
    pars-connector check --pars --all-test-learners
    """
    if (record or replay or everybody) and set(names) != {"pars"}:
        raise click.UsageError("--record, --replay and --all-test-learners go with --pars alone")
    if replay:
        return probing.replay(work, wanted, replay, as_json=as_json)
    if everybody:
        return probing.everybody(work, wanted, activity, record, as_json=as_json)
    asked = set(names) or {*checks.CHECKS, "ledger"}
    known = checks.CHECKS | {"pars": partial(checks.pars, record=record)}
    with terminal.progress("checking"):
        found = [one for name, ask in known.items() if name in asked for one in ask(work.config, work.store)]
    found = [probing.placed(one, work.path) for one in found]
    sums = ledger.prove(work.store) if "ledger" in asked else []
    if as_json:
        terminal.json_lines(one.model_dump() for one in [*found, *sums])
    else:
        probing.show(found, as_json=False)
        _show_sums(sums)
    return FAILED if any(not one.good for one in found) or any(one.wrong for one in sums) else 0


def _show_sums(sums: list[ledger.Sum]) -> None:
    rows = ([one.what, str(one.count), str(one.wrong or "")] for one in sums)
    terminal.table("ledger", ["what", "count", "wrong"], rows, nothing="")


@click.command()
@click.argument("what")
@as_json
@pass_work
@plainly
def explain(work: Work, what: str, *, as_json: bool) -> int:
    """Tell the story of a statement, a learner or a credit.

    Of a file it says how the rules in the mapping folder judge the statement in it; `-` reads it from the input.

    \b
    pars-connector explain 7f8a0c5e-...         a statement's id
    pars-connector explain 17                   a credit's number, or its ccid:
    pars-connector explain learner:4            a learner's number
    pars-connector explain statement.json       a statement that nobody has stored
    """
    if what == "-" or what.endswith(".json"):
        document = _document(what)
        return _told(stories.explain_document(work.config, document), as_json=as_json)
    return tell(work, what, as_json=as_json)


def _document(path: str) -> Any:
    """The one statement of a file, alone or in a list or result of one."""
    try:
        with click.open_file(path, "rb") as file:
            found = orjson.loads(file.read())
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise click.BadParameter(f"{path} is not JSON") from None
    found = found.get("statements", found) if isinstance(found, dict) else found
    if isinstance(found, list):
        if len(found) != 1:
            raise click.BadParameter(f"{path} holds {len(found)} statements; explain takes one")
        found = found[0]
    if not isinstance(found, dict):
        raise click.BadParameter(f"{path} holds no statement")
    return found


def tell(work: Work, what: str, *, as_json: bool) -> int:
    lines = stories.explain(work.store, work.config, what)
    if not lines:
        terminal.complain(f"nothing is known of {what}: give a statement id, a credit number, or learner:NUMBER")
        return FAILED
    return _told(lines, as_json=as_json)


def _told(lines: list[Line], *, as_json: bool) -> int:
    if as_json:
        terminal.json_lines(line.model_dump() for line in lines)
    else:
        terminal.story(lines)
    return 0


@click.command()
@click.option("--learner", help="A learner's number or actor key.")
@click.option("--activity", help="An ACCME activity id.")
@click.option(
    "--state", type=click.Choice([str(state) for state in State]), metavar="STATE", help="confirmed, held, ...",
)  # fmt: skip
@click.option("--from", "begin", type=click.DateTime(["%Y-%m-%d"]), help="Completed on or after this date.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="Completed on or before this date.")
@click.option("--late", "only_late", is_flag=True, help="Only what missed a deadline, or has less than a week.")
@click.option("--xlsx", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write names and numbers here.")
@as_json
@pass_work
@plainly
def records(
    work: Work,
    learner: str | None,
    activity: str | None,
    state: str | None,
    begin: datetime | None,
    end: datetime | None,
    file: Path | None,
    *,
    only_late: bool,
    as_json: bool,
) -> None:
    """List credits with their state and PARS's word.

    The list names learners by number. With --xlsx it goes into a workbook, with their names, the numbers that they were
    reported under, and PARS's words: personal data.

    \b
    pars-connector records --activity 203512345 --from 2026-01-01
    pars-connector records --state held --json
    pars-connector records --late
    pars-connector records --learner 4 --from 2026-01-01 --xlsx learner-4.xlsx
    """
    if file is not None and as_json:
        raise click.UsageError("say one of --xlsx and --json")
    wanted = listing.Filter(learner=learner, activity=activity, state=state, begin=_day(begin), end=_day(end))
    found = listing.records(work.store, wanted)
    if only_late:
        late = lateness.late(work.store, work.config, datetime.now(UTC))
        found = [row for row in found if row.credit in late]
        if file is None:
            _show_late([(row, late[row.credit]) for row in found], as_json=as_json)
            return
    if file is None:
        show_credits(found, "records", "no credit fits", as_json=as_json)
    else:
        _write_records(work, file, found)


def _show_late(found: list[tuple[listing.Row, lateness.Late]], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(row.plain() | late.plain() for row, late in found)
        return
    rows = ([late.next, late.passed, *_cells(row)] for row, late in sorted(found, key=lambda one: one[1].order))
    terminal.table(
        "late", ("next deadline", "passed", *_COLUMNS), rows, nothing="nothing is late, or will be this week"
    )


def _write_records(work: Work, file: Path, found: list[listing.Row]) -> None:
    from connector.cli.writing import may_write, write
    from connector.inquiry import record_sheet

    may_write(file)
    with terminal.progress(f"writing {file.name}"):
        write(file, record_sheet.write(work.store, found))
    terminal.say(f"{listing.counted(len(found), 'credit', 'credits')} in {file}: personal data")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def show_credits(rows: list[listing.Row], title: str, nothing: str, *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(row.plain() for row in rows)
    else:
        terminal.table(title, _COLUMNS, map(_cells, rows), nothing=nothing)


def _cells(row: listing.Row) -> list[str]:
    numbers = [str(row.credit), str(row.learner), row.activity, str(row.completed_on), row.certification, row.amount]
    return [*numbers, row.state, row.attention or row.reason, row.pars_status, listing.who_acts(row.problems)]


COMMANDS = (check, explain, records)
