"""First contact with PARS: recordings judged again, and ACCME's test learners."""

from __future__ import annotations

from pathlib import Path

import click

from connector import terminal
from connector.cli.importing import provider_of
from connector.cli.work import FAILED, Work, as_json, pass_work, plainly
from connector.inquiry import acceptance, acceptance_learners, contract
from connector.inquiry import check as checks
from connector.inquiry.check import Checked
from connector.inquiry.listing import counted


def placed(found: Checked, path: Path) -> Checked:
    """With the line of config.yaml that overrides the entry it is about."""
    where = contract.place(path, found.facts["loc"]) if found.facts.get("loc") else ""
    return found.model_copy(update={"message": f"{where}: {found.message}"}) if where else found


def show(found: list[Checked], *, as_json: bool) -> int:
    if as_json:
        terminal.json_lines(one.model_dump() for one in found)
    else:
        rows = ([one.what, "good" if one.good else one.code, _words(one)] for one in found)
        terminal.table("", ["check", "result", ""], rows, nothing="")
    return FAILED if any(not one.good for one in found) else 0


def _words(one: Checked) -> str:
    return "\n".join(text for text in (one.message, one.hint) if text)


def replay(work: Work, wanted: str, folder: Path, *, as_json: bool) -> int:
    provider = provider_of(work.config, wanted)
    kind = provider.service
    if kind is None:
        raise click.UsageError("a provider without a web service has no recording")
    compared = contract.replay(work.config, provider, kind, folder)
    found = [placed(one, work.path) for one in checks.compared(f"recording {folder.name}", compared)]
    good = Checked(what=f"recording {folder.name}", good=True, message="is read as the wire table says")
    return show([one for one in found if not one.good] or [good], as_json=as_json)


def everybody(work: Work, wanted: str, activity: str, record: Path | None, *, as_json: bool) -> int:
    provider = provider_of(work.config, wanted)
    with terminal.progress("trying test learners") as tell:
        rounds = list(acceptance.run(work.store, work.config, provider, activity, tell, record))
    if as_json:
        terminal.json_lines(one.model_dump() for one in rounds)
    else:
        rows = ([str(one.number), one.step or "good", one.code, one.message] for one in rounds)
        terminal.table("test learners", ["number", "ended at", "code", ""], rows, nothing="")
    return FAILED if any(one.step for one in rounds) else 0


@click.command("import")
@click.option(
    "--test-learners", "file", required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="ACCME's invented learners, .xlsx or .csv.",
)  # fmt: skip
@click.option("--provider", "wanted", default="", help="Whose; needed where there are several.")
@click.option("--sheet", default="", help="The workbook's sheet; usually the first with the columns.")
@as_json
@pass_work
@plainly
def learners_import(work: Work, file: Path, wanted: str, sheet: str, *, as_json: bool) -> None:
    """Take in ACCME's test learners.

    They are of use where `environment` is test, and nowhere else. A second import takes the place of the first.

    \b
    pars-connector learners import --test-learners test-learners.xlsx
    pars-connector check --pars --all-test-learners
    """
    provider = provider_of(work.config, wanted)
    count = acceptance_learners.load(work.store, provider, file, sheet)
    if as_json:
        terminal.json_lines([{"test_learners": count}])
    else:
        terminal.say(counted(count, "test learner", "test learners"))
