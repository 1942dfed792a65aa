"""The command that writes the files for a person to upload, and takes them back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from connector import activities, channels, terminal
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.config import BATCHES, BatchKind, ProviderConfig
from connector.inquiry import exports
from connector.inquiry.listing import counted
from connector.store.tables import ExportFile
from connector.submission import batch_file, undoing

_COLUMNS = ("file", "receipt", "name", "does", "content", "credits", "written", "state")
_A_FILE = click.IntRange(1, 2**63 - 1)


@click.command()
@click.argument("channel", type=click.Choice(BATCHES))
@click.option("--provider", "wanted", help="Whose; needed where several have files to write.")
@click.option("--old", is_flag=True, help="Also what may have been reported before; it asks first.")
@click.option("--list", "only_list", is_flag=True, help="Only list the files written so far.")
@click.option("--again", type=_A_FILE, metavar="FILE", help="Write this file once more, the same bytes.")
@click.option("--undo", type=_A_FILE, metavar="FILE", help="This file was not uploaded, and will not be.")
@click.option("--yes", is_flag=True, help="Without the question.")
@as_json
@pass_work
@plainly
def export(
    work: Work,
    channel: BatchKind,
    wanted: str | None,
    again: int | None,
    undo: int | None,
    *,
    old: bool,
    only_list: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Write the files that a person uploads to PARS.

    Everything that is ready goes into files, additions and deletions apart, REMS apart. Upload them in their order;
    what PARS gives back is read by `import-receipt`, and until then the credits are `exported`.

    \b
    pars-connector export excel-batch
    pars-connector export excel-batch --list
    pars-connector export xml-batch --again 3       the same bytes once more
    pars-connector export xml-batch --undo 3        it was not uploaded
    """
    if sum((only_list, again is not None, undo is not None)) > 1:
        raise click.UsageError("say one of --list, --again and --undo")
    provider = _provider(work, wanted, channel)
    if only_list:
        _show(exports.files(work.store, provider.id, channel), as_json=as_json)
        return 0
    if undo is not None:
        return _undo(work, exports.one(work.store, provider.id, channel, undo), yes=yes)
    if again is not None:
        file = exports.one(work.store, provider.id, channel, again)
        if file.undone_at is not None:
            terminal.complain(f"file {again} is undone: what stood in it leaves with another file")
            return FAILED
        terminal.say(str(batch_file.write(work.store, provider, file.id)))
        return 0
    return _export(work, provider, channel, old=old, yes=yes, as_json=as_json)


def _provider(work: Work, wanted: str | None, channel: BatchKind) -> ProviderConfig:
    known = {provider.id: provider for provider in work.config.providers}
    if wanted is None:
        mine = [one for one in known.values() if one.channel == channel] or list(known.values())
        if len(mine) > 1:
            raise click.UsageError(f"whose files? Name one with --provider: {', '.join(one.id for one in mine)}")
        return mine[0]
    if wanted not in known:
        raise click.BadParameter(f"no such provider; there are {', '.join(known)}", param_hint="--provider")
    return known[wanted]


def _export(work: Work, provider: ProviderConfig, channel: BatchKind, *, old: bool, yes: bool, as_json: bool) -> int:
    activities.load(work.config, work.store)
    row = channels.row_of(work.store, provider, channel)
    waits = batch_file.old_records(work.store, work.config, provider, row.id) if provider.channel == channel else []
    if old and waits and not yes:
        terminal.complain(_of_old(waits))
        click.confirm("PARS does not have them, and they may leave?", abort=True, err=True)
    with terminal.progress("writing files") as tell:
        turn = batch_file.Turn(work.store, work.config, provider, channel, row, old, work.person, tell)
        made = batch_file.export(turn)
    _show([file for file in exports.files(work.store, provider.id, channel) if file.id in made], as_json=as_json)
    if made:
        terminal.complain(
            f"in {provider.exports}: upload them in this order; `import-receipt` reads what PARS gives back"
        )
    if provider.send == "off":
        terminal.complain("the provider's `send` is off: nothing is exported")
    if waits and not old:
        terminal.complain(f"{_of_old(waits)}; `--old` writes them too")
    return 0


def _of_old(waits: list[int]) -> str:
    some = ", ".join(map(str, waits[:10])) + (", ..." if len(waits) > 10 else "")
    what = counted(len(waits), "credit", "credits")
    return f"{what} may have been reported before, and PARS cannot be asked over this channel: {some}"


def _undo(work: Work, file: ExportFile, *, yes: bool) -> int:
    with work.store.reading() as session:
        if error := undoing.refusal(session, file):
            raise error
    if not yes:
        click.confirm(f"{file.name} was not uploaded, and nobody will upload it?", abort=True)
    now = datetime.now(UTC)
    with work.store.writing() as session:
        count = undoing.undo(session, session.get_one(ExportFile, file.id), by=work.person, now=now)
    terminal.say(f"{counted(count, 'credit waits', 'credits wait')} for another file; delete {file.name}")
    return 0


def _show(files: Iterable[exports.File], *, as_json: bool) -> None:
    if as_json:
        terminal.json_lines(file.plain() for file in files)
        return
    terminal.table("files", _COLUMNS, map(_cells, files), nothing="nothing is ready for a file")


def _cells(file: exports.File) -> list[Any]:
    written = file.written_at.isoformat(sep=" ", timespec="minutes") if file.written_at else "no: write it with --again"
    return [str(file.id), file.receipt, file.name, file.action, file.content, str(file.credits), written, file.state]


COMMANDS = (export,)
